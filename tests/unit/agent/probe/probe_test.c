/* The probe against openssl's server: another TLS library than ours, with one certificate, with two, asking for a client's. */
#include "agent/deploy/fixture.h"

#include <agent/probe/probe.h>
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define OPENSSL "/usr/bin/openssl"

extern char **environ;

struct server {
	pid_t pid;
	uint16_t port;
};

static char *save(const char *dir, const char *name, const struct identity *identity, const char *chain_pem)
{
	struct certctl_secret key = { 0 };
	char *path = path_in(dir, name);

	ASSERT_OK(certctl_key_write(test_mem(), identity->key, CERTCTL_KEY_PKCS8_PEM, &key, &err), err);
	put(path, talloc_asprintf(test_mem(), "%s%s%s", identity->pem, (const char *)key.data,
			  chain_pem ? chain_pem : ""));
	return path;
}

/* Its first words: "ACCEPT 127.0.0.1:40123". */
static struct server start(const char *const *more)
{
	const char *argv[24] = { OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-www", NULL };
	posix_spawn_file_actions_t actions;
	struct server server = { 0 };
	char text[512] = "";
	size_t count = 5, len = 0;
	int out[2];

	for (; *more; more++)
		argv[count++] = *more;
	argv[count] = NULL;
	CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&server.pid, OPENSSL, &actions, NULL, (char **)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while (!strstr(text, "ACCEPT 127.0.0.1:") && len < sizeof(text) - 1) {
		ssize_t got = read(out[0], text + len, sizeof(text) - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	const char *at = strstr(text, "ACCEPT 127.0.0.1:");

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	server.port = (uint16_t)strtoul(at + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
	return server; /* its pipe stays open until the program ends, so that it never writes into nothing */
}

static void stop(const struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

static int probe_port(uint16_t port, uint32_t key_type, int64_t timeout_ms, struct certctl_served *ret)
{
	const struct certctl_probe probe = {
		.address = "127.0.0.1", .port = port, .server_name = FIXTURE_NAME, .key_type = key_type
	};

	return certctl_probe_once(&probe, certctl_monotonic_ms() + timeout_ms, ret, &err);
}

static void leaf_and_length_of_the_chain_are_seen(void)
{
	struct pair *pair = make_pair();
	char *file = save(test_temporary_dir(), "a.pem", &pair->leaf, NULL);
	char *chain = path_in(test_temporary_dir(), "chain.pem");

	put(chain, pair->intermediate.pem);
	const char *const words[] = { "-cert", file, "-key", file, "-cert_chain", chain, NULL };
	struct server server = start(words);
	struct certctl_served served = { 0 };

	ASSERT_OK(probe_port(server.port, 0, 20000, &served), err);
	ASSERT_TEXT(served.fingerprint_sha256, pair->bundle.fingerprint_sha256);
	CU_ASSERT_EQUAL(served.chain_length, 2);
	stop(&server);
}

static void of_two_certificates_the_kind_that_is_asked_for_is_seen(void)
{
	static const char *const versions[] = { "-tls1_2", "-tls1_3" };
	struct identity ec = make_identity(NULL, FIXTURE_NAME, false);
	struct identity rsa = make_identity_of(CERTCTL_RSA_2048, NULL, FIXTURE_NAME, false);
	char *ec_file = save(test_temporary_dir(), "ec.pem", &ec, NULL),
	     *rsa_file = save(test_temporary_dir(), "rsa.pem", &rsa, NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(versions); i++) {
		const char *const words[] = { "-cert", rsa_file, "-key", rsa_file, "-dcert", ec_file, "-dkey", ec_file,
			versions[i], NULL };
		struct server server = start(words);
		struct certctl_served served = { 0 };

		ASSERT_OK(probe_port(server.port, CERTCTL_RSA_2048, 20000, &served), err);
		ASSERT_TEXT(served.fingerprint_sha256, rsa.certificate->fingerprint_sha256);
		ASSERT_OK(probe_port(server.port, CERTCTL_ECDSA_P256, 20000, &served), err);
		ASSERT_TEXT(served.fingerprint_sha256, ec.certificate->fingerprint_sha256);
		CU_ASSERT(probe_port(server.port, CERTCTL_ED25519, 20000, &served) < 0);
		stop(&server);
	}
}

static void every_key_type_is_seen(void)
{
	static const enum certctl_key_type types[] = { CERTCTL_ECDSA_P384, CERTCTL_ED25519, CERTCTL_RSA_3072 };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		struct identity one = make_identity_of(types[i], NULL, FIXTURE_NAME, false);
		char *file = save(test_temporary_dir(), "one.pem", &one, NULL);
		const char *const words[] = { "-cert", file, "-key", file, NULL };
		struct server server = start(words);
		struct certctl_served served = { 0 };

		ASSERT_OK(probe_port(server.port, types[i], 20000, &served), err);
		ASSERT_TEXT(served.fingerprint_sha256, one.certificate->fingerprint_sha256);
		stop(&server);
	}
}

static void a_server_that_wants_a_client_certificate_shows_its_own(void)
{
	static const char *const versions[] = { "-tls1_2", "-tls1_3" };
	struct identity one = make_identity(NULL, FIXTURE_NAME, false);
	char *file = save(test_temporary_dir(), "one.pem", &one, NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(versions); i++) {
		const char *const words[] = { "-cert", file, "-key", file, "-Verify", "1", "-verify_return_error",
			versions[i], NULL };
		struct server server = start(words);
		struct certctl_served served = { 0 };

		ASSERT_OK(probe_port(server.port, 0, 20000, &served), err);
		ASSERT_TEXT(served.fingerprint_sha256, one.certificate->fingerprint_sha256);
		stop(&server);
	}
}

/* A socket that listens, accepts by itself, and never says a word. */
static int listen_silently(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void silence_ends_at_the_deadline_and_nothing_at_once(void)
{
	struct certctl_served served = { .chain_length = 77 };
	uint16_t port;
	int fd = listen_silently(&port);

	ASSERT_FAILS(probe_port(port, 0, 100, &served), CERTCTL_E_TIMEOUT, "no answer in time", err);
	close(fd);
	ASSERT_FAILS(probe_port(port, 0, 20000, &served), CERTCTL_E_UNAVAILABLE, "connection refused", err);
	CU_ASSERT_EQUAL(served.chain_length, 77); /* set on success only */
}

static void what_is_no_tls_is_no_success(void)
{
	struct certctl_served served;
	uint16_t port;
	int fd = listen_silently(&port);
	pid_t child = fork();

	if (child == 0) {
		int peer = accept(fd, NULL, NULL);

		_exit(send(peer, "SSH-2.0-OpenSSH\r\n", 17, MSG_NOSIGNAL) == 17 ? 0 : 1);
	}
	ASSERT_FAILS(probe_port(port, 0, 20000, &served), CERTCTL_E_UNAVAILABLE, "TLS", err);
	waitpid(child, NULL, 0);
	close(fd);
}

static void waiting_ends_with_what_was_seen_last(void)
{
	struct identity one = make_identity(NULL, FIXTURE_NAME, false),
			other = make_identity(NULL, FIXTURE_NAME, false);
	char *file = save(test_temporary_dir(), "one.pem", &one, NULL);
	const char *const words[] = { "-cert", file, "-key", file, NULL };
	const char *const expected[] = { other.certificate->fingerprint_sha256, NULL };
	const char *const either[] = { other.certificate->fingerprint_sha256, one.certificate->fingerprint_sha256,
		NULL };
	struct server server = start(words);
	const struct certctl_probe probe = { .address = "127.0.0.1", .port = server.port };
	struct certctl_served served;

	ASSERT_FAILS(certctl_probe_until(&probe, expected, certctl_monotonic_ms() + 1000, &served, &err),
		CERTCTL_E_UNAVAILABLE, "serves", err);
	ASSERT_TEXT(served.fingerprint_sha256, one.certificate->fingerprint_sha256);
	ASSERT_OK(certctl_probe_until(&probe, either, certctl_monotonic_ms() + 20000, &served, &err), err);
	stop(&server);
	ASSERT_FAILS(certctl_probe_until(&probe, either, certctl_monotonic_ms() + 50, &served, &err),
		CERTCTL_E_UNAVAILABLE, "127.0.0.1", err);
	ASSERT_TEXT(served.fingerprint_sha256, "");
}

static void a_probe_of_nothing_is_refused(void)
{
	static const struct certctl_probe rows[] = { { .port = 443 }, { .address = "127.0.0.1" },
		{ .address = "127.0.0.1", .port = 443, .key_type = 99 } };
	struct certctl_served served;

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		CU_ASSERT_EQUAL(certctl_probe_once(&rows[i], certctl_monotonic_ms() + 1000, &served, &err),
			CERTCTL_E_INVALID);
}

const struct test tests[] = {
	TEST(leaf_and_length_of_the_chain_are_seen),
	TEST(of_two_certificates_the_kind_that_is_asked_for_is_seen),
	TEST(every_key_type_is_seen),
	TEST(a_server_that_wants_a_client_certificate_shows_its_own),
	TEST(silence_ends_at_the_deadline_and_nothing_at_once),
	TEST(what_is_no_tls_is_no_success),
	TEST(waiting_ends_with_what_was_seen_last),
	TEST(a_probe_of_nothing_is_refused),
	{ 0 },
};
