/* Extensions of certificates and requests (RFC 5280, section 4.2): finding them, reading their values. */
#include "x509_parts.h"

#define ID_CE(last) { 0x55, 0x1d, last }, 3
#define ID_PE(last) { 0x2b, 6, 1, 5, 5, 7, 1, last }, 8

/* A row more makes an extension known: critical ones outside the table are refused where that matters. */
const struct certctl_extension_kind certctl_extension_kinds[CERTCTL_EXT_COUNT] = {
	[CERTCTL_EXT_SUBJECT_KEY_ID] = { "subjectKeyIdentifier", ID_CE(14) },
	[CERTCTL_EXT_KEY_USAGE] = { "keyUsage", ID_CE(15) },
	[CERTCTL_EXT_SUBJECT_ALT_NAME] = { "subjectAltName", ID_CE(17) },
	[CERTCTL_EXT_BASIC_CONSTRAINTS] = { "basicConstraints", ID_CE(19) },
	[CERTCTL_EXT_NAME_CONSTRAINTS] = { "nameConstraints", ID_CE(30) },
	[CERTCTL_EXT_CRL_POINTS] = { "cRLDistributionPoints", ID_CE(31) },
	[CERTCTL_EXT_POLICIES] = { "certificatePolicies", ID_CE(32) },
	[CERTCTL_EXT_AUTHORITY_KEY_ID] = { "authorityKeyIdentifier", ID_CE(35) },
	[CERTCTL_EXT_EXTENDED_KEY_USAGE] = { "extKeyUsage", ID_CE(37) },
	[CERTCTL_EXT_AUTHORITY_INFO] = { "authorityInfoAccess", ID_PE(1) },
	[CERTCTL_EXT_TLS_FEATURE] = { "tlsFeature", ID_PE(24) },
	[CERTCTL_EXT_NO_REVOCATION] = { "noRevAvail", ID_CE(56) },
};

const unsigned char certctl_oid_extension_request[CERTCTL_OID_EXTENSION_REQUEST_LEN] = { 0x2a, 0x86, 0x48, 0x86, 0xf7,
	0x0d, 1, 9, 14 };

static enum certctl_extension_id id_of(const struct certctl_der_element *oid)
{
	for (int id = 1; id < CERTCTL_EXT_COUNT; id++)
		if (certctl_der_same(oid, certctl_extension_kinds[id].oid, certctl_extension_kinds[id].oid_len))
			return (enum certctl_extension_id)id;
	return CERTCTL_EXT_UNKNOWN;
}

/* Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OCTET STRING } */
static int read_one(struct certctl_der_in *in, struct certctl_extension *ret, struct certctl_error *err)
{
	struct certctl_extension extension = { .is_present = true };
	struct certctl_der_element sequence, critical;
	struct certctl_der_in inner;
	int rc;

	if ((rc = certctl_der_take(in, CERTCTL_DER_SEQUENCE, "extension", &sequence, err)) < 0)
		return rc;
	inner = certctl_der_in_of(&sequence);
	if ((rc = certctl_der_take(&inner, CERTCTL_DER_OID, "extension", &extension.oid, err)) < 0)
		return rc;
	if (certctl_der_peek(&inner) == CERTCTL_DER_BOOLEAN &&
		((rc = certctl_der_next(&inner, "extension", &critical, err)) < 0 ||
			(rc = certctl_der_flag(&critical, "extension", &extension.is_critical, err)) < 0))
		return rc;
	if ((rc = certctl_der_take(&inner, CERTCTL_DER_OCTET_STRING, "extension", &extension.value, err)) < 0 ||
		(rc = certctl_der_done(&inner, "extension", err)) < 0)
		return rc;
	*ret = extension;
	return 0;
}

int certctl_extensions_read(const struct certctl_der_element *sequence, struct certctl_extensions *ret,
	struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(sequence);
	struct certctl_extensions all = { 0 };

	while (in.at && in.at != in.end) {
		struct certctl_extension one;
		int rc = read_one(&in, &one, err);

		if (rc < 0)
			return rc;
		enum certctl_extension_id id = id_of(&one.oid);

		if (id != CERTCTL_EXT_UNKNOWN && all.by_id[id].is_present)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: twice", certctl_extension_kinds[id].name);
		if (id != CERTCTL_EXT_UNKNOWN || (one.is_critical && !all.by_id[id].is_present))
			all.by_id[id] = one;
	}
	*ret = all;
	return 0;
}

static int take_value(const struct certctl_extension *extension, unsigned tag, const char *what,
	struct certctl_der_element *ret, struct certctl_error *err)
{
	return certctl_der_whole(extension->value.content, extension->value.len, tag, what, ret, err);
}

