/* Who signed whom: ordering chains.  Validity in time and names are the bundle's matter (bundle.c). */
#include "x509_parts.h"

#define CHAIN_MAX 16

/* Name and key ids first: they cost nothing, a signature does. */
static bool may_be_issued_by(const struct certctl_certificate_parts *child,
	const struct certctl_certificate *certificate, const struct certctl_certificate_parts *parent,
	const struct certctl_certificate *issuer)
{
	if (!certctl_der_same(&child->issuer, parent->subject.content, parent->subject.len))
		return false;
	if (certificate->authority_key_id && issuer->subject_key_id &&
		strcmp(certificate->authority_key_id, issuer->subject_key_id) != 0)
		return false;
	/* Certificates of version 1 have no way to say that they are a CA; old roots are such. */
	if (parent->version >= 2 && !issuer->is_ca)
		return false;
	return !issuer->key_usage || issuer->key_usage & CERTCTL_KU_KEY_CERT_SIGN;
}

bool certctl_certificate_is_issued_by(const struct certctl_certificate *certificate,
	const struct certctl_certificate *issuer)
{
	const struct certctl_signature_algorithm *algorithm;
	struct certctl_certificate_parts child, parent;

	if (certctl_certificate_split(&certificate->der, &child, NULL) < 0 ||
		certctl_certificate_split(&issuer->der, &parent, NULL) < 0 ||
		!may_be_issued_by(&child, certificate, &parent, issuer))
		return false;
	algorithm = certctl_signature_algorithm_find(&child.algorithm);
	return algorithm && !algorithm->is_weak &&
	       certctl_public_key_verify(&parent.key, algorithm, &child.tbs, &child.signature, NULL) == 0;
}

static bool is_same(const struct certctl_certificate *a, const struct certctl_certificate *b)
{
	return strcmp(a->fingerprint_sha256, b->fingerprint_sha256) == 0;
}

static bool is_in(const struct certctl_certificate *certificate, struct certctl_certificate *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_same(certificate, list[i]))
			return true;
	return false;
}

/* The issuer of the chain's last certificate among `others`; NULL: none. */
static struct certctl_certificate *find_issuer(struct certctl_certificate *const *chain, size_t length,
	struct certctl_certificate *const *others, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_in(others[i], chain, length) && certctl_certificate_is_issued_by(chain[length - 1], others[i]))
			return others[i];
	return NULL;
}

int certctl_chain_order(TALLOC_CTX *mem, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *others, size_t count, struct certctl_certificate ***ret, size_t *ret_count,
	struct certctl_error *err)
{
	struct certctl_certificate *chain[CHAIN_MAX + 1] = { (struct certctl_certificate *)leaf };
	size_t length = 1;

	while (!chain[length - 1]->is_self_issued) {
		struct certctl_certificate *issuer = find_issuer(chain, length, others, count);

		if (!issuer)
			break;
		if (length == CHAIN_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "chain: more than %d certificates", CHAIN_MAX);
		chain[length++] = issuer;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_in(others[i], chain, length))
			continue;
		if (length == 1 && !leaf->is_self_issued)
			return certctl_fail(err, CERTCTL_E_INVALID, "chain: none of its certificates issued %s",
				leaf->subject);
		return certctl_fail(err, CERTCTL_E_INVALID, "chain: %s belongs to nothing in it", others[i]->subject);
	}
	/* Whoever trusts the root has it: it stays out, unless it is the leaf or its direct issuer. */
	if (length > 2 && chain[length - 1]->is_self_issued)
		length--;
	chain[length] = NULL;
	*ret = talloc_memdup(mem, chain, (length + 1) * sizeof(chain[0]));
	if (!*ret)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret_count = length;
	return 0;
}
