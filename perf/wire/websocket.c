// SPDX-License-Identifier: BSD-3-Clause
#include <stdalign.h>
#include <string.h>

#include "nexwire/ws.h"
#include "wire/simd/kernels.h"

#include "bench.h"

enum {
	FRAMES = 16,
	OPERATIONS = 64
};

static uint8_t wire[1 << 16];
static uint8_t input[1 << 17];

static bool fixed_key(void *context, void *memory, size_t bytes)
{
	(void)context;
	memset(memory, 0x5a, bytes);
	return true;
}

// `count` frames as `role`'s peer sends them; their length together.
static size_t frames_make(
	enum nx_ws_role role, enum nx_ws_opcode opcode, size_t length, unsigned int count)
{
	uint8_t payload[2048];
	struct nx_ws_writer writer;
	struct nx_write_buffer buffer;

	memset(payload, 'x', sizeof(payload));
	BUG_ON(nx_write_buffer_init(&buffer, wire, sizeof(wire), 0) != NX_BUFFER_OK);
	BUG_ON(nx_ws_writer_init(&writer, role == NX_WS_SERVER ? NX_WS_CLIENT : NX_WS_SERVER,
		       fixed_key, NULL, NX_SIMD_WIDEST) != 0);
	while (count-- > 0)
		BUG_ON(nx_ws_write(&writer, &buffer, opcode, payload, length) != NX_WS_WRITTEN);
	return nx_write_buffer_length(&buffer);
}

static void read_all(struct nx_ws_reader *reader, unsigned int count)
{
	struct nx_ws_message message;

	while (count-- > 0) {
		if (nx_ws_reader_next(reader, &message) != NX_WS_MESSAGE)
			__builtin_trap();
		keep(&message);
	}
}

static void bench_parse(const char *name, enum nx_ws_role role, enum nx_ws_opcode opcode, size_t n)
{
	struct nx_ws_reader_config config = {.role = role};
	size_t length = frames_make(role, opcode, n, FRAMES);
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;

	BUG_ON(nx_read_buffer_init(&buffer, input, length + 4096) != NX_BUFFER_OK);
	BUG_ON(nx_ws_reader_init(&reader, &buffer, &config) != 0);
	MEASURE(name, SAMPLES * 5, FRAMES,
		BUG_ON(nx_read_buffer_feed(&buffer, wire, length) != length),
		read_all(&reader, FRAMES));
}

// Receiving, which copies here, is part of it.
static void bench_batch(void)
{
	struct nx_ws_reader_config config = {.role = NX_WS_CLIENT};
	size_t length = frames_make(NX_WS_CLIENT, NX_WS_BINARY, 128, 100);
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;

	BUG_ON(nx_read_buffer_init(&buffer, input, length + 4096) != NX_BUFFER_OK);
	BUG_ON(nx_ws_reader_init(&reader, &buffer, &config) != 0);
	MEASURE("batch-100x128", SAMPLES, 100, , ({
		BUG_ON(nx_read_buffer_feed(&buffer, wire, length) != length);
		read_all(&reader, 100);
	}));
}

// What masking and encoding are held to: messages of their own, whose length only the run tells.
static void bench_copy(void)
{
	static alignas(64) uint8_t from[OPERATIONS][128], to[OPERATIONS][128];
	size_t n = sizeof(from[0]);

	MEASURE("copy-128", SAMPLES * 5, OPERATIONS, , ({
		for (int i = 0; i < OPERATIONS; i++) {
			__asm__ volatile("" : "+r"(n));
			memcpy(to[i], from[i], n);
			keep(to[i]);
		}
	}));
}

// Each operation has a payload of its own, as messages have: where the same bytes are masked again
// and again, the time that a store takes to reach the next load is all that is measured.
static void bench_mask(void)
{
	const struct nx_kernels *kernels = nx_kernels_of(NX_SIMD_WIDEST);
	static alignas(64) uint8_t data[OPERATIONS][128];

	MEASURE("mask-128", SAMPLES * 5, OPERATIONS, , ({
		for (int i = 0; i < OPERATIONS; i++) {
			kernels->mask(data[i], data[i], sizeof(data[i]), 0x3d21fa37);
			keep(data[i]);
		}
	}));
}

static void bench_encode(const char *name, enum nx_ws_role role)
{
	struct nx_write_buffer buffer;
	struct nx_ws_writer writer;
	uint8_t payload[128];

	memset(payload, 'x', sizeof(payload));
	BUG_ON(nx_write_buffer_init(&buffer, input, 256, NX_WRITE_HEADROOM) != NX_BUFFER_OK);
	BUG_ON(nx_ws_writer_init(&writer, role, fixed_key, NULL, NX_SIMD_WIDEST) != 0);
	MEASURE(name, SAMPLES * 5, OPERATIONS, , ({
		for (int i = 0; i < OPERATIONS; i++) {
			nx_write_buffer_clear(&buffer);
			if (nx_ws_write(&writer, &buffer, NX_WS_TEXT, payload, sizeof(payload)) !=
				NX_WS_WRITTEN)
				__builtin_trap();
			keep(nx_write_buffer_data(&buffer));
		}
	}));
}

void bench_websocket(void)
{
	bench_copy();
	bench_parse("parse-binary-40", NX_WS_CLIENT, NX_WS_BINARY, 40);
	bench_parse("parse-binary-128", NX_WS_CLIENT, NX_WS_BINARY, 128);
	bench_parse("parse-binary-512", NX_WS_CLIENT, NX_WS_BINARY, 512);
	bench_parse("parse-text-128", NX_WS_CLIENT, NX_WS_TEXT, 128);
	bench_parse("parse-text-masked-128", NX_WS_SERVER, NX_WS_TEXT, 128);
	bench_mask();
	bench_encode("encode-text-128", NX_WS_SERVER);
	bench_encode("encode-text-masked-128", NX_WS_CLIENT);
	bench_batch();
}
