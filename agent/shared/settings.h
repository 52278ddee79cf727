/** Settings of a program of this room: a YAML file, the environment and options of the command line, through one field table. */
#ifndef CERTCTL_SETTINGS_H
#define CERTCTL_SETTINGS_H

#include <certctl/field.h>
#include <certctl/json.h>

struct certctl_settings_source {
	const char *file;           /* YAML */
	bool is_file_required;      /* false: a file that is not there reads as empty */
	const json_t *command_line; /* members that win over the file; may be NULL */
	const struct certctl_field *fields;
};
/** Fill `config` (zeroed).  INVALID "<file>:3: <field>: ..." with the line of the bad member. */
int certctl_settings_read(TALLOC_CTX *mem, const struct certctl_settings_source *source, void *config,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Every setting with its meaning and default, as YAML on standard output. */
int certctl_settings_print_sample(const struct certctl_field *fields) CERTCTL_CHECKED;

/** Log settings that both programs have, as rows and as what certctl_log_setup() takes. */
extern const struct certctl_choice certctl_settings_log_levels[];
extern const struct certctl_choice certctl_settings_log_formats[];

#endif
