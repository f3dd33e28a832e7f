// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/key.h"

#include <string.h>

#include "wire/ws/sha1.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648 4; ends with a zero.
static void base64(const uint8_t *bytes, size_t n, char *text)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= i + 2 < n ? bytes[i + 2] : 0u;
		*text++ = alphabet[group >> 18];
		*text++ = alphabet[group >> 12 & 63];
		*text++ = i + 1 < n ? alphabet[group >> 6 & 63] : '=';
		*text++ = i + 2 < n ? alphabet[group & 63] : '=';
	}
	*text = '\0';
}

void nx_key_text(const uint8_t bytes[KEY_BYTES], char text[NX_WS_KEY + 1])
{
	base64(bytes, KEY_BYTES, text);
}

// The value of a digit; -1: none.
static int digit_of(uint8_t digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

bool nx_key_is_valid(struct nx_http_slice value)
{
	if (value.length != NX_WS_KEY || memcmp(value.data + NX_WS_KEY - 2, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < NX_WS_KEY - 2; i++) {
		int digit = digit_of(value.data[i]);

		// 22 digits hold 132 bits: the last four mean nothing.
		if (digit < 0 || (i == NX_WS_KEY - 3 && (digit & 15) != 0))
			return false;
	}
	return true;
}

void nx_ws_accept_of(const char *key, char accept[NX_WS_ACCEPT + 1])
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 1.3
	uint8_t message[NX_WS_KEY + sizeof(magic) - 1];
	uint8_t digest[SHA1_BYTES];

	memcpy(message, key, NX_WS_KEY);
	memcpy(message + NX_WS_KEY, magic, sizeof(magic) - 1);
	nx_sha1(message, sizeof(message), digest);
	base64(digest, SHA1_BYTES, accept);
}
