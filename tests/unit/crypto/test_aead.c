// SPDX-License-Identifier: BSD-3-Clause
// The three AEADs: published vectors, and libcrypto as the second opinion over sizes, cuts,
// additional data and misalignment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "crypto/aead.h"
#include "crypto/key_cache.h"

static struct crypto_manager *manager;
static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

static void fill(uint8_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = (uint8_t)draw(256);
}

static uint32_t from_hex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

struct vector {
	enum aead aead;
	const char *key, *nonce, *additional, *plain, *cipher, *tag;
};

// GCM: McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 1-4 and 13-16, the
// vectors of NIST's submission. ChaCha20-Poly1305: RFC 8439 2.8.2.
static const struct vector vectors[] = {
	{AEAD_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "", "",
		"", "58e2fccefa7e3061367f1d57a4e7455a"},
	{AEAD_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "",
		"00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
		"ab6e47d42cec13bdf53a67b21257bddf"},
	{AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
		"4d5c2af327cd64a62cf35abd2ba6fab4"},
	{AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47"},
	{AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
	{AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		"070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
		"4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
		"1ae10b594f09e26a7e902ecbd0600691"},
};

static void published_vectors_hold_both_ways(void **state)
{
	for (size_t i = 0; i < nx_array_size(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t raw[32], nonce[12], additional[64], plain[128], cipher[128], tag[16];
		uint8_t data[128], made[16];
		struct aead_key key;
		struct aead_input in = {.key = &key, .nonce = nonce, .additional = additional};
		uint32_t length = from_hex(v->plain, plain);

		from_hex(v->key, raw);
		from_hex(v->nonce, nonce);
		in.additional_length = from_hex(v->additional, additional);
		assert_int_equal(from_hex(v->cipher, cipher), length);
		from_hex(v->tag, tag);
		aead_key_expand(manager, v->aead, raw, &key);

		memcpy(data, plain, length);
		aead_seal(manager, &in, data, length, made);
		assert_memory_equal(data, cipher, length);
		assert_memory_equal(made, tag, 16);
		assert_true(aead_open(manager, &in, data, length, tag));
		assert_memory_equal(data, plain, length);
	}
}

static const EVP_CIPHER *evp_of(enum aead aead)
{
	if (aead == AEAD_AES_128_GCM)
		return EVP_aes_128_gcm();
	return aead == AEAD_AES_256_GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
}

struct sample {
	uint8_t raw[32], nonce[12], additional[96];
	uint32_t additional_length, length;
	uint8_t plain[17000], cipher[17000], tag[16];
	struct aead_key key;
	struct aead_input in;
};

// A random message and what libcrypto makes of it.
static void sample_draw(struct sample *s, enum aead aead, uint32_t length)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	fill(s->raw, 32);
	fill(s->nonce, 12);
	s->additional_length = draw(4) == 0 ? 0 : draw(sizeof(s->additional) + 1);
	fill(s->additional, s->additional_length);
	s->length = length;
	fill(s->plain, length);
	assert_true(EVP_EncryptInit_ex(ctx, evp_of(aead), NULL, s->raw, s->nonce));
	if (s->additional_length > 0)
		assert_true(
			EVP_EncryptUpdate(ctx, NULL, &n, s->additional, (int)s->additional_length));
	if (length > 0)
		assert_true(EVP_EncryptUpdate(ctx, s->cipher, &n, s->plain, (int)length));
	assert_true(EVP_EncryptFinal_ex(ctx, s->cipher + length, &n));
	assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, s->tag));
	EVP_CIPHER_CTX_free(ctx);
	aead_key_expand(manager, aead, s->raw, &s->key);
	s->in = (struct aead_input){.key = &s->key,
		.nonce = s->nonce,
		.additional = s->additional,
		.additional_length = s->additional_length};
}

static uint32_t draw_length(void)
{
	static const uint32_t edges[] = {
		0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1460, 16384, 16401};

	return draw(2) ? edges[draw(nx_array_size(edges))] : draw(2000);
}

static void contiguous_agrees_with_libcrypto(void **state)
{
	struct sample *s = aligned_alloc(CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);

	for (uint32_t round = 0; round < 600; round++) {
		uint32_t length = draw_length();
		uint32_t shift = draw(64);
		// Exactly what is used, so that a sanitizer sees a byte too many.
		uint8_t *memory = malloc(shift + length + 1), *data = memory + shift;
		uint8_t tag[16];

		sample_draw(s, round % AEAD_COUNT, length);
		memcpy(data, s->plain, length);
		aead_seal(manager, &s->in, data, length, tag);
		assert_memory_equal(data, s->cipher, length);
		assert_memory_equal(tag, s->tag, 16);
		assert_true(aead_open(manager, &s->in, data, length, tag));
		assert_memory_equal(data, s->plain, length);
		free(memory);
	}
	free(s);
}

