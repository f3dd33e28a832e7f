// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A secured leg from inside: for secure*.c.

#include <sys/queue.h>

#include "core/crowd.h"
#include "core/memory.h"
#include "crypto/secret.h"
#include "slowpath/msg.h"
#include "stream/hello.h"
#include "stream/leg_names.h"
#include "stream/secure.h"
#include "tls/record.h"

enum secure_state {
	SECURE_HANDSHAKE = 0,
	SECURE_OPEN,
};

// What a leg has besides while it is mirrored: bytes at held's front that are ours already, the
// target's; that the target has already, the client's; and of the client's stream those that its
// hello is made of, as far as it has come, and those that may go on when the target takes them.
// Times are the client's, too, and 0 while they do not matter.
struct secure_mirror {
	uint64_t granted; // offset
	usec_t finish_by; // no later are there keys, or it is the target's
	usec_t answer_by; // nor the slow path's word on what is held of it
	usec_t armed;     // the earlier of the two
	uint32_t replaced;
	uint32_t ahead;
	uint32_t framed;
	struct hello_frame hello;
	bool is_left; // the target's: what is not replaced of it goes to nobody
};

// Lives in locked memory. While the handshake lasts there are no records; after it, nothing is
// held.
struct secure_leg {
	union {
		struct tls_records records;
		struct secure_mirror mirror;
	};
	union {
		struct {
			struct tls_queue held;      // received, not known to be done with
			struct crowd_member member; // see struct secure
		};
		uint8_t resumption[SLOW_SECRET_BYTES]; // to come back with to the target
	};
	struct buffer *unsent; // payload that sealing found no buffer for
	struct flow_key announced;
	struct relay_session *session;
	TAILQ_ENTRY(secure_leg) behind; // while is_behind
	struct slow_link *link;
	uint32_t profile; // who we are in it
	uint64_t name;    // of the handshake, to the slow path
	uint64_t base;    // offset of held's first byte in the stream
	uint64_t passed;  // offset up to which the slow path has it
	uint16_t mss;     // payload of a segment: sizes records
	uint8_t state;    // enum secure_state
	uint8_t leg;
	uint8_t broken;                 // enum tls_verdict, when RELAY_BROKEN
	bool is_behind;                 // has something left to do that no event will bring about
	bool is_mirrored;               // one of two that are held, see secure_mirror.c
	bool is_opened;                 // the slow path has been told of it
	bool input_ended;               // FIN of the peer
	bool end_passed;                // and the slow path knows
	bool shut_wanted;               // close_notify follows what is unsent
	bool is_answered;               // the slow path had something to say to its peer
	uint8_t resumption_length;      // 0: its tickets are nobody's
	uint8_t tickets;                // that were passed on
	struct session_security agreed; // version 0 until there are keys
	uint32_t names;                 // number of what the handshake named
};
// A session with a leg of this kind holds 2 KiB while it is idle, with two 2.5 KiB.
static_assert(sizeof(struct secure_leg) <= 512);

enum {
	// What a record costs at least, in bytes of a long one.
	RECORD_COST = 2048,
	// Bytes of records that a session may have opened or sealed each way before others have
	// their turn, and those of all sessions before packets are looked at again.
	SHARE_BYTES = 64 * RECORD_COST,
	TURN_BYTES = 8 * SHARE_BYTES,
};

struct secure {
	struct tls_context tls;
	// Handshakes: those give way for a new leg first whose peers have said too little to be
	// answered.
	struct crowd *unanswered;
	struct crowd *answered;
	uint32_t turn_left; // of TURN_BYTES
	uint32_t share_left;
	struct secret_pool *pool;
	struct memory legs_memory;
	struct secure_leg **legs; // of session index * 2 + leg
	struct leg_names *names;
	TAILQ_HEAD(secure_legs, secure_leg) behind;
	bool wake[SLOW_THREADS_MAX];
};

static inline struct secure_leg *secure_at(
	const struct relay *r, const struct relay_session *s, unsigned int leg)
{
	return r->secure->legs[2 * (size_t)session_index(r, s) + leg];
}

// The leg has something left to do in a later turn.
static inline void secure_defer(struct relay *r, struct secure_leg *l)
{
	if (!l->is_behind)
		TAILQ_INSERT_TAIL(&r->secure->behind, l, behind);
	l->is_behind = true;
}

static inline void secure_work_done(struct relay *r, uint32_t bytes)
{
	r->secure->turn_left -= u32_min(r->secure->turn_left, bytes);
	r->secure->share_left -= u32_min(r->secure->share_left, bytes);
}

// How a leg's version is counted in worker_stats.
static inline unsigned int secure_version_index(const struct secure_leg *l)
{
	return l->agreed.version == TLS_VERSION_1_3;
}

// secure_records.c: the handshake gave keys. False: the record layer does not have the suite.
bool secure_records_begin(struct relay *r, struct secure_leg *l, const struct slow_keys *keys);
// Seals and sends what waits. What it cannot do now it defers.
void secure_catch_up(struct relay *r, struct secure_leg *l);
// secure.c: a leg with a layer, whose handshake is to begin. NULL: there is no room for another.
struct secure_leg *secure_leg_add(struct relay *r, struct relay_session *s, unsigned int leg);

// secure_handshake.c: whom the handshake is for, and with what profile.
void secure_handshake_name(
	struct relay *r, struct secure_leg *l, uint32_t profile, const struct flow_key *announced);
// Takes what was received, and hands it over; both in one.
void secure_handshake_hold(struct relay *r, struct secure_leg *l);
void secure_handshake_tell(struct relay *r, struct secure_leg *l);
void secure_handshake_go_on(struct relay *r, struct secure_leg *l);
// The slow path's answer to a handshake that goes on.
void secure_handshake_answer(struct relay *r, struct secure_leg *l, const struct slow_message *m);
// There are keys, and the first bytes of what is held were the handshake's: on to the target.
void secure_handshake_done(
	struct relay *r, struct secure_leg *l, const struct slow_keys *keys, uint32_t used);
// Passes on what a server sent to be resumed with. Where it is too long, or there is no room for it
// now, nobody comes back with it.
void secure_handshake_ticket(struct relay *r, struct secure_leg *l, const struct buffer *messages);
// Its peer has said enough to be answered: others give way before it.
void secure_handshake_note_answered(struct relay *r, struct secure_leg *l);
// Tells the slow path that the session is over. Should the ring be full, it forgets by itself.
void secure_handshake_close(struct relay *r, struct secure_leg *l);

// secure_mirror.c: events and answers of a session whose two legs are mirrored, and what both have
// left to do. The session may be the target's after.
void secure_mirror_go_on(struct relay *r, struct relay_session *s);
void secure_mirror_event(
	struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events);
void secure_mirror_answer(struct relay *r, struct relay_session *s, const struct slow_message *m);
