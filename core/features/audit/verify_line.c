/* Lines of an export with proof, as JSON, for the verifier.  Knows nothing of where they were read. */
#include "verify.h"

#include <certctl/json.h>
#include <certctl/x509.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (8 << 20)

/* A member of one of our records, into a field of a struct. */
struct member {
	const char *name;
	enum { MEMBER_TEXT = 1, MEMBER_NUMBER, MEMBER_HASH } type;
	size_t offset;
};
#define MEMBER(type_, struct_, field_)                                                                                 \
	{                                                                                                              \
#field_, MEMBER_##type_, offsetof(struct struct_, field_)                                              \
	}

static const struct member epoch_members[] = {
	MEMBER(NUMBER, audit_epoch, epoch),
	MEMBER(TEXT, audit_epoch, origin),
	MEMBER(TEXT, audit_epoch, system_identifier),
	MEMBER(NUMBER, audit_epoch, first_seq),
	MEMBER(NUMBER, audit_epoch, previous_batch),
	MEMBER(NUMBER, audit_epoch, size),
	MEMBER(HASH, audit_epoch, previous),
	MEMBER(TEXT, audit_epoch, reason),
	MEMBER(TEXT, audit_epoch, time),
	MEMBER(TEXT, audit_epoch, key),
	MEMBER(TEXT, audit_epoch, signature),
	{ 0 },
};

static const struct member batch_members[] = {
	MEMBER(NUMBER, audit_batch, batch),
	MEMBER(NUMBER, audit_batch, epoch),
	MEMBER(NUMBER, audit_batch, count),
	MEMBER(NUMBER, audit_batch, size),
	MEMBER(TEXT, audit_batch, last_txid),
	MEMBER(NUMBER, audit_batch, last_seq),
	MEMBER(HASH, audit_batch, root),
	MEMBER(HASH, audit_batch, previous),
	MEMBER(HASH, audit_batch, head),
	{ 0 },
};

static const struct member checkpoint_members[] = {
	MEMBER(TEXT, audit_checkpoint, origin),
	MEMBER(NUMBER, audit_checkpoint, batch),
	MEMBER(NUMBER, audit_checkpoint, size),
	MEMBER(HASH, audit_checkpoint, head),
	MEMBER(TEXT, audit_checkpoint, time),
	MEMBER(TEXT, audit_checkpoint, key),
	MEMBER(TEXT, audit_checkpoint, signature),
	{ 0 },
};

static const struct member archive_members[] = {
	MEMBER(TEXT, audit_archive, origin),
	MEMBER(TEXT, audit_archive, from_id),
	MEMBER(TEXT, audit_archive, until_id),
	MEMBER(NUMBER, audit_archive, events),
	MEMBER(NUMBER, audit_archive, last_batch),
	MEMBER(TEXT, audit_archive, file_sha256),
	MEMBER(TEXT, audit_archive, time),
	MEMBER(TEXT, audit_archive, key),
	MEMBER(TEXT, audit_archive, signature),
	{ 0 },
};

static bool read_member(const json_t *value, const struct member *member, void *ret)
{
	char *field = (char *)ret + member->offset;

	switch (member->type) {
	case MEMBER_TEXT:
		memcpy(field, &(const char *){ json_string_value(value) }, sizeof(const char *));
		return json_is_string(value);
	case MEMBER_NUMBER:
		memcpy(field, &(int64_t){ json_integer_value(value) }, sizeof(int64_t));
		return json_is_integer(value);
	case MEMBER_HASH:
		return audit_unhex(json_string_value(value), (unsigned char *)field);
	}
	return false;
}

/* Texts are borrowed from the document. */
static int read_members(const json_t *object, const struct member *members, void *ret, struct certctl_error *err)
{
	for (const struct member *member = members; member->name; member++)
		if (!read_member(json_object_get(object, member->name), member, ret))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s expected", member->name,
				member->type == MEMBER_NUMBER ? "an integer"
				: member->type == MEMBER_TEXT ? "text"
							      : "64 hexadecimal digits");
	return 0;
}

static int verify_epoch(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	struct audit_epoch epoch = { 0 };
	int rc = read_members(object, epoch_members, &epoch, err);

	return rc < 0 ? rc : audit_verify_epoch(verifier, &epoch, err);
}

static int verify_batch(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	const char *hex = json_string_value(json_object_get(object, "leaves"));
	struct audit_batch batch = { 0 };
	struct certctl_bytes leaves = { 0 };
	int rc = read_members(object, batch_members, &batch, err);

	/* Those of a selection have them only when they show something. */
	if (rc == 0 && json_object_get(object, "leaves"))
		rc = hex ? certctl_unhex(verifier, hex, &leaves, err)
			 : certctl_fail(err, CERTCTL_E_INVALID, "leaves: text expected");
	if (rc == 0 && (batch.count < 0 || batch.count > AUDIT_BATCH_MAX ||
			       (leaves.len > 0 && leaves.len != (size_t)batch.count * AUDIT_HASH)))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "batch %lld: leaves: not as many as its count",
			(long long)batch.batch);
	batch.leaves = leaves.len > 0 ? leaves.data : NULL;
	if (rc == 0)
		rc = audit_verify_batch(verifier, &batch, err);
	talloc_free(leaves.data);
	return rc;
}

static int verify_event(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	const char *values[AUDIT_COLUMNS];

	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		const json_t *value = json_object_get(object, audit_columns[i]);

		if (!json_is_string(value) && !json_is_null(value))
			return certctl_fail(err, CERTCTL_E_INVALID, "event: %s: text or null expected",
				audit_columns[i]);
		values[i] = json_string_value(value);
	}
	return audit_verify_event(verifier, values, err);
}

static int verify_checkpoint(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	struct audit_checkpoint checkpoint = { 0 };
	int rc = read_members(object, checkpoint_members, &checkpoint, err);

	return rc < 0 ? rc : audit_verify_checkpoint(verifier, &checkpoint, err);
}

static int verify_archive(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	struct audit_archive archive = { 0 };
	int rc = read_members(object, archive_members, &archive, err);

	return rc < 0 ? rc : audit_verify_archive(verifier, &archive, err);
}

/* What it was selected by is for people. */
static int verify_selection(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err)
{
	if (!json_is_object(object))
		return certctl_fail(err, CERTCTL_E_INVALID, "selection: an object expected");
	return audit_verify_selection(verifier, err);
}

static const struct {
	const char *name;
	int (*verify)(struct audit_verifier *verifier, const json_t *object, struct certctl_error *err);
} kinds[] = {
	{ "event", verify_event },
	{ "batch", verify_batch },
	{ "checkpoint", verify_checkpoint },
	{ "epoch", verify_epoch },
	{ "archive", verify_archive },
	{ "selection", verify_selection },
};

int audit_verify_line(struct audit_verifier *verifier, const char *line, size_t len, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = { .max_bytes = LINE_MAX_BYTES };
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	int rc = certctl_json_parse(line, len, &limits, &document, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < CERTCTL_COUNT(kinds); i++) {
		const json_t *object = json_object_get(document, kinds[i].name);

		if (object && json_object_size(document) == 1)
			return kinds[i].verify(verifier, object, err);
	}
	/* It says nothing of itself, neither good nor bad. */
	if (audit_verify_at(verifier) == 0 && json_object_get(document, "action")) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "an export without proof, which nobody can verify");
		return certctl_hint(err, "Export it with format=jsonl&proof=true.");
	}
	return certctl_fail(err, CERTCTL_E_INVALID,
		"an event, a batch, a checkpoint, an epoch, an archive or a selection expected");
}
