/* Says that it needs the network; once it has that, says that it was to have files as well. */
#include "zoo.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct certctl_issuer_ops ops = { ZOO_OPS };

CERTCTL_API const struct certctl_plugin *certctl_plugin(void)
{
	static struct certctl_plugin descriptor = { .magic = CERTCTL_PLUGIN_MAGIC,
		.abi_major = CERTCTL_ABI_MAJOR,
		.abi_minor = CERTCTL_ABI_MINOR,
		.size = sizeof(struct certctl_plugin),
		.kind = CERTCTL_ISSUER,
		.id = "lies",
		.field_size = sizeof(struct certctl_field),
		.needs = CERTCTL_NEEDS_NETWORK,
		ZOO_DESCRIPTOR,
		.ops = &ops };
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* refused while it is only looked at */

	if (fd >= 0) {
		close(fd);
		descriptor.needs |= CERTCTL_NEEDS_FILES;
	}
	return &descriptor;
}
