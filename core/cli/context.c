/* Choosing the server and reading its key.  The settings file is context_file.c's. */
#include "context.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 4096

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static int from_file(TALLOC_CTX *mem, const char *name, struct context *ret, struct certctl_error *err)
{
	struct contexts *contexts = NULL;
	int rc = contexts_read(mem, &contexts, err);

	if (rc < 0)
		return rc;
	const char *wanted = first(name, contexts->current);
	const struct context *found = wanted ? contexts_find(contexts, wanted) : NULL;

	if (found) {
		*ret = *found;
		return 0;
	}
	if (wanted)
		return certctl_fail(err, CERTCTL_E_INVALID, "context %s: not in %s/config.yaml", wanted,
			contexts->folder);
	certctl_fail(err, CERTCTL_E_INVALID, "no server is named");
	return certctl_hint(err, "Use --url, CERTCTL_URL, or `certctl context add NAME --url=https://...`.");
}

static int finish(TALLOC_CTX *mem, struct context *context, struct certctl_error *err)
{
	size_t len = strlen(context->url);
	int rc = context_check_url(context->url, err);

	while (len > 0 && context->url[len - 1] == '/')
		len--;
	context->url = talloc_strndup(mem, context->url, len);
	return rc == 0 && !context->url ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for the URL") : rc;
}

int context_choose(TALLOC_CTX *mem, const struct cli_options *options, struct context *ret, struct certctl_error *err)
{
	struct context context = { 0 };
	const char *name = options->context;

	if (!name && !options->url)
		name = environment("CERTCTL_CONTEXT");
	if (!name)
		context.url = first(options->url, environment("CERTCTL_URL"));
	int rc = context.url ? 0 : from_file(mem, name, &context, err);

	if (rc < 0)
		return rc;
	if (options->url && context.name)
		return certctl_fail(err, CERTCTL_E_INVALID, "--url and --context: one of them");
	if (!context.name) {
		context.ca_file = environment("CERTCTL_CA_FILE");
		context.token_file = environment("CERTCTL_TOKEN") ? NULL : environment("CERTCTL_TOKEN_FILE");
	}
	context.ca_file = first(options->ca_file, context.ca_file);
	context.token_file = first(options->token_file, context.token_file);
	rc = finish(mem, &context, err);
	if (rc == 0)
		*ret = context;
	return rc;
}

/* --- The key ----------------------------------------------------------------------------------------------------------- */

static int check_owner(const char *path, const struct stat *is, struct certctl_error *err)
{
	if (!S_ISREG(is->st_mode))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a file expected", path);
	if (is->st_uid != geteuid() && is->st_uid != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: belongs to somebody else", path);
	if ((is->st_mode & 077) == 0)
		return 0;
	certctl_fail(err, CERTCTL_E_INVALID, "%s: others may read this key (mode %03o)", path, is->st_mode & 0777);
	return certctl_hint(err, "chmod 600 the file, and replace the key if somebody may have read it.");
}

static int read_token(TALLOC_CTX *mem, const char *path, struct certctl_secret *ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[TOKEN_MAX];
	struct stat is;

	if (fd < 0 || fstat(fd, &is) < 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s", path,
			strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
	int rc = check_owner(path, &is, err);
	ssize_t len = rc < 0 ? 0 : read(fd, text, sizeof(text));

	if (rc == 0 && len < 0)
		rc = certctl_fail_errno(err, errno, "%s", path);
	while (rc == 0 && len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	if (rc == 0 && (len == 0 || len == sizeof(text)))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%s: a key expected in it", path);
	if (rc == 0)
		rc = certctl_secret_set(mem, ret, text, (size_t)len);
	certctl_wipe(text, sizeof(text));
	return rc;
}

int context_token(TALLOC_CTX *mem, const struct context *context, struct certctl_secret *ret, struct certctl_error *err)
{
	const char *token = environment("CERTCTL_TOKEN");

	if (context->token_file)
		return read_token(mem, context->token_file, ret, err);
	return token ? certctl_secret_set(mem, ret, token, strlen(token)) : 0;
}
