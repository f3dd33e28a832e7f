// SPDX-License-Identifier: BSD-3-Clause

// Masking and UTF-8 over vectors, written once. The file that includes this one defines VECTOR (a
// function attribute: the instruction set, always inlined), WIDTH, `vec` and the vector_ functions.
//
// UTF-8 is judged by the lookup algorithm of Keiser and Lemire ("Validating UTF-8 in less than one
// instruction per byte", 2021): three 16-entry tables, indexed by the halves of a byte and the high
// half of the next one, each give the set of faults that this half is consistent with. What all
// three agree on is a fault.

#include "wire/simd/words.h"

enum utf8_fault {
	TOO_SHORT = 1 << 0,    // a first byte where a continuation must come
	TOO_LONG = 1 << 1,     // a continuation after ASCII
	OVERLONG_3 = 1 << 2,   // E0 80..9F
	TOO_LARGE = 1 << 3,    // F4 90.. and beyond
	SURROGATE = 1 << 4,    // ED A0..
	OVERLONG_2 = 1 << 5,   // C0, C1
	TOO_LARGE_80 = 1 << 6, // F5.. with a second byte of 80..8F
	OVERLONG_4 = 1 << 6, // F0 80..8F; shares its bit, the low half of the first byte parts them
	TWO_CONTINUATIONS = 1 << 7, // right or wrong: the third and fourth byte's rule decides
	// Not decided by the low half of the first byte.
	ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS
};

// By the high half of a byte.
static const uint8_t first_high[16] = {TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
	TOO_LONG, TOO_LONG, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
	TWO_CONTINUATIONS, TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
	TOO_SHORT | TOO_LARGE | TOO_LARGE_80 | OVERLONG_4};

#define BEYOND (ANY_LOW | TOO_LARGE | TOO_LARGE_80)
// By its low half.
static const uint8_t first_low[16] = {ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
	ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW, ANY_LOW | TOO_LARGE, BEYOND, BEYOND, BEYOND, BEYOND,
	BEYOND, BEYOND, BEYOND, BEYOND, BEYOND | SURROGATE, BEYOND, BEYOND};

#define CONTINUATION (TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS)
// By the high half of the byte after it.
static const uint8_t second_high[16] = {TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
	TOO_SHORT, TOO_SHORT, TOO_SHORT, CONTINUATION | OVERLONG_3 | TOO_LARGE_80 | OVERLONG_4,
	CONTINUATION | OVERLONG_3 | TOO_LARGE, CONTINUATION | SURROGATE | TOO_LARGE,
	CONTINUATION | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT};

struct utf8_run {
	vec before;     // the vector ahead
	vec unfinished; // not zero: it ends within a character
	vec faults;
	vec tables[3];
};

VECTOR void utf8_vector(struct utf8_run *run, vec now)
{
	const vec low_half = vector_splat(0x0f);
	vec back1 = vector_back(now, run->before, 1);
	vec back2 = vector_back(now, run->before, 2);
	vec back3 = vector_back(now, run->before, 3);
	vec faults = vector_lookup(run->tables[0], vector_high_halves(back1)) &
		     vector_lookup(run->tables[1], back1 & low_half) &
		     vector_lookup(run->tables[2], vector_high_halves(now));
	// 0x80 where the third byte of three or four, or the fourth of four, must stand.
	vec third = vector_minus(back2, vector_splat(0xe0 - 0x80)) |
		    vector_minus(back3, vector_splat(0xf0 - 0x80));

	run->faults |= faults ^ (third & vector_splat(0x80));
	run->unfinished = vector_minus(now, vector_load(vector_last_bytes));
	run->before = now;
}

VECTOR void utf8_next(struct utf8_run *run, vec now)
{
	if (!vector_is_ascii(now)) {
		utf8_vector(run, now);
		return;
	}
	run->faults |= run->unfinished;
	run->unfinished = vector_splat(0);
	run->before = now;
}

// From the first vector that is not all ASCII.
VECTOR bool utf8_lookup(const uint8_t *text, size_t n)
{
	struct utf8_run run = {
		.before = vector_splat(0),
		.unfinished = vector_splat(0),
		.faults = vector_splat(0),
		.tables = {vector_table(first_high), vector_table(first_low),
			vector_table(second_high)},
	};

	for (; n >= WIDTH; n -= WIDTH, text += WIDTH)
		utf8_next(&run, vector_load(text));
	if (n > 0)
		utf8_next(&run, vector_load_some(text, n));
	return vector_is_zero(run.faults | run.unfinished);
}

VECTOR bool utf8_body(const uint8_t *text, size_t n)
{
	if (n < 16 && (words_seen(text, n) & HIGH_BITS) == 0)
		return true;
	if (n < WIDTH)
		return utf8_lookup(text, n);
	for (; n >= 4 * WIDTH; n -= 4 * WIDTH, text += 4 * WIDTH) {
		vec low = vector_load(text) | vector_load(text + WIDTH);
		vec high = vector_load(text + 2 * WIDTH) | vector_load(text + 3 * WIDTH);

		if (!vector_is_ascii(low | high))
			return utf8_lookup(text, n);
	}
	if (n == 0)
		return true;
	// There is a whole vector of text before the end: the last one overlaps others.
	vec seen = vector_load(text + n - WIDTH);

	for (size_t i = 0; i + WIDTH < n; i += WIDTH)
		seen |= vector_load(text + i);
	return vector_is_ascii(seen) || utf8_lookup(text, n);
}

VECTOR bool mask_body(
	uint8_t *to, const uint8_t *from, size_t n, uint32_t key, const bool wants_ascii)
{
	if (n < WIDTH)
		return vector_mask_short(to, from, n, key);

	const vec wide = vector_splat_key(key);
	// The last vector may overlap the ones before it: it is read before they are written, and
	// what it covers alone is written once.
	vec last = vector_load(from + n - WIDTH) ^ vector_splat_key(nx_key_after(key, n - WIDTH));
	vec seen = last;
	size_t i = 0;

	for (; i + 4 * WIDTH < n; i += 4 * WIDTH) {
		vec a = vector_load(from + i) ^ wide;
		vec b = vector_load(from + i + WIDTH) ^ wide;
		vec c = vector_load(from + i + 2 * WIDTH) ^ wide;
		vec d = vector_load(from + i + 3 * WIDTH) ^ wide;

		vector_store(to + i, a);
		vector_store(to + i + WIDTH, b);
		vector_store(to + i + 2 * WIDTH, c);
		vector_store(to + i + 3 * WIDTH, d);
		if (wants_ascii)
			seen |= (a | b) | (c | d);
	}
	for (; i + WIDTH < n; i += WIDTH) {
		vec a = vector_load(from + i) ^ wide;

		vector_store(to + i, a);
		if (wants_ascii)
			seen |= a;
	}
	vector_store(to + n - WIDTH, last);
	return wants_ascii && vector_is_ascii(seen);
}

KERNEL void mask(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	mask_body(to, from, n, key, false);
}

KERNEL bool mask_ascii(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	return mask_body(to, from, n, key, true);
}

KERNEL bool utf8(const uint8_t *text, size_t n)
{
	return utf8_body(text, n);
}
