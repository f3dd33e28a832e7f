// SPDX-License-Identifier: BSD-3-Clause
#include "flow/tracker.h"

static uint32_t segment_end(const struct tracker_segment *segment)
{
	return segment->sequence + segment->payload + !!(segment->flags & TCP_FLAG_SYN) +
	       !!(segment->flags & TCP_FLAG_FIN);
}

// The window of a SYN is never scaled (RFC 7323 section 2.2): in scaled units, rounded up.
static void side_take_syn_window(struct tracker_side *side, uint16_t window)
{
	uint32_t units = ((uint32_t)window + (1u << side->scale) - 1) >> side->scale;

	if (units > side->window)
		side->window = (uint16_t)units;
}

void tracker_open(struct tracker *t, const struct tracker_segment *syn)
{
	uint8_t scale = syn->scale > 14 ? 14 : syn->scale;

	*t = (struct tracker){.state = SESSION_NEW};
	t->side[0].end = segment_end(syn);
	t->side[0].limit = syn->sequence + 1; // until there is a window: what must be acknowledged
	t->side[0].window = syn->window;
	t->side[0].flags = TRACKER_SYN;
	if (syn->has_scale) {
		t->side[0].scale = scale;
		t->flags |= TRACKER_SCALE_CLIENT;
	}
	if (syn->has_timestamp)
		t->flags |= TRACKER_TIMESTAMPS;
}

static void count_retransmission(struct tracker *t, unsigned int direction)
{
	if (t->retransmissions[direction] < UINT16_MAX)
		t->retransmissions[direction]++;
}

static void settle_state(struct tracker *t)
{
	uint8_t client = t->side[0].flags;
	uint8_t target = t->side[1].flags;

	if (!(client & target & TRACKER_SYN_ACKED))
		return;
	if (client & target & TRACKER_FIN_ACKED)
		t->state = SESSION_TIME_WAIT;
	else if (client & target & TRACKER_FIN)
		t->state = SESSION_CLOSING;
	else if (client & TRACKER_FIN)
		t->state = SESSION_CLIENT_CLOSED;
	else if (target & TRACKER_FIN)
		t->state = SESSION_TARGET_CLOSED;
	else
		t->state = SESSION_ESTABLISHED;
}

// The target's SYN that acknowledges the client's.
static void answer(struct tracker *t, const struct tracker_segment *segment)
{
	struct tracker_side *client = &t->side[0];
	struct tracker_side *target = &t->side[1];
	// The client's window was kept as it stood on its SYN.
	uint32_t window = client->window;

	// Scaling is on only if both SYNs ask for it (RFC 7323 section 2.2).
	if (segment->has_scale && (t->flags & TRACKER_SCALE_CLIENT))
		target->scale = segment->scale > 14 ? 14 : segment->scale;
	else
		client->scale = 0;
	client->window = 0;
	side_take_syn_window(client, (uint16_t)window);
	side_take_syn_window(target, segment->window);
	target->end = segment_end(segment);
	target->limit = segment->sequence + 1 + window;
	target->flags = TRACKER_SYN;
	// SYNs that crossed: the client acknowledged this one already.
	if ((t->flags & TRACKER_SYNS_CROSSED) && client->acknowledged == segment->sequence + 1)
		target->flags |= TRACKER_SYN_ACKED;
	else
		client->acknowledged = segment->sequence;
	target->acknowledged = segment->acknowledgement;
	client->limit = segment->acknowledgement + segment->window;
	client->flags |= TRACKER_SYN_ACKED;
	t->state = SESSION_SYN_RECEIVED;
	settle_state(t);
}

static void take_reset(struct tracker *t, unsigned int direction)
{
	if (t->state == SESSION_TIME_WAIT)
		return; // RFC 1337: nothing left to reset
	t->state = SESSION_RESET;
	if (direction == 1)
		t->flags |= TRACKER_RESET_BY_TARGET;
}

static enum tracker_verdict input_new_client(
	struct tracker *t, const struct tracker_segment *segment)
{
	struct tracker_side *client = &t->side[0];

