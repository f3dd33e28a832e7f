// SPDX-License-Identifier: BSD-3-Clause
// Resumption (RFC 8446 2.2, 4.2.11, 4.6.1): sessions as a client keeps them, and as a server seals
// them into tickets, so that it keeps nothing.
#include "tls13/engine.h"

enum {
	SESSION_FORMAT = 1,
	LIFETIME_MAX_S = 604800, // seven days (RFC 8446 4.6.1)
	LIFETIME_DEFAULT_S = 7200,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	SEALED_BYTES_MAX = 128,
	IDENTITIES_MAX = 8, // of a hello, that are tried
	CLOCK_SLACK_MS = 60000,
};

static void write_u64(struct writer *w, uint64_t value)
{
	writer_u32(w, (uint32_t)(value >> 32));
	writer_u32(w, (uint32_t)value);
}

// What both ends' sessions have in common.
static void session_write(const struct session *s, uint32_t psk_bytes, struct writer *w)
{
	writer_u8(w, SESSION_FORMAT);
	writer_u16(w, s->suite);
	writer_bytes(w, s->psk, psk_bytes);
	writer_u32(w, s->age_add);
	writer_u32(w, s->lifetime_s);
	write_u64(w, (uint64_t)s->made_ms);
}

static bool session_read(struct session *s, struct cursor *c)
{
	const struct suite *suite;
	const uint8_t *psk;
	uint32_t high, low;
	uint8_t format;

	if (!cursor_take_u8(c, &format) || format != SESSION_FORMAT ||
		!cursor_take_u16(c, &s->suite))
		return false;
	suite = suite_find(s->suite);
	if (suite == NULL || !cursor_take_span(c, suite->hash_bytes, &psk) ||
		!cursor_take_u32(c, &s->age_add) || !cursor_take_u32(c, &s->lifetime_s) ||
		!cursor_take_u32(c, &high) || !cursor_take_u32(c, &low))
		return false;
	memcpy(s->psk, psk, suite->hash_bytes);
	s->made_ms = (int64_t)((uint64_t)high << 32 | low);
	return true;
}

bool session_is_alive(const struct session *s, int64_t now_ms)
{
	// Unsigned: a time of foreign bytes may be far away, and wraps to an age beyond all.
	uint64_t age = (uint64_t)now_ms + CLOCK_SLACK_MS - (uint64_t)s->made_ms;

	return age < (uint64_t)s->lifetime_s * 1000 + CLOCK_SLACK_MS;
}

bool session_restore(struct session *s, struct cursor bytes)
{
	struct cursor ticket;

	if (!session_read(s, &bytes) || !cursor_take_vector(&bytes, 2, &ticket) ||
		cursor_left(&bytes) != 0 || cursor_left(&ticket) == 0 ||
		cursor_left(&ticket) > TICKET_BYTES_MAX)
		return false;
	memcpy(s->ticket, ticket.p, cursor_left(&ticket));
	s->ticket_length = (uint16_t)cursor_left(&ticket);
	return true;
}

// The MAC over the hello up to its binders, and all before it, under a session's own hash.
static bool binder_of(
	struct tls13 *t, const struct session *s, const uint8_t *hello, size_t length, uint8_t *out)
{
	const struct suite *suite = suite_find(s->suite);
	struct hasher h = {.md = suite_md(t->config->library, suite),
		.context = t->hash.context,
		.bytes = suite->hash_bytes};
	uint8_t transcript[SECRET_BYTES_MAX], key[SECRET_BYTES_MAX];
	struct schedule schedule;
	bool ok = t->retried ? transcript_hash(&t->transcript, &h, hello, length, transcript)
			     : hasher_hash(&h, hello, length, transcript);

	ok = ok && schedule_early(&schedule, &h, s->psk, h.bytes) &&
	     schedule_derive(&schedule, "res binder", NULL, key) &&
	     schedule_finished(&h, key, transcript, out);
	crypto_wipe(&schedule, sizeof(schedule));
	crypto_wipe(key, sizeof(key));
	return ok;
}

enum tls13_verdict session_bind(struct tls13 *t, uint8_t *hello, size_t length)
{
	uint32_t bytes = suite_find(t->session.suite)->hash_bytes;

