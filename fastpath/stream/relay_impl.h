// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The relay from inside: what its files share. Private to stream/.

#include "core/crowd.h"
#include "core/pool.h"
#include "core/rate.h"
#include "core/wheel.h"
#include "stream/probe.h"
#include "stream/relay.h"

enum relay_leg {
	LEG_CLIENT = 0,
	LEG_TARGET
};

// Bits of relay_session.flags. Those of a leg: client's, then target's.
enum {
	RELAY_IS_OPEN = 1u << 0,        // the target answered, and the client is there
	RELAY_HAS_PORT = 1u << 1,       // the lease's port comes from a pool
	RELAY_ON_TARGET = 1u << 2,      // counted among the target's sessions
	RELAY_LIVE = 1u << 3,           // the slot is in use
	RELAY_END = 1u << 4,            // two bits: this leg's peer sends no more
	RELAY_SHUT = 1u << 6,           // two bits: we said the same to this leg's peer
	RELAY_DONE = 1u << 8,           // two bits: and it has acknowledged all
	RELAY_AWAITS_HEADER = 1u << 10, // of the PROXY protocol, from the client
	RELAY_IS_NAMED = 1u << 11,      // such a header named the client: relay.names
	RELAY_IS_TRANSPARENT = 1u << 12,
	RELAY_IS_ANSWERED = 1u << 13, // transparent: the target answered, and so did we
	RELAY_IS_CLOSING = 1u << 14,  // both peers have ended: what is under way has its time
	RELAY_IS_MIRRORED = 1u << 15, // the target's until the client has proved itself
	RELAY_IS_HTTP = 1u << 16,     // its requests are read: stream/gateway.c has it
	RELAY_IS_LIMITED = 1u << 17,  // what passes is bounded: relay.limits
	RELAY_IS_UNTOLD = 1u << 18,   // of HTTP, whose version its first bytes will say
	RELAY_IS_FRAMED = 1u << 19,   // of HTTP/2: stream/framed.c has it
	RELAY_IS_STREAM = 1u << 20,   // one of its streams: no connection to a client of its own
	RELAY_IS_PARKED = 1u << 21,   // a target's connection that is idle: stream/parked.c has it
	RELAY_IS_LEFT = 1u << 22,     // its client gave up: what the target still says is nobody's
	RELAY_IS_STRANGER = 1u << 23, // counted by stream/strangers.c
	RELAY_SECURE = 1u << 24,      // two bits: this leg has a layer (stream/secure.h)
	RELAY_AWAITS_KEYS = 1u << 26, // two bits: whose handshake is under way
	RELAY_BROKEN = 1u << 28,      // a layer found its stream broken
};
static_assert(
	__builtin_popcount(RELAY_IS_OPEN | RELAY_HAS_PORT | RELAY_ON_TARGET | RELAY_LIVE |
			   3 * RELAY_END | 3 * RELAY_SHUT | 3 * RELAY_DONE | RELAY_AWAITS_HEADER |
			   RELAY_IS_NAMED | RELAY_IS_TRANSPARENT | RELAY_IS_ANSWERED |
			   RELAY_IS_CLOSING | RELAY_IS_MIRRORED | RELAY_IS_HTTP | RELAY_IS_LIMITED |
			   RELAY_IS_UNTOLD | RELAY_IS_FRAMED | RELAY_IS_STREAM | RELAY_IS_PARKED |
			   RELAY_IS_LEFT | RELAY_IS_STRANGER | 3 * RELAY_SECURE |
			   3 * RELAY_AWAITS_KEYS | RELAY_BROKEN) == 29,
	"no two flags share a bit");

// Whether the client waits for the target to answer.
static inline bool awaits_target(uint32_t flags)
{
	return !(flags & (RELAY_IS_OPEN | RELAY_IS_ANSWERED));
}

static inline uint32_t leg_flag(uint32_t flag, unsigned int leg)
{
	return flag << leg;
}

