/* Frames on a socket pair: what comes through, and every way in which the other side may be wrong. */
#include "test.h"

#include <certctl/time.h>
#include <frame.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 1000

static int ends[2];
static struct certctl_frame_reader reader;

static void open_pair(void)
{
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	certctl_frame_reader_init(&reader, ends[1], MAX);
}

static void close_pair(void)
{
	certctl_frame_reader_done(&reader);
	close(ends[0]);
	close(ends[1]);
}

static void put(const void *data, size_t len)
{
	CU_ASSERT_EQUAL(write(ends[0], data, len), (ssize_t)len);
}

static int get(json_t **ret, struct certctl_error *err)
{
	return certctl_frame_receive(&reader, certctl_monotonic_ms() + 20000, ret, err);
}

static void frames_come_in_order_and_whole(void)
{
	struct certctl_error err = { 0 };

	open_pair();
	for (int i = 0; i < 100; i++) {
		json_t *frame = json_pack("{s:i}", "n", i);

		ASSERT_OK(certctl_frame_send(ends[0], frame, MAX, CERTCTL_FRAME_FOREVER, &err), err);
		json_decref(frame);
	}
	for (int i = 0; i < 100; i++) {
		json_t *frame = NULL;

		ASSERT_OK(get(&frame, &err), err);
		CU_ASSERT_EQUAL(json_integer_value(json_object_get(frame, "n")), i);
		json_decref(frame);
	}
	close_pair();
}

static void a_frame_may_come_byte_by_byte(void)
{
	static const char text[] = "\0\0\0\x07{\"a\":1}\0\0\0\x02{}";
	struct certctl_error err = { 0 };
	json_t *frame = NULL;

	open_pair();
	for (size_t i = 0; i < 11; i++) {
		ASSERT_FAILS(certctl_frame_receive(&reader, CERTCTL_FRAME_NOW, &frame, &err), CERTCTL_E_TIMEOUT, NULL,
			err);
		CU_ASSERT(!certctl_frame_is_buffered(&reader));
		put(text + i, 1);
	}
	ASSERT_OK(certctl_frame_receive(&reader, CERTCTL_FRAME_NOW, &frame, &err), err);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(frame, "a")), 1);
	json_decref(frame);
	put(text + 11, sizeof(text) - 12);
	ASSERT_OK(certctl_frame_receive(&reader, CERTCTL_FRAME_NOW, &frame, &err), err);
	CU_ASSERT_EQUAL(json_object_size(frame), 0);
	json_decref(frame);
	close_pair();
}

