/* Where the CA comes from: made once whatever crashes or starts beside it, or given with its key. */
#include "local_ca.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_ca_is_made_once_and_found_again(void)
{
	static const char *const types[] = { "RSA_2048", "ECDSA_P256", "ECDSA_P384", "ED25519" };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		const char *directory = test_temporary_dir(), *first, *config;
		struct certctl_issuer *ca = NULL;
		struct memory memory = { 0 };
		struct certctl_error err;
		struct stat status;

		config = in_directory(directory, talloc_asprintf(test_mem(), ", \"key_type\": \"%s\"", types[i]));
		ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
		ops()->close(ca);
		first = read_file(directory, "ca/ca.crt");
		ASSERT_TEXT(certctl_key_type_name(read_pem(first)->key_type), types[i]);
		ASSERT_TEXT(memory.value, read_pem(first)->public_key_sha256);
		CU_ASSERT_EQUAL(stat(talloc_asprintf(test_mem(), "%s/ca/ca.key", directory), &status), 0);
		CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
		ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
		ops()->close(ca);
		ASSERT_TEXT(read_file(directory, "ca/ca.crt"), first);
	}
}

static void hosts_that_start_at_once_make_one_ca(void)
{
	const char *directory = test_temporary_dir(), *config = in_directory(directory, "");
	pid_t children[6];

	plugin();
	for (size_t i = 0; i < CERTCTL_COUNT(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct certctl_issuer *ca = NULL;
			struct certctl_issued issued;
			struct certctl_error err;
			struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);

			order.serial = NULL;
			if (open_ca(config, NULL, &ca, &err) < 0 || issue(ca, &order, &issued, &err) < 0)
				_exit(1);
			_exit(strcmp(issued.chain_pem, read_file(directory, "ca/ca.crt")) == 0 ? 0 : 2);
		}
	}
	for (size_t i = 0; i < CERTCTL_COUNT(children); i++) {
		int status = -1;

		waitpid(children[i], &status, 0);
		CU_ASSERT_EQUAL(status, 0);
	}
}

/* What a crash leaves before the rename: with its record it is finished, without it is made anew. */
static void a_crash_in_between_is_finished_or_forgotten(void)
{
	const char *directory = test_temporary_dir(), *config = in_directory(directory, ""), *made;
	struct certctl_issuer *ca = NULL;
	struct memory memory = { 0 };
	struct certctl_error err;

	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	made = read_file(directory, "ca/ca.crt");
	CU_ASSERT_EQUAL(rename(talloc_asprintf(test_mem(), "%s/ca", directory),
				talloc_asprintf(test_mem(), "%s/ca.new", directory)),
		0);
	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	ASSERT_TEXT(read_file(directory, "ca/ca.crt"), made);

	CU_ASSERT_EQUAL(rename(talloc_asprintf(test_mem(), "%s/ca", directory),
				talloc_asprintf(test_mem(), "%s/ca.new", directory)),
		0);
	unlink(talloc_asprintf(test_mem(), "%s/ca.new/ca.crt", directory));
	memory = (struct memory){ 0 };
	ASSERT_OK(open_ca(config, &memory, &ca, &err), err);
	ops()->close(ca);
	CU_ASSERT_NOT_EQUAL(strcmp(read_file(directory, "ca/ca.crt"), made), 0);
	CU_ASSERT_PTR_NULL(read_file(directory, "ca.new/ca.key"));
}

static void a_server_without_the_recorded_ca_refuses(void)
{
	const char *first = test_temporary_dir(), *second = test_temporary_dir(), *third = test_temporary_dir();
	struct certctl_issuer *ca = NULL;
	struct memory memory = { 0 }, race = { .is_lost = true };
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_host host = make_host(&memory);
	struct certctl_issued issued = { 0 };
	struct certctl_error err;

	ASSERT_OK(open_ca(in_directory(first, ""), &memory, &ca, &err), err);
	ops()->close(ca);
	ASSERT_FAILS(open_ca(in_directory(second, ""), &memory, &ca, &err), CERTCTL_E_CONFLICT, "is not in", err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "Copy the folder ca"));
	CU_ASSERT_PTR_NULL(read_file(second, "ca/ca.key"));
	ASSERT_FAILS(open_ca(in_directory(third, ""), &race, &ca, &err), CERTCTL_E_CONFLICT, "not that of this issuer",
		err);
	CU_ASSERT_PTR_NULL(read_file(third, "ca/ca.key"));
	CU_ASSERT_PTR_NULL(read_file(third, "ca.new/ca.key"));

	/* Opened where no state was kept, asked to sign where it is. */
	ASSERT_OK(open_ca(in_directory(second, ""), NULL, &ca, &err), err);
	ASSERT_FAILS(ops()->issue(ca, &host, &order, test_mem(), &issued, &err), CERTCTL_E_CONFLICT, "not that of this",
		err);
	ops()->close(ca);
}

static const char *write_file(const char *directory, const char *name, const void *data, size_t len)
{
	const char *path = talloc_asprintf(test_mem(), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");

	fwrite(data, 1, len, file);
	fclose(file);
	return path;
}

/* A root, a CA below it, and the files an operator would have. */
struct hierarchy {
	const char *directory, *certificate, *key, *chain, *other_key;
	struct certctl_certificate *root, *sub;
};

static struct certctl_certificate *make_ca(const char *subject, const struct certctl_key *key,
	const struct certctl_certificate_issuer *issuer, const char *const *permitted)
{
	static const unsigned char serial[] = { 1, 2, 3 };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = 3,
		.subject = subject,
		.not_before_unix_s = NOW - 10 * DAY,
		.not_after_unix_s = NOW + 1000 * DAY,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = issuer->certificate ? 0 : -1,
		.permitted_dns = permitted };
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), key, &template_.public_key, &err), err);
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &certificate, &err), err);
	return certificate;
}

