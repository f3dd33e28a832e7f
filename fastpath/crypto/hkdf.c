// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/hkdf.h"

#include "crypto/manager_impl.h"
#include "crypto/secret.h"

uint32_t hash_bytes(enum hash hash)
{
	return hash == HASH_SHA_256 ? 32 : 48;
}

static uint32_t block_bytes(enum hash hash)
{
	return hash == HASH_SHA_256 ? 64 : 128;
}

static void digest(struct crypto_manager *m, enum hash hash, const uint8_t *message,
	uint32_t length, uint8_t *out)
{
	if (hash == HASH_SHA_256)
		IMB_SHA256(m->imb, message, length, out);
	else
		IMB_SHA384(m->imb, message, length, out);
}

static void pad_key(struct crypto_manager *m, enum hash hash, const uint8_t *key,
	uint32_t key_length, uint8_t pad)
{
	uint32_t block = block_bytes(hash);

	memset(m->scratch, pad, block);
	for (uint32_t i = 0; i < key_length; i++)
		m->scratch[i] = (uint8_t)(key[i] ^ pad);
}

// The manager's scratch holds the padded key and the message behind it, then the padded key and the
// inner digest; digest_at is behind both.
void hmac(struct crypto_manager *m, enum hash hash, const uint8_t *key, uint32_t key_length,
	const uint8_t *message, uint32_t length, uint8_t *out)
{
	uint32_t block = block_bytes(hash);
	uint8_t *digest_at = m->scratch + SCRATCH_BYTES - HASH_BYTES_MAX;

	static_assert(128 + HMAC_MESSAGE_MAX + HASH_BYTES_MAX <= SCRATCH_BYTES);
	nx_bug_on(key_length > block || length > HMAC_MESSAGE_MAX);
	pad_key(m, hash, key, key_length, 0x36);
	memcpy(m->scratch + block, message, length);
	digest(m, hash, m->scratch, block + length, digest_at);
	pad_key(m, hash, key, key_length, 0x5c);
	memcpy(m->scratch + block, digest_at, hash_bytes(hash));
	digest(m, hash, m->scratch, block + hash_bytes(hash), out);
	secret_wipe(m->scratch, SCRATCH_BYTES);
}

void hkdf_expand_label(struct crypto_manager *m, enum hash hash, const uint8_t *secret,
	const char *label, uint8_t *out, uint32_t length)
{
	static const char prefix[] = "tls13 ";
	uint8_t info[HMAC_MESSAGE_MAX];
	uint8_t block[HASH_BYTES_MAX];
	size_t label_length = strlen(label);
	uint32_t n = 0;

	nx_bug_on(label_length > 32 || length > hash_bytes(hash));
	info[n++] = 0;
	info[n++] = (uint8_t)length;
	info[n++] = (uint8_t)(sizeof(prefix) - 1 + label_length);
	memcpy(info + n, prefix, sizeof(prefix) - 1);
	n += sizeof(prefix) - 1;
	memcpy(info + n, label, label_length);
	n += (uint32_t)label_length;
	info[n++] = 0; // no context
	info[n++] = 1; // T(1) of RFC 5869 2.3
	hmac(m, hash, secret, hash_bytes(hash), info, n, block);
	memcpy(out, block, length);
	secret_wipe(block, sizeof(block));
}
