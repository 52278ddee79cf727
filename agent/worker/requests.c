/* Reads requests by field tables.  Does nothing with them. */
#include "requests.h"

#include <certctl/field.h>
#include <string.h>

#define NAMES_MAX 1000
#define PEM_MAX   65536

static const struct certctl_choice name_types[] = {
	{ "dns", CERTCTL_NAME_DNS, "DNS name" },
	{ "ip", CERTCTL_NAME_IP, "IP address" },
	{ "email", CERTCTL_NAME_EMAIL, "mail address" },
	{ "uri", CERTCTL_NAME_URI, "URI" },
	{ 0 },
};
static const struct certctl_choice key_types[] = {
	{ "RSA_2048", CERTCTL_RSA_2048, "" },
	{ "RSA_3072", CERTCTL_RSA_3072, "" },
	{ "RSA_4096", CERTCTL_RSA_4096, "" },
	{ "ECDSA_P256", CERTCTL_ECDSA_P256, "" },
	{ "ECDSA_P384", CERTCTL_ECDSA_P384, "" },
	{ "ED25519", CERTCTL_ED25519, "" },
	{ 0 },
};

struct name_part {
	int type;
	const char *value;
};
static const struct certctl_field name_fields[] = {
	CERTCTL_OPTION(struct name_part, type, CERTCTL_ENUM, .required = true, .choices = name_types),
	CERTCTL_OPTION(struct name_part, value, CERTCTL_TEXT, .required = true, .min = 1, .max = 2048),
	{ 0 },
};

struct certificate_part {
	const char *id, *common_name;
	int key_type;
	bool must_staple, reuse_key;
	struct certctl_list names;
};
static const struct certctl_field certificate_fields[] = {
	CERTCTL_OPTION(struct certificate_part, id, CERTCTL_REFERENCE, .required = true, .refers_to = "certificate"),
	CERTCTL_OPTION(struct certificate_part, common_name, CERTCTL_TEXT, .max = 64),
	CERTCTL_OPTION(struct certificate_part, key_type, CERTCTL_ENUM, .required = true, .choices = key_types),
	CERTCTL_OPTION(struct certificate_part, must_staple, CERTCTL_BOOLEAN),
	CERTCTL_OPTION(struct certificate_part, reuse_key, CERTCTL_BOOLEAN),
	CERTCTL_OPTION(struct certificate_part, names, CERTCTL_LIST, .required = true, .item_type = CERTCTL_OBJECT,
		.min = 1, .max = NAMES_MAX, .nested = name_fields, .nested_size = sizeof(struct name_part)),
	{ 0 },
};

struct version_part {
	const char *id, *fingerprint_sha256, *public_key_sha256;
	int64_t sequence;
	struct certctl_time not_after;
};
static const struct certctl_field version_fields[] = {
	CERTCTL_OPTION(struct version_part, id, CERTCTL_REFERENCE, .required = true, .refers_to = "version"),
	CERTCTL_OPTION(struct version_part, fingerprint_sha256, CERTCTL_TEXT, .required = true, .min = 64, .max = 64),
	CERTCTL_OPTION(struct version_part, public_key_sha256, CERTCTL_TEXT, .required = true, .min = 64, .max = 64),
	CERTCTL_OPTION(struct version_part, sequence, CERTCTL_INTEGER, .required = true, .min = 1, .max = INT64_MAX),
	CERTCTL_OPTION(struct version_part, not_after, CERTCTL_TIME, .required = true),
	{ 0 },
};

struct target_part {
	const char *id, *plugin;
};
static const struct certctl_field target_fields[] = {
	CERTCTL_OPTION(struct target_part, id, CERTCTL_REFERENCE, .required = true, .refers_to = "target"),
	CERTCTL_OPTION(struct target_part, plugin, CERTCTL_REFERENCE, .required = true, .refers_to = "plugin"),
	{ 0 },
};

