/* Finding, describing and caching plugins; a hello between versions that do not match. */
#include "hosting.h"

#include <certctl/files.h>
#include <dirent.h>
#include <fcntl.h>
#include <frame.h>
#include <protocol.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *copy_plugin(const char *from, const char *dir, const char *name)
{
	char *to = talloc_asprintf(test_mem(), "%s/%s", dir, name), *data = NULL;
	struct certctl_error err = { 0 };
	size_t len = 0;
	int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ASSERT_OK(certctl_file_read_path(test_mem(), from, (size_t)64 << 20, &data, &len, &err), err);
	CU_ASSERT_EQUAL(write(fd, data, len), (ssize_t)len);
	close(fd);
	return to;
}

static void a_description_has_all_an_operator_asks_for(void)
{
	const struct certctl_description *good = NULL, *again = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "good", &good, &err), err);
	CU_ASSERT_EQUAL(good->kind, CERTCTL_ISSUER);
	ASSERT_TEXT(good->id, "good");
	ASSERT_TEXT(good->version, "1.2.3");
	CU_ASSERT(good->abi_major == 1 && good->abi_minor == 0 && good->concurrency == 4);
	CU_ASSERT_EQUAL(good->needs, CERTCTL_NEEDS_FILES);
	ASSERT_TEXT(good->options[0].name, "text");
	ASSERT_TEXT(good->options[0].fallback, "hello");
	CU_ASSERT(good->caps & CERTCTL_ISSUER_CAN_FIND && !(good->caps & CERTCTL_ISSUER_CAN_SIGN));
	ASSERT_TEXT(good->operations[0], "test");
	ASSERT_TEXT(certctl_json_text_or(good->json, "kind", ""), "issuer");
	ASSERT_TEXT(certctl_json_text_or(good->json, "sha256", ""), good->sha256);
	CU_ASSERT(json_is_object(json_object_get(good->json, "options_schema")));
	CU_ASSERT(json_is_object(json_object_get(good->json, "item_options_schema")));
	ASSERT_OK(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "good", &again, &err), err);
	CU_ASSERT_PTR_EQUAL(good, again);
}

static void a_plugin_that_is_not_there_is_missed_by_directory(void)
{
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "unicorn", &description, &err),
		CERTCTL_E_NOT_FOUND, "certctl-issuer-unicorn.so in ", err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "/zoo"));
	ASSERT_FAILS(certctl_plugin_describe(zoo_pool(), CERTCTL_ISSUER, "../good", &description, &err),
		CERTCTL_E_INVALID, "plugin names are", err);
}

static void a_plugin_that_is_not_enabled_is_not_opened(void)
{
	const char *enabled[] = { "issuer/other", NULL };
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .enabled = enabled });
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), CERTCTL_E_DENIED,
		"plugin issuer/good is not enabled", err);
	end_pool(pool);
}

static void a_file_that_others_may_write_is_refused(void)
{
	const char *dir = test_temporary_dir();
	char *file = copy_plugin(zoo_file("issuer-good"), dir, "certctl-issuer-good.so");
	char *named = copy_plugin(zoo_file("issuer-good"), dir, "good.so");
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_plugin_describe_file(zoo_pool(), file, &description, &err), err);
	ASSERT_FAILS(certctl_plugin_describe_file(zoo_pool(), named, &description, &err), CERTCTL_E_INVALID,
		"a file named certctl-<issuer|target|notifier>-<id>.so", err);
	chmod(file, 0664);
	ASSERT_FAILS(certctl_plugin_describe_file(zoo_pool(), file, &description, &err), CERTCTL_E_DENIED,
		"writable by others (mode 0664)", err);
	chmod(file, 0644);
	chmod(dir, 0777);
	ASSERT_FAILS(certctl_plugin_describe_file(zoo_pool(), file, &description, &err), CERTCTL_E_DENIED,
		"writable by others (mode 0777)", err);
	chmod(dir, 0700);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(file, 12345, 0), 0);
		ASSERT_FAILS(certctl_plugin_describe_file(zoo_pool(), file, &description, &err), CERTCTL_E_DENIED,
			"owned by user 12345", err);
	}
	ASSERT_FAILS(certctl_plugin_describe_file(zoo_pool(), dir, &description, &err), CERTCTL_E_DENIED,
		"not a plain file", err);
}

struct listed {
	unsigned good, refused, duplicates;
};

