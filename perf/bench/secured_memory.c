// SPDX-License-Identifier: BSD-3-Clause

// Bytes an idle terminated session with one secured leg or two: growth of memory while
// options.flows of them open beside some that were there before. Each does its handshakes in
// earnest, carries a request and an answer, and has nothing to do then.

#include "bench/peers.h"
#include "bench/tls_side.h"
#include "core/chain.h"
#include "pipeline/node_private.h"
#include "pipeline/worker.h"
#include "stream/secure_impl.h"

#include <malloc.h>

enum {
	BYTES_MAX_1 = 2048,      // of a session with one leg that is secured,
	BYTES_MAX_2 = 2560,      // and with two, docs/performance.md
	SESSIONS_LEAST = 10000,  // for that: of fewer, whole pages of tables are much
	PAGES_BYTES = 256 << 10, // and these are allowed for then
	// Before: what handshakes take at once, here and in the slow path, has been taken.
	WARM = 1024,
	// Everybody comes from a few addresses, in IPv6 from one network.
	SOURCE_RATE = 1000000,
	// It is memory that is measured: handshakes may have to wait for a CPU.
	PATIENCE_SECONDS = 60,
	SEGMENT = 1200,
	TEXT_BYTES = 1,
	IDLE_TURNS = 10000,
};

enum end_state {
	END_NEW = 0,
	END_TALKS,
	END_ASKED, // a client
	END_DONE,
};

struct end {
	struct tls_end *tls; // while it talks; NULL = speaks in the clear
	uint8_t state;
};

struct crowded {
	struct peers p;
	struct tls_side *side;
	struct end *ends[2]; // by port
	uint64_t answered;
	uint64_t wanted;
};

static struct crowded *crowded;
static const uint8_t text[TEXT_BYTES];

static void give(struct crowded *s, uint16_t port, uint32_t number)
{
	uint8_t bytes[SEGMENT];
	uint32_t n;

	while ((n = tls_end_give(s->ends[port][number].tls, bytes, sizeof(bytes))) > 0)
		peers_send_content(&s->p, port, number, bytes, n);
}

// What came, in the clear after the handshake: how many bytes of text.
static uint32_t read_text(struct end *e, const struct buffer *chain, uint32_t from, uint32_t length)
{
	uint8_t bytes[FRAME_BYTES_MAX];

	if (!e->tls)
		return length;
	if (chain_copy(chain, from, length, bytes) != length ||
		!tls_end_take(e->tls, bytes, length))
		bench_fail("an end cannot read what came");
	return tls_end_is_secured(e->tls) ? tls_end_read(e->tls, bytes, sizeof(bytes)) : 0;
}

static void say(struct crowded *s, uint16_t port, uint32_t number)
{
	if (s->ends[port][number].tls)
		tls_end_write(s->ends[port][number].tls, text, sizeof(text));
	else
		peers_send_content(&s->p, port, number, text, sizeof(text));
}

static void finish(struct end *e)
{
	tls_end_destroy(e->tls);
	*e = (struct end){.state = END_DONE};
}

static uint32_t take_at_target(struct peers *p, uint32_t number, const struct buffer *chain,
	uint32_t from, uint32_t length)
{
	struct crowded *s = crowded;
	struct end *e = &s->ends[BENCH_WAN][number];
	uint32_t got;

	if (e->state == END_DONE)
		return 0;
	if (e->state == END_NEW && p->b.options.tls_targets)
		e->tls = tls_end_create(s->side, TLS_ROLE_SERVER);
	e->state = END_TALKS;
	got = read_text(e, chain, from, length);
	if (got > 0)
		say(s, BENCH_WAN, number);
	if (e->tls)
		give(s, BENCH_WAN, number);
	if (got > 0)
		finish(e);
	return got;
}

static uint32_t take_at_client(struct peers *p, uint32_t number, const struct buffer *chain,
	uint32_t from, uint32_t length)
{
	struct crowded *s = crowded;
	struct end *e = &s->ends[BENCH_LAN][number];
	uint32_t got;

	if (e->state == END_DONE)
		return 0;
	got = read_text(e, chain, from, length);
	if (e->state == END_TALKS && tls_end_is_secured(e->tls)) {
		say(s, BENCH_LAN, number);
		e->state = END_ASKED;
	}
	give(s, BENCH_LAN, number);
	if (got > 0) {
		s->answered++;
		finish(e);
	}
	return got;
}

static bool are_open(const struct peers *p)
{
	return p->opened >= crowded->wanted;
}

static bool are_answered(const struct peers *p)
{
	return crowded->answered >= crowded->wanted;
}

