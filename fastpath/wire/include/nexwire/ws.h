// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// WebSocket frames and messages (RFC 6455), client and server. The opening handshake is in
// nexwire/ws_handshake.h, compression in nexwire/ws_deflate.h.
//
// Reading: receive into the reader's buffer, call nx_ws_reader_next until it wants more bytes.
// Writing: nx_ws_write and friends put whole frames into a write buffer; send what is in it.
// Neither answers by itself: a ping, a close and an error are the caller's to answer.

#include "nexwire/buffer.h"

NX_BEGIN

enum nx_ws_role {
	NX_WS_SERVER, // reads masked frames, writes unmasked ones
	NX_WS_CLIENT  // the reverse
};

// RFC 6455 5.2.
enum nx_ws_opcode {
	NX_WS_CONTINUATION = 0,
	NX_WS_TEXT = 1,
	NX_WS_BINARY = 2,
	NX_WS_CLOSE = 8,
	NX_WS_PING = 9,
	NX_WS_PONG = 10
};

// RFC 6455 7.4.1 and the registry that it opened.
enum nx_ws_close_code {
	NX_WS_CLOSE_NORMAL = 1000,
	NX_WS_CLOSE_GOING_AWAY = 1001,
	NX_WS_CLOSE_PROTOCOL_ERROR = 1002,
	NX_WS_CLOSE_UNACCEPTABLE = 1003,
	NX_WS_CLOSE_NO_CODE = 1005,  // never on the wire: the peer gave none
	NX_WS_CLOSE_ABNORMAL = 1006, // never on the wire: the connection ended without a close
	NX_WS_CLOSE_NOT_CONSISTENT = 1007,
	NX_WS_CLOSE_POLICY = 1008,
	NX_WS_CLOSE_TOO_LARGE = 1009,
	NX_WS_CLOSE_EXTENSION_NEEDED = 1010,
	NX_WS_CLOSE_INTERNAL = 1011,
	NX_WS_CLOSE_RESTART = 1012,
	NX_WS_CLOSE_TRY_LATER = 1013,
	NX_WS_CLOSE_BAD_GATEWAY = 1014,
	NX_WS_CLOSE_TLS = 1015 // never on the wire
};

enum {
	NX_WS_HEADER_MAX = 14,
	NX_WS_CONTROL_MAX = 125 // payload of a control frame, RFC 6455 5.5
};

// Whether a close frame may carry this code: 1000-1003, 1007-1014, 3000-4999.
NX_API bool nx_ws_close_code_is_valid(uint16_t code);

// What the reader says. From NX_WS_OPCODE_RESERVED on, the connection is over: answer with
// nx_ws_close_code_for and close it; the reader says the same again.
enum nx_ws_verdict {
	NX_WS_MESSAGE,   // there is one
	NX_WS_NEED_MORE, // receive more bytes first
	NX_WS_CLOSED,    // the peer's close frame was read; what follows it is not looked at
	NX_WS_OPCODE_RESERVED,
	NX_WS_RESERVED_BIT_SET,
	NX_WS_MASK_MISSING,    // a client's frame without
	NX_WS_MASK_UNEXPECTED, // a server's frame with
	NX_WS_CONTROL_FRAGMENTED,
	NX_WS_CONTROL_TOO_LONG,
	NX_WS_NOTHING_TO_CONTINUE,
	NX_WS_MESSAGE_INTERRUPTED, // a new message before the last fragment of another
	NX_WS_LENGTH_NOT_MINIMAL,
	NX_WS_LENGTH_OUT_OF_RANGE, // the highest of its 64 bits is set
	NX_WS_FRAME_TOO_LARGE,
	NX_WS_MESSAGE_TOO_LARGE,
	NX_WS_TEXT_NOT_UTF8,
	NX_WS_CLOSE_TRUNCATED, // a payload of one byte
	NX_WS_CLOSE_CODE_INVALID,
	NX_WS_CLOSE_REASON_NOT_UTF8,
	NX_WS_NO_MEMORY,         // for the next larger assembly
	NX_WS_DEFLATE_MALFORMED, // compressed data that do not inflate (nexwire/ws_deflate.h)
	NX_WS_INFLATED_TOO_LARGE,
	NX_WS_VERDICT_COUNT
};