	// Behind what is hashed: the list's length, the binder's length, the binder.
	return binder_of(t, &t->session, hello, length - bytes - 3, hello + length - bytes)
		       ? TLS13_OK
		       : TLS13_LIBRARY;
}

// RFC 8446 4.6.1.
enum tls13_verdict ticket_take(struct tls13 *t, const struct message *m)
{
	struct session s = {.suite = t->suite->number, .made_ms = t->now_ms};
	struct cursor body = m->body, nonce, ticket, block;
	struct writer w = writer_with(2 * TICKET_BYTES_MAX);
	struct extensions e;
	enum tls13_verdict v;

	if (!cursor_take_u32(&body, &s.lifetime_s) || !cursor_take_u32(&body, &s.age_add) ||
		!cursor_take_vector(&body, 1, &nonce) || !cursor_take_vector(&body, 2, &ticket) ||
		!cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&ticket) == 0)
		return TLS13_FIELD_EMPTY;
	v = extensions_parse(block, NULL, &e);
	if (v != TLS13_OK)
		return v;
	// One that is not for keeping is passed over.
	if (t->events->ticket == NULL || s.lifetime_s == 0 ||
		cursor_left(&ticket) > TICKET_BYTES_MAX || cursor_left(&nonce) > SECRET_BYTES_MAX)
		return TLS13_OK;
	s.lifetime_s = u32_min(s.lifetime_s, LIFETIME_MAX_S);
	if (!hkdf_expand(&t->hash, t->resumption, "resumption", nonce.p, cursor_left(&nonce), s.psk,
		    t->hash.bytes))
		return TLS13_LIBRARY;
	session_write(&s, t->hash.bytes, &w);
	writer_u16(&w, (uint16_t)cursor_left(&ticket));
	writer_bytes(&w, ticket.p, cursor_left(&ticket));
	if (!w.failed)
		t->events->ticket(t->events->user, w.base, w.used);
	v = w.failed ? TLS13_NO_MEMORY : TLS13_OK;
	writer_clear(&w);
	crypto_wipe(&s, sizeof(s));
	return v;
}

// A ticket is nonce, AES-256-GCM of the session and of the hash of the server's name, tag.
static bool ticket_crypt(const struct tls13 *t, const uint8_t *key, bool seal, const uint8_t *nonce,
	const uint8_t *in, size_t length, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t end[TAG_BYTES];
	int n;
	bool ok = c != NULL &&
		  EVP_CipherInit_ex2(c, t->config->library->aes_256_gcm, key, nonce, seal ? 1 : 0,
			  NULL) == 1 &&
		  EVP_CipherUpdate(c, out, &n, in, (int)length) == 1 &&
		  (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1) &&
		  EVP_CipherFinal_ex(c, end, &n) == 1 &&
		  (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) == 1);

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool name_hash(const struct tls13 *t, uint8_t out[32])
{
	struct hasher h = {
		.md = t->config->library->sha256, .context = t->hash.context, .bytes = 32};

	return hasher_hash(&h, (const uint8_t *)t->name, strlen(t->name), out);
}

// A session out of a ticket that any of our keys sealed, for this name, still in its time.
static bool ticket_open(const struct tls13 *t, struct cursor ticket, struct session *s)
{
	uint8_t plain[SEALED_BYTES_MAX], tag[TAG_BYTES], name[32];
	const uint8_t *nonce, *sealed, *sealed_tag, *sealed_name;
	size_t length = cursor_left(&ticket) - NONCE_BYTES - TAG_BYTES;
	struct cursor c;
	bool ok = false;

	if (cursor_left(&ticket) <= NONCE_BYTES + TAG_BYTES || length > sizeof(plain) ||
		!cursor_take_span(&ticket, NONCE_BYTES, &nonce) ||
		!cursor_take_span(&ticket, length, &sealed) ||
		!cursor_take_span(&ticket, TAG_BYTES, &sealed_tag))
		return false;
	memcpy(tag, sealed_tag, TAG_BYTES);
	for (uint8_t i = 0; !ok && i < t->config->ticket_key_count; i++)
		ok = ticket_crypt(
			t, t->config->ticket_keys[i], false, nonce, sealed, length, plain, tag);
	c = cursor_over(plain, length);
	ok = ok && session_read(s, &c) && cursor_take_span(&c, sizeof(name), &sealed_name) &&
	     name_hash(t, name) && memcmp(name, sealed_name, sizeof(name)) == 0 &&
	     session_is_alive(s, t->now_ms);
	crypto_wipe(plain, sizeof(plain));
	return ok;
}

