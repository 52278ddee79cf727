/* The transaction with a plugin's own steps: a target that is told and asked by operations, not by argv and TLS. */
#include "fixture.h"

#include <agent/deploy/deployer.h>

/* What stands at the other end of the operations. */
struct server {
	const char *key_path;
	char *served;           /* fingerprint, as it was loaded last */
	const char *pending[2]; /* what an activation loads: the new one, or what was before */
	unsigned activations;
	bool refuses, stays_deaf;
	unsigned lag; /* how often it still shows the old one after an activation */
};

static int validate(const struct certctl_deploy_task *task, struct certctl_error *error)
{
	const struct server *server = task->target;

	return server->refuses ? certctl_fail(error, CERTCTL_E_DENIED, "not like this") : 0;
}

/* Loads what is in place: the new pair when the key there is not the first one. */
static int activate(const struct certctl_deploy_task *const *tasks, struct certctl_error *error)
{
	struct server *server = tasks[0]->target;
	char *text = get(server->key_path);

	(void)error;
	server->activations++;
	if (!server->stays_deaf)
		server->served = talloc_strdup(test_mem(),
			text && strcmp(text, "first key\n") != 0 ? server->pending[0] : server->pending[1]);
	return 0;
}

static int served(const struct certctl_deploy_task *task, TALLOC_CTX *mem, const char **ret,
	struct certctl_error *error)
{
	struct server *server = task->target;
	bool is_late = server->activations == 1 && server->lag > 0;

	(void)error;
	server->lag -= is_late;
	*ret = talloc_strdup(mem, is_late ? server->pending[1] : server->served);
	return 0;
}

static const struct certctl_deploy_operations operations = { validate, activate, served };

static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF };
static const struct certctl_part key = { .kind = CERTCTL_PART_KEY };
static const struct certctl_part *const leaf_only[] = { &leaf, NULL }, *const key_only[] = { &key, NULL };

/* A folder with a first pair, a deployer for it, and a task. */
struct scene {
	char *dir, *certificate_path, *key_path;
	struct certctl_deployer *deployer;
	struct server server;
	struct certctl_plan_file files[2];
	const struct certctl_plan_file *rows[3];
	struct certctl_plan plan;
	struct certctl_deploy_task task;
};

static struct scene *make_scene(struct pair *pair)
{
	struct scene *scene = talloc_zero(test_mem(), struct scene);
	const char **paths = talloc_zero_array(scene, const char *, 2);

	scene->dir = path_in(test_temporary_dir(), "etc");
	mkdir(scene->dir, 0755);
	scene->certificate_path = path_in(scene->dir, "site.pem");
	scene->key_path = path_in(scene->dir, "site.key");
	put(scene->certificate_path, "first certificate\n");
	put(scene->key_path, "first key\n");
	paths[0] = scene->dir;
	const struct certctl_deployer_options options = {
		.state_dir = path_in(test_temporary_dir(), "state"), .policy = { .paths = paths }, .rollback_hours = 24
	};

	ASSERT_OK(certctl_deployer_new(test_mem(), &options, &scene->deployer, &err), err);
	scene->server = (struct server){ .key_path = scene->key_path,
		.served = (char *)"first",
		.pending = { pair->bundle.fingerprint_sha256, "first" } };
	scene->files[0] = (struct certctl_plan_file){
		.path = scene->certificate_path, .encoding = CERTCTL_FILE_PEM, .parts = leaf_only
	};
	scene->files[1] =
		(struct certctl_plan_file){ .path = scene->key_path, .encoding = CERTCTL_FILE_PEM, .parts = key_only };
	scene->rows[0] = &scene->files[0];
	scene->rows[1] = &scene->files[1];
	scene->plan.files = scene->rows;
	scene->plan.probe_timeout_s = 1;
	scene->task = (struct certctl_deploy_task){ .id = "job-1",
		.binding = "bnd-1",
		.bundle = &pair->bundle,
		.key = pair->leaf.key,
		.sequence = 1,
		.plan = &scene->plan,
		.operations = &operations,
		.target = &scene->server };
	return scene;
}

static struct certctl_deploy_report *deploy(struct scene *scene)
{
	const struct certctl_deploy_task *const tasks[] = { &scene->task, NULL };
	struct certctl_deploy_report *reports = NULL;
	int rc = certctl_deploy_tasks(scene->deployer, test_mem(), tasks, &reports, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reports);
	bool is_good = reports[0].outcome == CERTCTL_DEPLOY_COMPLETED || reports[0].outcome == CERTCTL_DEPLOY_UNCHANGED;

	CU_ASSERT_EQUAL(rc == 0, is_good);
	CU_ASSERT_EQUAL(rc, reports[0].error.code);
	return &reports[0];
}

static void assert_first_pair(const struct scene *scene)
{
	struct stat status;

	ASSERT_TEXT(get(scene->certificate_path), "first certificate\n");
	ASSERT_TEXT(get(scene->key_path), "first key\n");
	CU_ASSERT_EQUAL(lstat(scene->key_path, &status), 0);
	CU_ASSERT_TRUE(S_ISREG(status.st_mode));
	CU_ASSERT_FALSE(is_there(path_in(scene->dir, ".certctl")));
}

