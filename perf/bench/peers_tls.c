// SPDX-License-Identifier: BSD-3-Clause

#include "bench/peers_tls.h"

#include "bench/bench.h"
#include "core/chain.h"
#include "slowpath/msg.h"
#include "tls/record.h"

enum {
	SUITE = 0x1301,
	KEYS = 2048, // expanded, at once
};

struct end {
	struct tls_records records;
	uint64_t opened; // payload bytes
	bool is_known;
};

struct peers_tls {
	struct slow_gate gate;
	struct slow_link link; // one worker, one thread
	struct slow_links links;
	struct tls_context context;
	struct end *ends;
	uint32_t end_count;
	uint8_t *slots;
};

static struct tls_secret secret_of(bool from_node)
{
	struct tls_secret s = {0};

	memset(s.secret, from_node ? 0x31 : 0x32, sizeof(s.secret));
	return s;
}

struct peers_tls *peers_tls_create(uint32_t ends)
{
	const size_t ring_bytes = (size_t)SLOW_RING * SLOW_MESSAGE_BYTES;
	struct peers_tls *tls = calloc(1, sizeof(*tls));

	if (!tls || !(tls->slots = calloc(2, ring_bytes)) ||
		!(tls->ends = calloc(ends, sizeof(*tls->ends))))
		bench_fail("out of memory for %u targets", ends);
	ring_init(&tls->link.to_slow, tls->slots, SLOW_RING, SLOW_MESSAGE_BYTES);
	ring_init(&tls->link.to_worker, tls->slots + ring_bytes, SLOW_RING, SLOW_MESSAGE_BYTES);
	tls->end_count = ends;
	tls->gate.wake_fd = -1;
	tls->link.gate = &tls->gate;
	tls->links =
		(struct slow_links){.threads = 1, .timeout = SLOW_TIMEOUT, .links = &tls->link};
	tls->context.buffers = &buffer_heap_source;
	if (crypto_manager_create(&tls->context.crypto) ||
		key_cache_create(tls->context.crypto, KEYS, &tls->context.keys))
		bench_fail("no locked memory for keys; raise `ulimit -l`");
	return tls;
}

void peers_tls_destroy(struct peers_tls *tls)
{
	if (!tls)
		return;
	// The run may end in the middle of a record.
	for (uint32_t i = 0; i < tls->end_count; i++)
		if (tls->ends[i].is_known)
			tls_records_fini(&tls->context, &tls->ends[i].records);
	key_cache_destroy(tls->context.keys);
	crypto_manager_destroy(tls->context.crypto);
	free(tls->ends);
	free(tls->slots);
	free(tls);
}

const struct slow_links *peers_tls_links(const struct peers_tls *tls)
{
	return &tls->links;
}

static void give_keys(struct peers_tls *tls, uint64_t session)
{
	struct tls_secret in = secret_of(false), out = secret_of(true);
	struct slow_message *m = ring_reserve(&tls->link.to_worker);

	if (!m)
		bench_fail("the worker does not take its keys");
	*m = (struct slow_message){.session = session, .kind = SLOW_KEYS};
	m->keys = (struct slow_keys){
		.version = TLS_VERSION_1_3, .suite = SUITE, .is_client = true, .is_itself = true};
	memcpy(m->keys.in.secret, in.secret, sizeof(in.secret));
	memcpy(m->keys.out.secret, out.secret, sizeof(out.secret));
	ring_publish(&tls->link.to_worker);
}

void peers_tls_turn(struct peers_tls *tls)
{
	struct slow_message *m;

	while ((m = ring_peek(&tls->link.to_slow)) != NULL) {
		if (m->kind == SLOW_OPEN)
			give_keys(tls, m->session);
		ring_release(&tls->link.to_slow);
	}
}

static struct buffer *copy_of(const struct buffer *chain, uint32_t from, uint32_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	if (!b || chain_copy(chain, from, length, buffer_data(b)) != length)
		bench_fail("a frame is shorter than it says");
	b->length = (uint16_t)length;
	b->total_length = length;
	return b;
}

static void check(const struct buffer *data, uint64_t at)
{
	for (const struct buffer *b = data; b; b = b->next)
		for (uint32_t i = 0; i < b->length; i++)
			if (buffer_data(b)[i] != (uint8_t)at++)
				bench_fail("what a record holds is not what was sent");
}

uint32_t peers_tls_take(struct peers_tls *tls, uint32_t end, const struct buffer *chain,
	uint32_t from, uint32_t length)
{
	struct tls_secret in = secret_of(true), out = secret_of(false);
	struct end *e = &tls->ends[end];
	uint64_t before = e->opened;
	struct buffer *data;
	enum tls_verdict v;

	if (!e->is_known && tls_records_init(&tls->context, false, TLS_VERSION_1_3, SUITE, &in,
				    &out, &e->records))
		bench_fail("no such suite");
	e->is_known = true;
	tls_push(&tls->context, &e->records, copy_of(chain, from, length));
	while ((v = tls_next(&tls->context, &e->records, &data)) == TLS_DATA) {
		check(data, e->opened);
		e->opened += data->total_length;
		buffer_heap_put(&buffer_heap_source, data);
	}
	if (v != TLS_WANT_MORE)
		bench_fail("a target cannot read its records: %s", tls_verdict_text(v));
	return (uint32_t)(e->opened - before);
}