static void count(void *arg, const char *file, const struct certctl_description *description,
	const struct certctl_error *why)
{
	struct listed *listed = arg;

	CU_ASSERT(file && (description == NULL) != (why == NULL));
	listed->good += description != NULL;
	listed->refused += why != NULL;
	listed->duplicates += why && strstr(why->what, "was found in") != NULL;
}

static void a_list_has_good_and_bad_and_names_what_is_there_twice(void)
{
	const char *first = test_temporary_dir(), *second = test_temporary_dir();
	const char *dirs[] = { first, "/nowhere/at/all", second, NULL };
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .plugin_dirs = dirs });
	struct listed listed = { 0 };
	struct certctl_error err = { 0 };

	copy_plugin(zoo_file("issuer-good"), first, "certctl-issuer-good.so");
	copy_plugin(zoo_file("issuer-good"), second, "certctl-issuer-good.so");
	copy_plugin(zoo_file("target-good"), second, "certctl-target-good.so");
	copy_plugin(zoo_file("issuer-no-symbol"), second, "certctl-issuer-no-symbol.so");
	copy_plugin(zoo_file("issuer-good"), second, "README");
	ASSERT_OK(certctl_plugins_list(pool, count, &listed, &err), err);
	CU_ASSERT_EQUAL(listed.good, 2);
	CU_ASSERT_EQUAL(listed.refused, 2);
	CU_ASSERT_EQUAL(listed.duplicates, 1);
	end_pool(pool);
}

static char *only_file_in(const char *dir)
{
	DIR *open_dir = opendir(dir);
	char *path = NULL;

	for (struct dirent *entry = readdir(open_dir); entry; entry = readdir(open_dir))
		if (entry->d_name[0] != '.')
			path = talloc_asprintf(test_mem(), "%s/%s", dir, entry->d_name);
	closedir(open_dir);
	return path;
}

static void a_cache_saves_the_look_and_a_spoilt_one_is_made_again(void)
{
	/* Without its program a pool can only know what the cache says. */
	struct certctl_pool_options with = { .cache_dir =
						     talloc_asprintf(test_mem(), "%s/cache", test_temporary_dir()) };
	struct certctl_pool_options without = { .cache_dir = with.cache_dir,
		.host_program = "/nowhere/certctl-plugin-host" };
	const struct certctl_description *description = NULL;
	struct certctl_error err = { 0 };
	struct certctl_pool *pool = zoo_pool_with(with);

	ASSERT_OK(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), err);
	end_pool(pool);
	pool = zoo_pool_with(without);
	ASSERT_OK(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), err);
	ASSERT_TEXT(description->version, "1.2.3");
	end_pool(pool);

	char *cached = only_file_in(with.cache_dir);

	CU_ASSERT_PTR_NOT_NULL_FATAL(cached);
	CU_ASSERT_EQUAL(truncate(cached, 100), 0);
	pool = zoo_pool_with(without);
	ASSERT_FAILS(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), CERTCTL_E_NOT_FOUND,
		"/nowhere/certctl-plugin-host", err);
	end_pool(pool);
	pool = zoo_pool_with(with);
	ASSERT_OK(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), err);
	end_pool(pool);
	pool = zoo_pool_with(without);
	ASSERT_OK(certctl_plugin_describe(pool, CERTCTL_ISSUER, "good", &description, &err), err);
	end_pool(pool);
}

static void a_file_that_changed_since_is_not_started(void)
{
	const char *dir = test_temporary_dir();
	const char *dirs[] = { dir, NULL };
	struct certctl_pool *pool = zoo_pool_with((struct certctl_pool_options){ .plugin_dirs = dirs });
	char *file = copy_plugin(zoo_file("issuer-good"), dir, "certctl-issuer-good.so");
	struct certctl_connector *good = zoo_open_in(pool, CERTCTL_ISSUER, "good", NULL, NULL);
	struct certctl_error err = { 0 };
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);

	CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
	close(fd);
	ASSERT_FAILS(certctl_connector_test(good, NULL, &err), CERTCTL_E_CONFLICT, "has changed since it was described",
		err);
	talloc_free(good);
	end_pool(pool);
}

