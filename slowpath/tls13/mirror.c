// SPDX-License-Identifier: BSD-3-Clause
// A server in another's likeness: a ServerHello of which all but the key share is given.
#include "tls13/engine.h"

struct mould {
	struct cursor session_id;
	uint16_t version, suite;
	uint8_t compression;
	struct extensions extensions;
	uint16_t group;
	struct cursor share;
};

// Types that a ServerHello may have here; pre_shared_key is none of them: there is no key for it.
static const uint16_t types[] = {EXTENSION_SUPPORTED_VERSIONS, EXTENSION_KEY_SHARE};

static enum tls13_verdict read_share(struct mould *m)
{
	struct cursor versions = m->extensions.body[AT_VERSIONS];
	struct cursor body = m->extensions.body[AT_SHARES];

	if (!cursor_equals(&versions, (uint8_t[]){VERSION_1_3 >> 8, VERSION_1_3 & 0xff}, 2))
		return TLS13_VERSION_NOT_1_3;
	// A HelloRetryRequest ends here: it names a group and brings no share.
	if (!cursor_take_u16(&body, &m->group) || !cursor_take_vector(&body, 2, &m->share))
		return TLS13_MESSAGE_TRUNCATED;
	return cursor_left(&body) == 0 ? TLS13_OK : TLS13_MESSAGE_TRAILING;
}

static enum tls13_verdict read_mould(const struct tls13_mirror *mirror, struct mould *m)
{
	struct extension_rule rule = {.sent = types,
		.sent_count = nx_array_size(types),
		.allowed = AT_BIT(AT_VERSIONS) | AT_BIT(AT_SHARES)};
	struct cursor c = cursor_over(mirror->hello, mirror->length), body, block;
	enum tls13_verdict v;
	uint8_t type;

	if (!cursor_take_u8(&c, &type) || !cursor_take_vector(&c, 3, &body))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&c) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (type != HANDSHAKE_SERVER_HELLO)
		return TLS13_MESSAGE_UNEXPECTED;
	if (!cursor_take_u16(&body, &m->version) || !cursor_skip(&body, RANDOM_BYTES) ||
		!cursor_take_vector(&body, 1, &m->session_id) ||
		!cursor_take_u16(&body, &m->suite) || !cursor_take_u8(&body, &m->compression) ||
		!cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	v = extensions_parse(block, &rule, &m->extensions);
	return v == TLS13_OK ? read_share(m) : v;
}

enum tls13_verdict mirror_pick(const struct tls13 *t, const struct client_hello *h, uint16_t *suite,
	uint16_t *group, struct cursor *share)
{
	struct mould m;
	enum tls13_verdict v = read_mould(t->mirror, &m);

	if (v != TLS13_OK)
		return v;
	if (m.version != VERSION_1_2)
		return TLS13_VERSION_WRONG;
	if (m.compression != 0)
		return TLS13_COMPRESSION;
	if (!cursor_equals(&m.session_id, h->session_id.p, cursor_left(&h->session_id)))
		return TLS13_SESSION_ID;
	if (suite_find(m.suite) == NULL || !list_has_u16(h->suites, m.suite))
		return TLS13_SUITE_UNOFFERED;
	if (!group_is_known(m.group) || !client_hello_share(h, m.group, share))
		return TLS13_GROUP_WRONG;
	*suite = m.suite;
	*group = m.group;
	return TLS13_OK;
}

enum tls13_verdict mirror_send_hello(
	struct tls13 *t, uint16_t group, struct cursor share, struct group_secret *shared)
{
	const struct tls13_mirror *mirror = t->mirror;
	const uint8_t *end = mirror->hello + mirror->length;
	enum tls13_verdict v;
	struct mould m;
	size_t mark, at;

	v = read_mould(mirror, &m);
	if (v != TLS13_OK)
		return v;
	mark = engine_open(t, HANDSHAKE_SERVER_HELLO);
	at = (size_t)(m.share.p - mirror->hello);
	writer_bytes(&t->out, mirror->hello + MESSAGE_HEADER_BYTES, at - MESSAGE_HEADER_BYTES);
	v = group_answer(&t->config->random, group, share, &t->out, shared);
	if (v != TLS13_OK)
		return v;
	if (t->out.used != at + cursor_left(&m.share))
		return TLS13_SHARE_BAD;
	writer_bytes(&t->out, m.share.end, (size_t)(end - m.share.end));
	writer_close(&t->out, mark, 3);
	if (t->out.failed)
		return TLS13_NO_MEMORY;
	t->own_scheme = SCHEME_ED25519;
	t->identity = mirror->certify(mirror->user, t->out.base, t->out.used);
	return t->identity != NULL ? engine_send(t, mark, TLS13_INITIAL) : TLS13_LIBRARY;
}
