// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client of HTTP/2, which is the library's or bytes of a test, and one connection of ours. What
// its streams ask is kept as text, and answered by the test.

#include <nghttp2/nghttp2.h>

#include "http2/connection.h"

enum {
	H2_RIG_STREAMS = 256,
	H2_RIG_TEXT = 4096,
	H2_RIG_AT_ONCE = 100, // streams
};

// A field of a request, its name and value literals.
#define H2_RIG_FIELD(name, value)                                                                  \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                    \
	}

extern const struct h2_limits h2_rig_limits;

// A stream as both ends see it.
struct h2_rig_stream {
	int32_t id;
	char asked[H2_RIG_TEXT]; // what our side read, cut
	uint64_t read;           // bytes of it
	uint32_t reads;          // at most so many bytes more of it are read
	bool ended;
	struct h2_stream *stream; // NULL: over
	char fields[H2_RIG_TEXT]; // "name: value\n" of the answer's heads
	char body[H2_RIG_TEXT];
	uint64_t got;
	bool is_closed;
	uint32_t code;
};

struct h2_rig {
	struct h2_engine *engine;
	struct h2_connection *connection;
	nghttp2_session *client;
	struct h2_rig_stream streams[H2_RIG_STREAMS];
	uint32_t count;
	usec_t now;
	uint32_t piece;  // bytes of a buffer that comes, 0: as many as fit
	uint32_t room;   // that the connection takes of our bytes
	uint64_t sent;   // bytes of ours
	bool gone;       // our side has said all
	bool has_goaway; // the client got one
	uint32_t goaway; // its code
	bool answers;    // each request gets a short answer at once
};

// is_raw: no library on the client's side.
void h2_rig_begin(struct h2_rig *rig, bool is_raw);
void h2_rig_end(struct h2_rig *rig);
// Until nothing moves any more.
void h2_rig_run(struct h2_rig *rig);
// Bytes of a client without a library.
void h2_rig_bytes(struct h2_rig *rig, const void *bytes, size_t length);
// The library's client asks; body: bytes of a body that follow, NULL for none. The stream's number
// in the rig, which is that of the requests before it.
uint32_t h2_rig_ask(struct h2_rig *rig, const nghttp2_nv *fields, size_t count, const char *body);
uint32_t h2_rig_get(struct h2_rig *rig, const char *path);
// Our side answers.
void h2_rig_answer(struct h2_rig *rig, uint32_t stream, const char *text, bool is_last);
void h2_rig_body(struct h2_rig *rig, uint32_t stream, uint32_t bytes);
