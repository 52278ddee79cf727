/* What both programs of an agent do alike: their options, and the word to the service manager. */
#include "agent/shared/program.h"
#include "test.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void common_options_are_taken_and_others_left(void)
{
	struct certctl_program program = { 0 };
	char file[] = "/etc/some.yaml";

	CU_ASSERT_EQUAL(certctl_program_option(&program, 'c', file), 0);
	CU_ASSERT_PTR_EQUAL(program.config, file);
	CU_ASSERT_FALSE(program.is_check || program.is_sample);
	CU_ASSERT_EQUAL(certctl_program_option(&program, CERTCTL_PROGRAM_CHECK, NULL), 0);
	CU_ASSERT_TRUE(program.is_check && !program.is_sample);
	CU_ASSERT_EQUAL(certctl_program_option(&program, CERTCTL_PROGRAM_SAMPLE, NULL), 0);
	CU_ASSERT_TRUE(program.is_sample);
	CU_ASSERT_EQUAL(certctl_program_option(&program, 'x', NULL), ARGP_ERR_UNKNOWN);
}

/* `name` as in NOTIFY_SOCKET. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address,
				      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	return fd;
}

static void the_service_manager_hears_when_a_program_is_up(void)
{
	const char *names[] = { talloc_asprintf(test_mem(), "%s/notify", test_temporary_dir()),
		talloc_asprintf(test_mem(), "@certctl-program-test-%d", (int)getpid()) };
	char message[64];

	for (size_t i = 0; i < CERTCTL_COUNT(names); i++) {
		int fd = manager(names[i]);

		setenv("NOTIFY_SOCKET", names[i], 1);
		certctl_program_ready();
		ssize_t len = recv(fd, message, sizeof(message), 0);

		CU_ASSERT_EQUAL(len, 7);
		CU_ASSERT_EQUAL(memcmp(message, "READY=1", 7), 0);
		close(fd);
	}
}

static void without_a_service_manager_nothing_is_said(void)
{
	static const char *const names[] = { "", "/", "relative", "/no/such/socket" };
	char *long_name = talloc_strdup(test_mem(), "/");

	for (int i = 0; i < 20; i++)
		long_name = talloc_asprintf_append(long_name, "%s", "0123456789");
	unsetenv("NOTIFY_SOCKET");
	certctl_program_ready();
	for (size_t i = 0; i <= CERTCTL_COUNT(names); i++) {
		setenv("NOTIFY_SOCKET", i < CERTCTL_COUNT(names) ? names[i] : long_name, 1);
		certctl_program_ready();
	}
}

const struct test tests[] = {
	TEST(common_options_are_taken_and_others_left),
	TEST(the_service_manager_hears_when_a_program_is_up),
	TEST(without_a_service_manager_nothing_is_said),
	{ 0 },
};
