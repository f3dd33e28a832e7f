// SPDX-License-Identifier: BSD-3-Clause

// TLS records over packet buffers beside ipsec-mb alone: what a leg of a session pays to seal and
// to open what TCP carries in segments of 1,460 bytes. The yardstick seals and opens as many bytes,
// contiguous, in records of the same size: content and the byte of its type (RFC 8446 5.2). Long
// ones of ours end with a segment, as a TLS listener's do. Both in turn, the least of all rounds
// counts.

#include "core/chain.h"
#include "core/clock.h"
#include "crypto/manager.h"
#include "tls/record.h"

#include "bench/bench.h"

enum {
	SEGMENT = 1460,
	SHORT = SEGMENT - 22, // payload of a record that fits one
	CHUNK = 44 * SHORT,   // what a turn has of one connection
	ROUND_CHUNKS = 64,
	KEYS = 64,
	SEALED_MAX = CHUNK + 46 * 22,
	RECORDS_MAX = 64, // of a chunk
};

struct side {
	double record; // cycles a byte
	double alone;
};

struct cell {
	const char *name;
	uint16_t suite;
	enum aead aead;
	bool is_short;
	struct side seal;
	struct side open;
};

struct records_bench {
	struct bench b;
	struct tls_context tls;
	struct tls_records ends[2];
	struct aead_key key;
	usec_t now;
	uint8_t plain[CHUNK];
	uint8_t alone[CHUNK + RECORDS_MAX];
	uint8_t sealed[SEALED_MAX];
};

static struct buffer *chain_of(
	struct records_bench *x, const uint8_t *bytes, uint32_t length, uint32_t piece)
{
	struct tls_queue q = {0};

	for (uint32_t at = 0; at < length; at += piece) {
		uint32_t n = u32_min(piece, length - at);
		struct buffer *b = x->b.rig.buffers->get(x->b.rig.buffers, SEGMENT);

		if (!b)
			bench_fail("no packet buffer left");
		memcpy(buffer_data(b), bytes + at, n);
		b->length = (uint16_t)n;
		tls_queue_append(&q, b);
	}
	return tls_queue_chain(&q);
}

static void least(double *to, uint64_t cycles, uint32_t bytes)
{
	double each = (double)cycles / bytes;

	if (*to == 0 || each < *to)
		*to = each;
}

// Seals a chunk; the records' bytes are in x->sealed. Returns how many.
static uint32_t seal(struct records_bench *x, struct cell *c)
{
	struct buffer *data = chain_of(x, x->plain, CHUNK, c->is_short ? SHORT : SEGMENT);
	struct buffer *out;

	// A pause makes records short again.
	x->now += c->is_short ? 2 * USEC_PER_SECOND : 1;
	uint64_t start = clock_cycles();
	enum tls_verdict v = tls_seal(&x->tls, &x->ends[0], SEGMENT, x->now, &data, &out);

	least(&c->seal.record, clock_cycles() - start, CHUNK);
	if (v != TLS_SEALED || out->total_length > sizeof(x->sealed))
		bench_fail("sealing: %s", tls_verdict_text(v));
	uint32_t length = chain_copy(out, 0, sizeof(x->sealed), x->sealed);

	x->b.rig.buffers->put(x->b.rig.buffers, out);
	return length;
}

static void open_all(struct records_bench *x, struct cell *c, uint32_t length)
{
	struct buffer *chain = chain_of(x, x->sealed, length, SEGMENT);
	struct tls_queue opened = {0};
	struct buffer *records[RECORDS_MAX];
	uint32_t n = 0;
	uint64_t start = clock_cycles();

	tls_push(&x->tls, &x->ends[1], chain);
	while (n < RECORDS_MAX && tls_next(&x->tls, &x->ends[1], &records[n]) == TLS_DATA)
		n++;
	least(&c->open.record, clock_cycles() - start, CHUNK);
	for (uint32_t i = 0; i < n; i++)
		tls_queue_append(&opened, records[i]);
	chain = tls_queue_chain(&opened);
	if (!chain || chain->total_length != CHUNK ||
		chain_copy(chain, 0, CHUNK, x->sealed) != CHUNK ||
		memcmp(x->sealed, x->plain, CHUNK) != 0)
		bench_fail("what was opened is not what was sealed");
	x->b.rig.buffers->put(x->b.rig.buffers, chain);
}

