/* The right function, returning something else. */
#include "zoo.h"

const struct certctl_plugin *certctl_plugin(void)
{
	static const struct certctl_plugin descriptor = { .magic = 0x12345678, .id = (const char *)1 };

	return &descriptor;
}
