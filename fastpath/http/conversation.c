// SPDX-License-Identifier: BSD-3-Clause
// A conversation's life, and what both of its ways share.
#include "http/conversation.h"

#include <stdlib.h>

#include "core/chain.h"
#include "http/conversation_impl.h"
#include "http/sources.h"

enum {
	RECEIVE_BYTES = 64 << 10, // at once, while there is room
	HEAD_PIECE = 1024,        // a head is copied in pieces, what follows it is not
	SEND_PIECE = 1024,        // of a head, at least, in one buffer
	STEPS_A_RUN = 512,
};

// How long a client may take to go once all is said.
#define LINGER (5 * USEC_PER_SECOND)
// A client that asks faster than its share of a turn goes on after it, as does a body that found no
// buffer to be divided with.
#define PAUSE UINT64_C(1000)
// Where the listener, which says them, is gone.
#define TIMEOUT_FALLBACK (10 * USEC_PER_SECOND)

static_assert((int)HTTP_TRAILER_SCRATCH <= 2 * (int)HTTP_HEAD_MAX, "one memory serves both");

int http_gateway_create(const struct http_gateway_config *config, struct http_gateway **out)
{
	struct http_gateway *g = calloc(1, sizeof(*g));
	int error;

	if (!g)
		return -ENOMEM;
	g->config = *config;
	error = memory_map((size_t)config->conversations * sizeof(struct http_conversation), false,
		&g->conversations_memory);
	if (error)
		goto no_conversations;
	error = pool_init(&g->slabs, config->slabs, sizeof(struct http_slab), false);
	if (error)
		goto no_slabs;
	error = crowd_create(config->slabs, &g->reading);
	if (error)
		goto no_crowd;
	error = http_sources_create(config->key, &g->sources);
	if (error)
		goto no_sources;
	g->conversations = g->conversations_memory.base;
	*out = g;
	return 0;

no_sources:
	crowd_destroy(g->reading);
no_crowd:
	pool_fini(&g->slabs);
no_slabs:
	memory_unmap(&g->conversations_memory);
no_conversations:
	free(g);
	return error;
}

void http_gateway_destroy(struct http_gateway *gateway)
{
	if (!gateway)
		return;
	nx_bug_on(pool_fini(&gateway->slabs) != 0);
	memory_unmap(&gateway->conversations_memory);
	http_sources_destroy(gateway->sources);
	crowd_destroy(gateway->reading);
	free(gateway);
}

void http_conversation_begin(struct http_gateway *g, uint32_t session,
	const struct flow_key *announced, uint16_t group, bool is_secure, struct buffer *first,
	usec_t now)
{
	struct http_conversation *c = &g->conversations[session];

	memset(c, 0, sizeof(*c));
	c->is_live = true;
	c->is_secure = is_secure;
	c->slab[HTTP_CLIENT] = c->slab[HTTP_TARGET] = POOL_NONE;
	c->upstream = SLOT_NONE;
	c->announced = *announced;
	c->group = group;
	c->since = now;
	c->due = UINT64_MAX;
	// The first request is awaited as if its first byte were there: a client that connects has
	// something to say.
	c->began = now;
	tls_queue_append(&c->input[HTTP_CLIENT], first);
}

void http_conversation_frame(struct http_gateway *g, uint32_t session, uint32_t head_bytes)
{
	g->conversations[session].is_framed = true;
	g->conversations[session].head_bytes = (uint16_t)head_bytes;
}

void http_conversation_end(struct http_gateway *g, uint32_t session, usec_t now)
{
	struct http_conversation *c = &g->conversations[session];
	struct http_run run = {.g = g, .c = c, .session = session, .now = now};

	if (!c->is_live)
		return;
	if (c->response != HTTP_RESPONSE_NONE || c->request == HTTP_REQUEST_ROUTED) {
		if (c->reason == HTTP_REASON_NONE)
			c->reason = HTTP_REASON_CLIENT_CLOSED;
		http_exchange_log(&run);
	}
	for (unsigned int leg = 0; leg < 2; leg++) {
		http_slab_give(&run, leg);
		tls_queue_clear(&c->input[leg], g->config.buffers);
	}
	c->is_live = false;
}

bool http_fetch_more(struct http_run *run, unsigned int leg)
{
	const struct http_gateway_config *config = &run->g->config;
	struct buffer *chain =
		config->io->receive(config->context, run->session, leg, RECEIVE_BYTES);

	if (!chain)
		return false;
	tls_queue_append(&run->c->input[leg], chain);
	return true;
}

bool http_fetch(struct http_run *run, unsigned int leg)
{
	while (run->c->input[leg].bytes == 0) {
		tls_queue_clear(&run->c->input[leg], run->g->config.buffers);
		if (!http_fetch_more(run, leg))
			return false;
	}
	return true;
}

