// SPDX-License-Identifier: BSD-3-Clause
#include "reality/session.h"

#include <openssl/crypto.h>

enum {
	HELD_MAX = 131072, // of a client's bytes that are not judged
	SENT_MAX = 131072, // to a client, of one call
};

int reality_server_create(const struct reality_server_config *config, struct reality_server **out)
{
	struct reality_server *s = OPENSSL_zalloc(sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->config = config;
	s->in = writer_with(HELD_MAX);
	s->hello = writer_with(MESSAGE_HEADER_BYTES + HELLO_BYTES_MAX);
	s->target_in = writer_with(RECORD_HEADER_BYTES + RECORD_PLAIN_MAX);
	s->record = writer_with(RECORD_HEADER_BYTES + RECORD_CIPHER_MAX);
	s->to_client = writer_with(SENT_MAX);
	s->imitated = writer_with(SENT_MAX);
	*out = s;
	return 0;
}

void reality_server_destroy(struct reality_server *s)
{
	if (s == NULL)
		return;
	if (s->claimed && s->result != REALITY_AUTHENTICATED)
		reality_replay_release(s->config->replay, &s->print);
	tls13_destroy(s->engine);
	tls13_identity_destroy(s->identity);
	flight_fini(&s->flight);
	record_key_clear(&s->open);
	record_key_clear(&s->seal_handshake);
	record_key_clear(&s->seal_application);
	writer_clear(&s->in);
	writer_clear(&s->hello);
	writer_clear(&s->target_in);
	writer_clear(&s->record);
	writer_clear(&s->to_client);
	writer_clear(&s->imitated);
	writer_clear(&s->answer);
	OPENSSL_clear_free(s, sizeof(*s));
}

void session_splice(struct reality_server *s, enum reality_result result)
{
	s->state = SESSION_DONE;
	s->result = result;
}

// What is missing when a handshake ends early.
static enum reality_result missing(const struct reality_server *s)
{
	switch (s->state) {
	case SESSION_HELLO:
		return REALITY_VERSION;
	case SESSION_ANSWER:
		return REALITY_TARGET_SHAPE;
	default:
		return REALITY_BAD_FINISHED;
	}
}

// What is complete stays so.
void reality_server_end(struct reality_server *s)
{
	if (s->state != SESSION_DONE)
		session_splice(s, missing(s));
}

void reality_server_client_end(struct reality_server *s)
{
	if (s->state != SESSION_LEAVE)
		reality_server_end(s);
}

static void take_client(struct reality_server *s, const uint8_t *bytes, size_t length)
{
	if (s->state == SESSION_LEAVE) {
		session_pass_client(s, length);
		return;
	}
	writer_bytes(&s->in, bytes, length);
	if (s->in.failed) {
		reality_server_end(s);
		return;
	}
	if (s->state == SESSION_HELLO)
		session_take_hello(s);
}

void reality_server_input(struct reality_server *s, enum reality_side side, const uint8_t *bytes,
	size_t length, int64_t now_ms)
{
	if (s->state == SESSION_DONE || length == 0)
		return;
	s->now_ms = now_ms;
	if (side == REALITY_CLIENT)
		take_client(s, bytes, length);
	else if (s->state == SESSION_HELLO) // a target that speaks first is none for us
		session_splice(s, REALITY_TARGET_SHAPE);
	else
		session_take_target(s, cursor_over(bytes, length));
	if (s->state == SESSION_FINISHED)
		session_take_finished(s);
	if (s->target_in.failed)
		reality_server_end(s);
}

// The next of the records that are imitated.
static void say_imitated(struct reality_server *s, struct reality_action *out)
{
	const uint8_t *record = s->imitated.base + s->imitated_sent;
	size_t length = RECORD_HEADER_BYTES + (size_t)be16_to_host(be16_load(record + 3));

	out->kind = REALITY_SEND;
	out->bytes = cursor_over(record, length);
	s->imitated_sent += length;
}

static void say_open(const struct reality_server *s, struct reality_action *out)
{
	out->kind = REALITY_OPEN;
	// One by one: a whole struct would be put together on the stack first, and stay there.
	out->in.secret = s->client_application;
	out->out.secret = s->server_application;
	out->out.sequence = s->seal_application.sequence;
}

bool reality_server_next(struct reality_server *s, struct reality_action *out)
{
	// A splice brings the client's bytes on in the segments that they came in.
	if (s->state == SESSION_DONE && s->result != REALITY_AUTHENTICATED)
		s->forward = s->told_forward;
	*out = (struct reality_action){.client = s->forward, .target = s->target_done};
	if (s->forward != s->told_forward) {
		out->kind = s->state == SESSION_LEAVE ? REALITY_LEAVE : REALITY_FORWARD;
		s->told_forward = s->forward;
		return true;
	}
	if (s->to_client.used != 0) {
		out->kind = REALITY_SEND;
		out->bytes = writer_cursor(&s->to_client);
		s->to_client.used = 0;
		return true;
	}
	if (s->imitated_sent < s->imitated.used) {
		say_imitated(s, out);
		return true;
	}
	if (s->state != SESSION_DONE || s->told_end)
		return false;
	s->told_end = true;
	out->kind = REALITY_SPLICE;
	if (s->result == REALITY_AUTHENTICATED) {
		out->client = s->judged;
		say_open(s, out);
	}
	return true;
}

enum reality_result reality_server_result(const struct reality_server *s)
{
	return s->result;
}

void reality_server_summary(const struct reality_server *s, struct reality_summary *out)
{
	struct tls13_summary tls = {0};

	if (s->engine != NULL)
		tls13_summary(s->engine, &tls);
	*out = (struct reality_summary){.name = s->admission.name,
		.tag = s->admission.tag,
		.suite = tls.suite,
		.group = tls.group};
}
