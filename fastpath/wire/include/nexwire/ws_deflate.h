// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// permessage-deflate (RFC 7692) over zlib, in a library of its own (pkg-config nexwire-deflate):
// who does not compress links no zlib and pays nothing. One object a connection, one thread at a
// time.

#include "nexwire/ws_handshake.h"

NX_BEGIN

struct nx_ws_compression_config {
	int level;        // 1 to 9 as zlib's, 0: 6
	int memory_level; // 1 to 9 as zlib's, 0: 8
	// Largest message after inflating, 0: 16 MiB. No more is ever written than that.
	size_t message_limit;
	// Where messages are inflated to: output_bytes of the caller's memory, or NULL, and the
	// allocator gives memory that doubles up to message_limit and is kept.
	void *output;
	size_t output_bytes;
	// zlib's own memory too: about 300 KiB at the full window when the object is made, none
	// later.
	const struct nx_allocator *allocator; // NULL: malloc
};

struct nx_ws_compression;

// For one end of a connection on which `agreed` was agreed. -ENOMEM; -EINVAL: level or window that
// zlib does not have.
NX_API NX_CHECKED int nx_ws_compression_create(enum nx_ws_role role,
	const struct nx_ws_deflate *agreed, const struct nx_ws_compression_config *config,
	struct nx_ws_compression **compression);

// NULL is allowed.
NX_API void nx_ws_compression_destroy(struct nx_ws_compression *compression);

// Inflates a message that the reader gave, in its place: *message then holds the data, borrowed
// until the next call, and text is judged. A message that is not compressed stays as it is. Every
// message must be given, in order. Anything but NX_WS_MESSAGE ends the connection and leaves
// *message alone.
NX_API NX_CHECKED enum nx_ws_verdict nx_ws_inflate(
	struct nx_ws_compression *compression, struct nx_ws_message *message);

// Writes a text or binary message compressed. Nothing is written unless it says NX_WS_WRITTEN; then
// and after NX_WS_WRITE_NO_ROOM the next message may follow as if nothing had happened. A peer that
// wants a window of 2^8 bytes, which zlib does not make, gets its messages uncompressed.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_deflated(
	struct nx_ws_compression *compression, struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, const void *data, size_t length);

// The calls above, for a client that is to compress (nexwire/ws_connection.h), which links no zlib
// of its own.
struct nx_ws_compression_calls {
	int (*create)(enum nx_ws_role role, const struct nx_ws_deflate *agreed,
		const struct nx_ws_compression_config *config,
		struct nx_ws_compression **compression);
	void (*destroy)(struct nx_ws_compression *compression);
	enum nx_ws_verdict (*inflate)(
		struct nx_ws_compression *compression, struct nx_ws_message *message);
	enum nx_ws_write_verdict (*write)(struct nx_ws_compression *compression,
		struct nx_ws_writer *writer, struct nx_write_buffer *buffer,
		enum nx_ws_opcode opcode, const void *data, size_t length);
};

// In static storage.
NX_API const struct nx_ws_compression_calls *nx_ws_compression_calls(void);

NX_END
