// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A conversation from inside. Private to http/.

#include "http/conversation.h"
#include "http/rewrite.h"

// One call of http_conversation_run, or of what leads to it.
struct http_run {
	struct http_gateway *g;
	struct http_conversation *c;
	uint32_t session;
	const struct snapshot_http *http; // NULL: the listener is gone
	bool is_last;                     // or closes
	bool is_starved;                  // a body is, of a buffer
	usec_t now;
	enum http_outcome outcome;
};

static inline struct http_slab *http_slab_of(const struct http_run *run, unsigned int leg)
{
	return pool_at(&run->g->slabs, run->c->slab[leg]);
}

static inline struct http_text http_scratch(struct http_gateway *g)
{
	return (struct http_text){
		.start = g->scratch, .at = g->scratch, .end = g->scratch + sizeof(g->scratch)};
}

// conversation.c
// Whether bytes of the leg's peer are at hand, received now if need be.
bool http_fetch(struct http_run *run, unsigned int leg);
bool http_fetch_more(struct http_run *run, unsigned int leg);
bool http_has_ended(const struct http_run *run, unsigned int leg);
// Reads on in the head that comes from a leg. NX_HTTP_MORE: all at hand is read.
enum nx_http_verdict http_head_take(struct http_run *run, unsigned int leg);
// A slab for the head from a leg. False: none is free.
bool http_slab_take(struct http_run *run, unsigned int leg, enum nx_http_kind kind);
void http_slab_give(struct http_run *run, unsigned int leg);
// Sends a head that was written. is_last: nothing follows it, to a client. False, and nothing was
// sent: it did not fit, or no buffer was left.
bool http_text_send(
	struct http_run *run, unsigned int leg, const struct http_text *text, bool is_last);
// Passes the body from a leg on. False: nothing moved.
bool http_body_pass(struct http_run *run, unsigned int from);
// Answers in place of a target, and ends the exchange; location: of a redirection.
void http_answer(struct http_run *run, enum http_reason reason, unsigned int status,
	struct nx_http_slice location);
// Both ways of the exchange are over: what becomes of the connections.
void http_exchange_end(struct http_run *run);
void http_exchange_log(struct http_run *run);
// The conversation cannot go on, and the client is to see it.
void http_break(struct http_run *run, enum http_reason reason);
void http_target_drop(struct http_run *run, bool reset);
enum http_persistence http_persistence_of(const struct http_conversation *c);

// request.c
// What was said of the exchange before is forgotten.
void http_exchange_begin(struct http_run *run);
// A step of each way. False: there was nothing to do.
bool http_request_step(struct http_run *run);
// The target is there: the request's head leaves.
void http_request_send(struct http_run *run);
// On to a target of the request's upstream.
void http_request_connect(struct http_run *run);

// response.c
bool http_response_step(struct http_run *run);
// Whether the request under way may be sent to another connection.
bool http_can_retry(const struct http_conversation *c);
// Whether it does no more when it comes twice, and its body is none (RFC 9110 9.2.2).
bool http_is_repeatable(const struct http_conversation *c);
// The target's connection is gone before its response was whole.
void http_response_lost(struct http_run *run, enum http_reason reason);
