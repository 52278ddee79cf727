/**
 * Errors and the few words every file of certctl uses.
 *
 * A function that can fail returns 0 or a negative `enum certctl_code` and takes, as its last parameter, a
 * `struct certctl_error *` that the caller owns.  The one who knows fills it, once; everyone above passes it on.
 * Outputs are called `ret_...`, stand right before it, and are set on success only.
 */
#ifndef CERTCTL_ERROR_H
#define CERTCTL_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define CERTCTL_STATIC_ASSERT static_assert
#else
#define CERTCTL_STATIC_ASSERT _Static_assert
#endif

/** Marks what a shared object shows to others; everything else is hidden. */
#define CERTCTL_API              __attribute__((visibility("default")))
#define CERTCTL_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define CERTCTL_CHECKED          __attribute__((warn_unused_result))

/** Why something failed, for machines: HTTP status, exit code and retry policy derive from it. */
enum certctl_code {
	CERTCTL_OK = 0,
	CERTCTL_E_INVALID = -1,     /* the input is wrong: the same input fails again */
	CERTCTL_E_NOT_FOUND = -2,   /* what was named is not there */
	CERTCTL_E_CONFLICT = -3,    /* it is there already, or its state forbids this */
	CERTCTL_E_DENIED = -4,      /* policy, CA or permission refuses */
	CERTCTL_E_UNSUPPORTED = -5, /* this build, plugin or peer cannot do it */
	CERTCTL_E_UNAVAILABLE = -6, /* the other side is away or busy: worth trying again */
	CERTCTL_E_TIMEOUT = -7,     /* the deadline passed: worth trying again */
	CERTCTL_E_CANCELLED = -8,   /* the caller asked to stop */
	CERTCTL_E_INTERRUPTED = -9, /* somebody else's failure ended this call: repeat it, count no attempt */
	CERTCTL_E_CRASHED = -10,    /* the plugin's process died or broke the protocol */
	CERTCTL_E_PROTOCOL = -11,   /* the peer's answer makes no sense */
	CERTCTL_E_LIMIT = -12,      /* larger, deeper or longer than allowed */
	CERTCTL_E_IO = -13,         /* the system refused: errno is in the text */
	CERTCTL_E_NO_MEMORY = -14,
	CERTCTL_E_INTERNAL = -15, /* our own mistake */
};

/** What went wrong, for people and for the job engine.  Plain data, owned by the caller, needs no freeing. */
struct certctl_error {
	int32_t code;          /* enum certctl_code */
	bool retryable;        /* false: the same input will fail again */
	int32_t retry_after_s; /* 0: the caller's own backoff */
	char what[160];        /* "order: days: 1..825 expected": lower case, no full stop, no secrets */
	char hint[160];        /* what the operator can do, a sentence; may be empty */
};

/**
 * Fill `err` (which may be NULL) and return `code`.  `retryable` starts as the code suggests:
 * true for UNAVAILABLE, TIMEOUT, INTERRUPTED, CRASHED, IO and NO_MEMORY.  A text that does not fit ends in "...".
 */
CERTCTL_API int certctl_fail(struct certctl_error *err, enum certctl_code code, const char *format, ...)
	CERTCTL_PRINTF(3, 4);
CERTCTL_API int certctl_failv(struct certctl_error *err, enum certctl_code code, const char *format, va_list args)
	CERTCTL_PRINTF(3, 0);

/** As certctl_fail with CERTCTL_E_IO (ENOENT: NOT_FOUND, EACCES and EPERM: DENIED, ENOMEM: NO_MEMORY) and ": <strerror>". */
CERTCTL_API int certctl_fail_errno(struct certctl_error *err, int error_number, const char *format, ...)
	CERTCTL_PRINTF(3, 4);

/** Add the sentence that tells an operator what to do.  Returns err->code (INTERNAL when err is NULL). */
CERTCTL_API int certctl_hint(struct certctl_error *err, const char *format, ...) CERTCTL_PRINTF(2, 3);

/** Put "<prefix>: " before what is there already: a file name, an instance, a line.  Returns err->code. */
CERTCTL_API int certctl_error_prefix(struct certctl_error *err, const char *format, ...) CERTCTL_PRINTF(2, 3);

/** "invalid", "not_found", ...; "unknown" for a number that is none. */
CERTCTL_API const char *certctl_code_name(int code);

/** The code with that name, or CERTCTL_E_INTERNAL. */
CERTCTL_API enum certctl_code certctl_code_from_name(const char *name);

/** Stays on in release builds; `condition` has no side effects. For our own mistakes, never for input. */
#define certctl_assert(condition)                                                                                      \
	((condition) ? (void)0 : certctl_assert_failed(#condition, __FILE__, __LINE__, __func__))
CERTCTL_API void certctl_assert_failed(const char *condition, const char *file, int line, const char *function)
	__attribute__((noreturn));

#define CERTCTL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** `CERTCTL_AUTO(json_decref) json_t *doc = NULL;` runs the function, unless NULL, when the variable goes. */
#define CERTCTL_AUTO(function) __attribute__((cleanup(function##_auto)))
#define CERTCTL_DEFINE_AUTO(type, function)                                                                            \
	static inline __attribute__((unused)) void function##_auto(type **variable)                                    \
	{                                                                                                              \
		if (*variable)                                                                                         \
			function(*variable);                                                                           \
	}                                                                                                              \
	struct certctl_semicolon_eater

/** Give an owned pointer away: its value, leaving NULL behind. */
#define CERTCTL_TAKE(pointer)                                                                                          \
	__extension__({                                                                                                \
		__typeof__(pointer) taken_ = (pointer);                                                                \
		(pointer) = NULL;                                                                                      \
		taken_;                                                                                                \
	})

/** Objects that travel through `void *` start with `uint32_t magic`; this checks it and converts. */
#define CERTCTL_CAST(pointer, type, expected)                                                                          \
	__extension__({                                                                                                \
		type *object_ = (pointer);                                                                             \
		certctl_assert(object_ && object_->magic == (expected));                                               \
		object_;                                                                                               \
	})

#ifdef __cplusplus
}
#endif
#endif
