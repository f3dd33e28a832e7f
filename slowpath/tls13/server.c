// SPDX-License-Identifier: BSD-3-Clause
// The server's side (RFC 8446 2 and A.2).
#include "tls13/compress.h"
#include "tls13/engine.h"

// RFC 8446 4.1.3: the random of a HelloRetryRequest.
static const uint8_t retry_random[RANDOM_BYTES] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
	0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c,
	0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

// What this hello is answered with.
struct answer {
	uint16_t suite;
	uint16_t group;
	struct cursor share; // empty: a retry is needed
	int psk;             // the identity's index, -1 for none
};

static enum tls13_verdict check_hello(const struct tls13 *t, const struct client_hello *h)
{
	if (!h->offers_tls13)
		return TLS13_VERSION_NOT_1_3;
	if (!cursor_equals(&h->compressions, "", 1))
		return TLS13_COMPRESSION;
	if (t->config->quic && cursor_left(&h->session_id) != 0) // RFC 9001 8.4
		return TLS13_PARAMETER_BAD;
	// RFC 8446 9.2: both or neither; without them only a bare pre-shared key could be meant,
	// which is not taken here.
	if (!extensions_have(&h->extensions, AT_GROUPS) ||
		!extensions_have(&h->extensions, AT_SHARES))
		return TLS13_EXTENSION_MISSING;
	return TLS13_OK;
}

static uint16_t pick_suite(const struct tls13 *t, const struct client_hello *h)
{
	struct tls13_list ours = engine_suites(t);

	for (size_t i = 0; i < ours.count; i++) {
		if (list_has_u16(h->suites, ours.values[i]) && suite_find(ours.values[i]) != NULL)
			return ours.values[i];
	}
	return 0;
}

// The best group with a share, else the best that can be asked for: a round trip costs more than a
// place in our list.
static enum tls13_verdict pick_group(
	const struct tls13 *t, const struct client_hello *h, struct answer *a)
{
	struct tls13_list ours = engine_groups(t);
	uint16_t asked = 0;

	a->share = (struct cursor){0};
	for (size_t i = 0; i < ours.count; i++) {
		if (!group_is_known(ours.values[i]) || !list_has_u16(h->groups, ours.values[i]))
			continue;
		if (client_hello_share(h, ours.values[i], &a->share)) {
			a->group = ours.values[i];
			return TLS13_OK;
		}
		if (asked == 0)
			asked = ours.values[i];
	}
	a->group = asked;
	return asked != 0 ? TLS13_OK : TLS13_GROUP_NONE;
}

// RFC 7301 3.2.
static enum tls13_verdict pick_alpn(struct tls13 *t, const struct client_hello *h)
{
	const struct tls13_config *c = t->config;
	struct cursor list, name;

	if (c->alpn_count == 0 || !extensions_have(&h->extensions, AT_ALPN))
		return c->quic ? TLS13_ALPN_NONE : TLS13_OK;
	for (size_t i = 0; i < c->alpn_count; i++) {
		for (list = h->alpn; cursor_take_vector(&list, 1, &name);) {
			if (!cursor_equals(&name, c->alpn[i], strlen(c->alpn[i])))
				continue;
			memcpy(t->alpn, c->alpn[i], strlen(c->alpn[i]) + 1);
			return TLS13_OK;
		}
	}
	return TLS13_ALPN_NONE;
}

static enum tls13_verdict pick_identity(struct tls13 *t, const struct client_hello *h)
{
	const struct tls13_config *c = t->config;

	if (!extensions_have(&h->extensions, AT_SCHEMES))
		return TLS13_EXTENSION_MISSING;
	if (c->choose != NULL) {
		t->identity = c->choose(c->choose_user, t->name);
		if (t->identity == NULL)
			return TLS13_NAME_UNKNOWN;
		t->name_known = t->name[0] != 0;
		t->own_scheme = engine_pick_scheme(t, t->identity, h->schemes);
		return t->own_scheme != 0 ? TLS13_OK : TLS13_SCHEME_NONE;
	}
	for (size_t i = 0; i < c->identity_count; i++) {
		t->identity = c->identities[i];
		t->own_scheme = engine_pick_scheme(t, t->identity, h->schemes);
		if (t->own_scheme != 0)
			return TLS13_OK;
	}
	return TLS13_SCHEME_NONE;
}

