// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#include "records.h"

// HKDF-Expand-Label without context (RFC 8446 7.1), for at most one block of the hash.
static bool expand(const struct records *records, const uint8_t *secret, const char *label,
	uint8_t *out, size_t length)
{
	const EVP_MD *hash = records->secret_length == 32 ? EVP_sha256() : EVP_sha384();
	size_t n = strlen(label);
	uint8_t info[32] = {0, (uint8_t)length, (uint8_t)(n + 6), 't', 'l', 's', '1', '3', ' '};
	uint8_t block[EVP_MAX_MD_SIZE];
	unsigned int block_length;
	bool made;

	memcpy(info + 9, label, n);
	info[9 + n] = 0;
	info[10 + n] = 1; // the number of the block
	made = HMAC(hash, secret, (int)records->secret_length, info, 11 + n, block,
		       &block_length) != NULL;
	memcpy(out, block, length);
	OPENSSL_cleanse(block, sizeof(block));
	return made;
}

static bool half_begin(struct records *records, struct record_half *half)
{
	size_t key_length = records->secret_length == 32 ? 16 : 32;
	uint8_t key[32];

	if (!expand(records, half->secret, "key", key, key_length) ||
		!expand(records, half->secret, "iv", half->iv, NONCE))
		return false;
	if (key_length == 16)
		IMB_AES128_GCM_PRE(records->vectors, key, &half->key);
	else
		IMB_AES256_GCM_PRE(records->vectors, key, &half->key);
	OPENSSL_cleanse(key, sizeof(key));
	half->sequence = 0;
	return true;
}

bool nx_records_begin(struct records *records, IMB_MGR *vectors)
{
	records->vectors = vectors;
	return half_begin(records, &records->in) && half_begin(records, &records->out);
}

bool nx_record_half_update(struct records *records, struct record_half *half)
{
	uint8_t next[SECRET_MOST];
	bool made = expand(records, half->secret, "traffic upd", next, records->secret_length);

	memcpy(half->secret, next, sizeof(next));
	OPENSSL_cleanse(next, sizeof(next));
	return made && half_begin(records, half);
}

void nx_record_nonce(const struct record_half *half, uint8_t nonce[NONCE])
{
	uint64_t tail;

	memcpy(nonce, half->iv, NONCE);
	memcpy(&tail, nonce + 4, 8);
	tail ^= __builtin_bswap64(half->sequence);
	memcpy(nonce + 4, &tail, 8);
}
