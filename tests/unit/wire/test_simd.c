// SPDX-License-Identifier: BSD-3-Clause

// Every width of vector against the definition. A width that this CPU lacks is skipped, and said
// so.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/simd/kernels.h"
#include "wire/ws/utf8.h"

static const struct nx_kernels *const *every_width(void)
{
	static const struct nx_kernels *found[6];
	int n = 0;

	for (int i = NX_SIMD_WIDEST; i <= NX_SIMD_AVX512; i++) {
		const struct nx_kernels *kernels = nx_kernels_of((enum nx_simd)i);

		if (kernels != NULL)
			found[n++] = kernels;
		else
			print_message("this CPU lacks vectors of kind %d\n", i);
	}
	found[n] = NULL;
	return found;
}

static void fill_random(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(random() >> 7);
}

// RFC 6455 5.3, and where it must not write.
static void check_mask(const struct nx_kernels *kernels, size_t n, size_t shift, bool in_place)
{
	// Blocks end where their bytes end: a sanitizer sees a read past them.
	uint8_t *from = malloc(n + shift + 1);
	uint8_t *to = in_place ? from : malloc(n + shift + 1);
	uint8_t *expected = malloc(n + 1);
	uint8_t key[4];
	uint32_t packed;
	bool ascii = true;
	bool wants_ascii = n % 3 == 0;

	fill_random(key, 4);
	fill_random(from, n + shift + 1);
	if (wants_ascii)
		for (size_t i = 0; i < n; i++)
			from[shift + i] = (from[shift + i] & 0x7f) ^ key[i % 4];
	if (n > 0 && n % 6 == 3)
		from[shift + (size_t)random() % n] ^= 0x80;
	for (size_t i = 0; i < n; i++) {
		expected[i] = from[shift + i] ^ key[i % 4];
		ascii = ascii && expected[i] < 0x80;
	}
	to[n + shift] = 0x5a;
	memcpy(&packed, key, 4);
	if (wants_ascii)
		assert_int_equal(kernels->mask_ascii(to + shift, from + shift, n, packed), ascii);
	else
		kernels->mask(to + shift, from + shift, n, packed);
	assert_memory_equal(to + shift, expected, n);
	assert_int_equal(to[n + shift], 0x5a);
	free(expected);
	if (!in_place)
		free(to);
	free(from);
}

static void masks_are_the_definition_at_every_length_and_offset(void **state)
{
	for (const struct nx_kernels *const *k = every_width(); *k; k++)
		for (size_t n = 0; n < 700; n++) {
			check_mask(*k, n, n % 7, true);
			check_mask(*k, n, n % 5, false);
		}
}

static void key_turns_with_the_bytes_it_has_masked(void **state)
{
	const uint8_t key[4] = {1, 2, 3, 4};
	uint32_t packed;
	uint32_t turned;

	memcpy(&packed, key, 4);
	for (size_t n = 0; n < 9; n++) {
		turned = nx_key_after(packed, n);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(((const uint8_t *)&turned)[i], key[(n + i) % 4]);
	}
}

// RFC 3629 4, by code points: the judge that shares no table or bound with the code.
static bool is_utf8(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t more = p[i] < 0x80   ? 0
			      : p[i] < 0xc0 ? 9
			      : p[i] < 0xe0 ? 1
			      : p[i] < 0xf0 ? 2
			      : p[i] < 0xf8 ? 3
					    : 9;
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
		uint32_t code;

		if (more == 9 || n - i <= more)
			return false;
		code = more == 0 ? p[i] : p[i] & (0x3fu >> more);
		for (size_t j = 1; j <= more; j++) {
			if ((p[i + j] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (p[i + j] & 0x3f);
		}
		if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
		i += more + 1;
	}
	return true;
}

// In the middle of ASCII of `n` bytes, `at` bytes from its beginning.
static void check_within(const struct nx_kernels *kernels, const uint8_t *bytes, size_t length,
	size_t at, size_t n, bool expected)
{
	uint8_t *text = malloc(n);

	memset(text, 'a', n);
	memcpy(text + at, bytes, length);
	assert_int_equal(kernels->utf8(text, n), expected);
	free(text);
}

// Each way that two bytes, then a third and a fourth from the edges of their ranges, can follow
// each other: every bound of RFC 3629 has both its sides among them.
static void utf8_is_exact_at_every_bound(void **state)
{
	static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
		0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xf8, 0xff};
	const struct nx_kernels *const *widths = every_width();
	enum {
		EDGES = sizeof(edges)
	};

	for (unsigned int pair = 0; pair < 1 << 16; pair++)
		for (unsigned int rest = 0; rest < EDGES * EDGES; rest += 1 + pair % 3) {
			uint8_t bytes[4] = {(uint8_t)(pair >> 8), (uint8_t)pair,
				edges[rest / EDGES], edges[rest % EDGES]};
			bool expected;

			if (bytes[0] < 0x80 && rest > EDGES)
				break; // the third byte's turn comes with the second as the first
			expected = is_utf8(bytes, 4);
			for (const struct nx_kernels *const *k = widths; *k; k++)
				if ((*k)->utf8(bytes, 4) != expected)
					fail_msg("%02x %02x %02x %02x is%s UTF-8", bytes[0],
						bytes[1], bytes[2], bytes[3],
						expected ? "" : " not");
		}
}

