/* Built for an ABI that has been left behind; nothing behind the first fields can be trusted. */
#include "zoo.h"

const struct certctl_plugin *certctl_plugin(void)
{
	static const struct certctl_plugin descriptor = { .magic = CERTCTL_PLUGIN_MAGIC,
		.abi_major = CERTCTL_ABI_MAJOR - 1,
		.abi_minor = 7,
		.size = 8,
		.id = (const char *)1 };

	return &descriptor;
}
