// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/derivation.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "tls13/schedule.h"

enum {
	LABEL_MAX = 18, // of TLS 1.3 itself; exporters' are longer, and nobody exports here
	SEEDS_MAX = 5,  // of one PRF: a label and what libssl gives apart
};

static struct tls13_library *algorithms;
static _Thread_local struct tls_secrets *watched;

bool derivation_begin(void)
{
	return algorithms || tls13_library_create(&algorithms) == 0;
}

void derivation_watch(struct tls_secrets *secrets)
{
	watched = secrets;
}

// A context has nothing but the hash's own.
static void *context_new(void *provider)
{
	return EVP_MD_CTX_new();
}

static void context_free(void *context)
{
	EVP_MD_CTX_free(context);
}

static void context_reset(void *context)
{
	EVP_MD_CTX_reset(context);
}

static struct cursor octets_of(const OSSL_PARAM params[], const char *name)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

	if (!p || p->data_type != OSSL_PARAM_OCTET_STRING || !p->data)
		return (struct cursor){};
	return cursor_over(p->data, p->data_size);
}

// The hash that the parameters name; false for one that no suite of ours has.
static bool hasher_of(const OSSL_PARAM params[], void *context, struct hasher *out)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
	const char *name;

	if (!p || OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
		return false;
	*out = (struct hasher){.context = context};
	if (OPENSSL_strcasecmp(name, "SHA2-256") == 0 || OPENSSL_strcasecmp(name, "SHA256") == 0)
		out->md = algorithms->sha256;
	else if (OPENSSL_strcasecmp(name, "SHA2-384") == 0 ||
		 OPENSSL_strcasecmp(name, "SHA384") == 0)
		out->md = algorithms->sha384;
	else
		return false;
	out->bytes = out->md == algorithms->sha256 ? 32 : 48;
	return true;
}

static void traffic_secret_note(const char *label, const uint8_t *secret, size_t length)
{
	if (!watched || length > TLS_TRAFFIC_SECRET_BYTES)
		return;
	if (strcmp(label, "c ap traffic") == 0) {
		memcpy(watched->client, secret, length);
		watched->has_client = true;
	} else if (strcmp(label, "s ap traffic") == 0) {
		memcpy(watched->server, secret, length);
		watched->has_server = true;
	} else if (strcmp(label, "res master") == 0) {
		memcpy(watched->resumption, secret, length);
		watched->resumption_length = (uint8_t)length;
	}
}

// HKDF-Expand-Label.
static bool expand(const struct hasher *h, const OSSL_PARAM params[], uint8_t *out, size_t length)
{
	struct cursor secret = octets_of(params, OSSL_KDF_PARAM_KEY);
	struct cursor name = octets_of(params, OSSL_KDF_PARAM_LABEL);
	struct cursor data = octets_of(params, OSSL_KDF_PARAM_DATA);
	char label[LABEL_MAX + 1] = "";

	if (cursor_left(&secret) != h->bytes || cursor_left(&name) > LABEL_MAX ||
		cursor_left(&data) > SECRET_BYTES_MAX || length > h->bytes)
		return false;
	memcpy(label, name.p, cursor_left(&name));
	if (!hkdf_expand(h, secret.p, label, data.p, cursor_left(&data), out, length))
		return false;
	traffic_secret_note(label, out, length);
	return true;
}

// The schedule's next secret: from the one before, which is the salt, and the key.
static bool extract(const struct hasher *h, const OSSL_PARAM params[], uint8_t *out, size_t length)
{
	struct cursor before = octets_of(params, OSSL_KDF_PARAM_SALT);
	struct cursor key = octets_of(params, OSSL_KDF_PARAM_KEY);
	static const uint8_t zeros[SECRET_BYTES_MAX];
	struct schedule s = {.hash = *h};
	bool made;

	if (length != h->bytes)
		return false;
	if (!key.p)
		key = cursor_over(zeros, h->bytes);
	if (!before.p) {
		made = schedule_early(&s, h, key.p, cursor_left(&key));
	} else {
		if (cursor_left(&before) != h->bytes)
			return false;
		memcpy(s.secret, before.p, h->bytes);
		made = schedule_handshake(&s, key.p, cursor_left(&key));
	}
	if (made)
		memcpy(out, s.secret, h->bytes);
	OPENSSL_cleanse(&s, sizeof(s));
	return made;
}