int certctl_key_usage_read(const struct certctl_extension *extension, uint32_t *ret, struct certctl_error *err)
{
	struct certctl_der_element bits;
	uint32_t usage = 0;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_BIT_STRING, "keyUsage", &bits, err);

	if (rc < 0)
		return rc;
	if (bits.len < 2 || bits.len > 3 || bits.content[0] > 7)
		return certctl_fail(err, CERTCTL_E_INVALID, "keyUsage: 1 to 9 bits expected");
	for (unsigned bit = 0; bit < (bits.len - 1) * 8 - bits.content[0]; bit++)
		if (bits.content[1 + bit / 8] & 0x80 >> bit % 8)
			usage |= UINT32_C(1) << bit;
	*ret = usage;
	return 0;
}

int certctl_basic_constraints_read(const struct certctl_extension *extension, bool *ret_is_ca, int *ret_path_length,
	struct certctl_error *err)
{
	struct certctl_der_element sequence, item;
	int32_t path_length = -1;
	struct certctl_der_in in;
	bool is_ca = false;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_SEQUENCE, "basicConstraints", &sequence, err);

	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&sequence);
	if (certctl_der_peek(&in) == CERTCTL_DER_BOOLEAN &&
		((rc = certctl_der_next(&in, "basicConstraints", &item, err)) < 0 ||
			(rc = certctl_der_flag(&item, "basicConstraints", &is_ca, err)) < 0))
		return rc;
	if (certctl_der_peek(&in) == CERTCTL_DER_INTEGER &&
		((rc = certctl_der_next(&in, "basicConstraints", &item, err)) < 0 ||
			(rc = certctl_der_small(&item, "path length", &path_length, err)) < 0))
		return rc;
	if ((rc = certctl_der_done(&in, "basicConstraints", err)) < 0)
		return rc;
	*ret_is_ca = is_ca;
	*ret_path_length = path_length;
	return 0;
}

int certctl_extended_key_usage_read(TALLOC_CTX *mem, const struct certctl_extension *extension, char ***ret,
	struct certctl_error *err)
{
	struct certctl_der_element sequence, oid;
	struct certctl_der_in in;
	size_t count = 0;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_SEQUENCE, "extKeyUsage", &sequence, err);

	if (rc < 0)
		return rc;
	if (sequence.len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "extKeyUsage: empty");
	/* The shortest OID takes three octets. */
	char **oids = talloc_zero_array(mem, char *, (unsigned)sequence.len / 3 + 2);

	if (!oids)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (in = certctl_der_in_of(&sequence); in.at != in.end; count++) {
		rc = certctl_der_take(&in, CERTCTL_DER_OID, "extKeyUsage", &oid, err);
		if (rc >= 0 && (oid.len == 0 || !(oids[count] = certctl_der_dotted(oids, &oid))))
			rc = certctl_fail(err, CERTCTL_E_INVALID, "extKeyUsage: malformed OID");
		if (rc < 0) {
			talloc_free(oids);
			return rc;
		}
	}
	*ret = oids;
	return 0;
}

int certctl_subject_key_id_read(const struct certctl_extension *extension, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	if (!extension->is_present)
		return 0;
	return take_value(extension, CERTCTL_DER_OCTET_STRING, "subjectKeyIdentifier", ret, err);
}

int certctl_authority_key_id_read(const struct certctl_extension *extension, struct certctl_der_element *ret,
	struct certctl_error *err)
{
	struct certctl_der_element sequence;
	struct certctl_der_in in;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_SEQUENCE, "authorityKeyIdentifier", &sequence, err);

	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&sequence);
	if (certctl_der_peek(&in) != CERTCTL_DER_CONTEXT_PRIMITIVE(0))
		return 0;
	return certctl_der_next(&in, "authorityKeyIdentifier", ret, err);
}

int certctl_must_staple_read(const struct certctl_extension *extension, bool *ret, struct certctl_error *err)
{
	struct certctl_der_element sequence, feature;
	bool must_staple = false;
	struct certctl_der_in in;
	int32_t number;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_SEQUENCE, "tlsFeature", &sequence, err);

	if (rc < 0)
		return rc;
	for (in = certctl_der_in_of(&sequence); in.at != in.end;) {
		if ((rc = certctl_der_take(&in, CERTCTL_DER_INTEGER, "tlsFeature", &feature, err)) < 0 ||
			(rc = certctl_der_small(&feature, "tlsFeature", &number, err)) < 0)
			return rc;
		must_staple |= number == 5; /* status_request, RFC 7633 */
	}
	*ret = must_staple;
	return 0;
}

int certctl_no_revocation_read(const struct certctl_extension *extension, bool *ret, struct certctl_error *err)
{
	struct certctl_der_element null;

	if (!extension->is_present)
		return 0;
	int rc = take_value(extension, CERTCTL_DER_NULL, "noRevAvail", &null, err);

	if (rc >= 0 && null.len != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "noRevAvail: NULL expected");
	*ret |= rc >= 0;
	return rc;
}