bool http_has_ended(const struct http_run *run, unsigned int leg)
{
	const struct http_gateway_config *config = &run->g->config;

	// What is held of a trailer section waits for more, which does not come.
	const struct http_body *body = &run->c->body[leg];
	bool is_read = run->c->input[leg].bytes == 0 ||
		       (body->in_trailer && !body->is_over && !body->is_starved);

	return is_read && config->io->has_ended(config->context, run->session, leg);
}

// One head ends for another: the oldest of the source that has most of them.
static void make_room(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct crowd_member *m = crowd_oldest_of_most(run->g->reading);
	const struct http_conversation *c;

	if (!m)
		return;
	c = (const void *)((const uint8_t *)m - offsetof(struct http_conversation, reading));
	config->io->evict(config->context, (uint32_t)(c - run->g->conversations));
}

bool http_slab_take(struct http_run *run, unsigned int leg, enum nx_http_kind kind)
{
	struct http_conversation *c = run->c;
	struct nx_http_limits limits = {.head_bytes = HTTP_HEAD_MAX};
	uint16_t fields = HTTP_FIELDS_MAX;

	if (c->slab[leg] != POOL_NONE)
		return true;
	c->slab[leg] = pool_get(&run->g->slabs);
	if (c->slab[leg] == POOL_NONE) {
		make_room(run);
		c->slab[leg] = pool_get(&run->g->slabs);
	}
	if (c->slab[leg] == POOL_NONE)
		return false;
	if (leg == HTTP_CLIENT)
		crowd_join(run->g->reading, &c->reading, &c->announced.source);
	c->have[leg] = 0;
	if (kind == NX_HTTP_REQUEST && run->http) {
		limits.head_bytes = c->is_framed ? c->head_bytes : run->http->head_bytes;
		fields = (uint16_t)run->http->head_fields;
	}
	nx_http_head_init(&c->head[leg], kind, &limits, http_slab_of(run, leg)->fields, fields);
	return true;
}

void http_slab_give(struct http_run *run, unsigned int leg)
{
	if (leg == HTTP_CLIENT)
		crowd_leave(run->g->reading, &run->c->reading);
	if (run->c->slab[leg] != POOL_NONE)
		pool_put(&run->g->slabs, run->c->slab[leg]);
	run->c->slab[leg] = POOL_NONE;
	run->c->have[leg] = 0;
}

enum nx_http_verdict http_head_take(struct http_run *run, unsigned int leg)
{
	struct http_conversation *c = run->c;
	struct tls_queue *in = &c->input[leg];
	uint8_t *bytes = http_slab_of(run, leg)->bytes;

	while (http_fetch(run, leg)) {
		uint32_t n = u32_min(u32_min(in->bytes, HEAD_PIECE), HTTP_HEAD_MAX - c->have[leg]);
		enum nx_http_verdict verdict;
		uint32_t surplus = 0;

		if (n == 0)
			return NX_HTTP_HEAD_TOO_LARGE;
		chain_copy(in->head, 0, n, bytes + c->have[leg]);
		c->have[leg] += n;
		verdict = nx_http_head_read(&c->head[leg], bytes, c->have[leg]);
		if (verdict == NX_HTTP_OK)
			surplus = c->have[leg] - c->head[leg].length;
		tls_queue_drop_front(in, n - surplus, run->g->config.buffers);
		if (verdict != NX_HTTP_MORE)
			return verdict;
	}
	return NX_HTTP_MORE;
}

bool http_text_send(
	struct http_run *run, unsigned int leg, const struct http_text *text, bool is_last)
{
	const struct http_gateway_config *config = &run->g->config;
	uint32_t length = text_length(text);
	struct tls_queue out = {0};

	if (text->is_full)
		return false;
	if (leg == HTTP_CLIENT && run->c->is_framed)
		return config->io->head(
			config->context, run->session, text->start, length, is_last);
	for (uint32_t at = 0; at < length;) {
		struct buffer *b = config->buffers->get(config->buffers, SEND_PIECE);

		if (!b) {
			tls_queue_clear(&out, config->buffers);
			return false;
		}
		b->length = (uint16_t)u32_min(length - at, buffer_tailroom(b));
		b->total_length = b->length;
		memcpy(buffer_data(b), text->start + at, b->length);
		at += b->length;
		tls_queue_append(&out, b);
	}
	config->io->send(config->context, run->session, leg, tls_queue_chain(&out));
	return true;
}

static uint32_t room(const struct http_run *run, unsigned int leg)
{
	const struct http_gateway_config *config = &run->g->config;

	return config->io->room(config->context, run->session, leg);
}

