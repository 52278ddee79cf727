/* What a process says about its plugin, which may have taken it over: a description is within its limits, or there is none. */
#include "fuzz.h"

#include "sdk/host/caller/caller.h"

#include <string.h>

static void check(const struct certctl_description *description)
{
	certctl_assert(description->kind >= CERTCTL_ISSUER && description->kind <= CERTCTL_NOTIFIER);
	certctl_assert(description->id[0] && description->concurrency >= 1);
	certctl_assert(description->concurrency <= CERTCTL_LANES_MAX);
	certctl_assert(description->options && description->operations && json_is_object(description->json));
	/* What it asks for later is read by these tables. */
	TALLOC_CTX *mem = talloc_new(NULL);
	CERTCTL_AUTO(json_decref) json_t *nothing = json_object();
	void *config = talloc_zero_size(mem, description->config_size + 1);
	struct certctl_field_reading how = { .path = "config" };
	struct certctl_error err = { 0 };

	if (certctl_fields_parse(mem, description->options, sizeof(struct certctl_field), nothing, &how, config, &err) <
		0)
		certctl_assert(err.what[0]);
	talloc_free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certctl_description *description = NULL;
	CERTCTL_AUTO(json_decref) json_t *said = NULL;
	struct certctl_error err = { 0 };

	if (certctl_json_parse((const char *)data, size, NULL, &said, &err) < 0)
		return 0;
	/* The name of the file is the one thing that is ours. */
	char *file = talloc_asprintf(NULL, "/p/certctl-%.40s-%.80s.so", certctl_json_text_or(said, "kind", ""),
		certctl_json_text_or(said, "id", ""));

	if (description_make(file, "00", said, json_object_get(said, "enforced"), &description, &err) == 0)
		check(description);
	else
		certctl_assert(!description && err.code < 0 && err.what[0]);
	talloc_free(description);
	talloc_free(file);
	return 0;
}
