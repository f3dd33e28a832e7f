// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/hello.h"

// An extension that is one vector: with length_bytes of length, at least least bytes, a multiple of
// unit.
static enum tls13_verdict list_of(const struct extensions *e, enum extension_place place,
	uint32_t length_bytes, size_t unit, struct cursor *out)
{
	struct cursor body = e->body[place], list;

	if (!extensions_have(e, place))
		return TLS13_OK;
	if (!cursor_take_vector(&body, length_bytes, &list))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&list) == 0 || cursor_left(&list) % unit != 0)
		return TLS13_FIELD_EMPTY;
	*out = list;
	return TLS13_OK;
}

// RFC 6066 3: one host name; other kinds of name do not exist.
static enum tls13_verdict name_of(struct client_hello *h)
{
	struct cursor list = {0}, name;
	enum tls13_verdict v = list_of(&h->extensions, AT_SERVER_NAME, 2, 1, &list);
	uint8_t kind;

	if (v != TLS13_OK || !extensions_have(&h->extensions, AT_SERVER_NAME))
		return v;
	if (!cursor_take_u8(&list, &kind) || !cursor_take_vector(&list, 2, &name))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&list) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (kind != 0 || cursor_left(&name) == 0 || cursor_left(&name) > 255 ||
		memchr(name.p, 0, cursor_left(&name)) != NULL)
		return TLS13_NAME_BAD;
	h->name = name;
	return TLS13_OK;
}

// RFC 7301 3.1: names of at least one byte.
static enum tls13_verdict alpn_check(struct cursor list)
{
	struct cursor name;

	while (cursor_left(&list) != 0) {
		if (!cursor_take_vector(&list, 1, &name))
			return TLS13_MESSAGE_TRUNCATED;
		if (cursor_left(&name) == 0)
			return TLS13_FIELD_EMPTY;
	}
	return TLS13_OK;
}

// RFC 8446 4.2.8: no group twice, none that supported_groups does not name. The empty list asks for
// a retry.
static enum tls13_verdict shares_of(struct client_hello *h)
{
	struct cursor body = h->extensions.body[AT_SHARES], list, share, before;
	uint16_t group;

	if (!extensions_have(&h->extensions, AT_SHARES))
		return TLS13_OK;
	if (!cursor_take_vector(&body, 2, &list))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	before = list;
	h->shares = cursor_over(list.p, 0);
	while (cursor_left(&list) != 0) {
		if (!cursor_take_u16(&list, &group) || !cursor_take_vector(&list, 2, &share))
			return TLS13_MESSAGE_TRUNCATED;
		if (cursor_left(&share) == 0)
			return TLS13_FIELD_EMPTY;
		if (client_hello_share(h, group, &share))
			return TLS13_GROUP_WRONG;
		if (!list_has_u16(h->groups, group))
			return TLS13_GROUP_WRONG;
		h->shares.end = list.p;
	}
	h->shares = before;
	return TLS13_OK;
}

// RFC 8446 4.2.11: identities and as many binders, in the last extension.
static enum tls13_verdict psk_of(struct client_hello *h)
{
	struct cursor body = h->extensions.body[AT_PSK], list, item;
	size_t identities = 0;

	if (!extensions_have(&h->extensions, AT_PSK))
		return TLS13_OK;
	if (h->extensions.last != EXTENSION_PRE_SHARED_KEY)
		return TLS13_PSK_NOT_LAST;
	if (!extensions_have(&h->extensions, AT_PSK_MODES))
		return TLS13_EXTENSION_MISSING;
	if (!cursor_take_vector(&body, 2, &h->psk_identities))
		return TLS13_MESSAGE_TRUNCATED;
	h->binders_at = body.p;
	if (!cursor_take_vector(&body, 2, &h->psk_binders))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	for (list = h->psk_identities; cursor_left(&list) != 0; identities++) {
		if (!cursor_take_vector(&list, 2, &item) || !cursor_skip(&list, 4))
			return TLS13_MESSAGE_TRUNCATED;
		if (cursor_left(&item) == 0)
			return TLS13_FIELD_EMPTY;
	}
	if (identities == 0)
		return TLS13_FIELD_EMPTY;
	for (list = h->psk_binders; cursor_left(&list) != 0; identities--) {
		if (!cursor_take_vector(&list, 1, &item))
			return TLS13_MESSAGE_TRUNCATED;
		if (cursor_left(&item) < 32)
			return TLS13_FIELD_EMPTY;
		if (identities == 0)
			return TLS13_PARAMETER_BAD;
	}
	return identities == 0 ? TLS13_OK : TLS13_PARAMETER_BAD;
}

static enum tls13_verdict lists_of(struct client_hello *h)
{
	const struct extensions *e = &h->extensions;
	struct cursor versions = {0}, cert = {0};
	enum tls13_verdict v;

	if ((v = list_of(e, AT_VERSIONS, 1, 2, &versions)) != TLS13_OK ||
		(v = list_of(e, AT_GROUPS, 2, 2, &h->groups)) != TLS13_OK ||
		(v = list_of(e, AT_SCHEMES, 2, 2, &h->schemes)) != TLS13_OK ||
		(v = list_of(e, AT_SCHEMES_CERT, 2, 2, &cert)) != TLS13_OK ||
		(v = list_of(e, AT_COMPRESSIONS, 1, 2, &h->certificate_compressions)) != TLS13_OK ||
		(v = list_of(e, AT_PSK_MODES, 1, 1, &h->psk_modes)) != TLS13_OK ||
		(v = list_of(e, AT_ALPN, 2, 1, &h->alpn)) != TLS13_OK ||
		(v = alpn_check(h->alpn)) != TLS13_OK)
		return v;
	h->offers_tls13 = list_has_u16(versions, VERSION_1_3);
	return TLS13_OK;
}

enum tls13_verdict client_hello_parse(struct cursor body, struct client_hello *out)
{
	struct client_hello h = {0};
	struct cursor block = {0};
	enum tls13_verdict v;
	uint16_t version;

	if (!cursor_take_u16(&body, &version) ||
		!cursor_take_span(&body, RANDOM_BYTES, &h.random) ||
		!cursor_take_vector(&body, 1, &h.session_id) ||
		!cursor_take_vector(&body, 2, &h.suites) ||
		!cursor_take_vector(&body, 1, &h.compressions))
		return TLS13_MESSAGE_TRUNCATED;
	// Without extensions it is an old hello, whose version is answered, not its form.
	if (cursor_left(&body) != 0 && !cursor_take_vector(&body, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&h.session_id) > SESSION_ID_BYTES_MAX || cursor_left(&h.suites) < 2 ||
		cursor_left(&h.suites) % 2 != 0 || cursor_left(&h.compressions) == 0)
		return TLS13_FIELD_EMPTY;
	v = extensions_parse(block, NULL, &h.extensions);
	if (v == TLS13_OK)
		v = lists_of(&h);
	if (v == TLS13_OK && h.offers_tls13)
		v = shares_of(&h);
	if (v == TLS13_OK)
		v = name_of(&h);
	if (v == TLS13_OK && h.offers_tls13)
		v = psk_of(&h);
	if (v == TLS13_OK)
		*out = h;
	return v;
}

bool client_hello_share(const struct client_hello *h, uint16_t group, struct cursor *out)
{
	struct cursor list = h->shares, share;
	uint16_t at;

	while (cursor_take_u16(&list, &at) && cursor_take_vector(&list, 2, &share)) {
		if (at == group) {
			*out = share;
			return true;
		}
	}
	return false;
}
