// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/engine.h"

#include <openssl/crypto.h>

enum {
	UPDATE_NOT_REQUESTED = 0,
	UPDATE_REQUESTED = 1,
	HELLO_BYTES_MAX = 65536,
	SMALL_MESSAGE_MAX = 16384, // of those without a chain
};

size_t engine_open(struct tls13 *t, uint8_t type)
{
	writer_u8(&t->out, type);
	return writer_open(&t->out, 3);
}

enum tls13_verdict engine_send(struct tls13 *t, size_t mark, enum tls13_level level)
{
	bool is_after = t->state == STATE_COMPLETE;

	writer_close(&t->out, mark, 3);
	if (t->out.failed)
		return TLS13_NO_MEMORY;
	if (!is_after && !transcript_add(&t->transcript, t->out.base, t->out.used))
		return TLS13_LIBRARY;
	t->events->send(t->events->user, level, t->out.base, t->out.used);
	t->out.used = 0;
	return TLS13_OK;
}

void engine_secret(struct tls13 *t, enum tls13_level level, enum tls13_direction direction,
	const uint8_t *secret)
{
	struct tls13_secret s = {.suite = t->suite->number, .length = t->suite->hash_bytes};

	memcpy(s.bytes, secret, s.length);
	if (direction == TLS13_READ)
		t->read_level = level;
	t->events->secret(t->events->user, level, direction, &s);
	crypto_wipe(&s, sizeof(s));
}

enum tls13_verdict engine_transcript(const struct tls13 *t, uint8_t *out)
{
	return transcript_hash(&t->transcript, &t->hash, NULL, 0, out) ? TLS13_OK : TLS13_LIBRARY;
}

enum tls13_verdict engine_add(struct tls13 *t, const struct message *m)
{
	return transcript_add(&t->transcript, m->whole, m->length) ? TLS13_OK : TLS13_LIBRARY;
}

static bool is_alpn_right(const struct tls13_config *config)
{
	for (size_t i = 0; config->alpn != NULL && i < config->alpn_count; i++) {
		size_t length = strlen(config->alpn[i]);

		if (length == 0 || length > TLS13_ALPN_MAX)
			return false;
	}
	return true;
}

int tls13_create(const struct tls13_config *config, bool is_client, const struct tls13_start *start,
	struct tls13 **out)
{
	struct tls13 *t;

	if ((start->name != NULL && (strlen(start->name) > TLS13_NAME_MAX || !*start->name)) ||
		start->transport_parameters_length > UINT16_MAX || !is_alpn_right(config) ||
		(!is_client && config->identity_count == 0 && config->choose == NULL &&
			start->mirror == NULL))
		return -EINVAL;
	t = OPENSSL_zalloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->config = config;
	t->events = start->events;
	t->browser = config->browser != NULL ? config->browser : &tls13_browser_plain;
	t->is_client = is_client;
	t->mirror = is_client ? NULL : start->mirror;
	t->state = is_client ? STATE_BEGIN : STATE_CLIENT_HELLO;
	t->in = writer_with(MESSAGE_HEADER_BYTES + TLS13_MESSAGE_MAX);
	t->out = writer_with(MESSAGE_HEADER_BYTES + TLS13_MESSAGE_MAX);
	t->transcript.messages = writer_with(4 * HELLO_BYTES_MAX);
	t->cookie = writer_with(UINT16_MAX);
	t->transport_parameters = writer_with(UINT16_MAX);
	writer_bytes(&t->transport_parameters, start->transport_parameters,
		start->transport_parameters_length);
	if (start->name != NULL)
		memcpy(t->name, start->name, strlen(start->name));
	t->hash.context = EVP_MD_CTX_new();
	if (t->hash.context == NULL || t->transport_parameters.failed) {
		tls13_destroy(t);
		return -ENOMEM;
	}
	// A session that is of no use is not an error: the handshake is a full one. A hello that is
	// sealed has no binder, which would cover the seal.
	if (is_client && start->session != NULL && start->events->seal_hello == NULL &&
		!session_restore(&t->session, cursor_over(start->session, start->session_length)))
		t->session.ticket_length = 0;
	*out = t;
	return 0;
}