static void what_is_wrong_on_the_wire_has_a_code(void)
{
	static const struct {
		const char *data;
		size_t len;
		int code;
		const char *words;
	} rows[] = {
		{ "\0\0\0\x02[]", 6, CERTCTL_E_PROTOCOL, "a JSON object expected" },
		{ "\0\0\0\0", 4, CERTCTL_E_PROTOCOL, "frame: " },
		{ "\0\0\0\x03{a}", 7, CERTCTL_E_PROTOCOL, "frame: " },
		{ "\0\0\0\x0d{\"a\":1,\"a\":2}", 17, CERTCTL_E_PROTOCOL, "frame: " },
		{ "\0\0\0\x08{\"a\":\"\xff\"}", 12, CERTCTL_E_PROTOCOL, "frame: " },
		{ "\0\0\x03\xe9", 4, CERTCTL_E_LIMIT, "1001 bytes announced, at most 1000" },
		{ "\xff\xff\xff\xff", 4, CERTCTL_E_LIMIT, "4294967295 bytes announced" },
		{ "HTTP/1.1 400", 12, CERTCTL_E_LIMIT, "bytes announced" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		json_t *frame = NULL;

		open_pair();
		put(rows[i].data, rows[i].len);
		ASSERT_FAILS(get(&frame, &err), rows[i].code, rows[i].words, err);
		CU_ASSERT_PTR_NULL(frame);
		close_pair();
	}
}

static void a_frame_nested_too_deep_is_refused(void)
{
	char text[4 + 500];
	struct certctl_error err = { 0 };
	json_t *frame = NULL;

	memset(text, '[', sizeof(text));
	memcpy(text, "\0\0\x01\xf4{\"a\":", 9);
	open_pair();
	put(text, sizeof(text));
	ASSERT_FAILS(get(&frame, &err), CERTCTL_E_LIMIT, NULL, err);
	close_pair();
}

static void the_end_of_the_other_side_is_unavailable(void)
{
	struct certctl_error err = { 0 };
	json_t *frame = NULL, *empty = json_object();

	open_pair();
	put("\0\0\0\x07{\"a", 7);
	close(ends[0]);
	ASSERT_FAILS(get(&frame, &err), CERTCTL_E_UNAVAILABLE, "closed", err);
	ASSERT_FAILS(certctl_frame_send(ends[1], empty, MAX, CERTCTL_FRAME_FOREVER, &err), CERTCTL_E_UNAVAILABLE,
		"closed", err);
	ends[0] = -1;
	json_decref(empty);
	close_pair();
}

static void what_cannot_be_sent_is_not_sent(void)
{
	char text[MAX + 1];
	struct certctl_error err = { 0 };

	memset(text, 'x', MAX);
	text[MAX] = 0;
	json_t *large = json_pack("{s:s}", "a", text), *array = json_array(), *frame = NULL, *empty = json_object();

	open_pair();
	ASSERT_FAILS(certctl_frame_send(ends[0], large, MAX, CERTCTL_FRAME_FOREVER, &err), CERTCTL_E_LIMIT,
		"more than the 1000 bytes", err);
	ASSERT_FAILS(certctl_frame_send(ends[0], array, MAX, CERTCTL_FRAME_FOREVER, &err), CERTCTL_E_INVALID, NULL,
		err);
	json_object_set_new(empty, "a", json_string_nocheck("\xff"));
	ASSERT_FAILS(certctl_frame_send(ends[0], empty, MAX, CERTCTL_FRAME_FOREVER, &err), CERTCTL_E_INVALID,
		"not UTF-8", err);
	ASSERT_FAILS(certctl_frame_send(ends[0], NULL, MAX, CERTCTL_FRAME_FOREVER, &err), CERTCTL_E_INVALID, NULL, err);
	ASSERT_FAILS(certctl_frame_receive(&reader, CERTCTL_FRAME_NOW, &frame, &err), CERTCTL_E_TIMEOUT, NULL, err);
	json_decref(large);
	json_decref(array);
	json_decref(empty);
	close_pair();
}

/* Around the maximum, and around the memory that holds nearly every frame. */
static void frames_of_every_length_come_through(void)
{
	static const size_t lengths[] = { 0, 1, 4000, 4096, 16368, 16369, 16370, 16371, 16372, 16373, 16374, 16375,
		16376, 16377, 16378, 16379, 16380, 16384, 16385, 20000 };
	char *text = talloc_zero_size(test_mem(), 20001);
	struct certctl_error err = { 0 };

	for (size_t i = 0; i < CERTCTL_COUNT(lengths); i++) {
		size_t whole = lengths[i] + strlen("{\"a\":\"\"}");
		json_t *frame = NULL, *got = NULL;

		memset(text, 'x', lengths[i]);
		text[lengths[i]] = 0;
		frame = json_pack("{s:s}", "a", text);
		open_pair();
		ASSERT_FAILS(certctl_frame_send(ends[0], frame, whole - 1, CERTCTL_FRAME_FOREVER, &err),
			CERTCTL_E_LIMIT, "are allowed", err);
		ASSERT_OK(certctl_frame_send(ends[0], frame, whole, CERTCTL_FRAME_FOREVER, &err), err);
		reader.max = whole;
		ASSERT_OK(get(&got, &err), err);
		ASSERT_TEXT(certctl_json_text_or(got, "a", ""), text);
		json_decref(got);
		json_decref(frame);
		close_pair();
	}
}

struct writing {
	const char *text;
	int calls, rc;
};

static int write_text(struct certctl_buffer *out, const void *arg, struct certctl_error *err)
{
	struct writing *writing = (struct writing *)(uintptr_t)arg;

	writing->calls++;
	certctl_buffer_puts(out, "{\"a\":");
	certctl_buffer_json_string(out, writing->text, strlen(writing->text));
	certctl_buffer_puts(out, "}");
	return writing->rc < 0 ? certctl_fail(err, (enum certctl_code)writing->rc, "changed my mind") : 0;
}

static void a_frame_is_written_once_unless_it_is_large(void)
{
	struct writing small = { .text = "x" }, large = { .text = NULL },
		       refused = { .text = "x", .rc = CERTCTL_E_DENIED };
	char *text = talloc_zero_size(test_mem(), 20001);
	struct certctl_error err = { 0 };
	json_t *got = NULL;

	memset(text, 'x', 20000);
	large.text = text;
	open_pair();
	reader.max = CERTCTL_FRAME_MAX;
	ASSERT_OK(certctl_frame_write(ends[0], write_text, &small, MAX, CERTCTL_FRAME_FOREVER, &err), err);
	CU_ASSERT_EQUAL(small.calls, 1);
	ASSERT_FAILS(certctl_frame_write(ends[0], write_text, &large, MAX, CERTCTL_FRAME_FOREVER, &err),
		CERTCTL_E_LIMIT, "more than the 1000 bytes", err);
	ASSERT_FAILS(certctl_frame_write(ends[0], write_text, &refused, MAX, CERTCTL_FRAME_FOREVER, &err),
		CERTCTL_E_DENIED, "changed my mind", err);
	large.calls = 0;
	ASSERT_OK(certctl_frame_write(ends[0], write_text, &large, CERTCTL_FRAME_MAX, CERTCTL_FRAME_FOREVER, &err),
		err);
	CU_ASSERT_EQUAL(large.calls, 2);
	/* Of what was refused nothing was sent. */
	ASSERT_OK(get(&got, &err), err);
	ASSERT_TEXT(certctl_json_text_or(got, "a", ""), "x");
	json_decref(got);
	ASSERT_OK(get(&got, &err), err);
	ASSERT_TEXT(certctl_json_text_or(got, "a", ""), text);
	json_decref(got);
	ASSERT_FAILS(certctl_frame_receive(&reader, CERTCTL_FRAME_NOW, &got, &err), CERTCTL_E_TIMEOUT, NULL, err);
	close_pair();
}

static void sending_to_one_who_does_not_read_ends_at_the_deadline(void)
{
	json_t *frame = json_object();
	struct certctl_error err = { 0 };
	char *text = talloc_zero_size(test_mem(), 4000001);
	int rc = 0;

	memset(text, 'x', 4000000);
	json_object_set_new(frame, "a", json_string(text));
	open_pair();
	rc = certctl_frame_send(ends[0], frame, CERTCTL_FRAME_MAX, certctl_monotonic_ms() + 50, &err);
	ASSERT_FAILS(rc, CERTCTL_E_TIMEOUT, "deadline", err);
	json_decref(frame);
	close_pair();
}

static void *send_large(void *arg)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_frame_send(ends[0], arg, CERTCTL_FRAME_MAX, CERTCTL_FRAME_FOREVER, &err), err);
	return NULL;
}

