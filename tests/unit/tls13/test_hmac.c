// SPDX-License-Identifier: BSD-3-Clause
// HMAC as the engine and REALITY build it: RFC 4231's test cases, in one piece and in two, and
// libcrypto's own HMAC over all lengths of keys around a block.
#include "rig.h"

#include <openssl/hmac.h>

#include "tls13/crypto.h"

enum {
	HASHES = 3,
	BYTES_MAX = 200,
};

// RFC 4231 4.2 to 4.8, with SHA-256, SHA-384 and SHA-512; 4.6 has the first 16 bytes alone.
static const struct {
	const char *key, *data;
	const char *tags[HASHES];
} cases[] = {
	{
		.key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		.data = "4869205468657265",
		.tags = {"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f"
			"4af152e8b2fa9cb6",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702"
			"038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
	},
	{
		.key = "4a656665",
		.data = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		.tags = {"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c7"
			"8b3239ecfab21649",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
			"6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	},
	{
		.key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		.data = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
			"dddddddddddddddddddd",
		.tags = {"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
			"88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b9"
			"4e3ab6e101a34f27",
			"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c8"
			"06b485a47e67c807b946a337bee8942674278859e13292fb"},
	},
	{
		.key = "0102030405060708090a0b0c0d0e0f10111213141516171819",
		.data = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
			"cdcdcdcdcdcdcdcdcdcd",
		.tags = {"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
			"3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679"
			"ccf8a386c674cffb",
			"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4"
			"d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
	},
	{
		.key = "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
		.data = "546573742057697468205472756e636174696f6e",
		.tags = {"a3b6167473100ee06e0c796c2955552b", "3abf34c3503b2a23a46efc619baef897",
			"415fad6271580a531d4179bc891d87a6"},
	},
	{
		.key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaa",
		.data = "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
			"48617368204b6579204669727374",
		.tags = {"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
			"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe82"
			"96248df163f44952",
			"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598"
			"bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
	},
	{
		.key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaaaaaaaaaaaaaaaaa",
		.data = "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b"
			"2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a652064"
			"6174612e20546865206b6579206e6565647320746f20626520686173686564206265666f72652062"
			"65696e6720757365642062792074686520484d414320616c676f726974686d2e",
		.tags = {"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
			"6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d"
			"3860e6110c46523e",
			"e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b1"
			"0d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
	},
};

static struct hasher hasher_of(size_t which)
{
	const EVP_MD *mds[] = {rig.library->sha256, rig.library->sha384, rig.library->sha512};
	static const uint32_t bytes[] = {32, 48, 64};

	return (struct hasher){
		.md = mds[which], .context = EVP_MD_CTX_new(), .bytes = bytes[which]};
}

static void tags_are_those_of_rfc_4231(void **state)
{
	uint8_t key[BYTES_MAX], data[BYTES_MAX], tag[64], wanted[64];

	for (size_t i = 0; i < nx_array_size(cases) * HASHES; i++) {
		struct hasher h = hasher_of(i % HASHES);
		size_t key_length = rig_hex(cases[i / HASHES].key, key);
		size_t length = rig_hex(cases[i / HASHES].data, data);
		size_t n = rig_hex(cases[i / HASHES].tags[i % HASHES], wanted);

		assert_true(hasher_hmac(&h, key, key_length, data, length, tag));
		assert_memory_equal(tag, wanted, n);
		for (size_t cut = 0; cut <= length; cut++) {
			struct cursor pieces[] = {
				cursor_over(data, cut), cursor_over(data + cut, length - cut)};

			memset(tag, 0, sizeof(tag));
			assert_true(hasher_hmac_pieces(&h, key, key_length, pieces, 2, tag));
			assert_memory_equal(tag, wanted, n);
		}
		EVP_MD_CTX_free(h.context);
	}
}

static void keys_of_every_length_are_libcryptos(void **state)
{
	uint8_t key[BYTES_MAX], tag[64], wanted[64];
	unsigned int n;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 1);
	for (size_t i = 0; i < HASHES; i++) {
		struct hasher h = hasher_of(i);

		for (size_t length = 1; length <= sizeof(key); length++) {
			assert_true(hasher_hmac(&h, key, length, key, sizeof(key) - length, tag));
			assert_non_null(HMAC(
				h.md, key, (int)length, key, sizeof(key) - length, wanted, &n));
			assert_int_equal(n, h.bytes);
			assert_memory_equal(tag, wanted, n);
		}
		EVP_MD_CTX_free(h.context);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_those_of_rfc_4231),
		cmocka_unit_test(keys_of_every_length_are_libcryptos),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
