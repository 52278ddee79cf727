/* Signature algorithms, key types, SubjectPublicKeyInfo.  Knows nothing of certificates. */
#include "x509_parts.h"

#include <gnutls/crypto.h>

#define SEQ                   0x30
#define OID                   0x06
#define RSA_ALGORITHM(last)   { SEQ, 13, OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last, 5, 0 }, 15
#define ECDSA_ALGORITHM(last) { SEQ, 10, OID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last }, 12

/* RFC 3279, RFC 4055, RFC 5758, RFC 8410.  A row more is all that a new algorithm needs. */
static const struct certctl_signature_algorithm algorithms[] = {
	{ GNUTLS_SIGN_ECDSA_SHA256, "ECDSA-SHA256", ECDSA_ALGORITHM(2), false },
	{ GNUTLS_SIGN_ECDSA_SHA384, "ECDSA-SHA384", ECDSA_ALGORITHM(3), false },
	{ GNUTLS_SIGN_ECDSA_SHA512, "ECDSA-SHA512", ECDSA_ALGORITHM(4), false },
	{ GNUTLS_SIGN_RSA_SHA256, "RSA-SHA256", RSA_ALGORITHM(11), false },
	{ GNUTLS_SIGN_RSA_SHA384, "RSA-SHA384", RSA_ALGORITHM(12), false },
	{ GNUTLS_SIGN_RSA_SHA512, "RSA-SHA512", RSA_ALGORITHM(13), false },
	{ GNUTLS_SIGN_EDDSA_ED25519, "Ed25519", { SEQ, 5, OID, 3, 0x2b, 0x65, 0x70 }, 7, false },
	{ GNUTLS_SIGN_RSA_SHA1, "RSA-SHA1", RSA_ALGORITHM(5), true },
	{ GNUTLS_SIGN_RSA_MD5, "RSA-MD5", RSA_ALGORITHM(4), true },
	{ GNUTLS_SIGN_ECDSA_SHA1, "ECDSA-SHA1", { SEQ, 9, OID, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1 }, 11, true },
};

static const unsigned char oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1 };
static const unsigned char oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };
static const unsigned char oid_ed25519[] = { 0x2b, 0x65, 0x70 };
static const unsigned char oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const unsigned char oid_p384[] = { 0x2b, 0x81, 0x04, 0, 0x22 };

static const struct {
	const char *name;
	gnutls_sign_algorithm_t signs_with;
} key_types[CERTCTL_KEY_TYPE_COUNT] = {
	[CERTCTL_RSA_2048] = { "RSA_2048", GNUTLS_SIGN_RSA_SHA256 },
	[CERTCTL_RSA_3072] = { "RSA_3072", GNUTLS_SIGN_RSA_SHA256 },
	[CERTCTL_RSA_4096] = { "RSA_4096", GNUTLS_SIGN_RSA_SHA256 },
	[CERTCTL_ECDSA_P256] = { "ECDSA_P256", GNUTLS_SIGN_ECDSA_SHA256 },
	[CERTCTL_ECDSA_P384] = { "ECDSA_P384", GNUTLS_SIGN_ECDSA_SHA384 },
	[CERTCTL_ED25519] = { "ED25519", GNUTLS_SIGN_EDDSA_ED25519 },
};

const char *certctl_key_type_name(uint32_t type)
{
	return type > 0 && type < CERTCTL_KEY_TYPE_COUNT ? key_types[type].name : "unknown";
}

enum certctl_key_type certctl_key_type_from_name(const char *name)
{
	for (int type = 1; name && type < CERTCTL_KEY_TYPE_COUNT; type++)
		if (strcmp(key_types[type].name, name) == 0)
			return (enum certctl_key_type)type;
	return 0;
}

const struct certctl_signature_algorithm *certctl_signature_algorithm_find(const struct certctl_der_element *element)
{
	for (size_t i = 0; i < CERTCTL_COUNT(algorithms); i++)
		if (element->whole_len == algorithms[i].der_len &&
			memcmp(element->whole, algorithms[i].der, algorithms[i].der_len) == 0)
			return &algorithms[i];
	return NULL;
}

