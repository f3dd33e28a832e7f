// SPDX-License-Identifier: BSD-3-Clause
#include "reality/flight.h"

enum {
	SLACK = 8, // by which lengths of ECDSA signatures differ
};

void flight_init(struct flight *f, const struct reality_shape *shape)
{
	*f = (struct flight){.shape = *shape, .bytes = writer_with(TLS13_MESSAGE_MAX)};
}

void flight_fini(struct flight *f)
{
	writer_clear(&f->bytes);
}

bool flight_add(struct flight *f, const uint8_t *message, size_t length)
{
	if (f->messages == FLIGHT_MESSAGES_MAX)
		return false;
	writer_bytes(&f->bytes, message, length);
	f->ends[f->messages++] = f->bytes.used;
	return !f->bytes.failed;
}

bool flight_is_placed(const struct flight *f)
{
	return f->placed == f->bytes.used;
}

static bool is_as_learned(const struct flight *f, uint32_t index, uint16_t length)
{
	int32_t off;

	if (index >= f->shape.flight_count)
		return false;
	off = (int32_t)length - f->shape.flight[index];
	return off >= -SLACK && off <= SLACK;
}

// Up to where record `index` may take: a message a record where the target has as many records as
// messages, else all but Finished, of which the records between have a byte each.
static size_t limit_of(const struct flight *f, uint32_t index)
{
	uint32_t count = f->shape.flight_count, between;
	size_t limit;

	if (f->strange || index + 1 >= count)
		return f->bytes.used;
	if (count == f->messages)
		return f->ends[index];
	between = count - 2 - index;
	limit = f->ends[f->messages - 2];
	return limit > f->placed + between ? limit - between : f->placed;
}

bool flight_next(struct flight *f, uint16_t length, struct cursor *out)
{
	size_t room = (size_t)length - FLIGHT_LENGTH_MIN, limit, n;
	uint32_t index = f->records++;

	*out = cursor_over(f->bytes.base + f->placed, 0);
	if (flight_is_placed(f))
		return true;
	if (room == 0)
		return false;
	f->strange |= !is_as_learned(f, index, length);
	limit = limit_of(f, index);
	// A record of a handshake holds at least one byte of it (RFC 8446 5.1).
	n = limit > f->placed ? limit - f->placed : 1;
	n = n < room ? n : room;
	out->end += n;
	f->placed += n;
	return true;
}
