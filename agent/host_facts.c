/* What this host says about itself. */
#include "agent.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* An id of the host name: lower case, what does not belong in an id becomes "-". */
static void make_id(const char *text, char ret[64])
{
	size_t len = 0;

	for (; *text && len < 63; text++) {
		char c = (char)tolower((unsigned char)*text);
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (is_plain || len > 0)
			ret[len++] = is_plain || c == '.' ? c : '-';
	}
	ret[len] = '\0';
	if (len == 0)
		memcpy(ret, "host", sizeof("host"));
}

void certctl_host_facts_read(struct certctl_host_facts *ret)
{
	struct utsname system;

	*ret = (struct certctl_host_facts){ .os = "unknown", .architecture = "unknown", .hostname = "unknown" };
	if (uname(&system) == 0) {
		snprintf(ret->hostname, sizeof(ret->hostname), "%.*s", (int)sizeof(ret->hostname) - 1, system.nodename);
		snprintf(ret->architecture, sizeof(ret->architecture), "%.*s", (int)sizeof(ret->architecture) - 1,
			system.machine);
		snprintf(ret->os, sizeof(ret->os), "%.*s", (int)sizeof(ret->os) - 1, system.sysname);
	}
	for (char *c = ret->os; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	make_id(ret->hostname, ret->name);
}
