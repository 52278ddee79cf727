/* Sets of names.  The rules of a single name are certctl/name.h's. */
#include "pki.h"

#include <certctl/json.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return certctl_name_compare(*(const struct certctl_name *const *)a, *(const struct certctl_name *const *)b);
}

int pki_names_make(TALLOC_CTX *mem, const char *const *texts, size_t count, const char *common_name,
	struct certctl_name ***ret, struct certctl_error *err)
{
	size_t total = count + (common_name ? 1 : 0), kept = 0;
	struct certctl_name **names = talloc_zero_array(mem, struct certctl_name *, (unsigned)total + 1);

	for (size_t i = 0; names && i < total; i++) {
		const char *text = i < count ? texts[i] : common_name;

		names[i] = talloc_zero(names, struct certctl_name);
		int rc = names[i] ? certctl_name_guess(names, text, names[i], err)
				  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

		if (rc < 0)
			return certctl_error_prefix(err, "%s", i < count ? "sans" : "common_name");
	}
	if (!names)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	qsort(names, total, sizeof(*names), compare);
	for (size_t i = 0; i < total; i++)
		if (kept == 0 || certctl_name_compare(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	names[kept] = NULL;
	*ret = names;
	return 0;
}

char *pki_names_write(TALLOC_CTX *mem, const struct certctl_name *const *names)
{
	CERTCTL_AUTO(json_decref) json_t *list = json_array();

	for (size_t i = 0; list && names[i]; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "type", certctl_name_type_name(names[i]->type),
						    "value", names[i]->text));
	return list ? certctl_json_text(mem, list, NULL) : NULL;
}

int pki_names_read(TALLOC_CTX *mem, const char *json, struct certctl_name ***ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *list = NULL;
	int rc = certctl_json_parse(json, strlen(json), NULL, &list, err);
	struct certctl_name **names =
		rc == 0 ? talloc_zero_array(mem, struct certctl_name *, (unsigned)json_array_size(list) + 1) : NULL;

	if (rc < 0)
		return rc;
	for (size_t i = 0; names && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *value = certctl_json_text_or(item, "value", NULL);

		names[i] = talloc_zero(names, struct certctl_name);
		if (!names[i] || !value)
			return certctl_fail(err, CERTCTL_E_INTERNAL, "names: not as we wrote them");
		names[i]->type = certctl_name_type_from_name(certctl_json_text_or(item, "type", ""));
		names[i]->text = talloc_strdup(names, value);
	}
	if (!names)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = names;
	return 0;
}