static void operations_stand_in_for_commands_and_probe(void)
{
	struct pair *pair = make_pair();
	struct scene *scene = make_scene(pair);
	struct certctl_deploy_report *report = deploy(scene);

	CU_ASSERT_EQUAL(report->outcome, CERTCTL_DEPLOY_COMPLETED);
	CU_ASSERT_TRUE(report->verified);
	ASSERT_TEXT(report->served_fingerprint, pair->bundle.fingerprint_sha256);
	CU_ASSERT_EQUAL(scene->server.activations, 1);
	report = deploy(scene);
	CU_ASSERT_EQUAL(report->outcome, CERTCTL_DEPLOY_UNCHANGED);
	CU_ASSERT_TRUE(report->verified);
	CU_ASSERT_EQUAL(scene->server.activations, 1);
	scene->server.served = (char *)"somebody else's";
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_COMPLETED);
	CU_ASSERT_EQUAL(scene->server.activations, 2);
}

static void a_server_that_takes_its_time_is_asked_again(void)
{
	struct scene *scene = make_scene(make_pair());

	scene->server.lag = 3;
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_COMPLETED);
	CU_ASSERT_EQUAL(scene->server.lag, 0);
}

static void a_refusal_of_the_plugin_puts_back(void)
{
	struct scene *scene = make_scene(make_pair());

	scene->server.refuses = true;
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_ROLLED_BACK);
	assert_first_pair(scene);
	CU_ASSERT_EQUAL(scene->server.activations, 0);
}

static void a_server_that_does_not_load_puts_back(void)
{
	struct scene *scene = make_scene(make_pair());

	scene->server.stays_deaf = true;
	struct certctl_deploy_report *report = deploy(scene);

	CU_ASSERT_EQUAL(report->outcome, CERTCTL_DEPLOY_ROLLED_BACK);
	ASSERT_TEXT(report->served_fingerprint, "first");
	assert_first_pair(scene);
	CU_ASSERT_EQUAL(scene->server.activations, 2);
}

static void recover_one(void *arg, const char *id, const struct certctl_deploy_report *report)
{
	ASSERT_TEXT(id, "job-1");
	*(struct certctl_deploy_report *)arg = *report;
}

/* As a crash between swap and activation leaves it. */
static void without_the_plugin_recovery_puts_the_files_back_and_says_so(void)
{
	struct scene *scene = make_scene(make_pair());
	struct certctl_deploy_report report = { 0 };
	struct transaction transaction = { .mem = test_mem(),
		.work = talloc_new(test_mem()),
		.deployer = scene->deployer,
		.task = &scene->task,
		.report = &report,
		.state = DEPLOY_RUNNING,
		.store_fd = -1 };
	bool is_unchanged = true;

	ASSERT_OK(deploy_prepare(&transaction, &is_unchanged, &err), err);
	CU_ASSERT_FALSE(is_unchanged);
	ASSERT_OK(deploy_stage(&transaction, &err), err);
	ASSERT_TEXT(get(scene->key_path), "first key\n"); /* staging shows nothing new */
	ASSERT_OK(deploy_swap(&transaction, &err), err);
	CU_ASSERT_STRING_NOT_EQUAL(get(scene->key_path), "first key\n");
	close(transaction.store_fd);
	ASSERT_OK(certctl_deploy_recover(scene->deployer, recover_one, &report, &err), err);
	CU_ASSERT_EQUAL(report.outcome, CERTCTL_DEPLOY_BROKEN);
	CU_ASSERT_TRUE(report.error.retryable);
	assert_first_pair(scene);
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_COMPLETED);
}

static void a_task_without_a_plan_is_refused_with_the_plugins_words(void)
{
	struct scene *scene = make_scene(make_pair());
	struct certctl_error why;

	certctl_fail(&why, CERTCTL_E_CRASHED, "the plugin fell over");
	scene->task.plan = NULL;
	scene->task.refused = &why;
	struct certctl_deploy_report *report = deploy(scene);

	CU_ASSERT_EQUAL(report->outcome, CERTCTL_DEPLOY_REFUSED);
	ASSERT_TEXT(report->error.what, "the plugin fell over");
	assert_first_pair(scene);
}

static void plans_that_make_no_sense_are_refused(void)
{
	static const struct certctl_probe no_port = { .address = "127.0.0.1" };
	static const struct certctl_probe *const probes[] = { &no_port, NULL };
	struct scene *scene = make_scene(make_pair());
	static const char *const ids[] = { "", "../x", "a b", "A", ".staging" };

	for (size_t i = 0; i < CERTCTL_COUNT(ids); i++) {
		scene->task.id = ids[i];
		CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_REFUSED);
		scene->task.id = "job-1";
		scene->task.binding = ids[i];
		CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_REFUSED);
		scene->task.binding = "bnd-1";
	}
	scene->plan.probes = probes;
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_REFUSED);
	scene->plan.probes = NULL;
	scene->files[1].path = scene->certificate_path;
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_REFUSED);
	scene->rows[0] = NULL;
	CU_ASSERT_EQUAL(deploy(scene)->outcome, CERTCTL_DEPLOY_REFUSED);
	assert_first_pair(scene);
}

static void no_key_is_left_in_the_report(void)
{
	struct pair *pair = make_pair();
	struct scene *scene = make_scene(pair);
	struct certctl_deploy_report *report = deploy(scene);
	char *text = get(scene->key_path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (const struct certctl_deploy_step *const *step = report->steps; *step; step++)
		CU_ASSERT_PTR_NULL(strstr((*step)->detail, text));
}

const struct test tests[] = {
	TEST(operations_stand_in_for_commands_and_probe),
	TEST(a_server_that_takes_its_time_is_asked_again),
	TEST(a_refusal_of_the_plugin_puts_back),
	TEST(a_server_that_does_not_load_puts_back),
	TEST(without_the_plugin_recovery_puts_the_files_back_and_says_so),
	TEST(a_task_without_a_plan_is_refused_with_the_plugins_words),
	TEST(plans_that_make_no_sense_are_refused),
	TEST(no_key_is_left_in_the_report),
	{ 0 },
};
