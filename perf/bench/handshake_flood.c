// SPDX-License-Identifier: BSD-3-Clause

// A flood of handshakes that come to nothing, in real time, against a listener that serves TLS or
// REALITY:
// streams to targets by TLS that were open before it carry what they did before it, and whoever
// comes in earnest has a connection within a second. The slow path's thread has another CPU, as on
// an appliance.

#include "bench/flood.h"
#include "bench/mirror.h"
#include "bench/peers.h"
#include "bench/strangers.h"
#include "bench/tls_side.h"
#include "core/chain.h"
#include "core/clock.h"
#include "tcp/tcp.h"

enum {
	OFFERED_MBIT = 1000,  // all open streams together, a second
	CONNECT_US = 100000,  // a client in earnest comes
	OFFER_A_TURN = 24,    // segments, and
	COME_A_TURN = 8,      // strangers: with what they cause less than a burst
	DEFAULT_RATE = 20000, // strangers a second
	RATE_PERCENT = 95,    // of what was asked for must have come
	KEPT_PERCENT = 98,    // of the throughput without a flood
	QUIET_SECONDS = 5,
	ENDS = 16384, // connections to targets: old streams, and those of clients in earnest
	RECORD = 16384,
	HELLO_ONE_IN = 3, // strangers, of REALITY
	HELLOS_MAX = 150000,
};

#define SHORT_PATIENCE (10 * USEC_PER_SECOND) // of clients in earnest in a short run

// What a stretch of time brought.
struct stretch {
	usec_t length;
	uint64_t received; // stream bytes that targets have opened
	uint64_t cycles;   // of the worker's turns that had something to do
};

struct siege {
	struct peers p;
	struct tls_side *side;
	struct reality_peers *reality; // NULL: TLS
	struct mirror *mirror;
	struct stranger_hello *hellos;
	uint32_t hello_count;
	struct strangers strangers;
	struct tls_end *targets[ENDS];
	uint64_t read[ENDS]; // stream bytes of each
	uint32_t rate;       // strangers a second
	uint64_t sent;       // stream bytes
	uint32_t next;       // stream to send
};

static struct siege *siege;

static void give(struct siege *s, uint32_t end)
{
	uint8_t bytes[1200];
	uint32_t n;

	while ((n = tls_end_give(s->targets[end], bytes, sizeof(bytes))) > 0)
		peers_send_content(&s->p, BENCH_WAN, end, bytes, n);
}

// A target answers the handshake, and reads the stream.
static uint32_t take(
	struct peers *p, uint32_t end, const struct buffer *chain, uint32_t from, uint32_t length)
{
	static uint8_t bytes[FRAME_BYTES_MAX], text[RECORD];
	struct siege *s = siege;
	uint32_t total = 0, n;

	if (!s->targets[end])
		s->targets[end] = tls_end_create(s->side, TLS_ROLE_SERVER);
	if (chain_copy(chain, from, length, bytes) != length ||
		!tls_end_take(s->targets[end], bytes, length))
		bench_fail("a target cannot read what came");
	if (tls_end_is_secured(s->targets[end])) {
		while ((n = tls_end_read(s->targets[end], text, sizeof(text))) > 0) {
			// The stream repeats itself after 256 bytes.
			peers_check(text, n, s->read[end]);
			s->read[end] += n;
			total += n;
		}
		// Of a client in earnest, who asks with the stream's first byte.
		if (end >= FLOOD_OLD && total > 0)
			tls_end_write(s->targets[end], text, 1);
	}
	give(s, end);
	return total;
}

// As much of the streams as is due, where windows have room for it.
static void offer(struct siege *s, uint64_t due)
{
	for (uint32_t i = 0; i < OFFER_A_TURN && s->sent < due; i++) {
		s->sent += peers_send(&s->p, BENCH_LAN, s->next, s->p.segment);
		s->next = (s->next + 1) % FLOOD_OLD;
	}
}

static struct stretch run(struct siege *s, uint32_t seconds, uint32_t rate)
{
	peers_turn(&s->p);
	const struct rig *rig = &s->p.b.rig;
	usec_t began = rig->now, next_connect = began;
	uint64_t received = s->p.received[BENCH_WAN], cycles = s->p.busy;
	uint64_t made = s->strangers.made, sent = s->sent;

	while (rig->now < began + seconds * USEC_PER_SECOND) {
		usec_t passed = rig->now - began;

		offer(s, sent + passed * OFFERED_MBIT / 8);
		for (uint32_t i = 0; i < COME_A_TURN &&
				     s->strangers.made - made < passed * rate / USEC_PER_SECOND;
			i++)
			strangers_come(&s->strangers);
		if (rate > 0 && rig->now >= next_connect) {
			strangers_connect(&s->strangers);
			next_connect += CONNECT_US;
		}
		peers_turn(&s->p);
		strangers_give_up(&s->strangers);
	}
	return (struct stretch){.length = rig->now - began,
		.received = s->p.received[BENCH_WAN] - received,
		.cycles = s->p.busy - cycles};
}

static double mbit(const struct stretch *t)
{
	return (double)t->received * 8 / (double)t->length;
}