// bytes after `skip` bytes of something else, in buffers of at most `most` bytes, some empty.
static struct buffer *chain_of(const uint8_t *bytes, uint32_t length, uint32_t skip, uint32_t most)
{
	struct buffer *head = NULL, **link = &head;
	uint32_t at = 0, total = skip + length;

	do {
		uint32_t n = draw(8) == 0 ? 0 : 1 + draw(most);
		struct buffer *b;

		n = u32_min(n, total - at);
		b = buffer_heap_get(&buffer_heap_source, n);
		b->length = (uint16_t)n;
		for (uint32_t i = 0; i < n; i++)
			buffer_data(b)[i] = at + i < skip ? 0xee : bytes[at + i - skip];
		at += n;
		*link = b;
		link = &b->next;
	} while (at < total);
	return head;
}

static void chain_read(const struct buffer *chain, uint32_t skip, uint32_t length, uint8_t *out)
{
	uint32_t at = 0;

	for (; chain; chain = chain->next)
		for (uint32_t i = 0; i < chain->length; i++, at++)
			if (at >= skip && at - skip < length)
				out[at - skip] = buffer_data(chain)[i];
			else
				assert_int_equal(buffer_data(chain)[i], 0xee);
}

static void chains_agree_with_libcrypto_however_they_are_cut(void **state)
{
	struct sample *s = aligned_alloc(CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	static uint8_t out[17000];

	for (uint32_t round = 0; round < 600; round++) {
		uint32_t skip = draw(30), most = draw(3) == 0 ? 3 : 1 + draw(1800);
		struct buffer *chain;
		uint8_t tag[16];

		sample_draw(s, round % AEAD_COUNT, draw_length());
		chain = chain_of(s->plain, s->length, skip, most);
		aead_seal_chain(manager, &s->in, chain, skip, s->length, tag);
		chain_read(chain, skip, s->length, out);
		assert_memory_equal(out, s->cipher, s->length);
		assert_memory_equal(tag, s->tag, 16);
		assert_true(aead_open_chain(manager, &s->in, chain, skip, s->length, tag));
		chain_read(chain, skip, s->length, out);
		assert_memory_equal(out, s->plain, s->length);
		buffer_heap_put(&buffer_heap_source, chain);
	}
	assert_int_equal(buffer_heap_alive(), 0);
	free(s);
}

static void what_is_sealed_elsewhere_is_the_same(void **state)
{
	struct sample *s = aligned_alloc(CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	static uint8_t out[17000], kept[17000];

	for (uint32_t round = 0; round < 600; round++) {
		uint32_t most = draw(3) == 0 ? 3 : 1 + draw(9000), last;
		struct buffer *chain;
		uint8_t tag[16];

		sample_draw(s, round % AEAD_COUNT, 1 + draw_length());
		last = draw(2);
		chain = chain_of(s->plain, s->length, 0, most);
		memcpy(out + s->length - last, s->plain + s->length - last, last);
		aead_seal_chain_to(manager, &s->in, chain, s->length - last, out, last, tag);
		assert_memory_equal(out, s->cipher, s->length);
		assert_memory_equal(tag, s->tag, 16);
		chain_read(chain, 0, s->length, kept);
		assert_memory_equal(kept, s->plain, s->length);
		buffer_heap_put(&buffer_heap_source, chain);
	}
	assert_int_equal(buffer_heap_alive(), 0);
	free(s);
}

static void assert_zero(const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], 0);
}