static void begin(struct crowded *s, uint32_t number)
{
	s->ends[BENCH_LAN][number] =
		(struct end){.tls = tls_end_create(s->side, TLS_ROLE_CLIENT), .state = END_TALKS};
	if (tls_end_is_secured(s->ends[BENCH_LAN][number].tls))
		bench_fail("a handshake is over before it began");
	give(s, BENCH_LAN, number);
}

static void open_sessions(struct crowded *s, uint32_t first, uint32_t n)
{
	uint32_t batch;

	for (uint32_t i = first; i < first + n; i += batch) {
		// The first go one by one: their packets wait for next hops.
		batch = i < BENCH_TARGETS + BENCH_CLIENTS ? 1 : u32_min(PEERS_BURST, first + n - i);
		s->wanted = i + batch;
		for (uint32_t k = 0; k < batch; k++)
			peers_connect(&s->p, i + k, PEERS_STREAM);
		peers_turn_until(&s->p, are_open, "a client's connection is not accepted");
		for (uint32_t k = 0; k < batch; k++)
			begin(s, i + k);
		peers_turn_until(&s->p, are_answered, "a request is not answered");
	}
	peers_acknowledge(&s->p);
	for (uint32_t i = 0; i < IDLE_TURNS; i++)
		peers_turn(&s->p);
}

// What sessions hold, and not what handshakes here and in the slow path took for a while: how much
// of that stays with malloc is a matter of timing.
static uint64_t resident(void)
{
	malloc_trim(0);
	return bench_resident();
}

// Memory of secured legs is locked, and resident from the beginning: so much of it is in use.
static uint64_t locked(const struct peers *p)
{
	const struct secure *secure = p->b.rig.node->workers[0].relay->secure;

	return (uint64_t)secret_pool_used(secure->pool) * sizeof(struct secure_leg);
}

static json_t *result_of(struct crowded *s, uint64_t growth, uint64_t in_locked)
{
	const struct bench_options *o = &s->p.b.options;
	uint64_t sessions = node_sessions(s->p.b.rig.node);
	uint64_t each = o->tls_legs == 1 ? BYTES_MAX_1 : BYTES_MAX_2;
	uint64_t bytes = growth + in_locked, most;

	if (sessions != o->flows)
		bench_fail(
			"%lu sessions are held, %u were opened", (unsigned long)sessions, o->flows);
	sessions -= WARM;
	most = sessions * each + (sessions < SESSIONS_LEAST ? PAGES_BYTES : 0);
	return json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:i, s:o, s:f, s:I, s:b}",
		"measurement", "memory", "protocol", "secured tcp", "family", o->v6 ? 6 : 4,
		"tls_legs", (int)o->tls_legs, "sessions", (json_int_t)sessions,
		"resident_growth_bytes", (json_int_t)growth, "locked_bytes", (json_int_t)in_locked,
		"packet_buffers_held", (int)peers_buffers(&s->p), "slowpath",
		tls_side_counts(s->side), "bytes_per_session", (double)bytes / (double)sessions,
		"bytes_allowed", (json_int_t)each, "passed", bytes <= most);
}

json_t *bench_secured_memory(const struct bench_options *options)
{
	struct crowded *s = calloc(1, sizeof(*s));
	struct bench_options wanted = *options;
	struct tls_side_options side = {.source_rate = SOURCE_RATE, .seconds = PATIENCE_SECONDS};

	if (!s)
		bench_fail("out of memory");
	crowded = s;
	s->side = tls_side_create(&side);
	wanted.flows = WARM + options->flows;
	wanted.sessions = options->sessions ? options->sessions : 16384; // of the forwarding table
	wanted.slow = tls_side_links(s->side);
	wanted.tls_listener = true;
	wanted.tls_clients = true;
	wanted.tls_targets = wanted.tls_legs == 2;
	peers_create(&s->p, &wanted, wanted.flows);
	s->p.slow_seconds = PATIENCE_SECONDS;
	s->p.take[BENCH_LAN] = take_at_client;
	s->p.take[BENCH_WAN] = take_at_target;
	for (int port = 0; port < 2; port++) {
		s->ends[port] = malloc(wanted.flows * sizeof(struct end));
		if (!s->ends[port])
			bench_fail("out of memory for %u sessions", wanted.flows);
		// Written, so that resident memory has them from the start.
		memset(s->ends[port], 0, wanted.flows * sizeof(struct end));
	}
	peers_touch_buffers(&s->p);
	open_sessions(s, 0, WARM);
	uint64_t before = resident(), locked_before = locked(&s->p);

	open_sessions(s, WARM, options->flows);
	json_t *result = result_of(s, resident() - before, locked(&s->p) - locked_before);

	peers_destroy(&s->p);
	tls_side_destroy(s->side);
	free(s->ends[BENCH_LAN]);
	free(s->ends[BENCH_WAN]);
	free(s);
	return result;
}
