// SPDX-License-Identifier: BSD-3-Clause
// Data in chains cut and shared anyhow, sealed while buffers run out, time passes and keys change:
// what leaves opens to the same bytes in order, nothing is left out, and nothing leaks.
#include "core/chain.h"
#include "pkt/bytes.h"
#include "tests/fuzz/must.h"
#include "tls/record_impl.h"

enum {
	PIECES_MAX = 64,   // of a chain
	PIECE_UNIT = 97,   // bytes: most pieces end between a cipher's blocks
	PIECE_MOST = 4001, // bytes
	ROOM = 40,         // behind some, for what follows a record's content
	WIRE_PIECE = 1400,
};

static struct tls_context context, peer_context;
static uint32_t gets_left; // until there are no more buffers

static struct buffer *get(struct buffer_source *source, uint32_t room)
{
	if (gets_left == 0)
		return NULL;
	gets_left--;
	return buffer_heap_get(source, room);
}

static struct buffer *share(struct buffer_source *source, struct buffer *from)
{
	if (gets_left == 0)
		return NULL;
	gets_left--;
	return buffer_heap_share(source, from);
}

static struct buffer *spare(struct buffer_source *source)
{
	return get(source, BUFFER_SPARE_ROOM);
}

static struct buffer_source scarce = {
	.get = get, .put = buffer_heap_put, .share = share, .spare = spare};

static void setup(void)
{
	if (context.crypto != NULL)
		return;
	MUST(crypto_manager_create(&context.crypto) == 0);
	MUST(key_cache_create(context.crypto, 8, &context.keys) == 0);
	context.key_blocks = 2000;
	peer_context = context;
	context.buffers = &scarce;
	peer_context.buffers = &buffer_heap_source;
}

// Both ends, and how many bytes of the stream went in and came out.
struct run {
	struct tls_records t, peer;
	uint64_t in, out;
	usec_t now;
	uint32_t segment;
};

// n bytes of the stream in a buffer of their own, or all but the first of them in another over the
// same memory. There may be room behind them.
static void piece_append(
	struct run *r, struct tls_queue *q, uint32_t n, uint32_t room, bool is_shared)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, n + room);

	MUST(b != NULL);
	for (uint32_t i = 0; i < n; i++)
		buffer_data(b)[i] = (uint8_t)r->in++;
	b->length = (uint16_t)n;
	if (is_shared && n > 1) {
		struct buffer *rest = buffer_heap_share(&buffer_heap_source, b);

		MUST(rest != NULL);
		b->length = 1;
		rest->offset = (uint16_t)(rest->offset + 1);
		rest->length = (uint16_t)(n - 1);
		rest->next = NULL;
		b->next = rest;
	}
	tls_queue_append(q, b);
}

static struct buffer *chain_make(struct run *r, const uint8_t *pieces, uint8_t count)
{
	struct tls_queue q = {0};

	for (uint32_t i = 0; i < u32_min(count, PIECES_MAX); i++)
		piece_append(r, &q, 1 + pieces[i] * PIECE_UNIT % PIECE_MOST, pieces[i] % 2 * ROOM,
			pieces[i] % 3 == 0);
	return tls_queue_chain(&q);
}

static void push(struct run *r, const struct buffer *sealed)
{
	for (uint32_t at = 0; at < sealed->total_length; at += WIRE_PIECE) {
		uint32_t n = u32_min(sealed->total_length - at, WIRE_PIECE);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		MUST(b != NULL && chain_copy(sealed, at, n, buffer_data(b)) == n);
		b->length = (uint16_t)n;
		b->total_length = n;
		tls_push(&peer_context, &r->peer, b);
	}
}

// Each by itself: the heap's twin keeps what is chained to a buffer that others hold.
static void discard(struct buffer *chain)
{
	while (chain != NULL) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		buffer_heap_put(&buffer_heap_source, b);
	}
}

