/* One JSON value into one struct member: the rules of every type that is neither list nor object. */
#include "fields.h"
#include "utf8.h"

#include <certctl/name.h>

#include <inttypes.h>
#include <string.h>

typedef int read_fn(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err);

const char *certctl_json_type_text(const json_t *value)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "a list",
		[JSON_STRING] = "text",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a number with a fraction",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};

	return value ? names[json_typeof(value)] : "nothing";
}

static int fail_type(const char *expected, const json_t *value, struct certctl_error *err)
{
	char shown[40];

	if (!json_is_string(value))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s expected, got %s", expected,
			certctl_json_type_text(value));
	return certctl_fail(err, CERTCTL_E_INVALID, "%s expected, got \"%s\"", expected,
		certctl_utf8_show(json_string_value(value), json_string_length(value), shown, sizeof(shown)));
}

static int check_bounds(const struct certctl_field *row, int64_t number, const char *what, struct certctl_error *err)
{
	char bounds[80], got[CERTCTL_TIME_TEXT];
	int64_t min, max;

	certctl_field_bounds(row, &min, &max);
	if (number >= min && number <= max)
		return 0;
	certctl_field_bounds_text(row, bounds, sizeof(bounds));
	if (!bounds[0]) /* the type's own */
		snprintf(bounds, sizeof(bounds), "%" PRId64 "..%" PRId64, min, max);
	if (row->type == CERTCTL_DURATION)
		certctl_duration_format(number, got);
	else if (row->type == CERTCTL_SIZE)
		certctl_size_format((uint64_t)number, got);
	else
		snprintf(got, sizeof(got), "%" PRId64, number);
	return certctl_fail(err, CERTCTL_E_INVALID, "%s%s expected, got %s", bounds, what, got);
}

/* A string that has no NUL in it; NULL when the value is another type. */
static const char *text_of(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static int keep_text(TALLOC_CTX *mem, const char *text, void *member, struct certctl_error *err)
{
	char *copy = talloc_strdup(mem, text);

	if (!copy)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*(const char **)member = copy;
	return 0;
}

static int read_text(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	uint32_t character;

	(void)place;
	if (!text)
		return fail_type("text", value, err);
	size_t len = strlen(text);
	int rc = check_bounds(row, (int64_t)len, " bytes", err);

	for (size_t at = 0, step; rc == 0 && at < len; at += step) {
		step = certctl_utf8_next(text + at, len - at, &character);
		if (step == 0)
			rc = certctl_fail(err, CERTCTL_E_INVALID, "UTF-8 expected");
		else if (certctl_utf8_is_hidden(character))
			rc = certctl_fail(err, CERTCTL_E_INVALID, "control character U+%04X is not allowed", character);
	}
	return rc < 0 ? rc : keep_text(reader->mem, text, member, err);
}

static int read_integer(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	(void)reader, (void)place;
	if (!json_is_integer(value))
		return fail_type("an integer", value, err);
	int rc = check_bounds(row, json_integer_value(value), "", err);

	if (rc == 0)
		*(int64_t *)member = json_integer_value(value);
	return rc;
}

static int read_boolean(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	(void)reader, (void)place, (void)row;
	if (!json_is_boolean(value))
		return fail_type("true or false", value, err);
	*(bool *)member = json_is_true(value);
	return 0;
}

static int read_duration(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	int64_t seconds = json_integer_value(value);
	int rc = 0;

	(void)reader, (void)place;
	if (text_of(value))
		rc = certctl_duration_parse(text_of(value), &seconds, err);
	else if (!json_is_integer(value) || seconds < 0)
		rc = fail_type("a duration such as 90d, or seconds,", value, err);
	if (rc == 0)
		rc = check_bounds(row, seconds, "", err);
	if (rc == 0)
		((struct certctl_duration *)member)->seconds = seconds;
	return rc;
}

static int read_size(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	uint64_t bytes = (uint64_t)json_integer_value(value);
	int rc = 0;

	(void)reader, (void)place;
	if (text_of(value))
		rc = certctl_size_parse(text_of(value), &bytes, err);
	else if (!json_is_integer(value) || json_integer_value(value) < 0)
		rc = fail_type("a size such as 64KiB, or bytes,", value, err);
	if (rc == 0)
		rc = check_bounds(row, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes, "", err);
	if (rc == 0)
		((struct certctl_size *)member)->bytes = bytes;
	return rc;
}

/* Names of the choices, "a, b or c". */
static void list_choices(const struct certctl_choice *choices, char *text, size_t size)
{
	size_t len = 0;

	text[0] = 0;
	for (const struct certctl_choice *choice = choices; choice && choice->name && len < size; choice++) {
		const char *separator = choice == choices ? "" : choice[1].name ? ", " : " or ";

		len += (size_t)snprintf(text + len, size - len, "%s%s", separator, choice->name);
	}
}

static int read_enum(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	char names[100];

	(void)reader, (void)place;
	for (const struct certctl_choice *choice = row->choices; text && choice->name; choice++)
		if (strcmp(choice->name, text) == 0) {
			*(int *)member = choice->value;
			return 0;
		}
	list_choices(row->choices, names, sizeof(names));
	return fail_type(names, value, err);
}

static bool scheme_is_allowed(const struct certctl_field *row, const char *scheme)
{
	if (!row->choices)
		return strcmp(scheme, "https") == 0;
	for (const struct certctl_choice *choice = row->choices; choice->name; choice++)
		if (strcmp(choice->name, scheme) == 0)
			return true;
	return false;
}

static int read_url(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(reader->mem);
	struct certctl_url url;
	struct certctl_name name;
	char schemes[80] = "https";
	const char *text = text_of(value);
	int rc = text ? certctl_url_parse(scratch, text, &url, err) : fail_type("a URL", value, err);

	(void)place;
	if (rc == 0 && !scheme_is_allowed(row, url.scheme)) {
		if (row->choices)
			list_choices(row->choices, schemes, sizeof(schemes));
		rc = certctl_fail(err, CERTCTL_E_INVALID, "a URL with %s expected, got \"%s:\"", schemes, url.scheme);
	}
	if (rc == 0)
		rc = certctl_name_make(scratch, CERTCTL_NAME_URI, text, &name, err);
	if (rc == 0)
		rc = keep_text(reader->mem, name.text, member, err);
	talloc_free(scratch);
	return rc;
}

static int read_host(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	char *host = NULL;
	uint16_t port = 0;

	(void)place, (void)row;
	if (!text)
		return fail_type("a host name or IP address", value, err);
	int rc = certctl_host_parse(reader->mem, text, &host, &port, err);

	if (rc < 0)
		return rc;
	if (port) {
		char *bare = host;
		bool is_v6 = strchr(bare, ':') != NULL;

		host = talloc_asprintf(reader->mem, is_v6 ? "[%s]:%u" : "%s:%u", bare, port);
		talloc_free(bare);
	}
	if (!host)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*(const char **)member = host;
	return 0;
}

static int read_path(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	int rc = text ? certctl_path_check(text, err) : fail_type("an absolute path", value, err);

	(void)place, (void)row;
	return rc < 0 ? rc : keep_text(reader->mem, text, member, err);
}

static int read_email(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	char *address = NULL;
	int rc = text ? certctl_email_parse(reader->mem, text, &address, err)
		      : fail_type("an e-mail address", value, err);

	(void)place, (void)row;
	if (rc == 0)
		*(const char **)member = address;
	return rc;
}

static int read_reference(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);
	char expected[80];

	(void)place;
	if (text && certctl_id_is_valid(text))
		return keep_text(reader->mem, text, member, err);
	snprintf(expected, sizeof(expected), "id of %s %s ([a-z0-9][a-z0-9.-]{0,62})",
		row->refers_to && strchr("aeiou", row->refers_to[0]) ? "an" : "a",
		row->refers_to ? row->refers_to : "object");
	return fail_type(expected, value, err);
}

