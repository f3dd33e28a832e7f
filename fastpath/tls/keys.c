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
	key_cache_drop(context->keys, t->in.key.number);
	key_cache_drop(context->keys, t->out.key.number);
	secret_wipe(t, sizeof(*t));
}

static void store_u64(uint8_t *p, uint64_t value)
{
	be64 wire = htobe64(value);

	memcpy(p, &wire, sizeof(wire));
}

// TLS 1.3 and ChaCha20-Poly1305: the sequence number, right aligned, XOR the IV (RFC 8446 5.3, RFC
// 7905 2). TLS 1.2 GCM: four bytes of ours, eight of the record (RFC 5288 3).
static void nonce_make(const struct tls_key *key, const uint8_t *explicit_nonce, uint8_t *nonce)
{
	uint8_t sequence[8];

	memcpy(nonce, key->iv, AEAD_NONCE_BYTES);
	if (key->explicit_nonce) {
		memcpy(nonce + 4, explicit_nonce, EXPLICIT_NONCE_BYTES);
		return;
	}
	store_u64(sequence, key->sequence);
	for (uint32_t i = 0; i < sizeof(sequence); i++)
		nonce[4 + i] ^= sequence[i];
}

void tls_aead_prepare(struct tls_context *context, const struct tls_key *key,
	const uint8_t header[HEADER_BYTES], uint32_t plaintext_length,
	const uint8_t explicit_nonce[EXPLICIT_NONCE_BYTES], struct tls_aead *out)
{
	out->input = (struct aead_input){
		.key = key_cache_get(context->keys, key->number, (enum aead)key->aead, key->raw),
		.nonce = out->nonce,
		.additional = out->additional};
	nonce_make(key, explicit_nonce, out->nonce);
	if (key->is_tls13) {
		memcpy(out->additional, header, HEADER_BYTES);
		out->input.additional_length = HEADER_BYTES;
		return;
	}
	store_u64(out->additional, key->sequence);
	memcpy(out->additional + 8, header, 3);
	be16_store(out->additional + 11, be16_from_host((uint16_t)plaintext_length));
	out->input.additional_length = ADDITIONAL_BYTES_MAX;
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