static void every_code_point_and_no_other_passes(void **state)
{
	const struct nx_kernels *const *widths = every_width();

	for (uint32_t code = 0; code < 0x120000; code += code < 0x11000 ? 1 : 37) {
		uint8_t bytes[4];
		size_t n = 0;

		if (code < 0x80) {
			bytes[n++] = (uint8_t)code;
		} else if (code < 0x800) {
			bytes[n++] = (uint8_t)(0xc0 | code >> 6);
		} else if (code < 0x10000) {
			bytes[n++] = (uint8_t)(0xe0 | code >> 12);
			bytes[n++] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		} else {
			bytes[n++] = (uint8_t)(0xf0 | code >> 18);
			bytes[n++] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
			bytes[n++] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		}
		if (code >= 0x80)
			bytes[n++] = (uint8_t)(0x80 | (code & 0x3f));
		for (const struct nx_kernels *const *k = widths; *k; k++)
			check_within(*k, bytes, n, 61, 61 + n + code % 3,
				code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
	}
}

static void utf8_is_judged_across_vectors(void **state)
{
	static const char *const good[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	static const char *const bad[] = {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x80",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xc1\xbf",
		"\xf0\x9f\x98\x80\x80", "\xff"};

	for (const struct nx_kernels *const *k = every_width(); *k; k++)
		for (size_t n = 5; n < 300; n += 1 + n / 70)
			for (size_t at = 0; at + 5 <= n; at++) {
				const uint8_t *g = (const uint8_t *)good[at % 3];
				const uint8_t *b = (const uint8_t *)bad[at % 11];

				check_within(*k, g, strlen(good[at % 3]), at, n, true);
				check_within(*k, b, strlen(bad[at % 11]), at, n, false);
			}
	for (const struct nx_kernels *const *k = every_width(); *k; k++)
		for (size_t n = 3; n < 300; n++)
			check_within(*k, (const uint8_t *)"\xe2\x82", 2, n - 2, n, false);
}

// Random strings of whole characters with now and then a flipped bit; in pieces too.
static size_t random_text(uint8_t *text, size_t room)
{
	static const char *const units[] = {"a", "Zz", "\xc3\xa9", "\xdf\xbf", "\xe0\xa0\x80",
		"\xe2\x82\xac", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", "plain text, a longer run of it"};
	size_t n = 0;

	while (n + 32 < room && random() % 40) {
		const char *unit = units[random() % 11];

		memcpy(text + n, unit, strlen(unit));
		n += strlen(unit);
	}
	while (n > 0 && random() % 3 == 0)
		text[(size_t)random() % n] ^= (uint8_t)(1 << random() % 8);
	return n;
}

static void random_strings_are_judged_alike_whole_and_in_pieces(void **state)
{
	const struct nx_kernels *const *widths = every_width();
	uint8_t room[1000];

	for (int round = 0; round < 20000; round++) {
		size_t n = random_text(room, sizeof(room));
		bool expected = is_utf8(room, n);
		uint8_t *text = malloc(n + 1);

		memcpy(text, room, n);
		for (const struct nx_kernels *const *k = widths; *k; k++) {
			struct nx_utf8 utf8 = {0};
			bool fed = true;
			size_t at = 0;

			assert_int_equal((*k)->utf8(text, n), expected);
			while (at < n && fed) {
				size_t piece = 1 + (size_t)random() % (1 + (size_t)random() % 90);

				if (piece > n - at)
					piece = n - at;
				fed = nx_utf8_feed(&utf8, *k, text + at, piece);
				at += piece;
			}
			assert_int_equal(fed && utf8.left == 0, expected);
		}
		free(text);
	}
}

// What can no longer become a string is refused at the byte that shows it (RFC 6455 8.1).
static void fault_is_told_at_its_first_byte(void **state)
{
	for (const struct nx_kernels *const *k = every_width(); *k; k++) {
		struct nx_utf8 utf8 = {0};

		assert_true(nx_utf8_feed(&utf8, *k, (const uint8_t *)"caf\xc3\xa9 \xf4", 7));
		assert_false(nx_utf8_feed(&utf8, *k, (const uint8_t *)"\x90", 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_are_the_definition_at_every_length_and_offset),
		cmocka_unit_test(key_turns_with_the_bytes_it_has_masked),
		cmocka_unit_test(utf8_is_exact_at_every_bound),
		cmocka_unit_test(every_code_point_and_no_other_passes),
		cmocka_unit_test(utf8_is_judged_across_vectors),
		cmocka_unit_test(random_strings_are_judged_alike_whole_and_in_pieces),
		cmocka_unit_test(fault_is_told_at_its_first_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
