/* Files, an environment and flags of one reading, in a folder of its own; problems are collected. */
#ifndef CERTCTL_TEST_READING_H
#define CERTCTL_TEST_READING_H

#include "core/platform/config/settings.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct test_reading {
	char folder[256], file[300];
	const char *environment[8];
	struct settings_value flags[8];
	size_t flag_count;
	char problems[8192]; /* a line each, without the folder */
	size_t problem_count;
	struct settings_loaded *loaded;
	struct certctl_error err;
};

static inline void reading_init(struct test_reading *reading)
{
	static unsigned number;

	memset(reading, 0, sizeof(*reading));
	snprintf(reading->folder, sizeof(reading->folder), "%s/reading%u", test_temporary_dir(), number++);
	mkdir(reading->folder, 0755);
	snprintf(reading->file, sizeof(reading->file), "%s/certctld.yaml", reading->folder);
}

static inline void reading_write_bytes(const struct test_reading *reading, const char *name, const void *data,
	size_t len)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/conf.d", reading->folder);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s", reading->folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CU_ASSERT_EQUAL_FATAL(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline void reading_write(const struct test_reading *reading, const char *name, const char *text)
{
	reading_write_bytes(reading, name, text, strlen(text));
}

static inline void reading_set(struct test_reading *reading, const char *path, const char *text)
{
	reading->flags[reading->flag_count++] = (struct settings_value){ "--set", path, text };
}

/* What is told, with the folder taken out, so that rows can say it. */
static inline void reading_tell(void *arg, const char *text)
{
	struct test_reading *reading = arg;
	size_t len = strlen(reading->problems), folder_len = strlen(reading->folder) + 1;
	const char *at = strstr(text, reading->folder);

	if (at)
		snprintf(reading->problems + len, sizeof(reading->problems) - len, "%.*s%s\n", (int)(at - text), text,
			at + folder_len);
	else
		snprintf(reading->problems + len, sizeof(reading->problems) - len, "%s\n", text);
	reading->problem_count++;
}

static inline int reading_load(struct test_reading *reading)
{
	struct settings_source source = { .file = reading->file,
		.is_file_required = false,
		.environment = reading->environment,
		.flags = reading->flags,
		.flag_count = reading->flag_count,
		.problem = reading_tell,
		.arg = reading };

	return settings_load(test_mem(), &source, &reading->loaded, &reading->err);
}

#endif
