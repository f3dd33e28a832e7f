// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/secret.h"
#include "tls/record_impl.h"

struct suite {
	uint16_t version;
	uint16_t number;
	uint8_t aead;
	uint8_t hash;
};

// RFC 8446 B.4; RFC 5288, 5289 and 7905 for TLS 1.2, where the record layer cares for the AEAD
// only.
static const struct suite suites[] = {
	{TLS_VERSION_1_3, 0x1301, AEAD_AES_128_GCM, HASH_SHA_256},
	{TLS_VERSION_1_3, 0x1302, AEAD_AES_256_GCM, HASH_SHA_384},
	{TLS_VERSION_1_3, 0x1303, AEAD_CHACHA20_POLY1305, HASH_SHA_256},
	{TLS_VERSION_1_2, 0x009c, AEAD_AES_128_GCM, HASH_SHA_256},
	{TLS_VERSION_1_2, 0x009d, AEAD_AES_256_GCM, HASH_SHA_384},
	{TLS_VERSION_1_2, 0x009e, AEAD_AES_128_GCM, HASH_SHA_256},
	{TLS_VERSION_1_2, 0x009f, AEAD_AES_256_GCM, HASH_SHA_384},
	{TLS_VERSION_1_2, 0xc02b, AEAD_AES_128_GCM, HASH_SHA_256},
	{TLS_VERSION_1_2, 0xc02c, AEAD_AES_256_GCM, HASH_SHA_384},
	{TLS_VERSION_1_2, 0xc02f, AEAD_AES_128_GCM, HASH_SHA_256},
	{TLS_VERSION_1_2, 0xc030, AEAD_AES_256_GCM, HASH_SHA_384},
	{TLS_VERSION_1_2, 0xcca8, AEAD_CHACHA20_POLY1305, HASH_SHA_256},
	{TLS_VERSION_1_2, 0xcca9, AEAD_CHACHA20_POLY1305, HASH_SHA_256},
	{TLS_VERSION_1_2, 0xccaa, AEAD_CHACHA20_POLY1305, HASH_SHA_256},
};

static const struct suite *suite_find(uint16_t version, uint16_t number)
{
	for (size_t i = 0; i < nx_array_size(suites); i++)
		if (suites[i].version == version && suites[i].number == number)
			return &suites[i];
	return NULL;
}

bool tls_suite_is_known(uint16_t version, uint16_t suite)
{
	return suite_find(version, suite) != NULL;
}

// RFC 8446 7.3.
static void derive(struct tls_context *c, struct tls_key *key)
{
	hkdf_expand_label(c->crypto, (enum hash)key->hash, key->secret, "key", key->raw,
		aead_key_bytes((enum aead)key->aead));
	hkdf_expand_label(
		c->crypto, (enum hash)key->hash, key->secret, "iv", key->iv, AEAD_NONCE_BYTES);
}

static void key_set(struct tls_context *c, struct tls_key *key, const struct suite *suite,
	const struct tls_secret *s)
{
	*key = (struct tls_key){.sequence = s->sequence,
		.number = key_cache_number(c->keys),
		.aead = suite->aead,
		.hash = suite->hash,
		.is_tls13 = suite->version == TLS_VERSION_1_3};
	if (key->is_tls13) {
		memcpy(key->secret, s->secret, hash_bytes((enum hash)key->hash));
		derive(c, key);
		return;
	}
	key->explicit_nonce = suite->aead != AEAD_CHACHA20_POLY1305;
	memcpy(key->raw, s->secret, aead_key_bytes((enum aead)key->aead));
	memcpy(key->iv, s->iv, key->explicit_nonce ? 4 : AEAD_NONCE_BYTES);
}

void tls_key_update(struct tls_context *c, struct tls_key *key)
{
	key_cache_drop(c->keys, key->number);
	hkdf_expand_label(c->crypto, (enum hash)key->hash, key->secret, "traffic upd", key->secret,
		hash_bytes((enum hash)key->hash));
	derive(c, key);
	key->number = key_cache_number(c->keys);
	key->sequence = 0;
	key->blocks = 0;
}