static struct hierarchy make_hierarchy(void)
{
	static const char *const permitted[] = { "example.com", NULL };
	struct hierarchy all = { .directory = test_temporary_dir() };
	struct certctl_certificate_issuer root = { 0 };
	struct certctl_key *root_key = NULL, *sub_key = NULL;
	struct certctl_secret text = { 0 };
	struct certctl_error err;
	char *pem;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P384, &root_key, &err), err);
	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &sub_key, &err), err);
	root.key = root_key;
	all.root = make_ca("CN=Root,O=Example", root_key, &root, NULL);
	root.certificate = all.root;
	all.sub = make_ca("CN=Sub,O=Example", sub_key, &root, permitted);
	pem = certctl_certificate_pem(test_mem(), all.sub);
	all.certificate = write_file(all.directory, "sub.crt", pem, strlen(pem));
	pem = certctl_certificate_pem(test_mem(), all.root);
	all.chain = write_file(all.directory, "chain.pem", pem, strlen(pem));
	ASSERT_OK(certctl_key_write(test_mem(), sub_key, CERTCTL_KEY_PKCS8_PEM, &text, &err), err);
	all.key = write_file(all.directory, "sub.key", text.data, text.len);
	ASSERT_OK(certctl_key_write(test_mem(), root_key, CERTCTL_KEY_TRADITIONAL_PEM, &text, &err), err);
	all.other_key = write_file(all.directory, "other.key", text.data, text.len);
	return all;
}

static const char *given(const struct hierarchy *all, const char *key, const char *more)
{
	return talloc_asprintf(test_mem(), "{\"ca_cert_path\": \"%s\", \"ca_key_path\": \"%s\"%s}", all->certificate,
		key, more);
}

static void a_subordinate_ca_serves_its_chain_without_the_root(void)
{
	struct hierarchy all = make_hierarchy();
	struct certctl_order order = make_order(CERTCTL_ECDSA_P256, only_www);
	struct certctl_issuer *ca = NULL;
	struct certctl_issued issued;
	struct memory memory = { 0 };
	struct certctl_host host = make_host(&memory);
	const char *chain = NULL;
	struct certctl_error err;

	ASSERT_OK(open_ca(given(&all, all.key, talloc_asprintf(test_mem(), ", \"ca_chain_path\": \"%s\"", all.chain)),
			  &memory, &ca, &err),
		err);
	ASSERT_OK(issue(ca, &order, &issued, &err), err);
	CU_ASSERT_TRUE(certctl_certificate_is_issued_by(read_pem(issued.leaf_pem), all.sub));
	ASSERT_TEXT(issued.chain_pem, certctl_certificate_pem(test_mem(), all.sub));
	ASSERT_OK(ops()->chain(ca, &host, test_mem(), &chain, &err), err);
	ASSERT_TEXT(chain, talloc_asprintf(test_mem(), "%s%s", certctl_certificate_pem(test_mem(), all.sub),
				   certctl_certificate_pem(test_mem(), all.root)));
	order = make_order(CERTCTL_ECDSA_P256, only_evil);
	ASSERT_FAILS(issue(ca, &order, &issued, &err), CERTCTL_E_DENIED, "evil.test: outside the name constraints",
		err);
	ops()->close(ca);
}

static void what_does_not_belong_together_is_refused(void)
{
	struct hierarchy all = make_hierarchy();
	const char *directory = test_temporary_dir();
	const struct {
		const char *config, *words;
		int code;
	} rows[] = {
		{ "{}", "either directory", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"ca_key_path\": \"/x\""), "either directory", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"ca_key_password\": \"x\""), "go with", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"subject\": \"nonsense\""), "subject", CERTCTL_E_INVALID },
		{ in_directory(directory, ", \"permitted_dns\": [\"a b\"]"), "permitted_dns: a b", CERTCTL_E_INVALID },
		{ in_directory("/nonexistent/ca", ""), "directory: ", CERTCTL_E_NOT_FOUND },
		{ given(&all, all.other_key, ""), "belongs to none", CERTCTL_E_INVALID },
		{ given(&all, all.certificate, ""), "got a PEM block CERTIFICATE", CERTCTL_E_INVALID },
		{ given(&all, "/nonexistent/key", ""), "ca_key_path", CERTCTL_E_NOT_FOUND },
		{ given(&all, all.key, ", \"excluded_dns\": [\"a.com\"]"), "has its own", CERTCTL_E_INVALID },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_issuer *ca = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(open_ca(rows[i].config, NULL, &ca, &err), rows[i].code, rows[i].words, err);
	}
}

const struct test tests[] = {
	TEST(a_ca_is_made_once_and_found_again),
	TEST(hosts_that_start_at_once_make_one_ca),
	TEST(a_crash_in_between_is_finished_or_forgotten),
	TEST(a_server_without_the_recorded_ca_refuses),
	TEST(a_subordinate_ca_serves_its_chain_without_the_root),
	TEST(what_does_not_belong_together_is_refused),
	{ 0 },
};