// One sentence for a log; static storage.
NX_API const char *nx_ws_verdict_text(enum nx_ws_verdict verdict);

// The close code that a verdict calls for: 1002, 1007, 1009 or 1011; 1000 where nothing is wrong.
NX_API uint16_t nx_ws_close_code_for(enum nx_ws_verdict verdict);

// A message as the application sees it, control frames included. data is borrowed from the reader
// until its next call, or until its buffer is asked for space.
struct nx_ws_message {
	const uint8_t *data; // of a close: the reason
	size_t length;
	enum nx_ws_opcode opcode; // never NX_WS_CONTINUATION
	uint16_t close_code;      // of a close: NX_WS_CLOSE_NO_CODE when it carries none
	bool compressed;          // data are to be inflated, and no UTF-8 has been judged
};

// UTF-8 so far: `left` more continuation bytes, the next of them within low..high.
struct nx_utf8 {
	uint8_t left;
	uint8_t low;
	uint8_t high;
};

// Whether n bytes are a whole UTF-8 string, with the widest vectors of the CPU.
NX_API bool nx_utf8_is_valid(const void *text, size_t n);

struct nx_ws_reader_config {
	enum nx_ws_role role;
	bool compression;     // permessage-deflate was agreed: messages may come compressed
	enum nx_simd simd;    // NX_SIMD_WIDEST unless a test wants another
	size_t frame_limit;   // largest payload of a frame in bytes, 0: 16 MiB
	size_t message_limit; // largest message in bytes, 0: 16 MiB
	// Where messages are put together that do not lie in one piece in the buffer:
	// assembly_bytes of the caller's memory, which then bound such messages too; or NULL, and
	// the allocator (NULL: malloc) gives memory that doubles up to message_limit and is kept.
	void *assembly;
	size_t assembly_bytes;
	const struct nx_allocator *allocator;
};

struct nx_kernels;

// Private from here: read it in a debugger.
struct nx_ws_reader {
	struct nx_read_buffer *buffer;
	const struct nx_kernels *kernels;
	uint8_t mask_bit;        // what the second byte of each frame must have
	uint8_t rsv_allowed;     // of a message's first byte
	bool in_frame;           // the header of a frame has been consumed, its payload not
	bool in_place;           // that payload is waited for in the buffer
	bool is_text;            // UTF-8 of the message is judged
	bool assembling;         // the first fragment has come, the last one not
	uint8_t first;           // first byte of the frame
	uint8_t message_first;   // first byte of the message being put together
	enum nx_ws_verdict over; // not NX_WS_MESSAGE: nothing more is read
	uint32_t key;            // for the next byte of payload
	struct nx_utf8 utf8;
	size_t left;   // bytes of payload not consumed
	size_t judged; // of them, unmasked and judged where they lie
	size_t assembled;
	uint8_t *assembly;
	size_t assembly_bytes;
	size_t frame_limit;
	size_t message_limit;
	const struct nx_allocator *allocator; // NULL: the assembly is the caller's
};

// Reads from `buffer`, which must outlive the reader and hold at least NX_WS_CONTROL_MAX bytes;
// bytes that it already has (behind a handshake) are read first. -EINVAL: a smaller buffer;
// -ENOTSUP: this CPU lacks config->simd.
NX_API NX_CHECKED int nx_ws_reader_init(struct nx_ws_reader *reader, struct nx_read_buffer *buffer,
	const struct nx_ws_reader_config *config);

// Gives the assembly back. The buffer is not touched.
NX_API void nx_ws_reader_fini(struct nx_ws_reader *reader);

