/* The plugin's file, loaded as its host does, called with a host of ours by many threads at once. */
#include "test.h"

#include <certctl/json.h>
#include <certctl/notifier.h>
#include <certctl/time.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SECRET  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
#define THREADS 16

/* --- A host and a receiver ------------------------------------------------------------------------------------------- */

struct context {
	int questions, patience; /* cancelled when it was asked that often; 0: never */
	int64_t remaining_ms;
};

static int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return certctl_clock_now_s(certctl_clock_system());
}

static bool cancelled(const struct certctl_host *host)
{
	struct context *context = host->context;

	return context->patience && ++context->questions >= context->patience;
}

static int64_t remaining_ms(const struct certctl_host *host)
{
	const struct context *context = host->context;

	return context->remaining_ms;
}

static struct certctl_host make_host(struct context *context)
{
	return (struct certctl_host){
		.size = sizeof(struct certctl_host),
		.context = context,
		.now_s = now_s,
		.cancelled = cancelled,
		.remaining_ms = remaining_ms,
	};
}

static char receiver_dir[256], receiver_address[64];

/* Started once; it ends with us. */
static void start_receiver(void)
{
	int output[2];

	if (receiver_address[0])
		return;
	snprintf(receiver_dir, sizeof(receiver_dir), "%s", test_temporary_dir());
	if (pipe(output) < 0)
		abort();
	pid_t parent = getpid();

	if (fork() == 0) {
		char *script = talloc_asprintf(NULL, "%s/plugins/notifiers/webhook/receiver.py", test_source_dir());

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		dup2(output[1], 1);
		execlp("python3", "python3", "-B", script, receiver_dir, SECRET, (char *)NULL);
		_exit(127);
	}
	close(output[1]);
	for (size_t len = 0; len < sizeof(receiver_address) - 1; len++)
		if (read(output[0], receiver_address + len, 1) != 1 || receiver_address[len] == '\n') {
			receiver_address[len] = 0;
			break;
		}
	close(output[0]);
}

/* The next answers, one a line. */
static void will_answer(const char *lines)
{
	char *path = talloc_asprintf(test_mem(), "%s/answer", receiver_dir);
	FILE *file = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(lines, file);
	fclose(file);
}

/* --- The plugin ------------------------------------------------------------------------------------------------------ */

static const struct certctl_plugin *load(void)
{
	static const struct certctl_plugin *plugin;

	if (!plugin) {
		char *file = talloc_asprintf(NULL, "%s/plugins/certctl-notifier-webhook.so", test_build_dir());
		void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
		certctl_plugin_fn *descriptor = NULL;

		if (object)
			*(void **)&descriptor = dlsym(object, CERTCTL_PLUGIN_SYMBOL);
		ASSERT_TEXT(object ? "loaded" : dlerror(), "loaded");
		CU_ASSERT_PTR_NOT_NULL_FATAL(descriptor);
		plugin = descriptor();
		talloc_free(file);
	}
	return plugin;
}

static const struct certctl_notifier_ops *ops(void)
{
	return load()->ops;
}

/* Options as an operator writes them, over working ones. */
static void *configure(const char *changes)
{
	char *base = talloc_asprintf(test_mem(),
		"{\"url\": \"https://%s/hooks\", \"secrets\": [\"%s\"], \"ca_file\": \"%s/ca.crt\", \"allow_private\": true}",
		receiver_address, SECRET, receiver_dir);
	CERTCTL_AUTO(json_decref) json_t *options = json_loads(base, 0, NULL);
	CERTCTL_AUTO(json_decref) json_t *more = json_loads(changes, 0, NULL);
	void *config = talloc_zero_size(test_mem(), load()->config_size);
	struct certctl_error err;

	json_object_update(options, more);
	ASSERT_OK(certctl_fields_parse(test_mem(), load()->options, load()->field_size, options,
			  &(struct certctl_field_reading){ 0 }, config, &err),
		err);
	return config;
}

static struct certctl_notifier *open_instance(const struct certctl_host *host, const char *changes)
{
	struct certctl_notifier *notifier = NULL;
	struct certctl_error err;