static int derive_1_3(void *context, unsigned char *out, size_t length, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
	struct hasher h;
	int mode;

	if (!p || OSSL_PARAM_get_int(p, &mode) != 1 || !hasher_of(params, context, &h))
		return 0;
	if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(&h, params, out, length);
	return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && expand(&h, params, out, length);
}

// P_hash (RFC 5246 5): HMAC(secret, A(i) + seed) one behind the other, A(i) = HMAC(secret, A(i-1)),
// A(0) = seed. pieces: room for A, then the seed's.
static bool prf(const struct hasher *h, const struct cursor *secret, struct cursor *pieces,
	size_t count, uint8_t *out, size_t length)
{
	uint8_t a[SECRET_BYTES_MAX], block[SECRET_BYTES_MAX];
	bool ok = hasher_hmac_pieces(h, secret->p, cursor_left(secret), pieces + 1, count - 1, a);

	pieces[0] = cursor_over(a, h->bytes);
	while (ok && length > 0) {
		size_t part = length < h->bytes ? length : h->bytes;

		ok = hasher_hmac_pieces(h, secret->p, cursor_left(secret), pieces, count, block);
		memcpy(out, block, part);
		out += part;
		length -= part;
		if (length > 0)
			ok = ok && hasher_hmac(h, secret->p, cursor_left(secret), a, h->bytes, a);
	}
	pieces[0] = (struct cursor){};
	OPENSSL_cleanse(a, sizeof(a));
	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}

static void key_block_note(const struct cursor *label, const uint8_t *block, size_t length)
{
	static const char WANTED[] = "key expansion";

	if (!watched || cursor_left(label) != sizeof(WANTED) - 1 ||
		memcmp(label->p, WANTED, sizeof(WANTED) - 1) != 0)
		return;
	memcpy(watched->block, block, length < TLS_KEY_BLOCK_BYTES ? length : TLS_KEY_BLOCK_BYTES);
	watched->has_block = true;
}

static int derive_1_2(void *context, unsigned char *out, size_t length, const OSSL_PARAM params[])
{
	struct cursor secret = octets_of(params, OSSL_KDF_PARAM_SECRET);
	struct cursor pieces[1 + SEEDS_MAX];
	struct hasher h;
	size_t count = 1;

	if (!hasher_of(params, context, &h) || !secret.p)
		return 0;
	for (const OSSL_PARAM *p = params; p->key; p++) {
		if (strcmp(p->key, OSSL_KDF_PARAM_SEED) != 0 || p->data_size == 0)
			continue;
		if (count == nx_array_size(pieces) || p->data_type != OSSL_PARAM_OCTET_STRING)
			return 0;
		pieces[count++] = cursor_over(p->data, p->data_size);
	}
	if (count == 1 || !prf(&h, &secret, pieces, count, out, length))
		return 0;
	key_block_note(&pieces[1], out, length);
	return 1;
}

const OSSL_DISPATCH derivation_1_3[] = {
	{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))context_new},
	{OSSL_FUNC_KDF_FREECTX, (void (*)(void))context_free},
	{OSSL_FUNC_KDF_RESET, (void (*)(void))context_reset},
	{OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive_1_3},
	{0, NULL},
};

const OSSL_DISPATCH derivation_1_2[] = {
	{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))context_new},
	{OSSL_FUNC_KDF_FREECTX, (void (*)(void))context_free},
	{OSSL_FUNC_KDF_RESET, (void (*)(void))context_reset},
	{OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive_1_2},
	{0, NULL},
};
