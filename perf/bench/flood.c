// SPDX-License-Identifier: BSD-3-Clause

// A flood of spoofed packets in real time, through a node that has work: what was open before goes
// on without a loss, whoever comes meanwhile is served within a second, and memory stays where it
// is.

#include "bench/flood.h"

#include <time.h>

#include "bench/peers.h"
#include "core/clock.h"

enum {
	BEAT_US = 1000,      // one old session sends each way
	CONNECT_US = 100000, // a new client comes
	SENT_A_TURN = 32,    // below a burst, so that the port never overflows
	SESSIONS = 262144,   // capacity
	DEFAULT_RATE = 200000,
	RATE_PERCENT = 95, // of what was asked for must have been sent, for each second of CPU time
	GROWTH_MB = 16,    // resident memory beyond the sessions' own
};

static void pass_a_turn(struct flood *f, usec_t began)
{
	uint64_t due = (f->now - began) * f->b.options.rate / USEC_PER_SECOND;

	for (uint32_t i = 0; i < SENT_A_TURN && f->spoofed < due; i++) {
		if (!flood_spoof(&f->b))
			break;
		f->spoofed++;
	}
	uint64_t start = clock_cycles();

	rig_turn(&f->b.rig);
	f->b.cycles += clock_cycles() - start;
	flood_receive(f);
}

// CPU time of this thread, us: all of it is the flood's, and what others take of the CPU is none.
static usec_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (usec_t)t.tv_sec * USEC_PER_SECOND + (usec_t)t.tv_nsec / 1000;
}

static void tell_time(struct flood *f)
{
	f->now = node_now(f->b.rig.node) + USEC_PER_SECOND;
	f->b.rig.now = f->now;
}

static void run(struct flood *f)
{
	tell_time(f);
	usec_t began = f->now, cpu = cpu_time();
	usec_t end = began + f->b.options.seconds * USEC_PER_SECOND;
	usec_t beat = began;
	usec_t connect = began;
	uint32_t number = 0;

	while (f->now < end) {
		if (f->now >= beat) {
			flood_beat(f, number++ % FLOOD_OLD);
			beat += BEAT_US;
		}
		if (f->now >= connect) {
			flood_connect(f);
			flood_give_up(f);
			node_poll(f->b.rig.node, f->now);
			connect += CONNECT_US;
		}
		pass_a_turn(f, began);
		tell_time(f);
	}
	f->cpu = cpu_time() - cpu;
}

// What is still on its way arrives; the flood is over.
static void wind_down(struct flood *f)
{
	uint64_t sent = f->spoofed;
	usec_t end = f->now + USEC_PER_SECOND;

	f->b.options.rate = 0;
	while (f->now < end) {
		pass_a_turn(f, f->now);
		tell_time(f);
	}
	flood_give_up(f);
	for (uint32_t i = 0; i < FLOOD_OLD; i++)
		f->old_lost += f->waiting[i][0] + f->waiting[i][1];
	f->spoofed = sent;
}

json_t *bench_drops(struct bench *b)
{
	json_t *out = json_object();

	for (int i = 1; i < DROP_COUNT; i++) {
		uint64_t n = rig_drops(&b->rig, i);

		if (n > 0)
			json_object_set_new(out, drop_reason_name(i), json_integer((json_int_t)n));
	}
	return out;
}

static json_t *result_of(
	struct flood *f, const struct bench_options *o, uint64_t before, uint64_t load)
{
	uint64_t growth = bench_resident() - before;
	uint64_t allowed = (uint64_t)SESSIONS * 256 + ((uint64_t)GROWTH_MB << 20);
	uint64_t rate = f->spoofed / o->seconds;
	bool passed =
		f->old_lost == 0 && f->connects_lost == 0 && growth <= allowed &&
		f->spoofed * USEC_PER_SECOND / f->cpu >= (uint64_t)o->rate * RATE_PERCENT / 100;

	return json_pack(
		"{s:s, s:s, s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, "
		"s:I, s:I, s:f, s:o, s:b}",
		"measurement", "flood", "packets", o->protocol == BENCH_TCP ? "tcp-syn" : "udp",
		"family", o->v6 ? 6 : 4, "sources", o->on_link ? "on-link" : "beyond-gateway",
		"seconds", o->seconds, "spoofed_per_second", (json_int_t)rate, "spoofed_to_targets",
		(json_int_t)f->spoofed_through, "answers_to_spoofed",
		(json_int_t)f->answers_to_spoofed, "old_sessions_packets", (json_int_t)f->old_sent,
		"old_sessions_lost", (json_int_t)f->old_lost, "connects",
		(json_int_t)f->connects_begun, "connects_done", (json_int_t)f->connects_done,
		"connects_lost", (json_int_t)f->connects_lost, "slowest_connect_ms",
		(double)f->slowest / 1000, "resident_growth_bytes", (json_int_t)growth,
		"resident_growth_allowed_bytes", (json_int_t)allowed, "sessions_held",
		(json_int_t)node_sessions(f->b.rig.node), "worker_load",
		(double)load / (double)f->b.hz / o->seconds, "drops", bench_drops(&f->b), "passed",
		passed);
}

json_t *bench_flood(const struct bench_options *options)
{
	struct bench_options wanted = *options;

	if (options->tls)
		return bench_handshake_flood(options);
	if (options->terminate)
		return bench_terminate_flood(options);
	struct flood *f = calloc(1, sizeof(*f));

	if (!f)
		bench_fail("out of memory");
	wanted.rate = options->rate ? options->rate : DEFAULT_RATE;
	wanted.flows = FLOOD_OLD;
	wanted.sessions = SESSIONS;
	bench_create(&f->b, &wanted);
	f->b.rig.station_has = flood_station_has;
	bench_open_flows(&f->b);
	flood_know_old(f);
	f->b.cycles = 0;
	uint64_t before = bench_resident();

	run(f);
	uint64_t load = f->b.cycles;

	wind_down(f);
	json_t *result = result_of(f, &wanted, before, load);

	bench_destroy(&f->b);
	free(f);
	return result;
}
