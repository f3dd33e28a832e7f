// SPDX-License-Identifier: BSD-3-Clause
// Sessions that are the target's until their client has proved itself (REALITY). Both connections
// are open; what comes is held and copied to the slow path, which says what goes on as it came and
// what of the target's is replaced, byte for byte. So at any time the two can be joined, and the
// peers notice nothing: not what we are, nor that we are there. The client's hello, which is the
// target's to answer whoever sent it, waits for nobody.
#include "stream/limit.h"
#include "stream/secure_impl.h"
#include "stream/strangers.h"

// The slow path's word on what a stranger says takes no longer, or the client gets the target: it
// must not be kept waiting because many others knock.
#define PATIENCE (USEC_PER_SECOND)

static struct secure_leg *client_of(const struct relay *r, const struct relay_session *s)
{
	return secure_at(r, s, LEG_CLIENT);
}

static struct secure_leg *target_of(const struct relay *r, const struct relay_session *s)
{
	return secure_at(r, s, LEG_TARGET);
}

bool secure_mirror_begin(struct relay *r, struct relay_session *s, uint32_t profile,
	const struct flow_key *announced)
{
	struct secure_leg *client = secure_leg_add(r, s, LEG_CLIENT);
	struct secure_leg *target = client ? secure_leg_add(r, s, LEG_TARGET) : NULL;

	if (!target) {
		secure_end(r, s, LEG_CLIENT);
		s->flags &= ~(uint32_t)RELAY_IS_MIRRORED;
		return false;
	}
	secure_handshake_name(r, client, profile, announced);
	target->link = client->link;
	target->name = client->name;
	client->is_mirrored = target->is_mirrored = true;
	// What ended while the legs were raw.
	for (unsigned int leg = 0; leg < 2; leg++) {
		secure_at(r, s, leg)->input_ended = s->flags & leg_flag(RELAY_END, leg);
		s->flags &= ~leg_flag(RELAY_END, leg);
	}
	secure_mirror_event(r, s, LEG_TARGET, 0);
	return true;
}

// The first n bytes of what a leg holds go to the other one's peer. Where they end within a buffer,
// that piece is a segment of its own. False: no buffer for it.
static bool pass(struct relay *r, struct secure_leg *from, uint32_t n)
{
	struct relay_session *s = from->session;
	uint32_t whole = 0;

	for (const struct buffer *b = from->held.head; b && whole + b->length <= n; b = b->next)
		whole += b->length;
	for (int part = 0; part < 2; part++) {
		uint32_t length = part == 0 ? whole : n - whole;
		struct tls_queue front = {0};

		if (length == 0)
			continue;
		if (!tls_queue_cut(&from->held, length, r->config.buffers, &front))
			return false;
		from->base += length;
		relay_session_moved(r, s, from->leg, length, front.buffers);
		(void)tcp_send(r->tcp, s->connection[!from->leg], tls_queue_chain(&front),
			part == 0 ? TCP_SEND_SEGMENTS : 0, r->now);
	}
	return true;
}

// b's n bytes from an offset on, in a buffer of their own that ends the same segment.
static struct buffer *copy_of(struct relay *r, const struct buffer *b, uint32_t offset, uint32_t n)
{
	struct buffer *copy = r->config.buffers->get(r->config.buffers, n);

	if (!copy)
		return NULL;
	copy->length = (uint16_t)n;
	copy->total_length = n;
	memcpy(buffer_data(copy), buffer_data(b) + offset, n);
	memcpy(copy->state, b->state, sizeof(copy->state));
	return copy;
}

// What comes when there is none stays in the client's window, until the target has room again.
static bool target_has_room(struct relay *r, const struct secure_leg *client)
{
	return tcp_send_room(r->tcp, client->session->connection[LEG_TARGET]) > 0;
}

// The target gets what it has not of the client's hello, as far as it takes it. The slow path's
// copy is still held until it says so. False: no buffer for it.
static bool hello_pass(struct relay *r, struct secure_leg *client)
{
	uint32_t skip = client->mirror.ahead;

	for (const struct buffer *b = client->held.head;
		b && target_has_room(r, client) &&
		client->base + client->mirror.ahead < client->mirror.framed;
		b = b->next) {
		uint32_t n =
			(uint32_t)(client->mirror.framed - client->base) - client->mirror.ahead;
		struct buffer *copy;

		if (skip >= b->length) {
			skip -= b->length;
			continue;
		}
		n = u32_min(n, b->length - skip);
		copy = copy_of(r, b, skip, n);
		if (!copy)
			return false;
		skip = 0;
		client->mirror.ahead += n;
		relay_session_moved(r, client->session, LEG_CLIENT, n, 1);
		(void)tcp_send(r->tcp, client->session->connection[LEG_TARGET], copy,
			TCP_SEND_SEGMENTS, r->now);
	}
	return true;
}

