/** What all kinds of plugins have in common, for the file that holds the table of one. */
#ifndef CERTCTL_PROCESS_KIND_H
#define CERTCTL_PROCESS_KIND_H

#include "process.h"

/**
 * The operations that every kind has: ops_of(), open_one(), close_one(), run_test() and run_info() of this one.  A macro, because the
 * tables of plugins differ in the type of their instance, and a function must be called as what it is.
 */
#define KIND_FUNCTIONS(kind_)                                                                                          \
	static const struct certctl_##kind_##_ops *ops_of(const struct call *call)                                     \
	{                                                                                                              \
		return &call->server->instance.plugin->ops.kind_;                                                      \
	}                                                                                                              \
	static int open_one(const struct plugin *plugin, const struct certctl_host *host, const void *config,          \
		void **ret, struct certctl_error *err)                                                                 \
	{                                                                                                              \
		struct certctl_##kind_ *self = NULL;                                                                   \
		int rc = plugin->ops.kind_.open(host, config, &self, err);                                             \
                                                                                                                       \
		if (rc == 0)                                                                                           \
			*ret = self;                                                                                   \
		return rc;                                                                                             \
	}                                                                                                              \
	static void close_one(const struct plugin *plugin, void *self)                                                 \
	{                                                                                                              \
		plugin->ops.kind_.close(self);                                                                         \
	}                                                                                                              \
	static int run_test(struct call *call, const json_t *argument, struct certctl_error *err)                      \
	{                                                                                                              \
		(void)argument;                                                                                        \
		return ops_of(call)->test(call->self, &call->api, err);                                                \
	}                                                                                                              \
	static int run_info(struct call *call, const json_t *argument, struct certctl_error *err)                      \
	{                                                                                                              \
		struct certctl_info info = { 0 };                                                                      \
		int rc = ops_of(call)->info(call->self, &call->api, call->mem, &info, err);                            \
                                                                                                                       \
		(void)argument;                                                                                        \
		return rc < 0 ? rc : call_result(call, &certctl_wire_info, &info, err);                                \
	}                                                                                                              \
	struct kind /* the rest of the line, so that it ends in a semicolon */

/* clang-format off */
/** Their rows, first in every table. */
#define KIND_ROWS(kind_)                                                                                               \
	{ "open", offsetof(struct certctl_##kind_##_ops, open), 0, true, NULL },                                       \
	{ "close", offsetof(struct certctl_##kind_##_ops, close), 0, true, NULL },                                     \
	{ "test", offsetof(struct certctl_##kind_##_ops, test), 0, true, run_test },                                   \
	{ "info", offsetof(struct certctl_##kind_##_ops, info), 0, true, run_info }
/* clang-format on */

#endif
