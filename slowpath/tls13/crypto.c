// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/crypto.h"

#include <openssl/crypto.h>

#include "tls13/curve25519.h"

enum {
	BLOCK_BYTES_MAX = 128,
	HASH_BYTES_MAX = 64,
	LABEL_BYTES_MAX = 18,
};

static const struct suite suites[] = {
	{.number = 0x1301, .hash_bytes = 32, .key_bytes = 16, .records_max = 23726566},
	{.number = 0x1302, .hash_bytes = 48, .key_bytes = 32, .records_max = 23726566},
	{.number = 0x1303, .hash_bytes = 32, .key_bytes = 32, .records_max = UINT64_MAX},
};

int tls13_library_create(struct tls13_library **out)
{
	struct tls13_library *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	l->sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
	l->sha512 = EVP_MD_fetch(NULL, "SHA2-512", NULL);
	l->aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	l->aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	l->chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (!curve25519_begin() || l->sha256 == NULL || l->sha384 == NULL || l->sha512 == NULL ||
		l->aes_128_gcm == NULL || l->aes_256_gcm == NULL || l->chacha20_poly1305 == NULL) {
		tls13_library_destroy(l);
		return -ENOTSUP;
	}
	*out = l;
	return 0;
}

void tls13_library_destroy(struct tls13_library *library)
{
	if (library == NULL)
		return;
	EVP_MD_free(library->sha256);
	EVP_MD_free(library->sha384);
	EVP_MD_free(library->sha512);
	EVP_CIPHER_free(library->aes_128_gcm);
	EVP_CIPHER_free(library->aes_256_gcm);
	EVP_CIPHER_free(library->chacha20_poly1305);
	free(library);
}

const struct suite *suite_find(uint16_t number)
{
	for (size_t i = 0; i < nx_array_size(suites); i++) {
		if (suites[i].number == number)
			return &suites[i];
	}
	return NULL;
}

const EVP_MD *suite_md(const struct tls13_library *library, const struct suite *suite)
{
	return suite->hash_bytes == 48 ? library->sha384 : library->sha256;
}

const EVP_CIPHER *suite_cipher(const struct tls13_library *library, const struct suite *suite)
{
	switch (suite->number) {
	case 0x1301:
		return library->aes_128_gcm;
	case 0x1302:
		return library->aes_256_gcm;
	default:
		return library->chacha20_poly1305;
	}
}

bool hasher_hash(const struct hasher *h, const uint8_t *data, size_t length, uint8_t *out)
{
	return EVP_DigestInit_ex2(h->context, h->md, NULL) == 1 &&
	       EVP_DigestUpdate(h->context, data, length) == 1 &&
	       EVP_DigestFinal_ex(h->context, out, NULL) == 1;
}

// One of HMAC's two hashes (RFC 2104): over the padded key and then data.
static bool keyed_hash(const struct hasher *h, const uint8_t *key, size_t key_length, uint8_t pad,
	const struct cursor *pieces, size_t count, uint8_t *out)
{
	size_t block = (size_t)EVP_MD_get_block_size(h->md);
	uint8_t padded[BLOCK_BYTES_MAX];
	bool ok;

	memset(padded, pad, sizeof(padded));
	for (size_t i = 0; i < key_length; i++)
		padded[i] ^= key[i];
	ok = EVP_DigestInit_ex2(h->context, h->md, NULL) == 1 &&
	     EVP_DigestUpdate(h->context, padded, block) == 1;
	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(h->context, pieces[i].p, cursor_left(&pieces[i])) == 1;
	ok = ok && EVP_DigestFinal_ex(h->context, out, NULL) == 1;
	crypto_wipe(padded, sizeof(padded));
	return ok;
}

bool hasher_hmac_pieces(const struct hasher *h, const uint8_t *key, size_t key_length,
	const struct cursor *pieces, size_t count, uint8_t *out)
{
	uint8_t inner[HASH_BYTES_MAX], short_key[HASH_BYTES_MAX];
	struct cursor inner_piece = cursor_over(inner, h->bytes);
	bool ok = true;

	if (key_length > (size_t)EVP_MD_get_block_size(h->md)) {
		ok = hasher_hash(h, key, key_length, short_key);
		key = short_key;
		key_length = h->bytes;
	}
	ok = ok && keyed_hash(h, key, key_length, 0x36, pieces, count, inner) &&
	     keyed_hash(h, key, key_length, 0x5c, &inner_piece, 1, out);
	crypto_wipe(inner, sizeof(inner));
	crypto_wipe(short_key, sizeof(short_key));
	return ok;
}

bool hasher_hmac(const struct hasher *h, const uint8_t *key, size_t key_length, const uint8_t *data,
	size_t length, uint8_t *out)
{
	struct cursor piece = cursor_over(data, length);

	return hasher_hmac_pieces(h, key, key_length, &piece, 1, out);
}

bool hkdf_extract(const struct hasher *h, const uint8_t *salt, size_t salt_length,
	const uint8_t *input, size_t length, uint8_t *out)
{
	return hasher_hmac(h, salt, salt_length, input, length, out);
}

uint8_t *hkdf_label_write(uint8_t *p, size_t length, const char *label)
{
	static const char prefix[] = "tls13 ";

	be16_store(p, be16_from_host((uint16_t)length));
	p += 2;
	*p++ = (uint8_t)(strlen(prefix) + strlen(label));
	for (const char *c = prefix; *c != 0; c++)
		*p++ = (uint8_t)*c;
	for (; *label != 0; label++)
		*p++ = (uint8_t)*label;
	return p;
}

bool hkdf_expand(const struct hasher *h, const uint8_t *secret, const char *label,
	const uint8_t *context, size_t context_length, uint8_t *out, size_t length)
{
	// The last block's output, HkdfLabel, the block's number.
	uint8_t data[SECRET_BYTES_MAX + 2 + 1 + 6 + LABEL_BYTES_MAX + 1 + SECRET_BYTES_MAX + 1];
	uint8_t *info = data + h->bytes, *p, block[SECRET_BYTES_MAX];
	size_t info_length;
	bool ok = true;

	nx_bug_on(strlen(label) > LABEL_BYTES_MAX || context_length > SECRET_BYTES_MAX ||
		  length > (size_t)255 * h->bytes);
	p = hkdf_label_write(info, length, label);
	*p++ = (uint8_t)context_length;
	if (context_length != 0)
		memcpy(p, context, context_length);
	p += context_length;
	info_length = (size_t)(p - info);
	for (size_t done = 0, n = 1; ok && done < length; done += h->bytes, n++) {
		size_t part = length - done < h->bytes ? length - done : h->bytes;

		*p = (uint8_t)n;
		ok = n == 1 ? hasher_hmac(h, secret, h->bytes, info, info_length + 1, block)
			    : hasher_hmac(
				      h, secret, h->bytes, data, h->bytes + info_length + 1, block);
		memcpy(data, block, h->bytes);
		memcpy(out + done, block, part);
	}
	crypto_wipe(data, sizeof(data));
	crypto_wipe(block, sizeof(block));
	return ok;
}

bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void crypto_wipe(void *secret, size_t length)
{
	OPENSSL_cleanse(secret, length);
}
