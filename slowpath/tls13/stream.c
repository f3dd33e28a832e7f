// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/stream.h"

#include <openssl/crypto.h>

enum {
	RECORDS_IDLE_MAX = 32, // in a row that carry no handshake bytes
	// Of early data that was refused, to be passed over (RFC 8446 4.2.10).
	SKIP_BYTES_MAX = 16384,
	OUTPUT_MAX = 4 * TLS13_MESSAGE_MAX,
	FIRST_VERSION = 0x0301, // of a first hello's record (RFC 8446 5.1)
};

struct tls13_stream {
	struct tls13 *engine;
	const struct tls13_config *config;
	struct tls13_events events; // ours, over the caller's
	const struct tls13_events *outer;
	bool is_client;
	enum tls13_verdict ended;
	uint8_t peer_alert;

	struct writer in; // a record that is not whole
	struct record_key read_key, write_key;
	struct tls13_secret read_secret, write_secret;
	enum tls13_level read_level;
	uint32_t idle;
	uint32_t skipped;
	bool skipping; // refused early data may come
	bool opened;   // a record was opened since the last key

	struct writer flight; // handshake bytes of one level, not yet in records
	struct writer out;
	bool said_hello, said_ccs, library_failed;
};

static void say_ccs(struct tls13_stream *s)
{
	if (s->said_ccs)
		return;
	record_write_plain(&s->out, RECORD_CHANGE_CIPHER_SPEC, VERSION_1_2, (uint8_t[]){1}, 1);
	s->said_ccs = true;
}

// Turns what waits into records under the key that is now. For middleboxes that expect it (RFC 8446
// D.4) a server's change_cipher_spec is behind its first message, a client's before its second
// flight.
static void flush(struct tls13_stream *s)
{
	uint16_t version = s->is_client && !s->said_hello ? FIRST_VERSION : VERSION_1_2;
	bool plain = s->write_key.context == NULL;

	if (s->flight.used == 0)
		return;
	if (s->is_client && s->said_hello)
		say_ccs(s);
	for (size_t at = 0, n; at < s->flight.used; at += n) {
		n = s->flight.used - at < RECORD_PLAIN_MAX ? s->flight.used - at : RECORD_PLAIN_MAX;
		if (plain)
			record_write_plain(
				&s->out, RECORD_HANDSHAKE, version, s->flight.base + at, n);
		else if (!record_seal(&s->write_key, &s->out, RECORD_HANDSHAKE, s->flight.base + at,
				 n, 0))
			s->library_failed = true;
	}
	s->flight.used = 0;
	if (!s->is_client)
		say_ccs(s);
	s->said_hello = true;
}

static void on_send(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	struct tls13_stream *s = user;

	writer_bytes(&s->flight, message, length);
}

static void on_secret(void *user, enum tls13_level level, enum tls13_direction direction,
	const struct tls13_secret *secret)
{
	struct tls13_stream *s = user;
	bool writes = direction == TLS13_WRITE;

	if (writes)
		flush(s);
	else
		s->read_level = level;
	*(writes ? &s->write_secret : &s->read_secret) = *secret;
	if (!record_key_set(
		    s->config->library, writes, secret, writes ? &s->write_key : &s->read_key))
		s->library_failed = true;
	if (!writes)
		s->opened = false;
}

static void on_ticket(void *user, const uint8_t *session, size_t length)
{
	struct tls13_stream *s = user;

	s->outer->ticket(s->outer->user, session, length);
}

static void on_key_log(void *user, const char *label, const uint8_t client_random[RANDOM_BYTES],
	const uint8_t *secret, size_t length)
{
	struct tls13_stream *s = user;

	s->outer->key_log(s->outer->user, label, client_random, secret, length);
}

static bool on_seal(void *user, uint8_t *hello, size_t length, const uint8_t x25519[X25519_BYTES])
{
	struct tls13_stream *s = user;

	return s->outer->seal_hello(s->outer->user, hello, length, x25519);
}

