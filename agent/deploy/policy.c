/* The worker's allow-list against an entry.  Text only: that no symlink bends a path is seen to where paths are opened. */
#include "policy.h"

#include "store.h"

#include <certctl/exec.h>
#include <certctl/name.h>
#include <string.h>

static bool is_at_or_below(const char *path, const char *row)
{
	size_t len = strlen(row);

	while (len > 0 && row[len - 1] == '/')
		len--;
	return strncmp(path, row, len) == 0 && (path[len] == '/' || path[len] == 0);
}

static int check_path(const struct certctl_deploy_policy *policy, const char *path, struct certctl_error *err)
{
	int rc = certctl_path_check(path, err);

	if (rc < 0)
		return rc;
	for (const char *const *row = policy->paths; row && *row; row++)
		if (is_at_or_below(path, *row))
			return 0;
	certctl_fail(err, CERTCTL_E_DENIED, "%s: not among the paths this host permits", path);
	return certctl_hint(err, "Add the directory to the paths in the worker's configuration on this host.");
}

static int check_command(const struct certctl_deploy_policy *policy, const struct certctl_list *list, const char *step,
	struct certctl_error *err)
{
	const char *const *argv = deploy_argv(NULL, list);

	if (list->count == 0)
		return 0;
	if (!argv)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	bool is_allowed = policy->commands && certctl_command_is_allowed(argv, policy->commands);

	if (!is_allowed) {
		char *text = certctl_command_text(NULL, argv);

		certctl_fail(err, CERTCTL_E_DENIED, "%s: command is not permitted on this host: %s", step,
			text ? text : "");
		certctl_hint(err, "Add it to the commands in the worker's configuration on this host.");
		talloc_free(text);
	}
	talloc_free((void *)argv);
	return is_allowed ? 0 : CERTCTL_E_DENIED;
}

int deploy_policy_check(const struct certctl_deploy_policy *policy, const struct deploy_entry *entry,
	struct certctl_error *err)
{
	int rc = check_command(policy, &entry->validate, "validate", err);

	if (rc == 0)
		rc = check_command(policy, &entry->activate, "activate", err);
	for (size_t i = 0; rc == 0 && i < entry->files.count; i++)
		rc = check_path(policy, deploy_files(entry)[i].path, err);
	/* A row that names one file does not permit a store beside it. */
	return rc == 0 ? check_path(policy, entry->store, err) : rc;
}
