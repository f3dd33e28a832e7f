// SPDX-License-Identifier: BSD-3-Clause
#include "config/key_text.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool config_key_read(const char *text, uint8_t *out, size_t length)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	if (strlen(text) != KEY_TEXT_BYTES(length) - 1)
		return false;
	for (; *text; text++) {
		const char *digit = strchr(digits, *text);

		if (!digit)
			return false;
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		out[at++] = (uint8_t)(bits >> have);
	}
	// One text a key: the bits behind the last byte are 0.
	return at == length && (bits & ((1u << have) - 1)) == 0;
}

void config_key_print(const uint8_t *key, size_t length, char *out)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < length; i++) {
		bits = bits << 8 | key[i];
		for (have += 8; have >= 6;) {
			have -= 6;
			*out++ = digits[bits >> have & 63];
		}
	}
	if (have > 0)
		*out++ = digits[bits << (6 - have) & 63];
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool config_short_id_read(const char *text, uint8_t out[8])
{
	size_t length = strlen(text);
	uint8_t id[8] = {0};

	if (length > 16 || length % 2 != 0)
		return false;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		id[i / 2] = (uint8_t)(high << 4 | low);
	}
	memcpy(out, id, sizeof(id));
	return true;
}

bool config_version_read(const char *text, uint32_t *out)
{
	uint32_t version = 0;

	for (int part = 0; part < 3; part++) {
		uint32_t number = 0;
		size_t length = strspn(text, "0123456789");

		if (length == 0 || length > 3)
			return false;
		for (size_t i = 0; i < length; i++)
			number = number * 10 + (uint32_t)(text[i] - '0');
		text += length;
		if (number > 255 || *text != (part < 2 ? '.' : '\0'))
			return false;
		text += part < 2;
		version = version << 8 | number;
	}
	*out = version;
	return true;
}
