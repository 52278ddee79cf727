/**
 * A small issuer that does everything right.  A plugin of the zoo includes this and changes the one thing that it gets wrong.
 * Every function here is static, so each plugin has its own; what a plugin does not use costs it nothing.
 */
#ifndef CERTCTL_ZOO_H
#define CERTCTL_ZOO_H

#include <certctl/issuer.h>

#define ZOO_UNUSED __attribute__((unused))

struct zoo_config {
	const char *name;
};
ZOO_UNUSED static const struct certctl_field zoo_options[] = {
	CERTCTL_OPTION(struct zoo_config, name, CERTCTL_TEXT, .fallback = "zoo", .help = "Anything."),
	{ 0 },
};

struct certctl_issuer {
	const struct zoo_config *config;
};

ZOO_UNUSED static int zoo_open(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_issuer *self = talloc_zero(NULL, struct certctl_issuer);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	self->config = config;
	*ret = self;
	return 0;
}

ZOO_UNUSED static void zoo_close(struct certctl_issuer *self)
{
	talloc_free(self);
}

ZOO_UNUSED static int zoo_test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

ZOO_UNUSED static int zoo_info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	(void)self, (void)host, (void)mem, (void)err;
	ret->endpoint = "nowhere";
	return 0;
}

ZOO_UNUSED static int zoo_issue(struct certctl_issuer *self, const struct certctl_host *host,
	const struct certctl_order *order, TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	(void)self, (void)host, (void)order, (void)mem;
	(void)ret;
	return certctl_fail(err, CERTCTL_E_DENIED, "the zoo issues nothing");
}

/** The table of operations, right in all; later members override earlier ones. */
#define ZOO_OPS                                                                                                        \
	.size = sizeof(struct certctl_issuer_ops), .open = zoo_open, .close = zoo_close, .test = zoo_test,             \
	.info = zoo_info, .issue = zoo_issue
#define ZOO_DESCRIPTOR                                                                                                 \
	.version = "1.0.0", .summary = "An animal of the zoo", .options = zoo_options,                                 \
	.config_size = sizeof(struct zoo_config)

/** The plugin, for those that get only an operation wrong. */
#define ZOO_PLUGIN(id, ...)                                                                                            \
	static const struct certctl_issuer_ops ops = { ZOO_OPS, __VA_ARGS__ };                                         \
	CERTCTL_PLUGIN(CERTCTL_ISSUER, id, ZOO_DESCRIPTOR, .ops = &ops)

#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif

#endif