static void note_wishes(struct tls13 *t, const struct client_hello *h)
{
	const struct tls13_list *packings = &t->config->compressions;

	t->wants_staple = extensions_have(&h->extensions, AT_STATUS_REQUEST);
	t->takes_tickets = cursor_left(&h->psk_modes) != 0 && // psk_dhe_ke
			   memchr(h->psk_modes.p, 1, cursor_left(&h->psk_modes)) != NULL;
	for (size_t i = packings->count; i > 0; i--) {
		uint16_t algorithm = packings->values[i - 1];

		if (compression_is_known(algorithm) &&
			list_has_u16(h->certificate_compressions, algorithm))
			t->packing = algorithm;
	}
}

static enum tls13_verdict take_transport(struct tls13 *t, const struct client_hello *h)
{
	struct cursor body = h->extensions.body[AT_TRANSPORT];

	if (!t->config->quic)
		return TLS13_OK;
	if (!extensions_have(&h->extensions, AT_TRANSPORT))
		return TLS13_EXTENSION_MISSING;
	if (t->events->transport_parameters != NULL &&
		!t->events->transport_parameters(t->events->user, body.p, cursor_left(&body)))
		return TLS13_PARAMETER_BAD;
	return TLS13_OK;
}

static size_t open_hello(
	struct tls13 *t, const uint8_t random[RANDOM_BYTES], uint16_t suite, size_t *block)
{
	size_t mark = engine_open(t, HANDSHAKE_SERVER_HELLO);

	writer_u16(&t->out, VERSION_1_2);
	writer_bytes(&t->out, random, RANDOM_BYTES);
	writer_u8(&t->out, t->session_id_length);
	writer_bytes(&t->out, t->session_id, t->session_id_length);
	writer_u16(&t->out, suite);
	writer_u8(&t->out, 0);
	*block = writer_open(&t->out, 2);
	writer_u16(&t->out, EXTENSION_SUPPORTED_VERSIONS);
	writer_u16(&t->out, 2);
	writer_u16(&t->out, VERSION_1_3);
	return mark;
}

// What the second hello must repeat (RFC 8446 4.1.2), hashed: random, session id, suites.
static bool hash_fixed_part(const struct tls13 *t, const struct client_hello *h, uint8_t *out)
{
	return hasher_hash(&t->hash, h->random, (size_t)(h->compressions.end - h->random), out);
}

static enum tls13_verdict send_retry(
	struct tls13 *t, const struct client_hello *h, const struct answer *a)
{
	size_t mark, block;

	if (!hash_fixed_part(t, h, t->retry_hello) || !transcript_retry(&t->transcript, &t->hash))
		return TLS13_LIBRARY;
	mark = open_hello(t, retry_random, a->suite, &block);
	writer_u16(&t->out, EXTENSION_KEY_SHARE);
	writer_u16(&t->out, 2);
	writer_u16(&t->out, a->group);
	writer_close(&t->out, block, 2);
	t->retried = true;
	t->retry_group = a->group;
	t->state = STATE_SECOND_HELLO;
	return engine_send(t, mark, TLS13_INITIAL);
}

static enum tls13_verdict send_hello(
	struct tls13 *t, const struct answer *a, struct group_secret *shared)
{
	size_t mark, block, extension, share;
	uint8_t random[RANDOM_BYTES];
	enum tls13_verdict v;

	if (!randomness_fill(&t->config->random, random, sizeof(random)))
		return TLS13_LIBRARY;
	mark = open_hello(t, random, a->suite, &block);
	writer_u16(&t->out, EXTENSION_KEY_SHARE);
	extension = writer_open(&t->out, 2);
	writer_u16(&t->out, a->group);
	share = writer_open(&t->out, 2);
	v = group_answer(&t->config->random, a->group, a->share, &t->out, shared);
	if (v != TLS13_OK)
		return v;
	writer_close(&t->out, share, 2);
	writer_close(&t->out, extension, 2);
	if (a->psk >= 0) {
		writer_u16(&t->out, EXTENSION_PRE_SHARED_KEY);
		writer_u16(&t->out, 2);
		writer_u16(&t->out, (uint16_t)a->psk);
	}
	writer_close(&t->out, block, 2);
	return engine_send(t, mark, TLS13_INITIAL);
}

static enum tls13_verdict send_encrypted_extensions(struct tls13 *t)
{
	size_t mark = engine_open(t, HANDSHAKE_ENCRYPTED_EXTENSIONS);
	size_t block = writer_open(&t->out, 2), body, list, name;

