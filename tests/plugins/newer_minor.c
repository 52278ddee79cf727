/* Built for an ABI that is newer than ours. */
#include "zoo.h"

const struct certctl_plugin *certctl_plugin(void)
{
	static const struct certctl_plugin descriptor = { .magic = CERTCTL_PLUGIN_MAGIC,
		.abi_major = CERTCTL_ABI_MAJOR,
		.abi_minor = CERTCTL_ABI_MINOR + 1,
		.size = sizeof(struct certctl_plugin) + 64,
		.id = (const char *)1 };

	return &descriptor;
}
