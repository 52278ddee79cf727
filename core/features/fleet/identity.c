/* Our own TLS certificate, from the fleet's CA.  Knows nothing of agents. */
#include "ca.h"
#include "core/platform/pki/pki.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE         "server.key"
#define CERTIFICATE_FILE "server.pem"
#define LIFETIME_S       (90 * INT64_C(86400))

/* Ways to reach this machine: loopback, its name, and the addresses it listens on. */
static int server_names(struct core *core, TALLOC_CTX *mem, struct certctl_name ***ret, struct certctl_error *err)
{
	const char *texts[8] = { "localhost", "127.0.0.1", "::1" };
	const char *addresses[] = { core->settings->http.listen, core->settings->http.agents_listen };
	char hostname[256] = "";
	size_t count = 3;

	for (size_t i = 0; i < CERTCTL_COUNT(addresses); i++) {
		char *host = NULL;
		uint16_t port;

		if (http_address_parse(mem, addresses[i], &host, &port, NULL) == 0 && strcmp(host, "0.0.0.0") != 0 &&
			strcmp(host, "::") != 0)
			texts[count++] = host;
	}
	struct certctl_name probe;

	if (gethostname(hostname, sizeof(hostname) - 1) == 0 && certctl_name_guess(mem, hostname, &probe, NULL) == 0)
		texts[count++] = hostname;
	return pki_names_make(mem, texts, count, NULL, ret, err);
}

/* Is the one on disk good: of this CA, for these names, with a third of its life left? */
static bool is_good(const char *certificate_pem, const char *ca_pem, const struct certctl_name *const *names)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_certificate **leafs = NULL, **cas = NULL;
	size_t leaf_count = 0, ca_count = 0;
	bool good = mem &&
		    certctl_certificates_read(mem, certificate_pem, strlen(certificate_pem), 8, &leafs, &leaf_count,
			    NULL) == 0 &&
		    certctl_certificates_read(mem, ca_pem, strlen(ca_pem), 8, &cas, &ca_count, NULL) == 0 &&
		    leaf_count > 0 && ca_count > 0 && certctl_certificate_is_issued_by(leafs[0], cas[0]) &&
		    certctl_certificate_has_names(leafs[0], names) &&
		    leafs[0]->not_after_unix_s - certctl_clock_now_s(NULL) > LIFETIME_S / 3;

	talloc_free(mem);
	return good;
}

static int make_certificate(struct core *core, TALLOC_CTX *mem, const struct certctl_key *key,
	const struct certctl_name *const *names, const char **ret_pem, struct certctl_error *err)
{
	struct certctl_csr_request request = { .names = names };
	struct certctl_issued issued = { 0 };
	char serial[41], *csr = NULL;
	struct fleet_order order = { .id = "server", .names = names, .usage = FLEET_SERVER_AUTH, .serial = serial };
	int rc = certctl_csr_make(mem, key, &request, &csr, err);

	if (rc == 0)
		rc = pki_serial_make(serial, err);
	if (rc < 0)
		return rc;
	order.csr_pem = csr;
	pki_validity(certctl_clock_now_s(NULL), LIFETIME_S, &order.not_before_unix_s, &order.not_after_unix_s);
	rc = fleet_ca_issue(core, mem, &order, &issued, err);
	if (rc < 0)
		return rc;
	*ret_pem = talloc_asprintf(mem, "%s%s", issued.leaf_pem, issued.chain_pem ? issued.chain_pem : "");
	return *ret_pem ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The key is written first: a certificate beside an older key would not be used (is_good and the key are checked together). */
static int make_identity(struct core *core, TALLOC_CTX *mem, int dir_fd, const struct certctl_name *const *names,
	struct fleet_server_identity *ret, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_key *key = NULL;
	struct certctl_secret text = { 0 };
	int rc = certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, err);

	if (rc == 0)
		rc = certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &text, err);
	if (rc == 0)
		rc = make_certificate(core, mem, key, names, &ret->certificate_pem, err);
	if (rc == 0)
		rc = certctl_file_replace(dir_fd, KEY_FILE, text.data, text.len, &private, err);
	if (rc == 0)
		rc = certctl_file_replace(dir_fd, CERTIFICATE_FILE, ret->certificate_pem, strlen(ret->certificate_pem),
			&public, err);
	if (rc < 0)
		return rc;
	ret->key_pem = (const char *)text.data;
	certctl_log(CERTCTL_LOG_INFO, "server.certificate_issued", NULL);
	return 0;
}

static bool key_fits(TALLOC_CTX *mem, const struct certctl_secret *key_text, const char *certificate_pem)
{
	struct certctl_certificate **leafs = NULL;
	struct certctl_key *key = NULL;
	size_t count = 0;

	return certctl_key_read(mem, key_text, NULL, &key, NULL) == 0 &&
	       certctl_certificates_read(mem, certificate_pem, strlen(certificate_pem), 8, &leafs, &count, NULL) == 0 &&
	       count > 0 && certctl_key_matches(key, &leafs[0]->public_key);
}

int fleet_server_identity(struct core *core, TALLOC_CTX *mem, const char *ca_pem, struct fleet_server_identity *ret,
	struct certctl_error *err)
{
	struct certctl_name **names = NULL;
	struct certctl_secret key = { 0 };
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *certificate = NULL;
	size_t len = 0;
	int rc = certctl_dir_open(core->settings->state_dir, &fd, err);

	if (rc == 0)
		rc = server_names(core, mem, &names, err);
	if (rc < 0)
		return rc;
	if (certctl_file_read_secret(mem, fd, KEY_FILE, 65536, &key, NULL) == 0 &&
		certctl_file_read(mem, fd, CERTIFICATE_FILE, 65536, &certificate, &len, NULL) == 0 &&
		is_good(certificate, ca_pem, (const struct certctl_name *const *)names) &&
		key_fits(mem, &key, certificate)) {
		*ret = (struct fleet_server_identity){ (const char *)key.data, certificate };
		return 0;
	}
	return make_identity(core, mem, fd, (const struct certctl_name *const *)names, ret, err);
}
