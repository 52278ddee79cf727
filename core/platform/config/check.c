/* What no single row can say: addresses, pairs of files, priority strings. */
#include "core/platform/http/http.h"
#include "load.h"

#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <string.h>

struct checking {
	const struct settings_loaded *loaded;
	struct settings_problems *problems;
	TALLOC_CTX *mem;
};

static void refuse(const struct checking *checking, const char *path, const char *detail)
{
	const struct settings_layer *origin = settings_origin(checking->loaded, path);
	const char *place = origin ? settings_layer_place(checking->mem, origin, path, true) : NULL;

	settings_problem(checking->problems, CERTCTL_E_INVALID, "%s%s%s: %s", place ? place : "", place ? ": " : "",
		path, detail);
}

static void check_address(const struct checking *checking, const char *path, const char *text)
{
	struct certctl_error err;
	char *host = NULL;
	uint16_t port;

	if (http_address_parse(checking->mem, text, &host, &port, &err) < 0)
		refuse(checking, path, err.what);
}

/* A key without its certificate, or the other way round, is half a thought. */
static void check_pair(const struct checking *checking, const char *path, const char *value, const char *other_path,
	const char *other)
{
	if (value && !other)
		refuse(checking, path, talloc_asprintf(checking->mem, "needs %s as well", other_path));
}

static void check_priority(const struct checking *checking, const char *text)
{
	gnutls_priority_t priority = NULL;
	const char *at = NULL;

	if (!text)
		return;
	if (gnutls_priority_init(&priority, text, &at) == GNUTLS_E_SUCCESS)
		gnutls_priority_deinit(priority);
	else
		refuse(checking, "tls.priority",
			talloc_asprintf(checking->mem, "no GnuTLS priority string, from \"%.40s\" on", at ? at : text));
}

/* Said twice or not at all; and even then there is nothing here that could do it. */
static void check_keygen(const struct checking *checking, const struct settings *settings)
{
	const char *allowed = settings->allow.server_keygen;

	if (settings->keygen.mode != SETTINGS_KEYGEN_SERVER)
		return;
	if (!allowed || strcmp(allowed, "demo") != 0)
		refuse(checking, "keygen.mode",
			"server: private keys would touch the control plane; refused without CERTCTL_ALLOW_SERVER_KEYGEN=demo");
	else
		refuse(checking, "keygen.mode",
			"server: this version makes no private keys on the control plane, not even for a demo; agents make them");
}

void settings_check(const struct settings_loaded *loaded, struct settings_problems *problems)
{
	const struct settings *settings = &loaded->settings;
	struct checking checking = { .loaded = loaded, .problems = problems, .mem = talloc_new(NULL) };

	check_address(&checking, "http.listen", settings->http.listen);
	check_address(&checking, "http.agents_listen", settings->http.agents_listen);
	check_pair(&checking, "tls.cert_path", settings->tls.cert_path, "tls.key_path", settings->tls.key_path);
	check_pair(&checking, "tls.key_path", settings->tls.key_path, "tls.cert_path", settings->tls.cert_path);
	check_pair(&checking, "ca.cert_path", settings->ca.cert_path, "ca.key_path", settings->ca.key_path);
	check_pair(&checking, "ca.key_path", settings->ca.key_path, "ca.cert_path", settings->ca.cert_path);
	check_priority(&checking, settings->tls.priority);
	check_keygen(&checking, settings);
	if (settings->database.migration_url.data && !settings->database.url.data)
		refuse(&checking, "database.migration_url", "needs database.url as well");
	talloc_free(checking.mem);
}