// The slow path is done with n bytes that the target has already.
static void ahead_drop(struct relay *r, struct secure_leg *client, uint32_t n)
{
	tls_queue_drop_front(&client->held, n, r->config.buffers);
	client->base += n;
	client->mirror.ahead -= n;
}

// The target gets what may go on of the client's, as far as it takes it. False: no buffer for it.
static bool granted_pass(struct relay *r, struct secure_leg *client)
{
	while (client->base < client->mirror.granted) {
		uint32_t n = (uint32_t)(client->mirror.granted - client->base);

		if (client->mirror.ahead > 0)
			ahead_drop(r, client, u32_min(n, client->mirror.ahead));
		else if (!target_has_room(r, client))
			break;
		else if (!pass(r, client, u32_min(n, client->held.head->length)))
			return false;
	}
	return true;
}

// Looks at what was received for the hello's end.
static void hello_frame(struct secure_leg *client)
{
	uint64_t skip = client->mirror.framed - client->base;

	for (const struct buffer *b = client->held.head;
		b && client->mirror.hello.verdict == HELLO_PART; b = b->next) {
		if (skip >= b->length) {
			skip -= b->length;
			continue;
		}
		client->mirror.framed += hello_take(
			&client->mirror.hello, buffer_data(b) + skip, b->length - (uint32_t)skip);
		skip = 0;
	}
}

void secure_splice(struct relay *r, struct relay_session *s)
{
	struct secure_leg *target = target_of(r, s);
	struct buffer *held[2];
	uint32_t buffers[2], bytes[2];

	// The client has given up: what the target says to that is not for it, now or later.
	if (target->mirror.is_left) {
		tls_queue_drop_back(&target->held, target->held.bytes - target->mirror.replaced,
			r->config.buffers);
		s->flags |= RELAY_IS_LEFT;
	}
	for (unsigned int leg = 0; leg < 2; leg++) {
		struct secure_leg *l = secure_at(r, s, leg);

		ahead_drop(r, l, l->mirror.ahead);
		bytes[leg] = l->held.bytes;
		buffers[leg] = l->held.buffers;
		held[leg] = tls_queue_chain(&l->held);
		if (l->input_ended)
			s->flags |= leg_flag(RELAY_END, leg);
	}
	secure_end(r, s, LEG_CLIENT);
	secure_end(r, s, LEG_TARGET);
	s->flags &= ~(uint32_t)RELAY_IS_MIRRORED;
	for (unsigned int leg = 0; leg < 2; leg++) {
		if (!held[leg])
			continue;
		relay_session_moved(r, s, leg, bytes[leg], buffers[leg]);
		(void)tcp_send(r->tcp, s->connection[!leg], held[leg], TCP_SEND_SEGMENTS, r->now);
	}
	relay_session_note_sent(r, s, LEG_TARGET);
	relay_limit_begin(r, s);
	relay_session_opened(r, s);
}

// Whether nothing of the client's is left that the slow path could judge before something else
// happens: it is asked from the client's first byte on.
static bool is_none_of_ours(const struct secure_leg *client, const struct secure_leg *target)
{
	return !client->is_opened && client->held.bytes == 0 &&
	       (client->input_ended || target->input_ended || target->held.bytes > 0);
}

// The slow path has what it may have of what the client said. Until then, which is when its ring
// has room, nothing of the target's overtakes it.
static bool is_told(const struct secure_leg *client)
{
	return client->passed == client->base + u32_min(client->held.bytes, SLOW_STREAM_BYTES);
}

static usec_t limit_of(const struct secure_mirror *m)
{
	return m->answer_by ? u64_min(m->answer_by, m->finish_by) : m->finish_by;
}

// Both times run from what the client says first, and what it or the slow path says behind that
// puts neither off: the slow path forgets a handshake by its age.
static void limit_set(struct relay *r, struct secure_leg *client)
{
	struct secure_mirror *m = &client->mirror;

	if (!m->finish_by && client->held.bytes > 0)
		m->finish_by = r->now + r->config.slow->timeout;
	if (client->is_answered || client->held.bytes == 0)
		m->answer_by = 0;
	else if (!m->answer_by)
		m->answer_by = r->now + PATIENCE;
	if (limit_of(m) == m->armed)
		return;
	m->armed = limit_of(m);
	wheel_arm(&r->wheel, session_index(r, client->session), m->armed);
}