	if (segment->flags & TCP_FLAG_RST) {
		// Any other reset is the client's answer to an acknowledgement that an old
		// connection of the target sent: the target judges it.
		if (segment->sequence == client->end)
			take_reset(t, 0);
		return TRACKER_PASS;
	}
	if (!(segment->flags & TCP_FLAG_SYN))
		return TRACKER_BAD_STATE;
	if (segment->flags & TCP_FLAG_ACK) {
		if (segment_end(segment) != client->end)
			return TRACKER_BAD_STATE;
		t->flags |= TRACKER_SYNS_CROSSED;
		client->acknowledged = segment->acknowledgement;
		return TRACKER_PASS;
	}
	if (segment_end(segment) == client->end) {
		count_retransmission(t, 0);
		return TRACKER_PASS;
	}
	// The client began again with another number before the target said anything.
	uint16_t retransmissions = t->retransmissions[0];

	tracker_open(t, segment);
	t->retransmissions[0] = retransmissions;
	return TRACKER_PASS;
}

static enum tracker_verdict input_new_target(
	struct tracker *t, const struct tracker_segment *segment)
{
	uint32_t end = t->side[0].end;
	bool ack = segment->flags & TCP_FLAG_ACK;

	// RFC 9293 section 3.10.7.3: a reset of a SYN counts only if it acknowledges it.
	if (segment->flags & TCP_FLAG_RST) {
		if (!ack || segment->acknowledgement != end)
			return TRACKER_OUT_OF_WINDOW;
		t->side[1].end = segment->sequence;
		take_reset(t, 1);
		return TRACKER_PASS;
	}
	if (!(segment->flags & TCP_FLAG_SYN))
		// An old connection's challenge: the client resets it. Anything else makes no
		// sense.
		return ack && !(segment->flags & TCP_FLAG_FIN) ? TRACKER_PASS : TRACKER_BAD_STATE;
	// A simultaneous open: an answer to the client's SYN follows. Nothing is kept of a SYN that
	// does not know the client's number: anyone may have sent it.
	if (!ack)
		return TRACKER_PASS;
	// A SYN with data may be acknowledged without it (RFC 7413 section 4.2.2). A wrong
	// acknowledgement goes on to the client, whose reset clears the target's old connection.
	if (sequence_after(segment->acknowledgement, end) ||
		sequence_before(segment->acknowledgement, t->side[0].limit))
		return TRACKER_PASS;
	answer(t, segment);
	return TRACKER_PASS;
}

static enum tracker_verdict input_reset(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment)
{
	const struct tracker_side *from = &t->side[direction];
	const struct tracker_side *to = &t->side[!direction];

	if (!tracker_is_in_window(from, to, segment->sequence, segment->sequence))
		return TRACKER_OUT_OF_WINDOW;
	// RFC 5961 section 3.2: only the exact number resets, others are challenged by the end.
	// What the receiver expects is what it last acknowledged, or all that was sent.
	if (segment->sequence == to->acknowledged || segment->sequence == from->end)
		take_reset(t, direction);
	return TRACKER_PASS;
}

static void note_acknowledgement(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment)
{
	struct tracker_side *from = &t->side[direction];
	struct tracker_side *to = &t->side[!direction];
	uint32_t window = segment->window;

	if (segment->flags & TCP_FLAG_SYN) {
		side_take_syn_window(from, segment->window);
	} else {
		if (segment->window > from->window)
			from->window = segment->window;
		window <<= from->scale;
	}
	if (sequence_after(segment->acknowledgement, from->acknowledged))
		to->flags |= TRACKER_SYN_ACKED;
	tracker_take_acknowledgement(from, to, segment->acknowledgement, window);
	if ((to->flags & TRACKER_FIN) && segment->acknowledgement == to->end)
		to->flags |= TRACKER_FIN_ACKED;
}

