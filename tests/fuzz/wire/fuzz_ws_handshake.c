// SPDX-License-Identifier: BSD-3-Clause

// Heads of a hostile peer to both sides of the opening handshake. The verdict must not hang on the
// pieces in which a head comes, and what a server answers must be a head that a client can read.
// Input: side and piece length, then the head.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws_handshake.h"

enum {
	ROOM = 4096
};

static void must(bool condition)
{
	if (!condition)
		abort();
}

static bool nonce(void *context, void *memory, size_t bytes)
{
	memcpy(memory, "the sample nonce", bytes);
	return true;
}

static struct nx_ws_request request;
static struct nx_ws_client client;

// What a server answers is read by the client that asked with the sample key.
static void check_answer(enum nx_ws_handshake_verdict verdict)
{
	struct nx_ws_deflate wish = {.server_max_window_bits = 10};
	struct nx_ws_deflate agreed;
	struct nx_write_buffer out;
	struct nx_http_head head;
	struct nx_http_field fields[16];
	bool deflate;

	must(nx_write_buffer_create(&out, ROOM, 0, NULL) == NX_BUFFER_OK);
	if (verdict == NX_WS_HANDSHAKE_DONE) {
		deflate = nx_ws_deflate_choose(&request, &wish, &agreed);
		verdict = nx_ws_accept(&request, &out, (int)request.protocol_count - 1,
			deflate ? &agreed : NULL, NULL, 0);
	} else {
		verdict = nx_ws_refuse(&request, &out, verdict);
	}
	if (verdict == NX_WS_HANDSHAKE_DONE) {
		nx_http_head_init(&head, NX_HTTP_RESPONSE, NULL, fields, 16);
		nx_http_head_reset(&head, NX_HTTP_GET);
		must(nx_http_head_read(&head, nx_write_buffer_data(&out),
			     nx_write_buffer_length(&out)) == NX_HTTP_OK);
	} else {
		must(verdict == NX_WS_HANDSHAKE_NO_ROOM);
	}
	nx_write_buffer_fini(&out);
}

static enum nx_ws_handshake_verdict serve(const uint8_t *data, size_t size, size_t piece)
{
	enum nx_ws_handshake_verdict verdict = NX_WS_HANDSHAKE_NEED_MORE;
	struct nx_read_buffer in;

	must(nx_read_buffer_create(&in, ROOM, NULL) == NX_BUFFER_OK);
	nx_ws_request_init(&request, NULL);
	while (size > 0 && verdict == NX_WS_HANDSHAKE_NEED_MORE) {
		size_t fed = nx_read_buffer_feed(&in, data, size < piece ? size : piece);

		must(fed > 0);
		data += fed;
		size -= fed;
		verdict = nx_ws_request_read(&request, &in);
	}
	if (verdict != NX_WS_HANDSHAKE_NEED_MORE)
		check_answer(verdict);
	nx_read_buffer_fini(&in);
	return verdict;
}

static enum nx_ws_handshake_verdict hear(const uint8_t *data, size_t size, size_t piece)
{
	static const char *const protocols[] = {"chat", "superchat"};
	struct nx_ws_deflate offer = {.client_window_may_shrink = true};
	struct nx_ws_client_config config = {.host = "h",
		.target = "/",
		.protocols = protocols,
		.protocol_count = 2,
		.deflate = &offer};
	enum nx_ws_handshake_verdict verdict = NX_WS_HANDSHAKE_NEED_MORE;
	struct nx_write_buffer out;
	struct nx_read_buffer in;

	must(nx_read_buffer_create(&in, ROOM, NULL) == NX_BUFFER_OK);
	must(nx_write_buffer_create(&out, ROOM, 0, NULL) == NX_BUFFER_OK);
	must(nx_ws_client_ask(&client, &config, nonce, NULL, &out) == NX_WS_HANDSHAKE_DONE);
	while (size > 0 && verdict == NX_WS_HANDSHAKE_NEED_MORE) {
		size_t fed = nx_read_buffer_feed(&in, data, size < piece ? size : piece);

		must(fed > 0);
		data += fed;
		size -= fed;
		verdict = nx_ws_client_read(&client, &in);
	}
	nx_write_buffer_fini(&out);
	nx_read_buffer_fini(&in);
	return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece;

	if (size < 2)
		return 0;
	piece = 1 + data[1] % 100;
	if (data[0] & 1)
		must(serve(data + 2, size - 2, size) == serve(data + 2, size - 2, piece));
	else
		must(hear(data + 2, size - 2, size) == hear(data + 2, size - 2, piece));
	return 0;
}