	ASSERT_OK(ops()->open(host, configure(changes), &notifier, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(notifier);
	return notifier;
}

static struct certctl_message message_of(const char *id)
{
	return (struct certctl_message){ .id = id,
		.kind = CERTCTL_MESSAGE_ALERT,
		.severity = CERTCTL_SEVERITY_WARNING,
		.event = "certificate_expiring",
		.subject = "it expires",
		.created_unix_s = 1800000000 };
}

/* --- Tests ----------------------------------------------------------------------------------------------------------- */

static void secrets_that_are_none_are_refused_unseen(void)
{
	static const char *const rows[] = {
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=", "whsec_",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "whsec_not!base64!not!base64!not!base64!",
		"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
		"whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
	};
	struct context context = { .remaining_ms = 60000 };
	struct certctl_host host = make_host(&context);

	start_receiver();
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char *changes = talloc_asprintf(test_mem(), "{\"secrets\": [\"%s\", \"%s\"]}", SECRET, rows[i]);
		struct certctl_notifier *notifier = NULL;
		struct certctl_error err;

		ASSERT_FAILS(ops()->open(&host, configure(changes), &notifier, &err), CERTCTL_E_INVALID, "secrets[1]",
			err);
		CU_ASSERT_PTR_NULL(notifier);
		if (strlen(rows[i]) > 6)
			CU_ASSERT_PTR_NULL(strstr(err.what, rows[i] + 6));
	}
}

struct sending {
	const struct certctl_host *host;
	struct certctl_notifier *notifier;
	int number, bad;
};

static void *send_many(void *arg)
{
	struct sending *sending = arg;

	for (int i = 0; i < 10; i++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		struct certctl_receipt receipt = { 0 };
		char *id = talloc_asprintf(mem, "msg-%d-%d", sending->number, i);
		struct certctl_message message = message_of(id);

		sending->bad += ops()->send(sending->notifier, sending->host, &message, mem, &receipt, NULL) != 0 ||
				strcmp(receipt.reference, id) != 0;
		talloc_free(mem);
	}
	return NULL;
}

static int count_lines(const char *name)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/%s", receiver_dir, name), "re");
	int lines = 0;

	for (int c = 0; file && (c = fgetc(file)) != EOF;)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

static void one_instance_sends_from_many_threads(void)
{
	struct context context = { .remaining_ms = 60000 };
	struct certctl_host host = make_host(&context);
	struct sending sendings[THREADS];
	pthread_t threads[THREADS];

	start_receiver();
	CU_ASSERT_TRUE(load()->concurrency >= THREADS);
	struct certctl_notifier *notifier = open_instance(&host, "{\"timeout_s\": 60}");

	for (int i = 0; i < THREADS; i++) {
		sendings[i] = (struct sending){ &host, notifier, i, 0 };
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_many, &sendings[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(sendings[i].bad, 0);
	}
	CU_ASSERT_EQUAL(count_lines("deliveries.jsonl"), THREADS * 10);
	CU_ASSERT_EQUAL(count_lines("refused.jsonl"), 0);
	ops()->close(notifier);
}

static void a_call_that_is_given_up_ends(void)
{
	struct context context = { .remaining_ms = 600000, .patience = 2 };
	struct certctl_host host = make_host(&context);
	struct certctl_message message = message_of("msg-cancel");
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err;

	start_receiver();
	struct certctl_notifier *notifier = open_instance(&host, "{\"timeout_s\": 120}");

	will_answer("silent\n");
	ASSERT_FAILS(ops()->send(notifier, &host, &message, test_mem(), &receipt, &err), CERTCTL_E_CANCELLED, NULL,
		err);
	CU_ASSERT_PTR_NULL(receipt.reference);
	ops()->close(notifier);
}

static void what_is_left_of_the_call_bounds_the_delivery(void)
{
	struct context context = { .remaining_ms = 1500 };
	struct certctl_host host = make_host(&context);
	struct certctl_message message = message_of("msg-late");
	struct certctl_receipt receipt = { 0 };
	struct certctl_error err;

	start_receiver();
	struct certctl_notifier *notifier = open_instance(&host, "{\"timeout_s\": 120}");
	int64_t before_ms = certctl_monotonic_ms();

	will_answer("slow\n");
	ASSERT_FAILS(ops()->send(notifier, &host, &message, test_mem(), &receipt, &err), CERTCTL_E_TIMEOUT, NULL, err);
	CU_ASSERT_TRUE(certctl_monotonic_ms() - before_ms < 60000);
	ops()->close(notifier);
}

static void messages_that_make_no_sense_are_refused(void)
{
	struct context context = { .remaining_ms = 60000 };
	struct certctl_host host = make_host(&context);
	struct certctl_message good = message_of("msg-x"), rows[5];
	const char *const words[] = { "kind", "severity", "id", "UTF-8", "header" };

	start_receiver();
	struct certctl_notifier *notifier = open_instance(&host, "{}");

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		rows[i] = good;
	rows[0].kind = 17;
	rows[1].severity = 0;
	rows[2].id = "";
	rows[3].subject = "\xff";
	rows[4].id = "msg\r\nX-Injected: yes";
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_receipt receipt = { 0 };
		struct certctl_error err;

		ASSERT_FAILS(ops()->send(notifier, &host, &rows[i], test_mem(), &receipt, &err), CERTCTL_E_INVALID,
			words[i], err);
	}
	ops()->close(notifier);
}

const struct test tests[] = {
	TEST(secrets_that_are_none_are_refused_unseen),
	TEST(one_instance_sends_from_many_threads),
	TEST(a_call_that_is_given_up_ends),
	TEST(what_is_left_of_the_call_bounds_the_delivery),
	TEST(messages_that_make_no_sense_are_refused),
	{ 0 },
};
