// SPDX-License-Identifier: BSD-3-Clause
// The client's side (RFC 8446 2 and A.1).
#include "tls13/engine.h"

// RFC 8446 4.1.3: the random of a HelloRetryRequest.
static const uint8_t retry_random[RANDOM_BYTES] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
	0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c,
	0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

struct server_hello {
	const uint8_t *random;
	struct cursor session_id;
	uint16_t version, suite;
	uint8_t compression;
	struct extensions extensions;
	bool is_retry;
};

// The private key that seals the session id: of the plain X25519 share, else of the hybrid.
static bool seal(struct tls13 *t, uint8_t *hello, size_t length)
{
	const struct group_key *key = NULL;
	bool ok;

	for (size_t i = 0; i < t->key_count; i++) {
		if (t->keys[i].group == GROUP_X25519 ||
			(key == NULL && t->keys[i].group == GROUP_X25519MLKEM768))
			key = &t->keys[i];
	}
	ok = key != NULL && t->events->seal_hello(t->events->user, hello, length, key->x25519);
	// A second hello repeats what was sealed in the first.
	if (ok)
		memcpy(t->draw.session_id, hello + 39, SESSION_ID_BYTES_MAX);
	return ok;
}

static enum tls13_verdict make_keys(struct tls13 *t, const uint16_t *groups, size_t count)
{
	enum tls13_verdict v = TLS13_OK;

	for (size_t i = 0; v == TLS13_OK && i < count; i++) {
		const struct group_key *same = NULL;

		if (groups[i] == GREASE)
			continue;
		if (t->browser->same_x25519 && groups[i] == GROUP_X25519 && t->key_count != 0 &&
			t->keys[0].group == GROUP_X25519MLKEM768)
			same = &t->keys[0];
		nx_bug_on(t->key_count == HELLO_SHARES_MAX);
		v = group_key_make(&t->config->random, groups[i], same, &t->keys[t->key_count]);
		if (v == TLS13_OK)
			t->key_count++;
	}
	return v;
}

static void write_hello(struct tls13 *t)
{
	struct hello_parts parts = {
		.browser = t->browser,
		.draw = &t->draw,
		.name = t->name[0] ? t->name : NULL,
		.alpn = t->config->alpn != NULL ? t->config->alpn : t->browser->alpn,
		.alpn_count =
			t->config->alpn != NULL ? t->config->alpn_count : t->browser->alpn_count,
		.keys = t->keys,
		.key_count = t->key_count,
		.is_retry = t->retried,
		.is_quic = t->config->quic,
		.cookie = writer_cursor(&t->cookie),
		.transport_parameters = writer_cursor(&t->transport_parameters),
	};

	if (t->session.ticket_length != 0) {
		parts.ticket = cursor_over(t->session.ticket, t->session.ticket_length);
		// Clocks differ: a session may be of a moment to come.
		if (t->now_ms > t->session.made_ms)
			parts.ticket_age = (uint32_t)(t->now_ms - t->session.made_ms);
		parts.ticket_age += t->session.age_add;
		parts.binder_bytes = suite_find(t->session.suite)->hash_bytes;
	}
	client_hello_write(&parts, &t->out, &t->sent);
}

// An address is no name for SNI (RFC 6066 3).
static bool is_address(const char *name)
{
	return strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
}

enum tls13_verdict client_send_hello(struct tls13 *t)
{
	enum tls13_verdict v = TLS13_OK;
	char name[TLS13_NAME_MAX + 1];

	if (!t->retried)
		v = make_keys(t, t->browser->shares.values, t->browser->shares.count);
	if (v != TLS13_OK)
		return v;
	memcpy(name, t->name, sizeof(name));
	if (is_address(t->name))
		t->name[0] = 0;
	write_hello(t);
	memcpy(t->name, name, sizeof(name));
	if (t->out.failed)
		return TLS13_NO_MEMORY;
	if (t->session.ticket_length != 0)
		v = session_bind(t, t->out.base, t->out.used);
	if (v == TLS13_OK && !t->retried && t->events->seal_hello != NULL &&
		(!t->browser->session_id || t->config->quic || !seal(t, t->out.base, t->out.used)))
		v = TLS13_MISUSE;
	if (v != TLS13_OK)
		return v;
	memcpy(t->client_random, t->draw.random, RANDOM_BYTES);
	if (!transcript_add(&t->transcript, t->out.base, t->out.used))
		return TLS13_LIBRARY;
	t->events->send(t->events->user, TLS13_INITIAL, t->out.base, t->out.used);
	t->out.used = 0;
	return TLS13_OK;
}

