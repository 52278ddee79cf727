/* Lays the documents over one another.  Each is judged alone first, so that
 * what a higher one hides is still said. */
#include "load.h"
#include "secrets.h"

#include <certctl/json.h>

/* One document on its way into the settings. */
struct reading {
	const char *credentials;
	const struct settings_layer *layer;
	struct settings_problems *problems;
};

static int resolve(void *arg, const char *path, const char *text, TALLOC_CTX *mem, struct certctl_secret *ret,
	struct certctl_error *err)
{
	const struct reading *reading = arg;

	(void)path;
	return settings_secret(mem, reading->credentials, text, ret, err);
}

static void tell(void *arg, const char *path, const char *detail)
{
	const struct reading *reading = arg;
	TALLOC_CTX *mem = talloc_new(NULL);
	const char *place = settings_layer_place(mem, reading->layer, path, true);

	settings_problem(reading->problems, CERTCTL_E_INVALID, "%s: %s%s%s", place ? place : "?", path,
		*path ? ": " : "", detail);
	talloc_free(mem);
}

/* Defaults are a document without members. */
static int read_defaults(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *nothing = json_object();

	if (!nothing)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return certctl_fields_parse(mem, settings_fields, sizeof(*settings_fields), nothing, NULL, settings, err);
}

static void lay_over(TALLOC_CTX *mem, struct reading *reading, struct settings *settings)
{
	struct certctl_field_reading how = {
		.is_partial = true, .resolve_secret = resolve, .problem = tell, .arg = reading
	};
	struct certctl_error err;
	int rc = certctl_fields_parse(mem, settings_fields, sizeof(*settings_fields), reading->layer->document, &how,
		settings, &err);

	/* Everything but running out of memory has been told already. */
	if (rc < 0 && reading->problems->rc == 0)
		settings_problem(reading->problems, rc, "%s", err.what);
}

int settings_load(TALLOC_CTX *mem, const struct settings_source *source, struct settings_loaded **ret,
	struct certctl_error *err)
{
	struct settings_loaded *loaded = talloc_zero(mem, struct settings_loaded);
	struct settings_problems problems = { .tell = source->problem, .arg = source->arg, .err = err };
	struct reading reading = { .credentials = settings_environment(source->environment, "CREDENTIALS_DIRECTORY"),
		.problems = &problems };

	if (!loaded)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	problems.rc = read_defaults(loaded, &loaded->settings, err);
	loaded->layers = settings_layers(loaded, source, &problems);
	for (reading.layer = loaded->layers; reading.layer; reading.layer = reading.layer->next)
		lay_over(loaded, &reading, &loaded->settings);
	if (problems.rc == 0)
		problems.rc = settings_complete(loaded, &loaded->settings, err);
	if (problems.rc == 0)
		settings_check(loaded, &problems);
	if (problems.rc < 0) {
		talloc_free(loaded);
		return problems.rc;
	}
	*ret = loaded;
	return 0;
}

const struct settings *settings_of(const struct settings_loaded *loaded)
{
	return &loaded->settings;
}

const struct settings_layer *settings_origin(const struct settings_loaded *loaded, const char *path)
{
	const struct settings_layer *origin = NULL;

	for (const struct settings_layer *layer = loaded->layers; layer; layer = layer->next)
		if (settings_layer_has(layer, path))
			origin = layer;
	return origin && origin->is_built_in ? NULL : origin;
}
