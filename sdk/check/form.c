/* What can be said of a plugin without operating it: its descriptor and its tables. */
#include "conformance.h"

#include <string.h>

bool plugin_has(const struct certctl_description *plugin, const char *operation)
{
	for (char **name = plugin->operations; *name; name++)
		if (strcmp(*name, operation) == 0)
			return true;
	return false;
}

/* The bit that an optional operation goes with. */
static const struct {
	uint32_t kind, cap;
	const char *operation;
} capabilities[] = {
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_FIND, "find" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_REVOKE, "revoke" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_CHAIN, "chain" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_RENEWAL_WINDOW, "renewal_window" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_ABANDON, "abandon" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_SIGN, "sign" },
	{ CERTCTL_ISSUER, CERTCTL_ISSUER_CAN_SIGN, "responder" },
	{ CERTCTL_TARGET, CERTCTL_TARGET_CAN_VALIDATE, "validate" },
	{ CERTCTL_TARGET, CERTCTL_TARGET_CAN_ACTIVATE, "activate" },
	{ CERTCTL_TARGET, CERTCTL_TARGET_CAN_SERVED, "served" },
	{ CERTCTL_TARGET, CERTCTL_TARGET_CAN_INVENTORY, "inventory" },
};

/* What every plugin of a kind must have. */
static const struct {
	uint32_t kind;
	const char *operation;
} required[] = {
	{ CERTCTL_ISSUER, "issue" },
	{ CERTCTL_TARGET, "plan" },
	{ CERTCTL_NOTIFIER, "send" },
};

static void check_operations(const struct certctl_description *plugin, struct report *report)
{
	for (size_t i = 0; i < CERTCTL_COUNT(required); i++)
		if (required[i].kind == plugin->kind && !plugin_has(plugin, required[i].operation)) {
			report_failed(report, "operations: the required ones are there", "%s is missing",
				required[i].operation);
			return;
		}
	report_passed(report, "operations: the required ones are there");
}

static void check_capabilities(const struct certctl_description *plugin, struct report *report)
{
	static const char check[] = "capabilities: bits and operations agree";

	for (size_t i = 0; i < CERTCTL_COUNT(capabilities); i++) {
		const char *operation = capabilities[i].operation;
		bool is_claimed = plugin->caps & capabilities[i].cap;

		if (capabilities[i].kind != plugin->kind || is_claimed == plugin_has(plugin, operation))
			continue;
		report_failed(report, check,
			is_claimed ? "%s: the bit is set, the operation is missing"
				   : "%s: the operation is there, the bit is not",
			operation);
		return;
	}
	report_passed(report, check);
}

static void check_file_name(TALLOC_CTX *mem, const struct certctl_description *plugin, struct report *report)
{
	const char *slash = strrchr(plugin->file, '/');
	const char *name = slash ? slash + 1 : plugin->file;
	char *expected = talloc_asprintf(mem, "certctl-%s-%s.so", kind_name(plugin->kind), plugin->id);

	if (strcmp(name, expected) == 0)
		report_passed(report, "descriptor: the file is called as kind and id say");
	else
		report_failed(report, "descriptor: the file is called as kind and id say", "%s expected, got %s",
			expected, name);
}

static void check_texts(const struct certctl_description *plugin, struct report *report)
{
	const char *why = NULL;

	if (!plugin->version[0])
		why = "version is empty";
	else if (!plugin->summary[0] || strchr(plugin->summary, '\n'))
		why = "summary: one line expected";
	report_judged(report, "descriptor: version and summary are there", why);
}

void check_form(TALLOC_CTX *mem, const struct certctl_description *plugin, struct report *report)
{
	report_passed(report, "descriptor: the plugin loads and describes itself");
	check_file_name(mem, plugin, report);
	check_texts(plugin, report);
	check_operations(plugin, report);
	check_capabilities(plugin, report);
	check_options(mem, "options", plugin->options, plugin->config_size, report);
	if (plugin->item_options)
		check_options(mem, "item options", plugin->item_options, plugin->item_size, report);
}
