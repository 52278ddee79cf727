/** Options of an nginx instance and of its bindings, and the two halves of the plugin: planning and asking. */
#ifndef CERTCTL_NGINX_H
#define CERTCTL_NGINX_H

#include <certctl/target.h>

enum nginx_reload {
	NGINX_RELOAD_SIGNAL = 1, /* nginx -s reload */
	NGINX_RELOAD_SYSTEMD,    /* systemctl reload UNIT */
};

/** Of an instance: one nginx. */
struct nginx_config {
	const char *binary, *config, *prefix, *globals;
	int reload;
	const char *systemctl, *unit;
	const char *owner, *group;
	int64_t validate_timeout_s, reload_timeout_s, probe_timeout_s;
};
extern const struct certctl_field nginx_options[];

struct nginx_probe {
	const char *address, *server_name;
	int starttls; /* enum certctl_starttls; 0: none */
	bool by_key_type;
};

/** Of a binding: one certificate in that nginx. */
struct nginx_item {
	const char *certificate_path, *key_path, *combined_path, *chain_path, *snippet_path;
	const char *owner, *group, *certificate_mode, *key_mode;
	struct certctl_list probes; /* struct nginx_probe */
};
extern const struct certctl_field nginx_item_options[];

struct certctl_target {
	const struct nginx_config *config;       /* the host's, until close */
	const char **validate, **dump, **reload; /* argv */
};

int nginx_plan(struct certctl_target *self, const struct certctl_host *host, const struct certctl_bundle *bundle,
	const void *item, TALLOC_CTX *mem, struct certctl_plan *ret, struct certctl_error *err);

/** The argument vector of this nginx with these words added: "nginx <first> <second> -c /etc/nginx/nginx.conf". */
const char **nginx_argv(TALLOC_CTX *mem, const struct nginx_config *config, const char *first, const char *second);

#endif