static void note_data(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment)
{
	struct tracker_side *from = &t->side[direction];
	struct tracker_side *to = &t->side[!direction];
	uint32_t end = segment_end(segment);

	if (sequence_after(end, from->end))
		from->end = end;
	else if (end != segment->sequence)
		count_retransmission(t, direction);
	// Nothing follows a FIN, so one below what was sent already is old or forged: its receiver
	// judges it, and the session does not close by it.
	if (!(segment->flags & TCP_FLAG_FIN) || (from->flags & TRACKER_FIN) || end != from->end)
		return;
	from->flags |= TRACKER_FIN;
	// The side that closes first waits; where the two FINs cross, both do.
	if (direction == 1 && !(to->flags & TRACKER_FIN_ACKED))
		t->flags |= TRACKER_TARGET_WAITS;
	if (direction == 0 && (to->flags & TRACKER_FIN) && segment->acknowledgement != to->end)
		t->flags |= TRACKER_TARGET_WAITS;
}

// A client that lost its connection, or a retransmission. The target answers with what it knows and
// the client's reset, exact then, ends the old connection (RFC 5961 section 4).
static enum tracker_verdict input_client_syn(
	struct tracker *t, const struct tracker_segment *segment)
{
	if (t->state == SESSION_RESET || t->state == SESSION_TIME_WAIT)
		return TRACKER_REOPEN;
	if (t->state == SESSION_SYN_RECEIVED && segment_end(segment) == t->side[0].end)
		count_retransmission(t, 0);
	return TRACKER_PASS;
}

// Reset before both sides had spoken: there are no windows to judge by. A target that answered the
// SYN after all learns from the client's reset.
static enum tracker_verdict input_refused(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment)
{
	uint32_t end = t->side[0].end;
	uint8_t flags = segment->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST);

	if (direction == 0 && flags == TCP_FLAG_SYN)
		return TRACKER_REOPEN;
	if (direction == 0 && (flags & TCP_FLAG_RST) && segment->sequence == end)
		return TRACKER_PASS;
	if (direction == 1 && flags == (TCP_FLAG_SYN | TCP_FLAG_ACK) &&
		segment->acknowledgement == end)
		return TRACKER_PASS;
	return TRACKER_BAD_STATE;
}

enum tracker_verdict tracker_input(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment)
{
	struct tracker_side *from = &t->side[direction];
	struct tracker_side *to = &t->side[!direction];
	uint32_t end = segment_end(segment);

	if (t->state == SESSION_NEW)
		return direction == 0 ? input_new_client(t, segment) : input_new_target(t, segment);
	if (t->state == SESSION_RESET && !(from->flags & to->flags & TRACKER_SYN))
		return input_refused(t, direction, segment);
	if (segment->flags & TCP_FLAG_RST)
		return input_reset(t, direction, segment);
	if ((segment->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN && direction == 0)
		return input_client_syn(t, segment);
	if (!tracker_is_in_window(from, to, segment->sequence, end))
		return TRACKER_OUT_OF_WINDOW;
	if (!(segment->flags & TCP_FLAG_ACK))
		// The target's SYN of a simultaneous open, late.
		return (segment->flags & TCP_FLAG_SYN) ? TRACKER_PASS : TRACKER_BAD_STATE;
	if (!tracker_is_acknowledgement_in_window(from, to, segment->acknowledgement))
		return TRACKER_OUT_OF_WINDOW;
	if ((from->flags & TRACKER_FIN) && sequence_after(end, from->end))
		return TRACKER_BAD_STATE;
	if (t->state == SESSION_RESET)
		return TRACKER_PASS;
	note_data(t, direction, segment);
	note_acknowledgement(t, direction, segment);
	settle_state(t);
	return TRACKER_PASS;
}

bool tracker_time_wait_accepts(
	const struct tracker_segment *syn, uint32_t end, bool has_last, uint32_t last)
{
	if (syn->has_timestamp && has_last && syn->timestamp != last)
		return sequence_after(syn->timestamp, last);
	return sequence_after(syn->sequence, end);
}

bool tracker_is_outstanding(const struct tracker *t, unsigned int direction, uint32_t sequence)
{
	const struct tracker_side *from = &t->side[direction];
	// Until the target spoke: the SYN, and data that came with it. Then what is not
	// acknowledged, or one less for a keepalive.
	uint32_t first =
		t->state == SESSION_NEW ? from->limit - 1 : t->side[!direction].acknowledged - 1;

	if (t->state == SESSION_NEW && direction == 1)
		return false;
	return !sequence_after(sequence, from->end) && !sequence_before(sequence, first);
}
