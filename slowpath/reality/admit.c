// SPDX-License-Identifier: BSD-3-Clause
#include "reality/admit.h"

#include "tls13/hello.h"
#include "tls13/mlkem.h"

static const char *find_name(const struct reality_credential *c, const struct cursor *name)
{
	for (size_t i = 0; i < c->name_count; i++) {
		if (cursor_equals(name, c->names[i], strlen(c->names[i])))
			return c->names[i];
	}
	return NULL;
}

static enum reality_hello_class hello_class(const struct client_hello *h)
{
	static const uint8_t brotli[] = {0, 2};

	if (!extensions_have(&h->extensions, AT_STATUS_REQUEST))
		return REALITY_HELLO_UNSTAPLED;
	if (cursor_left(&h->certificate_compressions) == 0)
		return REALITY_HELLO_PLAIN;
	return cursor_equals(&h->certificate_compressions, brotli, sizeof(brotli))
		       ? REALITY_HELLO_CHROME
		       : REALITY_HELLO_FIREFOX;
}

static enum reality_alpn_class alpn_class(const struct client_hello *h)
{
	struct cursor list = h->alpn, first;

	if (!cursor_take_vector(&list, 1, &first))
		return REALITY_ALPN_NONE;
	return cursor_equals(&first, "h2", 2) ? REALITY_ALPN_H2 : REALITY_ALPN_OTHER;
}

// Where X25519MLKEM768 stands before X25519. No group is there twice: such a hello was not parsed.
static bool is_hybrid_first(const struct client_hello *h, const struct cursor *hybrid)
{
	struct cursor plain;

	return hybrid->p != NULL &&
	       (!client_hello_share(h, GROUP_X25519, &plain) || hybrid->p < plain.p);
}

// The client's X25519 public key; NULL when the shares break the rule.
static const uint8_t *find_share(const struct reality_credential *c, const struct client_hello *h)
{
	struct cursor plain = {0}, hybrid = {0};

	if (client_hello_share(h, GROUP_X25519MLKEM768, &hybrid) &&
		cursor_left(&hybrid) != MLKEM_ENCAPSULATION_KEY_BYTES + X25519_BYTES)
		return NULL;
	if (client_hello_share(h, GROUP_X25519, &plain) && cursor_left(&plain) != X25519_BYTES)
		return NULL;
	if (c->share_rule == REALITY_SHARES_HYBRID_FIRST && !is_hybrid_first(h, &hybrid))
		return NULL;
	if (plain.p != NULL)
		return plain.p;
	return hybrid.p != NULL ? hybrid.p + MLKEM_ENCAPSULATION_KEY_BYTES : NULL;
}

static bool is_short_id_known(const struct reality_credential *c, const uint8_t *id)
{
	bool known = false;

	for (size_t i = 0; i < c->short_id_count; i++)
		known |= crypto_equal(c->short_ids[i], id, REALITY_SHORT_ID_BYTES);
	return known;
}

static enum reality_result check_tag(
	const struct reality_credential *c, const struct reality_tag *tag, int64_t now_ms)
{
	int64_t off_s = now_ms / 1000 - (int64_t)tag->time_s;

	if (tag->version < c->min_version || tag->version > c->max_version)
		return REALITY_VERSION;
	if (c->max_time_diff_s != 0 && (off_s < 0 ? -off_s : off_s) > (int64_t)c->max_time_diff_s)
		return REALITY_TIME;
	return is_short_id_known(c, tag->short_id) ? REALITY_AUTHENTICATED : REALITY_SHORT_ID;
}

// Whether the private key `own` opens the seal.
static bool open_by(const struct reality_credential *c, const uint8_t *own, const uint8_t *share,
	const struct client_hello *h, struct cursor hello, struct reality_admission *out)
{
	return reality_key_derive(c->library, own, share, h->random, out->key) &&
	       reality_open(c->library, out->key, hello.p, cursor_left(&hello), &out->tag);
}

enum reality_result reality_admit(const struct reality_credential *c, struct cursor hello,
	int64_t now_ms, struct reality_admission *out)
{
	struct cursor body = hello;
	struct client_hello h;
	const uint8_t *share;
	enum reality_result result;

	if (!cursor_skip(&body, MESSAGE_HEADER_BYTES) || client_hello_parse(body, &h) != TLS13_OK ||
		!h.offers_tls13)
		return REALITY_VERSION;
	out->name = find_name(c, &h.name);
	if (out->name == NULL)
		return REALITY_SNI;
	share = find_share(c, &h);
	if (share == NULL || cursor_left(&h.session_id) != REALITY_SESSION_ID_BYTES)
		return REALITY_KEY_SHARE;
	out->kind = reality_kind(hello_class(&h), alpn_class(&h));
	result = open_by(c, c->keys->current, share, &h, hello, out) ||
				 (c->has_previous_key &&
					 open_by(c, c->keys->previous, share, &h, hello, out))
			 ? check_tag(c, &out->tag, now_ms)
			 : REALITY_KEY_SHARE;
	if (result != REALITY_AUTHENTICATED)
		crypto_wipe(out->key, sizeof(out->key));
	return result;
}