// Any flipped bit of tag, ciphertext, nonce or additional data; contiguous and over a chain.
static void a_wrong_tag_gives_out_no_plaintext(void **state)
{
	struct sample *s = aligned_alloc(CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	static uint8_t out[17000];

	for (uint32_t round = 0; round < 300; round++) {
		uint32_t length = 1 + draw(500);
		struct buffer *chain;

		sample_draw(s, round % AEAD_COUNT, length);
		switch (draw(4)) {
		case 0:
			s->tag[draw(16)] ^= (uint8_t)(1u << draw(8));
			break;
		case 1:
			s->cipher[draw(length)] ^= (uint8_t)(1u << draw(8));
			break;
		case 2:
			s->nonce[draw(12)] ^= (uint8_t)(1u << draw(8));
			break;
		default:
			s->in.additional_length = s->additional_length ? 0 : 1;
			break;
		}
		chain = chain_of(s->cipher, length, 7, 1 + draw(100));
		assert_false(aead_open_chain(manager, &s->in, chain, 7, length, s->tag));
		chain_read(chain, 7, length, out);
		assert_zero(out, length);
		buffer_heap_put(&buffer_heap_source, chain);
		assert_false(aead_open(manager, &s->in, s->cipher, length, s->tag));
		assert_zero(s->cipher, length);
	}
	free(s);
}

static void a_batch_says_which_were_genuine(void **state)
{
	enum {
		COUNT = 9
	};
	size_t bytes = (sizeof(struct sample) + 63) / 64 * 64;
	struct sample *s[COUNT];
	struct aead_job jobs[COUNT];
	uint8_t tags[COUNT][16];

	for (uint32_t i = 0; i < COUNT; i++) {
		s[i] = aligned_alloc(CACHE_LINE, bytes);
		sample_draw(s[i], i % AEAD_COUNT, i * 100);
		jobs[i] = (struct aead_job){.in = s[i]->in,
			.data = s[i]->plain,
			.tag = tags[i],
			.length = s[i]->length};
	}
	aead_seal_batch(manager, jobs, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_memory_equal(tags[i], s[i]->tag, 16);
		assert_memory_equal(s[i]->plain, s[i]->cipher, s[i]->length);
	}
	tags[4][0] ^= 1;
	assert_int_equal(aead_open_batch(manager, jobs, COUNT), COUNT - 1);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(jobs[i].verified, i != 4);
	assert_zero(s[4]->plain, s[4]->length);
	for (uint32_t i = 0; i < COUNT; i++)
		free(s[i]);
}

// More keys than room: each still works, those in use stay expanded.
// A connection's two keys get their numbers together; often one of them has all the work.
static void the_key_cache_has_room_for_one_key_of_each_connection(void **state)
{
	static const uint8_t raw[AEAD_KEY_BYTES_MAX];
	struct key_cache *cache;
	uint64_t numbers[64];

	(void)state;
	assert_int_equal(key_cache_create(manager, 64, &cache), 0);
	for (uint32_t i = 0; i < 64; i++) {
		key_cache_number(cache);
		numbers[i] = key_cache_number(cache);
	}
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 64; i++) {
			key_cache_prefetch(cache, numbers[i]);
			key_cache_get(cache, numbers[i], AEAD_AES_128_GCM, raw);
		}
	}
	assert_int_equal(key_cache_expansions(cache), 64);
	key_cache_destroy(cache);
}

static void the_key_cache_forgets_the_key_used_longest_ago(void **state)
{
	struct key_cache *cache;
	uint8_t raw[12][32], nonce[12] = {0}, data[4], tag[12][16], again[16];
	uint64_t numbers[12];

	assert_int_equal(key_cache_create(manager, 0, &cache), -EINVAL);
	assert_int_equal(key_cache_create(manager, 8, &cache), 0);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 12; i++) {
			struct aead_input in = {.nonce = nonce};

			if (pass == 0) {
				fill(raw[i], 32);
				numbers[i] = key_cache_number(cache);
			}
			in.key = key_cache_get(cache, numbers[i], AEAD_AES_256_GCM, raw[i]);
			memset(data, 5, sizeof(data));
			aead_seal(manager, &in, data, sizeof(data), pass ? again : tag[i]);
			if (pass)
				assert_memory_equal(again, tag[i], 16);
		}
	assert_int_equal(key_cache_expansions(cache), 24);
	for (int i = 0; i < 100; i++)
		for (int k = 4; k < 12; k++)
			key_cache_get(cache, numbers[k], AEAD_AES_256_GCM, raw[k]);
	assert_int_equal(key_cache_expansions(cache), 24);
	key_cache_drop(cache, numbers[11]);
	key_cache_drop(cache, numbers[11]);
	key_cache_get(cache, numbers[11], AEAD_AES_256_GCM, raw[11]);
	assert_int_equal(key_cache_expansions(cache), 25);
	key_cache_destroy(cache);
}

static int create(void **state)
{
	return crypto_manager_create(&manager);
}

static int destroy(void **state)
{
	crypto_manager_destroy(manager);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_hold_both_ways),
		cmocka_unit_test(contiguous_agrees_with_libcrypto),
		cmocka_unit_test(chains_agree_with_libcrypto_however_they_are_cut),
		cmocka_unit_test(what_is_sealed_elsewhere_is_the_same),
		cmocka_unit_test(a_wrong_tag_gives_out_no_plaintext),
		cmocka_unit_test(a_batch_says_which_were_genuine),
		cmocka_unit_test(the_key_cache_has_room_for_one_key_of_each_connection),
		cmocka_unit_test(the_key_cache_forgets_the_key_used_longest_ago),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
