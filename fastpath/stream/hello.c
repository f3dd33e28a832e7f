// SPDX-License-Identifier: BSD-3-Clause
#include "stream/hello.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384, // of one in the clear
	HANDSHAKE = 22,     // its type
	MESSAGE_HEADER = 4,
	MESSAGE_MAX = 16384, // no longer hello is looked at
	CLIENT_HELLO = 1,
};

static void check(struct hello_frame *f, bool is_fit)
{
	if (!is_fit)
		f->verdict = HELLO_NONE;
}

// A byte of a record's header: its type, the version's first byte, which is 3 of all, its second,
// and the length.
static void take_record(struct hello_frame *f, uint8_t byte)
{
	switch (f->record_have++) {
	case 0:
		check(f, byte == HANDSHAKE);
		return;
	case 1:
		check(f, byte == 3);
		return;
	case 2:
		return;
	case 3:
		f->record_left = (uint16_t)(byte << 8);
		return;
	default:
		f->record_left |= byte;
		f->record_have = 0;
		check(f, f->record_left > 0 && f->record_left <= RECORD_MAX);
		// Nothing stands behind the message in its last record.
		check(f, f->message_have < MESSAGE_HEADER || f->record_left <= f->message_left);
	}
}

static void take_message(struct hello_frame *f, uint8_t byte)
{
	f->record_left--;
	if (f->message_have++ == 0) {
		check(f, byte == CLIENT_HELLO);
		return;
	}
	f->message_left = f->message_left << 8 | byte;
	if (f->message_have < MESSAGE_HEADER)
		return;
	check(f, f->message_left <= MESSAGE_MAX && f->record_left <= f->message_left);
	if (f->verdict == HELLO_PART && f->message_left == 0)
		f->verdict = HELLO_WHOLE;
}

static uint32_t skip(struct hello_frame *f, uint32_t n)
{
	n = u32_min(n, f->record_left);
	f->record_left = (uint16_t)(f->record_left - n);
	f->message_left -= n;
	if (f->message_left == 0)
		f->verdict = HELLO_WHOLE;
	return n;
}

uint32_t hello_take(struct hello_frame *f, const uint8_t *bytes, uint32_t n)
{
	uint32_t used = 0;

	while (used < n && f->verdict == HELLO_PART) {
		if (f->record_left == 0 || f->record_have > 0)
			take_record(f, bytes[used++]);
		else if (f->message_have < MESSAGE_HEADER)
			take_message(f, bytes[used++]);
		else
			used += skip(f, n - used);
	}
	return used;
}
