// SPDX-License-Identifier: BSD-3-Clause
// The target's way: interim responses and the final one, its body behind it.
#include "http/conversation_impl.h"

enum {
	INTERIMS_MAX = 32,
};

static const struct nx_http_slice nothing;

bool http_is_repeatable(const struct http_conversation *c)
{
	const struct nx_http_head *head = &c->head[HTTP_CLIENT];
	bool idempotent = head->method == NX_HTTP_GET || head->method == NX_HTTP_HEAD ||
			  head->method == NX_HTTP_OPTIONS || head->method == NX_HTTP_PUT ||
			  head->method == NX_HTTP_DELETE;

	return idempotent && head->framing == NX_HTTP_NO_BODY;
}

// Whether the request may be sent once more: the connection was an old one, which the target closed
// before it said anything, and the request does no more when it comes twice (RFC 9112 9.3.1).
bool http_can_retry(const struct http_conversation *c)
{
	return c->reused && http_is_repeatable(c) && c->interims == 0 &&
	       c->have[HTTP_TARGET] == 0 && c->response == HTTP_RESPONSE_HEAD;
}

void http_response_lost(struct http_run *run, enum http_reason reason)
{
	struct http_conversation *c = run->c;
	bool retry = http_can_retry(c);

	http_target_drop(run, true);
	if (c->request == HTTP_REQUEST_ROUTED) {
		// The request as it stands: nothing of its body has been taken.
		c->request = c->body[HTTP_CLIENT].is_over ? HTTP_REQUEST_DONE : HTTP_REQUEST_BODY;
		http_answer(run, reason, http_reason_status(reason), nothing);
	} else if (retry) {
		counter_add(&run->g->stats.retried, 1);
		c->reused = false;
		c->response = HTTP_RESPONSE_NONE;
		http_request_connect(run);
	} else if (c->response == HTTP_RESPONSE_HEAD) {
		http_answer(run, reason, http_reason_status(reason), nothing);
	} else if (c->response == HTTP_RESPONSE_BODY) {
		http_break(run, reason);
	}
}

static void head_bad(struct http_run *run)
{
	http_target_drop(run, true);
	http_answer(run, HTTP_REASON_TARGET_INVALID, 502, nothing);
}

// A client of HTTP/1.0, or of frames: what comes in chunks goes to it as their content.
static bool knows_no_chunks(const struct http_conversation *c)
{
	return c->is_framed || c->head[HTTP_CLIENT].minor == 0;
}

static bool head_send(struct http_run *run, enum http_persistence persistence, bool is_last)
{
	struct http_conversation *c = run->c;
	struct http_text text = http_scratch(run->g);
	struct http_response_change change = {
		.persistence = persistence,
		.is_bare = knows_no_chunks(c),
		.trailer = c->body[HTTP_TARGET].keeps_trailer,
	};

	http_response_rewrite(
		&text, &c->head[HTTP_TARGET], http_slab_of(run, HTTP_TARGET)->bytes, &change);
	if (http_text_send(run, HTTP_CLIENT, &text, is_last))
		return true;
	// Of this answer the client has heard nothing: a short one may find a buffer.
	http_target_drop(run, true);
	http_answer(run, HTTP_REASON_NO_BUFFER, 503, nothing);
	return false;
}

// A 1xx but 101: passes to who understands it, and the final one follows.
static void interim(struct http_run *run)
{
	struct http_conversation *c = run->c;

	if (++c->interims > INTERIMS_MAX) {
		head_bad(run);
		return;
	}
	if (c->head[HTTP_CLIENT].minor > 0 && !head_send(run, HTTP_PERSISTS, false))
		return;
	http_slab_give(run, HTTP_TARGET);
}

// The connection is a WebSocket from here: whoever owns it takes what both sides sent already.
static void switched(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;

	c->status = 101;
	if (!head_send(run, HTTP_SWITCHES, false))
		return;
	counter_add(&run->g->stats.upgrades, 1);
	http_exchange_log(run);
	for (unsigned int leg = 0; leg < 2; leg++)
		if (c->input[leg].bytes > 0)
			config->io->send(config->context, run->session, !leg,
				tls_queue_chain(&c->input[leg]));
	run->outcome = HTTP_SWITCHED;
}