struct binding_part {
	const char *id;
};
static const struct certctl_field binding_fields[] = {
	CERTCTL_OPTION(struct binding_part, id, CERTCTL_REFERENCE, .required = true, .refers_to = "binding"),
	{ 0 },
};

struct job_part {
	const char *job_id;
	bool is_rollback;
};
static const struct certctl_field job_fields[] = {
	CERTCTL_OPTION(struct job_part, job_id, CERTCTL_REFERENCE, .required = true, .refers_to = "job"),
	CERTCTL_OPTION(struct job_part, is_rollback, CERTCTL_BOOLEAN),
	{ 0 },
};

/* --- Parts ------------------------------------------------------------------------------------------------------- */

/*
 * Read by the table all members but `documents`: those are parts with a table of their own, options that the plugin's table
 * describes, and PEM texts, which no field type takes because of their line ends.
 */
static int read_part(TALLOC_CTX *mem, const json_t *object, const char *path, const struct certctl_field *fields,
	const char *const *documents, void *part, struct certctl_error *err)
{
	struct certctl_field_reading how = { .path = path };

	if (!json_is_object(object))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: object expected", path ? path : "argument");
	CERTCTL_AUTO(json_decref) json_t *plain = json_copy((json_t *)object);

	if (!plain)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "request");
	for (; documents && *documents; documents++)
		json_object_del(plain, *documents);
	return certctl_fields_parse(mem, fields, sizeof(*fields), plain, &how, part, err);
}

static int read_names(TALLOC_CTX *mem, const struct certctl_list *list, const struct certctl_name *const **ret,
	struct certctl_error *err)
{
	const struct name_part *parts = list->items;
	const struct certctl_name **names =
		talloc_zero_array(mem, const struct certctl_name *, (unsigned)list->count + 1);
	struct certctl_name *items = talloc_zero_array(mem, struct certctl_name, (unsigned)list->count);

	if (!names || !items)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "names");
	for (size_t i = 0; i < list->count; i++) {
		int rc = certctl_name_make(mem, (enum certctl_name_type)parts[i].type, parts[i].value, &items[i], err);

		if (rc < 0)
			return certctl_error_prefix(err, "certificate.names[%zu]", i);
		names[i] = &items[i];
	}
	*ret = names;
	return 0;
}

static int read_certificate(TALLOC_CTX *mem, const json_t *parent, struct certificate_part *part,
	const struct certctl_name *const **ret_names, struct certctl_error *err)
{
	int rc = read_part(mem, json_object_get(parent, "certificate"), "certificate", certificate_fields, NULL, part,
		err);

	return rc == 0 ? read_names(mem, &part->names, ret_names, err) : rc;
}

static int read_pem(const json_t *version, const char *key, const char **ret, struct certctl_error *err)
{
	int rc = certctl_json_get_text(version, key, ret, err);

	if (rc == 0 && strlen(*ret) > PEM_MAX)
		rc = certctl_fail(err, CERTCTL_E_LIMIT, "%s: at most %d bytes expected", key, PEM_MAX);
	return rc < 0 ? certctl_error_prefix(err, "version") : 0;
}

/* Options are an object, or absent. */
static int read_options(const json_t *part, const char *path, const json_t **ret, struct certctl_error *err)
{
	const json_t *options = json_object_get(part, "options");

	if (options && !json_is_null(options) && !json_is_object(options))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s.options: object expected", path);
	*ret = json_is_object(options) ? options : NULL;
	return 0;
}

/* --- Requests ---------------------------------------------------------------------------------------------------- */

int certctl_request_job_id(const json_t *one, const char **ret, struct certctl_error *err)
{
	int rc = certctl_json_get_text(one, "job_id", ret, err);

	if (rc == 0 && !certctl_id_is_valid(*ret))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "job_id: not an id");
	return rc;
}

int certctl_request_csr(TALLOC_CTX *mem, const json_t *argument, struct certctl_key_order *ret,
	struct certctl_error *err)
{
	static const char *const documents[] = { "certificate", NULL };
	struct job_part job = { 0 };
	struct certificate_part certificate = { 0 };
	const struct certctl_name *const *names = NULL;
	int rc = read_part(mem, argument, NULL, job_fields, documents, &job, err);