static enum tls13_verdict parse_server_hello(
	const struct tls13 *t, struct cursor body, struct server_hello *out)
{
	struct extension_rule rule = {.sent = t->sent.types, .sent_count = t->sent.count};
	struct cursor block = {0};

	if (!cursor_take_u16(&body, &out->version) ||
		!cursor_take_span(&body, RANDOM_BYTES, &out->random) ||
		!cursor_take_vector(&body, 1, &out->session_id) ||
		!cursor_take_u16(&body, &out->suite) || !cursor_take_u8(&body, &out->compression))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&out->session_id) > SESSION_ID_BYTES_MAX)
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) == 0) // an old server's, without extensions
		return TLS13_VERSION_NOT_1_3;
	if (!cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	out->is_retry = memcmp(out->random, retry_random, RANDOM_BYTES) == 0;
	rule.allowed = out->is_retry ? IN_RETRY : IN_SERVER_HELLO;
	return extensions_parse(block, &rule, &out->extensions);
}

// What a ServerHello and a HelloRetryRequest must both be.
static enum tls13_verdict check_server_hello(const struct tls13 *t, const struct server_hello *h)
{
	bool has_id = t->browser->session_id && !t->config->quic;
	struct cursor versions = h->extensions.body[AT_VERSIONS];
	uint16_t version;

	if (!extensions_have(&h->extensions, AT_VERSIONS))
		return TLS13_VERSION_NOT_1_3;
	if (!cursor_take_u16(&versions, &version) || cursor_left(&versions) != 0)
		return TLS13_MESSAGE_TRUNCATED;
	if (version != VERSION_1_3 || h->version != VERSION_1_2)
		return TLS13_VERSION_WRONG;
	if (!cursor_equals(&h->session_id, t->draw.session_id, has_id ? SESSION_ID_BYTES_MAX : 0))
		return TLS13_SESSION_ID;
	if (h->compression != 0)
		return TLS13_COMPRESSION;
	if (!engine_list_has(t->browser->suites, h->suite) || suite_find(h->suite) == NULL ||
		!engine_list_has(engine_suites(t), h->suite))
		return TLS13_SUITE_UNOFFERED;
	return TLS13_OK;
}

static const struct group_key *own_key(const struct tls13 *t, uint16_t group)
{
	for (size_t i = 0; i < t->key_count; i++) {
		if (t->keys[i].group == group)
			return &t->keys[i];
	}
	return NULL;
}

// RFC 8446 4.1.4: the group asked for is one that was offered without a share.
static enum tls13_verdict take_retry_group(struct tls13 *t, struct cursor body)
{
	uint16_t group;

	if (!cursor_take_u16(&body, &group))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (!engine_list_has(t->browser->groups, group) || group == GREASE ||
		own_key(t, group) != NULL)
		return TLS13_GROUP_WRONG;
	if (!group_is_known(group)) // offered as a browser does, and not spoken
		return TLS13_GROUP_NONE;
	for (size_t i = 0; i < t->key_count; i++)
		group_key_clear(&t->keys[i]);
	t->key_count = 0;
	return make_keys(t, &group, 1);
}

static enum tls13_verdict take_cookie(struct tls13 *t, struct cursor body)
{
	struct cursor cookie;

	if (!cursor_take_vector(&body, 2, &cookie))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&cookie) == 0)
		return TLS13_FIELD_EMPTY;
	writer_bytes(&t->cookie, cookie.p, cursor_left(&cookie));
	return t->cookie.failed ? TLS13_NO_MEMORY : TLS13_OK;
}

static enum tls13_verdict take_retry(
	struct tls13 *t, const struct server_hello *h, const struct message *m)
{
	const struct extensions *e = &h->extensions;
	enum tls13_verdict v = TLS13_OK;

	if (t->retried)
		return TLS13_RETRY_TWICE;
	if (!extensions_have(e, AT_SHARES) && !extensions_have(e, AT_COOKIE))
		return TLS13_RETRY_USELESS;
	if (extensions_have(e, AT_SHARES))
		v = take_retry_group(t, e->body[AT_SHARES]);
	if (v == TLS13_OK && extensions_have(e, AT_COOKIE))
		v = take_cookie(t, e->body[AT_COOKIE]);
	if (v == TLS13_OK)
		v = engine_set_suite(t, h->suite);
	if (v == TLS13_OK && !transcript_retry(&t->transcript, &t->hash))
		v = TLS13_LIBRARY;
	if (v == TLS13_OK)
		v = engine_add(t, m);
	if (v != TLS13_OK)
		return v;
	t->retried = true;
	t->retry_suite = h->suite;
	// A session of another hash cannot be resumed with this suite (RFC 8446 4.1.4).
	if (t->session.ticket_length != 0 &&
		suite_find(t->session.suite)->hash_bytes != t->suite->hash_bytes)
		t->session.ticket_length = 0;
	return client_send_hello(t);
}

// pre_shared_key in a ServerHello: the one identity that was offered.
static enum tls13_verdict take_psk(struct tls13 *t, const struct server_hello *h)
{
	struct cursor body = h->extensions.body[AT_PSK];
	uint16_t index;

