// SPDX-License-Identifier: BSD-3-Clause
// What the engine asks of libcrypto, through the engine's own calls, against Wycheproof's vectors
// (github.com/C2SP/wycheproof, testvectors_v1) from $NEXPATH_VECTORS/wycheproof; skipped where the
// variable is not set.
#include "rig.h"

#include <openssl/x509.h>

#include "tls13/group.h"
#include "tls13/signature.h"
#include "vectors.h"

enum {
	BYTES_MAX = 70000,
	POINT_BYTES = 65,
	TAG_BYTES = 16,
};

static struct tls13_library *library;
static uint8_t raw[BYTES_MAX], message[BYTES_MAX], expected[BYTES_MAX], made[BYTES_MAX],
	additional[BYTES_MAX];

static bool fill_private(void *user, uint8_t *out, size_t length)
{
	memcpy(out, user, length);
	return true;
}

// Some are acceptable to Wycheproof that RFC 8446 7.4.2 has refused: those whose secret is zero.
static bool x25519(const json_t *group, const json_t *test)
{
	static const uint8_t zeros[X25519_BYTES];
	uint8_t own[X25519_BYTES];
	struct randomness random = {fill_private, own};
	struct group_secret secret;
	struct group_key key;
	size_t n, share_length;
	enum tls13_verdict v;

	vectors_bytes(test, "private", own, sizeof(own), &n);
	vectors_bytes(test, "public", raw, sizeof(raw), &share_length);
	vectors_bytes(test, "shared", expected, sizeof(expected), &n);
	assert_int_equal(group_key_make(&random, GROUP_X25519, NULL, &key), TLS13_OK);
	v = group_finish(&key, cursor_over(raw, share_length), &secret);
	if (memcmp(expected, zeros, sizeof(zeros)) == 0) {
		assert_int_equal(v, TLS13_SHARE_BAD);
	} else {
		assert_int_equal(v, TLS13_OK);
		assert_int_equal(secret.length, n);
		assert_memory_equal(secret.bytes, expected, n);
	}
	group_key_clear(&key);
	return true;
}

// Shares of TLS are points alone: vectors about their encoding as keys do not apply.
static bool p256(const json_t *group, const json_t *test)
{
	static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
		0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03,
		0x42, 0x00};
	struct group_key key = {.group = GROUP_P256};
	struct group_secret secret;
	size_t n, length;
	enum tls13_verdict v;

	vectors_bytes(test, "public", raw, sizeof(raw), &n);
	if (n != sizeof(head) + POINT_BYTES || memcmp(raw, head, sizeof(head)) != 0)
		return false;
	vectors_bytes(test, "private", message, sizeof(message), &length);
	key.ecdh = rig_p256(message, length);
	vectors_bytes(test, "shared", expected, sizeof(expected), &n);
	v = group_finish(&key, cursor_over(raw + sizeof(head), POINT_BYTES), &secret);
	assert_int_equal(v == TLS13_OK, vectors_is_valid(test));
	if (v == TLS13_OK) {
		assert_int_equal(secret.length, n);
		assert_memory_equal(secret.bytes, expected, n);
	}
	group_key_clear(&key);
	return true;
}

static uint16_t scheme;

static bool signature(const json_t *group, const json_t *test)
{
	const uint8_t *at = raw;
	size_t n, length;
	EVP_PKEY *key;
	enum tls13_verdict v;

	vectors_bytes(group, "publicKeyDer", raw, sizeof(raw), &n);
	key = d2i_PUBKEY(NULL, &at, (long)n);
	assert_non_null(key);
	assert_true(scheme_fits(scheme, key));
	vectors_bytes(test, "msg", message, sizeof(message), &length);
	vectors_bytes(test, "sig", expected, sizeof(expected), &n);
	v = signature_verify_message(scheme, key, message, length, cursor_over(expected, n));
	assert_int_equal(v, vectors_is_valid(test) ? TLS13_OK : TLS13_SIGNATURE_BAD);
	EVP_PKEY_free(key);
	return true;
}

static struct hasher hasher;

static bool mac(const json_t *group, const json_t *test)
{
	uint8_t tag[EVP_MAX_MD_SIZE];
	size_t n, key_length, length;

	vectors_bytes(test, "key", raw, sizeof(raw), &key_length);
	vectors_bytes(test, "msg", message, sizeof(message), &length);
	vectors_bytes(test, "tag", expected, sizeof(expected), &n);
	if (key_length == 0)
		return false;
	assert_true(hasher_hmac(&hasher, raw, key_length, message, length, tag));
	assert_int_equal(memcmp(tag, expected, n) == 0, vectors_is_valid(test));
	return true;
}

// The engine's own expansion has labels around its info (RFC 8446 7.1): the vectors' is made here,
// of the same HMAC (RFC 5869 2.3).
static void expand(const uint8_t *secret, const uint8_t *info, size_t length, size_t wanted)
{
	uint8_t block[EVP_MAX_MD_SIZE], input[EVP_MAX_MD_SIZE + 1024];
	size_t before = 0;

	assert_in_range(length, 0, sizeof(input) - sizeof(block) - 1);
	for (size_t done = 0, i = 1; done < wanted;
		i++, done += hasher.bytes, before = hasher.bytes) {
		memcpy(input, block, before);
		memcpy(input + before, info, length);
		input[before + length] = (uint8_t)i;
		assert_true(hasher_hmac(
			&hasher, secret, hasher.bytes, input, before + length + 1, block));
		memcpy(made + done, block, hasher.bytes);
	}
}

