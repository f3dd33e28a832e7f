// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The layer between a leg's connection and the payload of its session. A raw leg has none: its
// bytes are the connection's. A secured one begins with a handshake, which the slow path does
// (slowpath/msg.h), and then speaks TLS records (tls/record.h). The rest of the relay moves payload
// through leg_receive and leg_send and knows no difference. Private to stream/.

#include "stream/relay_impl.h"

struct secure;

enum {
	SECURE_PIECE = 65536, // bytes moved at a time: what comes behind them stays in its window
};

// Tables for the legs that may be secured at once, and what sealing needs. -ENOMEM, or what locked
// memory and the crypto library answer.
[[nodiscard]] int secure_create(struct relay *r, struct secure **out);
void secure_destroy(struct secure *secure); // NULL is allowed

// Begins a handshake on a leg whose connection is established; first: what has been received of it
// already, NULL for nothing, taken in every case. announced: given back when the keys are there.
// False: there is no room for another secured leg.
bool secure_begin(struct relay *r, struct relay_session *s, unsigned int leg, uint32_t profile,
	struct buffer *first, const struct flow_key *announced);
// Begins a handshake over both legs of a session whose connections are open: until it gives keys,
// the client gets the target's bytes, in part replaced, and the target the client's. False: there
// is no room, and the session is no longer to be mirrored.
bool secure_mirror_begin(struct relay *r, struct relay_session *s, uint32_t profile,
	const struct flow_key *announced);
// The mirrored session's time is over, or one of its connections failed: all that is held goes on,
// and it is the target's from now on. The timer's: false when nothing is wrong.
bool secure_mirror_timer(struct relay *r, struct relay_session *s);
void secure_splice(struct relay *r, struct relay_session *s);
// A leg that is secured, whose handshake is over, becomes that of another session.
void secure_move(
	struct relay *r, struct relay_session *from, struct relay_session *to, unsigned int leg);
// Whether something of a leg waits to be sealed or told: not a moment to move it.
bool secure_is_busy(const struct relay *r, const struct relay_session *s, unsigned int leg);
// Whether bytes of the leg's peer wait that made no payload yet: half a record, or a whole one that
// found no buffer.
bool secure_has_input(const struct relay *r, const struct relay_session *s, unsigned int leg);
// The leg goes: forgets and wipes all about it. Harmless on a raw one.
void secure_end(struct relay *r, struct relay_session *s, unsigned int leg);

// What happened to a leg's connection while it awaits keys.
void secure_handshake_event(
	struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events);
// The time of a leg's handshake is over, which ends behind this: asks its thread whether it answers
// at all.
void secure_unanswered(struct relay *r, struct relay_session *s, unsigned int leg);
// The slow path's answers, and legs that could not do all they had to. At most so many of each.
void secure_run(struct relay *r, uint32_t budget);
// Whether secure_run has something to do.
bool secure_has_work(const struct relay *r);
// Begins a share of a turn's work with records for one direction of a session; whether any of it is
// left. Once it is not, the session goes on in a later turn, after others'.
void secure_share_begin(struct relay *r);
bool secure_share_lasts(struct relay *r, struct relay_session *s);
// The same for a session that may be run within another's share and may get a secured leg only
// then: what is left of the outer one, to be given back. Harmless where no leg can be secured.
uint32_t secure_share_nest(struct relay *r);
void secure_share_back(struct relay *r, uint32_t outer);
// For whom has no secured leg yet.
bool secure_share_is_left(const struct relay *r);
// The end of a turn: wakes threads of the slow path that were given something.
void secure_flush(struct relay *r);
// Whether a leg's layer found its stream broken.
bool secure_is_broken(const struct relay *r, const struct relay_session *s, unsigned int leg);
// Ends a session whose leg broke (RELAY_BROKEN): the peer gets the alert that it is owed and a FIN,
// the other side a reset. An HTTP session loses its target only, if the client's leg is whole.
void secure_break(struct relay *r, struct relay_session *s);

// Has on its way what records of a session will need: its secured legs, and, when these are there,
// the keys for what one leg's peer sent.
void secure_prefetch(const struct relay *r, const struct relay_session *s);
void secure_prefetch_keys(const struct relay *r, const struct relay_session *s, unsigned int from);

// What the leg's handshake agreed; zeroed where it has none, or none yet.
void secure_describe(const struct relay *r, const struct relay_session *s, unsigned int leg,
	struct session_security *out);

// What it named, likewise.
void secure_names(const struct relay *r, const struct relay_session *s, unsigned int leg,
	struct session_names *out);

// Gives away what was received on a connection and will not be read: unread, it would have a close
// become a reset, which overtakes what was sent.
void secure_discard(struct relay *r, uint32_t connection);

// As the functions of tcp/tcp.h, for a secured leg.
struct buffer *secure_receive(
	struct relay *r, struct relay_session *s, unsigned int leg, uint32_t max);
void secure_send(struct relay *r, struct relay_session *s, unsigned int leg, struct buffer *chain,
	uint32_t flags);
uint32_t secure_room(struct relay *r, struct relay_session *s, unsigned int leg);
void secure_shutdown(struct relay *r, struct relay_session *s, unsigned int leg);
// The connection's peer sent its FIN.
void secure_connection_end(struct relay *r, struct relay_session *s, unsigned int leg);

static inline bool leg_is_secure(const struct relay_session *s, unsigned int leg)
{
	return s->flags & leg_flag(RELAY_SECURE, leg);
}

static inline bool session_has_layers(const struct relay_session *s)
{
	return s->flags & (leg_flag(RELAY_SECURE, LEG_CLIENT) | leg_flag(RELAY_SECURE, LEG_TARGET));
}

// Payload that the leg's peer sent, at most about max bytes; NULL when there is none now.
static inline struct buffer *leg_receive(
	struct relay *r, struct relay_session *s, unsigned int leg, uint32_t max)
{
	if (nx_unlikely(leg_is_secure(s, leg)))
		return secure_receive(r, s, leg, max);
	return tcp_receive(r->tcp, s->connection[leg], max, r->now);
}

// Whether payload is there that leg_receive has not given yet. A secured leg's end is known only
// behind its last payload.
static inline bool leg_has_payload(
	const struct relay *r, const struct relay_session *s, unsigned int leg)
{
	return !leg_is_secure(s, leg) && tcp_receive_ready(r->tcp, s->connection[leg]) > 0;
}

// Payload bytes that the leg takes now.
static inline uint32_t leg_room(struct relay *r, struct relay_session *s, unsigned int leg)
{
	if (nx_unlikely(leg_is_secure(s, leg)))
		return secure_room(r, s, leg);
	return tcp_send_room(r->tcp, s->connection[leg]);
}

// Queues payload for the leg's peer. Takes the chain; refused only when the connection has failed,
// whose event is on its way.
static inline void leg_send(struct relay *r, struct relay_session *s, unsigned int leg,
	struct buffer *chain, uint32_t flags)
{
	if (nx_unlikely(leg_is_secure(s, leg)))
		secure_send(r, s, leg, chain, flags);
	else
		(void)tcp_send(r->tcp, s->connection[leg], chain, flags, r->now);
}

// Tells the leg's peer that nothing follows.
static inline void leg_shutdown(struct relay *r, struct relay_session *s, unsigned int leg)
{
	if (nx_unlikely(leg_is_secure(s, leg)))
		secure_shutdown(r, s, leg);
	else
		tcp_shutdown(r->tcp, s->connection[leg], r->now);
}