	if (!extensions_have(&h->extensions, AT_PSK))
		return TLS13_OK;
	if (!cursor_take_u16(&body, &index))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (index != 0 ||
		suite_find(t->session.suite)->hash_bytes != suite_find(h->suite)->hash_bytes)
		return TLS13_PSK_WRONG;
	t->resumed = true;
	return TLS13_OK;
}

static enum tls13_verdict take_share(
	struct tls13 *t, const struct server_hello *h, struct group_secret *shared)
{
	struct cursor body = h->extensions.body[AT_SHARES], share;
	const struct group_key *key;
	uint16_t group;

	if (!extensions_have(&h->extensions, AT_SHARES))
		return TLS13_EXTENSION_MISSING;
	if (!cursor_take_u16(&body, &group) || !cursor_take_vector(&body, 2, &share))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	key = own_key(t, group);
	if (key == NULL)
		return TLS13_GROUP_WRONG;
	t->group = group;
	return group_finish(key, share, shared);
}

static enum tls13_verdict take_server_hello(struct tls13 *t, const struct message *m)
{
	struct group_secret shared;
	struct server_hello h;
	enum tls13_verdict v = parse_server_hello(t, m->body, &h);

	if (v == TLS13_OK)
		v = check_server_hello(t, &h);
	if (v != TLS13_OK)
		return v;
	if (h.is_retry)
		return take_retry(t, &h, m);
	if (t->retried && h.suite != t->retry_suite)
		return TLS13_SUITE_CHANGED;
	if ((v = take_psk(t, &h)) != TLS13_OK || (v = take_share(t, &h, &shared)) != TLS13_OK ||
		(!t->retried && (v = engine_set_suite(t, h.suite)) != TLS13_OK) ||
		(v = engine_add(t, m)) != TLS13_OK)
		return v;
	v = engine_handshake_keys(t, &shared);
	crypto_wipe(&shared, sizeof(shared));
	if (v != TLS13_OK)
		return v;
	engine_secret(t, TLS13_HANDSHAKE, TLS13_READ, t->handshake[SERVER]);
	engine_secret(t, TLS13_HANDSHAKE, TLS13_WRITE, t->handshake[CLIENT]);
	t->state = STATE_ENCRYPTED_EXTENSIONS;
	return TLS13_OK;
}

static bool was_alpn_offered(const struct tls13 *t, struct cursor name)
{
	bool own = t->config->alpn != NULL;
	const char *const *list = own ? t->config->alpn : t->browser->alpn;
	size_t count = own ? t->config->alpn_count : t->browser->alpn_count;

	for (size_t i = 0; i < count; i++) {
		if (cursor_equals(&name, list[i], strlen(list[i])))
			return true;
	}
	return false;
}

static enum tls13_verdict take_alpn(struct tls13 *t, const struct extensions *e)
{
	struct cursor body = e->body[AT_ALPN], list, name;

	if (!extensions_have(e, AT_ALPN)) // RFC 9001 8.1
		return t->config->quic ? TLS13_ALPN_NONE : TLS13_OK;
	if (!cursor_take_vector(&body, 2, &list) || !cursor_take_vector(&list, 1, &name))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0 || cursor_left(&list) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&name) == 0)
		return TLS13_FIELD_EMPTY;
	if (!was_alpn_offered(t, name))
		return TLS13_ALPN_WRONG;
	memcpy(t->alpn, name.p, cursor_left(&name));
	t->alpn[cursor_left(&name)] = 0;
	return TLS13_OK;
}

static enum tls13_verdict take_transport(struct tls13 *t, const struct extensions *e)
{
	struct cursor body = e->body[AT_TRANSPORT];

	if (!t->config->quic)
		return TLS13_OK;
	if (!extensions_have(e, AT_TRANSPORT))
		return TLS13_EXTENSION_MISSING;
	if (t->events->transport_parameters != NULL &&
		!t->events->transport_parameters(t->events->user, body.p, cursor_left(&body)))
		return TLS13_PARAMETER_BAD;
	return TLS13_OK;
}

static enum tls13_verdict take_encrypted_extensions(struct tls13 *t, const struct message *m)
{
	struct extension_rule rule = {.sent = t->sent.types,
		.sent_count = t->sent.count,
		.allowed = IN_ENCRYPTED_EXTENSIONS};
	struct cursor body = m->body, block;
	struct extensions e;
	enum tls13_verdict v;

