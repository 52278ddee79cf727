/* Requests: whatever is accepted has canonical names in order, printable texts, and reads back the same from DER and PEM. */
#include "fuzz.h"

#include <certctl/x509.h>
#include <string.h>

static void check(TALLOC_CTX *mem, const struct certctl_csr *csr)
{
	struct certctl_csr *again = NULL;
	struct certctl_error err;
	char *pem;

	for (size_t i = 0; i < csr->name_count; i++) {
		struct certctl_name name;

		certctl_assert(i == 0 || certctl_name_compare(csr->names[i - 1], csr->names[i]) < 0);
		certctl_assert(certctl_name_make(mem, (enum certctl_name_type)csr->names[i]->type, csr->names[i]->text,
				       &name, &err) == 0);
		certctl_assert(certctl_name_compare(&name, csr->names[i]) == 0);
	}
	certctl_assert(!csr->names[csr->name_count]);
	for (const char *at = csr->subject; *at; at++)
		certctl_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	certctl_assert(csr->public_key.data > csr->der.data &&
		       csr->public_key.data + csr->public_key.len < csr->der.data + csr->der.len);
	pem = certctl_pem_encode(mem, "CERTIFICATE REQUEST", csr->der.data, csr->der.len);
	certctl_assert(certctl_csr_read(mem, pem, strlen(pem), &again, &err) == 0);
	certctl_assert(strcmp(again->sha256, csr->sha256) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *text = talloc_memdup(mem, size ? (const char *)data : "", size + !size);
	struct certctl_csr *csr = NULL;
	struct certctl_error err = { 0 };

	if (certctl_csr_read(mem, text, size, &csr, &err) == 0)
		check(mem, csr);
	else
		certctl_assert(err.what[0] && !csr);
	talloc_free(mem);
	return 0;
}
