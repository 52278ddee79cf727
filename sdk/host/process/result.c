/* Answers: what a plugin returned, straight from its structs into the frame.  Knows nothing of operations. */
#include "process.h"

#include <string.h>

/* What a frame is written from; `write` appends the value. */
struct result {
	const struct call *call;
	int (*write)(struct certctl_buffer *out, const struct result *result, struct certctl_error *err);
	const struct certctl_wire *wire;
	const void *value;
	const char *const *names;
	size_t count;
};

static int write_result(struct certctl_buffer *out, const void *arg, struct certctl_error *err)
{
	const struct result *result = arg;

	certctl_buffer_puts(out, "{\"result\":");
	certctl_buffer_integer(out, result->call->id);
	certctl_buffer_puts(out, ",\"value\":");
	int rc = result->write(out, result, err);

	certctl_buffer_puts(out, "}");
	return rc;
}

static int answer(struct call *call, const struct result *result, struct certctl_error *err)
{
	host_api_finish(call);
	int rc = lane_write(call->lane, write_result, result, CERTCTL_FRAME_FOREVER, err);

	if (rc == CERTCTL_E_INVALID)
		return err->code = CERTCTL_E_PROTOCOL;
	if (rc < 0)
		return certctl_error_prefix(err, "result of %s", call->operation), rc;
	call->is_answered = true;
	return 0;
}

static int write_struct(struct certctl_buffer *out, const struct result *result, struct certctl_error *err)
{
	return certctl_wire_append(out, result->wire, result->value, err);
}

int call_result(struct call *call, const struct certctl_wire *wire, const void *value, struct certctl_error *err)
{
	return answer(call, &(struct result){ .call = call, .write = write_struct, .wire = wire, .value = value }, err);
}

/* Names are ours: they need no quoting. */
static void write_name(struct certctl_buffer *out, const char *before, const char *name)
{
	certctl_buffer_puts(out, before);
	certctl_buffer_puts(out, name);
	certctl_buffer_puts(out, "\":");
}

static int write_rows(struct certctl_buffer *out, const struct result *result, struct certctl_error *err)
{
	write_name(out, "{\"", result->names[0]);
	int rc = certctl_wire_append_rows(out, result->wire, result->value, err);

	certctl_buffer_puts(out, "}");
	return rc;
}

int call_rows_result(struct call *call, const char *name, const struct certctl_wire *wire, const void *rows,
	struct certctl_error *err)
{
	return answer(call,
		&(struct result){ .call = call, .write = write_rows, .wire = wire, .value = rows, .names = &name },
		err);
}

static int write_text(struct certctl_buffer *out, const struct result *result, struct certctl_error *err)
{
	const char *text = result->value ? result->value : "";

	if (!certctl_utf8_is_valid(text, strlen(text)))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: not UTF-8", result->names[0]);
	write_name(out, "{\"", result->names[0]);
	certctl_buffer_json_string(out, text, strlen(text));
	certctl_buffer_puts(out, "}");
	return 0;
}

int call_text_result(struct call *call, const char *name, const char *text, struct certctl_error *err)
{
	return answer(call, &(struct result){ .call = call, .write = write_text, .value = text, .names = &name }, err);
}

static int write_numbers(struct certctl_buffer *out, const struct result *result, struct certctl_error *err)
{
	const int64_t *numbers = result->value;

	(void)err;
	for (size_t i = 0; i < result->count; i++) {
		write_name(out, i == 0 ? "{\"" : ",\"", result->names[i]);
		certctl_buffer_integer(out, numbers[i]);
	}
	certctl_buffer_puts(out, "}");
	return 0;
}

int call_numbers_result(struct call *call, const char *const *names, const int64_t *numbers, size_t count,
	struct certctl_error *err)
{
	return answer(call,
		&(struct result){
			.call = call, .write = write_numbers, .value = numbers, .names = names, .count = count },
		err);
}