static bool key_derivation(const json_t *group, const json_t *test)
{
	size_t n, wanted = (size_t)json_integer_value(json_object_get(test, "size")), length,
		  info_length;
	uint8_t secret[EVP_MAX_MD_SIZE];

	// Longer than HKDF can be.
	if (!vectors_is_valid(test))
		return false;
	vectors_bytes(test, "ikm", message, sizeof(message), &length);
	vectors_bytes(test, "salt", raw, sizeof(raw), &n);
	vectors_bytes(test, "info", additional, sizeof(additional), &info_length);
	assert_true(hkdf_extract(&hasher, raw, n, message, length, secret));
	expand(secret, additional, info_length, wanted);
	vectors_bytes(test, "okm", expected, sizeof(expected), &n);
	assert_memory_equal(made, expected, n);
	return true;
}

static uint16_t suite_number;

static bool aead(const json_t *group, const json_t *test)
{
	const struct suite *suite = suite_find(suite_number);
	const EVP_CIPHER *cipher = suite_cipher(library, suite);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t nonce[16], tag[TAG_BYTES], key[32];
	size_t n, length, additional_length, key_length, tag_length;
	int some;
	bool opened;

	vectors_bytes(test, "key", key, sizeof(key), &key_length);
	vectors_bytes(test, "tag", tag, sizeof(tag), &tag_length);
	if (key_length != suite->key_bytes || tag_length != TAG_BYTES ||
		json_integer_value(json_object_get(group, "ivSize")) != 96) {
		EVP_CIPHER_CTX_free(context);
		return false;
	}
	vectors_bytes(test, "iv", nonce, sizeof(nonce), &n);
	vectors_bytes(test, "aad", additional, sizeof(additional), &additional_length);
	vectors_bytes(test, "ct", message, sizeof(message), &length);
	vectors_bytes(test, "msg", expected, sizeof(expected), &n);
	opened = EVP_DecryptInit_ex2(context, cipher, key, nonce, NULL) == 1 &&
		 EVP_DecryptUpdate(context, NULL, &some, additional, (int)additional_length) == 1 &&
		 EVP_DecryptUpdate(context, made, &some, message, (int)length) == 1 &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
		 EVP_DecryptFinal_ex(context, made + length, &some) == 1;
	assert_int_equal(opened, vectors_is_valid(test));
	if (opened)
		assert_memory_equal(made, expected, n);
	EVP_CIPHER_CTX_free(context);
	return true;
}

static void key_exchange_is_as_the_vectors_say(void **state)
{
	assert_in_range(vectors_each("wycheproof/x25519_test.json", x25519), 500, UINT32_MAX);
	assert_in_range(vectors_each("wycheproof/ecdh_secp256r1_test.json", p256), 300, UINT32_MAX);
}

static void signatures_are_judged_as_the_vectors_say(void **state)
{
	static const struct {
		uint16_t scheme;
		const char *file;
	} of[] = {{SCHEME_ECDSA_P256, "wycheproof/ecdsa_secp256r1_sha256_test.json"},
		{SCHEME_ECDSA_P384, "wycheproof/ecdsa_secp384r1_sha384_test.json"},
		{SCHEME_ED25519, "wycheproof/ed25519_test.json"},
		{SCHEME_PSS_SHA256, "wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json"}};

	for (size_t i = 0; i < nx_array_size(of); i++) {
		scheme = of[i].scheme;
		assert_in_range(vectors_each(of[i].file, signature), 100, UINT32_MAX);
	}
}

static void keys_are_derived_as_the_vectors_say(void **state)
{
	static const struct {
		bool is_384;
		const char *hmac, *hkdf;
	} of[] = {{false, "wycheproof/hmac_sha256_test.json", "wycheproof/hkdf_sha256_test.json"},
		{true, "wycheproof/hmac_sha384_test.json", "wycheproof/hkdf_sha384_test.json"}};

	for (size_t i = 0; i < nx_array_size(of); i++) {
		hasher.md = of[i].is_384 ? library->sha384 : library->sha256;
		hasher.bytes = of[i].is_384 ? 48 : 32;
		assert_in_range(vectors_each(of[i].hmac, mac), 100, UINT32_MAX);
		assert_in_range(vectors_each(of[i].hkdf, key_derivation), 80, UINT32_MAX);
	}
}

// REALITY's HMAC. Folders that were made before do not have the file.
static void hmac_sha512_is_as_the_vectors_say(void **state)
{
	static const char file[] = "wycheproof/hmac_sha512_test.json";

	if (!vectors_have(file)) {
		print_message("no %s: not tested\n", file);
		skip();
	}
	hasher.md = library->sha512;
	hasher.bytes = 64;
	assert_in_range(vectors_each(file, mac), 100, UINT32_MAX);
}

static void ciphers_are_as_the_vectors_say(void **state)
{
	static const struct {
		uint16_t suite;
		const char *file;
	} of[] = {{0x1301, "wycheproof/aes_gcm_test.json"},
		{0x1302, "wycheproof/aes_gcm_test.json"},
		{0x1303, "wycheproof/chacha20_poly1305_test.json"}};

	for (size_t i = 0; i < nx_array_size(of); i++) {
		suite_number = of[i].suite;
		assert_in_range(vectors_each(of[i].file, aead), 50, UINT32_MAX);
	}
}

static int set_up(void **state)
{
	hasher.context = EVP_MD_CTX_new();
	return hasher.context != NULL ? tls13_library_create(&library) : -1;
}

static int tear_down(void **state)
{
	EVP_MD_CTX_free(hasher.context);
	tls13_library_destroy(library);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_exchange_is_as_the_vectors_say),
		cmocka_unit_test(signatures_are_judged_as_the_vectors_say),
		cmocka_unit_test(keys_are_derived_as_the_vectors_say),
		cmocka_unit_test(hmac_sha512_is_as_the_vectors_say),
		cmocka_unit_test(ciphers_are_as_the_vectors_say),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