// The next message. NX_WS_MESSAGE fills *message, anything else leaves it alone. A frame that fits
// the buffer is unmasked where it lies and not copied. Bytes are judged as they come: a fault is
// told before the rest of its frame is there.
NX_API NX_CHECKED enum nx_ws_verdict nx_ws_reader_next(
	struct nx_ws_reader *reader, struct nx_ws_message *message);

// What the writer says. Nothing is written unless it says NX_WS_WRITTEN.
enum nx_ws_write_verdict {
	NX_WS_WRITTEN,
	NX_WS_WRITE_NO_ROOM,            // send first, or take a larger buffer
	NX_WS_WRITE_CONTROL_TOO_LONG,   // more than NX_WS_CONTROL_MAX bytes
	NX_WS_WRITE_CONTROL_FRAGMENTED, // a control frame as a fragment
	NX_WS_WRITE_OPCODE_INVALID,
	NX_WS_WRITE_CLOSE_CODE_INVALID,
	NX_WS_WRITE_REASON_NOT_UTF8,
	NX_WS_WRITE_AFTER_CLOSE,
	NX_WS_WRITE_MESSAGE_OPEN, // a new message before the last fragment of another
	NX_WS_WRITE_NOTHING_TO_CONTINUE,
	NX_WS_WRITE_NOT_RESERVED,  // more bytes than nx_ws_write_begin made room for, or no begin
	NX_WS_WRITE_RANDOM_FAILED, // the source gave no masking keys
	NX_WS_WRITE_VERDICT_COUNT
};

NX_API const char *nx_ws_write_verdict_text(enum nx_ws_write_verdict verdict);

// Fills `bytes` of memory with bytes that nobody can predict (RFC 6455 10.3); false when it cannot.
typedef bool (*nx_random)(void *context, void *memory, size_t bytes);

enum {
	NX_WS_KEYS = 64 // masking keys drawn at once
};

// Private from here.
struct nx_ws_writer {
	const struct nx_kernels *kernels;
	nx_random random;
	void *random_context;
	bool masks;
	bool closed;     // a close frame was written
	uint8_t open;    // opcode of the message whose last fragment is missing, or 0
	uint8_t header;  // bytes that nx_ws_write_begin left free
	size_t reserved; // bytes of payload that it promised
	uint32_t keys_left;
	uint32_t keys[NX_WS_KEYS];
};

// random is called for a client only, NX_WS_KEYS * 4 bytes at a time, and may be NULL for a server.
// -EINVAL: a client without one; -ENOTSUP: this CPU lacks simd.
NX_API NX_CHECKED int nx_ws_writer_init(struct nx_ws_writer *writer, enum nx_ws_role role,
	nx_random random, void *context, enum nx_simd simd);

// A whole message, or a ping or pong: header and payload behind what the buffer holds. Text must be
// UTF-8; it is not judged again.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, const void *data, size_t length);

// The same of data that are compressed by the rules of permessage-deflate (RSV1 is set).
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_compressed(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, const void *data, size_t length);

// A fragment: the first with the message's opcode, the others with NX_WS_CONTINUATION. A character
// may be cut by fragments. Control frames may be written between them.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_fragment(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, bool is_last, const void *data,
	size_t length);

// A close frame, the last one that is written. NX_WS_CLOSE_NO_CODE writes none, and takes no
// reason.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_close(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, uint16_t code, const char *reason, size_t length);

// A message whose payload the caller writes in place: begin gives room for at most `limit` bytes,
// end puts the header before the `length` of them that were written. Nothing else may be written to
// the buffer in between; a begin without an end has no effect.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_begin(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, size_t limit, uint8_t **payload);
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_end(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, size_t length);

// The end of one whose payload is compressed by the rules of permessage-deflate.
NX_API NX_CHECKED enum nx_ws_write_verdict nx_ws_write_end_compressed(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, size_t length);

// A server's header alone, for a payload that is sent from where it lies (writev, io_uring):
// returns its length, 2, 4 or 10 bytes of header. first: FIN, reserved bits and opcode.
NX_API size_t nx_ws_header(uint8_t header[NX_WS_HEADER_MAX], uint8_t first, uint64_t length);

NX_END
