/*
 * Which addresses may be reached.  Pure: no name is resolved here and nothing is connected.
 *
 * Every address is looked at as IPv6; IPv4 is ::ffff:0:0/96 (RFC 4291, section 2.5.5.2).  Forms that carry an IPv4 address to a
 * translator or relay count as the address they carry.
 */
#include "http_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum reach {
	REACH_PUBLIC = 1,
	REACH_PRIVATE, /* with allow_private */
	REACH_NEVER,   /* only when allow_nets names it */
};

struct net {
	struct in6_addr address;
	unsigned bits;
};

/* The first row that contains the address decides.  From the IANA special-purpose registries (RFC 6890). */
static const struct {
	const char *address;
	unsigned bits;
	enum reach reach;
} reaches[] = {
	/* Cloud metadata services give credentials to whoever asks; no connector has business there. */
	{ "::ffff:169.254.169.254", 128, REACH_NEVER },
	{ "::ffff:169.254.170.2", 128, REACH_NEVER },
	{ "::ffff:100.100.100.200", 128, REACH_NEVER },
	{ "fd00:ec2::254", 128, REACH_NEVER },
	{ "::ffff:0.0.0.0", 96 + 8, REACH_NEVER },
	{ "::ffff:10.0.0.0", 96 + 8, REACH_PRIVATE },
	{ "::ffff:100.64.0.0", 96 + 10, REACH_PRIVATE },
	{ "::ffff:127.0.0.0", 96 + 8, REACH_PRIVATE },
	{ "::ffff:169.254.0.0", 96 + 16, REACH_PRIVATE },
	{ "::ffff:172.16.0.0", 96 + 12, REACH_PRIVATE },
	{ "::ffff:192.0.0.0", 96 + 24, REACH_NEVER },
	{ "::ffff:192.0.2.0", 96 + 24, REACH_PRIVATE },
	{ "::ffff:192.88.99.0", 96 + 24, REACH_NEVER },
	{ "::ffff:192.168.0.0", 96 + 16, REACH_PRIVATE },
	{ "::ffff:198.18.0.0", 96 + 15, REACH_PRIVATE },
	{ "::ffff:198.51.100.0", 96 + 24, REACH_PRIVATE },
	{ "::ffff:203.0.113.0", 96 + 24, REACH_PRIVATE },
	{ "::ffff:224.0.0.0", 96 + 4, REACH_NEVER },
	{ "::ffff:240.0.0.0", 96 + 4, REACH_NEVER },
	{ "::ffff:0.0.0.0", 96, REACH_PUBLIC },
	{ "::1", 128, REACH_PRIVATE },
	{ "fc00::", 7, REACH_PRIVATE },
	{ "fe80::", 10, REACH_PRIVATE },
	{ "2001::", 23, REACH_NEVER }, /* IETF protocol assignments: Teredo, ORCHID, benchmarking */
	{ "2001:db8::", 32, REACH_PRIVATE },
	{ "3fff::", 20, REACH_PRIVATE },
	{ "2000::", 3, REACH_PUBLIC },
	{ "::", 0, REACH_NEVER },
};

static bool contains(const struct in6_addr *net, unsigned bits, const struct in6_addr *address)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(net, address, bytes) != 0)
		return false;
	return rest == 0 || ((net->s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - rest)) == 0;
}

static struct in6_addr mapped(const void *ipv4)
{
	struct in6_addr address = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(address.s6_addr + 12, ipv4, 4);
	return address;
}

static bool from_sockaddr(const struct sockaddr *address, struct in6_addr *ret)
{
	if (address->sa_family == AF_INET)
		*ret = mapped(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
	else if (address->sa_family == AF_INET6)
		*ret = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	else
		return false;
	return true;
}

/* NAT64 (RFC 6052, section 2.1) and 6to4 (RFC 3056, section 2) carry the IPv4 address that is reached in the end. */
static struct in6_addr look_through(const struct in6_addr *address)
{
	static const struct in6_addr nat64 = { .s6_addr = { 0x00, 0x64, 0xff, 0x9b } };
	static const struct in6_addr sixtofour = { .s6_addr = { 0x20, 0x02 } };

	if (contains(&nat64, 96, address))
		return mapped(address->s6_addr + 12);
	if (contains(&sixtofour, 16, address))
		return mapped(address->s6_addr + 2);
	return *address;
}

static bool parse_net(const char *text, struct net *ret)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text), digits = slash ? strlen(slash + 1) : 0;
	unsigned base = 0;
	unsigned char ipv4[4];

	if (len >= sizeof(address) ||
		(slash && (digits < 1 || digits > 3 || strspn(slash + 1, "0123456789") != digits)))
		return false;
	memcpy(address, text, len);
	address[len] = 0;
	if (inet_pton(AF_INET, address, ipv4) == 1) {
		ret->address = mapped(ipv4);
		base = 96;
	} else if (inet_pton(AF_INET6, address, &ret->address) != 1) {
		return false;
	}
	ret->bits = base + (slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 128 - base);
	return ret->bits <= 128;
}

int certctl_egress_check(const struct certctl_egress *egress, struct certctl_error *err)
{
	struct net net;

	for (const char *const *text = egress->allow_nets; text && *text; text++)
		if (!parse_net(*text, &net))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"'%s': a network such as 10.1.0.0/16 or fd00::/8 expected", *text);
	return 0;
}

static bool is_exception(const struct certctl_egress *egress, const struct in6_addr *address)
{
	struct net net;

	for (const char *const *text = egress->allow_nets; text && *text; text++)
		if (parse_net(*text, &net) && contains(&net.address, net.bits, address))
			return true;
	return false;
}

static enum reach reach_of(const struct in6_addr *address)
{
	struct in6_addr net;

	for (size_t i = 0; i < CERTCTL_COUNT(reaches); i++)
		if (inet_pton(AF_INET6, reaches[i].address, &net) == 1 && contains(&net, reaches[i].bits, address))
			return reaches[i].reach;
	return REACH_NEVER;
}

bool certctl_egress_allows(const struct certctl_egress *egress, const struct sockaddr *address)
{
	struct in6_addr asked, meant;

	if (!from_sockaddr(address, &asked))
		return false;
	meant = look_through(&asked);
	if (is_exception(egress, &asked) || is_exception(egress, &meant))
		return true;
	switch (reach_of(&meant)) {
	case REACH_PUBLIC:
		return true;
	case REACH_PRIVATE:
		return egress->allow_private;
	case REACH_NEVER:
		return false;
	}
	return false;
}
