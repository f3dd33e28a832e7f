// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The engine from inside: what its files share. Private to flow/.

#include "core/pool.h"
#include "core/rate.h"
#include "core/wheel.h"
#include "flow/balance.h"
#include "flow/engine.h"
#include "flow/key.h"
#include "flow/port_pool.h"
#include "flow/session.h"
#include "flow/source_limit.h"
#include "flow/table.h"

enum {
	EVENT_SLOTS = 64,        // kinds and subjects whose rate is kept at once
	EVENT_WAYS = 8,          // places where one may be
	ICMP_PER_SECOND = 10000, // errors translated; anyone may claim to be a router
	PORT_POOLS_MAX = 4096,   // (source, target) pairs of one worker
	TIMER_SHIFT = 13,
};

#define SESSION_TIME_WAIT_TIMEOUT (10 * USEC_PER_SECOND)
#define SESSION_RESET_TIMEOUT     (10 * USEC_PER_SECOND)
// Both FINs seen, the last acknowledgement not: RFC 5382 REQ-5 asks for at least four minutes.
#define SESSION_CLOSING_TIMEOUT (240 * USEC_PER_SECOND)
#define SESSION_UDP_UNANSWERED  (10 * USEC_PER_SECOND)

// Sessions by age.
struct session_list {
	uint32_t oldest;
	uint32_t newest;
	uint32_t count;
};

// Events of one kind and subject: at most one a second leaves, with the count of all.
struct event_slot {
	struct worker_event event;
	usec_t next; // when the next one may leave
};

struct flow_engine {
	struct flow_engine_config config;
	struct flow_table table;
	struct pool sessions;
	struct memory timers_memory; // wheel_entry by session index
	struct wheel wheel;
	struct port_pools ports;
	struct source_limit sources;
	struct balance balance;
	struct session_list unanswered;
	struct session_list exchanged; // UDP: a datagram and replies, no more of the client
	struct session_list lingering;
	uint32_t unanswered_limit;
	uint32_t ended;     // sessions that ever ended, to tell a lookup that has gone stale
	uint32_t looked_up; // `ended` as it was at the last bulk lookup
	struct rate icmp;
	bool draining;
	uint8_t log_level; // enum session_log_level
	usec_t events_flushed;
	struct event_slot events[EVENT_SLOTS];
};

// As in pipeline/node.h.
enum {
	FLOW_LOG_OFF = 0,
	FLOW_LOG_CLOSE,
	FLOW_LOG_ALL
};

static inline struct session *engine_session(const struct flow_engine *engine, uint32_t index)
{
	nx_debug_on(index >= engine->sessions.touched);
	// By its type: a constant stride.
	return (struct session *)(void *)engine->sessions.objects + index;
}

// Finds the session and direction of a key as it arrives; FLOW_REFERENCE_NONE if there is none.
uint32_t engine_find(const struct flow_engine *engine, const struct flow_key *key, uint32_t hash);

// create.c: a session for the packet that begins it. FLOW_FORWARD with packet->session set, or the
// verdict with packet->reason; nothing is kept then.
enum flow_verdict session_open(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *packet, const struct tracker_segment *syn, usec_t now);

// source.c: the address and port that a session has toward its target.
struct source {
	struct flow_engine *engine;
	const struct snapshot *snapshot;
	const struct tracker_segment *syn; // the client's; NULL: none
	usec_t now;
	struct flow_key key;      // out: as it leaves, source to target
	struct port_pool *pool;   // out: where the port comes from, NULL: the client's own
	struct port_entry before; // out: what was known of that port
};
enum drop_reason source_take(struct source *s, const struct snapshot_target *target,
	const struct flow_key *client, uint32_t hash, bool keep_client);

// lease.c: the target for a new session by the upstream's rule, or NULL.
const struct snapshot_target *target_choose(struct flow_engine *engine,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct flow_key *client, enum target_family family);

// create.c
// Under a new snapshot: both ends of a session by its routes. What has no route, or no place for
// its next hop, stays as it was.
void session_route(struct flow_engine *engine, const struct snapshot *snapshot, struct session *s);

// A session follows the routes of the snapshot that its packet is judged by; the low bits of the
// snapshot's generation tell which it follows.
static inline bool session_follows(const struct session *s, const struct snapshot *snapshot)
{
	return s->tracker.routed == (uint16_t)snapshot->generation;
}

static inline void session_follow_routes(
	struct flow_engine *engine, const struct snapshot *snapshot, struct session *s)
{
	if (nx_unlikely(!session_follows(s, snapshot)))
		session_route(engine, snapshot, s);
}

// end.c
// Takes a session out of the lists of the unanswered: its target answered, or it is over.
void session_answered(struct flow_engine *engine, struct session *s, usec_t now);
// A reply to a UDP session whose client has not sent since: anyone may have sent the first datagram
// in its name. The session is kept like any other, but gives way to a new one when the table or the
// ports are exhausted; until the client sends again or the target has sent a lot.
void session_replied(struct flow_engine *engine, const struct snapshot *snapshot, struct session *s,
	uint32_t payload, usec_t now);
// A finished session stays to catch stray packets, but lends its port and place to new ones.
void session_linger(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now);
// Ends and frees a session; with resets where an end may still hold the connection.
void session_end(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now);
// An unanswered session gives way to a new one.
void session_evict(struct flow_engine *engine, uint32_t index, usec_t now);
// The target did not take the session: counted once, and told as an event.
void session_connect_failed(struct flow_engine *engine, struct session *s, usec_t now);
// What list, show and the log tell.
void session_describe(const struct flow_engine *engine, uint32_t index, enum session_end end,
	usec_t now, struct session_record *out);
struct port_pool *session_port_pool(struct flow_engine *engine, const struct session *s);

// list.c
void session_list_append(struct flow_engine *engine, struct session_list *list, uint32_t index);
void session_list_remove(struct flow_engine *engine, struct session_list *list, uint32_t index);
void pool_list_append(struct flow_engine *engine, struct port_list *list, uint32_t index);
void pool_list_remove(struct flow_engine *engine, struct port_list *list, uint32_t index);

// expire.c: how long an answered, live session may be silent; UINT64_MAX for ever.
usec_t session_silence_allowed(const struct session *s, const struct snapshot *snapshot);

// notice.c: tells what was held back.
void engine_notices_flush(struct flow_engine *engine, usec_t now);
