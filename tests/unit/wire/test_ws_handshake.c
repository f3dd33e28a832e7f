// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "feed.h"
#include "nexwire/ws_handshake.h"
#include "wire/ws/sha1.h"

enum {
	HEAD_MOST = 1000
};

// The key of RFC 6455 1.3, decoded.
static bool sample_nonce(void *context, void *memory, size_t bytes)
{
	assert_int_equal(bytes, 16);
	memcpy(memory, "the sample nonce", 16);
	return true;
}

static bool no_nonce(void *context, void *memory, size_t bytes)
{
	return false;
}

static struct feed_way way; // in which heads come
static struct feed feed;
static uint8_t write_memory[4096];
static struct nx_read_buffer in;
static struct nx_write_buffer out;
static struct nx_ws_request request;
static struct nx_ws_client client;

static void start_over(void)
{
	feed_end(&feed);
	feed_begin(&feed, &in, &way);
	assert_int_equal(
		nx_write_buffer_init(&out, write_memory, sizeof(write_memory), 0), NX_BUFFER_OK);
	nx_ws_request_init(&request, NULL);
}

static enum nx_ws_handshake_verdict serve(const char *head)
{
	enum nx_ws_handshake_verdict verdict = NX_WS_HANDSHAKE_NEED_MORE;

	start_over();
	feed.bytes = (const uint8_t *)head;
	feed.left = strlen(head);
	while (verdict == NX_WS_HANDSHAKE_NEED_MORE && feed_more(&feed))
		verdict = nx_ws_request_read(&request, &in);
	return verdict;
}

// What follows a head stays, whether it has come or not.
static void assert_behind(const char *text)
{
	size_t n = nx_read_buffer_length(&in);

	assert_int_equal(n + feed.left, strlen(text));
	assert_memory_equal(nx_read_buffer_data(&in), text, n);
	assert_memory_equal(feed.bytes, text + n, feed.left);
}

static void assert_slice(struct nx_http_slice slice, const char *text)
{
	assert_int_equal(slice.length, strlen(text));
	assert_memory_equal(slice.data, text, slice.length);
}

static void assert_out(const char *text)
{
	assert_int_equal(nx_write_buffer_length(&out), strlen(text));
	assert_memory_equal(nx_write_buffer_data(&out), text, strlen(text));
}

// RFC 6455 1.3, with two frame bytes behind.
#define SAMPLE                                                                                     \
	"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"                 \
	"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                   \
	"Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"                \
	"Sec-WebSocket-Version: 13\r\n\r\n"

