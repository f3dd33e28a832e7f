// SPDX-License-Identifier: BSD-3-Clause
// Nothing that is secret decides a branch or an address: under valgrind secrets count as memory
// that nobody has written, and memcheck reports whatever depends on such. Run without it, all is
// skipped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <valgrind/memcheck.h>

#include "crypto/secret.h"
#include "tls13/crypto.h"
#include "tls13/curve25519.h"
#include "tls13/keccak.h"
#include "tls13/mlkem.h"

enum {
	ROUNDS = 4,
	LENGTH = 67,
	VECTOR_BYTES = 1152, // of a decapsulation key: the secret vector, before the public key
};

static unsigned int errors_before;

// The linker has mlkem.c's calls come here (--wrap). Of what a key's seed is hashed to the first
// half is part of the public key, and may decide how long the matrix takes.
static bool first_half_is_public;

void __real_sha3_512(struct keccak_input in, uint8_t out[64]);
void __wrap_sha3_512(struct keccak_input in, uint8_t out[64]);

void __wrap_sha3_512(struct keccak_input in, uint8_t out[64])
{
	__real_sha3_512(in, out);
	if (first_half_is_public)
		(void)VALGRIND_MAKE_MEM_DEFINED(out, 32);
}

static int begin(void **state)
{
	errors_before = VALGRIND_COUNT_ERRORS;
	return 0;
}

static void must_run_under_valgrind(void)
{
	if (!RUNNING_ON_VALGRIND) {
		print_message("not under valgrind: nothing to see\n");
		skip();
	}
}

static void hide(void *secret, size_t length)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(secret, length);
}

static void reveal(void *secret, size_t length)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(secret, length);
}

static void nothing_was_told(void)
{
	assert_int_equal(VALGRIND_COUNT_ERRORS - errors_before, 0);
}

// What the others rely on: a comparison that stops where bytes differ is found out.
static void a_branch_on_a_secret_is_found(void **state)
{
	volatile uint8_t a[LENGTH] = {1}, b[LENGTH] = {1};
	volatile size_t equal = 0;

	must_run_under_valgrind();
	hide((void *)(uintptr_t)a, sizeof(a));
	while (equal < LENGTH && a[equal] == b[equal])
		equal++;
	assert_true(VALGRIND_COUNT_ERRORS > errors_before);
}

static void an_address_of_a_secret_is_found(void **state)
{
	static const uint8_t table[256] = {7};
	volatile uint8_t index = 3, found;

	must_run_under_valgrind();
	hide((void *)(uintptr_t)&index, sizeof(index));
	found = table[index];
	reveal((void *)(uintptr_t)&found, sizeof(found));
	assert_true(VALGRIND_COUNT_ERRORS > errors_before);
}

static void compare(bool (*equal)(const uint8_t *a, const uint8_t *b, size_t length))
{
	uint8_t a[LENGTH], b[LENGTH];

	for (size_t length = 0; length <= LENGTH; length++) {
		for (size_t differs = 0; differs <= length; differs++) {
			bool same;

			memset(a, 0x5a, sizeof(a));
			memset(b, 0x5a, sizeof(b));
			if (differs < length)
				b[differs] ^= 0x80;
			hide(a, length);
			hide(b, length);
			same = equal(a, b, length);
			reveal(&same, sizeof(same));
			assert_int_equal(same, differs == length);
		}
	}
	nothing_was_told();
}

static void comparison_of_tags_does_not_tell(void **state)
{
	must_run_under_valgrind();
	compare(secret_equal);
}

static void comparison_of_finished_does_not_tell(void **state)
{
	must_run_under_valgrind();
	compare(crypto_equal);
}

static uint8_t seed[MLKEM_SEED_BYTES], message[MLKEM_MESSAGE_BYTES];
static uint8_t ek[MLKEM_ENCAPSULATION_KEY_BYTES], dk[MLKEM_DECAPSULATION_KEY_BYTES];
static uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES];
static uint8_t secret[MLKEM_SECRET_BYTES], other[MLKEM_SECRET_BYTES];

static void keygen(uint8_t round)
{
	memset(seed, 0x11 * round, sizeof(seed));
	hide(seed, sizeof(seed));
	first_half_is_public = true;
	mlkem_keygen(seed, ek, dk);
	first_half_is_public = false;
	reveal(ek, sizeof(ek));
}

static void making_a_key_does_not_tell(void **state)
{
	must_run_under_valgrind();
	for (uint8_t i = 0; i < ROUNDS; i++)
		keygen(i);
	nothing_was_told();
}

static void encapsulation_does_not_tell(void **state)
{
	must_run_under_valgrind();
	keygen(1);
	for (uint8_t i = 0; i < ROUNDS; i++) {
		memset(message, i, sizeof(message));
		hide(message, sizeof(message));
		assert_true(mlkem_encapsulate(ek, message, ciphertext, secret));
	}
	nothing_was_told();
}

// Neither the key, nor what was sent, nor whether it was forged.
static void decapsulation_does_not_tell(void **state)
{
	must_run_under_valgrind();
	keygen(1);
	reveal(dk, sizeof(dk));
	for (uint8_t i = 0; i < ROUNDS; i++) {
		memset(message, i, sizeof(message));
		assert_true(mlkem_encapsulate(ek, message, ciphertext, secret));
		ciphertext[0] ^= i & 1;
		hide(dk, VECTOR_BYTES);
		hide(dk + sizeof(dk) - 32, 32);
		mlkem_decapsulate(dk, ciphertext, other);
		reveal(dk, sizeof(dk));
		reveal(other, sizeof(other));
		assert_int_equal(memcmp(secret, other, sizeof(secret)) != 0, i & 1);
	}
	nothing_was_told();
}

// Of an agreement's secret libsodium asks itself whether it is zero.
static void keys_and_signatures_of_the_curve_do_not_tell(void **state)
{
	uint8_t own[X25519_BYTES], public_key[X25519_BYTES], signature[ED25519_SIGNATURE_BYTES];
	struct ed25519_key key;

	must_run_under_valgrind();
	for (uint8_t i = 0; i < ROUNDS; i++) {
		memset(own, i, sizeof(own));
		hide(own, sizeof(own));
		x25519_public(own, public_key);
		memset(key.seed, i, sizeof(key.seed));
		hide(key.seed, sizeof(key.seed));
		ed25519_key_complete(&key);
		reveal(key.public_key, sizeof(key.public_key));
		ed25519_sign(&key, message, sizeof(message), signature);
	}
	nothing_was_told();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(a_branch_on_a_secret_is_found),
		TEST(an_address_of_a_secret_is_found),
		TEST(comparison_of_tags_does_not_tell),
		TEST(comparison_of_finished_does_not_tell),
		TEST(making_a_key_does_not_tell),
		TEST(encapsulation_does_not_tell),
		TEST(decapsulation_does_not_tell),
		TEST(keys_and_signatures_of_the_curve_do_not_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