bool http_body_pass(struct http_run *run, unsigned int from)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	struct http_body *body = &c->body[from];
	struct tls_queue *in = &c->input[from];
	struct tls_queue out = {0};
	enum http_body_verdict verdict;
	uint32_t space = room(run, !from);
	bool waits_for_more = body->in_trailer && !body->is_starved;
	uint32_t before;

	if (space == 0)
		return false;
	if (waits_for_more ? !http_fetch_more(run, from) : !http_fetch(run, from))
		return false;
	before = in->bytes;
	verdict = http_body_take(body, in, space, config->buffers, run->g->scratch, &out);
	if (out.bytes > 0) {
		c->bytes[from] += out.bytes;
		c->since = run->now;
		config->io->send(config->context, run->session, !from, tls_queue_chain(&out));
	}
	if (verdict == HTTP_BODY_OVER && body->trailer > 0 &&
		!config->io->trailer(config->context, run->session,
			run->g->scratch + HTTP_TRAILER_MAX, body->trailer))
		http_break(run, HTTP_REASON_NO_BUFFER);
	if (verdict == HTTP_BODY_BROKEN)
		http_break(run, from == HTTP_CLIENT ? HTTP_REASON_BODY_INVALID
						    : HTTP_REASON_TARGET_INVALID);
	run->is_starved |= verdict == HTTP_BODY_NO_BUFFER;
	return run->outcome == HTTP_GOES_ON && (in->bytes != before || verdict == HTTP_BODY_OVER);
}

enum http_persistence http_persistence_of(const struct http_conversation *c)
{
	if (!c->client_persists)
		return HTTP_LAST;
	return c->head[HTTP_CLIENT].minor == 0 ? HTTP_SAYS_KEEP : HTTP_PERSISTS;
}

void http_exchange_log(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	struct http_stats *stats = &run->g->stats;

	if (c->is_logged)
		return;
	c->is_logged = true;
	counter_add(&stats->responses[c->status / 100 < HTTP_CLASSES ? c->status / 100 : 0], 1);
	counter_add(&stats->answers[c->reason], c->reason != HTTP_REASON_NONE);
	c->record.client = c->announced.source;
	c->record.client_port = be16_to_host(c->announced.source_port);
	c->record.began = c->began;
	c->record.ended = run->now;
	c->record.status = c->status;
	c->record.reason = c->reason;
	c->record.reused = c->reused;
	c->record.is_framed = c->is_framed;
	memcpy(c->record.bytes, c->bytes, sizeof(c->bytes));
	config->io->log(config->context, run->session, &c->record);
}

void http_target_drop(struct http_run *run, bool reset)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;

	tls_queue_clear(&c->input[HTTP_TARGET], config->buffers);
	http_slab_give(run, HTTP_TARGET);
	if (c->target != HTTP_TARGET_NONE)
		config->io->disconnect(config->context, run->session, reset);
	c->target = HTTP_TARGET_NONE;
}

void http_break(struct http_run *run, enum http_reason reason)
{
	run->c->reason = (uint8_t)reason;
	run->c->is_broken = true;
	http_exchange_log(run);
	run->outcome = HTTP_BROKEN;
}

void http_exchange_end(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	bool whole = c->request == HTTP_REQUEST_DONE;

	http_exchange_log(run);
	http_slab_give(run, HTTP_CLIENT);
	http_slab_give(run, HTTP_TARGET);
	// An answer that came before the request was whole: what is left of it has nowhere to go.
	// Bytes behind a response would be taken for the next one.
	if (c->target == HTTP_TARGET_READY &&
		(!whole || !c->target_persists || c->input[HTTP_TARGET].bytes > 0))
		http_target_drop(run, !whole);
	if (c->target == HTTP_TARGET_READY && !c->is_bound &&
		config->io->park(config->context, run->session))
		c->target = HTTP_TARGET_NONE;
	c->response = HTTP_RESPONSE_NONE;
	c->since = run->now;
	c->began = 0;
	if (whole && c->client_persists) {
		c->request = HTTP_REQUEST_HEAD;
		return;
	}
	c->request = HTTP_REQUEST_REFUSED;
	config->io->shut(config->context, run->session);
}

void http_answer(struct http_run *run, enum http_reason reason, unsigned int status,
	struct nx_http_slice location)
{
	struct http_conversation *c = run->c;
	struct http_text text = http_scratch(run->g);

