/*
 * Durable deployment of one certificate, files only: check, journal, generation, swap, record.  Beside it the same bytes written
 * with write and fsync into two files, which is what the disk asks of anybody.
 */
#include "bench.h"

#include <agent/deploy/deploy_plan.h>
#include <certctl/certificate.h>
#include <certctl/files.h>
#include <certctl/time.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "bench.example.test"

static struct certctl_error err;

static void need(int rc, const char *what)
{
	if (rc < 0)
		bench_die(what, err.what);
}

/* Two pairs, deployed by turns. */
struct material {
	struct certctl_key *key;
	struct certctl_certificate *leaf;
	char *pem;
	struct certctl_secret key_pem;
	struct certctl_bundle bundle;
};

static void make_material(TALLOC_CTX *mem, struct material *ret)
{
	static const struct certctl_name name = { .type = CERTCTL_NAME_DNS, .text = NAME };
	static const struct certctl_name *const names[] = { &name, NULL };
	static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
	int64_t now_s = certctl_clock_now_s(certctl_clock_system());
	unsigned char serial[20];
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = NAME,
		.names = names,
		.not_before_unix_s = now_s - 300,
		.not_after_unix_s = now_s + 86400,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = server_auth,
		.path_length = -1 };
	struct certctl_certificate_issuer issuer = { 0 };
	struct certctl_bytes tbs, der;

	need(certctl_serial_make(serial, &err), "serial");
	need(certctl_key_generate(mem, CERTCTL_ECDSA_P256, &ret->key, &err), "key");
	need(certctl_key_public(mem, ret->key, &template_.public_key, &err), "key");
	issuer.key = ret->key;
	need(certctl_certificate_tbs(mem, &template_, &issuer, &tbs, &err), "certificate");
	need(certctl_certificate_sign(mem, &tbs, &issuer, &der, &err), "certificate");
	ret->pem = certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len);
	need(certctl_certificate_read(mem, ret->pem, strlen(ret->pem), &ret->leaf, &err), "certificate");
	need(certctl_key_write(mem, ret->key, CERTCTL_KEY_PKCS8_PEM, &ret->key_pem, &err), "key");
	ret->bundle = (struct certctl_bundle){ .certificate_id = "mc-bench",
		.version_id = "ver-bench",
		.names = names,
		.fingerprint_sha256 = ret->leaf->fingerprint_sha256,
		.leaf_pem = ret->pem,
		.chain_pem = "",
		.key_type = CERTCTL_ECDSA_P256 };
}

struct scene {
	TALLOC_CTX *mem;
	struct material materials[2];
	struct certctl_deployer *deployer;
	struct certctl_plan plan;
	const struct certctl_plan_file *rows[3];
	struct certctl_plan_file files[2];
	uint64_t count;
	int plain_fd;
};

static void deploy(void *arg, unsigned thread)
{
	struct scene *scene = arg;
	const struct material *material = &scene->materials[scene->count % 2];
	TALLOC_CTX *mem = talloc_new(scene->mem);
	char id[32];

	(void)thread;
	snprintf(id, sizeof(id), "job-%" PRIu64, ++scene->count);
	const struct certctl_deploy_task task = { .id = id,
		.binding = "bnd-bench",
		.bundle = &material->bundle,
		.key = material->key,
		.sequence = (int64_t)scene->count,
		.plan = &scene->plan };
	const struct certctl_deploy_task *const tasks[] = { &task, NULL };
	struct certctl_deploy_report *reports;

	need(certctl_deploy_tasks(scene->deployer, mem, tasks, &reports, &err), "deploy");
	if (reports[0].outcome != CERTCTL_DEPLOY_COMPLETED)
		bench_die("deploy", "it was unchanged: nothing was measured");
	talloc_free(mem);
}

/* The least that is durable: two files of the same content, each written beside its place, synced and renamed. */
static void write_plainly(void *arg, unsigned thread)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct scene *scene = arg;
	const struct material *material = &scene->materials[0];

	(void)thread;
	need(certctl_file_replace(scene->plain_fd, "site.pem", material->pem, strlen(material->pem), &private, &err),
		"file");
	need(certctl_file_replace(scene->plain_fd, "site.key", material->key_pem.data, material->key_pem.len, &private,
		     &err),
		"file");
}

static void set_up(struct scene *scene, const char *dir)
{
	static const struct certctl_part leaf = { .kind = CERTCTL_PART_LEAF }, key = { .kind = CERTCTL_PART_KEY };
	static const struct certctl_part *const leaf_only[] = { &leaf, NULL }, *const key_only[] = { &key, NULL };
	const char **paths = talloc_zero_array(scene->mem, const char *, 2);
	char *etc = talloc_asprintf(scene->mem, "%s/etc", dir), *plain = talloc_asprintf(scene->mem, "%s/plain", dir);

	if (mkdir(etc, 0755) < 0)
		bench_die(etc, "cannot be made");
	need(certctl_dir_make(plain, 0755, &scene->plain_fd, &err), "folder");
	paths[0] = etc;
	const struct certctl_deployer_options options = { .state_dir = talloc_asprintf(scene->mem, "%s/state", dir),
		.policy = { .paths = paths } };

	need(certctl_deployer_new(scene->mem, &options, &scene->deployer, &err), "deployer");
	make_material(scene->mem, &scene->materials[0]);
	make_material(scene->mem, &scene->materials[1]);
	scene->files[0] = (struct certctl_plan_file){ .path = talloc_asprintf(scene->mem, "%s/site.pem", etc),
		.encoding = CERTCTL_FILE_PEM,
		.parts = leaf_only };
	scene->files[1] = (struct certctl_plan_file){
		.path = talloc_asprintf(scene->mem, "%s/site.key", etc), .encoding = CERTCTL_FILE_PEM, .parts = key_only
	};
	scene->rows[0] = &scene->files[0];
	scene->rows[1] = &scene->files[1];
	scene->plan.files = scene->rows;
}

int main(void)
{
	const char *base = getenv("TMPDIR");
	struct scene scene = { .mem = talloc_new(NULL) };
	char *dir = talloc_asprintf(scene.mem, "%s/certctl-bench-XXXXXX", base ? base : "/tmp");

	if (!mkdtemp(dir))
		bench_die(dir, "cannot be made");
	set_up(&scene, dir);
	const struct bench_side sides[] = { { "two files, written durably", write_plainly, &scene, NULL },
		{ "deployment", deploy, &scene, NULL }, { 0 } };

	bench_compare(&(struct bench){ .name = "deploy.files",
			      .what = "one certificate deployed durably, without a server" },
		sides);
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *name = strrchr(dir, '/');

	*name = 0;
	need(certctl_dir_open(dir, &fd, &err), "folder");
	need(certctl_tree_remove(fd, name + 1, &err), "folder");
	close(scene.plain_fd);
	talloc_free(scene.mem);
	return 0;
}