int tls13_stream_create(const struct tls13_config *config, bool is_client,
	const struct tls13_start *start, struct tls13_stream **out)
{
	struct tls13_stream *s = OPENSSL_zalloc(sizeof(*s));
	struct tls13_start inner = *start;
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->config = config;
	s->is_client = is_client;
	s->outer = start->events;
	s->events = (struct tls13_events){.user = s, .send = on_send, .secret = on_secret};
	if (s->outer->ticket != NULL)
		s->events.ticket = on_ticket;
	if (s->outer->key_log != NULL)
		s->events.key_log = on_key_log;
	if (s->outer->seal_hello != NULL)
		s->events.seal_hello = on_seal;
	inner.events = &s->events;
	s->in = writer_with(RECORD_HEADER_BYTES + RECORD_CIPHER_MAX);
	s->flight = writer_with(OUTPUT_MAX);
	s->out = writer_with(OUTPUT_MAX);
	rc = tls13_create(config, is_client, &inner, &s->engine);
	if (rc != 0) {
		OPENSSL_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void tls13_stream_destroy(struct tls13_stream *s)
{
	if (s == NULL)
		return;
	tls13_destroy(s->engine);
	record_key_clear(&s->read_key);
	record_key_clear(&s->write_key);
	writer_clear(&s->in);
	writer_clear(&s->flight);
	writer_clear(&s->out);
	OPENSSL_clear_free(s, sizeof(*s));
}

// What a call ends with: all that waits is in the output, and the alert that a fault owes.
static enum tls13_verdict settle(struct tls13_stream *s, enum tls13_verdict v)
{
	enum tls13_alert description;
	uint8_t alert[2] = {2};

	flush(s);
	if (v == TLS13_OK && (s->library_failed || s->flight.failed || s->out.failed))
		v = s->library_failed ? TLS13_LIBRARY : TLS13_NO_MEMORY;
	s->ended = v;
	description = tls13_verdict_alert(v);
	if (description == TLS13_ALERT_NONE)
		return v;
	alert[1] = (uint8_t)description;
	if (s->is_client && s->write_key.context != NULL)
		say_ccs(s);
	if (s->write_key.context == NULL)
		record_write_plain(&s->out, RECORD_ALERT, VERSION_1_2, alert, sizeof(alert));
	else if (!record_seal(&s->write_key, &s->out, RECORD_ALERT, alert, sizeof(alert), 0))
		s->out.failed = true;
	return v;
}

enum tls13_verdict tls13_stream_begin(struct tls13_stream *s, int64_t now_ms)
{
	return settle(s, tls13_begin(s->engine, now_ms));
}

static enum tls13_verdict take_alert(struct tls13_stream *s, const uint8_t *content, size_t length)
{
	if (length != 2)
		return TLS13_ALERT_BAD;
	s->peer_alert = content[1];
	if (content[1] == TLS13_ALERT_CLOSE_NOTIFY)
		return TLS13_PEER_CLOSED;
	if (content[1] != TLS13_ALERT_USER_CANCELED)
		return TLS13_PEER_ALERT;
	// user_canceled only says that a close follows (RFC 8446 6.1).
	return ++s->idle > RECORDS_IDLE_MAX ? TLS13_RECORD_FLOOD : TLS13_OK;
}

static enum tls13_verdict take_content(
	struct tls13_stream *s, uint8_t type, const uint8_t *content, size_t length, int64_t now_ms)
{
	if (type != RECORD_HANDSHAKE && tls13_is_inside_message(s->engine))
		return TLS13_RECORD_INTERLEAVED;
	if (type == RECORD_ALERT)
		return take_alert(s, content, length);
	if (type != RECORD_HANDSHAKE)
		return TLS13_RECORD_TYPE;
	if (length == 0)
		return TLS13_RECORD_EMPTY;
	s->idle = 0;
	return tls13_input(s->engine, s->read_level, content, length, now_ms);
}

// RFC 8446 5 and D.4: one byte 1, between the first hello and the peer's Finished.
static enum tls13_verdict take_ccs(struct tls13_stream *s, const uint8_t *body, size_t length)
{
	bool before_hello = !s->is_client && !s->said_hello;

	if (length != 1 || body[0] != 1 || before_hello || tls13_is_inside_message(s->engine))
		return TLS13_RECORD_TYPE;
	return ++s->idle > RECORDS_IDLE_MAX ? TLS13_RECORD_FLOOD : TLS13_OK;
}

// Early data that a refusal made worthless (RFC 8446 4.2.10).
static enum tls13_verdict skip(struct tls13_stream *s, size_t length, enum tls13_verdict otherwise)
{
	length += RECORD_HEADER_BYTES;
	if (!s->skipping || s->skipped + length > SKIP_BYTES_MAX)
		return otherwise;
	s->skipped += (uint32_t)length;
	return TLS13_OK;
}

static enum tls13_verdict take_sealed(
	struct tls13_stream *s, uint8_t *record, size_t length, int64_t now_ms)
{
	uint64_t sequence = s->read_key.sequence;
	uint8_t *body = record + RECORD_HEADER_BYTES, type;
	size_t n = length;
	enum tls13_verdict v;

	if (s->read_key.context == NULL)
		return skip(s, length, TLS13_RECORD_TYPE);
	v = record_open(&s->read_key, record, body, &n, &type);
	if (v == TLS13_RECORD_BAD && s->skipping && !s->opened) {
		s->read_key.sequence = sequence;
		return skip(s, length, v);
	}
	if (v != TLS13_OK)
		return v;
	s->opened = true;
	s->skipping = false;
	return take_content(s, type, body, n, now_ms);
}

static enum tls13_verdict take_record(struct tls13_stream *s, int64_t now_ms)
{
	uint8_t *record = s->in.base, *body = record + RECORD_HEADER_BYTES, type = record[0];
	size_t length = s->in.used - RECORD_HEADER_BYTES;
	bool plain = s->read_key.context == NULL;

	if (type == RECORD_CHANGE_CIPHER_SPEC)
		return take_ccs(s, body, length);
	if (type == RECORD_APPLICATION_DATA)
		return take_sealed(s, record, length, now_ms);
	// A client that could not read our hello says so in the clear.
	if (!plain && (type != RECORD_ALERT || s->opened || s->is_client))
		return TLS13_RECORD_TYPE;
	if (length > RECORD_PLAIN_MAX)
		return TLS13_RECORD_TOO_LONG;
	return take_content(s, type, body, length, now_ms);
}

// A header is judged as soon as it is whole: a length that may not be is not waited for.
static enum tls13_verdict check_header(const uint8_t *header)
{
	uint16_t length = be16_to_host(be16_load(header + 3));

	if (header[0] < RECORD_CHANGE_CIPHER_SPEC || header[0] > RECORD_APPLICATION_DATA)
		return TLS13_RECORD_TYPE;
	if (header[1] != 3)
		return TLS13_RECORD_VERSION;
	return length > RECORD_CIPHER_MAX ? TLS13_RECORD_TOO_LONG : TLS13_OK;
}

// Fills `in` up to need bytes from what there is. Whether it has them.
static bool gather(struct tls13_stream *s, struct cursor *c, size_t need)
{
	size_t n = need - s->in.used;

	if (s->in.used >= need)
		return true;
	if (cursor_left(c) == 0)
		return false;
	n = n < cursor_left(c) ? n : cursor_left(c);
	writer_bytes(&s->in, c->p, n);
	return cursor_skip(c, n) && s->in.used == need;
}

enum tls13_verdict tls13_stream_input(
	struct tls13_stream *s, const uint8_t *bytes, size_t length, int64_t now_ms, size_t *taken)
{
	struct cursor c = cursor_over(bytes, length);
	enum tls13_verdict v = s->ended;

	while (v == TLS13_OK && !tls13_is_complete(s->engine) && !s->in.failed &&
		gather(s, &c, RECORD_HEADER_BYTES)) {
		v = check_header(s->in.base);
		if (v != TLS13_OK ||
			!gather(s, &c,
				RECORD_HEADER_BYTES + be16_to_host(be16_load(s->in.base + 3))))
			break;
		v = take_record(s, now_ms);
		s->in.used = 0;
		if (v == TLS13_OK && tls13_early_data_follows(s->engine) && !s->opened)
			s->skipping = true;
	}
	*taken = length - cursor_left(&c);
	if (s->ended != TLS13_OK)
		return s->ended;
	return settle(s, s->in.failed ? TLS13_NO_MEMORY : v);
}

size_t tls13_stream_output(const struct tls13_stream *s, const uint8_t **bytes)
{
	*bytes = s->out.base;
	return s->out.used;
}

void tls13_stream_sent(struct tls13_stream *s, size_t n)
{
	memmove(s->out.base, s->out.base + n, s->out.used - n);
	s->out.used -= n;
}

bool tls13_stream_is_complete(const struct tls13_stream *s)
{
	return s->ended == TLS13_OK && tls13_is_complete(s->engine);
}

uint8_t tls13_stream_peer_alert(const struct tls13_stream *s)
{
	return s->peer_alert;
}

struct tls13 *tls13_stream_engine(struct tls13_stream *s)
{
	return s->engine;
}

void tls13_stream_keys(
	const struct tls13_stream *s, struct tls13_stream_key *in, struct tls13_stream_key *out)
{
	// One by one: a whole struct would be put together on the stack first, and stay there.
	in->secret = s->read_secret;
	in->sequence = s->read_key.sequence;
	out->secret = s->write_secret;
	out->sequence = s->write_key.sequence;
}
