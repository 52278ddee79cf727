/* What of a value is a secret, and the mask in its place. */
#include "values.h"

#include <certctl/secret.h>
#include <string.h>

bool value_is_mask(const json_t *value)
{
	return json_is_string(value) && strcmp(json_string_value(value), CERTCTL_SECRET_MASK) == 0;
}

bool value_has_mask(const json_t *value)
{
	const char *name;
	json_t *inner;
	size_t i;

	if (value_is_mask(value))
		return true;
	json_object_foreach((json_t *)value, name, inner) if (value_has_mask(inner)) return true;
	json_array_foreach(value, i, inner) if (value_has_mask(inner)) return true;
	return false;
}

/* Better one mask too many. */
static bool is_secret_name(const char *name)
{
	static const char *const words[] = { "secret", "password", "passphrase", "token", "api_key", "routing_key",
		"private_key", "credential" };

	for (size_t i = 0; i < CERTCTL_COUNT(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

struct masking {
	const struct api *api;
	bool is_all; /* everything below is a secret */
};

static json_t *masked(const struct masking *how, json_t *schema, json_t *value, json_t *there)
{
	json_t *shown, *inner;
	const char *name;
	size_t i;

	if (json_is_string(value) && (how->is_all || api_is_secret(schema) || value_is_mask(there)))
		return json_string(CERTCTL_SECRET_MASK);
	if (!json_is_object(value) && !json_is_array(value))
		return json_deep_copy(value);
	shown = json_is_object(value) ? json_object() : json_array();
	json_array_foreach(value, i, inner) json_array_append_new(shown,
		masked(how, api_resolve(how->api, json_object_get(schema, "items")), inner, json_array_get(there, i)));
	json_object_foreach(value, name, inner)
	{
		json_t *member = api_property(how->api, schema, name);
		struct masking below = { how->api, how->is_all || (!member && is_secret_name(name)) };

		json_object_set_new(shown, name, masked(&below, member, inner, json_object_get(there, name)));
	}
	return shown;
}

json_t *value_masked(const struct api *api, json_t *schema, json_t *value, json_t *there)
{
	return masked(&(struct masking){ api, false }, schema, value, there);
}