static enum tls13_verdict check_binder(struct tls13 *t, const struct client_hello *h,
	const struct message *m, const struct session *s, uint32_t index)
{
	uint8_t binder[SECRET_BYTES_MAX];
	struct cursor list = h->psk_binders, given;

	for (uint32_t i = 0; i <= index; i++) {
		if (!cursor_take_vector(&list, 1, &given))
			return TLS13_PARAMETER_BAD;
	}
	if (!binder_of(t, s, m->whole, (size_t)(h->binders_at - m->whole), binder))
		return TLS13_LIBRARY;
	return cursor_left(&given) == t->hash.bytes && crypto_equal(binder, given.p, t->hash.bytes)
		       ? TLS13_OK
		       : TLS13_BINDER_BAD;
}

enum tls13_verdict ticket_find(struct tls13 *t, const struct client_hello *h,
	const struct message *m, struct session *out, int *index)
{
	struct cursor list = h->psk_identities, ticket;
	enum tls13_verdict v;

	*index = -1;
	for (uint32_t i = 0; i < IDENTITIES_MAX && cursor_take_vector(&list, 2, &ticket); i++) {
		if (!cursor_skip(&list, 4) || !ticket_open(t, ticket, out) ||
			suite_find(out->suite)->hash_bytes != t->hash.bytes ||
			!list_has_u16(h->suites, out->suite))
			continue;
		v = check_binder(t, h, m, out, i);
		if (v == TLS13_OK)
			*index = (int)i;
		return v;
	}
	return TLS13_OK;
}

// Seals a session made of the nonce that the ticket names.
static bool ticket_seal(struct tls13 *t, uint8_t number, struct session *s, struct writer *w)
{
	struct writer plain = writer_with(SEALED_BYTES_MAX);
	uint8_t nonce[NONCE_BYTES], name[32], *room;
	bool ok = hkdf_expand(&t->hash, t->resumption, "resumption", &number, 1, s->psk,
			  t->hash.bytes) &&
		  name_hash(t, name) && randomness_fill(&t->config->random, nonce, sizeof(nonce));

	session_write(s, t->hash.bytes, &plain);
	writer_bytes(&plain, name, sizeof(name));
	writer_bytes(w, nonce, sizeof(nonce));
	room = writer_room(w, plain.used + TAG_BYTES);
	ok = ok && room != NULL && !plain.failed &&
	     ticket_crypt(t, t->config->ticket_keys[0], true, nonce, plain.base, plain.used, room,
		     room + plain.used);
	writer_clear(&plain);
	return ok;
}

enum tls13_verdict ticket_send(struct tls13 *t)
{
	uint32_t configured = t->config->ticket_lifetime_s;
	struct session s = {.suite = t->suite->number,
		.made_ms = t->now_ms,
		.lifetime_s =
			u32_min(configured != 0 ? configured : LIFETIME_DEFAULT_S, LIFETIME_MAX_S)};
	uint8_t number = (uint8_t)t->tickets_sent++;
	size_t mark = engine_open(t, HANDSHAKE_NEW_SESSION_TICKET), field;
	bool ok = randomness_fill(&t->config->random, (uint8_t *)&s.age_add, sizeof(s.age_add));

	writer_u32(&t->out, s.lifetime_s);
	writer_u32(&t->out, s.age_add);
	writer_u8(&t->out, 1);
	writer_u8(&t->out, number);
	field = writer_open(&t->out, 2);
	ok = ok && ticket_seal(t, number, &s, &t->out);
	writer_close(&t->out, field, 2);
	writer_u16(&t->out, 0); // no early data
	crypto_wipe(&s, sizeof(s));
	return ok ? engine_send(t, mark, TLS13_APPLICATION) : TLS13_LIBRARY;
}
