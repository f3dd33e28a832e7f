// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>

#include "wire/deflate/compression.h"

enum {
	DEFAULT_LIMIT = 16 << 20,
	DEFAULT_LEVEL = 6,
	DEFAULT_MEMORY_LEVEL = 8
};

// zlib does not say how much it gives back: the size stands before the memory.
union block {
	size_t bytes;
	max_align_t alignment;
};

static void *zlib_allocate(void *opaque, unsigned int items, unsigned int size)
{
	const struct nx_allocator *allocator = opaque;
	size_t bytes = sizeof(union block) + (size_t)items * size;
	union block *block = allocator->allocate(allocator->context, bytes);

	if (block == NULL)
		return NULL;
	block->bytes = bytes;
	return block + 1;
}

static void zlib_release(void *opaque, void *memory)
{
	const struct nx_allocator *allocator = opaque;
	union block *block = (union block *)memory - 1;

	allocator->release(allocator->context, block, block->bytes);
}

static int error_of(int zlib)
{
	return zlib == Z_OK ? 0 : zlib == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int start_in(struct nx_ws_compression *c, int bits)
{
	return error_of(inflateInit2(&c->in, -(bits ? bits : WINDOW_BITS_MAX)));
}

static int start_out(
	struct nx_ws_compression *c, int bits, const struct nx_ws_compression_config *config)
{
	int error;

	bits = bits ? bits : WINDOW_BITS_MAX;
	if (bits < WINDOW_BITS_MIN)
		return 0;
	error = error_of(
		deflateInit2(&c->out, config->level ? config->level : DEFAULT_LEVEL, Z_DEFLATED,
			-bits, config->memory_level ? config->memory_level : DEFAULT_MEMORY_LEVEL,
			Z_DEFAULT_STRATEGY));
	c->compresses = error == 0;
	return error;
}

static int start(struct nx_ws_compression *c, enum nx_ws_role role,
	const struct nx_ws_deflate *agreed, const struct nx_ws_compression_config *config)
{
	bool is_server = role == NX_WS_SERVER;
	int server_bits = agreed->server_max_window_bits;
	int client_bits = agreed->client_max_window_bits;
	int error = start_in(c, is_server ? client_bits : server_bits);

	if (error)
		return error;
	error = start_out(c, is_server ? server_bits : client_bits, config);
	if (error)
		inflateEnd(&c->in);
	return error;
}

int nx_ws_compression_create(enum nx_ws_role role, const struct nx_ws_deflate *agreed,
	const struct nx_ws_compression_config *config, struct nx_ws_compression **compression)
{
	const struct nx_allocator *allocator =
		config->allocator ? config->allocator : &nx_allocator_default;
	struct nx_ws_compression *c = allocator->allocate(allocator->context, sizeof(*c));
	z_stream stream = {.zalloc = zlib_allocate,
		.zfree = zlib_release,
		.opaque = (void *)(uintptr_t)allocator};
	bool is_server = role == NX_WS_SERVER;
	int error;

	if (c == NULL)
		return -ENOMEM;
	*c = (struct nx_ws_compression){
		.in = stream,
		.out = stream,
		.in_forgets = is_server ? agreed->client_no_context_takeover
					: agreed->server_no_context_takeover,
		.out_forgets = is_server ? agreed->server_no_context_takeover
					 : agreed->client_no_context_takeover,
		.message_limit = config->message_limit ? config->message_limit : DEFAULT_LIMIT,
		.output = config->output,
		.output_bytes = config->output ? config->output_bytes : 0,
		.output_is_ours = config->output == NULL,
		.allocator = allocator,
	};
	error = start(c, role, agreed, config);
	if (error) {
		allocator->release(allocator->context, c, sizeof(*c));
		return error;
	}
	*compression = c;
	return 0;
}

void nx_ws_compression_destroy(struct nx_ws_compression *compression)
{
	struct nx_ws_compression *c = compression;

	if (c == NULL)
		return;
	inflateEnd(&c->in);
	if (c->compresses)
		deflateEnd(&c->out);
	if (c->output_is_ours && c->output != NULL)
		c->allocator->release(c->allocator->context, c->output, c->output_bytes);
	c->allocator->release(c->allocator->context, c, sizeof(*c));
}

const struct nx_ws_compression_calls *nx_ws_compression_calls(void)
{
	static const struct nx_ws_compression_calls calls = {
		.create = nx_ws_compression_create,
		.destroy = nx_ws_compression_destroy,
		.inflate = nx_ws_inflate,
		.write = nx_ws_write_deflated,
	};

	return &calls;
}