// Whether neither peer sends any more.
static inline bool has_ended(uint32_t flags)
{
	return (~flags & (RELAY_END | RELAY_END << 1)) == 0;
}

// Whether the two legs are held for a handshake over both.
static inline bool is_mirroring(uint32_t flags)
{
	return (flags & RELAY_IS_MIRRORED) && (flags & leg_flag(RELAY_AWAITS_KEYS, LEG_CLIENT));
}

// One session: two cache lines. Its first word is the pool's while it is free.
struct nx_aligned_line relay_session {
	uint32_t acknowledged;  // by both peers together, modulo 2^32, when last looked at
	uint32_t connection[2]; // TCP_NONE: none
	uint32_t flags;
	uint64_t bytes[2];  // payload received on a leg and queued for the other
	usec_t heard;       // when payload last moved
	struct flow_key to; // the target leg as it leaves
	struct wheel_entry timer;
	uint16_t listener; // slots
	uint16_t upstream;
	uint16_t target;
	uint8_t tries;
	uint8_t header; // bytes of a PROXY protocol header of ours at the front of `preface`
	uint32_t generation : 24; // counts uses of this index
	uint32_t handshakes : 8;  // begun so far, modulo 256: a part of their names
	usec_t opened;
	uint32_t buffers[2];    // received on a leg, modulo 2^32
	struct buffer *preface; // sent before the client's payload; NULL: nothing
};
static_assert(sizeof(struct relay_session) == 128);

// Who a session's client is, where that is not the peer of its connection.
struct relay_name {
	struct ip_address address;
	be16 port;
};

// One way of a session that is bounded (stream/limit.h). While nothing waits, due is UINT64_MAX.
struct relay_limit {
	struct rate rate; // per_second 0: no bound
	uint32_t after;   // bytes that pass before it
	bool is_counted;
	usec_t due;
};

struct relay_limits {
	struct relay_limit way[2]; // by the leg that it comes from
};

// What a session of HTTP/2 has beside, or one of its streams.
struct relay_framed {
	struct h2_connection *connection;
	struct h2_stream *stream;
	uint32_t client; // session that a stream is of
	uint32_t next;   // in the list of those that have something to do
	bool is_listed;
	bool is_leaving; // its connection ends
	bool is_busy;    // member of those that have streams, not of those that have none
	struct crowd_member member;
};

// A target's connection that waits for the next request to its upstream.
struct relay_parked {
	uint64_t terms; // by what it was made
	usec_t since;
	uint32_t next;
	uint32_t previous;
	uint32_t newer, older; // of all upstreams
};

// Those of one upstream, the last that was parked first.
struct relay_parking {
	uint32_t first; // index + 1, 0: none
	uint32_t count;
};

// Sessions that are a REALITY target's (stream/strangers.h). Places exist where a leg can be
// secured.
struct relay_strangers {
	struct crowd *crowd;
	struct memory memory;
	struct crowd_member *members; // by session index; pages come with use
	uint32_t most;                // at once, and of one source
	uint32_t most_of_source;
	uint32_t high_water;
};

// What connections differ in by listener, upstream and port.
struct relay_kind {
	uint16_t mtu;
	uint8_t congestion; // enum tcp_congestion
	uint8_t look;       // enum tcp_look
	bool transparent;
	bool ecn;
	bool says_hello;      // the peer's first words are a TLS hello, and we answer it
	uint32_t keepalive_s; // 0: none
	uint32_t user_timeout_s;
	uint32_t memory; // buffer bytes each way at most, 0: the default
};

