// SPDX-License-Identifier: BSD-3-Clause

// A client and a server that obey the rules, driven by the input: whatever they write, in whatever
// pieces it travels, the other end reads what was sent, in order, and finds no fault. Input:
// options, then operations of one byte and its argument.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws_deflate.h"
#include "nexwire/ws_handshake.h"

enum {
	ROOM = 70000,
	SLAB = 300,
	EXPECTED = 256
};

// A message that is on its way, by its first bytes and length.
struct expected {
	enum nx_ws_opcode opcode;
	size_t length;
	uint8_t seed;
};

struct end {
	struct nx_ws_writer writer;
	struct nx_ws_reader reader;
	struct nx_ws_compression *compression;
	struct nx_write_buffer out;
	struct nx_read_buffer in;
	struct expected sent[EXPECTED]; // by this end, not yet read by the other
	unsigned int first, last;
	size_t open; // bytes of the message being fragmented
	uint8_t open_seed;
	enum nx_ws_opcode open_opcode;
};

struct input {
	const uint8_t *p;
	const uint8_t *end;
};

static uint8_t next_byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static bool keys(void *context, void *memory, size_t bytes)
{
	uint32_t *state = context;

	for (size_t i = 0; i < bytes; i++) {
		*state = *state * 1664525 + 1013904223;
		((uint8_t *)memory)[i] = (uint8_t)(*state >> 24);
	}
	return true;
}

// Byte i of a message of this seed: ASCII, so that text is text and deflate has work.
static uint8_t byte_at(uint8_t seed, size_t i)
{
	return (uint8_t)((seed + i * (1 + seed % 5)) & 0x7f);
}