	if (rc == 0)
		rc = read_certificate(mem, argument, &certificate, &names, err);
	if (rc < 0)
		return rc;
	*ret = (struct certctl_key_order){
		.certificate_id = certificate.id,
		.job_id = job.job_id,
		.key_type = (enum certctl_key_type)certificate.key_type,
		.request = { .common_name = certificate.common_name,
			.names = names,
			.must_staple = certificate.must_staple },
		.reuse_key = certificate.reuse_key,
	};
	return 0;
}

static int read_version(TALLOC_CTX *mem, const json_t *version, struct certctl_request_deployment *out,
	struct certctl_error *err)
{
	static const char *const documents[] = { "leaf", "chain", NULL };
	struct version_part part = { 0 };
	int rc = read_part(mem, version, "version", version_fields, documents, &part, err);

	if (rc == 0)
		rc = read_pem(version, "leaf", &out->leaf_pem, err);
	if (rc == 0)
		rc = read_pem(version, "chain", &out->chain_pem, err);
	out->version_id = part.id;
	out->sequence = part.sequence;
	out->fingerprint_sha256 = part.fingerprint_sha256;
	out->public_key_sha256 = part.public_key_sha256;
	out->not_after_unix_s = part.not_after.unix_s;
	return rc;
}

static const char *const options_alone[] = { "options", NULL };

static int read_target(TALLOC_CTX *mem, const json_t *target, struct certctl_request_target *ret,
	struct certctl_error *err)
{
	struct target_part part = { 0 };
	int rc = read_part(mem, target, "target", target_fields, options_alone, &part, err);

	if (rc == 0)
		rc = read_options(target, "target", &ret->options, err);
	ret->id = part.id;
	ret->plugin = part.plugin;
	return rc;
}

static int read_binding(TALLOC_CTX *mem, const json_t *binding, struct certctl_request_deployment *out,
	struct certctl_error *err)
{
	struct binding_part part = { 0 };
	int rc = read_part(mem, binding, "binding", binding_fields, options_alone, &part, err);

	if (rc == 0)
		rc = read_options(binding, "binding", &out->binding_options, err);
	out->binding_id = part.id;
	return rc;
}

int certctl_request_test(TALLOC_CTX *mem, const json_t *argument, struct certctl_request_target *ret,
	struct certctl_error *err)
{
	struct certctl_request_target target = { 0 };
	int rc = json_object_size(argument) == 1
			 ? read_target(mem, json_object_get(argument, "target"), &target, err)
			 : certctl_fail(err, CERTCTL_E_INVALID, "argument: a target and nothing else expected");

	if (rc == 0)
		*ret = target;
	return rc;
}

int certctl_request_deployment(TALLOC_CTX *mem, const json_t *one, struct certctl_request_deployment *ret,
	struct certctl_error *err)
{
	static const char *const documents[] = { "certificate", "version", "target", "binding", NULL };
	struct certctl_request_deployment out = { 0 };
	struct job_part job = { 0 };
	struct certificate_part certificate = { 0 };
	const json_t *target = json_object_get(one, "target");
	int rc = read_part(mem, one, NULL, job_fields, documents, &job, err);

	if (rc == 0)
		rc = read_certificate(mem, one, &certificate, &out.names, err);
	if (rc == 0)
		rc = read_version(mem, json_object_get(one, "version"), &out, err);
	if (rc == 0 && target && !json_is_null(target)) {
		rc = read_target(mem, target, &out.target, err);
		if (rc == 0)
			rc = read_binding(mem, json_object_get(one, "binding"), &out, err);
	}
	if (rc < 0)
		return rc;
	out.job_id = job.job_id;
	out.is_rollback = job.is_rollback;
	out.certificate_id = certificate.id;
	out.key_type = (enum certctl_key_type)certificate.key_type;
	*ret = out;
	return 0;
}