void tls13_destroy(struct tls13 *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->key_count; i++)
		group_key_clear(&t->keys[i]);
	writer_clear(&t->in);
	writer_clear(&t->out);
	writer_clear(&t->cookie);
	writer_clear(&t->transport_parameters);
	transcript_fini(&t->transcript);
	chain_clear(&t->chain);
	EVP_PKEY_free(t->peer_key);
	EVP_MD_CTX_free(t->hash.context);
	OPENSSL_clear_free(t, sizeof(*t));
}

enum tls13_verdict tls13_begin(struct tls13 *t, int64_t now_ms)
{
	if (!t->is_client || t->state != STATE_BEGIN)
		return TLS13_MISUSE;
	t->now_ms = now_ms;
	if (t->session.ticket_length != 0 && !session_is_alive(&t->session, now_ms))
		t->session.ticket_length = 0;
	t->ended = hello_draw_make(t->browser, &t->config->random, &t->draw);
	if (t->ended == TLS13_OK)
		t->ended = client_send_hello(t);
	t->state = STATE_SERVER_HELLO;
	return t->ended;
}

// The longest body that this message may have: what is held of a peer is bounded by what it can
// have a use for.
static size_t bound_of(uint8_t type)
{
	switch (type) {
	case HANDSHAKE_CLIENT_HELLO:
		return HELLO_BYTES_MAX;
	case HANDSHAKE_CERTIFICATE:
	case HANDSHAKE_COMPRESSED_CERTIFICATE:
		return TLS13_MESSAGE_MAX;
	case HANDSHAKE_CERTIFICATE_REQUEST:
	case HANDSHAKE_NEW_SESSION_TICKET:
	case HANDSHAKE_SERVER_HELLO:
	case HANDSHAKE_ENCRYPTED_EXTENSIONS:
		return HELLO_BYTES_MAX;
	default:
		return SMALL_MESSAGE_MAX;
	}
}

// RFC 8446 4.6.3. Our own update answers a request, under the old key.
static enum tls13_verdict take_key_update(struct tls13 *t, const struct message *m)
{
	uint8_t *secret = t->application[t->is_client ? SERVER : CLIENT];
	struct cursor body = m->body;
	uint8_t request;

	if (t->config->quic) // RFC 9001 6
		return TLS13_MESSAGE_UNEXPECTED;
	if (!cursor_take_u8(&body, &request))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (request > UPDATE_REQUESTED)
		return TLS13_PARAMETER_BAD;
	if (!schedule_update(&t->hash, secret))
		return TLS13_LIBRARY;
	engine_secret(t, TLS13_APPLICATION, TLS13_READ, secret);
	return request == UPDATE_REQUESTED ? tls13_update_key(t, false) : TLS13_OK;
}

static enum tls13_verdict take(struct tls13 *t, const struct message *m)
{
	if (t->state != STATE_COMPLETE)
		return t->is_client ? client_take(t, m) : server_take(t, m);
	if (m->type == HANDSHAKE_KEY_UPDATE)
		return take_key_update(t, m);
	if (m->type == HANDSHAKE_NEW_SESSION_TICKET && t->is_client)
		return ticket_take(t, m);
	return TLS13_MESSAGE_UNEXPECTED;
}

// The next whole message of what is held. *got says whether there was one.
static enum tls13_verdict next(struct tls13 *t, size_t at, struct message *m, bool *got)
{
	struct cursor c = cursor_over(t->in.base + at, t->in.used - at);
	const uint8_t *header, *body;
	size_t length;

	*got = false;
	if (!cursor_take_span(&c, MESSAGE_HEADER_BYTES, &header))
		return TLS13_OK;
	length = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
	if (length > bound_of(header[0]))
		return TLS13_MESSAGE_TOO_LONG;
	if (!cursor_take_span(&c, length, &body))
		return TLS13_OK;
	*m = (struct message){.type = header[0],
		.body = cursor_over(body, length),
		.whole = header,
		.length = MESSAGE_HEADER_BYTES + length};
	*got = true;
	return TLS13_OK;
}

