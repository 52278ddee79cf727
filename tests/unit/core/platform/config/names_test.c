#include "core/platform/config/names.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static void the_table_is_sound(void)
{
	struct certctl_error err;

	ASSERT_OK(certctl_fields_check(settings_fields, sizeof(*settings_fields), sizeof(struct settings), &err), err);
}

static void variables_follow_from_names(void)
{
	/* Those that the published contract names. */
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "database.url", "CERTCTL_DATABASE_URL" },
		{ "database.migration_url", "CERTCTL_DATABASE_MIGRATION_URL" },
		{ "api.key", "CERTCTL_API_KEY" },
		{ "auth.type", "CERTCTL_AUTH_TYPE" },
		{ "ca.cert_path", "CERTCTL_CA_CERT_PATH" },
		{ "ca.key_path", "CERTCTL_CA_KEY_PATH" },
		{ "audit.exclude_paths", "CERTCTL_AUDIT_EXCLUDE_PATHS" },
		{ "tls.cert_path", "CERTCTL_TLS_CERT_PATH" },
		{ "tls.key_path", "CERTCTL_TLS_KEY_PATH" },
		{ "tls.min_version", "CERTCTL_TLS_MIN_VERSION" },
		{ "tls.priority", "CERTCTL_TLS_PRIORITY" },
	};
	char name[SETTINGS_NAME_MAX];

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CU_ASSERT_PTR_NOT_NULL(settings_find(rows[i].path));
		ASSERT_TEXT(settings_environment_name(rows[i].path, name), rows[i].name);
	}
}

static void rows_are_found_by_their_paths(void)
{
	static const char *const none[] = { "", ".", "http.", "http.listen.", "http.listen.port", "listen",
		"HTTP.listen", "http..listen", ".http", "httpx", "http.liste", "http.listenx" };

	ASSERT_TEXT(settings_find("http.listen")->name, "listen");
	ASSERT_TEXT(settings_find("http")->name, "http");
	ASSERT_TEXT(settings_find("state_dir")->name, "state_dir");
	for (size_t i = 0; i < CERTCTL_COUNT(none); i++)
		CU_ASSERT_PTR_NULL(settings_find(none[i]));
}

static void note_name(void *arg, const struct settings_leaf *leaf)
{
	char name[SETTINGS_NAME_MAX], file[SETTINGS_NAME_MAX + 8];
	json_t *seen = arg;

	settings_environment_name(leaf->path, name);
	CU_ASSERT_PTR_NULL(json_object_get(seen, name));
	json_object_set_new(seen, name, json_true());
	snprintf(file, sizeof(file), "%s_FILE", name);
	if (leaf->row->type == CERTCTL_SECRET) {
		CU_ASSERT_PTR_NULL(json_object_get(seen, file));
		json_object_set_new(seen, file, json_true());
	}
}

static void no_two_settings_share_a_variable(void)
{
	CERTCTL_AUTO(json_decref) json_t *seen = json_object();

	settings_each(note_name, seen);
	CU_ASSERT(json_object_size(seen) > 20);
}

const struct test tests[] = {
	TEST(the_table_is_sound),
	TEST(variables_follow_from_names),
	TEST(rows_are_found_by_their_paths),
	TEST(no_two_settings_share_a_variable),
	{ 0 },
};
