/* What operators want: creating a certificate with its placements, bindings and first issuance.  Knows no CA and no agent. */
#include "certificates.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.sql.h"
#include "core/features/issuance/issuance.h"
#include "core/platform/pki/pki.h"
#include "create.h"

#include <string.h>

/* What one transaction needs. */
struct creation {
	const struct certificate *wanted;
	const struct audit_actor *actor;
	TALLOC_CTX *mem;
	const char *names, *target_ids, *agent_ids, *tags; /* as the database has them */
	const char *id;                                    /* of the row */
};

/* Every target must be there: what is not would be a certificate that is never served. */
static int insert_bindings(struct db *db, struct creation *creation, struct certctl_error *err)
{
	const struct certificate *wanted = creation->wanted;
	struct db_result *rows = NULL;
	int rc = db_run(db, creation->mem, &query_placements_insert,
		DB_VALUES(db_text(creation->id), db_text(creation->target_ids), db_text(creation->agent_ids)), NULL,
		err);

	if (rc == 0)
		rc = db_run(db, creation->mem, &query_bindings_insert,
			DB_VALUES(db_text(creation->id), db_text(creation->target_ids),
				db_text(wanted->binding_options)),
			&rows, err);
	if (rc == 0 && db_rows(rows) != wanted->target_ids.count)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "target_ids: one of them is not there, or named twice");
	return rc;
}

static int create_all(struct db *db, void *arg, struct certctl_error *err)
{
	struct creation *creation = arg;
	const struct certificate *wanted = creation->wanted;
	struct db_result *rows = NULL;
	int rc = db_run(db, creation->mem, &query_certificate_insert,
		DB_VALUES(db_text(wanted->id), db_text(wanted->name), db_text(wanted->common_name),
			db_text(creation->names), db_text(certctl_key_type_name((uint32_t)wanted->key_type)),
			db_text(wanted->issuer_id), db_integer(wanted->lifetime_seconds),
			db_boolean(wanted->must_staple), db_text(wanted->environment), db_text(creation->tags)),
		&rows, err);

	if (rc < 0)
		return rc;
	creation->id = db_get_text(rows, 0, "id");
	rc = insert_bindings(db, creation, err);
	if (rc == 0)
		rc = audit_record(db, creation->actor,
			&(struct audit_event){ "certificate_created", "certificate", creation->id, NULL }, err);
	return rc < 0 ? rc : issuance_request(db, creation->id, creation->actor->name, err);
}

/* The common name is one of the names, and the first DNS name when the operator gives none. */
static int canonical_names(TALLOC_CTX *mem, struct certificate *wanted, const char **ret, struct certctl_error *err)
{
	struct certctl_name common = { 0 }, **names = NULL;
	const char *const *sans = wanted->sans.items;
	int rc = 0;

	if (wanted->common_name) {
		rc = certctl_name_guess(mem, wanted->common_name, &common, err);
		if (rc < 0)
			return certctl_error_prefix(err, "common_name");
	} else if (certctl_name_guess(mem, sans[0], &common, NULL) < 0 || common.type != CERTCTL_NAME_DNS ||
		   strlen(common.text) > 64) {
		common.text = NULL;
	}
	wanted->common_name = common.text;
	rc = pki_names_make(mem, sans, wanted->sans.count, common.text, &names, err);
	if (rc < 0)
		return rc;
	*ret = pki_names_write(mem, (const struct certctl_name *const *)names);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int certificate_create(struct core *core, TALLOC_CTX *mem, struct certificate *wanted, const struct audit_actor *actor,
	const char **ret_id, struct certctl_error *err)
{
	struct creation creation = { .wanted = wanted, .actor = actor, .mem = mem };
	int rc = canonical_names(mem, wanted, &creation.names, err);

	if (rc < 0)
		return rc;
	if (wanted->target_ids.count + wanted->agent_ids.count == 0)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"target_ids: at least one target, or one of agent_ids, is needed");
	creation.target_ids = db_array(mem, wanted->target_ids.items, wanted->target_ids.count);
	creation.agent_ids = db_array(mem, wanted->agent_ids.items, wanted->agent_ids.count);
	creation.tags = db_array(mem, wanted->tags.items, wanted->tags.count);
	if (!creation.target_ids || !creation.agent_ids || !creation.tags)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = db_transaction(core->db, create_all, &creation, err);
	if (rc < 0)
		return rc;
	jobs_wake(core->jobs);
	*ret_id = creation.id;
	return 0;
}

int certificate_hold(struct db *db, const char *id, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_certificate_hold, DB_VALUES(db_text(id)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	else if (rc == 0 && db_get_boolean(rows, 0, "is_archived"))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s' is archived", id);
	talloc_free(mem);
	return rc;
}
