/* What an instance says about itself: for the API's page of an issuer. */
#include "local_ca.h"

#include <certctl/time.h>

#define FACTS_MAX 8

struct facts {
	struct certctl_fact rows[FACTS_MAX];
	const struct certctl_fact *list[FACTS_MAX + 1];
	size_t count;
};

static void add(struct facts *facts, const char *name, const char *value)
{
	certctl_assert(facts->count < FACTS_MAX);
	facts->rows[facts->count] = (struct certctl_fact){ name, value };
	facts->list[facts->count] = &facts->rows[facts->count];
	facts->count++;
}

static const char *join(TALLOC_CTX *mem, const struct certctl_list *list)
{
	char *text = talloc_strdup(mem, "");

	for (size_t i = 0; text && i < list->count; i++)
		text = talloc_asprintf_append_buffer(text, "%s%s", i ? ", " : "",
			((const char *const *)list->items)[i]);
	return text;
}

static struct facts *constraints_of(const struct certctl_issuer *self, TALLOC_CTX *mem)
{
	struct facts *facts = talloc_zero(mem, struct facts);
	const struct local_ca_config *config = self->config;
	char text[CERTCTL_TIME_TEXT];

	if (!facts)
		return NULL;
	add(facts, "longest leaf lifetime",
		talloc_strdup(facts, certctl_duration_format(config->max_leaf_lifetime.seconds, text)));
	add(facts, "leaves end before", talloc_strdup(facts, certctl_time_format(self->ca->not_after_unix_s, text)));
	if (self->ca->path_length >= 0)
		add(facts, "path length", talloc_asprintf(facts, "%d", self->ca->path_length));
	if (config->permitted_dns.count)
		add(facts, "permitted domains", join(facts, &config->permitted_dns));
	if (config->excluded_dns.count)
		add(facts, "excluded domains", join(facts, &config->excluded_dns));
	return facts;
}

static struct facts *facts_of(const struct certctl_issuer *self, TALLOC_CTX *mem)
{
	struct facts *facts = talloc_zero(mem, struct facts);
	char text[CERTCTL_TIME_TEXT];

	if (!facts)
		return NULL;
	add(facts, "CA", self->ca->subject);
	add(facts, "kind", self->ca->is_self_issued ? "root" : "subordinate");
	add(facts, "key type", certctl_key_type_name(self->ca->key_type));
	add(facts, "valid until", talloc_strdup(facts, certctl_time_format(self->ca->not_after_unix_s, text)));
	add(facts, "fingerprint (SHA-256)", self->ca->fingerprint_sha256);
	add(facts, "public key (SHA-256)", self->ca->public_key_sha256);
	return facts;
}

int local_ca_info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err)
{
	struct facts *constraints = constraints_of(self, mem), *facts = facts_of(self, mem);

	(void)host;
	if (!constraints || !facts)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	ret->endpoint = self->ca->subject;
	ret->authentication = "file permissions";
	ret->key_storage = self->config->ca_key_path ? self->config->ca_key_path : self->config->directory;
	ret->constraints = constraints->list;
	ret->facts = facts->list;
	return 0;
}