static void alone(struct records_bench *x, struct cell *c)
{
	uint8_t nonce[AEAD_NONCE_BYTES] = {0}, additional[5] = {0};
	uint8_t tag[RECORDS_MAX][AEAD_TAG_BYTES];
	struct aead_input in = {&x->key, nonce, additional, sizeof(additional)};
	uint32_t size = c->is_short ? SHORT : TLS_PLAINTEXT_MAX;
	uint32_t n = 0;
	uint64_t start = clock_cycles();

	for (uint32_t at = 0; at < CHUNK; at += size, n++)
		aead_seal(x->tls.crypto, &in, x->alone + at + n, u32_min(size, CHUNK - at) + 1,
			tag[n]);
	least(&c->seal.alone, clock_cycles() - start, CHUNK);
	n = 0;
	start = clock_cycles();
	for (uint32_t at = 0; at < CHUNK; at += size, n++)
		if (!aead_open(x->tls.crypto, &in, x->alone + at + n, u32_min(size, CHUNK - at) + 1,
			    tag[n]))
			bench_fail("what ipsec-mb sealed does not open");
	least(&c->open.alone, clock_cycles() - start, CHUNK);
}

static void measure(struct records_bench *x, struct cell *c, uint32_t rounds)
{
	struct tls_secret one = {0}, other = {0};
	uint8_t raw[AEAD_KEY_BYTES_MAX] = {1};

	memset(one.secret, 1, sizeof(one.secret));
	memset(other.secret, 2, sizeof(other.secret));
	if (tls_records_init(
		    &x->tls, false, TLS_VERSION_1_3, c->suite, &one, &other, &x->ends[0]) ||
		tls_records_init(
			&x->tls, true, TLS_VERSION_1_3, c->suite, &other, &one, &x->ends[1]))
		bench_fail("no such suite");
	x->ends[0].out.ends_with_buffers = true;
	aead_key_expand(x->tls.crypto, c->aead, raw, &x->key);
	for (uint32_t i = 0; i < rounds * ROUND_CHUNKS; i++) {
		open_all(x, c, seal(x, c));
		alone(x, c);
	}
	tls_records_fini(&x->tls, &x->ends[0]);
	tls_records_fini(&x->tls, &x->ends[1]);
}

static json_t *side_of(const struct records_bench *x, const struct side *s)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "cycles_per_byte", s->record,
		"alone_cycles_per_byte", s->alone, "ratio", s->record / s->alone, "gbit_per_second",
		8 * (double)x->b.hz / s->record / 1e9);
}

json_t *bench_records(const struct bench_options *options)
{
	struct cell cells[] = {
		{"AES-128-GCM", 0x1301, AEAD_AES_128_GCM, .is_short = true},
		{"AES-128-GCM", 0x1301, AEAD_AES_128_GCM},
		{"AES-256-GCM", 0x1302, AEAD_AES_256_GCM, .is_short = true},
		{"AES-256-GCM", 0x1302, AEAD_AES_256_GCM},
		{"ChaCha20-Poly1305", 0x1303, AEAD_CHACHA20_POLY1305, .is_short = true},
		{"ChaCha20-Poly1305", 0x1303, AEAD_CHACHA20_POLY1305},
	};
	struct records_bench *x = aligned_alloc(CACHE_LINE, sizeof(*x));
	json_t *out = json_array();

	if (!x)
		bench_fail("out of memory");
	memset(x, 0, sizeof(*x));
	bench_create(&x->b, options);
	x->tls.buffers = x->b.rig.buffers;
	if (crypto_manager_create(&x->tls.crypto) ||
		key_cache_create(x->tls.crypto, KEYS, &x->tls.keys))
		bench_fail("no locked memory for keys; raise `ulimit -l`");
	for (uint32_t i = 0; i < CHUNK; i++)
		x->plain[i] = (uint8_t)bench_random(&x->b, 256);
	for (size_t i = 0; i < nx_array_size(cells); i++) {
		struct cell *c = &cells[i];

		measure(x, c, options->rounds);
		json_array_append_new(
			out, json_pack("{s:s, s:i, s:o, s:o}", "suite", c->name, "record_bytes",
				     c->is_short ? SHORT : TLS_PLAINTEXT_MAX, "seal",
				     side_of(x, &c->seal), "open", side_of(x, &c->open)));
	}
	json_t *result = json_pack("{s:s, s:i, s:s, s:o}", "measurement", "records",
		"segment_bytes", SEGMENT, "isa", crypto_manager_isa(x->tls.crypto), "cells", out);

	key_cache_destroy(x->tls.keys);
	crypto_manager_destroy(x->tls.crypto);
	bench_destroy(&x->b);
	free(x);
	return result;
}