	c->reason = (uint8_t)reason;
	if (c->answered) {
		http_break(run, reason);
		return;
	}
	c->status = (uint16_t)status;
	c->client_persists = c->client_persists && c->request == HTTP_REQUEST_DONE;
	http_answer_write(&text, status, location, http_reason_sentence(reason),
		c->head[HTTP_CLIENT].method == NX_HTTP_HEAD, http_persistence_of(c));
	if (http_text_send(run, HTTP_CLIENT, &text, true))
		http_exchange_end(run);
	else
		http_break(run, HTTP_REASON_NO_BUFFER);
}

void http_conversation_connected(struct http_gateway *g, uint32_t session, usec_t now)
{
	struct http_conversation *c = &g->conversations[session];
	struct http_run run = {.g = g, .c = c, .session = session, .now = now};

	c->target = HTTP_TARGET_READY;
	if (c->request == HTTP_REQUEST_ROUTED)
		http_request_send(&run);
}

void http_conversation_failed(
	struct http_gateway *g, uint32_t session, enum http_reason reason, usec_t now)
{
	struct http_conversation *c = &g->conversations[session];
	struct http_run run = {.g = g, .c = c, .session = session, .now = now};

	http_response_lost(&run, reason);
}

static usec_t due_of(const struct http_run *run, usec_t idle)
{
	const struct http_conversation *c = run->c;
	const struct snapshot_http *http = run->http;
	usec_t wait = idle;

	if (c->request == HTTP_REQUEST_ROUTED)
		return UINT64_MAX;
	if (c->request == HTTP_REQUEST_REFUSED)
		wait = LINGER;
	else if (c->request == HTTP_REQUEST_HEAD && c->began != 0)
		return c->began + (http ? http->head_timeout : TIMEOUT_FALLBACK);
	else if (c->request == HTTP_REQUEST_HEAD)
		wait = http ? http->keepalive_timeout : 0;
	else if (c->request == HTTP_REQUEST_DONE && c->response == HTTP_RESPONSE_HEAD)
		wait = http ? http->response_timeout : TIMEOUT_FALLBACK;
	return wait == UINT64_MAX ? wait : c->since + wait;
}

enum http_outcome http_conversation_run(struct http_gateway *g, uint32_t session,
	const struct snapshot_http *http, bool is_last, usec_t idle, usec_t now)
{
	struct http_run run = {.g = g,
		.c = &g->conversations[session],
		.session = session,
		.http = http,
		.is_last = is_last,
		.now = now};
	uint32_t left = STEPS_A_RUN;

	if (run.c->is_broken)
		return HTTP_BROKEN;
	if (is_last)
		run.c->client_persists = false;
	while (run.outcome == HTTP_GOES_ON && left > 0) {
		bool moved = http_request_step(&run);

		if (run.outcome == HTTP_GOES_ON)
			moved |= http_response_step(&run);
		if (!moved)
			break;
		left--;
	}
	// Whoever waits for a target has the time of its owner, who connects.
	run.c->is_paused = (left == 0 || run.is_starved) && run.c->request != HTTP_REQUEST_ROUTED;
	if (run.outcome == HTTP_GOES_ON)
		run.c->due = run.c->is_paused ? now + PAUSE : due_of(&run, idle);
	return run.outcome;
}

bool http_conversation_is_idle(const struct http_gateway *g, uint32_t session)
{
	const struct http_conversation *c = &g->conversations[session];

	return c->is_live && c->request == HTTP_REQUEST_HEAD && c->began == 0;
}

usec_t http_conversation_due(const struct http_gateway *g, uint32_t session)
{
	return g->conversations[session].due;
}

enum http_outcome http_conversation_timer(struct http_gateway *g, uint32_t session, usec_t now)
{
	struct http_conversation *c = &g->conversations[session];
	struct http_run run = {.g = g, .c = c, .session = session, .now = now};
	const struct nx_http_slice none = {0};

	if (c->is_broken)
		return HTTP_BROKEN;
	if (now < c->due || c->is_paused)
		return HTTP_GOES_ON;
	if (c->request == HTTP_REQUEST_REFUSED)
		return HTTP_CLOSED;
	if (c->request == HTTP_REQUEST_HEAD && c->have[HTTP_CLIENT] == 0)
		return HTTP_CLOSED;
	if (c->request == HTTP_REQUEST_HEAD) {
		http_exchange_begin(&run);
		c->client_persists = false;
		c->head[HTTP_CLIENT].method = NX_HTTP_OTHER;
		http_answer(&run, HTTP_REASON_HEAD_TIMEOUT, 408, none);
	} else if (c->response == HTTP_RESPONSE_HEAD && c->request == HTTP_REQUEST_DONE) {
		http_target_drop(&run, true);
		http_answer(&run, HTTP_REASON_RESPONSE_TIMEOUT, 504, none);
	} else {
		http_break(&run, HTTP_REASON_IDLE);
	}
	return run.outcome;
}
