// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a client says to an HTTP listener, request after request, and what targets answer. Each
// request's head is read whole, judged and routed; its body passes as the buffers it came in, and
// so does the response's. Sans-IO: bytes come and go by struct http_io, time by `now`. Worker
// thread only, but for _create and _destroy.
//
// After anything happened to a leg the owner calls http_conversation_run, which does all that can
// be done now and says how the conversation stands.

#include "core/crowd.h"
#include "core/limits.h"
#include "core/memory.h"
#include "core/pool.h"
#include "flow/key.h"
#include "http/body.h"
#include "http/reason.h"
#include "http/record.h"
#include "http/routes.h"
#include "http/stats.h"

enum {
	HTTP_CLIENT = 0,
	HTTP_TARGET,
	HTTP_HEAD_MAX = 16384, // bytes of a head at most, whatever is configured
	HTTP_FIELDS_MAX = 128, // field lines likewise
};

// Room for one head while it is read.
struct http_slab {
	uint32_t next; // the pool's while it is free
	struct nx_http_field fields[HTTP_FIELDS_MAX];
	uint8_t bytes[HTTP_HEAD_MAX];
};

// The connections of a conversation, which `session` names to their owner.
struct http_io {
	// At least one buffer of what the leg's peer sent, about max bytes; NULL: nothing now.
	struct buffer *(*receive)(void *context, uint32_t session, unsigned int leg, uint32_t max);
	// The peer has sent all, and all was received.
	bool (*has_ended)(void *context, uint32_t session, unsigned int leg);
	uint32_t (*room)(void *context, uint32_t session, unsigned int leg);
	// Takes the chain.
	void (*send)(void *context, uint32_t session, unsigned int leg, struct buffer *chain);
	// A head to a client that is spoken to in frames (http_conversation_frame), in place of
	// send: a text of its own, which may be changed; of our own answers the body is behind it.
	// is_last: nothing follows. False: it cannot be said.
	bool (*head)(void *context, uint32_t session, uint8_t *text, uint32_t length, bool is_last);
	// What follows the body of such a client's answer: trailer fields and an empty line, a text
	// of its own, which may be changed. False: it cannot be said.
	bool (*trailer)(void *context, uint32_t session, uint8_t *text, uint32_t length);
	// Nothing follows to the client.
	void (*shut)(void *context, uint32_t session);
	// Whether the target's connection may have another request of its upstream: the target
	// takes new work, and the upstream is as it was when it was connected to.
	bool (*is_current)(void *context, uint32_t session);
	// Begins to connect to a target of the upstream: http_conversation_connected or _failed
	// follow. Anything but HTTP_REASON_NONE: it could not begin.
	enum http_reason (*connect)(void *context, uint32_t session, uint16_t upstream);
	// The target's connection is whole and idle: for whoever comes next to its upstream, if
	// the owner likes. True: it is the owner's.
	bool (*park)(void *context, uint32_t session);
	// An idle connection to a target of the upstream becomes the session's, if there is one;
	// is_fresh: one that has not been idle for long.
	bool (*unpark)(void *context, uint32_t session, uint16_t upstream, bool is_fresh);
	// The target's connection is not wanted any more; none is allowed.
	void (*disconnect)(void *context, uint32_t session, bool reset);
	// Another's head needs the room of this one's, which is not whole: the session is to end
	// now, by http_conversation_end.
	void (*evict)(void *context, uint32_t session);
	// An exchange is over.
	void (*log)(void *context, uint32_t session, struct http_record *record);
};

enum http_target_state {
	HTTP_TARGET_NONE = 0,
	HTTP_TARGET_CONNECTING,
	HTTP_TARGET_READY,
};

enum http_request_phase {
	HTTP_REQUEST_HEAD = 0, // is awaited or comes
	HTTP_REQUEST_ROUTED,   // waits for its target
	HTTP_REQUEST_BODY,
	HTTP_REQUEST_DONE,
	HTTP_REQUEST_REFUSED, // all is answered: what still comes is thrown away
};

enum http_response_phase {
	HTTP_RESPONSE_NONE = 0,
	HTTP_RESPONSE_HEAD,
	HTTP_RESPONSE_BODY,
};