	if (!cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	v = extensions_parse(block, &rule, &e);
	if (v != TLS13_OK)
		return v;
	if (extensions_have(&e, AT_SERVER_NAME) && cursor_left(&e.body[AT_SERVER_NAME]) != 0)
		return TLS13_MESSAGE_TRAILING;
	if ((v = take_alpn(t, &e)) != TLS13_OK || (v = take_transport(t, &e)) != TLS13_OK)
		return v;
	// Settings are agreed for the protocol that was agreed, never without one.
	t->sends_settings = extensions_have(&e, AT_APPLICATION_SETTINGS);
	if (t->sends_settings && t->alpn[0] == 0)
		return TLS13_EXTENSION_MISPLACED;
	t->state = t->resumed ? STATE_FINISHED : STATE_REQUEST;
	return engine_add(t, m);
}

// RFC 8446 4.3.2. The scheme of our answer is chosen here, while the request's list is at hand.
static enum tls13_verdict take_request(struct tls13 *t, const struct message *m)
{
	struct cursor body = m->body, context, block, list;
	struct extensions e;
	enum tls13_verdict v;

	if (!cursor_take_vector(&body, 1, &context) || !cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&context) != 0)
		return TLS13_CERTIFICATE_CONTEXT;
	v = extensions_parse(block, NULL, &e);
	if (v != TLS13_OK)
		return v;
	if (!extensions_have(&e, AT_SCHEMES))
		return TLS13_EXTENSION_MISSING;
	if (!cursor_take_vector(&e.body[AT_SCHEMES], 2, &list))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&e.body[AT_SCHEMES]) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&list) == 0 || cursor_left(&list) % 2 != 0)
		return TLS13_FIELD_EMPTY;
	t->requested = true;
	if (t->config->identity_count != 0) {
		t->own_scheme = engine_pick_scheme(t, t->config->identities[0], list);
		if (t->own_scheme == 0)
			return TLS13_SCHEME_NONE;
		t->identity = t->config->identities[0];
	}
	t->state = STATE_CERTIFICATE;
	return engine_add(t, m);
}

// Chrome's answer to agreed application settings: its own, which are empty.
static enum tls13_verdict send_settings(struct tls13 *t)
{
	size_t mark = engine_open(t, HANDSHAKE_ENCRYPTED_EXTENSIONS);
	size_t block = writer_open(&t->out, 2);

	writer_u16(&t->out, EXTENSION_APPLICATION_SETTINGS);
	writer_u16(&t->out, 0);
	writer_close(&t->out, block, 2);
	return engine_send(t, mark, TLS13_HANDSHAKE);
}

static enum tls13_verdict send_flight(struct tls13 *t)
{
	enum tls13_verdict v = TLS13_OK;

	if (t->sends_settings)
		v = send_settings(t);
	if (v == TLS13_OK && t->requested)
		v = engine_send_certificate(t);
	if (v == TLS13_OK && t->requested && t->identity != NULL)
		v = engine_send_certificate_verify(t);
	return v == TLS13_OK ? engine_send_finished(t) : v;
}

static enum tls13_verdict take_finished(struct tls13 *t, const struct message *m)
{
	enum tls13_verdict v;

	if ((v = engine_take_finished(t, m)) != TLS13_OK ||
		(v = engine_application_keys(t)) != TLS13_OK || (v = send_flight(t)) != TLS13_OK ||
		(v = engine_resumption_key(t)) != TLS13_OK)
		return v;
	t->state = STATE_COMPLETE;
	engine_secret(t, TLS13_APPLICATION, TLS13_READ, t->application[SERVER]);
	engine_secret(t, TLS13_APPLICATION, TLS13_WRITE, t->application[CLIENT]);
	for (size_t i = 0; i < t->key_count; i++)
		group_key_clear(&t->keys[i]);
	t->key_count = 0;
	return TLS13_OK;
}

static enum tls13_verdict take_certificate(struct tls13 *t, const struct message *m)
{
	t->state = STATE_CERTIFICATE_VERIFY;
	return engine_take_certificate(t, m);
}

static enum tls13_verdict take_certificate_verify(struct tls13 *t, const struct message *m)
{
	t->state = STATE_FINISHED;
	return engine_take_certificate_verify(t, m);
}

enum tls13_verdict client_take(struct tls13 *t, const struct message *m)
{
	bool is_chain =
		m->type == HANDSHAKE_CERTIFICATE || m->type == HANDSHAKE_COMPRESSED_CERTIFICATE;

	switch (t->state) {
	case STATE_SERVER_HELLO:
		if (m->type == HANDSHAKE_SERVER_HELLO)
			return take_server_hello(t, m);
		break;
	case STATE_ENCRYPTED_EXTENSIONS:
		if (m->type == HANDSHAKE_ENCRYPTED_EXTENSIONS)
			return take_encrypted_extensions(t, m);
		break;
	case STATE_REQUEST:
		if (m->type == HANDSHAKE_CERTIFICATE_REQUEST)
			return take_request(t, m);
		if (is_chain)
			return take_certificate(t, m);
		break;
	case STATE_CERTIFICATE:
		if (is_chain)
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
