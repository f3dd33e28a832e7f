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
static void hmac_whole(struct crypto_manager *m, enum hash hash, const uint8_t *key,
	uint32_t key_length, const uint8_t *message, uint32_t length, uint8_t *out)
{
	uint32_t block = block_bytes(hash);
	uint8_t *digest_at = m->scratch + SCRATCH_BYTES - HASH_BYTES_MAX;

	static_assert(128 + HMAC_MESSAGE_MAX + HASH_BYTES_MAX <= SCRATCH_BYTES);
	pad_key(m, hash, key, key_length, 0x36);
	memcpy(m->scratch + block, message, length);
	digest(m, hash, m->scratch, block + length, digest_at);
	pad_key(m, hash, key, key_length, 0x5c);
	memcpy(m->scratch + block, digest_at, hash_bytes(hash));
	digest(m, hash, m->scratch, block + hash_bytes(hash), out);
	secret_wipe(m->scratch, SCRATCH_BYTES);
}

static bool is_quick(const struct crypto_manager *m, enum hash hash)
{
	return hash == HASH_SHA_256 && (m->imb->features & IMB_FEATURE_SHANI) != 0;
}

static void state_begin(struct crypto_manager *m, uint32_t *state, const uint8_t *key,
	uint32_t key_length, uint8_t pad)
{
	pad_key(m, HASH_SHA_256, key, key_length, pad);
	sha256_begin(state);
	sha256_compress(state, m->scratch);
}

// The states behind either padded key serve all messages under that key.
static void quick_begin(struct crypto_manager *m, const uint8_t *key, uint32_t key_length)
{
	state_begin(m, m->inner, key, key_length, 0x36);
	state_begin(m, m->outer, key, key_length, 0x5c);
}

// Hashes what lies in the scratch on from a state behind one block; the digest lies there then.
static void quick_digest(
	struct crypto_manager *m, const uint32_t behind[SHA256_STATE_WORDS], uint32_t length)
{
	uint32_t blocks = (length + 1 + 8 + SHA256_BLOCK_BYTES - 1) / SHA256_BLOCK_BYTES;
	uint32_t end = blocks * SHA256_BLOCK_BYTES;
	uint32_t state[SHA256_STATE_WORDS];

	static_assert(HMAC_MESSAGE_MAX + 1 + 8 + SHA256_BLOCK_BYTES <= SCRATCH_BYTES);
	memset(m->scratch + length, 0, end - length);
	m->scratch[length] = 0x80;
	be32_store(m->scratch + end - 4, be32_from_host((SHA256_BLOCK_BYTES + length) * 8));
	memcpy(state, behind, sizeof(state));
	for (uint32_t i = 0; i < blocks; i++)
		sha256_compress(state, m->scratch + (size_t)i * SHA256_BLOCK_BYTES);
	for (uint32_t i = 0; i < SHA256_STATE_WORDS; i++)
		be32_store(m->scratch + (size_t)i * 4, be32_from_host(state[i]));
	secret_wipe(state, sizeof(state));
}

static void quick_hmac(
	struct crypto_manager *m, const uint8_t *message, uint32_t length, uint8_t *out)
{
	memcpy(m->scratch, message, length);
	quick_digest(m, m->inner, length);
	quick_digest(m, m->outer, hash_bytes(HASH_SHA_256));
	memcpy(out, m->scratch, hash_bytes(HASH_SHA_256));
}

static void quick_end(struct crypto_manager *m)
{
	secret_wipe(m->scratch, SCRATCH_BYTES);
	secret_wipe(m->inner, sizeof(m->inner));
	secret_wipe(m->outer, sizeof(m->outer));
}

void hmac(struct crypto_manager *m, enum hash hash, const uint8_t *key, uint32_t key_length,
	const uint8_t *message, uint32_t length, uint8_t *out)
{
	nx_bug_on(key_length > block_bytes(hash) || length > HMAC_MESSAGE_MAX);
	if (!is_quick(m, hash)) {
		hmac_whole(m, hash, key, key_length, message, length, out);
		return;
	}
	quick_begin(m, key, key_length);
	quick_hmac(m, message, length, out);
	quick_end(m);
}

// HkdfLabel (RFC 8446 7.1) without context, and the number of the only block (RFC 5869 2.3).
static uint32_t info_write(
	const struct hkdf_output *o, enum hash hash, uint8_t info[HMAC_MESSAGE_MAX])
{
	static const char prefix[] = "tls13 ";
	size_t label_length = strlen(o->label);
	uint32_t n = 0;

	nx_bug_on(label_length > 32 || o->length > hash_bytes(hash));
	info[n++] = 0;
	info[n++] = (uint8_t)o->length;
	info[n++] = (uint8_t)(sizeof(prefix) - 1 + label_length);
	memcpy(info + n, prefix, sizeof(prefix) - 1);
	n += sizeof(prefix) - 1;
	memcpy(info + n, o->label, label_length);
	n += (uint32_t)label_length;
	info[n++] = 0;
	info[n++] = 1;
	return n;
}

void hkdf_expand_labels(struct crypto_manager *m, enum hash hash, const uint8_t *secret,
	const struct hkdf_output *outputs, uint32_t count)
{
	bool quick = is_quick(m, hash);
	uint8_t info[HMAC_MESSAGE_MAX];
	uint8_t block[HASH_BYTES_MAX];

	if (quick)
		quick_begin(m, secret, hash_bytes(hash));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = info_write(&outputs[i], hash, info);

		if (quick)
			quick_hmac(m, info, n, block);
		else
			hmac_whole(m, hash, secret, hash_bytes(hash), info, n, block);
		memcpy(outputs[i].out, block, outputs[i].length);
	}
	if (quick)
		quick_end(m);
	secret_wipe(block, sizeof(block));
}

void hkdf_expand_label(struct crypto_manager *m, enum hash hash, const uint8_t *secret,
	const char *label, uint8_t *out, uint32_t length)
{
	hkdf_expand_labels(m, hash, secret,
		&(struct hkdf_output){.label = label, .out = out, .length = length}, 1);
}
