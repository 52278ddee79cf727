/**
 * What a feature is to the rest of the house: one row.  core/features.c lists them; the router, the job engine and the
 * tests walk that list, nothing else wires features together.
 */
#ifndef CORE_FEATURE_H
#define CORE_FEATURE_H

#include "core/platform/config/settings.h"
#include "core/platform/connectors/connectors.h"
#include "core/platform/db/db.h"
#include "core/platform/http/http.h"
#include "core/platform/jobs/jobs.h"
#include "core/platform/resource/declare.h"
#include "core/platform/sealing/sealing.h"

/** What every handler and every step may use: http_request.context and the context of job steps. */
struct core {
	const struct settings *settings;
	struct db_pool *db;
	const struct sealing *sealing; /* of every secret that is stored */
	struct connectors *connectors;
	struct jobs *jobs;
	struct http_server *http;
	struct audit *audit;
	struct statistics *statistics;
	struct presence *presence;       /* of agents: what fleet remembers */
	struct credentials *credentials; /* the same, of their certificates */
	struct access *access;
	struct errands *errands;                /* what CAs are asked beside the jobs */
	struct certctl_connector *fleet_issuer; /* signs agents' client certificates and our own */
	struct resource_services resources;     /* for the handlers of resources */
};

struct feature {
	const char *name;
	const char *about;                       /* its routes, in a sentence; NULL: it has none */
	const struct http_route *routes;         /* for operators; NULL: none */
	const struct resource *const *resources; /* their routes come beside those; NULL-terminated; NULL: none */
	const struct http_route *agent_routes;   /* for agents, on their own listener */
	const struct job_step *steps;            /* that servers run */
	const struct job_timer *timers;          /* what is looked after again and again */
	const struct metric *metrics;            /* what is measured */
	void (*woken)(struct core *core);        /* something changed: look at who waits */
	void (*job_ended)(struct core *core, const char *job_id); /* just now, on this server: tell who waits for it */
	/* Threads of its own: once the database is there and before anything is served; and when nothing is served any more. */
	int (*start)(struct core *core, TALLOC_CTX *mem, struct certctl_error *err);
	void (*stop)(struct core *core);
	http_finished_fn *finished; /* one feature may hold replies back */
	http_handler_fn *around;    /* one feature may stand between a request and its handler */
};

/** Every feature, NULL-terminated. */
extern const struct feature *const features[];

/** The operators' routes of a feature: its own table, or that of its resources. */
struct feature_routes {
	const struct feature *feature; /* NULL ends the list */
	const struct http_route *routes;
};
/** Of all features, on `mem`.  @param services  as resource_routes() wants them */
int features_routes(TALLOC_CTX *mem, const struct resource_services *services, struct feature_routes **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

static inline struct core *core_of(const struct http_request *request)
{
	return request->context;
}

#endif