struct http_conversation {
	uint8_t request;  // enum http_request_phase
	uint8_t response; // enum http_response_phase
	uint8_t target;   // enum http_target_state
	uint8_t interims;
	bool is_live;
	bool is_secure;
	bool is_framed;       // the client's side of it is a stream of HTTP/2
	bool client_persists; // another request may follow
	bool target_persists; // the target's connection can have another
	bool is_bound;        // the target's connection knows its client: nobody else gets it
	bool reused;          // the target's connection had a request before
	bool websocket;       // is asked for
	bool asks_trailers;   // the client says that it takes them
	bool takes_trailers;  // or its frames do
	bool answered;        // the response's head has gone to the client
	bool is_logged;
	bool is_broken;
	bool is_paused;      // has more to do than one run does, or found no buffer
	uint16_t group;      // of the listener, for the bound of sources
	uint16_t head_bytes; // of a framed client's request at most
	uint8_t reason;      // enum http_reason
	uint16_t status;
	uint16_t upstream; // of the target's connection, and the request's
	uint64_t terms;    // the owner's: by what that connection was made
	uint32_t strip;
	uint32_t slab[2];            // POOL_NONE: none
	uint32_t have[2];            // bytes in it
	usec_t since;                // the request's phase began, or something moved
	usec_t began;                // the request's first byte, 0: none yet
	usec_t due;                  // when http_conversation_timer is to be called
	struct crowd_member reading; // its head is not whole
	struct tls_queue input[2];
	struct nx_http_head head[2];
	struct http_body body[2];
	uint64_t bytes[2];         // of this exchange's bodies
	struct flow_key announced; // whom the connection is for: source is the client
	struct http_record record;
};

struct http_gateway_config {
	uint32_t conversations; // capacity, by session
	uint32_t slabs;
	uint64_t key[2]; // nobody outside knows: strangers must not choose their places in tables
	struct buffer_source *buffers;
	const struct http_io *io;
	void *context; // of io
};

struct http_gateway {
	struct http_gateway_config config;
	struct memory conversations_memory;
	struct http_conversation *conversations;
	struct pool slabs;
	struct crowd *reading; // conversations whose head is not whole
	struct http_sources *sources;
	struct http_stats stats;
	uint8_t scratch[2 * HTTP_HEAD_MAX];
};

enum http_outcome {
	HTTP_GOES_ON,
	HTTP_CLOSED,   // over: let both go
	HTTP_BROKEN,   // over: reset both, so that nobody takes what came for the whole
	HTTP_SWITCHED, // both legs are raw streams from here
};

// -ENOMEM with nothing kept on failure. Control thread.
[[nodiscard]] int http_gateway_create(
	const struct http_gateway_config *config, struct http_gateway **out);
void http_gateway_destroy(struct http_gateway *gateway); // NULL is allowed

// A client's connection is there. group: its listener, for the bounds of sources. first: what was
// received of it already, taken; NULL: nothing.
void http_conversation_begin(struct http_gateway *g, uint32_t session,
	const struct flow_key *announced, uint16_t group, bool is_secure, struct buffer *first,
	usec_t now);
// The conversation that has begun is one exchange of a client that is spoken to in frames: heads go
// by http_io.head, and bodies without chunks. head_bytes: of its request's head at most, whatever
// the listener says meanwhile; what is longer was cut by whoever read the frames.
void http_conversation_frame(struct http_gateway *g, uint32_t session, uint32_t head_bytes);
// The session goes. Harmless when it has no conversation.
void http_conversation_end(struct http_gateway *g, uint32_t session, usec_t now);

// The target answered; or it did not, or failed later: what is left of its connection is let go.
void http_conversation_connected(struct http_gateway *g, uint32_t session, usec_t now);
void http_conversation_failed(
	struct http_gateway *g, uint32_t session, enum http_reason reason, usec_t now);

// All that can be done now. http: of the listener, NULL when it is gone. is_last: it closes, a
// request that is under way or comes is the last, and who has none goes. idle: how long nothing may
// move in a body, UINT64_MAX for ever.
enum http_outcome http_conversation_run(struct http_gateway *g, uint32_t session,
	const struct snapshot_http *http, bool is_last, usec_t idle, usec_t now);
// Between requests, of which none has begun to come.
bool http_conversation_is_idle(const struct http_gateway *g, uint32_t session);
// When http_conversation_timer is to be called next; UINT64_MAX: not at all.
usec_t http_conversation_due(const struct http_gateway *g, uint32_t session);
// Time may be up; http_conversation_run follows.
enum http_outcome http_conversation_timer(struct http_gateway *g, uint32_t session, usec_t now);
