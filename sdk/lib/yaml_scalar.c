/* YAML scalars as JSON values: the core schema, without what YAML 1.1 took for booleans, octals and times. */
#include "yaml_in.h"

#include <certctl/name.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* Digits of a base behind `prefix`, nothing else. */
static bool is_based(const char *text, const char *prefix, const char *digits)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 && text[len] && strspn(text + len, digits) == strlen(text + len);
}

static bool is_decimal(const char *text)
{
	text += *text == '-' || *text == '+';
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_number(const char *text)
{
	text += *text == '-' || *text == '+';
	size_t whole = strspn(text, "0123456789"), fraction = 0;

	text += whole;
	if (*text == '.') {
		fraction = strspn(text + 1, "0123456789");
		text += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text != 'e' && *text != 'E')
		return !*text;
	text++;
	return is_decimal(text);
}

static bool is_special_number(const char *text)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
		"-.INF", ".nan", ".NaN", ".NAN", NULL };

	return is_one_of(text, words);
}

static int made(json_t *value, json_t **ret, struct certctl_error *err)
{
	if (!value)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a YAML value");
	*ret = value;
	return 0;
}

static int make_integer(const char *text, int base, json_t **ret, struct certctl_error *err)
{
	errno = 0;
	long long number = strtoll(text, NULL, base);

	if (errno == ERANGE)
		return certctl_fail(err, CERTCTL_E_INVALID, "integer beyond 64 bits: put it in quotes if it is a text");
	return made(json_integer(number), ret, err);
}

static int make_number(const char *text, json_t **ret, struct certctl_error *err)
{
	double number = strtod(text, NULL);
	json_t *value = json_real(number); /* NULL for infinity, too */

	if (!value)
		return certctl_fail(err, CERTCTL_E_INVALID, "number out of range");
	return made(value, ret, err);
}

int certctl_yaml_quoted(const char *text, size_t len, json_t **ret, struct certctl_error *err)
{
	if (!certctl_utf8_is_valid(text, len))
		return certctl_fail(err, CERTCTL_E_INVALID, "text with NUL or bytes that are not UTF-8");
	return made(json_stringn_nocheck(text, len), ret, err);
}

static int resolve(const char *text, size_t len, json_t **ret, struct certctl_error *err)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };

	if (is_one_of(text, nulls))
		return made(json_null(), ret, err);
	if (is_one_of(text, trues))
		return made(json_true(), ret, err);
	if (is_one_of(text, falses))
		return made(json_false(), ret, err);
	if (is_decimal(text))
		return make_integer(text, 10, ret, err);
	if (is_based(text, "0o", "01234567"))
		return make_integer(text + 2, 8, ret, err);
	if (is_based(text, "0x", "0123456789abcdefABCDEF"))
		return make_integer(text + 2, 16, ret, err);
	if (is_number(text))
		return make_number(text, ret, err);
	if (is_special_number(text))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s is no number that can be used here", text);
	return certctl_yaml_quoted(text, len, ret, err);
}

int certctl_yaml_plain(const char *text, size_t len, json_t **ret, struct certctl_error *err)
{
	/* The parser's token is not NUL-terminated. */
	char *copy = strndup(text ? text : "", len);

	if (!copy)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a YAML value");
	int rc = strlen(copy) == len ? resolve(copy, len, ret, err)
				     : certctl_fail(err, CERTCTL_E_INVALID, "text with NUL");

	free(copy);
	return rc;
}
