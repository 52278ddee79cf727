/** What both programs of this room do alike before and after their work: common options, private memory, words to their service manager. */
#ifndef CERTCTL_PROGRAM_H
#define CERTCTL_PROGRAM_H

#include <argp.h>
#include <certctl/error.h>
#include <certctl/field.h>

/** Options that both have. */
struct certctl_program {
	const char *config; /* NULL: not given */
	bool is_check, is_sample;
};

enum { CERTCTL_PROGRAM_CHECK = 900, CERTCTL_PROGRAM_SAMPLE };
/** Their rows. @param file  a literal, where the settings usually are */
#define CERTCTL_PROGRAM_OPTIONS(file)                                                                                  \
	{ "config", 'c', "FILE", 0, "Settings (default " file ")", 0 },                                                \
		{ "check-config", CERTCTL_PROGRAM_CHECK, NULL, 0,                                                      \
			"Read the settings, say what is wrong with them, and exit", 0 },                               \
	{                                                                                                              \
		"sample-config", CERTCTL_PROGRAM_SAMPLE, NULL, 0,                                                      \
			"Print every setting with its meaning and default, and exit", 0                                \
	}
/** For the `default` of a parser: 0, or ARGP_ERR_UNKNOWN when it is none of them. */
error_t certctl_program_option(struct certctl_program *program, int key, char *value);

/** Keys must not end in a core file, nor be readable through /proc or ptrace; new files are the owner's alone. */
void certctl_program_keep_private(void);

/** Tell the service manager that this program is up (sd_notify(3)); without one, nothing. */
void certctl_program_ready(void);

/** Say on standard error why the program ends. */
void certctl_program_say(const char *name, const struct certctl_error *err);

#endif