struct relay {
	struct relay_config config;
	struct tcp_engine *tcp;
	struct pool sessions;
	struct memory names_memory;
	struct relay_name *names; // by session index; pages come with use
	struct memory limits_memory;
	struct relay_limits *limits; // likewise
	struct relay_strangers strangers;
	struct http_gateway *gateway;
	struct h2_engine *h2;
	struct memory framed_memory;
	struct crowd *framed_idle;
	struct crowd *framed_busy;
	struct relay_framed *framed; // by session index; pages come with use
	struct memory parked_memory;
	struct relay_parked *parked; // by session index; pages come with use
	struct memory parking_memory;
	struct relay_parking *parking; // by upstream
	uint32_t parking_upstreams;    // that have some
	uint32_t parked_count;
	uint32_t parked_oldest, parked_newest; // index + 1, 0: none
	uint32_t framed_first;                 // of the list, POOL_NONE: empty
	uint32_t framed_last;
	struct secure *secure; // secured legs (stream/secure.h); NULL: there can be none
	struct relay_probes probes;
	struct wheel wheel;
	const struct snapshot *snapshot; // while a call lasts
	usec_t now;
	uint64_t seen;         // generation of the snapshot that was looked through for that
	uint32_t swept;        // sessions looked at
	uint32_t memory_limit; // of a connection, each way, whatever its kind says; 0: none
	uint16_t profile_count;
	bool draining;
	bool is_behind;   // events or packets wait for the next turn
	bool is_sweeping; // relay_gateway_sweep has sessions left to look at
	uint8_t log_level;
	struct relay_kind profiles[TCP_PROFILES_MAX];
};

// The context of a connection: a session's leg, or what a listener offered.
#define CONTEXT_IS_OFFER (UINT64_C(1) << 63)

static inline uint64_t leg_context(uint32_t index, unsigned int leg)
{
	return (uint64_t)index << 1 | leg;
}

static inline uint64_t offer_context(const struct snapshot_listener *l)
{
	return CONTEXT_IS_OFFER | (uint64_t)l->generation << 16 | l->slot;
}

static inline struct relay_session *session_at(const struct relay *r, uint32_t index)
{
	nx_debug_on(index >= r->sessions.touched);
	return (struct relay_session *)(void *)r->sessions.objects + index;
}

static inline uint32_t session_index(const struct relay *r, const struct relay_session *s)
{
	return (uint32_t)(((const uint8_t *)s - r->sessions.objects) / sizeof(*s));
}

// relay.c: the number of the engine's profile for a kind.
uint16_t relay_profile(struct relay *r, const struct relay_kind *kind);

// session.c
// A session for a client's connection; NULL, and the connection reset, when there can be none.
struct relay_session *relay_session_accept(struct relay *r, uint32_t connection, uint64_t offer);
// The client's header may have come: reads it, and goes on to the target.
void relay_session_header(struct relay *r, struct relay_session *s);
// Ends a session: connections that are still its own are reset if `reset`, else closed.
void relay_session_end(struct relay *r, struct relay_session *s, enum session_end why, bool reset);
// Transparent: the target answered its SYN, so the client's is answered likewise; a target that
// refused is passed on as a refusal.
void relay_session_answer(struct relay *r, struct relay_session *s);
void relay_session_refusal(struct relay *r, struct relay_session *s);

// What a session is of in the snapshot, NULL when that is gone; its client's connection as its
// packets arrive.
const struct snapshot_listener *relay_session_listener(
	const struct relay *r, const struct relay_session *s);
const struct snapshot_upstream *relay_session_upstream(
	const struct relay *r, const struct relay_session *s);
struct flow_key relay_session_client(const struct relay *r, const struct relay_session *s);
// The same, with the source that a PROXY protocol header named instead of the connection's peer:
// whom the balance rule and the bounds of handshakes are about.
struct flow_key relay_session_announced(const struct relay *r, const struct relay_session *s);
// Ends a session that has not reached its target.
void relay_session_refuse(struct relay *r, struct relay_session *s, enum drop_reason reason);
// Both connections of a mirrored session are open: its handshake may begin. False: it is not to.
bool relay_session_mirror(struct relay *r, struct relay_session *s);
// A session of a stream of a client's: NULL, there is no room.
struct relay_session *relay_session_add_stream(struct relay *r, const struct relay_session *client);
// One that a target's connection may be parked in: NULL, there is no room.
struct relay_session *relay_session_add_parked(struct relay *r);
// A leg's handshake gave keys: on to the target. announced: whom the session is for.
void relay_session_secured(struct relay *r, struct relay_session *s, unsigned int leg,
	const struct flow_key *announced);