static void a_large_frame_comes_through_and_its_memory_goes(void)
{
	char *text = talloc_zero_size(test_mem(), 4000001);
	json_t *frame = json_object(), *got = NULL;
	struct certctl_error err = { 0 };
	pthread_t thread;

	memset(text, 'x', 4000000);
	json_object_set_new(frame, "a", json_string(text));
	open_pair();
	reader.max = CERTCTL_FRAME_MAX;
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, send_large, frame), 0);
	ASSERT_OK(get(&got, &err), err);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(json_string_length(json_object_get(got, "a")), 4000000);
	CU_ASSERT_PTR_NULL(reader.data);
	json_decref(got);
	json_decref(frame);
	close_pair();
}

const struct test tests[] = {
	TEST(frames_come_in_order_and_whole),
	TEST(a_frame_may_come_byte_by_byte),
	TEST(what_is_wrong_on_the_wire_has_a_code),
	TEST(a_frame_nested_too_deep_is_refused),
	TEST(the_end_of_the_other_side_is_unavailable),
	TEST(what_cannot_be_sent_is_not_sent),
	TEST(frames_of_every_length_come_through),
	TEST(a_frame_is_written_once_unless_it_is_large),
	TEST(sending_to_one_who_does_not_read_ends_at_the_deadline),
	TEST(a_large_frame_comes_through_and_its_memory_goes),
	{ 0 },
};