static int read_time(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const char *text = text_of(value);

	(void)reader, (void)place, (void)row;
	if (!text)
		return fail_type("a time such as 2026-11-23T14:05:00Z", value, err);
	return certctl_time_parse(text, &((struct certctl_time *)member)->unix_s, err);
}

/* Nothing of the value may appear in a message. */
static int read_secret(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	const struct certctl_field_reading *how = reader->how;
	struct certctl_secret secret = { 0 };
	const char *text = text_of(value);
	char path[CERTCTL_FIELD_PATH];
	int rc;

	if (!text)
		return certctl_fail(err, CERTCTL_E_INVALID, "text expected, got %s", certctl_json_type_text(value));
	if (how->resolve_secret)
		rc = how->resolve_secret(how->arg, certctl_field_path(place, path), text, reader->mem, &secret, err);
	else
		rc = certctl_secret_from_text(reader->mem, text, &secret, err);
	if (rc == 0)
		rc = check_bounds(row, (int64_t)secret.len, " bytes", err);
	if (rc == 0)
		*(struct certctl_secret *)member = secret;
	else
		certctl_secret_clear(&secret);
	return rc;
}

int certctl_field_read_scalar(struct certctl_field_reader *reader, const struct certctl_field_place *place,
	const struct certctl_field *row, const json_t *value, void *member, struct certctl_error *err)
{
	static read_fn *const readers[CERTCTL_FIELD_TYPE_COUNT] = {
		[CERTCTL_TEXT] = read_text,
		[CERTCTL_INTEGER] = read_integer,
		[CERTCTL_BOOLEAN] = read_boolean,
		[CERTCTL_DURATION] = read_duration,
		[CERTCTL_SIZE] = read_size,
		[CERTCTL_URL] = read_url,
		[CERTCTL_HOST] = read_host,
		[CERTCTL_PATH] = read_path,
		[CERTCTL_EMAIL] = read_email,
		[CERTCTL_ENUM] = read_enum,
		[CERTCTL_SECRET] = read_secret,
		[CERTCTL_TIME] = read_time,
		[CERTCTL_REFERENCE] = read_reference,
	};

	certctl_assert(row->type < CERTCTL_FIELD_TYPE_COUNT && readers[row->type]);
	return readers[row->type](reader, place, row, value, member, err);
}
