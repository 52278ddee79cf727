/* Confinement seen from the inside: a plugin that tries what it is told to, and the words of the kernel's refusal. */
#include "hosting.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int deed(struct certctl_connector *probe, const char *what, struct certctl_error *err)
{
	return certctl_issuer_revoke(probe, what, 0, NULL, err);
}

static char *make_file(const char *dir, const char *name)
{
	char *path = talloc_asprintf(test_mem(), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CU_ASSERT(fd >= 0);
	close(fd);
	return path;
}

static void only_the_paths_of_its_options_are_open(void)
{
	const char *dir = test_temporary_dir();
	char *read = make_file(dir, "read"), *other = make_file(dir, "other");
	char *folder = talloc_asprintf(test_mem(), "%s/folder", dir),
	     *nested = talloc_asprintf(test_mem(), "%s/nested", dir);
	char *state = talloc_asprintf(test_mem(), "%s/state", dir);
	struct certctl_error err = { 0 };

	mkdir(folder, 0700);
	mkdir(nested, 0700);
	make_file(folder, "file");
	make_file(nested, "file");
	struct certctl_connector *probe = zoo_issuer("probe",
		talloc_asprintf(test_mem(),
			"{'readable': '%s', 'writable': '%s', 'folders': ['%s'], 'nested': {'place': '%s'}}", read,
			state, folder, nested));
	const struct {
		const char *deed;
		bool allowed;
	} rows[] = {
		{ talloc_asprintf(test_mem(), "read %s", read), true },
		{ talloc_asprintf(test_mem(), "write %s", read), false },
		{ talloc_asprintf(test_mem(), "read %s", other), false },
		{ talloc_asprintf(test_mem(), "read %s", dir), false },
		{ talloc_asprintf(test_mem(), "read %s/file", folder), true },
		{ talloc_asprintf(test_mem(), "write %s/file", folder), false },
		{ talloc_asprintf(test_mem(), "read %s/file", nested), true },
		{ talloc_asprintf(test_mem(), "write %s/new", state), true },
		{ talloc_asprintf(test_mem(), "read %s/new", state), true },
		{ "read /etc/shadow", false },
		{ "read /etc/hostname", false },
		{ "read /etc/ssl/private", false },
		{ "read /proc/self/environ", false },
		{ "read /etc/resolv.conf", false },
		{ "write /tmp/certctl-probe", false },
		{ "read /usr/share", true },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (rows[i].allowed)
			ASSERT_OK(deed(probe, rows[i].deed, &err), err);
		else
			ASSERT_FAILS(deed(probe, rows[i].deed, &err), CERTCTL_E_DENIED, "Permission denied", err);
	talloc_free(probe);
}

static void a_file_that_was_replaced_is_read_again(void)
{
	const char *dir = test_temporary_dir();
	char *file = make_file(dir, "token"), *newer = make_file(dir, "newer");
	struct certctl_connector *probe = zoo_issuer("probe", talloc_asprintf(test_mem(), "{'readable': '%s'}", file));
	char *read_deed = talloc_asprintf(test_mem(), "read %s", file);
	struct certctl_error err = { 0 };

	ASSERT_OK(deed(probe, read_deed, &err), err);
	int pid = certctl_connector_pid(probe);

	ASSERT_OK(deed(probe, read_deed, &err), err);
	CU_ASSERT_EQUAL(certctl_connector_pid(probe), pid);
	CU_ASSERT_EQUAL(rename(newer, file), 0);
	ASSERT_OK(deed(probe, read_deed, &err), err);
	CU_ASSERT(certctl_connector_pid(probe) != pid);
	talloc_free(probe);
}

static void a_missing_directory_is_made_for_its_owner_alone(void)
{
	char *state = talloc_asprintf(test_mem(), "%s/state", test_temporary_dir());
	struct certctl_connector *probe = zoo_issuer("probe", talloc_asprintf(test_mem(), "{'writable': '%s'}", state));
	const struct certctl_description *description = certctl_connector_description(probe);
	json_t *config = json_pack("{s:s}", "writable", "/nowhere/at/all");
	struct certctl_connector_options options = {
		.name = "issuers/x", .description = description, .config = config
	};
	struct certctl_connector *other = NULL;
	struct certctl_error err = { 0 };
	struct stat status = { 0 };

	CU_ASSERT_EQUAL(stat(state, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
	ASSERT_FAILS(certctl_connector_new(NULL, zoo_pool(), &options, &other, &err), CERTCTL_E_INVALID,
		"writable: /nowhere/at/all: not there", err);
	json_decref(config);
	talloc_free(probe);
}

static void forbidden_deeds_are_refused_or_end_the_process(void)
{
	const struct {
		const char *deed;
		int code;
		const char *words;
	} rows[] = {
		{ "ptrace", CERTCTL_E_CRASHED,
			"ended by SIGSYS (a system call that its confinement forbids) during revoke" },
		{ "mount", CERTCTL_E_CRASHED, "SIGSYS" },
		{ "bpf", CERTCTL_E_CRASHED, "SIGSYS" },
		{ "raw", CERTCTL_E_DENIED, "Operation not permitted" },
		{ "packet", CERTCTL_E_DENIED, "Operation not permitted" },
		{ "core", CERTCTL_E_DENIED, "Operation not permitted" },
		{ talloc_asprintf(test_mem(), "kill %d", (int)getpid()), CERTCTL_E_DENIED, "Operation not permitted" },
		{ "kill 1", CERTCTL_E_DENIED, "Operation not permitted" },
		{ talloc_asprintf(test_mem(), "limit %d", (int)getpid()), CERTCTL_E_DENIED, "Operation not permitted" },
		{ talloc_asprintf(test_mem(), "affinity %d", (int)getpid()), CERTCTL_E_DENIED,
			"Operation not permitted" },
		{ talloc_asprintf(test_mem(), "owner %d", (int)getpid()), CERTCTL_E_DENIED, "Operation not permitted" },
		{ "environment", CERTCTL_E_IO, "No data available" },
		{ "descriptors", CERTCTL_E_IO, "Bad file descriptor" },
		{ "close", CERTCTL_E_CRASHED, "during revoke" },
	};
	struct certctl_connector *good = zoo_issuer("good", NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_connector *probe = zoo_issuer("probe", NULL);
		struct certctl_error err = { 0 };

		ASSERT_FAILS(deed(probe, rows[i].deed, &err), rows[i].code, rows[i].words, err);
		good_still_answers(good);
		talloc_free(probe);
	}
	talloc_free(good);
}

/* Neither whose a file is nor who may do what with it: Landlock knows nothing of that. */
static void the_attributes_of_files_are_out_of_reach(void)
{
	const char *dir = test_temporary_dir();
	char *read = make_file(dir, "read"), *other = make_file(dir, "other");
	char *config = talloc_asprintf(test_mem(), "{'readable': '%s'}", read);
	struct certctl_connector *probe = zoo_issuer("probe", config), *files = zoo_issuer("probe-files", config);
	const struct {
		struct certctl_connector *probe;
		const char *what, *path;
		bool allowed;
	} rows[] = {
		{ probe, "chmod", other, false },
		{ probe, "chown", other, false },
		{ probe, "attribute", other, false },
		{ probe, "touch", other, false },
		{ probe, "truncate", other, false },
		{ probe, "chmod", read, false },
		{ probe, "mode 600", read, false },
		{ files, "chmod", other, false },
		{ files, "chmod", read, false },
		{ files, "chown", read, false },
		{ files, "attribute", read, false },
		{ files, "mode 640", read, true },
		{ files, "mode 4600", read, false },
		{ files, "mode 2600", read, false },
		{ files, "mode 660", read, false },
		{ files, "mode 602", read, false },
	};
	struct certctl_error err = { 0 };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char *what = talloc_asprintf(test_mem(), "%s %s", rows[i].what, rows[i].path);

		if (rows[i].allowed)
			ASSERT_OK(deed(rows[i].probe, what, &err), err);
		else
			ASSERT_FAILS(deed(rows[i].probe, what, &err), CERTCTL_E_DENIED, "Operation not permitted", err);
	}
	talloc_free(files);
	talloc_free(probe);
}

static int listen_on_loopback(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void the_network_is_open_to_those_who_need_it_alone(void)
{
	struct certctl_connector *closed = zoo_issuer("probe", NULL), *open_ = zoo_issuer("probe-network", NULL);
	struct certctl_error err = { 0 };
	uint16_t port = 0;
	int fd = listen_on_loopback(&port);
	char *connect_deed = talloc_asprintf(test_mem(), "connect %u", port);

	ASSERT_FAILS(deed(closed, connect_deed, &err), CERTCTL_E_DENIED, "Operation not permitted", err);
	ASSERT_FAILS(deed(closed, "unix /run/dbus/system_bus_socket", &err), CERTCTL_E_DENIED,
		"Operation not permitted", err);
	ASSERT_OK(deed(open_, connect_deed, &err), err);
	ASSERT_OK(deed(open_, "read /etc/resolv.conf", &err), err);
	ASSERT_FAILS(deed(open_, "raw", &err), CERTCTL_E_DENIED, "Operation not permitted", err);
	ASSERT_FAILS(deed(open_, "packet", &err), CERTCTL_E_DENIED, "Operation not permitted", err);
	ASSERT_FAILS(deed(open_, "read /etc/shadow", &err), CERTCTL_E_DENIED, "Permission denied", err);
	close(fd);
	talloc_free(open_);
	talloc_free(closed);
}

static int listen_on_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CU_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
	return fd;
}

static void sockets_by_path_are_open_to_those_who_need_files_alone(void)
{
	struct certctl_connector *network = zoo_issuer("probe-network", NULL), *files = zoo_issuer("probe-files", NULL);
	char *path = talloc_asprintf(test_mem(), "%s/socket", test_temporary_dir());
	char *unix_deed = talloc_asprintf(test_mem(), "unix %s", path);
	struct certctl_error err = { 0 };
	int fd = listen_on_path(path);

	ASSERT_FAILS(deed(network, unix_deed, &err), CERTCTL_E_DENIED, "Operation not permitted", err);
	ASSERT_OK(deed(files, unix_deed, &err), err);
	/* Libraries cope: pairs are no sockets by path, and names are resolved without a daemon. */
	ASSERT_OK(deed(network, "pair", &err), err);
	ASSERT_OK(deed(network, "resolve localhost", &err), err);
	close(fd);
	talloc_free(files);
	talloc_free(network);
}

static void a_plugin_that_is_looked_at_has_nothing_open(void)
{
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };

	/* Its constructor aborts when it can open a file, a socket or a process. */
	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "constructor-spies", &description, &err), err);
}

static void what_is_enforced_is_told(void)
{
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "probe-network", &description, &err), err);
	const json_t *confinement = json_object_get(description->json, "confinement");

	CU_ASSERT(json_is_true(json_object_get(confinement, "no_new_privileges")));
	CU_ASSERT(json_is_true(json_object_get(confinement, "seccomp")));
	CU_ASSERT(json_is_true(json_object_get(confinement, "resource_limits")));
	CU_ASSERT(certctl_json_integer_or(confinement, "landlock", 0) >= 1);
	ASSERT_TEXT(certctl_json_text_or(confinement, "network", ""), "open");
	ASSERT_TEXT(certctl_json_text_or(confinement, "commands", ""), "none");
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(only_the_paths_of_its_options_are_open),
	TEST(a_file_that_was_replaced_is_read_again),
	TEST(a_missing_directory_is_made_for_its_owner_alone),
	TEST(forbidden_deeds_are_refused_or_end_the_process),
	TEST(the_attributes_of_files_are_out_of_reach),
	TEST(the_network_is_open_to_those_who_need_it_alone),
	TEST(sockets_by_path_are_open_to_those_who_need_files_alone),
	TEST(a_plugin_that_is_looked_at_has_nothing_open),
	TEST(what_is_enforced_is_told),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