const struct certctl_signature_algorithm *certctl_signature_algorithm_of(enum certctl_key_type type)
{
	for (size_t i = 0; i < CERTCTL_COUNT(algorithms); i++)
		if (type > 0 && type < CERTCTL_KEY_TYPE_COUNT && algorithms[i].id == key_types[type].signs_with)
			return &algorithms[i];
	return NULL;
}

/* The number without its sign octet. */
static int read_unsigned(struct certctl_der_in *in, const char *what, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	struct certctl_der_element number;
	int rc = certctl_der_take(in, CERTCTL_DER_INTEGER, what, &number, err);

	if (rc < 0)
		return rc;
	if (number.len == 0 || number.content[0] >= 0x80 ||
		(number.len > 1 && number.content[0] == 0 && number.content[1] < 0x80))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: not a positive DER number", what);
	size_t sign = number.content[0] == 0;

	*ret = (struct certctl_bytes){ (unsigned char *)number.content + sign, number.len - sign };
	return 0;
}

static int read_rsa(struct certctl_public_key *key, struct certctl_error *err)
{
	struct certctl_der_element sequence;
	int rc = certctl_der_whole(key->bits.data, key->bits.len, CERTCTL_DER_SEQUENCE, "RSA key", &sequence, err);
	struct certctl_der_in in;

	if (rc < 0)
		return rc;
	in = certctl_der_in_of(&sequence);
	if ((rc = read_unsigned(&in, "RSA modulus", &key->n, err)) < 0 ||
		(rc = read_unsigned(&in, "RSA exponent", &key->e, err)) < 0 ||
		(rc = certctl_der_done(&in, "RSA key", err)) < 0)
		return rc;
	if (key->n.len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "RSA modulus: zero");
	key->key_bits = (uint32_t)key->n.len * 8;
	for (unsigned char top = key->n.data[0]; !(top & 0x80); top = (unsigned char)(top << 1))
		key->key_bits--;
	key->type = key->key_bits == 2048   ? CERTCTL_RSA_2048
		    : key->key_bits == 3072 ? CERTCTL_RSA_3072
		    : key->key_bits == 4096 ? CERTCTL_RSA_4096
					    : 0;
	return 0;
}

