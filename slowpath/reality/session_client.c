// SPDX-License-Identifier: BSD-3-Clause
// The client's stream: its hello, which the target gets as it comes, and records, of which it gets
// parts as they come and the whole only where they are no proof.
#include "reality/session.h"

#include "tls13/wire.h"

enum {
	CCS_BYTES = RECORD_HEADER_BYTES + 1,
	// As many as OpenSSL takes in a row. Ours says one.
	CCS_MOST = 32,
};

static uint16_t length_of(const uint8_t *header)
{
	return be16_to_host(be16_load(header + 3));
}

enum frame {
	FRAME_PART = 0, // more is to come
	FRAME_WHOLE,    // the hello is whole
	FRAME_BAD,
};

// The message under construction: whether it is one, and whole.
static enum frame check_message(const struct reality_server *s)
{
	const uint8_t *m = s->hello.base;
	size_t length;

	if (m[0] != HANDSHAKE_CLIENT_HELLO)
		return FRAME_BAD;
	if (s->hello.used < MESSAGE_HEADER_BYTES)
		return FRAME_PART;
	length = (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];
	if (length > HELLO_BYTES_MAX || s->hello.used > MESSAGE_HEADER_BYTES + length)
		return FRAME_BAD;
	return s->hello.used == MESSAGE_HEADER_BYTES + length ? FRAME_WHOLE : FRAME_PART;
}

// The next record of the hello, which may be cut over several (RFC 8446 5.1).
static enum frame frame_hello(struct reality_server *s)
{
	const uint8_t *header = s->in.base + s->framed;
	size_t have = s->in.used - s->framed, length;

	if (have == 0)
		return FRAME_PART;
	if (header[0] != RECORD_HANDSHAKE || (have > 1 && header[1] != 3))
		return FRAME_BAD;
	if (have < RECORD_HEADER_BYTES)
		return FRAME_PART;
	length = length_of(header);
	if (length == 0 || length > RECORD_PLAIN_MAX)
		return FRAME_BAD;
	if (have < RECORD_HEADER_BYTES + length)
		return FRAME_PART;
	writer_bytes(&s->hello, header + RECORD_HEADER_BYTES, length);
	s->framed += RECORD_HEADER_BYTES + length;
	return s->hello.failed ? FRAME_BAD : check_message(s);
}

// n bytes more of what is held are judged: compact() forgets them.
static void consume(struct reality_server *s, size_t n)
{
	s->taken += n;
	s->judged += n;
}

static void compact(struct reality_server *s)
{
	s->in.used -= s->taken;
	memmove(s->in.base, s->in.base + s->taken, s->in.used);
	s->taken = 0;
}

static enum reality_result admit(struct reality_server *s)
{
	const struct reality_server_config *c = s->config;
	enum reality_result result =
		reality_admit(c->credential, writer_cursor(&s->hello), s->now_ms, &s->admission);

	if (result != REALITY_AUTHENTICATED || c->replay == NULL)
		return result;
	s->claimed = reality_replay_print(c->replay, s->hello.base, s->hello.used, &s->print) &&
		     reality_replay_claim(c->replay, &s->print, s->now_ms / 1000);
	return s->claimed ? result : REALITY_REPLAY;
}

void session_take_hello(struct reality_server *s)
{
	enum reality_result result;
	enum frame frame;
	size_t before;

	do {
		before = s->framed;
		frame = frame_hello(s);
	} while (frame == FRAME_PART && s->framed != before);
	// Not a byte waits for the verdict.
	s->forward = frame == FRAME_WHOLE ? s->framed : s->in.used;
	if (frame == FRAME_PART)
		return;
	result = frame == FRAME_WHOLE ? admit(s) : REALITY_VERSION;
	if (result != REALITY_AUTHENTICATED) {
		session_splice(s, result);
		return;
	}
	s->state = SESSION_ANSWER;
	consume(s, s->framed);
	compact(s);
}

// One change_cipher_spec, which the target gets too: its patience with them is what shows.
static bool take_ccs(struct reality_server *s, size_t length)
{
	if (length != 1 || s->in.base[s->taken + RECORD_HEADER_BYTES] != 1 ||
		s->specs == CCS_MOST || tls13_is_inside_message(s->engine))
		return false;
	s->specs++;
	consume(s, CCS_BYTES);
	s->forward = s->judged;
	return true;
}

// Its own client's alert has the target close without a word. This one it cannot read, and it says
// so: what is ours to keep from the client, who gets its end.
static void leave(struct reality_server *s)
{
	s->state = SESSION_LEAVE;
	consume(s, s->in.used - s->taken);
	s->forward = s->judged;
}

void session_pass_client(struct reality_server *s, size_t length)
{
	s->judged += length;
	s->forward = s->judged;
}

static bool take_sealed(struct reality_server *s, size_t length)
{
	uint8_t *header = s->in.base + s->taken, type;
	size_t n = length;

	if (record_open(&s->open, header, header + RECORD_HEADER_BYTES, &n, &type) != TLS13_OK)
		return false;
	if (type == RECORD_ALERT && n == ALERT_BYTES) {
		leave(s);
		return true;
	}
	if (type != RECORD_HANDSHAKE || n == 0 ||
		tls13_input(s->engine, TLS13_HANDSHAKE, header + RECORD_HEADER_BYTES, n,
			s->now_ms) != TLS13_OK)
		return false;
	consume(s, RECORD_HEADER_BYTES + length);
	return true;
}

// A header is judged as soon as it is whole, as the target would.
static bool is_header_fit(const uint8_t *header)
{
	uint16_t length = length_of(header);

	if (header[1] != VERSION_1_2 >> 8 || header[2] != (VERSION_1_2 & 0xff))
		return false;
	if (header[0] == RECORD_CHANGE_CIPHER_SPEC)
		return length == 1;
	return header[0] == RECORD_APPLICATION_DATA && length >= FLIGHT_LENGTH_MIN &&
	       length <= RECORD_CIPHER_MAX;
}

// The target can make nothing of a part of a record, and must have it when it loses patience.
static bool wait_for_more(struct reality_server *s, size_t have)
{
	s->forward = s->judged + have;
	return true;
}

// False for what is no proof.
static bool take_record(struct reality_server *s, bool *more)
{
	const uint8_t *header = s->in.base + s->taken;
	size_t have = s->in.used - s->taken, length;

	*more = false;
	if (have == 0)
		return true;
	if (header[0] != RECORD_CHANGE_CIPHER_SPEC && header[0] != RECORD_APPLICATION_DATA)
		return false;
	if (have < RECORD_HEADER_BYTES)
		return wait_for_more(s, have);
	if (!is_header_fit(header))
		return false;
	length = length_of(header);
	if (have < RECORD_HEADER_BYTES + length)
		return wait_for_more(s, have);
	*more = true;
	return header[0] == RECORD_CHANGE_CIPHER_SPEC ? take_ccs(s, length)
						      : take_sealed(s, length);
}

static bool take_records(struct reality_server *s)
{
	bool ok = true, more = true;

	while (ok && more && s->state == SESSION_FINISHED && !tls13_is_complete(s->engine))
		ok = take_record(s, &more);
	compact(s);
	return ok;
}

void session_take_finished(struct reality_server *s)
{
	if (!take_records(s)) {
		session_splice(s, REALITY_BAD_FINISHED);
		return;
	}
	if (!tls13_is_complete(s->engine))
		return;
	if (!session_imitate(s)) {
		session_splice(s, REALITY_BAD_FINISHED);
		return;
	}
	s->state = SESSION_DONE;
	s->result = REALITY_AUTHENTICATED;
}