// It gave none: the leg's peer has been sent what it is to know of it. why: SESSION_END_CLOSED by
// the peer's doing, _UNTRUSTED, _UNANSWERED, or _REFUSED and _EVICTED by ours.
void relay_session_keys_missing(
	struct relay *r, struct relay_session *s, unsigned int leg, enum session_end why);
// The connection of a leg, if there is one, is no longer the session's: reset, or closed.
void relay_session_let_go(struct relay *r, struct relay_session *s, unsigned int leg, bool reset);

// session_target.c
// Begins to connect to a target of the upstream. announced: whom the session is for.
enum drop_reason relay_session_connect(struct relay *r, struct relay_session *s, uint16_t upstream,
	const struct flow_key *announced);
// Lets the target's connection go, if there is one, and the session can have another.
void relay_session_disconnect(struct relay *r, struct relay_session *s, bool reset);
// The target did not take the connection, or did not answer: another, or the end.
void relay_session_connect_failed(struct relay *r, struct relay_session *s, enum session_end why);
// The target's connection is closed, and its place free.
void relay_session_target_leave(struct relay *r, struct relay_session *s);
// The target is of no use: another one, or the end.
void relay_session_try_another(struct relay *r, struct relay_session *s, enum session_end why);
// One try: takes a source port and sends a SYN. announced: who the client is, for the balance rule.
// failed: the target that another is to stand in for, SLOT_NONE for none.
enum drop_reason relay_session_try(struct relay *r, struct relay_session *s,
	const struct flow_key *announced, uint16_t failed);
// What the target has of a connection that both sides have closed. The side that closed first is in
// TIME-WAIT; where the two FINs crossed, both are, which is not told from ours alone.
struct flow_past relay_session_past(const struct relay *r, const struct relay_session *s);
// The session's place at its target is free, and its source port, which keeps that past.
void relay_session_target_give_back(
	struct relay *r, struct relay_session *s, const struct flow_past *past);
// The target's connection of one session becomes that of another, which has none.
void relay_session_target_move(
	struct relay *r, struct relay_session *from, struct relay_session *to);

// session_timer.c
void relay_session_timer(struct relay *r, uint32_t index);
// Both sides have closed: what is under way has its time from now on.
void relay_session_closing(struct relay *r, struct relay_session *s);
// How long nothing may move, by the session's state; UINT64_MAX for ever.
usec_t relay_session_silence_allowed(const struct relay *r, const struct relay_session *s);

// origin.c
// The target's connection is established: begins the handshake with it. False: it is spoken to in
// the clear.
bool relay_origin_begin(struct relay *r, struct relay_session *s);
// There are keys.
void relay_origin_secured(struct relay *r, struct relay_session *s);
// There will be none.
void relay_origin_failed(struct relay *r, struct relay_session *s, enum session_end why);

// gateway.c: sessions with RELAY_IS_HTTP.
[[nodiscard]] int relay_gateway_create(struct relay *r);
void relay_gateway_begin(
	struct relay *r, struct relay_session *s, const struct flow_key *announced);
// Does what can be done after an event; the session may be over then.
void relay_gateway_run(struct relay *r, struct relay_session *s);
void relay_gateway_opened(struct relay *r, struct relay_session *s);
void relay_gateway_failed(struct relay *r, struct relay_session *s, unsigned int leg, int error);
// No target took the connection, all tries together.
void relay_gateway_unreached(struct relay *r, struct relay_session *s, enum session_end why);
// The target's secured stream broke, and its connection is let go.
void relay_gateway_target_broke(struct relay *r, struct relay_session *s);
void relay_gateway_timer(struct relay *r, struct relay_session *s);
// The snapshot is another, or the node drains: clients of listeners that close, and have no request
// under way, are to go. They hear it from _sweep, some in a turn.
void relay_gateway_changed(struct relay *r);
void relay_gateway_sweep(struct relay *r);
void relay_gateway_end(struct relay *r, struct relay_session *s);

