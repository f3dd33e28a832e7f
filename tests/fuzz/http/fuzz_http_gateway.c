// SPDX-License-Identifier: BSD-3-Clause
// A whole conversation of which the client's and the targets' bytes are hostile, cut anywhere, with
// ends, times and failures between them. An input is a list of steps: a byte that says which and
// how, and the bytes that it sends.
#include "unit/http/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEP_BITS = 3,
	ROOM = 700, // less than most messages
};

enum step {
	STEP_CLIENT,
	STEP_TARGET,
	STEP_END,
	STEP_TIME,
	STEP_CONNECT,
	STEP_ROOM,
	STEP_LISTENER,
	STEP_PIECE,
};

static struct rig rig;
static struct snapshot_http *http; // of the listener, while it is there or not

static void start(void)
{
	rig_init(&rig);
	http = rig.http;
}

static bool has_target(void)
{
	return rig.gateway->conversations[0].target == HTTP_TARGET_READY;
}

static void time_passes(uint32_t how)
{
	usec_t due = http_conversation_due(rig.gateway, 0);

	// Little goes by, or all that is allowed.
	rig.now = how > 0 || due == UINT64_MAX || due < rig.now ? rig.now + how * 1000 : due;
	rig.outcome = http_conversation_timer(rig.gateway, 0, rig.now);
	rig_run(&rig);
}

static void target_answers(uint32_t how)
{
	rig.holds = how & 1;
	rig.refuses = how & 2 ? HTTP_REASON_NO_TARGET : HTTP_REASON_NONE;
	if (rig.gateway->conversations[0].target == HTTP_TARGET_NONE)
		return;
	if (how & 4) {
		http_conversation_failed(rig.gateway, 0, HTTP_REASON_TARGET_CLOSED, rig.now);
		rig_run(&rig);
	} else if (!has_target()) {
		rig_connected(&rig);
	}
}

// Bytes of the input that a peer sends: how many of them, by what the step says.
static size_t say(unsigned int leg, uint32_t how, const uint8_t *bytes, size_t left)
{
	size_t n = left < 8 * (how + 1) ? left : 8 * (how + 1);

	if (leg == HTTP_CLIENT || has_target())
		rig_send(&rig, leg, bytes, n);
	return n;
}

static size_t step(uint8_t op, const uint8_t *bytes, size_t left)
{
	uint32_t how = op >> STEP_BITS;

	switch ((enum step)(op & ((1 << STEP_BITS) - 1))) {
	case STEP_CLIENT:
		return say(HTTP_CLIENT, how, bytes, left);
	case STEP_TARGET:
		return say(HTTP_TARGET, how, bytes, left);
	case STEP_END:
		if ((how & 1) == HTTP_CLIENT || has_target())
			rig_end(&rig, how & 1);
		break;
	case STEP_TIME:
		time_passes(how);
		break;
	case STEP_CONNECT:
		target_answers(how);
		break;
	case STEP_ROOM:
		rig.legs[how & 1].room = how & 2 ? ROOM * (how >> 2) : RIG_OUT;
		rig_run(&rig);
		break;
	case STEP_LISTENER:
		rig.http = how & 1 ? NULL : http;
		rig.closes = how & 2;
		rig.is_stale = how & 4;
		http->requests_per_source = how >> 3;
		break;
	case STEP_PIECE:
		rig.piece = how;
		break;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!http)
		start();
	rig.http = http;
	rig.http->requests_per_source = 0;
	rig.holds = rig.closes = rig.is_stale = false;
	rig.refuses = HTTP_REASON_NONE;
	rig.piece = 0;
	// Its length says whether the client has frames, and whether targets are kept for anybody.
	rig.is_framed = size & 1;
	rig.parks = size & 2;
	rig.parked = rig.unparked = 0;
	rig_begin(&rig);
	for (size_t at = 0; at < size && rig.outcome == HTTP_GOES_ON;) {
		uint8_t op = data[at++];

		at += step(op, data + at, size - at);
	}
	// Nothing is kept of what is over.
	rig_begin(&rig);
	nx_bug_on(buffer_heap_alive() != 0);
	nx_bug_on(rig.gateway->slabs.used != 0);
	return 0;
}
