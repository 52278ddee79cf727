/* Names, hosts, URLs, times and quantities: what is accepted is canonical, and canonical stays as it is. */
#include "fuzz.h"

#include <certctl/name.h>
#include <certctl/time.h>
#include <string.h>

static void check_names(TALLOC_CTX *mem, const char *text)
{
	for (int type = CERTCTL_NAME_DNS; type < CERTCTL_NAME_TYPE_COUNT; type++) {
		struct certctl_name first = { 0 }, second = { 0 };
		struct certctl_error err = { 0 };

		if (certctl_name_make(mem, (enum certctl_name_type)type, text, &first, &err) < 0) {
			certctl_assert(err.what[0] && !first.text && !strpbrk(err.what, "\r\n"));
			continue;
		}
		certctl_assert(certctl_name_make(mem, (enum certctl_name_type)type, first.text, &second, &err) == 0);
		certctl_assert(certctl_name_compare(&first, &second) == 0);
		certctl_assert(strlen(first.text) <= (type == CERTCTL_NAME_URI ? 8192 : 254));
		for (const char *c = first.text; *c; c++)
			certctl_assert(*c > 0x20 && *c < 0x7f);
	}
}

static void check_places(TALLOC_CTX *mem, const char *text)
{
	struct certctl_url url = { 0 };
	struct certctl_error err;
	char *host = NULL, *again = NULL;
	uint16_t port, port_again;

	if (certctl_host_parse(mem, text, &host, &port, &err) == 0) {
		certctl_assert(certctl_host_parse(mem, host, &again, &port_again, &err) == 0);
		certctl_assert(strcmp(host, again) == 0 && port_again == 0);
	}
	if (certctl_url_parse(mem, text, &url, &err) == 0)
		certctl_assert(url.scheme[0] && url.host[0] && url.path_and_query[0] == '/' &&
			       !strpbrk(url.host, "/@?#"));
	if (certctl_path_check(text, &err) == 0)
		certctl_assert(text[0] == '/' && !strstr(text, "//") && !strstr(text, "/../") && !strchr(text, '\n'));
}

static void check_quantities(const char *text)
{
	char out[CERTCTL_TIME_TEXT];
	struct certctl_error err;
	int64_t number, again;
	uint64_t bytes, bytes_again;

	if (certctl_time_parse(text, &number, &err) == 0)
		certctl_assert(certctl_time_parse(certctl_time_format(number, out), &again, &err) == 0 &&
			       again == number);
	if (certctl_duration_parse(text, &number, &err) == 0)
		certctl_assert(certctl_duration_parse(certctl_duration_format(number, out), &again, &err) == 0 &&
			       again == number);
	if (certctl_size_parse(text, &bytes, &err) == 0)
		certctl_assert(certctl_size_parse(certctl_size_format(bytes, out), &bytes_again, &err) == 0 &&
			       bytes_again == bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *text = talloc_strndup(mem, (const char *)data, size);

	certctl_utf8_is_valid((const char *)data, size);
	check_names(mem, text);
	check_places(mem, text);
	check_quantities(text);
	talloc_free(mem);
	return 0;
}
