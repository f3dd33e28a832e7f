// SPDX-License-Identifier: BSD-3-Clause

// Records of a peer that has the right keys and no manners, read in either role twice: at once, and
// in pieces by a reader that is late and has little room. Both must give the same bytes, which the
// peer sealed as data and in that order, and the same verdict. Meanwhile the reader writes, and a
// peer with manners must read that. Input: role and suite, piece, room, then what the peer does.

#include <stdlib.h>
#include <string.h>

#include "tls_keys.h"

enum {
	WIRE_MOST = 40000,
	CONTENT_MOST = RECORD_CONTENT + 200, // also what is too much
	BUFFER = 1 << 16,
	GUARD = 64,
	WRITTEN_MOST = 30000, // more than the smallest output holds
	STEPS = 1000          // of an input, so that it takes no longer than it must
};

struct input {
	const uint8_t *p;
	const uint8_t *end;
};

static uint8_t next_byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

// At most 63 bytes of the input itself.
static const uint8_t *next_bytes(struct input *in, size_t *n)
{
	const uint8_t *at;

	*n = next_byte(in) & 63;
	if (*n > (size_t)(in->end - in->p))
		*n = (size_t)(in->end - in->p);
	at = in->p;
	in->p += *n;
	return at;
}

static size_t next_length(struct input *in)
{
	static const size_t bases[] = {0, 200, 4000, RECORD_CONTENT - 20};
	uint8_t byte = next_byte(in);

	return bases[byte >> 6] + (byte & 63);
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

// What the peer sends, and of it what it sealed as data.
struct wire {
	struct records sealer;
	uint8_t bytes[WIRE_MOST];
	size_t length;
	uint8_t data[WIRE_MOST];
	size_t data_length;
	bool has_manners; // so far: all of it must be read
	bool is_spoiled;  // nothing behind this can be opened
	bool is_full;
};

static void seal(struct wire *w, const uint8_t *inner, size_t n)
{
	struct record_half *half = &w->sealer.out;
	uint8_t *header = w->bytes + w->length, *to = header + RECORD_HEADER, nonce[NONCE];
	alignas(64) struct gcm_context_data context;
	size_t sealed = n + RECORD_TAG;

	w->is_full |= sealed + RECORD_HEADER > sizeof(w->bytes) - w->length;
	if (w->is_full)
		return;
	memcpy(header, (uint8_t[]){RECORD_DATA, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed},
		RECORD_HEADER);
	nx_record_nonce(half, nonce);
	if (w->sealer.secret_length == 32)
		IMB_AES128_GCM_ENC(w->sealer.vectors, &half->key, &context, to, inner, n, nonce,
			header, RECORD_HEADER, to + n, RECORD_TAG);
	else
		IMB_AES256_GCM_ENC(w->sealer.vectors, &half->key, &context, to, inner, n, nonce,
			header, RECORD_HEADER, to + n, RECORD_TAG);
	half->sequence++;
	w->length += sealed + RECORD_HEADER;
	while (n > 0 && inner[n - 1] == 0)
		n--;
	if (w->is_spoiled || n == 0 || inner[n - 1] != RECORD_DATA)
		return;
	memcpy(w->data + w->data_length, inner, n - 1);
	w->data_length += n - 1;
}

// Content, its type, and padding.
static void seal_padded(
	struct wire *w, uint8_t type, const uint8_t *content, size_t n, size_t padding)
{
	static uint8_t inner[CONTENT_MOST + 512];

	if (n > 0)
		memcpy(inner, content, n);
	inner[n] = type;
	memset(inner + n + 1, 0, padding);
	seal(w, inner, n + 1 + padding);
	if (n > RECORD_CONTENT || n + 1 + padding + RECORD_TAG > RECORD_MOST)
		w->has_manners = false;
}

static const uint8_t *text_of(size_t n)
{
	static uint8_t text[CONTENT_MOST];
	static uint8_t turn;

	memset(text, turn++, n < sizeof(text) ? n : sizeof(text));
	return text;
}

// A message that is passed over, in records of any length.
static void seal_ticket(struct wire *w, size_t n, size_t part)
{
	static uint8_t ticket[CONTENT_MOST + 4];

	memcpy(ticket, (uint8_t[]){4, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
	if (n == 0)
		w->has_manners = false;
	for (size_t at = 0; at < n + 4; at += part) {
		if (part > n + 4 - at)
			part = n + 4 - at;
		seal_padded(w, RECORD_HANDSHAKE, ticket + at, part, 0);
	}
}

static void seal_update(struct wire *w, uint8_t request)
{
	const uint8_t update[] = {24, 0, 0, 1, request};

	seal_padded(w, RECORD_HANDSHAKE, update, sizeof(update), 0);
	must(nx_record_half_update(&w->sealer, &w->sealer.out));
}

static void spoil(struct wire *w, size_t from, struct input *in)
{
	size_t at = next_byte(in);
	uint8_t flip = next_byte(in);

	if (flip == 0 || from == w->length)
		return;
	w->bytes[from + at % (w->length - from)] ^= flip;
	w->is_spoiled = true;
}

static void wire_step(struct wire *w, struct input *in)
{
	uint8_t how = next_byte(in);
	const uint8_t *bytes;
	size_t n, before = w->length, data_before = w->data_length;

	switch (how & 7) {
	case 0:
		n = next_length(in);
		seal_padded(w, RECORD_DATA, text_of(n), n, (size_t)(how >> 3) * 9);
		return;
	case 1:
		seal_ticket(w, next_length(in), 1 + (size_t)next_byte(in) * 70);
		return;
	case 2:
		seal_update(w, how >> 3 & 1);
		return;
	case 3:
		bytes = next_bytes(in, &n);
		seal(w, bytes, n);
		break;
	case 4:
		bytes = next_bytes(in, &n);
		seal_padded(w, RECORD_HANDSHAKE, bytes, n, how >> 3);
		break;
	case 5:
		bytes = next_bytes(in, &n);
		seal_padded(w, RECORD_ALERT, bytes, n, how >> 3);
		break;
	case 6:
		bytes = next_bytes(in, &n);
		if (n == 0 || n > sizeof(w->bytes) - w->length)
			return;
		memcpy(w->bytes + w->length, bytes, n);
		w->length += n;
		w->is_spoiled = true;
		break;
	default:
		n = next_length(in);
		seal_padded(w, RECORD_DATA, text_of(n), n, 0);
		spoil(w, before, in);
		if (w->is_spoiled)
			w->data_length = data_before;
	}
	w->has_manners = false;
}

struct settings {
	bool is_server, is_aes256, is_late;
	size_t buffer, piece, room, shift;
};

struct run {
	struct nx_tls *tls, *peer;
	const struct wire *wire;
	size_t length; // of the data read
	size_t written, arrived;
	enum nx_tls_verdict last;
};

// One read; what comes out must be the next of the peer's data, and nothing behind the room.
static void read_once(struct run *r, const struct settings *s)
{
	static uint8_t memory[BUFFER + 16 + GUARD];
	uint8_t *to = memory + s->shift, guard[GUARD];
	size_t n = 0;

	memset(guard, 0xa5, GUARD);
	memcpy(to + s->room, guard, GUARD);
	r->last = nx_tls_read(r->tls, to, s->room, &n);
	must(memcmp(to + s->room, guard, GUARD) == 0);
	if (r->last != NX_TLS_DONE)
		return;
	must(n > 0 && n <= s->room && n <= r->wire->data_length - r->length);
	must(memcmp(to, r->wire->data + r->length, n) == 0);
	r->length += n;
}

// What the reader wrote, to the peer.
static void deliver(struct run *r)
{
	struct nx_write_buffer *out = nx_tls_output(r->tls);
	uint8_t text[1000];
	size_t n;

	while (nx_write_buffer_length(out) > 0) {
		n = nx_read_buffer_feed(nx_tls_input(r->peer), nx_write_buffer_data(out),
			nx_write_buffer_length(out));
		must(n > 0 && nx_write_buffer_sent(out, n) == NX_BUFFER_OK);
		while (nx_tls_read(r->peer, text, sizeof(text), &n) == NX_TLS_DONE)
			for (size_t i = 0; i < n; i++)
				must(text[i] == (uint8_t)r->arrived++);
	}
}

static void write_some(struct run *r, size_t length)
{
	uint8_t text[300];
	size_t taken = 0;
	enum nx_tls_verdict verdict;

	if (length > sizeof(text) || r->written > WRITTEN_MOST)
		return;
	for (size_t i = 0; i < length; i++)
		text[i] = (uint8_t)(r->written + i);
	verdict = nx_tls_write(r->tls, text, length, &taken);
	must(verdict == NX_TLS_DONE || verdict == NX_TLS_NO_ROOM);
	must(verdict == NX_TLS_DONE ? taken == length : taken == 0);
	r->written += taken;
}

static void end(struct run *r, const struct settings *s)
{
	enum nx_tls_verdict verdict;
	size_t n;

	do
		read_once(r, s);
	while (r->last == NX_TLS_DONE);
	verdict = r->last;
	read_once(r, s); // for good
	must(r->last == verdict && verdict >= NX_TLS_CLOSED);
	if (nx_tls_close(r->tls) == NX_TLS_NO_ROOM) {
		deliver(r);
		must(nx_tls_close(r->tls) == NX_TLS_DONE);
	}
	must(nx_tls_write(r->tls, "x", 1, &n) == NX_TLS_FAILED);
	deliver(r);
	must(nx_tls_read(r->peer, &(char){0}, 1, &n) == NX_TLS_CLOSED);
	must(r->arrived == r->written);
}

static struct run play(const struct settings *s, const struct wire *w)
{
	struct run r = {.tls = tls_keys_connection(s->is_server, s->is_aes256, s->buffer),
		.peer = tls_keys_connection(!s->is_server, s->is_aes256, s->buffer),
		.wire = w};

	for (size_t at = 0; at < w->length && r.last <= NX_TLS_MORE;) {
		size_t left = w->length - at;
		size_t fed = nx_read_buffer_feed(
			nx_tls_input(r.tls), w->bytes + at, left < s->piece ? left : s->piece);

		at += fed;
		do
			read_once(&r, s);
		while (r.last == NX_TLS_DONE && !s->is_late);
		must(fed > 0 || r.last != NX_TLS_MORE);
		write_some(&r, s->piece);
		if (!s->is_late)
			deliver(&r);
	}
	nx_tls_end_of_input(r.tls);
	end(&r, s);
	nx_tls_destroy(r.tls);
	nx_tls_destroy(r.peer);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	uint8_t options = next_byte(&in);
	struct settings whole = {.is_server = options & 1,
		.is_aes256 = options & 2,
		.buffer = BUFFER,
		.piece = WIRE_MOST,
		.room = BUFFER};
	struct settings pieces = {.is_server = options & 1,
		.is_aes256 = options & 2,
		.is_late = options & 4,
		.buffer = NX_TLS_BUFFER_MIN,
		.shift = options >> 4};
	static struct wire wire;
	struct nx_tls *sealer;
	struct run a, b;

	if (size < 4 || size > 2000)
		return 0;
	pieces.piece = 1 + next_byte(&in) * (options & 8 ? 50u : 1u);
	pieces.room = 1 + next_byte(&in) * (options & 8 ? 50u : 1u);
	sealer = tls_keys_connection(!pieces.is_server, pieces.is_aes256, NX_TLS_BUFFER_MIN);
	wire.sealer = sealer->records;
	nx_tls_destroy(sealer);
	wire.length = wire.data_length = 0;
	wire.is_spoiled = wire.is_full = false;
	wire.has_manners = true;
	while (in.p < in.end && !wire.is_full)
		wire_step(&wire, &in);
	if (pieces.piece < wire.length / STEPS)
		pieces.piece = wire.length / STEPS;
	if (pieces.room < wire.length / STEPS)
		pieces.room = wire.length / STEPS;
	a = play(&whole, &wire);
	b = play(&pieces, &wire);
	must(a.length == b.length && a.last == b.last);
	if (wire.has_manners)
		must(a.last == NX_TLS_TRUNCATED && a.length == wire.data_length);
	return 0;
}