	if (t->name_known) {
		writer_u16(&t->out, EXTENSION_SERVER_NAME);
		writer_u16(&t->out, 0);
	}
	if (t->alpn[0] != 0) {
		writer_u16(&t->out, EXTENSION_ALPN);
		body = writer_open(&t->out, 2);
		list = writer_open(&t->out, 2);
		name = writer_open(&t->out, 1);
		writer_bytes(&t->out, t->alpn, strlen(t->alpn));
		writer_close(&t->out, name, 1);
		writer_close(&t->out, list, 2);
		writer_close(&t->out, body, 2);
	}
	if (t->config->quic) {
		writer_u16(&t->out, EXTENSION_TRANSPORT_PARAMETERS);
		body = writer_open(&t->out, 2);
		writer_bytes(&t->out, t->transport_parameters.base, t->transport_parameters.used);
		writer_close(&t->out, body, 2);
	}
	writer_close(&t->out, block, 2);
	return engine_send(t, mark, TLS13_HANDSHAKE);
}

static enum tls13_verdict send_request(struct tls13 *t)
{
	struct tls13_list schemes = engine_accepted(t);
	size_t mark = engine_open(t, HANDSHAKE_CERTIFICATE_REQUEST), block, body, list;

	writer_u8(&t->out, 0);
	block = writer_open(&t->out, 2);
	writer_u16(&t->out, EXTENSION_SIGNATURE_ALGORITHMS);
	body = writer_open(&t->out, 2);
	list = writer_open(&t->out, 2);
	for (size_t i = 0; i < schemes.count; i++)
		writer_u16(&t->out, schemes.values[i]);
	writer_close(&t->out, list, 2);
	writer_close(&t->out, body, 2);
	writer_close(&t->out, block, 2);
	t->requested = true;
	return engine_send(t, mark, TLS13_HANDSHAKE);
}

static enum tls13_verdict send_authentication(struct tls13 *t)
{
	enum tls13_verdict v = TLS13_OK;

	if (t->resumed)
		return TLS13_OK;
	if (t->config->client_certificate != TLS13_CLIENT_CERTIFICATE_NONE)
		v = send_request(t);
	if (v == TLS13_OK)
		v = engine_send_certificate(t);
	return v == TLS13_OK ? engine_send_certificate_verify(t) : v;
}

// ServerHello to Finished, with the keys between them.
static enum tls13_verdict send_flight(struct tls13 *t, const struct answer *a)
{
	struct group_secret shared;
	enum tls13_verdict v = t->mirror != NULL ? mirror_send_hello(t, a->group, a->share, &shared)
						 : send_hello(t, a, &shared);

	if (v == TLS13_OK)
		v = engine_handshake_keys(t, &shared);
	crypto_wipe(&shared, sizeof(shared));
	if (v != TLS13_OK)
		return v;
	engine_secret(t, TLS13_HANDSHAKE, TLS13_WRITE, t->handshake[SERVER]);
	engine_secret(t, TLS13_HANDSHAKE, TLS13_READ, t->handshake[CLIENT]);
	if ((v = send_encrypted_extensions(t)) != TLS13_OK ||
		(v = send_authentication(t)) != TLS13_OK ||
		(v = engine_send_finished(t)) != TLS13_OK ||
		(v = engine_application_keys(t)) != TLS13_OK)
		return v;
	engine_secret(t, TLS13_APPLICATION, TLS13_WRITE, t->application[SERVER]);
	t->state = t->requested ? STATE_CERTIFICATE : STATE_FINISHED;
	return TLS13_OK;
}

static enum tls13_verdict check_second(
	const struct tls13 *t, const struct client_hello *h, const struct answer *a)
{
	uint8_t fixed[SECRET_BYTES_MAX];
	struct cursor shares = h->shares, share;
	uint16_t group;

	if (!hash_fixed_part(t, h, fixed))
		return TLS13_LIBRARY;
	if (memcmp(fixed, t->retry_hello, t->hash.bytes) != 0 || a->suite != t->suite->number)
		return TLS13_RETRY_HELLO_CHANGED;
	if (extensions_have(&h->extensions, AT_EARLY_DATA))
		return TLS13_PARAMETER_BAD;
	// Exactly the share that was asked for.
	if (!cursor_take_u16(&shares, &group) || !cursor_take_vector(&shares, 2, &share) ||
		cursor_left(&shares) != 0 || group != t->retry_group)
		return TLS13_GROUP_WRONG;
	return TLS13_OK;
}

static enum tls13_verdict pick_own(
	const struct tls13 *t, const struct client_hello *h, struct answer *a)
{
	enum tls13_verdict v;

	a->suite = pick_suite(t, h);
	if (a->suite == 0)
		return TLS13_SUITE_NONE;
	v = pick_group(t, h, a);
	return v == TLS13_OK && t->state == STATE_SECOND_HELLO ? check_second(t, h, a) : v;
}