int tls_records_init(struct tls_context *context, bool is_client, uint16_t version, uint16_t suite,
	const struct tls_secret *in, const struct tls_secret *out, struct tls_records *t)
{
	const struct suite *s = suite_find(version, suite);

	if (s == NULL)
		return -ENOTSUP;
	*t = (struct tls_records){.is_client = is_client};
	key_set(context, &t->in.key, s, in);
	key_set(context, &t->out.key, s, out);
	return 0;
}

void tls_records_fini(struct tls_context *context, struct tls_records *t)
{
	tls_queue_clear(&t->in.pending, context->buffers);
	tls_large_put(context, t);
	key_cache_drop(context->keys, t->in.key.number);
	key_cache_drop(context->keys, t->out.key.number);
	secret_wipe(t, sizeof(*t));
}

// Sixteen bytes in one register. ipsec-mb reads nonce and additional data so at once: what was
// written in pieces just before would have to reach the cache first.
typedef uint64_t pair __attribute__((vector_size(16)));

// TLS 1.3 and ChaCha20-Poly1305: the sequence number, right aligned, XOR the IV (RFC 8446 5.3, RFC
// 7905 2). TLS 1.2 GCM: four bytes of ours, eight of the record (RFC 5288 3), where iv is zero.
// What is read and written behind the nonce's bytes is in nobody's way.
static void nonce_make(
	const struct tls_key *key, const uint8_t *explicit_nonce, uint8_t nonce[TLS_PAIR_BYTES])
{
	uint64_t number = __builtin_bswap64(key->sequence);
	pair n;

	static_assert(offsetof(struct tls_key, iv) + TLS_PAIR_BYTES <= sizeof(struct tls_key));
	memcpy(&n, (const uint8_t *)key + offsetof(struct tls_key, iv), sizeof(n));
	if (key->explicit_nonce)
		memcpy(&number, explicit_nonce, sizeof(number));
	n ^= (pair){number << 32, number >> 32};
	memcpy(nonce, &n, sizeof(n));
}

// TLS 1.3: the header (RFC 8446 5.2). TLS 1.2: the sequence number, type, version and the
// plaintext's length (RFC 5246 6.2.3.3).
static uint32_t additional_make(const struct tls_key *key, const uint8_t header[HEADER_BYTES],
	uint32_t length, uint8_t additional[TLS_PAIR_BYTES])
{
	uint32_t protected = key->is_tls13 ? length + AEAD_TAG_BYTES : length;
	uint64_t record = header[0] | (uint64_t)header[1] << 8 | (uint64_t)header[2] << 16 |
			  (uint64_t)(protected >> 8) << 24 | (uint64_t)(protected & 0xff) << 32;
	pair a = {record, 0};

	if (!key->is_tls13)
		a = (pair){__builtin_bswap64(key->sequence), record};
	memcpy(additional, &a, sizeof(a));
	return key->is_tls13 ? HEADER_BYTES : ADDITIONAL_BYTES_MAX;
}

void tls_aead_prepare(struct tls_context *context, const struct tls_key *key,
	const uint8_t header[HEADER_BYTES], uint32_t length,
	const uint8_t explicit_nonce[EXPLICIT_NONCE_BYTES], struct tls_aead *out)
{
	nonce_make(key, explicit_nonce, out->nonce);
	out->input = (struct aead_input){
		.key = key_cache_get(context->keys, key->number, (enum aead)key->aead, key->raw),
		.nonce = out->nonce,
		.additional = out->additional,
		.additional_length = additional_make(key, header, length, out->additional)};
}

void tls_key_used(struct tls_key *key, uint32_t bytes)
{
	key->sequence++;
	key->blocks += bytes / 16 + 1;
}

bool tls_key_is_worn(const struct tls_context *context, const struct tls_key *key)
{
	uint64_t limit = context->key_blocks ? context->key_blocks : KEY_BLOCKS_DEFAULT;

	return (key->aead != AEAD_CHACHA20_POLY1305 && key->blocks >= limit) ||
	       key->sequence == UINT64_MAX;
}