// What came of a client's connection and left it, counted.
void relay_gateway_send(
	struct relay *r, struct relay_session *s, unsigned int leg, struct buffer *chain);

// framed.c: sessions with RELAY_IS_UNTOLD, _FRAMED and _STREAM.
[[nodiscard]] int relay_framed_create(struct relay *r);
void relay_framed_destroy(struct relay *r);
// A client's session has something to do at the end of this turn.
void relay_framed_list(struct relay *r, struct relay_session *s);
// Does it, and sends.
void relay_framed_run(struct relay *r);
// The same for one session now: it has a share of the turn that it had not before.
void relay_framed_go_on(struct relay *r, struct relay_session *s);
void relay_framed_timer(struct relay *r, struct relay_session *s);
void relay_framed_end(struct relay *r, struct relay_session *s);
// Whose connection a session's client speaks over.
struct relay_session *relay_framed_client(const struct relay *r, const struct relay_session *s);
struct h2_stream *relay_framed_stream(const struct relay *r, const struct relay_session *s);

// parked.c: target's connections between two requests, for clients of HTTP.
[[nodiscard]] int relay_parked_create(struct relay *r);
void relay_parked_destroy(struct relay *r);
// The session's target's connection, made by these terms. False: it is to stay.
bool relay_park(struct relay *r, struct relay_session *s, uint64_t terms);
// The one that was parked last becomes the session's. False: there is none.
bool relay_unpark(struct relay *r, struct relay_session *s, const struct snapshot_upstream *u,
	uint64_t terms, bool is_fresh);
void relay_parked_event(struct relay *r, struct relay_session *s, uint16_t events);
void relay_parked_timer(struct relay *r, struct relay_session *s);
// It ends: out of the list.
void relay_parked_end(struct relay *r, struct relay_session *s);
// Ends the one that was parked first, for who needs a session. False: there is none.
bool relay_parked_give_way(struct relay *r);
// gateway.c: what a connection to a target is made by: another configuration makes others.
uint64_t relay_gateway_terms(const struct snapshot_upstream *u);

// preface.c
enum preface_verdict {
	PREFACE_READY,
	PREFACE_WAIT,
	PREFACE_BAD
};
// Takes the client's PROXY protocol header off what it sent; *announced is changed if it names a
// connection.
enum preface_verdict relay_preface_read(
	struct relay *r, struct relay_session *s, struct flow_key *announced);
// Puts a header of this version (0: none) before what is held. False: no buffer.
bool relay_preface_write(struct relay *r, struct relay_session *s, unsigned int version,
	const struct flow_key *announced);
void relay_preface_clear(struct relay *r, struct relay_session *s);

// pump.c
void relay_session_event(struct relay *r, const struct tcp_event *event);
// Moves payload from leg `from` to the other as far as both can.
void relay_session_pump(struct relay *r, struct relay_session *s, unsigned int from);
// Both sides are there: what waits for the target goes, and payload moves from now on.
void relay_session_opened(struct relay *r, struct relay_session *s);

// A leg's peer hears that nothing follows, in the way in which the other leg's said so.
void relay_session_shut(struct relay *r, struct relay_session *s, unsigned int to);
// Whether our FIN on a leg has been acknowledged, with all before it.
void relay_session_note_sent(struct relay *r, struct relay_session *s, unsigned int leg);
// Counts what went from leg `from` to the other.
void relay_session_moved(struct relay *r, struct relay_session *s, unsigned int from,
	uint32_t bytes, uint32_t buffers);

// request.c
void relay_session_describe(const struct relay *r, const struct relay_session *s,
	enum session_end end, struct session_record *out);