// What was sealed, to the peer: it opens all of it.
static void deliver(struct run *r, struct buffer *sealed)
{
	struct buffer *data;
	enum tls_verdict v;

	if (sealed == NULL)
		return;
	push(r, sealed);
	discard(sealed);
	while ((v = tls_next(&peer_context, &r->peer, &data)) == TLS_DATA) {
		MUST(data->total_length <= TLS_PLAINTEXT_MAX);
		for (const struct buffer *b = data; b != NULL; b = b->next)
			for (uint32_t i = 0; i < b->length; i++)
				MUST(buffer_data(b)[i] == (uint8_t)r->out++);
		discard(data);
	}
	MUST(v == TLS_WANT_MORE || v == TLS_CLOSED);
	MUST(r->peer.in.pending.bytes == 0);
}

// Seals a chain, first with so many buffers to be had, then with as many as it takes. False:
// nothing more can be sealed.
static bool seal(struct run *r, struct buffer *data, uint32_t gets)
{
	struct buffer *sealed;
	enum tls_verdict v;

	gets_left = gets;
	v = tls_seal(&context, &r->t, r->segment, r->now, &data, &sealed);
	deliver(r, sealed);
	gets_left = UINT32_MAX;
	if (v == TLS_NO_BUFFER) {
		v = tls_seal(&context, &r->t, r->segment, r->now, &data, &sealed);
		deliver(r, sealed);
	}
	if (v == TLS_SEALED) {
		MUST(data == NULL && r->out == r->in);
		return true;
	}
	MUST(v == TLS_WRITE_CLOSED || (v == TLS_KEY_SPENT && !r->t.out.key.is_tls13));
	MUST(r->out + (data != NULL ? data->total_length : 0) == r->in);
	discard(data);
	return false;
}

static void close_output(struct run *r, uint32_t gets)
{
	struct buffer *sealed;

	gets_left = gets;
	if (tls_close(&context, &r->t, &sealed) == TLS_NO_BUFFER) {
		gets_left = UINT32_MAX;
		MUST(tls_close(&context, &r->t, &sealed) == TLS_SEALED);
	}
	gets_left = UINT32_MAX;
	deliver(r, sealed);
}

// One step of the input: what to do, how many buffers there are for it, and with what.
static bool step(struct cursor *c, struct run *r)
{
	const uint8_t *bytes;
	uint8_t what, gets, n;

	if (!cursor_take_u8(c, &what) || !cursor_take_u8(c, &gets) || !cursor_take_u8(c, &n))
		return false;
	if (what % 8 == 7) {
		if (!r->t.out.closed)
			close_output(r, gets);
		return true;
	}
	if (what % 8 == 6)
		r->now += n * (USEC_PER_SECOND / 10);
	else if (what % 8 == 5)
		(void)tls_update_key(&r->t, n % 2);
	n = (uint8_t)u32_min(n, (uint32_t)cursor_left(c));
	if (!cursor_take_span(c, n, &bytes))
		return false;
	return seal(r, n > 0 ? chain_make(r, bytes, n) : NULL, gets < 128 ? gets : UINT32_MAX);
}

static const uint16_t suites[][2] = {{TLS_VERSION_1_3, 0x1301}, {TLS_VERSION_1_3, 0x1302},
	{TLS_VERSION_1_3, 0x1303}, {TLS_VERSION_1_2, 0xc02f}, {TLS_VERSION_1_2, 0xcca8}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_secret secret = {.secret = {1, 2, 3}, .iv = {4, 5}};
	struct cursor c = cursor_over(data, size);
	struct run r = {0};
	const uint16_t *suite;
	uint8_t kind, segment;

	if (!cursor_take_u8(&c, &kind) || !cursor_take_u8(&c, &segment))
		return 0;
	setup();
	suite = suites[kind % 5];
	MUST(tls_records_init(&context, false, suite[0], suite[1], &secret, &secret, &r.t) == 0);
	MUST(tls_records_init(&peer_context, true, suite[0], suite[1], &secret, &secret, &r.peer) ==
		0);
	// Records as long as may be from the beginning, and where they end.
	r.t.out.run_bytes = kind & 0x40 ? UINT64_MAX / 2 : 0;
	r.t.out.ends_with_buffers = kind & 0x20;
	r.segment = segment * 131u;
	while (step(&c, &r)) {
	}
	tls_records_fini(&context, &r.t);
	tls_records_fini(&peer_context, &r.peer);
	MUST(buffer_heap_alive() == 0);
	return 0;
}
