/* The default of an option lies outside its own bounds. */
#include "zoo.h"

struct config {
	int64_t timeout_s;
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, timeout_s, CERTCTL_INTEGER, .fallback = "0", .min = 1, .max = 600,
		.help = "Seconds."),
	{ 0 },
};
static const struct certctl_issuer_ops ops = { ZOO_OPS };

CERTCTL_PLUGIN(CERTCTL_ISSUER, "bad-option", .version = "1.0.0", .summary = "Wrong by default", .options = options,
	.config_size = sizeof(struct config), .ops = &ops);
