// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The server's side of HTTP/2 (RFC 9113) on nghttp2: what a client's connection carries becomes
// streams, each of which looks like a connection of HTTP/1.1 with one request (http/ reads it),
// and what is answered there becomes frames. Sans-IO: the connection's bytes go in and out as
// chains, time is given. Worker thread, but for _create and _destroy.
//
// Whatever happens to a stream, by the client's frames or by room for what is sent, puts it into
// its connection's list of woken streams: h2_woken_take gives them one by one, outside of any call
// into the library. One that is over (h2_stream.is_over) is forgotten then.

#include <sys/queue.h>

#include "core/pool.h"
#include "core/rate.h"
#include "http2/memory.h"
#include "http2/stats.h"
#include "tls/queue.h"

struct nghttp2_option;
struct nghttp2_rcbuf;
struct nghttp2_session;
struct nghttp2_session_callbacks;

enum {
	H2_NONE = UINT32_MAX,
	H2_STREAMS_MAX = 1000, // of a connection at once, whatever is configured
	H2_TRAILER_MAX =
		8192,    // bytes of an answer's trailer fields, and half as many of a request's
	H2_PREFACE = 24, // bytes of the client's connection preface (RFC 9113 3.4)
};
extern const uint8_t h2_preface[H2_PREFACE];

enum h2_pseudo {
	H2_METHOD = 0,
	H2_PATH,
	H2_AUTHORITY,
	H2_PSEUDOS,
};

// What a client may do. A connection keeps those with which it began.
struct h2_limits {
	uint32_t head_bytes;  // of a request at most
	uint32_t streams;     // at once
	uint32_t idle_frames; // a second that carry nothing, and twice as many at once
	uint32_t resets;      // of streams a second, and four times as many at once
};

// A request's head while its fields come: one at a time on a connection.
struct h2_head {
	struct nghttp2_rcbuf *pseudo[H2_PSEUDOS];
	struct tls_queue text;    // HTTP/1.1's, so far
	struct tls_queue cookies; // the pieces of the field, joined (8.2.3)
	usec_t began;             // 0: none comes
	int32_t id;               // its stream's
	uint32_t bytes;           // of fields, as the client sent them
	bool is_begun;            // the request line is written
	bool has_length;
	bool is_dropped; // too long, or without room
};

struct h2_stream {
	uint32_t index; // the pool's while it is free
	uint32_t owner; // the user's name for it; H2_NONE: none yet, or not any more
	int32_t id;
	bool is_woken;
	bool is_over;    // reset, or done
	bool is_new;     // nobody has taken it up, and somebody may
	bool lacks;      // a buffer, for its request to be read on
	bool is_chunked; // its request's body comes without a length
	bool has_ended;  // the request is whole
	bool is_closed;  // and all of it was taken
	bool is_answered;
	bool is_shut;    // the answer is whole
	bool is_reset;   // by us
	bool is_waiting; // in waiting, for the client to let something out
	uint32_t queued; // what out counts: its bytes, or more where they lie in small buffers
	usec_t since;    // it waits, or a part of its answer left
	struct h2_connection *connection;
	struct tls_queue head;       // of the request
	struct tls_queue in;         // its body
	struct tls_queue in_trailer; // fields behind that, and an empty line
	struct tls_queue out;        // the answer's body
	struct tls_queue out_trailer;
	TAILQ_ENTRY(h2_stream) of_connection;
	TAILQ_ENTRY(h2_stream) woken;
	TAILQ_ENTRY(h2_stream) waiting;
};

struct h2_connection {
	uint32_t index; // the pool's while it is free
	uint32_t streams;
	struct nghttp2_session *session;
	struct h2_engine *engine;
	struct h2_account account;
	struct h2_head head;
	struct rate resets;
	struct rate frames;
	struct tls_queue out;  // frames that are ready
	uint32_t out_most;     // bytes of them that are wanted
	const uint8_t *unsent; // the library's, until it is asked again: found no buffer
	size_t unsent_bytes;
	uint32_t queued;    // of streams, the sum
	uint8_t ending;     // enum h2_ending; not _NONE: nothing more is read
	bool client_leaves; // it said GOAWAY
	bool goes_away;     // new streams are not taken
	bool is_starved;    // of buffers: sending goes on later
	bool lacks;         // streams do, for what they read
	bool is_last_said;  // what an ending says is on its way
	struct h2_limits limits;
	usec_t now;
	usec_t moved;   // a stream began or ended, or a part of an answer left
	usec_t let_out; // the latter, or a stream began to wait where none did
	TAILQ_HEAD(, h2_stream) all;
	TAILQ_HEAD(, h2_stream) woken;
	// Those with bytes of an answer, or whose end the client has not got: by since.
	TAILQ_HEAD(, h2_stream) waiting;
};

