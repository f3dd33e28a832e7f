// SPDX-License-Identifier: BSD-3-Clause
// A peer that knows the keys and says anything: contents from the input are protected as it likes,
// mixed with raw bytes, cut as it likes, and sealing goes on meanwhile. Nothing leaks, nothing is
// read or written beyond a buffer, what is sealed opens again.
#include "core/chain.h"
#include "pkt/bytes.h"
#include "tests/fuzz/must.h"
#include "tls/record_impl.h"

enum {
	PIECE = 1400, // of what is sealed and of its records, as TCP has them
};

static struct tls_context context;

static struct buffer *spare(struct buffer_source *source)
{
	return buffer_heap_get(source, BUFFER_SPARE_ROOM);
}

static struct buffer_source buffers = {
	.get = buffer_heap_get, .put = buffer_heap_put, .share = buffer_heap_share, .spare = spare};

static void setup(void)
{
	if (context.crypto != NULL)
		return;
	MUST(crypto_manager_create(&context.crypto) == 0);
	MUST(key_cache_create(context.crypto, 8, &context.keys) == 0);
	context.buffers = &buffers;
	context.key_blocks = 200;
}

struct stream {
	uint8_t bytes[40000];
	uint32_t length;
};

static struct stream wire;

// A record whose content is `given` bytes of the input and zeros behind them: padding for TLS 1.3,
// whose content has its type.
static void craft(
	struct tls_key *key, uint8_t type, const uint8_t *inner, uint32_t given, uint32_t zeros)
{
	uint32_t before = tls_before(key), n = given + zeros;
	uint8_t *out = wire.bytes + wire.length;
	struct tls_aead aead;

	if (wire.length + before + n + AEAD_TAG_BYTES > sizeof(wire.bytes))
		return;
	memcpy(out, (uint8_t[]){type, 3, 3}, 3);
	be16_store(out + 3, be16_from_host((uint16_t)(before - HEADER_BYTES + n + AEAD_TAG_BYTES)));
	memset(out + HEADER_BYTES, 1, before - HEADER_BYTES);
	memcpy(out + before, inner, given);
	memset(out + before + given, 0, zeros);
	tls_aead_prepare(&context, key, out, n, out + HEADER_BYTES, &aead);
	aead_seal(context.crypto, &aead.input, out + before, n, out + before + n);
	key->sequence++;
	wire.length += before + n + AEAD_TAG_BYTES;
}

static void discard(struct buffer *chain)
{
	if (chain != NULL)
		buffer_heap_put(&buffer_heap_source, chain);
}

static void push_all(struct tls_records *t, uint32_t piece)
{
	for (uint32_t at = 0; at < wire.length;) {
		uint32_t n = u32_min(piece, wire.length - at);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		MUST(b != NULL);
		memcpy(buffer_data(b), wire.bytes + at, n);
		b->length = (uint16_t)n;
		b->total_length = n;
		tls_push(&context, t, b);
		at += n;
	}
	wire.length = 0;
}

static void drain(struct tls_records *t)
{
	enum tls_verdict v;
	struct buffer *out;

	while ((v = tls_next(&context, t, &out)) == TLS_DATA || v == TLS_MESSAGE) {
		uint32_t n = 0;

		for (const struct buffer *b = out; b != NULL; b = b->next)
			n += b->length;
		MUST(n > 0 && n == out->total_length && n <= TLS_PLAINTEXT_MAX);
		discard(out);
	}
	MUST(v == TLS_WANT_MORE || v == TLS_CLOSED || tls_verdict_is_fatal(v));
	MUST(t->in.pending.bytes <= HEADER_BYTES + CIPHERTEXT_MAX);
}

// n bytes, of a chain or all the same.
static struct buffer *pieces_of(const struct buffer *from, uint32_t n)
{
	struct tls_queue q = {0};