/* An uncompressed point on a curve of ours; other curves and forms are somebody else's. */
static int read_ec(struct certctl_public_key *key, const struct certctl_der_element *curve, struct certctl_error *err)
{
	static const struct {
		const unsigned char *oid;
		size_t oid_len, coordinate_len;
		enum certctl_key_type type;
		gnutls_ecc_curve_t curve;
	} curves[] = {
		{ oid_p256, sizeof(oid_p256), 32, CERTCTL_ECDSA_P256, GNUTLS_ECC_CURVE_SECP256R1 },
		{ oid_p384, sizeof(oid_p384), 48, CERTCTL_ECDSA_P384, GNUTLS_ECC_CURVE_SECP384R1 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(curves); i++) {
		if (curve->tag != CERTCTL_DER_OID || !certctl_der_same(curve, curves[i].oid, curves[i].oid_len))
			continue;
		if (key->bits.len != 1 + 2 * curves[i].coordinate_len || key->bits.data[0] != 4)
			return certctl_fail(err, CERTCTL_E_INVALID, "EC key: uncompressed point expected");
		key->type = curves[i].type;
		key->curve = curves[i].curve;
		key->key_bits = (uint32_t)curves[i].coordinate_len * 8;
	}
	return 0;
}

static int read_ed25519(struct certctl_public_key *key, struct certctl_error *err)
{
	if (key->bits.len != 32)
		return certctl_fail(err, CERTCTL_E_INVALID, "Ed25519 key: 32 octets expected, got %zu", key->bits.len);
	key->type = CERTCTL_ED25519;
	key->curve = GNUTLS_ECC_CURVE_ED25519;
	key->key_bits = 256;
	return 0;
}

int certctl_public_key_read(const struct certctl_der_element *whole, struct certctl_public_key *ret,
	struct certctl_error *err)
{
	struct certctl_der_in in = certctl_der_in_of(whole), algorithm;
	struct certctl_der_element sequence, oid, parameters = { 0 }, bits;
	struct certctl_public_key key = { .whole = *whole };
	int rc;

	if ((rc = certctl_der_take(&in, CERTCTL_DER_SEQUENCE, "public key: algorithm", &sequence, err)) < 0 ||
		(rc = certctl_der_take(&in, CERTCTL_DER_BIT_STRING, "public key", &bits, err)) < 0 ||
		(rc = certctl_der_done(&in, "public key", err)) < 0 ||
		(rc = certctl_der_octets(&bits, "public key", &key.bits, err)) < 0)
		return rc;
	algorithm = certctl_der_in_of(&sequence);
	if ((rc = certctl_der_take(&algorithm, CERTCTL_DER_OID, "public key: algorithm", &oid, err)) < 0)
		return rc;
	if (algorithm.at != algorithm.end &&
		(rc = certctl_der_next(&algorithm, "public key: parameters", &parameters, err)) < 0)
		return rc;
	if ((rc = certctl_der_done(&algorithm, "public key: parameters", err)) < 0)
		return rc;
	if (certctl_der_same(&oid, oid_rsa, sizeof(oid_rsa)))
		rc = read_rsa(&key, err);
	else if (certctl_der_same(&oid, oid_ec, sizeof(oid_ec)))
		rc = read_ec(&key, &parameters, err);
	else if (certctl_der_same(&oid, oid_ed25519, sizeof(oid_ed25519)))
		rc = read_ed25519(&key, err);
	if (rc < 0)
		return rc;
	*ret = key;
	return 0;
}

/* From numbers where we have them: GnuTLS's own DER decoder costs a tenth of a P-256 verification. */
static int import(const struct certctl_public_key *key, gnutls_pubkey_t pubkey)
{
	if (key->n.data)
		return gnutls_pubkey_import_rsa_raw(pubkey, &(gnutls_datum_t){ key->n.data, (unsigned)key->n.len },
			&(gnutls_datum_t){ key->e.data, (unsigned)key->e.len });
	if (key->type == CERTCTL_ED25519)
		return gnutls_pubkey_import_ecc_raw(pubkey, key->curve,
			&(gnutls_datum_t){ key->bits.data, (unsigned)key->bits.len }, NULL);
	if (key->type) {
		unsigned len = (unsigned)(key->bits.len - 1) / 2;

		return gnutls_pubkey_import_ecc_raw(pubkey, key->curve, &(gnutls_datum_t){ key->bits.data + 1, len },
			&(gnutls_datum_t){ key->bits.data + 1 + len, len });
	}
	return gnutls_pubkey_import(pubkey,
		&(gnutls_datum_t){ (unsigned char *)key->whole.whole, (unsigned)key->whole.whole_len },
		GNUTLS_X509_FMT_DER);
}

int certctl_public_key_verify(const struct certctl_public_key *key, const struct certctl_signature_algorithm *algorithm,
	const struct certctl_der_element *data, const struct certctl_bytes *signature, struct certctl_error *err)
{
	gnutls_datum_t signed_data = { (unsigned char *)data->whole, (unsigned)data->whole_len };
	gnutls_datum_t value = { signature->data, (unsigned)signature->len };
	gnutls_pubkey_t pubkey;
	int rc = gnutls_pubkey_init(&pubkey);

	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s", gnutls_strerror(rc));
	rc = import(key, pubkey);
	if (rc >= 0)
		rc = gnutls_pubkey_verify_data2(pubkey, algorithm->id, 0, &signed_data, &value);
	gnutls_pubkey_deinit(pubkey);
	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s signature: %s", algorithm->name, gnutls_strerror(rc));
	return 0;
}

void certctl_public_key_id(const struct certctl_public_key *key, unsigned char ret_id[CERTCTL_KEY_ID_LEN])
{
	unsigned char digest[32];
	int rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, key->bits.data, key->bits.len, digest);

	certctl_assert(rc >= 0);
	memcpy(ret_id, digest, CERTCTL_KEY_ID_LEN);
}
