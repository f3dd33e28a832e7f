// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/group.h"

#include <openssl/rand.h>

#include "tls13/kem.h"

struct group {
	uint16_t number;
	uint16_t share_bytes; // of the elliptic curve's part
	uint16_t secret_bytes;
	const char *curve; // NULL: X25519
};

static const struct group groups[] = {
	{GROUP_X25519, X25519_BYTES, X25519_BYTES, NULL},
	{GROUP_X25519MLKEM768, X25519_BYTES, X25519_BYTES, NULL},
	{GROUP_P256, 65, 32, "P-256"},
	{GROUP_P384, 97, 48, "P-384"},
	{GROUP_P521, 133, 66, "P-521"},
};

static const struct group *find(uint16_t number)
{
	for (size_t i = 0; i < nx_array_size(groups); i++) {
		if (groups[i].number == number)
			return &groups[i];
	}
	return NULL;
}

bool group_is_known(uint16_t group)
{
	return find(group) != NULL;
}

bool randomness_fill(const struct randomness *r, uint8_t *out, size_t length)
{
	if (r->fill != NULL)
		return r->fill(r->user, out, length);
	return RAND_priv_bytes(out, (int)length) == 1;
}

static bool ecdh_make(const struct randomness *r, const struct group *g, struct group_key *out)
{
	if (g->curve != NULL) {
		out->ecdh = EVP_PKEY_Q_keygen(NULL, NULL, "EC", g->curve);
		return out->ecdh != NULL;
	}
	if (!randomness_fill(r, out->x25519, sizeof(out->x25519)))
		return false;
	x25519_public(out->x25519, out->x25519_public);
	return true;
}

// A peer's share as a key; NULL for one that is no point of the curve. An uncompressed point is
// the only form (RFC 8446 4.2.8.2), which its length and first byte tell.
static EVP_PKEY *ecdh_peer(const struct group *g, const uint8_t *share, EVP_PKEY *like)
{
	EVP_PKEY *peer = EVP_PKEY_new();

	if (peer != NULL && share[0] == 4 && EVP_PKEY_copy_parameters(peer, like) == 1 &&
		EVP_PKEY_set1_encoded_public_key(peer, share, g->share_bytes) == 1)
		return peer;
	EVP_PKEY_free(peer);
	return NULL;
}

static enum tls13_verdict evp_derive(
	const struct group *g, EVP_PKEY *own, const uint8_t *share, uint8_t *out)
{
	EVP_PKEY *peer = ecdh_peer(g, share, own);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	enum tls13_verdict v = TLS13_LIBRARY;
	size_t length = g->secret_bytes;

	if (peer == NULL)
		v = TLS13_SHARE_BAD;
	else if (context != NULL && EVP_PKEY_derive_init(context) == 1)
		v = EVP_PKEY_derive_set_peer(context, peer) == 1 &&
				    EVP_PKEY_derive(context, out, &length) == 1 &&
				    length == g->secret_bytes
			    ? TLS13_OK
			    : TLS13_SHARE_BAD;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return v;
}

static enum tls13_verdict ecdh_derive(
	const struct group *g, const struct group_key *own, const uint8_t *share, uint8_t *out)
{
	if (g->curve != NULL)
		return evp_derive(g, own->ecdh, share, out);
	return x25519_agree(own->x25519, share, out) ? TLS13_OK : TLS13_SHARE_BAD;
}

static void ecdh_write(const struct group *g, const struct group_key *key, struct writer *w)
{
	unsigned char *encoded = NULL;

	if (g->curve == NULL) {
		writer_bytes(w, key->x25519_public, sizeof(key->x25519_public));
		return;
	}
	if (EVP_PKEY_get1_encoded_public_key(key->ecdh, &encoded) == g->share_bytes)
		writer_bytes(w, encoded, g->share_bytes);
	else
		w->failed = true;
	OPENSSL_free(encoded);
}

static enum tls13_verdict mlkem_make(const struct randomness *r, struct group_key *key)
{
	uint8_t seed[MLKEM_SEED_BYTES];
	enum tls13_verdict v = TLS13_OK;

	if (!randomness_fill(r, seed, sizeof(seed)))
		return TLS13_LIBRARY;
	key->kem = kem_key_make(seed);
	if (key->kem == NULL)
		v = TLS13_NO_MEMORY;
	crypto_wipe(seed, sizeof(seed));
	return v;
}

