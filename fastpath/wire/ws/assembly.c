// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/assembly.h"

#include <string.h>

enum {
	FIRST_SIZE = 4096
};

void nx_assembly_init(struct nx_ws_reader *reader, const struct nx_ws_reader_config *config)
{
	if (config->assembly != NULL) {
		reader->assembly = config->assembly;
		reader->assembly_bytes = config->assembly_bytes;
		return;
	}
	reader->allocator = config->allocator ? config->allocator : &nx_allocator_default;
}

void nx_assembly_fini(struct nx_ws_reader *reader)
{
	if (reader->allocator != NULL && reader->assembly != NULL)
		reader->allocator->release(
			reader->allocator->context, reader->assembly, reader->assembly_bytes);
}

static enum nx_ws_verdict grow(struct nx_ws_reader *reader, size_t needed)
{
	size_t bytes = reader->assembly_bytes ? reader->assembly_bytes : FIRST_SIZE;
	uint8_t *larger;

	while (bytes < needed)
		bytes = bytes <= reader->message_limit / 2 ? bytes * 2 : reader->message_limit;
	larger = reader->allocator->allocate(reader->allocator->context, bytes);
	if (larger == NULL)
		return NX_WS_NO_MEMORY;
	if (reader->assembled > 0)
		memcpy(larger, reader->assembly, reader->assembled);
	nx_assembly_fini(reader);
	reader->assembly = larger;
	reader->assembly_bytes = bytes;
	return NX_WS_MESSAGE;
}

enum nx_ws_verdict nx_assembly_reserve(struct nx_ws_reader *reader, size_t n)
{
	size_t needed = reader->assembled + n;

	// An empty message has an address too.
	if (needed <= reader->assembly_bytes && reader->assembly != NULL)
		return NX_WS_MESSAGE;
	return reader->allocator ? grow(reader, needed) : NX_WS_MESSAGE_TOO_LARGE;
}