// More than its hello, to which it has no answer yet. Clients of ours wait for one; and what came
// in one segment is to go on in one.
static bool says_more(const struct secure_leg *client)
{
	return client->mirror.hello.verdict == HELLO_WHOLE && !client->is_answered &&
	       client->base + client->held.bytes > client->mirror.framed;
}

// No client of ours says what it said.
static void foreign_splice(struct relay *r, struct relay_session *s)
{
	counter_add(&r->config.stats->reality_foreign, 1);
	secure_splice(r, s);
}

// To leave a client to the target takes none.
static void buffer_short(struct relay *r, struct relay_session *s)
{
	stats_drop(r->config.stats, DROP_NO_BUFFER);
	secure_splice(r, s);
}

// The end of a client that has given up goes on behind what it said, as that of the target's own
// visitors does.
static void left_end(struct relay *r, struct relay_session *s)
{
	const struct secure_leg *client = client_of(r, s);

	if (!target_of(r, s)->mirror.is_left || !client->input_ended || client->held.bytes > 0 ||
		(s->flags & leg_flag(RELAY_SHUT, LEG_TARGET)))
		return;
	relay_session_shut(r, s, LEG_TARGET);
}

void secure_mirror_go_on(struct relay *r, struct relay_session *s)
{
	struct secure_leg *client = client_of(r, s), *target = target_of(r, s);

	// A mark goes on at its byte only where what was received goes on as it is.
	if (tcp_urgent_left(r->tcp, s->connection[LEG_CLIENT]) > 0) {
		foreign_splice(r, s);
		return;
	}
	if (!granted_pass(r, client)) {
		buffer_short(r, s);
		return;
	}
	secure_handshake_hold(r, client);
	hello_frame(client);
	if (client->mirror.hello.verdict == HELLO_NONE || says_more(client)) {
		foreign_splice(r, s);
		return;
	}
	left_end(r, s);
	secure_handshake_tell(r, client);
	if (!hello_pass(r, client))
		secure_defer(r, client);
	secure_handshake_hold(r, target);
	if (is_told(client))
		secure_handshake_tell(r, target);
	if (is_none_of_ours(client, target))
		secure_splice(r, s);
	else
		limit_set(r, client);
}

void secure_mirror_event(
	struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	if (events & TCP_EVENT_END)
		secure_at(r, s, leg)->input_ended = true;
	secure_mirror_go_on(r, s);
}

bool secure_mirror_timer(struct relay *r, struct relay_session *s)
{
	const struct secure_leg *client = client_of(r, s);

	if (!client->is_opened && client->held.bytes == 0)
		return false;
	counter_add(&r->config.stats->reality_timeouts, 1);
	secure_unanswered(r, s, LEG_CLIENT);
	secure_splice(r, s);
	return true;
}

// b, or where others may look at it a copy that takes its place. NULL: no buffer.
static struct buffer *own(struct relay *r, struct tls_queue *q, struct buffer **link)
{
	struct buffer *b = *link, *copy;

	if (buffer_is_exclusive(b))
		return b;
	copy = r->config.buffers->get(r->config.buffers, b->length);
	if (!copy)
		return NULL;
	copy->length = b->length;
	copy->next = b->next;
	memcpy(copy->state, b->state, sizeof(copy->state));
	*link = copy;
	if (q->tail == b)
		q->tail = copy;
	b->next = NULL;
	b->segments = 1;
	b->total_length = b->length;
	r->config.buffers->put(r->config.buffers, b);
	return copy;
}

// Writes over n bytes of the target's that are held, from those on that are replaced already. They
// keep the segments in which the target sent them. False: no buffer.
static bool replace(struct relay *r, struct secure_leg *target, const uint8_t *bytes, uint32_t n)
{
	uint32_t skip = target->mirror.replaced;

	for (struct buffer **link = &target->held.head; n > 0; link = &(*link)->next) {
		struct buffer *b = *link;
		uint32_t some;

		if (skip >= b->length) {
			skip -= b->length;
			continue;
		}
		b = own(r, &target->held, link);
		if (!b)
			return false;
		some = u32_min(n, b->length - skip);
		memcpy(buffer_data(b) + skip, bytes, some);
		target->mirror.replaced += some;
		bytes += some;
		n -= some;
		skip = 0;
	}
	return true;
}