// Suite, group and protocol of a parsed hello, in *a and in t.
static enum tls13_verdict pick(struct tls13 *t, const struct client_hello *h, struct answer *a)
{
	enum tls13_verdict v = check_hello(t, h);

	if (v != TLS13_OK)
		return v;
	v = t->mirror != NULL ? mirror_pick(t, h, &a->suite, &a->group, &a->share)
			      : pick_own(t, h, a);
	if (v != TLS13_OK)
		return v;
	memcpy(t->name, h->name.p != NULL ? h->name.p : (const uint8_t *)"", cursor_left(&h->name));
	t->name[cursor_left(&h->name)] = 0;
	memcpy(t->session_id, h->session_id.p, cursor_left(&h->session_id));
	t->session_id_length = (uint8_t)cursor_left(&h->session_id);
	memcpy(t->client_random, h->random, RANDOM_BYTES);
	return t->mirror != NULL ? TLS13_OK : pick_alpn(t, h);
}

// The session or the certificate that this end shows.
static enum tls13_verdict pick_proof(
	struct tls13 *t, const struct client_hello *h, const struct message *m, struct answer *a)
{
	enum tls13_verdict v;

	a->psk = -1;
	if (t->mirror != NULL)
		return TLS13_OK;
	note_wishes(t, h);
	// A resumed session would have no certificate where one is wanted.
	if (t->takes_tickets && t->config->client_certificate == TLS13_CLIENT_CERTIFICATE_NONE) {
		v = ticket_find(t, h, m, &t->session, &a->psk);
		if (v != TLS13_OK)
			return v;
	}
	t->resumed = a->psk >= 0;
	return t->resumed ? TLS13_OK : pick_identity(t, h);
}

static enum tls13_verdict take_hello(struct tls13 *t, const struct message *m)
{
	struct client_hello h;
	struct answer a = {.psk = -1};
	enum tls13_verdict v = client_hello_parse(m->body, &h);

	if (v != TLS13_OK || (v = pick(t, &h, &a)) != TLS13_OK)
		return v;
	t->early_data = extensions_have(&h.extensions, AT_EARLY_DATA);
	if (t->suite == NULL && (v = engine_set_suite(t, a.suite)) != TLS13_OK)
		return v;
	if (a.share.p == NULL) {
		v = engine_add(t, m);
		return v == TLS13_OK ? send_retry(t, &h, &a) : v;
	}
	t->group = a.group;
	if ((v = pick_proof(t, &h, m, &a)) != TLS13_OK || (v = take_transport(t, &h)) != TLS13_OK ||
		(v = engine_add(t, m)) != TLS13_OK)
		return v;
	return send_flight(t, &a);
}

static enum tls13_verdict take_finished(struct tls13 *t, const struct message *m)
{
	enum tls13_verdict v = engine_take_finished(t, m);

	if (v == TLS13_OK)
		v = engine_resumption_key(t);
	if (v != TLS13_OK)
		return v;
	t->state = STATE_COMPLETE;
	engine_secret(t, TLS13_APPLICATION, TLS13_READ, t->application[CLIENT]);
	while (v == TLS13_OK && t->takes_tickets && t->config->ticket_key_count != 0 &&
		t->tickets_sent < t->config->tickets && t->chain.count == 0)
		v = ticket_send(t);
	return v;
}

static enum tls13_verdict take_certificate(struct tls13 *t, const struct message *m)
{
	enum tls13_verdict v = engine_take_certificate(t, m);

	t->state = t->chain.count != 0 ? STATE_CERTIFICATE_VERIFY : STATE_FINISHED;
	return v;
}

static enum tls13_verdict take_certificate_verify(struct tls13 *t, const struct message *m)
{
	t->state = STATE_FINISHED;
	return engine_take_certificate_verify(t, m);
}

enum tls13_verdict server_take(struct tls13 *t, const struct message *m)
{
	switch (t->state) {
	case STATE_CLIENT_HELLO:
	case STATE_SECOND_HELLO:
		if (m->type == HANDSHAKE_CLIENT_HELLO)
			return take_hello(t, m);
		break;
	case STATE_CERTIFICATE:
		if (m->type == HANDSHAKE_CERTIFICATE)
			return take_certificate(t, m);
		break;
	case STATE_CERTIFICATE_VERIFY:
		if (m->type == HANDSHAKE_CERTIFICATE_VERIFY)
			return take_certificate_verify(t, m);
		break;
	case STATE_FINISHED:
		if (m->type == HANDSHAKE_FINISHED)
			return take_finished(t, m);
		break;
	default:
		break;
	}
	return TLS13_MESSAGE_UNEXPECTED;
}