static double load(const struct siege *s, const struct stretch *t)
{
	return (double)t->cycles / (double)s->p.b.hz / (double)t->length * USEC_PER_SECOND;
}

// What came as it was due is all that could be carried: the streams are not faster than that.
static json_t *result_of(struct siege *s, const struct bench_options *o,
	const struct stretch *quiet, const struct stretch *flood)
{
	const struct strangers *f = &s->strangers;
	double kept = mbit(flood) / mbit(quiet);
	uint64_t rate = f->made * USEC_PER_SECOND / flood->length;
	// A client in earnest resets its connection at last, and so does the node its target's.
	bool passed = f->lost == 0 && f->done > 0 && s->p.resets <= f->done;
	// A shorter run may be beside others, which take more of its time than a flood does.
	if (o->seconds >= QUIET_SECONDS)
		passed = passed && kept * 100 >= KEPT_PERCENT &&
			 rate >= (uint64_t)s->rate * RATE_PERCENT / 100;
	double share = load(s, flood) - load(s, quiet);

	return json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:f, s:f, s:f, s:i, s:I, s:I, s:I, "
		"s:f, s:f, s:f, s:f, s:o, s:o, s:b}",
		"measurement", "flood", "packets", "handshakes", "listener",
		o->reality ? "reality" : "tls", "family", o->v6 ? 6 : 4, "seconds", (int)o->seconds,
		"strangers_per_second", (json_int_t)rate, "strangers_answered",
		(json_int_t)f->answered, "strangers_reset", (json_int_t)f->resets,
		"mbit_per_second_before", mbit(quiet), "mbit_per_second", mbit(flood), "kept", kept,
		"old_sessions", FLOOD_OLD, "connects", (json_int_t)f->begun, "connects_done",
		(json_int_t)f->done, "connects_lost", (json_int_t)f->lost, "slowest_connect_ms",
		(double)f->slowest / 1000, "worker_load_before", load(s, quiet), "worker_load",
		load(s, flood), "worker_cycles_per_stranger",
		rate > 0 ? share * (double)s->p.b.hz / (double)rate : 0, "slowpath",
		tls_side_counts(s->side), "drops", bench_drops(&s->p.b), "passed", passed);
}

// Before the flood: hellos cost more than strangers have time for. Those of REALITY come once each,
// or they are told for replays.
static void hellos_make(struct siege *s, uint32_t seconds)
{
	s->hello_count = s->reality ? u32_min(s->rate * seconds / HELLO_ONE_IN, HELLOS_MAX) : 1;
	s->hellos = malloc(s->hello_count * sizeof(*s->hellos));
	if (!s->hellos)
		bench_fail("out of memory for %u hellos", s->hello_count);
	for (uint32_t i = 0; s->reality && i < s->hello_count; i++)
		s->hellos[i].length = reality_peers_hello(s->reality, s->hellos[i].bytes);
	if (s->reality)
		return;
	struct tls_end *end = tls_end_create(s->side, TLS_ROLE_CLIENT);

	if (tls_end_is_secured(end))
		bench_fail("a handshake is over before it began");
	s->hellos[0].length = tls_end_give(end, s->hellos[0].bytes, sizeof(s->hellos[0].bytes));
	tls_end_destroy(end);
}

json_t *bench_handshake_flood(const struct bench_options *options)
{
	struct siege *s = calloc(1, sizeof(*s));
	struct bench_options wanted = *options;

	if (!s)
		bench_fail("out of memory");
	siege = s;
	s->rate = options->rate ? options->rate : DEFAULT_RATE;
	if (wanted.reality)
		s->reality = reality_peers_create();
	s->side = tls_side_create(&(struct tls_side_options){.reality = s->reality});
	hellos_make(s, wanted.seconds);
	wanted.flows = FLOOD_OLD;
	wanted.sessions = 65536;
	wanted.slow = tls_side_links(s->side);
	wanted.tls_targets = true;
	wanted.tls_listener = true;
	peers_create(&s->p, &wanted, ENDS);
	s->p.take[BENCH_WAN] = take;
	if (s->reality)
		s->mirror = mirror_create(&s->p, s->reality);
	strangers_init(&s->strangers, &s->p, s->side, s->hellos, s->hello_count);
	if (wanted.seconds < QUIET_SECONDS)
		s->strangers.patience = SHORT_PATIENCE;
	peers_open(&s->p, 0, FLOOD_OLD);
	// Handshakes with the targets of the first streams, sizes of records and windows settle.
	run(s, 1, 0);

	struct stretch quiet = run(s, QUIET_SECONDS, 0);
	struct stretch flood = run(s, wanted.seconds, s->rate);
	json_t *result = result_of(s, &wanted, &quiet, &flood);

	strangers_fini(&s->strangers);
	peers_destroy(&s->p);
	mirror_destroy(s->mirror);
	for (uint32_t i = 0; i < ENDS; i++)
		tls_end_destroy(s->targets[i]);
	tls_side_destroy(s->side);
	if (s->reality)
		reality_peers_destroy(s->reality);
	free(s->hellos);
	free(s);
	return result;
}
