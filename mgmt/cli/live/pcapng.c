// SPDX-License-Identifier: BSD-3-Clause
#include "cli/live/pcapng.h"

#include <stdbool.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPTION_END = 0,
	OPTION_INTERFACE_NAME = 2,
	OPTION_APPLICATION = 4, // shb_userappl
	OPTION_RECEIVED = 4,    // isb_ifrecv
	OPTION_DROPPED = 5,     // isb_ifdrop
	NAME_MAX_BYTES = 255,
};

static uint32_t padded(uint32_t length)
{
	return (length + 3) & ~UINT32_C(3);
}

static void put16(FILE *out, uint16_t value)
{
	fwrite(&value, sizeof(value), 1, out);
}

static void put32(FILE *out, uint32_t value)
{
	fwrite(&value, sizeof(value), 1, out);
}

static void put_padded(FILE *out, const void *bytes, uint32_t length)
{
	static const uint8_t zeros[3] = {0};

	fwrite(bytes, 1, length, out);
	fwrite(zeros, 1, padded(length) - length, out);
}

static uint32_t option_bytes(uint32_t length)
{
	return 4 + padded(length);
}

static void put_option(FILE *out, uint16_t code, const void *bytes, uint16_t length)
{
	put16(out, code);
	put16(out, length);
	put_padded(out, bytes, length);
}

// Timestamps are two halves, the high one first.
static void put_time(FILE *out, uint64_t time_us)
{
	put32(out, (uint32_t)(time_us >> 32));
	put32(out, (uint32_t)time_us);
}

static void put_section(FILE *out)
{
	static const char application[] = "nexpath " NEXPATH_VERSION;
	uint32_t total = 28 + option_bytes(sizeof(application) - 1) + 4;

	put32(out, BLOCK_SECTION);
	put32(out, total);
	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1);
	put16(out, 0);
	put32(out, UINT32_MAX); // section length: not known, in two halves
	put32(out, UINT32_MAX);
	put_option(out, OPTION_APPLICATION, application, sizeof(application) - 1);
	put32(out, OPTION_END);
	put32(out, total);
}

void pcapng_begin(FILE *out, uint16_t link_type, uint32_t snap_length, const char *name)
{
	uint16_t length = (uint16_t)strnlen(name, NAME_MAX_BYTES);
	uint32_t total = 20 + option_bytes(length) + 4;

	put_section(out);
	put32(out, BLOCK_INTERFACE);
	put32(out, total);
	put16(out, link_type);
	put16(out, 0);
	put32(out, snap_length);
	put_option(out, OPTION_INTERFACE_NAME, name, length);
	put32(out, OPTION_END);
	put32(out, total);
}

void pcapng_packet(
	FILE *out, uint64_t time_us, const uint8_t *bytes, uint32_t captured, uint32_t length)
{
	uint32_t total = 32 + padded(captured);

	put32(out, BLOCK_PACKET);
	put32(out, total);
	put32(out, 0); // the interface
	put_time(out, time_us);
	put32(out, captured);
	put32(out, length);
	put_padded(out, bytes, captured);
	put32(out, total);
}

void pcapng_end(FILE *out, uint64_t time_us, uint64_t packets, uint64_t missed)
{
	uint32_t total = 24 + 2 * option_bytes(8) + 4;

	put32(out, BLOCK_STATISTICS);
	put32(out, total);
	put32(out, 0);
	put_time(out, time_us);
	put_option(out, OPTION_RECEIVED, &packets, sizeof(packets));
	put_option(out, OPTION_DROPPED, &missed, sizeof(missed));
	put32(out, OPTION_END);
	put32(out, total);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ptrdiff_t base64_decode(const char *text, uint8_t *out, size_t size)
{
	size_t length = strlen(text);
	size_t used = 0;
	size_t pad = 0;

	if (length % 4 != 0) {
		return -1;
	}
	while (length > 0 && pad < 2 && text[length - 1 - pad] == '=') {
		pad++;
	}
	if (length / 4 * 3 - pad > size) {
		return -1;
	}
	for (size_t i = 0; i < length; i += 4) {
		uint32_t group = 0;
		size_t bytes = i + 4 == length ? 3 - pad : 3;

		for (size_t j = 0; j < 4; j++) {
			bool padding = i + j >= length - pad;
			int value = padding ? 0 : base64_value(text[i + j]);

			if (value < 0) {
				return -1;
			}
			group = group << 6 | (uint32_t)value;
		}
		for (size_t j = 0; j < bytes; j++) {
			out[used++] = (uint8_t)(group >> (16 - 8 * j));
		}
	}
	return (ptrdiff_t)used;
}
