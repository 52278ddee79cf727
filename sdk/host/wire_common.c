/* JSON of what every kind of plugin shares: names, facts, info, challenges, errors. */
#include "wire.h"

#include <string.h>

const char *const certctl_wire_kinds[] = { NULL, "issuer", "target", "notifier", NULL };
const char *const certctl_wire_key_types[] = { NULL, "RSA_2048", "RSA_3072", "RSA_4096", "ECDSA_P256", "ECDSA_P384",
	"ED25519", NULL };
static const char *const name_types[] = { NULL, "dns", "ip", "email", "uri", NULL };

static const struct certctl_wire_member name_members[] = {
	CERTCTL_WIRE_ENUM(struct certctl_name, type, name_types),
	CERTCTL_WIRE(struct certctl_name, text, .required = true),
	{ 0 },
};
const struct certctl_wire certctl_wire_name = { "name", sizeof(struct certctl_name), name_members };

static const struct certctl_wire_member fact_members[] = {
	CERTCTL_WIRE(struct certctl_fact, name, .required = true),
	CERTCTL_WIRE(struct certctl_fact, value, .required = true),
	{ 0 },
};
const struct certctl_wire certctl_wire_fact = { "fact", sizeof(struct certctl_fact), fact_members };

static const struct certctl_wire_member info_members[] = {
	CERTCTL_WIRE(struct certctl_info, endpoint),
	CERTCTL_WIRE(struct certctl_info, authentication),
	CERTCTL_WIRE(struct certctl_info, key_storage),
	CERTCTL_WIRE_ROWS_OF(struct certctl_info, constraints, &certctl_wire_fact),
	CERTCTL_WIRE_ROWS_OF(struct certctl_info, facts, &certctl_wire_fact),
	{ 0 },
};
const struct certctl_wire certctl_wire_info = { "info", sizeof(struct certctl_info), info_members };

static const struct certctl_wire_member challenge_members[] = {
	CERTCTL_WIRE(struct certctl_challenge, type, .required = true),
	CERTCTL_WIRE(struct certctl_challenge, identifier, .required = true),
	CERTCTL_WIRE(struct certctl_challenge, token),
	CERTCTL_WIRE(struct certctl_challenge, value),
	CERTCTL_WIRE(struct certctl_challenge, is_wildcard),
	{ 0 },
};
const struct certctl_wire certctl_wire_challenge = { "challenge", sizeof(struct certctl_challenge), challenge_members };

/* A plugin's text may hold anything; frames are UTF-8, and terminals obey control characters. */
void certctl_wire_clean(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	/* Never cut within a character. */
	while (len > 0 && (text[len] & 0xc0) == 0x80)
		len--;
	bool is_utf8 = certctl_utf8_is_valid(text, len);

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		out[i] = byte < ' ' || byte == 0x7f || (byte >= 0x80 && !is_utf8) ? '?' : text[i];
	}
	out[len] = 0;
}

json_t *certctl_wire_error_to_json(const struct certctl_error *err)
{
	char what[sizeof(err->what)], hint[sizeof(err->hint)];

	certctl_wire_clean(what, sizeof(what), err->what);
	certctl_wire_clean(hint, sizeof(hint), err->hint);
	return json_pack("{s:s, s:b, s:I, s:s, s:s}", "code", certctl_code_name(err->code), "retryable",
		(int)err->retryable, "retry_after_s", (json_int_t)err->retry_after_s, "what", what, "hint", hint);
}

int certctl_wire_error_from_json(const json_t *in, struct certctl_error *err)
{
	int64_t retry_after_s = certctl_json_integer_or(in, "retry_after_s", 0);
	struct certctl_error got = { .code = certctl_code_from_name(certctl_json_text_or(in, "code", NULL)) };

	if (got.code == CERTCTL_OK)
		got.code = CERTCTL_E_INTERNAL;
	got.retryable = json_is_true(json_object_get(in, "retryable"));
	got.retry_after_s = (int32_t)(retry_after_s < 0 ? 0 : retry_after_s > INT32_MAX ? INT32_MAX : retry_after_s);
	certctl_wire_clean(got.what, sizeof(got.what), certctl_json_text_or(in, "what", "no reason given"));
	certctl_wire_clean(got.hint, sizeof(got.hint), certctl_json_text_or(in, "hint", ""));
	if (err)
		*err = got;
	return got.code;
}
