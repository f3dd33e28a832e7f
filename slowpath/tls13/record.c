// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/record.h"

bool record_key_set(const struct tls13_library *library, bool seals,
	const struct tls13_secret *secret, struct record_key *key)
{
	const struct suite *suite = suite_find(secret->suite);
	struct hasher hash = {.md = suite_md(library, suite),
		.context = EVP_MD_CTX_new(),
		.bytes = suite->hash_bytes};
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t raw[32], iv[12];
	bool ok = hash.context != NULL && context != NULL &&
		  hkdf_expand(&hash, secret->bytes, "key", NULL, 0, raw, suite->key_bytes) &&
		  hkdf_expand(&hash, secret->bytes, "iv", NULL, 0, iv, sizeof(iv)) &&
		  EVP_CipherInit_ex2(context, suite_cipher(library, suite), raw, NULL,
			  seals ? 1 : 0, NULL) == 1;

	crypto_wipe(raw, sizeof(raw));
	EVP_MD_CTX_free(hash.context);
	if (!ok) {
		EVP_CIPHER_CTX_free(context);
		return false;
	}
	record_key_clear(key);
	key->context = context;
	memcpy(key->iv, iv, sizeof(iv));
	return true;
}

void record_key_clear(struct record_key *key)
{
	EVP_CIPHER_CTX_free(key->context);
	*key = (struct record_key){0};
}

// RFC 8446 5.3: the vector with the sequence number mixed into its end.
static bool set_nonce(struct record_key *key, int seals)
{
	uint8_t nonce[12];

	memcpy(nonce, key->iv, sizeof(nonce));
	for (uint32_t i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(key->sequence >> (8 * i));
	key->sequence++;
	return EVP_CipherInit_ex2(key->context, NULL, NULL, nonce, seals, NULL) == 1;
}

void record_write_plain(
	struct writer *w, uint8_t type, uint16_t version, const uint8_t *content, size_t length)
{
	writer_u8(w, type);
	writer_u16(w, version);
	writer_u16(w, (uint16_t)length);
	writer_bytes(w, content, length);
}

bool record_seal(struct record_key *key, struct writer *w, uint8_t type, const uint8_t *content,
	size_t length, size_t padding)
{
	size_t inner = length + 1 + padding, all = RECORD_HEADER_BYTES + inner + RECORD_TAG_BYTES;
	uint8_t *out = writer_room(w, all), *body;
	int n;

	if (out == NULL)
		return false;
	body = out + RECORD_HEADER_BYTES;
	out[0] = RECORD_APPLICATION_DATA;
	be16_store(out + 1, be16_from_host(VERSION_1_2));
	be16_store(out + 3, be16_from_host((uint16_t)(inner + RECORD_TAG_BYTES)));
	if (length != 0)
		memcpy(body, content, length);
	body[length] = type;
	memset(body + length + 1, 0, padding);
	return set_nonce(key, 1) &&
	       EVP_CipherUpdate(key->context, NULL, &n, out, RECORD_HEADER_BYTES) == 1 &&
	       EVP_CipherUpdate(key->context, body, &n, body, (int)inner) == 1 &&
	       EVP_CipherFinal_ex(key->context, body + inner, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(
		       key->context, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG_BYTES, body + inner) == 1;
}

// The type is the last byte that is not zero (RFC 8446 5.4).
static enum tls13_verdict strip(const uint8_t *body, size_t *length, uint8_t *type)
{
	size_t n = *length;

	while (n != 0 && body[n - 1] == 0)
		n--;
	if (n == 0)
		return TLS13_RECORD_EMPTY;
	if (n - 1 > RECORD_PLAIN_MAX)
		return TLS13_RECORD_TOO_LONG;
	*type = body[n - 1];
	*length = n - 1;
	return TLS13_OK;
}

enum tls13_verdict record_open(
	struct record_key *key, const uint8_t *header, uint8_t *body, size_t *length, uint8_t *type)
{
	size_t sealed = *length, inner = sealed - RECORD_TAG_BYTES;
	uint8_t tag[RECORD_TAG_BYTES], end[RECORD_TAG_BYTES];
	int n;

	if (sealed <= RECORD_TAG_BYTES)
		return TLS13_RECORD_BAD;
	memcpy(tag, body + inner, sizeof(tag));
	if (!set_nonce(key, 0) ||
		EVP_CIPHER_CTX_ctrl(key->context, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG_BYTES, tag) !=
			1 ||
		EVP_CipherUpdate(key->context, NULL, &n, header, RECORD_HEADER_BYTES) != 1 ||
		EVP_CipherUpdate(key->context, body, &n, body, (int)inner) != 1)
		return TLS13_LIBRARY;
	if (EVP_CipherFinal_ex(key->context, end, &n) != 1) {
		crypto_wipe(body, inner);
		return TLS13_RECORD_BAD;
	}
	*length = inner;
	return strip(body, length, type);
}
