// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Why a connection of HTTP/2 ended: enumerator, the name in nexpath_http2_ends_total{reason}, the
// error code of its GOAWAY (RFC 9113 7).

#define H2_ENDINGS(X)                                                                              \
	X(NONE, "none", NGHTTP2_NO_ERROR)                                                          \
	X(CLIENT, "client", NGHTTP2_NO_ERROR)   /* it left */                                      \
	X(IDLE, "idle", NGHTTP2_NO_ERROR)       /* no request for keepalive_timeout_s */           \
	X(CLOSING, "closing", NGHTTP2_NO_ERROR) /* the listener does, or the node */               \
	X(PROTOCOL, "protocol", NGHTTP2_PROTOCOL_ERROR)                                            \
	X(RESETS, "resets", NGHTTP2_ENHANCE_YOUR_CALM)   /* streams begun to be reset */           \
	X(FRAMES, "frames", NGHTTP2_ENHANCE_YOUR_CALM)   /* that carry nothing of a request */     \
	X(HEADERS, "headers", NGHTTP2_ENHANCE_YOUR_CALM) /* a head without end */                  \
	X(HEAD_TIMEOUT, "head_timeout", NGHTTP2_ENHANCE_YOUR_CALM)                                 \
	X(STALLED, "stalled", NGHTTP2_ENHANCE_YOUR_CALM) /* answers are not let out */             \
	X(MEMORY, "memory", NGHTTP2_ENHANCE_YOUR_CALM)

enum h2_ending {
#define X(id, name, code) H2_ENDING_##id,
	H2_ENDINGS(X)
#undef X
	H2_ENDING_COUNT,
};

// Static strings; any value. Any thread.
const char *h2_ending_name(enum h2_ending ending);
// As on the wire.
unsigned int h2_ending_code(enum h2_ending ending);
