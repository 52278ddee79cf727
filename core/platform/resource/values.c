/* Members of a struct as PostgreSQL writes values.  Knows no table. */
#include "engine.h"

#include <string.h>

static const char *choice_name(const struct certctl_field *field, int value)
{
	for (const struct certctl_choice *choice = field->choices; choice && choice->name; choice++)
		if (choice->value == value)
			return choice->name;
	return NULL;
}

/* One after another, as text. */
static const char *item_text(TALLOC_CTX *mem, const struct certctl_field *field, const void *items, size_t i)
{
	switch (field->item_type) {
	case CERTCTL_INTEGER:
		return talloc_asprintf(mem, "%lld", (long long)((const int64_t *)items)[i]);
	case CERTCTL_BOOLEAN:
		return ((const bool *)items)[i] ? "true" : "false";
	case CERTCTL_ENUM:
		return choice_name(field, ((const int *)items)[i]);
	default:
		return ((const char *const *)items)[i];
	}
}

static const char *list_text(TALLOC_CTX *mem, const struct certctl_field *field, const struct certctl_list *list)
{
	const char **texts = talloc_zero_array(mem, const char *, (unsigned)list->count + 1);

	for (size_t i = 0; texts && i < list->count; i++)
		texts[i] = item_text(mem, field, list->items, i);
	return texts ? db_array(mem, texts, list->count) : NULL;
}

const char *resource_value_text(TALLOC_CTX *mem, const struct certctl_field *field, const void *base)
{
	const void *member = (const char *)base + field->offset;
	char *time;

	switch (field->type) {
	case CERTCTL_INTEGER:
		return talloc_asprintf(mem, "%lld", (long long)*(const int64_t *)member);
	case CERTCTL_BOOLEAN:
		return *(const bool *)member ? "true" : "false";
	case CERTCTL_DURATION:
		return talloc_asprintf(mem, "%lld", (long long)((const struct certctl_duration *)member)->seconds);
	case CERTCTL_SIZE:
		return talloc_asprintf(mem, "%llu", (unsigned long long)((const struct certctl_size *)member)->bytes);
	case CERTCTL_TIME:
		time = talloc_array(mem, char, CERTCTL_TIME_TEXT);
		return time ? certctl_time_format(((const struct certctl_time *)member)->unix_s, time) : NULL;
	case CERTCTL_ENUM:
		return choice_name(field, *(const int *)member);
	case CERTCTL_LIST:
		return list_text(mem, field, member);
	default:
		return *(const char *const *)member;
	}
}