static void fill(uint8_t *to, uint8_t seed, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = byte_at(seed, from + i);
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void end_init(struct end *e, enum nx_ws_role role, const struct nx_ws_deflate *agreed,
	size_t slab, uint32_t *random)
{
	struct nx_ws_reader_config config = {.role = role, .compression = agreed};
	struct nx_ws_compression_config limits = {.level = 1, .memory_level = 1};

	*e = (struct end){0};
	must(nx_write_buffer_create(&e->out, ROOM, NX_WRITE_HEADROOM, NULL) == NX_BUFFER_OK);
	must(nx_read_buffer_create(&e->in, slab, NULL) == NX_BUFFER_OK);
	must(nx_ws_reader_init(&e->reader, &e->in, &config) == 0);
	must(nx_ws_writer_init(&e->writer, role, keys, random, NX_SIMD_WIDEST) == 0);
	if (agreed)
		must(nx_ws_compression_create(role, agreed, &limits, &e->compression) == 0);
}

static void end_fini(struct end *e)
{
	nx_ws_reader_fini(&e->reader);
	nx_ws_compression_destroy(e->compression);
	nx_write_buffer_fini(&e->out);
	nx_read_buffer_fini(&e->in);
}

static void expect(struct end *e, enum nx_ws_opcode opcode, size_t length, uint8_t seed)
{
	e->sent[e->last++ % EXPECTED] =
		(struct expected){.opcode = opcode, .length = length, .seed = seed};
}

static void check_message(struct end *from, const struct nx_ws_message *m)
{
	const struct expected *x = &from->sent[from->first++ % EXPECTED];

	must(from->first <= from->last && m->opcode == x->opcode && m->length == x->length);
	for (size_t i = 0; i < m->length; i++)
		must(m->data[i] == byte_at(x->seed, i));
}

// Everything that `from` has written to `to`, in pieces.
static void carry(struct end *from, struct end *to, size_t piece)
{
	while (nx_write_buffer_length(&from->out) > 0) {
		size_t n = nx_write_buffer_length(&from->out);
		struct nx_ws_message message;
		enum nx_ws_verdict verdict;

		n = nx_read_buffer_feed(
			&to->in, nx_write_buffer_data(&from->out), n < piece ? n : piece);
		must(n > 0 && nx_write_buffer_sent(&from->out, n) == NX_BUFFER_OK);
		while ((verdict = nx_ws_reader_next(&to->reader, &message)) == NX_WS_MESSAGE) {
			if (message.compressed)
				must(nx_ws_inflate(to->compression, &message) == NX_WS_MESSAGE);
			check_message(from, &message);
		}
		must(verdict == NX_WS_NEED_MORE || verdict == NX_WS_CLOSED);
	}
}

static size_t length_of(struct input *in)
{
	static const size_t bases[] = {0, 120, 250, 65530};
	uint8_t byte = next_byte(in);

	return bases[byte >> 6] + (byte & 63);
}

static void write_whole(struct end *e, struct input *in, uint8_t how)
{
	static uint8_t data[ROOM];
	enum nx_ws_opcode opcode = how & 8 ? NX_WS_BINARY : NX_WS_TEXT;
	size_t length = length_of(in);
	uint8_t seed = next_byte(in);
	enum nx_ws_write_verdict verdict;
	uint8_t *payload;

	fill(data, seed, 0, length);
	if (e->compression && (how & 16)) {
		verdict = nx_ws_write_deflated(
			e->compression, &e->writer, &e->out, opcode, data, length);
	} else if (how & 32) {
		verdict = nx_ws_write_begin(&e->writer, &e->out, length + (how & 7) * 30, &payload);
		if (verdict == NX_WS_WRITTEN) {
			memcpy(payload, data, length);
			verdict = nx_ws_write_end(&e->writer, &e->out, opcode, length);
		}
	} else {
		verdict = nx_ws_write(&e->writer, &e->out, opcode, data, length);
	}
	if (verdict == NX_WS_WRITTEN)
		expect(e, opcode, length, seed);
	else
		must(verdict == NX_WS_WRITE_NO_ROOM ||
			(verdict == NX_WS_WRITE_MESSAGE_OPEN && e->open_opcode));
}

static void write_fragment(struct end *e, struct input *in, uint8_t how)
{
	static uint8_t data[ROOM];
	enum nx_ws_opcode opcode = e->open_opcode ? NX_WS_CONTINUATION : NX_WS_TEXT;
	size_t length = length_of(in);
	bool is_last = how & 8;

	if (!e->open_opcode) {
		e->open_seed = how;
		e->open = 0;
	}
	fill(data, e->open_seed, e->open, length);
	if (nx_ws_write_fragment(&e->writer, &e->out, opcode, is_last, data, length) !=
		NX_WS_WRITTEN)
		return;
	e->open += length;
	e->open_opcode = is_last ? NX_WS_CONTINUATION : NX_WS_TEXT;
	if (is_last)
		expect(e, NX_WS_TEXT, e->open, e->open_seed);
}

static void write_control(struct end *e, struct input *in, uint8_t how)
{
	uint8_t data[128];
	size_t length = next_byte(in) & 127;
	enum nx_ws_opcode opcode = how & 8 ? NX_WS_PING : NX_WS_PONG;
	enum nx_ws_write_verdict verdict;

	fill(data, how, 0, length);
	verdict = nx_ws_write(&e->writer, &e->out, opcode, data, length);
	if (verdict == NX_WS_WRITTEN)
		expect(e, opcode, length, how);
	else
		must(verdict == NX_WS_WRITE_NO_ROOM || length > NX_WS_CONTROL_MAX);
}

static void step(struct end *e, struct end *other, struct input *in, size_t piece)
{
	uint8_t how = next_byte(in);

	switch (how & 3) {
	case 0:
		write_whole(e, in, how);
		break;
	case 1:
		write_fragment(e, in, how);
		break;
	case 2:
		write_control(e, in, how);
		break;
	default:
		carry(e, other, piece);
	}
	if (e->last - e->first > EXPECTED / 2)
		carry(e, other, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	uint8_t options = next_byte(&in);
	size_t piece = 1 + next_byte(&in);
	uint32_t random = options;
	struct nx_ws_deflate agreed = {.server_no_context_takeover = options & 1,
		.client_no_context_takeover = options & 2,
		.server_max_window_bits = 9 + (options >> 2 & 1) * 6,
		.client_max_window_bits = 8 + (options >> 3 & 1)};
	const struct nx_ws_deflate *compression = options & 16 ? &agreed : NULL;
	static struct end ends[2];

	if (size < 2 || size > 4000)
		return 0;
	end_init(&ends[0], NX_WS_CLIENT, compression, options & 32 ? SLAB : ROOM, &random);
	end_init(&ends[1], NX_WS_SERVER, compression, options & 64 ? SLAB : ROOM, &random);
	for (int turn = 0; in.p < in.end; turn = next_byte(&in) & 1)
		step(&ends[turn], &ends[!turn], &in, piece);
	for (int i = 0; i < 2; i++) {
		carry(&ends[i], &ends[!i], piece);
		must(ends[i].first == ends[i].last);
	}
	end_fini(&ends[0]);
	end_fini(&ends[1]);
	return 0;
}
