/* Frames and what they carry: any bytes on the socket give frames or an error; a struct read from a frame can be written again. */
#include "fuzz.h"

#include <certctl/time.h>
#include <frame.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wire.h>

#define MAX 65536

/* Everything that is ever read from the other side of a line. */
static const struct certctl_wire *const wires[] = { &certctl_wire_order, &certctl_wire_issued,
	&certctl_wire_renewal_window, &certctl_wire_bundle, &certctl_wire_plan, &certctl_wire_inventory_item,
	&certctl_wire_message, &certctl_wire_receipt, &certctl_wire_info, &certctl_wire_challenge };

static void check_struct(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *frame)
{
	CERTCTL_AUTO(json_decref) json_t *first = NULL;
	CERTCTL_AUTO(json_decref) json_t *second = NULL;
	struct certctl_error err = { 0 };
	void *value = talloc_zero_size(mem, wire->size), *again = talloc_zero_size(mem, wire->size);

	if (certctl_wire_from_json(mem, wire, frame, value, &err) < 0) {
		certctl_assert(err.code < 0 && err.what[0]);
		return;
	}
	/* What was read can be written, read again, and is the same. */
	certctl_assert(certctl_wire_to_json(wire, value, &first, &err) == 0);
	certctl_assert(certctl_wire_from_json(mem, wire, first, again, &err) == 0);
	certctl_assert(certctl_wire_to_json(wire, again, &second, &err) == 0);
	certctl_assert(json_equal(first, second));
}

static void check_error(const json_t *frame)
{
	struct certctl_error err = { 0 };

	certctl_assert(certctl_wire_error_from_json(frame, &err) < 0);
	certctl_assert(certctl_utf8_is_valid(err.what, strlen(err.what)) && !strpbrk(err.what, "\n\r\033"));
	CERTCTL_AUTO(json_decref) json_t *back = certctl_wire_error_to_json(&err);

	certctl_assert(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certctl_frame_reader reader;
	struct certctl_error err = { 0 };
	int fds[2], rc = 0;

	/* More does not fit into the socket, and nobody reads while we write. */
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	certctl_assert(send(fds[0], data, size, 0) == (ssize_t)size);
	close(fds[0]);
	certctl_frame_reader_init(&reader, fds[1], MAX);
	while (rc == 0) {
		CERTCTL_AUTO(json_decref) json_t *frame = NULL;
		TALLOC_CTX *mem = talloc_new(NULL);

		rc = certctl_frame_receive(&reader, CERTCTL_FRAME_FOREVER, &frame, &err);
		certctl_assert((rc == 0) == json_is_object(frame));
		for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(wires); i++)
			check_struct(mem, wires[i], frame);
		if (rc == 0)
			check_error(frame);
		talloc_free(mem);
	}
	certctl_assert(err.code == rc && err.what[0] && rc != CERTCTL_E_TIMEOUT);
	certctl_frame_reader_done(&reader);
	close(fds[1]);
	return 0;
}
