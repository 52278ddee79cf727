/* Leaf, chain, key and text in PEM, DER or PKCS#12.  Knows the formats; touches no file. */
#include "render.h"

#include <certctl/buffer.h>
#include <string.h>

#define CHAIN_MAX   16
#define CONTENT_MAX (4 * 1024 * 1024)

static int read_chain(TALLOC_CTX *mem, const struct certctl_bundle *bundle, struct deploy_material *material,
	struct certctl_error *err)
{
	struct certctl_certificate **others = NULL, **ordered = NULL;
	size_t count = 0, ordered_count = 0;
	int rc = 0;

	if (bundle->chain_pem && bundle->chain_pem[0])
		rc = certctl_certificates_read(mem, bundle->chain_pem, strlen(bundle->chain_pem), CHAIN_MAX, &others,
			&count, err);
	if (rc == 0)
		rc = certctl_chain_order(mem, material->leaf, others, count, &ordered, &ordered_count, err);
	if (rc < 0)
		return certctl_error_prefix(err, "chain");
	certctl_assert(ordered_count > 0); /* the leaf itself comes first */
	material->chain = ordered + 1;
	material->chain_count = ordered_count - 1;
	return 0;
}

int deploy_material_read(TALLOC_CTX *mem, const struct certctl_bundle *bundle, const struct certctl_key *key,
	int64_t now_unix_s, struct deploy_material *ret, struct certctl_error *err)
{
	struct deploy_material material = { .key = key };
	int rc;

	if (!bundle->leaf_pem || !key)
		return certctl_fail(err, CERTCTL_E_INVALID, "bundle: leaf or key is missing");
	rc = certctl_certificate_read(mem, bundle->leaf_pem, strlen(bundle->leaf_pem), &material.leaf, err);
	if (rc < 0)
		return certctl_error_prefix(err, "leaf");
	if (bundle->fingerprint_sha256 && strcmp(bundle->fingerprint_sha256, material.leaf->fingerprint_sha256) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "bundle: the leaf is not the one its fingerprint names");
	rc = read_chain(mem, bundle, &material, err);
	if (rc == 0)
		rc = certctl_bundle_check(key, material.leaf, material.chain, material.chain_count, bundle->names,
			now_unix_s, err);
	if (rc == 0)
		*ret = material;
	return rc;
}

bool deploy_file_has_key(const struct certctl_plan_file *file)
{
	for (const struct certctl_part *const *part = file->parts; part && *part; part++)
		if ((*part)->kind == CERTCTL_PART_KEY)
			return true;
	return false;
}

uint32_t deploy_file_mode(const struct certctl_plan_file *file)
{
	if (file->mode)
		return file->mode;
	return deploy_file_has_key(file) ? 0600 : 0644;
}

/* --- PEM: parts one after the other ------------------------------------------------------------------------------ */

static int append_key(TALLOC_CTX *mem, const struct deploy_material *material, enum certctl_key_encoding encoding,
	struct certctl_buffer *out, struct certctl_error *err)
{
	struct certctl_secret text = { 0 };
	int rc = certctl_key_write(mem, material->key, encoding, &text, err);

	if (rc == 0)
		certctl_buffer_append(out, text.data, text.len);
	certctl_secret_clear(&text);
	return rc;
}

static void append_certificate(const struct certctl_certificate *certificate, struct certctl_buffer *out)
{
	char *pem = certctl_certificate_pem(NULL, certificate);

	if (pem)
		certctl_buffer_puts(out, pem);
	else
		out->failed = true;
	talloc_free(pem);
}

static int append_part(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	const struct certctl_part *part, const char *(*real_path)(void *arg, const char *path), void *arg,
	struct certctl_buffer *out, struct certctl_error *err)
{
	const char *path;

	switch (part->kind) {
	case CERTCTL_PART_LEAF:
		append_certificate(material->leaf, out);
		return 0;
	case CERTCTL_PART_CHAIN:
		for (size_t i = 0; i < material->chain_count; i++)
			append_certificate(material->chain[i], out);
		return 0;
	case CERTCTL_PART_KEY:
		return append_key(mem, material,
			file->encoding == CERTCTL_FILE_PEM_TRADITIONAL ? CERTCTL_KEY_TRADITIONAL_PEM
								       : CERTCTL_KEY_PKCS8_PEM,
			out, err);
	case CERTCTL_PART_TEXT:
		certctl_buffer_puts(out, part->text ? part->text : "");
		return 0;
	case CERTCTL_PART_PATH:
		path = part->text && real_path ? real_path(arg, part->text) : NULL;
		if (!path)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: names a path that is no file of the plan",
				file->path);
		certctl_buffer_puts(out, path);
		return 0;
	default:
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: part %u is unknown", file->path, part->kind);
	}
}