enum tls13_verdict group_key_make(const struct randomness *r, uint16_t group,
	const struct group_key *same, struct group_key *out)
{
	struct group_key key = {.group = group};
	enum tls13_verdict v = TLS13_OK;

	if (same != NULL) {
		memcpy(key.x25519, same->x25519, sizeof(key.x25519));
		memcpy(key.x25519_public, same->x25519_public, sizeof(key.x25519_public));
	} else if (!ecdh_make(r, find(group), &key)) {
		v = TLS13_LIBRARY;
	}
	if (v == TLS13_OK && group == GROUP_X25519MLKEM768)
		v = mlkem_make(r, &key);
	if (v == TLS13_OK)
		*out = key;
	else
		group_key_clear(&key);
	crypto_wipe(&key, sizeof(key));
	return v;
}

void group_key_clear(struct group_key *key)
{
	EVP_PKEY_free(key->ecdh);
	kem_key_free(key->kem);
	crypto_wipe(key, sizeof(*key));
}

void group_key_write(const struct group_key *key, struct writer *w)
{
	if (key->kem != NULL)
		writer_bytes(w, key->kem->public_key, sizeof(key->kem->public_key));
	ecdh_write(find(key->group), key, w);
}

enum tls13_verdict group_finish(
	const struct group_key *key, struct cursor share, struct group_secret *out)
{
	const struct group *g = find(key->group);
	size_t before = key->kem != NULL ? MLKEM_CIPHERTEXT_BYTES : 0;
	size_t offset = key->kem != NULL ? MLKEM_SECRET_BYTES : 0;
	const uint8_t *ciphertext, *point;
	enum tls13_verdict v = TLS13_OK;

	if (cursor_left(&share) != before + g->share_bytes ||
		!cursor_take_span(&share, before, &ciphertext) ||
		!cursor_take_span(&share, g->share_bytes, &point))
		return TLS13_SHARE_BAD;
	if (key->kem != NULL)
		v = kem_decapsulate(key->kem, ciphertext, out->bytes);
	if (v != TLS13_OK)
		return v;
	out->length = offset + g->secret_bytes;
	return ecdh_derive(g, key, point, out->bytes + offset);
}

static enum tls13_verdict mlkem_answer(
	const struct randomness *r, const uint8_t *key, struct writer *w, struct group_secret *out)
{
	uint8_t *ciphertext = writer_room(w, MLKEM_CIPHERTEXT_BYTES);
	uint8_t message[MLKEM_MESSAGE_BYTES];
	enum tls13_verdict v = TLS13_OK;

	if (ciphertext == NULL)
		return TLS13_NO_MEMORY;
	if (!randomness_fill(r, message, sizeof(message)))
		v = TLS13_LIBRARY;
	else
		v = kem_encapsulate(key, message, ciphertext, out->bytes);
	crypto_wipe(message, sizeof(message));
	return v;
}

enum tls13_verdict group_answer(const struct randomness *r, uint16_t group, struct cursor share,
	struct writer *w, struct group_secret *out)
{
	const struct group *g = find(group);
	bool hybrid = group == GROUP_X25519MLKEM768;
	size_t before = hybrid ? MLKEM_ENCAPSULATION_KEY_BYTES : 0;
	size_t offset = hybrid ? MLKEM_SECRET_BYTES : 0;
	enum tls13_verdict v = TLS13_OK;
	const uint8_t *key, *point;
	struct group_key own = {.group = group};

	if (cursor_left(&share) != before + g->share_bytes ||
		!cursor_take_span(&share, before, &key) ||
		!cursor_take_span(&share, g->share_bytes, &point))
		return TLS13_SHARE_BAD;
	if (!ecdh_make(r, g, &own))
		v = TLS13_LIBRARY;
	if (v == TLS13_OK && hybrid)
		v = mlkem_answer(r, key, w, out);
	if (v == TLS13_OK)
		v = ecdh_derive(g, &own, point, out->bytes + offset);
	if (v == TLS13_OK)
		ecdh_write(g, &own, w);
	out->length = offset + g->secret_bytes;
	group_key_clear(&own);
	return v;
}
