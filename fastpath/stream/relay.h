// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One worker's terminated TCP sessions: two connections of the TCP engine (tcp/tcp.h), the client's
// and the target's, and what flows between them. Payload moves from the receive queue of one to the
// send queue of the other as the buffers it came in; what one cannot send stays with the other,
// whose window closes. Sans-IO: parsed packets and time go in, IP packets leave by a callback.
// Worker thread only, but for _create and _destroy.
//
// A turn: relay_input for each TCP packet that no forwarded session has, relay_tick, and relay_run
// once at its end.

#include "core/buffer.h"
#include "core/control.h"
#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "flow/engine.h"
#include "pkt/icmp.h"
#include "pkt/packet.h"
#include "tcp/tcp.h"

struct h2_stats;
struct http_record;
struct http_stats;
struct relay;
struct slow_links;

enum {
	// Session indices of relayed sessions, in ids and cursors, have this bit: forwarded ones
	// (flow/) have it clear.
	RELAY_INDEX_BIT = INT32_MIN,
	RELAY_TRIES = 3, // targets tried for one session
};

// Both sides have sent all and said so, but not acknowledged it: how long they may take where the
// listener, which says it, is gone.
#define RELAY_CLOSE_TIMEOUT (30 * USEC_PER_SECOND)

struct relay_config {
	uint8_t worker;
	uint32_t sessions; // capacity
	bool huge;         // hugepages for the tables
	uint8_t secret[TCP_SECRET_BYTES];
	uint32_t offload; // TCP_OFFLOAD_* bits
	struct buffer_source *buffers;
	const struct slow_links *slow; // to the slow path; NULL: no leg can be secured
	uint32_t secured;              // legs that may be, at once
	struct worker_stats *stats;
	struct flow_engine *flow; // listeners' room, targets, source ports, events
	void *context;            // of the callbacks
	// As tcp_engine_config.transmit.
	void (*transmit)(
		void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way);
	// As flow_engine_config.log.
	void (*log)(void *context, const struct session_record *record);
	// An exchange of an HTTP listener that logs them is over.
	void (*http_log)(void *context, const struct http_record *record);
	usec_t now;
};

// Tables for config->sessions sessions. -ENOMEM with nothing kept on failure.
[[nodiscard]] int relay_create(const struct relay_config *config, struct relay **out);
// Returns how many sessions were left (relay_end_all).
uint32_t relay_destroy(struct relay *relay);

// Whether packets and turns concern the relay: it has connections, or the snapshot a listener for
// them.
bool relay_is_active(const struct relay *relay, const struct snapshot *snapshot);

// One TCP packet whose checksum is verified. True when it was for a connection of the relay or a
// listener in mode terminate: its buffer is taken, and a refusal counted. False: left alone.
bool relay_input(struct relay *relay, const struct snapshot *snapshot, const struct packet *packet,
	usec_t now);
// The same for the segments of open connections among n packets of any kind, at most MAX_BURST, in
// their order: what it takes has no buffer and is PACKET_NONE after. Returns how many it took. It
// is faster than one by one, for the memory that they touch is asked for ahead.
uint32_t relay_input_burst(struct relay *relay, const struct snapshot *snapshot,
	struct packet *packets, uint32_t n, usec_t now);
// An ICMP error that quotes one of our segments. True when it was of use; takes nothing.
bool relay_icmp_error(struct relay *relay, const struct icmp_quote *quote, usec_t now);

// Whether a connection of the relay stands on a key, as its packets leave, and does not give way.
bool relay_uses(struct relay *relay, const struct flow_key *key, usec_t now);

// Runs due timers, at most budget; how many ran.
uint32_t relay_tick(
	struct relay *relay, const struct snapshot *snapshot, usec_t now, uint32_t budget);
// When the next timer is due, UINT64_MAX for never.
usec_t relay_next_timer(const struct relay *relay);
// Carries on what the turn's packets and timers began, then sends. False when something is left to
// do at once: buffers ran out, or events past the turn's share.
bool relay_run(struct relay *relay, const struct snapshot *snapshot, usec_t now);
// Whether relay_run has something to do.
bool relay_has_work(const struct relay *relay);

// Works on a list, count or kill request as flow_engine_request does, over cursors with
// RELAY_INDEX_BIT.
bool relay_request(struct relay *relay, const struct snapshot *snapshot,
	struct control_request *request, usec_t now, uint32_t budget);

// Begins to look at a target of the upstream that a CONTROL_PROBE names; the slow path's profile
// gets to hear what came of it, also where no connection does. False: there is none to be had now.
bool relay_probe_begin(struct relay *relay, const struct snapshot *snapshot,
	const struct control_request *request, usec_t now);

// No new sessions from now on.
void relay_drain(struct relay *relay);
// Ends every session with resets; how many. At shutdown.
uint32_t relay_end_all(struct relay *relay, const struct snapshot *snapshot, usec_t now);
void relay_log(struct relay *relay, uint8_t level); // enum session_log_level

// Buffer bytes that one connection may hold, each way: lowered while the worker's buffers are
// scarce, raised again after. 0: the default. Reaches open connections.
void relay_memory_limit(struct relay *relay, uint32_t bytes);

const struct tcp_stats *relay_tcp_stats(const struct relay *relay);
const struct http_stats *relay_http_stats(const struct relay *relay);
const struct h2_stats *relay_h2_stats(const struct relay *relay);
// Pools for node_pool_status. False beyond the last.
bool relay_pool(const struct relay *relay, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water);
