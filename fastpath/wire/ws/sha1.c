// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/sha1.h"

#include <endian.h>
#include <string.h>

enum {
	BLOCK = 64
};

static uint32_t rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

// RFC 3174 5: the function and constant of a round.
static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
	if (round < 20)
		return ((b & c) | (~b & d)) + 0x5a827999;
	if (round < 40)
		return (b ^ c ^ d) + 0x6ed9eba1;
	if (round < 60)
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	return (b ^ c ^ d) + 0xca62c1d6;
}

static void take_block(uint32_t h[5], const uint8_t *block)
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	uint32_t w[80];

	memcpy(w, block, BLOCK);
	for (int i = 0; i < 16; i++)
		w[i] = be32toh(w[i]);
	for (int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void nx_sha1(const void *message, size_t length, uint8_t digest[SHA1_BYTES])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t padded[2 * BLOCK] = {0};
	size_t blocks = length + 9 > BLOCK ? 2 : 1;
	uint64_t bits = htobe64((uint64_t)length * 8);

	memcpy(padded, message, length);
	padded[length] = 0x80;
	memcpy(padded + blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
	for (size_t i = 0; i < blocks; i++)
		take_block(h, padded + i * BLOCK);
	for (int i = 0; i < 5; i++) {
		h[i] = htobe32(h[i]);
		memcpy(digest + 4 * (size_t)i, &h[i], 4);
	}
}