struct h2_engine {
	struct pool connections;
	struct pool streams;
	struct h2_memory memory;
	struct nghttp2_session_callbacks *callbacks;
	struct nghttp2_option *option;
	struct buffer_source *buffers;
	struct h2_stats stats;
	uint8_t trailer[H2_TRAILER_MAX]; // of one call
};

// Room for so many connections and streams. -ENOMEM with nothing kept on failure. Control thread.
[[nodiscard]] int h2_engine_create(uint32_t connections, uint32_t streams,
	struct buffer_source *buffers, struct h2_engine **out);
void h2_engine_destroy(struct h2_engine *engine); // NULL is allowed

// A client that begins with the preface, which h2_input gets too. NULL: there is no room.
struct h2_connection *h2_connection_begin(
	struct h2_engine *engine, const struct h2_limits *limits, usec_t now);
// Frees all of it; its streams are to have no owner any more.
void h2_connection_end(struct h2_connection *c);

// What the client sent; takes the chain.
void h2_input(struct h2_connection *c, struct buffer *chain, usec_t now);
// Frames to be sent, about max bytes; NULL: none now, or (is_starved) no buffer.
struct buffer *h2_output(struct h2_connection *c, uint32_t max, usec_t now);
// Streams that lacked a buffer try again. In a later turn than they did.
void h2_connection_retry(struct h2_connection *c);
// The next stream that something happened to, NULL: none.
struct h2_stream *h2_woken_take(struct h2_connection *c);

// No more streams are taken; those that are there go on (GOAWAY, 6.8).
void h2_connection_go_away(struct h2_connection *c);
// It ends with a GOAWAY that says why, in what h2_output gives next.
void h2_connection_finish(struct h2_connection *c, enum h2_ending ending);
// When h2_connection_timer is to be called; UINT64_MAX: not at all. The listener's bounds.
usec_t h2_connection_due(const struct h2_connection *c, usec_t head_timeout,
	usec_t keepalive_timeout, usec_t stall_timeout);
// Finishes it if its time is up. A stream of which nothing was let out while others went on is
// reset.
void h2_connection_timer(struct h2_connection *c, usec_t head_timeout, usec_t keepalive_timeout,
	usec_t stall_timeout, usec_t now);

// A stream as one connection of HTTP/1.1. The request, about max bytes of it; the client may send
// as much of its body again. NULL: nothing now.
struct buffer *h2_stream_receive(struct h2_stream *s, uint32_t max);
// All of it was received; or the answer is whole, and no one waits for the rest.
bool h2_stream_has_ended(const struct h2_stream *s);
// Bytes of an answer's body that may be queued.
uint32_t h2_stream_room(const struct h2_stream *s);
// An answer's head, interim or final, and what of its body is there: text of HTTP/1.1, which is
// changed. is_last: nothing follows it. False: it cannot be said; the stream is to be let go.
[[nodiscard]] bool h2_stream_head(
	struct h2_stream *s, uint8_t *text, uint32_t length, bool is_last, usec_t now);
// Its body, without chunks; takes the chain.
void h2_stream_send(struct h2_stream *s, struct buffer *chain, usec_t now);
// What follows it, before it is shut: trailer fields of HTTP/1.1 and an empty line. False: it
// cannot be said.
[[nodiscard]] bool h2_stream_trailer(struct h2_stream *s, const uint8_t *text, uint32_t length);
void h2_stream_shut(struct h2_stream *s);
// Its owner is gone: an answer that is not whole is cut short by a reset.
void h2_stream_let_go(struct h2_stream *s);
// Not taken up, for want of room: the client may try again (8.7).
void h2_stream_refuse(struct h2_stream *s);
