// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/utf8.h"

// How many of n bytes come before a character whose end is not among them.
static size_t whole_characters(const uint8_t *text, size_t n)
{
	if (n >= 1 && text[n - 1] >= 0xc0)
		return n - 1;
	if (n >= 2 && text[n - 2] >= 0xe0)
		return n - 2;
	if (n >= 3 && text[n - 3] >= 0xf0)
		return n - 3;
	return n;
}

bool nx_utf8_feed(
	struct nx_utf8 *state, const struct nx_kernels *kernels, const uint8_t *text, size_t n)
{
	size_t whole;

	for (; n > 0 && state->left > 0; n--)
		if (!nx_utf8_step(state, *text++))
			return false;
	whole = whole_characters(text, n);
	if (!kernels->utf8(text, whole))
		return false;
	for (; whole < n; whole++)
		if (!nx_utf8_step(state, text[whole]))
			return false;
	return true;
}

bool nx_utf8_is_valid(const void *text, size_t n)
{
	return nx_kernels_of(NX_SIMD_WIDEST)->utf8(text, n);
}
