/* The key and certificate that a listener shows, which may be replaced while it serves.  Knows nothing of requests. */
#include "identity.h"
#include "server.h"

#include <string.h>

#define CHAIN_MAX 16

struct identity {
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned count;
	gnutls_privkey_t key;
};

static int release(struct identity *identity)
{
	for (unsigned i = 0; i < identity->count; i++)
		gnutls_pcert_deinit(&identity->chain[i]);
	if (identity->key)
		gnutls_privkey_deinit(identity->key);
	return 0;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ .data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text) };
}

static bool do_match(gnutls_pubkey_t public_key, gnutls_privkey_t private_key)
{
	unsigned char ours[64], theirs[64];
	size_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
	gnutls_pubkey_t own = NULL;
	bool match = gnutls_pubkey_init(&own) == GNUTLS_E_SUCCESS &&
		     gnutls_pubkey_import_privkey(own, private_key, 0, 0) == GNUTLS_E_SUCCESS &&
		     gnutls_pubkey_get_key_id(own, GNUTLS_KEYID_USE_SHA256, ours, &ours_len) == GNUTLS_E_SUCCESS &&
		     gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, theirs, &theirs_len) ==
			     GNUTLS_E_SUCCESS &&
		     ours_len == theirs_len && memcmp(ours, theirs, ours_len) == 0;

	if (own)
		gnutls_pubkey_deinit(own);
	return match;
}

int identity_new(TALLOC_CTX *mem, const char *key_pem, const char *certificate_pem, struct identity **ret,
	struct certctl_error *err)
{
	struct identity *identity = talloc_zero(mem, struct identity);
	gnutls_datum_t key = datum(key_pem), chain = datum(certificate_pem);
	unsigned count = CHAIN_MAX;

	if (!identity)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	talloc_set_destructor(identity, release);
	int rc = gnutls_pcert_list_import_x509_raw(identity->chain, &count, &chain, GNUTLS_X509_FMT_PEM,
		GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	const char *what = "certificate";

	identity->count = rc == GNUTLS_E_SUCCESS ? count : 0;
	if (rc == GNUTLS_E_SUCCESS) {
		what = "private key";
		rc = gnutls_privkey_init(&identity->key);
	}
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_privkey_import_x509_raw(identity->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc == GNUTLS_E_SUCCESS && do_match(identity->chain[0].pubkey, identity->key)) {
		*ret = identity;
		return 0;
	}
	talloc_free(identity);
	if (rc == GNUTLS_E_SUCCESS)
		return certctl_fail(err, CERTCTL_E_INVALID, "the private key is not that of the certificate");
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s", what, gnutls_strerror(rc));
}

int identity_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
	unsigned *certs_len, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_len, gnutls_privkey_t *key, unsigned *flags)
{
	/* The library leaves its connection there. */
	struct MHD_Connection *handle = gnutls_session_get_ptr(session);
	const union MHD_ConnectionInfo *context =
		handle ? MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
	const struct http_connection *connection = context ? context->socket_context : NULL;

	(void)info;
	if (!connection)
		return -1;
	struct identity *identity = atomic_load(&connection->listener->identity);

	*certs = identity->chain;
	*certs_len = identity->count;
	*ocsp = NULL;
	*ocsp_len = 0;
	*key = identity->key;
	*flags = 0; /* all of it stays ours */
	return 0;
}

static struct http_listener *find(struct http_server *server, const char *name)
{
	struct http_listener *listener;

	pthread_mutex_lock(&server->lock);
	for (listener = server->listeners; listener && strcmp(listener->name, name) != 0;)
		listener = listener->next;
	pthread_mutex_unlock(&server->lock);
	return listener;
}

int http_identity_replace(struct http_server *server, const char *name, const char *key_pem,
	const char *certificate_pem, struct certctl_error *err)
{
	struct http_listener *listener = find(server, name);
	struct identity *identity = NULL;

	certctl_assert(listener);
	int rc = identity_new(NULL, key_pem, certificate_pem, &identity, err);

	if (rc < 0)
		return rc;
	/* A handshake may still be using the old one: it goes with the listener, a few kilobytes for each replacement. */
	pthread_mutex_lock(&server->lock);
	talloc_steal(listener, identity);
	atomic_store(&listener->identity, identity);
	pthread_mutex_unlock(&server->lock);
	return 0;
}
