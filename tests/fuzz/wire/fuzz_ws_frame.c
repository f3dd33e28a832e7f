// SPDX-License-Identifier: BSD-3-Clause

// Bytes of a hostile peer to a WebSocket reader, twice: at once with the widest vectors, and in
// pieces through a small slab with none. Both must tell the same messages and the same verdict.
// Compressed messages are inflated. Input: role, compression, piece length, then the stream.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws_deflate.h"

enum {
	LIMIT = 20000,
	SLAB = 200,
	KEPT = 1 << 20
};

struct record {
	uint8_t *bytes; // opcode, close code, length and data of each message
	size_t length;
	enum nx_ws_verdict last;
};

struct settings {
	enum nx_ws_role role;
	bool compression;
	size_t piece;
	size_t slab;
	enum nx_simd simd;
};

static void record_put(struct record *r, const void *data, size_t n)
{
	if (n > KEPT - r->length)
		n = KEPT - r->length;
	if (n > 0)
		memcpy(r->bytes + r->length, data, n);
	r->length += n;
}

static void record_message(struct record *r, const struct nx_ws_message *m)
{
	uint32_t head[3] = {m->opcode, m->close_code, (uint32_t)m->length};

	if (m->length > LIMIT || m->compressed)
		abort();
	if (m->opcode == NX_WS_TEXT && !nx_utf8_is_valid(m->data, m->length))
		abort();
	record_put(r, head, sizeof(head));
	record_put(r, m->data, m->length);
}

static enum nx_ws_verdict take_messages(
	struct nx_ws_reader *reader, struct nx_ws_compression *compression, struct record *r)
{
	struct nx_ws_message message;
	enum nx_ws_verdict verdict;

	while ((verdict = nx_ws_reader_next(reader, &message)) == NX_WS_MESSAGE) {
		if (message.compressed) {
			verdict = nx_ws_inflate(compression, &message);
			if (verdict != NX_WS_MESSAGE)
				return verdict;
		}
		record_message(r, &message);
	}
	return verdict;
}

static struct record play(const struct settings *s, const uint8_t *data, size_t size)
{
	struct record r = {.bytes = malloc(KEPT), .last = NX_WS_NEED_MORE};
	struct nx_ws_reader_config config = {.role = s->role,
		.compression = s->compression,
		.simd = s->simd,
		.frame_limit = LIMIT / 2,
		.message_limit = LIMIT};
	struct nx_ws_compression_config limits = {.message_limit = LIMIT};
	struct nx_ws_deflate agreed = {.client_max_window_bits = 9, .server_max_window_bits = 9};
	struct nx_ws_compression *compression;
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;

	if (nx_ws_compression_create(s->role, &agreed, &limits, &compression) ||
		nx_read_buffer_create(&buffer, s->slab, NULL) ||
		nx_ws_reader_init(&reader, &buffer, &config))
		abort();
	while (size > 0 && r.last == NX_WS_NEED_MORE) {
		size_t fed = nx_read_buffer_feed(&buffer, data, size < s->piece ? size : s->piece);

		if (fed == 0)
			abort(); // a reader that wants more has room for it
		data += fed;
		size -= fed;
		r.last = take_messages(&reader, compression, &r);
	}
	nx_ws_reader_fini(&reader);
	nx_read_buffer_fini(&buffer);
	nx_ws_compression_destroy(compression);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings whole = {.slab = 1 << 16, .piece = 1 << 16, .simd = NX_SIMD_WIDEST};
	struct settings pieces = {.slab = SLAB, .simd = NX_SIMD_PORTABLE};
	struct record a;
	struct record b;

	if (size < 2)
		return 0;
	whole.role = pieces.role = data[0] & 1 ? NX_WS_CLIENT : NX_WS_SERVER;
	whole.compression = pieces.compression = data[0] & 2;
	pieces.piece = 1 + data[1] % 64;
	a = play(&whole, data + 2, size - 2);
	b = play(&pieces, data + 2, size - 2);
	if (a.last != b.last || a.length != b.length || memcmp(a.bytes, b.bytes, a.length) != 0)
		abort();
	free(a.bytes);
	free(b.bytes);
	return 0;
}
