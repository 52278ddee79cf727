/* Announces a frame of 100 MB on the wire and starts to send it. */
#include "zoo.h"

#include <unistd.h>

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	static const unsigned char head[] = { 0x06, 0x40, 0, 0 };
	static const char zeroes[65536];

	(void)self, (void)host;
	if (write(3, head, sizeof(head)) < 0)
		return certctl_fail(err, CERTCTL_E_IO, "cannot write");
	for (int i = 0; i < 1600; i++)
		if (write(3, zeroes, sizeof(zeroes)) < 0)
			break;
	return 0;
}

ZOO_PLUGIN("announces-100-mb", .test = test);