// What is replaced goes to the client in whole buffers, in the end all of it.
static bool replaced_pass(struct relay *r, struct secure_leg *target, bool all)
{
	uint32_t n = 0;

	for (const struct buffer *b = target->held.head;
		b && n + b->length <= target->mirror.replaced; b = b->next)
		n += b->length;
	n = all ? target->mirror.replaced : n;
	if (!pass(r, target, n))
		return false;
	target->mirror.replaced -= n;
	return true;
}

// Bytes that answer to none of the target's: those of one action leave in segments that end with it
// alone.
static bool extra_send(
	struct relay *r, struct relay_session *s, const uint8_t *bytes, uint32_t n, bool is_part)
{
	struct buffer *b = r->config.buffers->get(r->config.buffers, n);

	if (!b)
		return false;
	memcpy(buffer_data(b), bytes, n);
	b->length = (uint16_t)n;
	b->total_length = n;
	// As of a segment that goes on.
	memset(b->state, 0, sizeof(b->state));
	(void)tcp_send(
		r->tcp, s->connection[LEG_CLIENT], b, is_part ? TCP_SEND_SEGMENTS : 0, r->now);
	return true;
}

static bool send_take(struct relay *r, struct relay_session *s, const struct slow_message *m)
{
	struct secure_leg *target = target_of(r, s);
	uint32_t length = u32_min(m->length, SLOW_DATA_BYTES);
	uint64_t done = target->base + target->mirror.replaced;
	uint32_t left = target->held.bytes - target->mirror.replaced;
	uint32_t n = m->offset > done ? (uint32_t)u64_min(m->offset - done, left) : 0;

	n = u32_min(n, length);
	if (!replace(r, target, m->data, n) || !replaced_pass(r, target, n < length))
		return false;
	return n == length || extra_send(r, s, m->data + n, length - n, m->is_part);
}

static void forward_take(struct relay *r, struct relay_session *s, const struct slow_message *m)
{
	struct secure_leg *client = client_of(r, s);
	uint64_t offset = u64_min(m->offset, client->base + client->held.bytes);

	if (offset > client->mirror.granted)
		client->mirror.granted = offset;
}

// The client has proved itself. The target has done its duty: its connection closes, and the
// session goes on to its own.
static bool keys_take(struct relay *r, struct relay_session *s, const struct slow_message *m)
{
	struct secure_leg *client = client_of(r, s), *target = target_of(r, s);
	uint64_t n = m->offset - client->base;

	if (m->offset < client->base || n > client->held.bytes || !replaced_pass(r, target, true) ||
		!secure_records_begin(r, client, &m->keys))
		return false;
	client->is_mirrored = false;
	relay_stranger_leave(r, s);
	tcp_segments_forget(r->tcp, s->connection[LEG_CLIENT]);
	relay_session_target_leave(r, s);
	s->tries = s->header = 0;
	s->flags &= ~(uint32_t)(RELAY_IS_MIRRORED | RELAY_IS_TRANSPARENT | RELAY_IS_OPEN |
				RELAY_IS_ANSWERED | leg_flag(RELAY_END | RELAY_SHUT, LEG_TARGET));
	secure_handshake_done(r, client, &m->keys, (uint32_t)n);
	return true;
}

// Of the first answer: bytes of ours have taken the place of the target's.
static bool has_ours(const struct secure_leg *target)
{
	return target->base + target->mirror.replaced > 0;
}

void secure_mirror_answer(struct relay *r, struct relay_session *s, const struct slow_message *m)
{
	bool was_answered = client_of(r, s)->is_answered;
	bool done = true;

	switch (m->kind) {
	case SLOW_LEAVE:
		target_of(r, s)->mirror.is_left = true;
		[[fallthrough]];
	case SLOW_FORWARD:
		forward_take(r, s, m);
		break;
	case SLOW_SEND:
		secure_handshake_note_answered(r, client_of(r, s));
		done = send_take(r, s, m);
		break;
	case SLOW_KEYS:
		done = keys_take(r, s, m);
		break;
	case SLOW_FAILED:
		relay_session_keys_missing(r, s, LEG_CLIENT, SESSION_END_REFUSED);
		return;
	default:
		secure_splice(r, s);
		return;
	}
	if (!done) {
		if (m->kind == SLOW_SEND && !was_answered && !has_ours(target_of(r, s))) {
			buffer_short(r, s);
			return;
		}
		stats_drop(r->config.stats, DROP_NO_BUFFER);
		relay_session_end(r, s, SESSION_END_REFUSED, true);
		return;
	}
	if (m->kind == SLOW_KEYS)
		return;
	// There is room for more of what they sent.
	secure_mirror_go_on(r, s);
}
