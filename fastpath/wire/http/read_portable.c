// SPDX-License-Identifier: BSD-3-Clause
#include "head.h"
#include "scan.h"

// Eight bytes at a time in a general register, for any CPU: values only; names and targets are
// looked up byte by byte.
#define VARIANT(name) name##_portable
#define VARIANT_TARGET
#define WIDTH         8
#define VECTORED(set) ((set) == HTTP_SET_VALUE)

static inline uint64_t stops(const uint8_t *p, enum http_set set)
{
	uint64_t found = 0;
	uint64_t word, control, delete;

	memcpy(&word, p, sizeof(word));
	// The high bit of a byte is set if it is below a space or is DEL, and perhaps above such a
	// byte: a sieve, and what stays in it, a tab too, is looked up.
	control = (word - UINT64_C(0x2020202020202020)) & ~word;
	delete = word ^ UINT64_C(0x7f7f7f7f7f7f7f7f);
	delete = (delete - UINT64_C(0x0101010101010101)) & ~delete;
	if (((control | delete) & UINT64_C(0x8080808080808080)) == 0)
		return 0;
	for (int i = 0; i < WIDTH; i++)
		found |= (uint64_t)!http_byte_is(p[i], set) << i;
	return found;
}

// Four to seven bytes as two words of four that overlap.
static inline bool few_are_in(const uint8_t *p, size_t n, enum http_set set)
{
	uint8_t twice[WIDTH];

	memcpy(twice, p, 4);
	memcpy(twice + 4, p + n - 4, 4);
	return stops(twice, set) == 0;
}

#include "scan_body.h"

#include "read_body.h"
