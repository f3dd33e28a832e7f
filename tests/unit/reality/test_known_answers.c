// SPDX-License-Identifier: BSD-3-Clause
// Seal and proof against values that a stock server and client were seen to agree on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping.h"

#include "reality/admit.h"

#define EPHEMERAL "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
#define TEMPORARY "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"

static const char hello_hex[] =
	"010000c90303404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f20"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"00061301130213030100007a00000011000f00000c6578616d706c652e74657374000a00040002001d"
	"000d0010000e0403080408050806080708080809"
	"0010000e000c02683208687474702f312e31002b0003020304002d00020101003300260024001d0020";

static const char certificate_hex[] =
	"3081af3063a003020102020100300506032b657030003022180f30303031303130313030303030305a180f"
	"30303031303130313030303030305a3000302a300506032b6570032100" TEMPORARY
	"300506032b6570034100"
	"f520e06d46b3682075d9874c3efcf34d4631583f9433e5781f99120eb0c8d598"
	"75505e186523e9adc6ca551dec87c011eabd05a6965d54c59da5038502b27c7b";

static struct tls13_library *library;
static uint8_t hello[256];
static size_t hello_length;
static uint8_t key[REALITY_KEY_BYTES];

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (unsigned int byte; sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

static void count_up(uint8_t from, uint8_t *out)
{
	for (uint8_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(from + i);
}

static void assert_hex(const uint8_t *bytes, const char *text)
{
	uint8_t expected[512];

	assert_memory_equal(bytes, expected, hex(text, expected));
}

static int create(void **state)
{
	hello_length = hex(hello_hex, hello);
	hello_length += hex(EPHEMERAL, hello + hello_length);
	return tls13_library_create(&library);
}

static int destroy(void **state)
{
	tls13_library_destroy(library);
	return 0;
}

static void both_ends_derive_the_known_key(void **state)
{
	uint8_t server[32], client[32], server_public[32], client_public[32];

	count_up(1, server);
	count_up(0x20, client);
	x25519_public(server, server_public);
	x25519_public(client, client_public);
	assert_hex(
		server_public, "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
	assert_hex(client_public, EPHEMERAL);
	assert_int_equal(hello_length, 205);
	for (int i = 0; i < 2; i++) {
		assert_true(reality_key_derive(library, i == 0 ? server : client,
			i == 0 ? client_public : server_public, hello + REALITY_RANDOM_AT, key));
		assert_hex(key, "aaf2b9796997b551b1f069085b486959e8600e241a9cb7f24f1c7b3750a74596");
	}
}

static void the_seal_is_the_known_session_id(void **state)
{
	struct reality_tag tag = {
		.version = 0x1a071c, .time_s = 0x6a000000, .short_id = {1, 2, 3, 4}};
	struct reality_tag opened;

	assert_true(reality_seal(library, key, &tag, hello, hello_length));
	assert_hex(hello + REALITY_SESSION_ID_AT,
		"9e7169b7a65caffc96e5be44f69b44fe3bf2af4ba755c4667b5ad9e3f2b4af15");
	assert_true(reality_open(library, key, hello, hello_length, &opened));
	assert_memory_equal(&opened, &tag, sizeof(tag));
}

static void the_server_admits_the_known_hello(void **state)
{
	static const char *const names[] = {"example.org", "example.test"};
	static const uint8_t ids[][REALITY_SHORT_ID_BYTES] = {{0}, {1, 2, 3, 4}};
	struct reality_settings settings = {.names = names,
		.name_count = 2,
		.short_ids = ids,
		.short_id_count = 2,
		.max_time_diff_s = 120};
	struct randomness random = {0};
	struct reality_credential *c;
	struct reality_admission a;

	count_up(1, settings.private_key);
	assert_int_equal(reality_credential_create(library, &random, &settings, &c), 0);
	assert_int_equal(reality_admit(c, cursor_over(hello, hello_length),
				 INT64_C(0x6a000000) * 1000 + 119000, &a),
		REALITY_AUTHENTICATED);
	assert_string_equal(a.name, "example.test");
	assert_int_equal(a.kind, reality_kind(REALITY_HELLO_UNSTAPLED, REALITY_ALPN_H2));
	assert_memory_equal(a.key, key, sizeof(key));
	reality_credential_destroy(c);
}

static void private_keys_are_in_locked_memory_that_no_core_file_has(void **state)
{
	static const char *const names[] = {"example.test"};
	static const uint8_t ids[][REALITY_SHORT_ID_BYTES] = {{0}};
	uint8_t previous[32];
	struct reality_settings settings = {.names = names,
		.name_count = 1,
		.short_ids = ids,
		.short_id_count = 1,
		.previous_key = previous};
	struct randomness random = {0};
	struct reality_credential *c;

	count_up(1, settings.private_key);
	count_up(2, previous);
	assert_int_equal(reality_credential_create(library, &random, &settings, &c), 0);
	assert_memory_equal(c->keys->current, settings.private_key, sizeof(c->keys->current));
	assert_memory_equal(c->keys->previous, previous, sizeof(c->keys->previous));
	assert_secret_memory(c->keys->current);
	assert_secret_memory(c->keys->previous);
	reality_credential_destroy(c);
}

static void the_certificate_is_the_known_one(void **state)
{
	struct reality_proof proof = {.library = library, .key = key};
	uint8_t der[REALITY_CERTIFICATE_BYTES], public_key[32];
	const uint8_t *p = der;
	X509 *leaf;

	hex(TEMPORARY, public_key);
	assert_int_equal(reality_certificate_write(public_key, false, der), sizeof(der));
	assert_true(reality_certificate_sign(&proof, public_key, NULL, der));
	assert_hex(der, certificate_hex);
	leaf = d2i_X509(NULL, &p, sizeof(der));
	assert_non_null(leaf);
	assert_true(reality_certificate_verify(&proof, leaf, NULL));
	X509_free(leaf);
	der[sizeof(der) - 1] ^= 1;
	p = der;
	leaf = d2i_X509(NULL, &p, sizeof(der));
	assert_false(reality_certificate_verify(&proof, leaf, NULL));
	X509_free(leaf);
}

// No byte of it may be another.
static void the_known_certificate_is_recognised_and_nothing_else(void **state)
{
	struct reality_proof proof = {.library = library, .key = key};
	uint8_t der[REALITY_CERTIFICATE_BYTES + 1], public_key[32], got[32];
	struct cursor whole = cursor_over(der, REALITY_CERTIFICATE_BYTES);

	hex(TEMPORARY, public_key);
	hex(certificate_hex, der);
	assert_true(reality_certificate_recognise(&proof, whole, NULL, got));
	assert_memory_equal(got, public_key, sizeof(got));
	for (size_t i = 0; i < REALITY_CERTIFICATE_BYTES; i++) {
		der[i] ^= 1;
		assert_false(reality_certificate_recognise(&proof, whole, NULL, got));
		der[i] ^= 1;
	}
	for (size_t n = 0; n <= sizeof(der); n++)
		assert_int_equal(
			reality_certificate_recognise(&proof, cursor_over(der, n), NULL, got),
			n == REALITY_CERTIFICATE_BYTES);
}

// Where libcrypto has ML-DSA-65.
static void the_second_signature_is_the_known_one(void **state)
{
	static uint8_t der[REALITY_CERTIFICATE_MLDSA_BYTES], raw[REALITY_MLDSA_PUBLIC_BYTES];
	static const uint8_t server_hello[] = {2, 0, 0, 1, 7};
	struct reality_proof proof = {.library = library,
		.key = key,
		.client_hello = cursor_over(hello, hello_length),
		.server_hello = cursor_over(server_hello, sizeof(server_hello))};
	uint8_t seed[32], public_key[32];
	const uint8_t *p = der;
	EVP_PKEY *signer, *verifier;
	size_t n = sizeof(raw);
	X509 *leaf;

	if (!reality_mldsa_is_there())
		skip();
	count_up(0, seed);
	hex(TEMPORARY, public_key);
	signer = reality_mldsa_from_seed(seed);
	assert_non_null(signer);
	assert_int_equal(EVP_PKEY_get_raw_public_key(signer, raw, &n), 1);
	assert_hex(raw, "48683d91978e31eb3dddb8b0473482d2");
	verifier = reality_mldsa_from_public(raw, n);
	assert_non_null(verifier);
	assert_int_equal(reality_certificate_write(public_key, true, der), sizeof(der));
	assert_true(reality_certificate_sign(&proof, public_key, signer, der));
	leaf = d2i_X509(NULL, &p, sizeof(der));
	assert_non_null(leaf);
	assert_ptr_equal(p, der + sizeof(der));
	assert_true(reality_certificate_verify(&proof, leaf, verifier));
	assert_true(reality_certificate_recognise(
		&proof, cursor_over(der, sizeof(der)), verifier, public_key));
	proof.server_hello.end--;
	assert_false(reality_certificate_verify(&proof, leaf, verifier));
	assert_false(reality_certificate_recognise(
		&proof, cursor_over(der, sizeof(der)), verifier, public_key));
	assert_true(reality_certificate_recognise(
		&proof, cursor_over(der, sizeof(der)), NULL, public_key));
	X509_free(leaf);
	EVP_PKEY_free(signer);
	EVP_PKEY_free(verifier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_derive_the_known_key),
		cmocka_unit_test(the_seal_is_the_known_session_id),
		cmocka_unit_test(the_server_admits_the_known_hello),
		cmocka_unit_test(private_keys_are_in_locked_memory_that_no_core_file_has),
		cmocka_unit_test(the_certificate_is_the_known_one),
		cmocka_unit_test(the_known_certificate_is_recognised_and_nothing_else),
		cmocka_unit_test(the_second_signature_is_the_known_one),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
