#include "test.h"

#include <arpa/inet.h>
#include <certctl/http.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool allows(const struct certctl_egress *egress, const char *text)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
		return certctl_egress_allows(egress, (const struct sockaddr *)&ipv4);
	CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
	return certctl_egress_allows(egress, (const struct sockaddr *)&ipv6);
}

enum { PUBLIC = 1, PRIVATE, NEVER };

static void every_address_has_its_reach(void)
{
	static const struct {
		const char *address;
		int reach;
	} rows[] = {
		{ "8.8.8.8", PUBLIC },
		{ "1.1.1.1", PUBLIC },
		{ "172.15.255.255", PUBLIC },
		{ "172.32.0.0", PUBLIC },
		{ "100.128.0.0", PUBLIC },
		{ "223.255.255.255", PUBLIC },
		{ "2606:4700::1", PUBLIC },
		{ "2a00:1450:4001::200e", PUBLIC },
		{ "127.0.0.1", PRIVATE },
		{ "127.255.255.255", PRIVATE },
		{ "10.0.0.1", PRIVATE },
		{ "10.255.255.255", PRIVATE },
		{ "172.16.0.1", PRIVATE },
		{ "172.31.255.255", PRIVATE },
		{ "192.168.1.1", PRIVATE },
		{ "169.254.1.1", PRIVATE },
		{ "100.64.0.1", PRIVATE },
		{ "198.18.0.1", PRIVATE },
		{ "192.0.2.1", PRIVATE },
		{ "::1", PRIVATE },
		{ "fd12:3456::1", PRIVATE },
		{ "fc00::1", PRIVATE },
		{ "fe80::1", PRIVATE },
		{ "febf::1", PRIVATE },
		{ "2001:db8::1", PRIVATE },
		/* Metadata services, also for connectors that may reach private addresses. */
		{ "169.254.169.254", NEVER },
		{ "169.254.170.2", NEVER },
		{ "100.100.100.200", NEVER },
		{ "fd00:ec2::254", NEVER },
		{ "0.0.0.0", NEVER },
		{ "0.1.2.3", NEVER },
		{ "224.0.0.1", NEVER },
		{ "240.0.0.1", NEVER },
		{ "255.255.255.255", NEVER },
		{ "192.88.99.1", NEVER },
		{ "::", NEVER },
		{ "ff02::1", NEVER },
		{ "fec0::1", NEVER },
		{ "2001:0:1::1", NEVER },
		{ "2001:20::1", NEVER },
		{ "4000::1", NEVER },
		{ "::127.0.0.1", NEVER },
		{ "64:ff9b:1::1", NEVER },
		/* Forms that carry an IPv4 address. */
		{ "::ffff:8.8.8.8", PUBLIC },
		{ "::ffff:127.0.0.1", PRIVATE },
		{ "::ffff:10.1.2.3", PRIVATE },
		{ "::ffff:169.254.169.254", NEVER },
		{ "64:ff9b::8.8.8.8", PUBLIC },
		{ "64:ff9b::10.0.0.1", PRIVATE },
		{ "64:ff9b::169.254.169.254", NEVER },
		{ "2002:808:808::1", PUBLIC },
		{ "2002:7f00:1::1", PRIVATE },
		{ "2002:a9fe:a9fe::1", NEVER },
	};
	static const struct certctl_egress strict = { 0 }, private = { .allow_private = true };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		bool ok = allows(&strict, rows[i].address) == (rows[i].reach == PUBLIC) &&
			  allows(&private, rows[i].address) == (rows[i].reach != NEVER);

		if (!ok)
			ASSERT_TEXT(rows[i].address, "as in its row");
		CU_ASSERT_TRUE(ok);
	}
}

static void named_networks_are_exceptions(void)
{
	static const char *const nets[] = { "10.1.0.0/16", "169.254.169.254", "fd00:1::/32", "64:ff9b:1::/48",
		"192.168.7.128/25", NULL };
	static const struct {
		const char *address;
		bool allowed;
	} rows[] = {
		{ "10.1.2.3", true },
		{ "10.2.0.0", false },
		{ "::ffff:10.1.255.255", true },
		{ "64:ff9b::10.1.0.0", true },
		{ "169.254.169.254", true },
		{ "169.254.169.253", false },
		{ "fd00:1:2::3", true },
		{ "fd00:2::", false },
		{ "64:ff9b:1::a", true },
		{ "192.168.7.128", true },
		{ "192.168.7.127", false },
		{ "8.8.8.8", true },
	};
	struct certctl_egress egress = { .allow_nets = nets };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		CU_ASSERT_EQUAL(allows(&egress, rows[i].address), rows[i].allowed);
}

static void everything_can_be_allowed_by_name(void)
{
	static const char *const nets[] = { "0.0.0.0/0", "::/0", NULL };
	struct certctl_egress egress = { .allow_nets = nets };

	CU_ASSERT_TRUE(allows(&egress, "127.0.0.1"));
	CU_ASSERT_TRUE(allows(&egress, "ff02::1"));
}

static void what_is_no_internet_address_is_refused(void)
{
	struct certctl_egress egress = { .allow_private = true };
	struct sockaddr_un local = { .sun_family = AF_UNIX };

	CU_ASSERT_FALSE(certctl_egress_allows(&egress, (const struct sockaddr *)&local));
}

static void a_network_that_is_none_makes_no_client(void)
{
	static const char *const rows[] = { "", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/8x",
		"10.0.0.0/-1", "example.com", "10.0.0.0/0008", "/8" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *nets[] = { "10.0.0.0/8", rows[i], NULL };
		struct certctl_http_options options = { .egress.allow_nets = nets };
		struct certctl_http_client *client = NULL;
		struct certctl_error err;

		ASSERT_FAILS(certctl_http_client_new(test_mem(), &options, &client, &err), CERTCTL_E_INVALID, "network",
			err);
		CU_ASSERT_PTR_NULL(client);
	}
}

const struct test tests[] = {
	TEST(every_address_has_its_reach),
	TEST(named_networks_are_exceptions),
	TEST(everything_can_be_allowed_by_name),
	TEST(what_is_no_internet_address_is_refused),
	TEST(a_network_that_is_none_makes_no_client),
	{ 0 },
};
