/* The API described by the server that serves it.  Knows no feature but by the list of them. */
#include "openapi.h"
#include "core/features/access/access.h"

#include <pthread.h>
#include <stdlib.h>

#define SECTIONS_MAX 128
#define TEXT_MAX     (4 << 20)

/* Made once, when somebody asks: tables do not change. */
static struct {
	pthread_once_t once;
	struct openapi_section sections[SECTIONS_MAX];
	struct openapi_source source;
	struct certctl_buffer json, yaml;
	struct certctl_error err;
	int rc;
} all = { .once = PTHREAD_ONCE_INIT };

static void add(const struct feature *feature, const struct http_route *routes, enum openapi_door door)
{
	if (!routes)
		return;
	certctl_assert(all.source.section_count < SECTIONS_MAX && feature->about);
	all.sections[all.source.section_count++] = (struct openapi_section){
		.name = feature->name, .about = feature->about, .routes = routes, .door = door
	};
}

static void write_texts(const json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY);

	certctl_buffer_init(&all.json, NULL, TEXT_MAX);
	certctl_buffer_init(&all.yaml, NULL, TEXT_MAX);
	certctl_buffer_puts(&all.json, text ? text : "");
	openapi_write_yaml(&all.yaml, document);
	free(text);
	all.rc = certctl_buffer_finish(&all.json, &all.err);
	if (all.rc == 0)
		all.rc = certctl_buffer_finish(&all.yaml, &all.err);
}

static void make(void)
{
	json_t *document = NULL;

	all.source = (struct openapi_source){
		.sections = all.sections, .callers = access_roles, .version = CERTCTL_VERSION
	};
	struct feature_routes *tables = NULL;

	all.rc = features_routes(NULL, NULL, &tables, &all.err);
	if (all.rc < 0)
		return;
	for (size_t i = 0; tables[i].feature; i++)
		add(tables[i].feature, tables[i].routes, OPENAPI_OPERATORS);
	for (size_t i = 0; features[i]; i++)
		add(features[i], features[i]->agent_routes, OPENAPI_AGENTS);
	all.rc = openapi_document(&all.source, &document, &all.err);
	if (all.rc == 0)
		write_texts(document);
	json_decref(document);
}

const struct openapi_source *openapi_source_of_features(void)
{
	pthread_once(&all.once, make);
	return &all.source;
}

int openapi_write(struct certctl_buffer *out, struct certctl_error *err)
{
	pthread_once(&all.once, make);
	if (all.rc < 0)
		*err = all.err;
	else
		certctl_buffer_append(out, all.yaml.data, all.yaml.len);
	return all.rc;
}

static int answer(struct http_reply *reply, const char *media, const struct certctl_buffer *text,
	struct certctl_error *err)
{
	pthread_once(&all.once, make);
	if (all.rc < 0) {
		*err = all.err;
		return all.rc;
	}
	return http_reply_text(reply, 200, media, text->data);
}

int openapi_json(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request;
	return answer(reply, "application/json", &all.json, err);
}

int openapi_yaml(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request;
	return answer(reply, "application/yaml", &all.yaml, err);
}