	for (uint32_t at = 0; at < n || q.head == NULL; at += PIECE) {
		struct buffer *b = buffer_heap_get(&buffers, PIECE);
		uint32_t part = u32_min(n - at, PIECE);

		MUST(b != NULL);
		if (from != NULL)
			MUST(chain_copy(from, at, part, buffer_data(b)) == part);
		else
			memset(buffer_data(b), 'x', part);
		b->length = (uint16_t)part;
		tls_queue_append(&q, b);
	}
	return tls_queue_chain(&q);
}

// The peer's end opens what is sealed here, to the byte.
static void seal_some(struct tls_records *t, struct tls_records *peer, uint32_t n)
{
	struct buffer *data = pieces_of(NULL, n), *sealed, *out;
	enum tls_verdict v;
	uint32_t got = 0;

	v = tls_seal(&context, t, n % 3000, 0, &data, &sealed);
	MUST(v == TLS_SEALED || v == TLS_KEY_SPENT);
	if (sealed != NULL)
		tls_push(&context, peer, pieces_of(sealed, sealed->total_length));
	discard(sealed);
	while (tls_next(&context, peer, &out) == TLS_DATA) {
		got += out->total_length;
		discard(out);
	}
	MUST(v == TLS_KEY_SPENT || got == n);
	discard(data);
}

static const uint16_t suites[][2] = {{TLS_VERSION_1_3, 0x1301}, {TLS_VERSION_1_3, 0x1302},
	{TLS_VERSION_1_3, 0x1303}, {TLS_VERSION_1_2, 0xc02f}, {TLS_VERSION_1_2, 0xcca8}};

// One step of the input: what to do, how much of it, with what.
static void step(struct cursor *c, struct tls_records *t, struct tls_records *peer)
{
	struct tls_key *key = &peer->out.key;
	const uint8_t *bytes;
	uint8_t what, type, n;

	if (!cursor_take_u8(c, &what) || !cursor_take_u8(c, &type) || !cursor_take_u8(c, &n))
		return;
	n = (uint8_t)u32_min(n, (uint32_t)cursor_left(c));
	if (!cursor_take_span(c, n, &bytes))
		return;
	if (what % 8 < 4) {
		craft(key, key->is_tls13 ? 23 : type, bytes, n, what / 8 * 64u);
	} else if (what % 8 == 4 && wire.length + n <= sizeof(wire.bytes)) {
		memcpy(wire.bytes + wire.length, bytes, n);
		wire.length += n;
	} else if (what % 8 == 5) {
		push_all(t, what < 128 ? type + 1u : type * 64u + 1);
		drain(t);
	} else if (what % 8 == 6) {
		seal_some(t, peer, (uint32_t)type * n);
	} else if (key->is_tls13) {
		tls_key_update(&context, key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_secret secret = {.secret = {1, 2, 3}, .iv = {4, 5}};
	struct cursor c = cursor_over(data, size);
	struct tls_records t, peer;
	const uint16_t *suite;
	uint8_t kind;

	if (!cursor_take_u8(&c, &kind))
		return 0;
	setup();
	wire.length = 0;
	suite = suites[kind % 5];
	MUST(tls_records_init(&context, kind & 0x80, suite[0], suite[1], &secret, &secret, &t) ==
		0);
	MUST(tls_records_init(
		     &context, !(kind & 0x80), suite[0], suite[1], &secret, &secret, &peer) == 0);
	// Records as long as may be from the beginning, and where they end.
	t.out.run_bytes = kind & 0x40 ? UINT64_MAX / 2 : 0;
	t.out.ends_with_buffers = kind & 0x20;
	while (cursor_left(&c) >= 3)
		step(&c, &t, &peer);
	push_all(&t, 7);
	drain(&t);
	tls_input_end(&context, &t);
	tls_records_fini(&context, &t);
	tls_records_fini(&context, &peer);
	MUST(buffer_heap_alive() == 0);
	return 0;
}
