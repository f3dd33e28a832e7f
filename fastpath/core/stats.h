// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Per-worker counters: one writer (the worker), any reader. A counter is a 64-bit word written and
// read with relaxed atomics (core/atomic.h): readers see a recent value, never a torn one.

#include "core/atomic.h"
#include "core/drop.h"
#include "core/limits.h"

#define STAGES(X)                                                                                  \
	X(RECEIVE, "receive", "bursts from the ports and rings")                                   \
	X(PARSE, "parse", "headers to descriptors, checks")                                        \
	X(STEER, "steer", "to the worker that owns the session")                                   \
	X(LOOKUP, "lookup", "flow table")                                                          \
	X(STREAM, "stream", "connections that end here: TCP and the relay")                        \
	X(FORWARD, "forward", "sessions: state, rewriting, new sessions")                          \
	X(LOCAL, "local", "own addresses: ARP, ND, ICMP, resets, fragments")                       \
	X(TRANSMIT, "transmit", "link header, offloads, bursts to the ports")                      \
	X(TIMERS, "timers", "due timers")                                                          \
	X(MESSAGES, "messages", "control and slow-path messages")                                  \
	X(HOUSEKEEPING, "housekeeping", "quiescent state, statistics, idle decision")

enum stage {
#define X(id, name, help) STAGE_##id,
	STAGES(X)
#undef X
	STAGE_COUNT,
};

const char *stage_name(enum stage stage);
const char *stage_help(enum stage stage);

struct stage_stats {
	counter_t calls;
	counter_t packets;
	counter_t cycles; // TSC
};

struct port_stats {
	counter_t receive_packets;
	counter_t receive_bytes;
	counter_t transmit_packets;
	counter_t transmit_bytes;
	counter_t transmit_dropped;
};

// Indexed by listener or target slot.
struct slot_stats {
	counter_t sessions; // gauge: live now
	counter_t sessions_total;
	counter_t bytes[2]; // [0] from the client, [1] from the target: IP payload of TCP/UDP
	counter_t packets[2];
	counter_t connect_failed; // targets: no answer, or refused
	counter_t answered;       // targets: sessions the target answered
};

// Versions of TLS that legs are secured by, oldest first.
enum {
	TLS_VERSIONS = 2, // 1.2, 1.3
};

struct nx_aligned_line worker_stats {
	counter_t drops[DROP_COUNT];
	struct stage_stats stages[STAGE_COUNT];
	struct port_stats ports[MAX_PORTS];
	struct slot_stats listeners[MAX_LISTENERS];
	struct slot_stats targets[MAX_TARGETS];
	counter_t turns;
	counter_t busy_cycles;  // in turns that moved a packet, message or timer
	counter_t idle_cycles;  // polling in vain
	counter_t sleep_cycles; // asleep
	counter_t sleeps;
	counter_t wrong_worker; // packets that reached a worker which does not own them
	counter_t handover_packets;
	counter_t sessions;            // gauge
	counter_t sessions_unanswered; // gauge
	counter_t sessions_total;
	counter_t resets_sent;
	counter_t unreachables_sent;
	counter_t tcp_handshake_timeouts;
	counter_t tcp_resets_seen;
	counter_t nat_ports_in_use;                     // gauge
	counter_t tls_handshakes_done[2][TLS_VERSIONS]; // that gave keys, by leg
	counter_t tls_legs[2][TLS_VERSIONS];            // gauge: that have them
	counter_t reality_refused;                      // by admission control: the target's
	counter_t reality_timeouts;                     // not decided in time, likewise
	counter_t reality_foreign;                      // no hello, likewise
	counter_t reality_limited[2]; // strangers' sessions held back: what they send, and get
};

static inline void stats_drop(struct worker_stats *stats, enum drop_reason reason)
{
	counter_add(&stats->drops[reason], 1);
}
