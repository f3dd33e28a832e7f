// SPDX-License-Identifier: BSD-3-Clause
// The target's stream: each record is answered to by one of ours, of the same length, and as many
// bytes of ours go to the client as came of the target's.
#include "reality/session.h"

#include "tls13/wire.h"

static uint16_t length_of(const uint8_t *header)
{
	return be16_to_host(be16_load(header + 3));
}

// Fills target_in up to need bytes. Whether it has them.
static bool gather(struct reality_server *s, struct cursor *c, size_t need)
{
	size_t n = need - s->target_in.used;

	if (s->target_in.used >= need)
		return true;
	n = n < cursor_left(c) ? n : cursor_left(c);
	writer_bytes(&s->target_in, c->p, n);
	c->p += n;
	return s->target_in.used == need;
}

// The ServerHello has a record of its own. False for what is none, or not yet all of one.
static bool gather_answer(struct reality_server *s, struct cursor *c)
{
	static const uint8_t start[] = {RECORD_HANDSHAKE, VERSION_1_2 >> 8, VERSION_1_2 & 0xff};
	const uint8_t *header;

	if (!gather(s, c, RECORD_HEADER_BYTES))
		return false;
	header = s->target_in.base;
	if (memcmp(header, start, sizeof(start)) != 0 || length_of(header) > RECORD_PLAIN_MAX) {
		session_splice(s, REALITY_TARGET_SHAPE);
		return false;
	}
	return gather(s, c, RECORD_HEADER_BYTES + (size_t)length_of(header));
}

// n bytes of our record go out. What does not fit is not done with, and the target's follows.
static bool release(struct reality_server *s, size_t n)
{
	writer_bytes(&s->to_client, s->record.base + s->released, n);
	if (s->to_client.failed)
		return false;
	s->released += n;
	s->target_done += n;
	return true;
}

// Our ServerHello goes out whole or not at all: behind a part of one the target's could not follow.
static bool release_answer(struct reality_server *s)
{
	writer_bytes(&s->record, s->target_in.base, RECORD_HEADER_BYTES);
	writer_bytes(&s->record, s->answer.base, s->answer.used);
	return !s->record.failed && release(s, s->record.used);
}

static void take_answer(struct reality_server *s, struct cursor *c)
{
	const uint8_t *header;

	if (!gather_answer(s, c))
		return;
	header = s->target_in.base;
	if (!session_answer(s, header + RECORD_HEADER_BYTES, length_of(header)) ||
		!release_answer(s)) {
		session_splice(s, REALITY_TARGET_SHAPE);
		return;
	}
	s->target_in.used = 0;
	s->state = SESSION_FINISHED;
}

// Ours for a sealed record of the target's: a piece of the flight, or behind it nothing under the
// application's key, which is what an idle peer may send.
static bool answer_sealed(struct reality_server *s, uint16_t length)
{
	bool is_after = flight_is_placed(&s->flight);
	struct cursor piece;

	if (length < FLIGHT_LENGTH_MIN || length > RECORD_CIPHER_MAX ||
		!flight_next(&s->flight, length, &piece))
		return false;
	return record_seal(is_after ? &s->seal_application : &s->seal_handshake, &s->record,
		is_after ? RECORD_APPLICATION_DATA : RECORD_HANDSHAKE, piece.p, cursor_left(&piece),
		(size_t)length - FLIGHT_LENGTH_MIN - cursor_left(&piece));
}

static bool answer_record(struct reality_server *s)
{
	const uint8_t *header = s->target_in.base;
	uint16_t length = length_of(header);

	s->record.used = 0;
	s->released = 0;
	if (header[0] == RECORD_APPLICATION_DATA)
		return answer_sealed(s, length);
	if (header[0] != RECORD_CHANGE_CIPHER_SPEC || length != 1)
		return false;
	record_write_plain(&s->record, RECORD_CHANGE_CIPHER_SPEC, VERSION_1_2, (uint8_t[]){1}, 1);
	return !s->record.failed;
}

// What the target says when it cannot read a record.
static bool is_alert(const uint8_t *header)
{
	return header[0] == RECORD_ALERT ||
	       (header[0] == RECORD_APPLICATION_DATA &&
		       length_of(header) == ALERT_BYTES + FLIGHT_LENGTH_MIN);
}

// The next piece of the target's bytes. False when nothing can answer to it.
static bool take_piece(struct reality_server *s, struct cursor *c)
{
	size_t left = s->record.used - s->released;

	if (left != 0) {
		left = left < cursor_left(c) ? left : cursor_left(c);
		c->p += left;
		return release(s, left);
	}
	if (!gather(s, c, RECORD_HEADER_BYTES))
		return true;
	if (s->state == SESSION_LEAVE && is_alert(s->target_in.base)) {
		session_splice(s, REALITY_BAD_FINISHED);
		return true;
	}
	if (!answer_record(s))
		return false;
	s->target_in.used = 0;
	return release(s, RECORD_HEADER_BYTES);
}

static void take_records(struct reality_server *s, struct cursor *c)
{
	while ((s->state == SESSION_FINISHED || s->state == SESSION_LEAVE) && cursor_left(c) != 0) {
		if (!take_piece(s, c))
			session_splice(s, REALITY_TARGET_SHAPE);
	}
}

void session_take_target(struct reality_server *s, struct cursor bytes)
{
	if (s->state == SESSION_ANSWER)
		take_answer(s, &bytes);
	take_records(s, &bytes);
}

// The first of the records behind the flight that has not come. The target never gets a Finished:
// what it sent is early, however many of its records our messages took.
static uint32_t first_missing(const struct flight *f)
{
	uint32_t behind =
		f->records > f->shape.flight_count ? f->records - f->shape.flight_count : 0;

	return behind < f->shape.early ? behind : f->shape.early;
}

static bool imitate(struct reality_server *s)
{
	const struct reality_shape *shape = &s->flight.shape;

	writer_bytes(&s->to_client, s->record.base + s->released, s->record.used - s->released);
	for (uint32_t i = first_missing(&s->flight); i < shape->after_count; i++) {
		if (shape->after[i] < FLIGHT_LENGTH_MIN)
			continue;
		if (!record_seal(&s->seal_application, &s->imitated, RECORD_APPLICATION_DATA, NULL,
			    0, (size_t)shape->after[i] - FLIGHT_LENGTH_MIN))
			return false;
	}
	return !s->to_client.failed && !s->imitated.failed;
}

// None of it answers to bytes of the target's, so that it goes out as a whole or not at all.
bool session_imitate(struct reality_server *s)
{
	size_t before = s->to_client.used;

	if (s->flight.strange && s->config->shapes != NULL)
		reality_shapes_doubt(s->config->shapes, s->admission.name, s->admission.kind);
	if (imitate(s))
		return true;
	s->to_client.used = before;
	s->imitated.used = 0;
	return false;
}
