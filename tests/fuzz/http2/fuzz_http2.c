// SPDX-License-Identifier: BSD-3-Clause
// A connection of HTTP/2 of which the client's bytes are hostile, with answers, ends, windows and
// time between them. An input is a list of steps: a byte that says which and how, and the bytes
// that it sends. Whatever comes, what our side reads of a stream is one request.
#include "unit/http2/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEP_BITS = 3,
	MEMORY_UNIT = 8192,
};

enum step {
	STEP_BYTES,
	STEP_MORE_BYTES,
	STEP_ANSWER,
	STEP_BODY,
	STEP_END,
	STEP_TIME,
	STEP_ROOM,
	STEP_MODE,
};

static struct h2_rig rig;

static struct h2_rig_stream *open_stream(uint32_t how)
{
	for (uint32_t i = 0; i < rig.count; i++) {
		struct h2_rig_stream *s = &rig.streams[(how + i) % rig.count];

		if (s->stream && !s->stream->is_over)
			return s;
	}
	return NULL;
}

static void answer(uint32_t how)
{
	static const char *const heads[] = {"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nX-Own: a\r\n\r\n", "HTTP/1.1 103 Hints\r\n\r\n",
		"HTTP/1.1 404 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"};
	struct h2_rig_stream *s = open_stream(how >> 3);
	char text[128];

	if (!s)
		return;
	snprintf(text, sizeof(text), "%s", heads[how & 3]);
	if (!h2_stream_head(s->stream, (uint8_t *)text, (uint32_t)strlen(text), how & 4, rig.now)) {
		struct h2_stream *stream = s->stream;

		s->stream = NULL;
		h2_stream_let_go(stream);
	}
}

static void finish(uint32_t how)
{
	static const uint8_t fields[] = "X-Sum: 1\r\n\r\n";
	struct h2_rig_stream *s = open_stream(how >> 1);
	struct h2_stream *stream = s ? s->stream : NULL;

	if (!s)
		return;
	if (how & 1) {
		nx_bug_on((how & 2) && !h2_stream_trailer(stream, fields, sizeof(fields) - 1));
		h2_stream_shut(stream);
		return;
	}
	s->stream = NULL;
	h2_stream_let_go(stream);
}

static void time_passes(uint32_t how)
{
	usec_t due = h2_connection_due(rig.connection, 10000, 75000, 60000);

	rig.now = how > 0 || due == UINT64_MAX || due < rig.now ? rig.now + how * 1000 : due;
	h2_connection_timer(rig.connection, 10000, 75000, 60000, rig.now);
}

static void mode(uint32_t how)
{
	switch (how & 3) {
	case 0:
		h2_connection_go_away(rig.connection);
		break;
	case 1:
		rig.answers = how & 4;
		break;
	case 2:
		rig.piece = how >> 2;
		break;
	default:
		rig.connection->account.limit =
			rig.connection->account.used + (how >> 2) * MEMORY_UNIT;
		break;
	}
}

static size_t step(uint8_t op, const uint8_t *bytes, size_t left)
{
	uint32_t how = op >> STEP_BITS;
	struct h2_rig_stream *s;
	size_t n = 8 * (how + 1);

	switch ((enum step)(op & ((1 << STEP_BITS) - 1))) {
	case STEP_MORE_BYTES:
		n *= 32;
		// fall through
	case STEP_BYTES:
		n = n < left ? n : left;
		h2_rig_bytes(&rig, bytes, n);
		return n;
	case STEP_ANSWER:
		answer(how);
		break;
	case STEP_BODY:
		s = open_stream(how);
		if (s && h2_stream_room(s->stream) > 0)
			h2_rig_body(&rig, (uint32_t)(s - rig.streams), 700 * (how + 1));
		break;
	case STEP_END:
		finish(how);
		break;
	case STEP_TIME:
		time_passes(how);
		break;
	case STEP_ROOM:
		rig.room = how == 31 ? UINT32_MAX : how * 500;
		break;
	case STEP_MODE:
		mode(how);
		break;
	}
	return 0;
}

// A head that says of no body is all that was read.
static void check(const struct h2_rig_stream *s)
{
	const char *end = strstr(s->asked, "\r\n\r\n");

	if (end && !strstr(s->asked, "\r\nTransfer-Encoding: chunked\r\n") &&
		!strstr(s->asked, "\r\ncontent-length: "))
		nx_bug_on(end[4] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	h2_rig_begin(&rig, true);
	// Most inputs are to get past the beginning.
	if (data[0] & 1)
		h2_rig_bytes(&rig, h2_preface, sizeof(h2_preface));
	for (size_t at = 1; at < size && !rig.gone;) {
		uint8_t op = data[at++];

		at += step(op, data + at, size - at);
		h2_rig_run(&rig);
	}
	for (uint32_t i = 0; i < rig.count; i++)
		check(&rig.streams[i]);
	h2_rig_end(&rig);
	return 0;
}
