// SPDX-License-Identifier: BSD-3-Clause
// Any sequence of segments: the tracker's states move only where a connection can go, and a refused
// segment changes nothing.
#include "flow/tracker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Numbers near what the sides expect reach deeper than random ones.
static uint32_t near_to(uint32_t base, uint8_t selector, uint32_t value)
{
	switch (selector & 3) {
	case 0:
		return base;
	case 1:
		return base + (value & 0xffff);
	case 2:
		return base - (value & 0xffff);
	default:
		return value;
	}
}

static void check(
	const struct tracker *before, const struct tracker *after, enum tracker_verdict verdict)
{
	if (verdict != TRACKER_PASS) {
		nx_bug_on(memcmp(before, after, sizeof(*before)) != 0);
		return;
	}
	nx_bug_on(after->state == SESSION_FREE || after->state >= SESSION_STATE_COUNT);
	nx_bug_on(after->side[0].scale > 14 || after->side[1].scale > 14);
	nx_bug_on(before->state == SESSION_RESET && after->state != SESSION_RESET);
	nx_bug_on(before->state == SESSION_TIME_WAIT && after->state != SESSION_TIME_WAIT);
	// In one step only where the client acknowledged the target's SYN before its answer came.
	nx_bug_on(after->state == SESSION_ESTABLISHED && before->state == SESSION_NEW &&
		  !(before->flags & TRACKER_SYNS_CROSSED));
	nx_bug_on(after->state == SESSION_NEW && before->state != SESSION_NEW);
	nx_bug_on(before->state >= SESSION_ESTABLISHED && after->state < SESSION_ESTABLISHED);
	for (unsigned int d = 0; d < 2 && after->state != SESSION_NEW; d++)
		nx_bug_on((after->side[d].flags & TRACKER_FIN_ACKED) &&
			  !(after->side[d].flags & TRACKER_FIN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over(data, size);
	struct tracker_segment syn = {.flags = TCP_FLAG_SYN, .window = 1000};
	struct tracker t;
	uint8_t scale;

	if (!cursor_take_u32(&c, &syn.sequence) || !cursor_take_u8(&c, &scale))
		return 0;
	syn.has_scale = scale & 0x80;
	syn.scale = scale & 0x7f;
	tracker_open(&t, &syn);
	for (;;) {
		struct tracker_segment segment = {0};
		struct tracker before = t;
		uint32_t sequence;
		uint32_t acknowledgement;
		uint16_t payload;
		uint8_t shape;

		if (!cursor_take_u8(&c, &shape) || !cursor_take_u8(&c, &segment.flags) ||
			!cursor_take_u32(&c, &sequence) || !cursor_take_u32(&c, &acknowledgement) ||
			!cursor_take_u16(&c, &segment.window) || !cursor_take_u16(&c, &payload))
			return 0;
		unsigned int d = shape & 1;

		segment.sequence = near_to(t.side[d].end, shape >> 1, sequence);
		segment.acknowledgement = near_to(t.side[!d].end, shape >> 3, acknowledgement);
		segment.payload = shape & 0x20 ? payload : 0;
		segment.has_scale = shape & 0x40;
		segment.scale = shape >> 4;
		struct tracker plain = t;
		bool is_plain = tracker_input_plain(&plain, d, &segment);
		enum tracker_verdict verdict = tracker_input(&t, d, &segment);

		check(&before, &t, verdict);
		nx_bug_on(is_plain && verdict != TRACKER_PASS);
		nx_bug_on(memcmp(&plain, is_plain ? &t : &before, sizeof(t)) != 0);
		(void)tracker_is_outstanding(&t, d, sequence);
	}
}
