// SPDX-License-Identifier: BSD-3-Clause

// Bytes an idle terminated session: growth of resident memory while options.flows of them open,
// both connections, table entries and source ports included.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	BYTES_MAX = 1536,       // of a session, docs/performance.md
	SESSIONS_LEAST = 10000, // for that: of fewer, whole pages of tables are much
};

json_t *bench_terminate_memory(const struct bench_options *options)
{
	struct bench_options o = *options;
	struct peers p;

	o.sessions = options->sessions ? options->sessions : 16384; // of the forwarding table
	peers_create(&p, &o, options->flows);
	peers_touch_buffers(&p);
	uint64_t before = bench_resident();

	peers_open(&p, 0, options->flows);
	uint64_t after = bench_resident();
	uint64_t sessions = node_sessions(p.b.rig.node);

	if (sessions != options->flows)
		bench_fail("%lu sessions are held, %u were opened", (unsigned long)sessions,
			options->flows);
	json_t *result = json_pack("{s:s, s:s, s:i, s:I, s:I, s:i, s:f}", "measurement", "memory",
		"protocol", "terminated tcp", "family", options->v6 ? 6 : 4, "sessions",
		(json_int_t)sessions, "resident_growth_bytes", (json_int_t)(after - before),
		"packet_buffers_held", (int)peers_buffers(&p), "bytes_per_session",
		(double)(after - before) / (double)sessions);

	if (sessions >= SESSIONS_LEAST)
		json_object_set_new(
			result, "passed", json_boolean(after - before <= sessions * BYTES_MAX));
	peers_destroy(&p);
	return result;
}
