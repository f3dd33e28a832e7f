// SPDX-License-Identifier: BSD-3-Clause

// A flood of spoofed SYN segments in real time against a listener that terminates: streams that
// were open before lose nothing, a new client has the answer to its request within a second, and
// memory stays where it is.

#include "bench/flood.h"
#include "bench/peers.h"
#include "core/clock.h"
#include "tcp/tcp.h"

enum {
	BEAT_US = 1000,      // one old session sends each way
	CONNECT_US = 100000, // a new client comes
	SENT_A_TURN = 32,    // below a burst, so that the port never overflows
	DEFAULT_RATE = 200000,
	RATE_PERCENT = 95, // of what was asked for must have been sent
	GROWTH_MB = 32,    // resident memory: half open connections, of which there are so many
	NUMBERS = 65536,   // clients, old and new
};

struct storm {
	struct peers p;
	usec_t now;
	uint64_t spoofed;
	uint64_t sent[2]; // stream bytes of old sessions, by port they enter
	uint64_t begun;
	uint64_t done;
	usec_t slowest;
	uint32_t next; // client to come
	usec_t started[NUMBERS];
};

static struct storm *storm;

static void note_done(struct peers *p, uint32_t client)
{
	usec_t took = storm->now - storm->started[client];

	storm->done++;
	if (took > storm->slowest)
		storm->slowest = took;
}

static void turn(struct storm *s)
{
	peers_turn(&s->p);
	s->now = s->p.b.rig.now;
}

static void connect_new(struct storm *s)
{
	s->started[s->next] = s->now;
	peers_connect(&s->p, s->next, PEERS_ASK);
	s->next = s->next + 1 < NUMBERS ? s->next + 1 : FLOOD_OLD;
	s->begun++;
}

static void beat(struct storm *s, uint32_t number)
{
	for (uint16_t port = 0; port < 2; port++)
		s->sent[port] += peers_send(&s->p, port, number, FLOOD_OLD_PAYLOAD);
}

static void run(struct storm *s, const struct bench_options *o)
{
	turn(s);
	usec_t began = s->now;
	usec_t end = began + o->seconds * USEC_PER_SECOND;
	usec_t next_beat = began;
	usec_t next_connect = began;
	uint32_t number = 0;

	while (s->now < end) {
		uint64_t due = (s->now - began) * o->rate / USEC_PER_SECOND;

		if (s->now >= next_beat) {
			beat(s, number++ % FLOOD_OLD);
			next_beat += BEAT_US;
		}
		if (s->now >= next_connect) {
			connect_new(s);
			node_poll(s->p.b.rig.node, s->now);
			next_connect += CONNECT_US;
		}
		for (uint32_t i = 0; i < SENT_A_TURN && s->spoofed < due; i++)
			s->spoofed += flood_spoof(&s->p.b);
		turn(s);
	}
}

// What is on its way arrives; a client that waits longer is lost.
static void wind_down(struct storm *s)
{
	usec_t end = s->now + USEC_PER_SECOND;

	while (s->now < end)
		turn(s);
}

// Requests and answers of new clients are among what came, too.
static int64_t lost(const struct storm *s, uint16_t port)
{
	uint64_t asked = s->done * (port == BENCH_WAN ? PEERS_REQUEST : PEERS_ANSWER);

	return (int64_t)(s->sent[!port] + asked - s->p.received[port]);
}

static json_t *result_of(
	struct storm *s, const struct bench_options *o, uint64_t before, uint64_t load)
{
	const struct tcp_stats *stats = node_tcp_stats(s->p.b.rig.node, 0);
	uint64_t after = bench_resident();
	uint64_t growth = after > before ? after - before : 0;
	uint64_t rate = s->spoofed / o->seconds;
	int64_t missing = lost(s, BENCH_LAN) + lost(s, BENCH_WAN);
	bool passed = missing == 0 && s->p.resets == 0 && s->done == s->begun &&
		      s->slowest < USEC_PER_SECOND && growth <= (uint64_t)GROWTH_MB << 20 &&
		      rate >= (uint64_t)o->rate * RATE_PERCENT / 100;

	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, "
			 "s:I, s:I, s:I, s:f, s:o, s:b}",
		"measurement", "flood", "packets", "tcp-syn, terminated", "family", o->v6 ? 6 : 4,
		"sources", o->on_link ? "on-link" : "beyond-gateway", "seconds", (int)o->seconds,
		"spoofed_per_second", (json_int_t)rate, "cookies_sent",
		(json_int_t)counter_read(&stats->cookies_sent), "cookies_accepted",
		(json_int_t)counter_read(&stats->cookies_accepted), "answers_to_spoofed",
		(json_int_t)s->p.strangers, "old_sessions_packets",
		(json_int_t)(s->sent[0] + s->sent[1]) / FLOOD_OLD_PAYLOAD, "old_sessions_lost",
		(json_int_t)missing, "connects", (json_int_t)s->begun, "connects_done",
		(json_int_t)s->done, "slowest_connect_ms", (double)s->slowest / 1000,
		"resident_growth_bytes", (json_int_t)growth, "resident_growth_allowed_bytes",
		(json_int_t)GROWTH_MB << 20, "sessions_held",
		(json_int_t)node_sessions(s->p.b.rig.node), "worker_load",
		(double)load / (double)s->p.b.hz / o->seconds, "drops", bench_drops(&s->p.b),
		"passed", passed);
}

json_t *bench_terminate_flood(const struct bench_options *options)
{
	struct storm *s = calloc(1, sizeof(*s));
	struct bench_options wanted = *options;

	if (!s)
		bench_fail("out of memory");
	storm = s;
	wanted.rate = options->rate ? options->rate : DEFAULT_RATE;
	wanted.flows = FLOOD_OLD;
	peers_create(&s->p, &wanted, NUMBERS);
	s->p.b.rig.station_has = flood_station_has;
	peers_open(&s->p, 0, FLOOD_OLD);
	s->p.answers = true;
	s->p.done = note_done;
	s->next = FLOOD_OLD;
	peers_touch_buffers(&s->p);
	memset(s->started, 0xff, sizeof(s->started));
	s->p.b.cycles = 0;
	uint64_t before = bench_resident();

	run(s, &wanted);
	uint64_t load = s->p.b.cycles;

	wind_down(s);
	json_t *result = result_of(s, &wanted, before, load);

	peers_destroy(&s->p);
	free(s);
	return result;
}
