/* Errors: filling, prefixing, naming.  Knows nothing of who raises them. */
#include <certctl/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row a code; the flag is what `retryable` starts as. */
static const struct {
	const char *name;
	bool retryable;
} codes[] = {
	[-CERTCTL_OK] = { "ok", false },
	[-CERTCTL_E_INVALID] = { "invalid", false },
	[-CERTCTL_E_NOT_FOUND] = { "not_found", false },
	[-CERTCTL_E_CONFLICT] = { "conflict", false },
	[-CERTCTL_E_DENIED] = { "denied", false },
	[-CERTCTL_E_UNSUPPORTED] = { "unsupported", false },
	[-CERTCTL_E_UNAVAILABLE] = { "unavailable", true },
	[-CERTCTL_E_TIMEOUT] = { "timeout", true },
	[-CERTCTL_E_CANCELLED] = { "cancelled", false },
	[-CERTCTL_E_INTERRUPTED] = { "interrupted", true },
	[-CERTCTL_E_CRASHED] = { "crashed", true },
	[-CERTCTL_E_PROTOCOL] = { "protocol", false },
	[-CERTCTL_E_LIMIT] = { "limit", false },
	[-CERTCTL_E_IO] = { "io", true },
	[-CERTCTL_E_NO_MEMORY] = { "no_memory", true },
	[-CERTCTL_E_INTERNAL] = { "internal", false },
};

static bool is_code(int code)
{
	return code <= 0 && (size_t)-code < CERTCTL_COUNT(codes);
}

/* A text that was cut says so. */
static void mark_cut(char *text, size_t size, int wanted)
{
	if (wanted >= 0 && (size_t)wanted >= size)
		memcpy(text + size - 4, "...", 4);
}

int certctl_failv(struct certctl_error *err, enum certctl_code code, const char *format, va_list args)
{
	certctl_assert(code < 0 && is_code(code));
	if (!err)
		return code;
	*err = (struct certctl_error){ .code = code, .retryable = codes[-code].retryable };
	mark_cut(err->what, sizeof(err->what), vsnprintf(err->what, sizeof(err->what), format, args));
	return code;
}

int certctl_fail(struct certctl_error *err, enum certctl_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	certctl_failv(err, code, format, args);
	va_end(args);
	return code;
}

static enum certctl_code code_of_errno(int error_number)
{
	switch (error_number) {
	case ENOENT:
		return CERTCTL_E_NOT_FOUND;
	case EACCES:
	case EPERM:
		return CERTCTL_E_DENIED;
	case ENOMEM:
		return CERTCTL_E_NO_MEMORY;
	default:
		return CERTCTL_E_IO;
	}
}

int certctl_fail_errno(struct certctl_error *err, int error_number, const char *format, ...)
{
	char text[sizeof(((struct certctl_error *)0)->what)], reason[64];
	va_list args;

	va_start(args, format);
	mark_cut(text, sizeof(text), vsnprintf(text, sizeof(text), format, args));
	va_end(args);
	/* GNU strerror_r: thread-safe, returns the text wherever it is. */
	return certctl_fail(err, code_of_errno(error_number), "%s: %s", text,
		strerror_r(error_number, reason, sizeof(reason)));
}

int certctl_hint(struct certctl_error *err, const char *format, ...)
{
	va_list args;

	if (!err)
		return CERTCTL_E_INTERNAL;
	va_start(args, format);
	mark_cut(err->hint, sizeof(err->hint), vsnprintf(err->hint, sizeof(err->hint), format, args));
	va_end(args);
	return err->code;
}

int certctl_error_prefix(struct certctl_error *err, const char *format, ...)
{
	char text[sizeof(err->what)], old[sizeof(err->what)];
	va_list args;

	if (!err)
		return CERTCTL_E_INTERNAL;
	va_start(args, format);
	mark_cut(text, sizeof(text), vsnprintf(text, sizeof(text), format, args));
	va_end(args);
	memcpy(old, err->what, sizeof(old));
	mark_cut(err->what, sizeof(err->what), snprintf(err->what, sizeof(err->what), "%s: %s", text, old));
	return err->code;
}

const char *certctl_code_name(int code)
{
	return is_code(code) ? codes[-code].name : "unknown";
}

enum certctl_code certctl_code_from_name(const char *name)
{
	for (size_t i = 0; name && i < CERTCTL_COUNT(codes); i++)
		if (strcmp(codes[i].name, name) == 0)
			return (enum certctl_code)(-(int)i);
	return CERTCTL_E_INTERNAL;
}

void certctl_assert_failed(const char *condition, const char *file, int line, const char *function)
{
	fprintf(stderr, "certctl: %s:%d: %s: assertion failed: %s\n", file, line, function, condition);
	abort();
}