static enum tls13_verdict take_all(struct tls13 *t)
{
	enum tls13_level level = t->read_level;
	enum tls13_verdict v;
	struct message m;
	size_t at = 0;
	bool got;

	while ((v = next(t, at, &m, &got)) == TLS13_OK && got) {
		enum state before = t->state;

		v = take(t, &m);
		if (v != TLS13_OK)
			return v;
		at += m.length;
		// Messages do not cross a change of keys (RFC 8446 5.1).
		if (at != t->in.used &&
			(t->read_level != level || m.type == HANDSHAKE_KEY_UPDATE ||
				(before != t->state && t->state == STATE_SECOND_HELLO)))
			return TLS13_MESSAGE_SPANS_KEYS;
	}
	if (v != TLS13_OK)
		return v;
	if (at != 0)
		memmove(t->in.base, t->in.base + at, t->in.used - at);
	t->in.used -= at;
	return TLS13_OK;
}

enum tls13_verdict tls13_input(struct tls13 *t, enum tls13_level level, const uint8_t *bytes,
	size_t length, int64_t now_ms)
{
	if (t->ended != TLS13_OK)
		return t->ended;
	t->now_ms = now_ms;
	if (t->state == STATE_BEGIN)
		return t->ended = TLS13_MISUSE;
	// In pieces, so that what is held stays within a message's bound whatever is pushed at
	// once.
	while (length != 0) {
		size_t piece = length < SMALL_MESSAGE_MAX ? length : SMALL_MESSAGE_MAX;

		if (level != t->read_level)
			return t->ended = TLS13_LEVEL_UNEXPECTED;
		piece = piece < t->in.limit - t->in.used ? piece : t->in.limit - t->in.used;
		writer_bytes(&t->in, bytes, piece);
		t->ended = t->in.failed ? TLS13_NO_MEMORY : take_all(t);
		if (t->ended != TLS13_OK)
			return t->ended;
		bytes += piece;
		length -= piece;
	}
	return TLS13_OK;
}

bool tls13_is_complete(const struct tls13 *t)
{
	return t->state == STATE_COMPLETE && t->ended == TLS13_OK;
}

bool tls13_is_inside_message(const struct tls13 *t)
{
	return t->in.used != 0;
}

bool tls13_early_data_follows(const struct tls13 *t)
{
	return t->early_data;
}

enum tls13_verdict tls13_update_key(struct tls13 *t, bool request)
{
	uint8_t *secret = t->application[t->is_client ? CLIENT : SERVER];
	enum tls13_verdict v;
	size_t mark;

	if (!tls13_is_complete(t) || t->config->quic)
		return TLS13_MISUSE;
	mark = engine_open(t, HANDSHAKE_KEY_UPDATE);
	writer_u8(&t->out, request ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED);
	v = engine_send(t, mark, TLS13_APPLICATION);
	if (v == TLS13_OK && !schedule_update(&t->hash, secret))
		v = TLS13_LIBRARY;
	if (v == TLS13_OK)
		engine_secret(t, TLS13_APPLICATION, TLS13_WRITE, secret);
	return v;
}

enum tls13_verdict tls13_export(const struct tls13 *t, const char *label, const uint8_t *context,
	size_t context_length, uint8_t *out, size_t length)
{
	if (!tls13_is_complete(t))
		return TLS13_MISUSE;
	return schedule_export(&t->hash, t->exporter, label, context, context_length, out, length)
		       ? TLS13_OK
		       : TLS13_LIBRARY;
}

void tls13_summary(const struct tls13 *t, struct tls13_summary *out)
{
	*out = (struct tls13_summary){
		.suite = t->suite != NULL ? t->suite->number : 0,
		.group = t->group,
		.scheme = t->peer_scheme,
		.retried = t->retried,
		.resumed = t->resumed,
		.alpn = t->alpn,
		.name = t->name,
		.chain = t->chain.certificates,
		.chain_count = t->chain.count,
	};
}
