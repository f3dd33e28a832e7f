// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/sessions.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "crypto/secret.h"
#include "tls13/crypto.h"

enum {
	NEW_SESSION_TICKET = 4,
	// ASN.1 (X.690), as far as a session has it.
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_SEQUENCE = 0x30,
	DER_CONTEXT = 0xa0,
	// Members of OpenSSL's SSL_SESSION.
	MEMBER_TIME = 1,
	MEMBER_TIMEOUT = 2,
	MEMBER_LIFETIME = 9,
	MEMBER_TICKET = 10,
	MEMBER_AGE_ADD = 14,
	SESSION_FORMAT = 1,
};

// One that is kept. length 0: the place is free.
struct kept {
	int64_t until;    // Unix time in seconds
	uint64_t order;   // the newest has the highest
	uint16_t version; // as on the wire
	uint16_t length;
	char target[SLOW_TARGET_BYTES];
	uint8_t bytes[TLS_SESSION_BYTES_MAX]; // i2d_SSL_SESSION's
};

struct tls_sessions {
	struct memory memory;
	struct kept *kept;
	pthread_mutex_t lock;
	uint64_t order;
};

int tls_sessions_create(struct tls_sessions **out)
{
	struct tls_sessions *s = calloc(1, sizeof(*s));
	int status = s ? secret_map(TLS_SESSIONS * sizeof(struct kept), &s->memory) : -ENOMEM;

	if (status) {
		free(s);
		return status;
	}
	s->kept = s->memory.base;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void tls_sessions_destroy(struct tls_sessions *sessions)
{
	if (!sessions)
		return;
	secret_unmap(&sessions->memory);
	pthread_mutex_destroy(&sessions->lock);
	free(sessions);
}

// A place for a new one: free, the oldest one's of a target that has enough, or the oldest one's.
static struct kept *place_for(
	struct tls_sessions *s, const char *target, uint16_t version, int64_t now)
{
	uint32_t most = version == TLS1_3_VERSION ? TLS_SESSIONS_OF_TARGET : 1, of_target = 0;
	struct kept *place = s->kept, *oldest = NULL;

	for (struct kept *k = s->kept; k < s->kept + TLS_SESSIONS; k++) {
		if (k->length > 0 && k->until <= now)
			secret_wipe(k, sizeof(*k));
		if (k->order < place->order)
			place = k;
		if (k->length == 0 || k->version != version || strcmp(k->target, target) != 0)
			continue;
		of_target++;
		if (!oldest || k->order < oldest->order)
			oldest = k;
	}
	place = of_target >= most ? oldest : place;
	secret_wipe(place, sizeof(*place));
	return place;
}

static void keep(struct tls_sessions *s, const char *target, uint16_t version, const uint8_t *bytes,
	size_t length, int64_t lifetime, int64_t now)
{
	struct kept *k;

	if (length == 0 || length > TLS_SESSION_BYTES_MAX || lifetime <= 0)
		return;
	pthread_mutex_lock(&s->lock);
	k = place_for(s, target, version, now);
	k->order = ++s->order;
	k->until = now + (lifetime < TLS_SESSION_LIFETIME_S ? lifetime : TLS_SESSION_LIFETIME_S);
	k->version = version;
	k->length = (uint16_t)length;
	snprintf(k->target, sizeof(k->target), "%s", target);
	memcpy(k->bytes, bytes, length);
	pthread_mutex_unlock(&s->lock);
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, const char *target, int64_t now)
{
	struct kept *newest = NULL;
	SSL_SESSION *session = NULL;

	pthread_mutex_lock(&sessions->lock);
	for (struct kept *k = sessions->kept; k < sessions->kept + TLS_SESSIONS; k++)
		if (k->length > 0 && k->until > now && strcmp(k->target, target) == 0 &&
			(!newest || k->order > newest->order))
			newest = k;
	if (newest) {
		const uint8_t *bytes = newest->bytes;

		session = d2i_SSL_SESSION(NULL, &bytes, newest->length);
		if (!session || newest->version == TLS1_3_VERSION)
			secret_wipe(newest, sizeof(*newest));
	}
	pthread_mutex_unlock(&sessions->lock);
	return session;
}

void tls_sessions_forget(struct tls_sessions *sessions, const char *target)
{
	pthread_mutex_lock(&sessions->lock);
	for (struct kept *k = sessions->kept; k < sessions->kept + TLS_SESSIONS; k++)
		if (k->length > 0 && strcmp(k->target, target) == 0)
			secret_wipe(k, sizeof(*k));
	pthread_mutex_unlock(&sessions->lock);
}

void tls_sessions_keep(
	struct tls_sessions *sessions, const char *target, SSL_SESSION *session, int64_t now)
{
	uint8_t bytes[TLS_SESSION_BYTES_MAX], *end = bytes;
	int length = i2d_SSL_SESSION(session, NULL);

	if (!SSL_SESSION_is_resumable(session) || length <= 0 || (size_t)length > sizeof(bytes))
		return;
	length = i2d_SSL_SESSION(session, &end);
	if (length > 0)
		keep(sessions, target, (uint16_t)SSL_SESSION_get_protocol_version(session), bytes,
			(size_t)length, SSL_SESSION_get_timeout(session), now);
	secret_wipe(bytes, sizeof(bytes));
}

// DER, from its end to its beginning: what is within a length is there before it.
struct der {
	uint8_t bytes[TLS_SESSION_BYTES_MAX];
	size_t left; // bytes before what is written
	bool failed;
};

static void put(struct der *d, const uint8_t *bytes, size_t n)
{
	d->failed = d->failed || d->left < n;
	if (d->failed)
		return;
	d->left -= n;
	memcpy(d->bytes + d->left, bytes, n);
}

// Of what is written since d->left was `end`.
static void put_head(struct der *d, uint8_t tag, size_t end)
{
	size_t n = end - d->left;
	const uint8_t longer[] = {tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n};
	const uint8_t middle[] = {tag, 0x81, (uint8_t)n};
	const uint8_t shorter[] = {tag, (uint8_t)n};

	if (n >= 256)
		put(d, longer, sizeof(longer));
	else if (n >= 128)
		put(d, middle, sizeof(middle));
	else
		put(d, shorter, sizeof(shorter));
}

static void put_octets(struct der *d, const uint8_t *bytes, size_t n)
{
	size_t end = d->left;

	put(d, bytes, n);
	put_head(d, DER_OCTETS, end);
}

// In as few bytes as there are, the first of which has the sign.
static void put_integer(struct der *d, uint64_t value)
{
	size_t end = d->left;
	uint8_t byte;

	do {
		byte = (uint8_t)value;
		value >>= 8;
		put(d, &byte, 1);
	} while (value > 0 || byte >= 0x80);
	put_head(d, DER_INTEGER, end);
}

static void put_member(struct der *d, uint8_t member, uint64_t value)
{
	size_t end = d->left;

	put_integer(d, value);
	put_head(d, DER_CONTEXT | member, end);
}

// A message's body without its extensions, of which only early data's has a meaning.
struct ticket {
	uint32_t lifetime;
	uint32_t age_add;
	const uint8_t *nonce;
	const uint8_t *ticket;
	uint8_t nonce_length;
	uint16_t length;
};

static bool ticket_read(struct cursor body, uint32_t nonce_most, struct ticket *out)
{
	uint16_t extensions;

	return cursor_take_u32(&body, &out->lifetime) && cursor_take_u32(&body, &out->age_add) &&
	       cursor_take_u8(&body, &out->nonce_length) && out->nonce_length <= nonce_most &&
	       cursor_take_span(&body, out->nonce_length, &out->nonce) &&
	       cursor_take_u16(&body, &out->length) && out->length > 0 &&
	       cursor_take_span(&body, out->length, &out->ticket) &&
	       cursor_take_u16(&body, &extensions) && cursor_left(&body) == extensions;
}

// The key to come back with (RFC 8446 4.6.1).
static bool key_make(const struct slow_ticket *from, const struct ticket *t, uint8_t *key)
{
	struct hasher h = {
		.md = from->secret_length == 32 ? EVP_sha256() : EVP_sha384(),
		.context = EVP_MD_CTX_new(),
		.bytes = from->secret_length,
	};
	bool made = h.context && hkdf_expand(&h, from->secret, "resumption", t->nonce,
					 t->nonce_length, key, h.bytes);

	EVP_MD_CTX_free(h.context);
	return made;
}

// OpenSSL makes a session of a ticket only for whom it shook hands with and who is there still,
// with all the keys of the connection. This is what it would have written.
static void session_write(struct der *d, const struct slow_ticket *from, const struct ticket *t,
	const uint8_t *key, int64_t now)
{
	const uint8_t suite[] = {(uint8_t)(from->suite >> 8), (uint8_t)from->suite};
	size_t end;

	*d = (struct der){.left = sizeof(d->bytes)};
	put_member(d, MEMBER_AGE_ADD, t->age_add);
	end = d->left;
	put_octets(d, t->ticket, t->length);
	put_head(d, DER_CONTEXT | MEMBER_TICKET, end);
	put_member(d, MEMBER_LIFETIME, t->lifetime);
	put_member(d, MEMBER_TIMEOUT, t->lifetime);
	put_member(d, MEMBER_TIME, (uint64_t)now);
	put_octets(d, key, from->secret_length);
	put_octets(d, suite, 0); // no session ID
	put_octets(d, suite, sizeof(suite));
	put_integer(d, TLS1_3_VERSION);
	put_integer(d, SESSION_FORMAT);
	put_head(d, DER_SEQUENCE, sizeof(d->bytes));
}

static void ticket_keep(
	struct tls_sessions *s, const struct slow_ticket *from, const struct ticket *t, int64_t now)
{
	uint8_t key[SECRET_BYTES_MAX];
	struct der d;

	if (!key_make(from, t, key))
		return;
	session_write(&d, from, t, key, now);
	if (!d.failed)
		keep(s, from->target, TLS1_3_VERSION, d.bytes + d.left, sizeof(d.bytes) - d.left,
			t->lifetime, now);
	secret_wipe(key, sizeof(key));
	secret_wipe(&d, sizeof(d));
}

void tls_sessions_ticket(
	struct tls_sessions *sessions, const struct slow_ticket *ticket, size_t length, int64_t now)
{
	struct cursor c = cursor_over(ticket->messages, length);
	struct ticket t;
	uint32_t head;

	if (ticket->secret_length != 32 && ticket->secret_length != 48)
		return;
	while (cursor_take_u32(&c, &head) && head >> 24 == NEW_SESSION_TICKET) {
		const uint8_t *body;
		uint32_t n = head & 0xffffff;

		// A nonce may be longer than a hash, but nobody's is.
		if (!cursor_take_span(&c, n, &body) ||
			!ticket_read(cursor_over(body, n), ticket->secret_length, &t))
			return;
		if (t.lifetime > 0)
			ticket_keep(sessions, ticket, &t, now);
	}
}
