/* Whether two values mean the same.  Knows no side of the wire. */
#include "values.h"

#include <certctl/json.h>
#include <certctl/time.h>
#include <string.h>

static bool same_time(const json_t *a, const json_t *b)
{
	int64_t first, second;

	return json_is_string(a) && json_is_string(b) && certctl_time_parse(json_string_value(a), &first, NULL) == 0 &&
	       certctl_time_parse(json_string_value(b), &second, NULL) == 0 && first == second;
}

static bool read_duration(const json_t *value, int64_t *ret)
{
	if (json_is_string(value))
		return certctl_duration_parse(json_string_value(value), ret, NULL) == 0;
	*ret = json_integer_value(value);
	return json_is_integer(value);
}

static bool same_duration(const json_t *a, const json_t *b)
{
	int64_t first, second;

	return read_duration(a, &first) && read_duration(b, &second) && first == second;
}

static bool read_size(const json_t *value, uint64_t *ret)
{
	if (json_is_string(value))
		return certctl_size_parse(json_string_value(value), ret, NULL) == 0;
	*ret = (uint64_t)json_integer_value(value);
	return json_is_integer(value);
}

static bool same_size(const json_t *a, const json_t *b)
{
	uint64_t first, second;

	return read_size(a, &first) && read_size(b, &second) && first == second;
}

static bool same_number(const json_t *a, const json_t *b)
{
	return json_is_number(a) && json_is_number(b) && json_number_value(a) == json_number_value(b);
}

/* How values of a type may differ in form. */
static const struct {
	const char *type;
	bool (*is_same)(const json_t *a, const json_t *b);
} forms[] = {
	{ "time", same_time },
	{ "duration", same_duration },
	{ "size", same_size },
	{ "number", same_number },
};

struct comparing {
	const struct api *api;
	bool is_partial;     /* members that only the second has do not count */
	bool ignore_secrets; /* what is masked in the second passes */
};

static bool equal(const struct comparing *how, json_t *schema, const json_t *wanted, const json_t *there);

static bool equal_lists(const struct comparing *how, json_t *schema, const json_t *wanted, const json_t *there)
{
	json_t *items = api_resolve(how->api, json_object_get(schema, "items")), *one;
	size_t i;

	if (json_array_size(wanted) != json_array_size(there))
		return false;
	json_array_foreach(wanted, i, one) if (!equal(how, items, one, json_array_get(there, i))) return false;
	return true;
}

static bool members_are_in(const struct comparing *how, json_t *schema, const json_t *some, const json_t *all,
	bool is_turned)
{
	const char *name;
	json_t *one;

	json_object_foreach((json_t *)some, name, one)
	{
		json_t *other = json_object_get(all, name), *member = api_property(how->api, schema, name);

		if (is_turned ? !equal(how, member, other, one) : !equal(how, member, one, other))
			return false;
	}
	return true;
}

static bool equal(const struct comparing *how, json_t *schema, const json_t *wanted, const json_t *there)
{
	const char *type = api_type(schema);

	wanted = json_is_null(wanted) ? NULL : wanted;
	there = json_is_null(there) ? NULL : there;
	if (how->ignore_secrets && value_is_mask(there) && wanted)
		return true;
	if (!wanted || !there)
		return wanted == there;
	if (json_is_array(wanted) && json_is_array(there))
		return equal_lists(how, schema, wanted, there);
	if (json_is_object(wanted) && json_is_object(there))
		return members_are_in(how, schema, wanted, there, false) &&
		       (how->is_partial || members_are_in(how, schema, there, wanted, true));
	for (size_t i = 0; i < CERTCTL_COUNT(forms); i++)
		if (strcmp(forms[i].type, type) == 0 && forms[i].is_same(wanted, there))
			return true;
	return json_equal(wanted, there);
}

bool value_equal(const struct api *api, json_t *schema, const json_t *a, const json_t *b)
{
	return equal(&(struct comparing){ api, false, false }, schema, a, b);
}

bool value_is_met(const struct api *api, json_t *schema, const json_t *wanted, const json_t *there, bool ignore_secrets)
{
	return equal(&(struct comparing){ api, true, ignore_secrets }, schema, wanted, there);
}
