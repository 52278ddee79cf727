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

/* Grows by copying, so that what is left behind is wiped: there may be a key in it. */
static int append(TALLOC_CTX *mem, struct certctl_secret *out, const void *data, size_t len, struct certctl_error *err)
{
	struct certctl_secret longer = { .len = out->len + len };

	if (len > CONTENT_MAX || longer.len > CONTENT_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "a file of more than %d bytes", CONTENT_MAX);
	longer.data = certctl_secret_alloc(mem, longer.len + 1);
	if (!longer.data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (out->len)
		memcpy(longer.data, out->data, out->len);
	if (len)
		memcpy(longer.data + out->len, data, len);
	longer.data[longer.len] = 0;
	certctl_secret_clear(out);
	*out = longer;
	return 0;
}

static int append_key(TALLOC_CTX *mem, const struct deploy_material *material, enum certctl_key_encoding encoding,
	struct certctl_secret *out, struct certctl_error *err)
{
	struct certctl_secret text = { 0 };
	int rc = certctl_key_write(mem, material->key, encoding, &text, err);

	if (rc == 0)
		rc = append(mem, out, text.data, text.len, err);
	certctl_secret_clear(&text);
	return rc;
}

static int append_certificates(TALLOC_CTX *mem, struct certctl_certificate *const *certificates, size_t count,
	struct certctl_secret *out, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		char *pem = certctl_certificate_pem(mem, certificates[i]);

		rc = pem ? append(mem, out, pem, strlen(pem), err)
			 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		talloc_free(pem);
	}
	return rc;
}

static int append_part(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	const struct certctl_part *part, const char *(*real_path)(void *arg, const char *path), void *arg,
	struct certctl_secret *out, struct certctl_error *err)
{
	const char *words = part->text ? part->text : "";

	switch (part->kind) {
	case CERTCTL_PART_LEAF:
		return append_certificates(mem, &material->leaf, 1, out, err);
	case CERTCTL_PART_CHAIN:
		return append_certificates(mem, material->chain, material->chain_count, out, err);
	case CERTCTL_PART_KEY:
		return append_key(mem, material,
			file->encoding == CERTCTL_FILE_PEM_TRADITIONAL ? CERTCTL_KEY_TRADITIONAL_PEM
								       : CERTCTL_KEY_PKCS8_PEM,
			out, err);
	case CERTCTL_PART_PATH:
		words = real_path ? real_path(arg, words) : NULL;
		if (!words)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: names a path that is no file of the plan",
				file->path);
		return append(mem, out, words, strlen(words), err);
	case CERTCTL_PART_TEXT:
		return append(mem, out, words, strlen(words), err);
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
	struct certctl_secret out = { 0 };
	int rc;

	if (!file->parts || !file->parts[0])
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: nothing is to be in it", file->path);
	if (file->encoding == CERTCTL_FILE_DER)
		return render_der(mem, material, file, ret, err);
	if (file->encoding == CERTCTL_FILE_PKCS12)
		return render_pkcs12(mem, material, file, ret, err);
	if (file->encoding != CERTCTL_FILE_PEM && file->encoding != CERTCTL_FILE_PEM_TRADITIONAL)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: encoding %u is unknown", file->path,
			file->encoding);

	rc = append(mem, &out, "", 0, err); /* a chain may be empty, and so may the file be */
	for (const struct certctl_part *const *part = file->parts; rc == 0 && *part; part++)
		rc = append_part(mem, material, file, *part, real_path, arg, &out, err);
	if (rc == 0)
		*ret = out;
	else
		certctl_secret_clear(&out);
	return rc;
}

/* --- What was asked for, as one number ------------------------------------------------------------------------------ */

/* With its length, so that no two lists of fields read the same. */
static void put_text(struct certctl_buffer *out, const char *text)
{
	certctl_buffer_printf(out, "%zu:", text ? strlen(text) : 0);
	certctl_buffer_puts(out, text ? text : "");
}

/* Key and password together: with the key inside, the hash tells nothing about a weak password. */
static int put_secrets(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_secret *password,
	struct certctl_buffer *out, struct certctl_error *err)
{
	struct certctl_secret both = { 0 };
	char hash[65];
	int rc = append_key(mem, material, CERTCTL_KEY_PKCS8_PEM, &both, err);

	if (rc == 0 && password)
		rc = append(mem, &both, password->data, password->len, err);
	if (rc == 0) {
		certctl_sha256_hex(both.data, both.len, hash);
		put_text(out, hash);
	}
	certctl_secret_clear(&both);
	return rc;
}

static int put_file(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	struct certctl_buffer *out, struct certctl_error *err)
{
	put_text(out, file->path);
	put_text(out, file->owner);
	put_text(out, file->group);
	certctl_buffer_printf(out, "%o %u;", deploy_file_mode(file), file->encoding);
	put_text(out, file->alias);
	for (const struct certctl_part *const *part = file->parts; part && *part; part++) {
		certctl_buffer_printf(out, "%u;", (*part)->kind);
		put_text(out, (*part)->text);
	}
	return put_secrets(mem, material, file->password, out, err);
}

int deploy_content_hash(const struct deploy_material *material, const struct certctl_plan *plan, char ret_hex[65],
	struct certctl_error *err)
{
	TALLOC_CTX *work = talloc_new(NULL);
	struct certctl_buffer out;
	int rc = 0;

	certctl_buffer_init(&out, work, CONTENT_MAX);
	put_text(&out, material->leaf->fingerprint_sha256);
	for (size_t i = 0; i < material->chain_count; i++)
		put_text(&out, material->chain[i]->fingerprint_sha256);
	for (const struct certctl_plan_file *const *file = plan->files; rc == 0 && file && *file; file++)
		rc = put_file(work, material, *file, &out, err);
	if (rc == 0)
		rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		certctl_sha256_hex(out.data, out.len, ret_hex);
	talloc_free(work);
	return rc;
}