static void example_of_the_rfc_is_accepted(void **state)
{
	assert_int_equal(serve(SAMPLE "\x81\x80"), NX_WS_HANDSHAKE_DONE);
	assert_slice(request.target, "/chat");
	assert_slice(request.host, "server.example.com");
	assert_slice(request.origin, "http://example.com");
	assert_int_equal(request.protocol_count, 2);
	assert_slice(request.protocols[1], "superchat");
	assert_int_equal(request.offer_count, 0);
	assert_int_equal(nx_ws_accept(&request, &out, 0, NULL, NULL, 0), NX_WS_HANDSHAKE_DONE);
	assert_out("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		   "Sec-WebSocket-Protocol: chat\r\n\r\n");
	assert_behind("\x81\x80");
}

static void head_may_come_byte_by_byte(void **state)
{
	start_over();
	for (size_t i = 0; i + 1 < sizeof(SAMPLE) - 1; i++) {
		assert_int_equal(nx_read_buffer_feed(&in, &SAMPLE[i], 1), 1);
		assert_int_equal(nx_ws_request_read(&request, &in), NX_WS_HANDSHAKE_NEED_MORE);
	}
	assert_int_equal(nx_read_buffer_feed(&in, "\n", 1), 1);
	assert_int_equal(nx_ws_request_read(&request, &in), NX_WS_HANDSHAKE_DONE);
	assert_slice(request.target, "/chat");
}

static void head_without_an_end_is_refused_when_the_buffer_is_full(void **state)
{
	uint8_t memory[200 + NX_READ_PADDING];
	char head[250];

	start_over();
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET /", 5);
	assert_int_equal(nx_read_buffer_init(&in, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_feed(&in, head, sizeof(head)), 200);
	assert_int_equal(nx_ws_request_read(&request, &in), NX_WS_HANDSHAKE_HEAD_INVALID);
	assert_int_equal(request.http, NX_HTTP_HEAD_TOO_LARGE);
	assert_int_equal(
		nx_ws_refuse(&request, &out, NX_WS_HANDSHAKE_HEAD_INVALID), NX_WS_HANDSHAKE_DONE);
	assert_memory_equal(nx_write_buffer_data(&out), "HTTP/1.1 431 ", 13);
}

struct refusal {
	const char *line; // replaces, by its number, a line of the head
	int number;
	enum nx_ws_handshake_verdict verdict;
	const char *status;
};

static const struct refusal refusals[] = {
	{"POST / HTTP/1.1", 0, NX_WS_HANDSHAKE_METHOD_NOT_GET, "405"},
	{"GET / HTTP/1.0", 0, NX_WS_HANDSHAKE_HTTP_TOO_OLD, "505"},
	{"GET / HTTP/2.0", 0, NX_WS_HANDSHAKE_HEAD_INVALID, "505"},
	{"Host: a\r\nHost: b", 1, NX_WS_HANDSHAKE_HEAD_INVALID, "400"},
	{"X: y", 1, NX_WS_HANDSHAKE_HEAD_INVALID, "400"},
	{"Upgrade: h2c", 2, NX_WS_HANDSHAKE_UPGRADE_MISSING, "426"},
	{"Upgrade: websockets", 2, NX_WS_HANDSHAKE_UPGRADE_MISSING, "426"},
	{"Connection: keep-alive", 3, NX_WS_HANDSHAKE_CONNECTION_MISSING, "400"},
	{"X: y", 4, NX_WS_HANDSHAKE_KEY_MISSING, "400"},
	{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=", 4, NX_WS_HANDSHAKE_KEY_INVALID, "400"},
	{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==", 4, NX_WS_HANDSHAKE_KEY_INVALID, "400"},
	{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==", 4, NX_WS_HANDSHAKE_KEY_INVALID, "400"},
	{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		4, NX_WS_HANDSHAKE_KEY_INVALID, "400"},
	{"X: y", 5, NX_WS_HANDSHAKE_VERSION_MISSING, "400"},
	{"Sec-WebSocket-Version: 8", 5, NX_WS_HANDSHAKE_VERSION_UNSUPPORTED, "426"},
	{"Sec-WebSocket-Version: 13, 8", 5, NX_WS_HANDSHAKE_VERSION_UNSUPPORTED, "426"},
	{"Content-Length: 5", 6, NX_WS_HANDSHAKE_BODY_PRESENT, "400"},
	{"Transfer-Encoding: chunked", 6, NX_WS_HANDSHAKE_BODY_PRESENT, "400"},
	{"Origin: a\r\nOrigin: b", 6, NX_WS_HANDSHAKE_ORIGIN_REPEATED, "400"},
	{"Sec-WebSocket-Protocol: a b", 6, NX_WS_HANDSHAKE_PROTOCOL_INVALID, "400"},
	{"Sec-WebSocket-Protocol: a,,b", 6, NX_WS_HANDSHAKE_PROTOCOL_INVALID, "400"},
	{"Sec-WebSocket-Protocol:", 6, NX_WS_HANDSHAKE_PROTOCOL_INVALID, "400"},
	{"Sec-WebSocket-Extensions: a;", 6, NX_WS_HANDSHAKE_EXTENSION_INVALID, "400"},
	{"Sec-WebSocket-Extensions: a; b=\"c", 6, NX_WS_HANDSHAKE_EXTENSION_INVALID, "400"},
	{"Sec-WebSocket-Extensions: a b", 6, NX_WS_HANDSHAKE_EXTENSION_INVALID, "400"},
};

// A good head of seven lines, one of them replaced.
static const char *head_with(const char *line, int number)
{
	static const char *const lines[] = {"GET / HTTP/1.1", "Host: example.com",
		"Upgrade: WebSocket", "Connection: keep-alive, UPGRADE",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
		"X-Other: y"};
	static char head[HEAD_MOST];
	size_t n = 0;

	for (int i = 0; i < 7; i++)
		n += (size_t)snprintf(
			head + n, sizeof(head) - n, "%s\r\n", i == number ? line : lines[i]);
	snprintf(head + n, sizeof(head) - n, "\r\n");
	return head;
}

static void what_is_no_websocket_request_is_refused_with_its_reason(void **state)
{
	assert_int_equal(serve(head_with(NULL, -1)), NX_WS_HANDSHAKE_DONE);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		enum nx_ws_handshake_verdict verdict = serve(head_with(r->line, r->number));
		const char *sent = (const char *)write_memory;

		if (verdict != r->verdict)
			fail_msg("%s: %s", r->line, nx_ws_handshake_verdict_text(verdict));
		assert_int_equal(nx_ws_refuse(&request, &out, verdict), NX_WS_HANDSHAKE_DONE);
		write_memory[nx_write_buffer_length(&out)] = '\0';
		if (strncmp(sent + 9, r->status, 3) != 0)
			fail_msg("%s: %s", r->line, sent);
		assert_non_null(strstr(sent, "close\r\n"));
		assert_int_equal(strtoul(strstr(sent, "Content-Length: ") + 16, NULL, 10),
			strlen(strstr(sent, "\r\n\r\n") + 4));
		if (verdict == NX_WS_HANDSHAKE_VERSION_UNSUPPORTED)
			assert_non_null(strstr(sent, "\r\nSec-WebSocket-Version: 13\r\n"));
	}
}

static void answers_need_room_and_arguments_that_fit(void **state)
{
	struct nx_ws_field bad[] = {
		{"X", "a\r\nSet-Cookie: b"}, {"X Y", "a"}, {"", "a"}, {"X", "\x7f"}};
	struct nx_ws_field good = {"X-Served-By", "nexwire, one \t and two"};

	assert_int_equal(serve(SAMPLE), NX_WS_HANDSHAKE_DONE);
	assert_int_equal(
		nx_ws_accept(&request, &out, 2, NULL, NULL, 0), NX_WS_HANDSHAKE_ARGUMENT_INVALID);
	for (int i = 0; i < 4; i++)
		assert_int_equal(nx_ws_accept(&request, &out, -1, NULL, &bad[i], 1),
			NX_WS_HANDSHAKE_ARGUMENT_INVALID);
	assert_int_equal(nx_ws_refuse(&request, &out, NX_WS_HANDSHAKE_DONE),
		NX_WS_HANDSHAKE_ARGUMENT_INVALID);
	assert_int_equal(nx_write_buffer_length(&out), 0);
	for (size_t room = 1; room < 300; room++) {
		assert_int_equal(nx_write_buffer_init(&out, write_memory, room, 0), NX_BUFFER_OK);
		if (nx_ws_accept(&request, &out, 1, NULL, &good, 1) == NX_WS_HANDSHAKE_DONE)
			assert_int_equal(nx_write_buffer_length(&out), 127 + 35 + 37 + 2);
		else
			assert_int_equal(nx_write_buffer_length(&out), 0);
		nx_write_buffer_clear(&out);
		if (nx_ws_refuse(&request, &out, NX_WS_HANDSHAKE_KEY_MISSING) !=
			NX_WS_HANDSHAKE_DONE)
			assert_int_equal(nx_write_buffer_length(&out), 0);
		else
			assert_int_equal(write_memory[nx_write_buffer_length(&out) - 1], '\n');
	}
}

static unsigned int offers_in(const char *value)
{
	char line[300];

	snprintf(line, sizeof(line), "Sec-WebSocket-Extensions: %s", value);
	assert_int_equal(serve(head_with(line, 6)), NX_WS_HANDSHAKE_DONE);
	return request.offer_count;
}

// RFC 7692 7.1.1 and 7.1.2
static void deflate_offers_are_read(void **state)
{
	assert_int_equal(offers_in("permessage-deflate"), 1);
	assert_int_equal(offers_in("x-webkit-deflate-frame, Permessage-Deflate"), 1);
	assert_int_equal(offers_in("permessage-deflate; client_max_window_bits; "
				   "server_max_window_bits=10, permessage-deflate;"
				   "client_max_window_bits=\"9\" ; server_no_context_takeover"),
		2);
	assert_int_equal(request.offers[0].server_max_window_bits, 10);
	assert_true(request.offers[0].client_window_may_shrink);
	assert_int_equal(request.offers[0].client_max_window_bits, 0);
	assert_int_equal(request.offers[1].client_max_window_bits, 9);
	assert_true(request.offers[1].server_no_context_takeover);
	assert_false(request.offers[1].client_no_context_takeover);
}

static void deflate_offers_that_cannot_be_met_are_declined(void **state)
{
	static const char *const bad[] = {"server_max_window_bits", "server_max_window_bits=7",
		"server_max_window_bits=16", "server_max_window_bits=08",
		"client_max_window_bits=0", "client_max_window_bits=+9",
		"client_max_window_bits=99999999999", "server_no_context_takeover=1",
		"client_no_context_takeover; client_no_context_takeover",
		"client_max_window_bits; client_max_window_bits",
		"server_max_window_bits=9; server_max_window_bits=9", "unknown", "unknown=1"};
	char value[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(value, sizeof(value), "permessage-deflate; %s", bad[i]);
		if (offers_in(value) != 0)
			fail_msg("%s", value);
		snprintf(
			value, sizeof(value), "permessage-deflate; %s, permessage-deflate", bad[i]);
		assert_int_equal(offers_in(value), 1);
	}
}

static void deflate_is_agreed_within_both_sides_wishes(void **state)
{
	struct nx_ws_deflate wish = {.server_max_window_bits = 12,
		.client_max_window_bits = 11,
		.client_no_context_takeover = true};
	struct nx_ws_deflate agreed;

	offers_in("x");
	assert_false(nx_ws_deflate_choose(&request, NULL, &agreed));
	offers_in("permessage-deflate; server_max_window_bits=14; server_no_context_takeover");
	assert_true(nx_ws_deflate_choose(&request, &wish, &agreed));
	assert_int_equal(agreed.server_max_window_bits, 12);
	assert_int_equal(agreed.client_max_window_bits, 0); // it would not understand
	offers_in("permessage-deflate; client_max_window_bits=10");
	assert_true(nx_ws_deflate_choose(&request, &wish, &agreed));
	assert_int_equal(agreed.client_max_window_bits, 10);
	assert_int_equal(nx_ws_accept(&request, &out, -1, &agreed, NULL, 0), NX_WS_HANDSHAKE_DONE);
	write_memory[nx_write_buffer_length(&out)] = '\0';
	assert_non_null(strstr((const char *)write_memory,
		"\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
		"server_max_window_bits=12; client_max_window_bits=10\r\n"));
}

static void client_asks_as_the_rfc_does(void **state)
{
	static const char *const protocols[] = {"chat", "superchat"};
	struct nx_ws_deflate offer = {.client_window_may_shrink = true};
	struct nx_ws_client_config config = {.host = "server.example.com",
		.target = "/chat",
		.origin = "http://example.com",
		.protocols = protocols,
		.protocol_count = 2,
		.deflate = &offer};

	start_over();
	assert_int_equal(
		nx_ws_client_ask(&client, &config, sample_nonce, NULL, &out), NX_WS_HANDSHAKE_DONE);
	assert_out("GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
		   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		   "Sec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n"
		   "Sec-WebSocket-Protocol: chat, superchat\r\n"
		   "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
}

static void client_refuses_what_would_end_a_line(void **state)
{
	static const char *const bad_protocol[] = {"a,b"};
	struct nx_ws_client_config good = {.host = "h", .target = "/"};
	struct nx_ws_client_config bad[] = {{.host = "h\r\nX: y", .target = "/"},
		{.host = "h", .target = "/ HTTP/1.1\r\n"}, {.host = "", .target = "/"},
		{.host = "h", .target = "/", .origin = "a\nb"},
		{.host = "h", .target = "/", .protocols = bad_protocol, .protocol_count = 1}};

	start_over();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(nx_ws_client_ask(&client, &bad[i], sample_nonce, NULL, &out),
			NX_WS_HANDSHAKE_ARGUMENT_INVALID);
		assert_int_equal(nx_write_buffer_length(&out), 0);
	}
	assert_int_equal(nx_ws_client_ask(&client, &good, no_nonce, NULL, &out),
		NX_WS_HANDSHAKE_RANDOM_FAILED);
}

static enum nx_ws_handshake_verdict ask_and_hear(
	const struct nx_ws_deflate *offer, const char *status, const char *fields)
{
	static const char *const protocols[] = {"chat", "superchat"};
	struct nx_ws_client_config config = {.host = "h",
		.target = "/",
		.protocols = protocols,
		.protocol_count = 2,
		.deflate = offer};
	enum nx_ws_handshake_verdict verdict = NX_WS_HANDSHAKE_NEED_MORE;
	static char head[HEAD_MOST];

	start_over();
	assert_int_equal(
		nx_ws_client_ask(&client, &config, sample_nonce, NULL, &out), NX_WS_HANDSHAKE_DONE);
	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%s\r\n\x81", status, fields);
	feed.bytes = (const uint8_t *)head;
	feed.left = strlen(head);
	while (verdict == NX_WS_HANDSHAKE_NEED_MORE && feed_more(&feed))
		verdict = nx_ws_client_read(&client, &in);
	return verdict;
}

#define UPGRADED  "Upgrade: WebSocket\r\nConnection: upgrade\r\n"
#define ACCEPTED  UPGRADED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define EXTENSION ACCEPTED "Sec-WebSocket-Extensions: "

static void client_judges_the_answer(void **state)
{
	static const struct {
		const char *status;
		const char *fields;
		enum nx_ws_handshake_verdict verdict;
	} cases[] = {
		{"101 Yes", ACCEPTED, NX_WS_HANDSHAKE_DONE},
		{"200 OK", ACCEPTED "Content-Length: 0\r\n", NX_WS_HANDSHAKE_STATUS_NOT_101},
		{"302 Found", "Location: /\r\n", NX_WS_HANDSHAKE_STATUS_NOT_101},
		{"1O1 Yes", ACCEPTED, NX_WS_HANDSHAKE_HEAD_INVALID},
		{"101 Yes", "Connection: upgrade\r\n", NX_WS_HANDSHAKE_UPGRADE_MISSING},
		{"101 Yes", "Upgrade: websocket\r\n", NX_WS_HANDSHAKE_CONNECTION_MISSING},
		{"101 Yes", UPGRADED, NX_WS_HANDSHAKE_ACCEPT_MISSING},
		{"101 Yes", UPGRADED "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
			NX_WS_HANDSHAKE_ACCEPT_WRONG},
		{"101 Yes", ACCEPTED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
			NX_WS_HANDSHAKE_ACCEPT_WRONG},
		{"101 Yes", ACCEPTED "Sec-WebSocket-Protocol: superchat\r\n", NX_WS_HANDSHAKE_DONE},
		{"101 Yes", ACCEPTED "Sec-WebSocket-Protocol: Chat\r\n",
			NX_WS_HANDSHAKE_PROTOCOL_NOT_OFFERED},
		{"101 Yes", ACCEPTED "Sec-WebSocket-Protocol: chat, superchat\r\n",
			NX_WS_HANDSHAKE_PROTOCOL_INVALID},
		{"101 Yes", EXTENSION "permessage-deflate\r\n",
			NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED},
		{"101 Yes", EXTENSION "foo\r\n", NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum nx_ws_handshake_verdict verdict =
			ask_and_hear(NULL, cases[i].status, cases[i].fields);

		if (verdict != cases[i].verdict)
			fail_msg("%s %s: %s", cases[i].status, cases[i].fields,
				nx_ws_handshake_verdict_text(verdict));
		if (verdict == NX_WS_HANDSHAKE_DONE)
			assert_behind("\x81");
		assert_int_equal(client.protocol,
			verdict == NX_WS_HANDSHAKE_DONE && strstr(cases[i].fields, "superchat")
				? 1
				: -1);
	}
}

static void client_holds_the_server_to_its_offer(void **state)
{
	struct nx_ws_deflate plain = {0};
	struct nx_ws_deflate strict = {.server_no_context_takeover = true,
		.server_max_window_bits = 12,
		.client_window_may_shrink = true};
	static const struct {
		const char *answer;
		bool to_plain;
		bool to_strict;
	} cases[] = {
		{"permessage-deflate", true, false},
		{"permessage-deflate; client_no_context_takeover", true, false},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=12", true,
			true},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=13", true,
			false},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=9; "
		 "client_max_window_bits=8",
			false, true},
		{"permessage-deflate; client_max_window_bits", false, false},
		{"permessage-deflate; server_max_window_bits=7", false, false},
		{"permessage-deflate, permessage-deflate", false, false},
		{"permessage-deflate; x", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char fields[400];

		snprintf(fields, sizeof(fields), EXTENSION "%s\r\n", cases[i].answer);
		if ((ask_and_hear(&plain, "101 Yes", fields) == NX_WS_HANDSHAKE_DONE) !=
			cases[i].to_plain)
			fail_msg("%s", cases[i].answer);
		if ((ask_and_hear(&strict, "101 Yes", fields) == NX_WS_HANDSHAKE_DONE) !=
			cases[i].to_strict)
			fail_msg("strict: %s", cases[i].answer);
		assert_true(client.compression || !cases[i].to_strict);
	}
}

// RFC 3174 7.3, and the lengths where padding needs another block.
static void sha1_is_sha1(void **state)
{
	static const struct {
		const char *message;
		const char *digest;
	} cases[] = {
		{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
		{"0123456701234567012345670123456701234567012345670123456", // 55 bytes
			"adfc128b4a89c560e754c1659a6a90968b55490e"},
		{"01234567012345670123456701234567012345670123456701234567", // 56 bytes
			"e8db7ebaebb692565d590a48b1dc506b6f130950"},
		{"012345670123456701234567012345670123456701234567012345678abcdefg", // 64 bytes
			"636ef07a043b31c0a2d55bc4dda5a900df421b15"},
	};

	for (int i = 0; i < 6; i++) {
		uint8_t digest[SHA1_BYTES];
		char text[2 * SHA1_BYTES + 1];

		nx_sha1(cases[i].message, strlen(cases[i].message), digest);
		for (size_t j = 0; j < SHA1_BYTES; j++)
			snprintf(text + 2 * j, 3, "%02x", digest[j]);
		assert_string_equal(text, cases[i].digest);
	}
}

static void every_verdict_has_a_sentence(void **state)
{
	for (int i = 0; i < NX_WS_HANDSHAKE_VERDICT_COUNT; i++)
		assert_non_null(nx_ws_handshake_verdict_text((enum nx_ws_handshake_verdict)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_rfc_is_accepted),
		cmocka_unit_test(head_may_come_byte_by_byte),
		cmocka_unit_test(head_without_an_end_is_refused_when_the_buffer_is_full),
		cmocka_unit_test(what_is_no_websocket_request_is_refused_with_its_reason),
		cmocka_unit_test(answers_need_room_and_arguments_that_fit),
		cmocka_unit_test(deflate_offers_are_read),
		cmocka_unit_test(deflate_offers_that_cannot_be_met_are_declined),
		cmocka_unit_test(deflate_is_agreed_within_both_sides_wishes),
		cmocka_unit_test(client_asks_as_the_rfc_does),
		cmocka_unit_test(client_refuses_what_would_end_a_line),
		cmocka_unit_test(client_judges_the_answer),
		cmocka_unit_test(client_holds_the_server_to_its_offer),
		cmocka_unit_test(sha1_is_sha1),
		cmocka_unit_test(every_verdict_has_a_sentence),
	};

	int failed = 0;

	for (int i = 0; i < FEED_WAYS; i++) {
		char name[20];

		way = feed_way(i, HEAD_MOST);
		snprintf(name, sizeof(name), "way %d", i);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	feed_end(&feed);
	return failed;
}