/* --- DER: exactly one part ----------------------------------------------------------------------------------------- */

static int render_der(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	struct certctl_secret *ret, struct certctl_error *err)
{
	const struct certctl_part *part = file->parts[0];

	if (!part || file->parts[1])
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: DER holds exactly one part", file->path);
	if (part->kind == CERTCTL_PART_LEAF)
		return certctl_secret_set(mem, ret, material->leaf->der.data, material->leaf->der.len);
	if (part->kind == CERTCTL_PART_KEY)
		return certctl_key_write(mem, material->key, CERTCTL_KEY_PKCS8_DER, ret, err);
	if (part->kind == CERTCTL_PART_CHAIN && material->chain_count == 1)
		return certctl_secret_set(mem, ret, material->chain[0]->der.data, material->chain[0]->der.len);
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: DER holds a leaf, a key or a chain of one", file->path);
}

static bool has_part(const struct certctl_plan_file *file, uint32_t kind)
{
	for (const struct certctl_part *const *part = file->parts; *part; part++)
		if ((*part)->kind == kind)
			return true;
	return false;
}

static int render_pkcs12(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	struct certctl_secret *ret, struct certctl_error *err)
{
	return certctl_pkcs12_write(mem, deploy_file_has_key(file) ? material->key : NULL, material->leaf,
		material->chain, has_part(file, CERTCTL_PART_CHAIN) ? material->chain_count : 0, file->alias,
		file->password, ret, err);
}

int deploy_render(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	const char *(*real_path)(void *arg, const char *path), void *arg, struct certctl_secret *ret,
	struct certctl_error *err)
{
	struct certctl_buffer out;
	int rc = 0;

	if (!file->parts || !file->parts[0])
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: nothing is to be in it", file->path);
	if (file->encoding == CERTCTL_FILE_DER)
		return render_der(mem, material, file, ret, err);
	if (file->encoding == CERTCTL_FILE_PKCS12)
		return render_pkcs12(mem, material, file, ret, err);
	if (file->encoding != CERTCTL_FILE_PEM && file->encoding != CERTCTL_FILE_PEM_TRADITIONAL)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: encoding %u is unknown", file->path,
			file->encoding);

	TALLOC_CTX *work = talloc_new(mem);

	certctl_buffer_init(&out, work, CONTENT_MAX);
	for (const struct certctl_part *const *part = file->parts; rc == 0 && *part; part++)
		rc = append_part(work, material, file, *part, real_path, arg, &out, err);
	if (rc == 0)
		rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		rc = certctl_secret_set(mem, ret, out.data ? out.data : "", out.len);
	if (out.data)
		certctl_wipe(out.data, out.len);
	talloc_free(work);
	return rc;
}

/* --- What was asked for, as one number ------------------------------------------------------------------------------ */

static void append_field(struct certctl_buffer *out, const void *data, size_t len)
{
	/* With its length, so that no two lists of fields read the same. */
	certctl_buffer_printf(out, "%zu:", len);
	certctl_buffer_append(out, data, len);
}

static void append_text(struct certctl_buffer *out, const char *text)
{
	append_field(out, text ? text : "", text ? strlen(text) : 0);
}

static void append_file(struct certctl_buffer *out, const struct certctl_plan_file *file)
{
	append_text(out, file->path);
	append_text(out, file->owner);
	append_text(out, file->group);
	certctl_buffer_printf(out, "%o %u;", deploy_file_mode(file), file->encoding);
	append_text(out, file->alias);
	if (file->password)
		append_field(out, file->password->data, file->password->len);
	for (const struct certctl_part *const *part = file->parts; part && *part; part++) {
		certctl_buffer_printf(out, "%u;", (*part)->kind);
		append_text(out, (*part)->text);
	}
}

int deploy_content_hash(const struct deploy_material *material, const struct certctl_plan *plan, char ret_hex[65],
	struct certctl_error *err)
{
	TALLOC_CTX *work = talloc_new(NULL);
	struct certctl_buffer out;
	int rc;

	certctl_buffer_init(&out, work, CONTENT_MAX);
	/* The key comes first: with it inside, the hash tells nothing about a weak password behind it. */
	rc = append_key(work, material, CERTCTL_KEY_PKCS8_PEM, &out, err);
	append_certificate(material->leaf, &out);
	for (size_t i = 0; i < material->chain_count; i++)
		append_certificate(material->chain[i], &out);
	for (const struct certctl_plan_file *const *file = plan->files; file && *file; file++)
		append_file(&out, *file);
	if (rc == 0)
		rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		certctl_sha256_hex(out.data, out.len, ret_hex);
	if (out.data)
		certctl_wipe(out.data, out.len);
	talloc_free(work);
	return rc;
}