static void final(struct http_run *run)
{
	struct http_conversation *c = run->c;
	const struct nx_http_head *head = &c->head[HTTP_TARGET];
	const uint8_t *bytes = http_slab_of(run, HTTP_TARGET)->bytes;
	bool delimited = head->framing != NX_HTTP_UNTIL_CLOSE;

	// A request of HTTP/1.0 goes out as one that asks for no other: whatever the answer says of
	// itself, its connection may end at any moment.
	c->target_persists = (head->flags & NX_HTTP_PERSISTENT) != 0 && delimited &&
			     c->head[HTTP_CLIENT].minor > 0;
	// What is bare ends with the connection.
	c->client_persists = c->client_persists && delimited &&
			     !(head->framing == NX_HTTP_CHUNKED && knows_no_chunks(c));
	c->is_bound = c->is_bound || http_binds(head, bytes);
	c->status = head->status;
	http_body_begin(&c->body[HTTP_TARGET], (enum nx_http_framing)head->framing,
		head->body_length, knows_no_chunks(c),
		c->takes_trailers && http_trailer_passes(head, bytes));
	if (!head_send(run, http_persistence_of(c), c->body[HTTP_TARGET].is_over))
		return;
	c->answered = true;
	c->response = HTTP_RESPONSE_BODY;
	http_slab_give(run, HTTP_TARGET);
	http_slab_give(run, HTTP_CLIENT);
	if (c->body[HTTP_TARGET].is_over)
		http_exchange_end(run);
}

static void head_whole(struct http_run *run)
{
	struct http_conversation *c = run->c;
	const struct nx_http_head *head = &c->head[HTTP_TARGET];

	c->since = run->now;
	if (!http_options_are_few(head, http_slab_of(run, HTTP_TARGET)->bytes))
		head_bad(run);
	else if (head->status == 101 && c->websocket)
		switched(run);
	else if (head->status == 101 || head->framing == NX_HTTP_OPAQUE)
		head_bad(run);
	else if (head->status < 200)
		interim(run);
	else
		final(run);
}

static bool head_step(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	enum nx_http_verdict verdict;

	if (config->io->room(config->context, run->session, HTTP_CLIENT) == 0)
		return false;
	if (!http_fetch(run, HTTP_TARGET)) {
		if (!http_has_ended(run, HTTP_TARGET))
			return false;
		http_response_lost(run, HTTP_REASON_TARGET_CLOSED);
		return true;
	}
	if (c->slab[HTTP_TARGET] == POOL_NONE) {
		if (!http_slab_take(run, HTTP_TARGET, NX_HTTP_RESPONSE)) {
			http_response_lost(run, HTTP_REASON_NO_ROOM);
			return true;
		}
		nx_http_head_reset(
			&c->head[HTTP_TARGET], (enum nx_http_method)c->head[HTTP_CLIENT].method);
	}
	verdict = http_head_take(run, HTTP_TARGET);
	if (verdict == NX_HTTP_OK)
		head_whole(run);
	else if (verdict != NX_HTTP_MORE)
		head_bad(run);
	else if (http_has_ended(run, HTTP_TARGET))
		http_response_lost(run, HTTP_REASON_TARGET_CLOSED);
	else
		return false;
	return true;
}

static bool body_step(struct http_run *run)
{
	struct http_conversation *c = run->c;
	bool moved = http_body_pass(run, HTTP_TARGET);

	if (run->outcome != HTTP_GOES_ON)
		return false;
	if (c->body[HTTP_TARGET].is_over) {
		http_exchange_end(run);
		return true;
	}
	if (moved || !http_has_ended(run, HTTP_TARGET))
		return moved;
	// The end ends this body, or cuts it.
	if (c->body[HTTP_TARGET].framing == NX_HTTP_UNTIL_CLOSE)
		http_exchange_end(run);
	else
		http_break(run, HTTP_REASON_TARGET_CLOSED);
	return true;
}

// Between requests a target has nothing to say but its end.
static void idle_step(struct http_run *run)
{
	if (run->c->target != HTTP_TARGET_READY)
		return;
	if (http_fetch(run, HTTP_TARGET))
		http_target_drop(run, true);
	else if (http_has_ended(run, HTTP_TARGET))
		http_target_drop(run, false);
}

bool http_response_step(struct http_run *run)
{
	switch ((enum http_response_phase)run->c->response) {
	case HTTP_RESPONSE_HEAD:
		return head_step(run);
	case HTTP_RESPONSE_BODY:
		return body_step(run);
	default:
		idle_step(run);
		return false;
	}
}
