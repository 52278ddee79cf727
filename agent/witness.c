/* Heads of the audit trail, a line each.  Believes none of them: whoever verifies the trail has the key. */
#include "witness.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 2048
/* Two files of that size are weeks of heads, one a minute. */
#define FILE_MAX (8 << 20)

/* The number of its batch; 0: it is no checkpoint. */
static int64_t batch_of(const char *text)
{
	CERTCTL_AUTO(json_decref) json_t *line = NULL;
	size_t len = strlen(text);

	if (len > TEXT_MAX || strchr(text, '\n') || certctl_json_parse(text, len, NULL, &line, NULL) < 0)
		return 0;
	return certctl_json_integer_or(json_object_get(line, "checkpoint"), "batch", 0);
}

static void make_room(const char *path)
{
	char old[4096];
	struct stat about;

	if (stat(path, &about) < 0 || about.st_size < FILE_MAX)
		return;
	snprintf(old, sizeof(old), "%s.old", path);
	if (rename(path, old) < 0)
		certctl_log(CERTCTL_LOG_WARNING, "witness.not_moved", "file", path, NULL);
}

void certctl_witness_keep(const char *path, const char *text, int64_t *last_batch)
{
	int64_t batch = batch_of(text);
	char line[TEXT_MAX + 2];

	if (batch <= *last_batch)
		return;
	make_room(path);
	CERTCTL_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	int len = snprintf(line, sizeof(line), "%s\n", text);

	if (fd >= 0 && write(fd, line, (size_t)len) == len)
		*last_batch = batch;
	else
		certctl_log(CERTCTL_LOG_WARNING, "witness.not_kept", "file", path, NULL);
}
