/* Returns a text of 100 MB. */
#include "zoo.h"

#include <string.h>

#define SIZE ((size_t)100 * 1024 * 1024)

static int info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem, struct certctl_info *ret,
	struct certctl_error *err)
{
	char *text = talloc_size(mem, SIZE + 1);

	(void)self, (void)host;
	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memset(text, 'x', SIZE);
	text[SIZE] = 0;
	ret->endpoint = text;
	return 0;
}

ZOO_PLUGIN("replies-100-mb", .info = info);