/* The program itself, spoken to by hand. */
static json_t *say_hello(json_t *hello)
{
	char *program = talloc_asprintf(test_mem(), "%s/bin/certctl-plugin-host", test_build_dir());
	char *argv[] = { program, NULL }, *environment[] = { NULL };
	json_t *frame = json_pack("{s:o}", "hello", hello), *reply = NULL;
	posix_spawn_file_actions_t actions;
	struct certctl_frame_reader reader;
	struct certctl_error err = { 0 };
	int fds[2];
	pid_t pid = 0;

	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], CERTCTL_PROTOCOL_FD);
	CU_ASSERT_EQUAL(posix_spawn(&pid, program, &actions, NULL, argv, environment), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	certctl_frame_reader_init(&reader, fds[0], CERTCTL_FRAME_MAX);
	ASSERT_OK(certctl_frame_send(fds[0], frame, CERTCTL_FRAME_MAX, CERTCTL_FRAME_FOREVER, &err), err);
	ASSERT_OK(certctl_frame_receive(&reader, CERTCTL_FRAME_FOREVER, &reply, &err), err);
	certctl_frame_reader_done(&reader);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	json_decref(frame);
	return reply;
}

static void an_old_parent_and_a_new_process_say_why_they_do_not_match(void)
{
	static const struct {
		int min, max;
		const char *words; /* NULL: they match */
	} rows[] = {
		{ 2, 2, NULL },
		{ 1, 99, NULL },
		{ 1, 1, "speaks protocol 2 to 2, its parent certctl 9.0 1 to 1" },
		{ 3, 9, "speaks protocol 2 to 2, its parent certctl 9.0 3 to 9" },
		{ 0, 0, "speaks protocol 2 to 2, its parent certctl 9.0 0 to 0" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		json_t *reply = say_hello(json_pack("{s:i, s:i, s:i, s:s, s:s, s:s}", "protocol_min", rows[i].min,
			"protocol_max", rows[i].max, "lanes", 1, "program", "certctl 9.0", "mode", "describe", "file",
			zoo_file("issuer-good")));
		const json_t *body = json_object_get(reply, "hello"), *error = json_object_get(body, "error");

		if (rows[i].words) {
			CU_ASSERT_PTR_NOT_NULL(strstr(certctl_json_text_or(error, "what", ""), rows[i].words));
			CU_ASSERT_EQUAL(certctl_json_integer_or(body, "protocol_max", 0), CERTCTL_PROTOCOL_MAX);
		} else {
			CU_ASSERT_PTR_NULL(error);
			CU_ASSERT_EQUAL(certctl_json_integer_or(body, "protocol", 0), 2);
		}
		json_decref(reply);
	}
}

static void a_process_without_its_lanes_says_so(void)
{
	static const struct {
		const char *hello, *words;
	} rows[] = {
		{ "{}", "lanes: 1 to 64 expected" },
		{ "{\"lanes\": 0}", "lanes: 1 to 64 expected" },
		{ "{\"lanes\": 65}", "lanes: 1 to 64 expected" },
		{ "{\"lanes\": true}", "lanes: 1 to 64 expected" },
		{ "{\"lanes\": 2}", "lanes: 1 is no socket" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		json_t *hello = json_loads(rows[i].hello, 0, NULL);

		json_object_set_new(hello, "protocol_min", json_integer(CERTCTL_PROTOCOL_MIN));
		json_object_set_new(hello, "protocol_max", json_integer(CERTCTL_PROTOCOL_MAX));
		json_t *reply = say_hello(hello);
		const json_t *error = json_object_get(json_object_get(reply, "hello"), "error");

		ASSERT_TEXT(certctl_json_text_or(error, "what", ""), rows[i].words);
		ASSERT_TEXT(certctl_json_text_or(error, "code", ""), "protocol");
		json_decref(reply);
	}
}

static void the_pool_ends_all_it_started(void)
{
	end_pool(zoo_pool());
}

const struct test tests[] = {
	TEST(a_description_has_all_an_operator_asks_for),
	TEST(a_plugin_that_is_not_there_is_missed_by_directory),
	TEST(a_plugin_that_is_not_enabled_is_not_opened),
	TEST(a_file_that_others_may_write_is_refused),
	TEST(a_list_has_good_and_bad_and_names_what_is_there_twice),
	TEST(a_cache_saves_the_look_and_a_spoilt_one_is_made_again),
	TEST(a_file_that_changed_since_is_not_started),
	TEST(an_old_parent_and_a_new_process_say_why_they_do_not_match),
	TEST(a_process_without_its_lanes_says_so),
	TEST(the_pool_ends_all_it_started),
	{ 0 },
};
