// SPDX-License-Identifier: BSD-3-Clause
// The client's way: a head is read, judged and routed, its body follows it.
#include "http/conversation_impl.h"
#include "http/sources.h"

enum {
	UNPARKED_MAX = 4, // idle connections tried for one request
};

static const struct nx_http_slice nothing;

static void refuse(struct http_run *run, enum http_reason reason)
{
	http_answer(run, reason, http_reason_status(reason), nothing);
}

static uint16_t copy_cut(char *out, size_t room, struct nx_http_slice from)
{
	size_t length = from.length < room ? from.length : room;

	if (length > 0)
		memcpy(out, from.data, length);
	return (uint16_t)length;
}

static void record_begin(struct http_run *run, const uint8_t *bytes)
{
	struct http_conversation *c = run->c;
	const struct nx_http_head *head = &c->head[HTTP_CLIENT];
	struct http_record *record = &c->record;

	record->minor = head->minor;
	record->method_length = copy_cut(
		record->method, sizeof(record->method), nx_http_span_of(bytes, head->method_name));
	record->host_length = copy_cut(
		record->host, sizeof(record->host), nx_http_span_of(bytes, head->authority));
	record->target_length =
		copy_cut(record->path, sizeof(record->path), nx_http_span_of(bytes, head->target));
}

// What an exchange begins with.
void http_exchange_begin(struct http_run *run)
{
	struct http_conversation *c = run->c;

	c->reason = HTTP_REASON_NONE;
	c->status = 0;
	c->answered = c->is_logged = c->reused = c->websocket = false;
	c->body[HTTP_TARGET].keeps_trailer = false;
	c->interims = 0;
	c->bytes[0] = c->bytes[1] = 0;
	c->record.upstream = c->record.target = SLOT_NONE;
	c->record.method_length = c->record.host_length = c->record.target_length = 0;
	counter_add(&run->g->stats.requests, 1);
}

static void redirect(struct http_run *run, const struct http_match *match, const uint8_t *bytes)
{
	const struct nx_http_head *head = &run->c->head[HTTP_CLIENT];
	const struct snapshot_http_route *route = match->route;
	struct nx_http_slice to = {
		snapshot_http_text(run->http, route->redirect), route->redirect_length};
	struct nx_http_slice path = nx_http_span_of(bytes, head->path);
	// Behind what the answer is written to: both are made of pieces of one request.
	uint8_t *room = run->g->scratch + HTTP_HEAD_MAX;
	struct http_text text = {.start = room, .at = room, .end = room + HTTP_HEAD_MAX};

	if (route->to_https) {
		text_literal(&text, "https://");
		text_slice(&text, nx_http_span_of(bytes, head->host));
	}
	text_slice(&text, to);
	if (route->keep_path) {
		uint32_t skip = route->strip_prefix ? match->covered : 0;
		bool ends_with_slash = !route->to_https && to.data[to.length - 1] == '/';

		// Two at the front would name a host.
		while (skip < path.length && path.data[skip] == '/')
			skip++;
		if (!ends_with_slash)
			text_literal(&text, "/");
		text_put(&text, path.data + skip, path.length - skip);
	}
	if (route->keep_query && head->query.length > 0) {
		text_literal(&text, "?");
		text_slice(&text, nx_http_span_of(bytes, head->query));
	}
	if (text.is_full || text_length(&text) > HTTP_HEAD_MAX / 2)
		http_answer(run, HTTP_REASON_HEAD_INVALID, 414, nothing);
	else
		http_answer(run, HTTP_REASON_REDIRECT, route->status,
			(struct nx_http_slice){text.start, text_length(&text)});
}

// Whether the target's connection, kept from the last request, serves one of an upstream.
static void kept_judge(struct http_run *run, uint16_t upstream)
{
	const struct http_gateway_config *config = &run->g->config;

	// One that has spoken between requests would answer this one with it.
	if (http_fetch(run, HTTP_TARGET))
		http_target_drop(run, true);
	else if (run->c->upstream != upstream || http_has_ended(run, HTTP_TARGET) ||
		 !config->io->is_current(config->context, run->session))
		http_target_drop(run, false);
}

// A connection that somebody left idle. Those that have ended or spoken meanwhile go. A request
// that cannot be sent again is not to find out which are about to.
static void unpark(struct http_run *run, uint16_t upstream)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;

	for (uint32_t i = 0; i < UNPARKED_MAX && c->target == HTTP_TARGET_NONE; i++) {
		if (!config->io->unpark(
			    config->context, run->session, upstream, !http_is_repeatable(c)))
			return;
		c->target = HTTP_TARGET_READY;
		c->upstream = upstream;
		c->is_bound = false;
		kept_judge(run, upstream);
	}
}

// Who serves the request.
static void route(struct http_run *run, const uint8_t *bytes)
{
	struct http_conversation *c = run->c;
	const struct nx_http_head *head = &c->head[HTTP_CLIENT];
	struct nx_http_slice path = nx_http_span_of(bytes, head->path);
	struct http_match match;

	if (!http_options_are_few(head, bytes))
		refuse(run, HTTP_REASON_HEAD_INVALID);
	else if (!run->http)
		refuse(run, HTTP_REASON_NO_TARGET);
	else if (run->http->requests_per_source > 0 &&
		 !http_source_take(run->g->sources, &c->announced.source, c->group,
			 run->http->requests_per_source, run->now))
		refuse(run, HTTP_REASON_SOURCE_RATE);
	else if (head->method == NX_HTTP_CONNECT || head->method == NX_HTTP_TRACE)
		refuse(run, HTTP_REASON_METHOD_REFUSED);
	else if (!http_path_is_plain(path))
		refuse(run, HTTP_REASON_PATH_AMBIGUOUS);
	else if (!http_route_find(run->http, nx_http_span_of(bytes, head->host), path, &match))
		refuse(run, HTTP_REASON_NO_ROUTE);
	else if (match.route->upstream == SLOT_NONE)
		redirect(run, &match, bytes);
	else {
		if (c->target != HTTP_TARGET_NONE)
			kept_judge(run, match.route->upstream);
		c->upstream = c->record.upstream = match.route->upstream;
		c->strip = match.route->strip_prefix && match.covered > 0 ? match.covered : 0;
		c->websocket = http_asks_websocket(head, bytes);
		if (c->target == HTTP_TARGET_NONE)
			unpark(run, match.route->upstream);
		c->reused = c->target == HTTP_TARGET_READY;
		c->request = HTTP_REQUEST_ROUTED;
		if (c->reused)
			http_request_send(run);
		else
			http_request_connect(run);
	}
}

void http_request_connect(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	enum http_reason reason = config->io->connect(config->context, run->session, c->upstream);

	c->request = HTTP_REQUEST_ROUTED;
	c->is_bound = false;
	c->target = reason == HTTP_REASON_NONE ? HTTP_TARGET_CONNECTING : HTTP_TARGET_NONE;
	if (reason != HTTP_REASON_NONE)
		http_response_lost(run, reason);
}

// A head is whole.
static void head_judge(struct http_run *run)
{
	struct http_conversation *c = run->c;
	const struct nx_http_head *head = &c->head[HTTP_CLIENT];
	const uint8_t *bytes = http_slab_of(run, HTTP_CLIENT)->bytes;

	crowd_leave(run->g->reading, &c->reading);
	http_exchange_begin(run);
	record_begin(run, bytes);
	c->since = run->now;
	// Nor is anything read behind a CONNECT, which is refused: it would be the tunnel's.
	c->client_persists = (head->flags & NX_HTTP_PERSISTENT) != 0 && run->http &&
			     !run->is_last && !c->is_framed && head->method != NX_HTTP_CONNECT;
	http_body_begin(&c->body[HTTP_CLIENT], (enum nx_http_framing)head->framing,
		head->body_length, false, http_trailer_passes(head, bytes));
	c->asks_trailers = http_asks_trailers(head, bytes);
	c->takes_trailers = c->is_framed || c->asks_trailers;
	// Until it is routed, a request without a body is whole for whoever answers it.
	c->request = c->body[HTTP_CLIENT].is_over ? HTTP_REQUEST_DONE : HTTP_REQUEST_BODY;
	route(run, bytes);
}

static void head_refuse(struct http_run *run, enum nx_http_verdict verdict)
{
	struct http_conversation *c = run->c;
	int status = nx_http_verdict_status(verdict);

	http_exchange_begin(run);
	c->client_persists = false;
	c->head[HTTP_CLIENT].method = NX_HTTP_OTHER;
	c->head[HTTP_CLIENT].minor = 1;
	http_answer(
		run, HTTP_REASON_HEAD_INVALID, status > 0 ? (unsigned int)status : 400, nothing);
}

static bool head_step(struct http_run *run)
{
	const struct http_gateway_config *config = &run->g->config;
	struct http_conversation *c = run->c;
	enum nx_http_verdict verdict;

	// A client that takes no answers is not read from.
	if (config->io->room(config->context, run->session, HTTP_CLIENT) == 0)
		return false;
	if (!http_fetch(run, HTTP_CLIENT)) {
		if (http_has_ended(run, HTTP_CLIENT) || !run->http ||
			(run->is_last && c->began == 0))
			run->outcome = HTTP_CLOSED;
		return false;
	}
	if (c->have[HTTP_CLIENT] == 0)
		c->began = run->now;
	if (!http_slab_take(run, HTTP_CLIENT, NX_HTTP_REQUEST)) {
		http_exchange_begin(run);
		c->client_persists = false;
		c->head[HTTP_CLIENT] = (struct nx_http_head){.minor = 1};
		refuse(run, HTTP_REASON_NO_ROOM);
		return true;
	}
	verdict = http_head_take(run, HTTP_CLIENT);
	if (verdict == NX_HTTP_MORE && http_has_ended(run, HTTP_CLIENT))
		run->outcome = HTTP_CLOSED;
	else if (verdict == NX_HTTP_OK)
		head_judge(run);
	else if (verdict != NX_HTTP_MORE)
		head_refuse(run, verdict);
	return verdict != NX_HTTP_MORE;
}

void http_request_send(struct http_run *run)
{
	struct http_conversation *c = run->c;
	struct http_text text = http_scratch(run->g);
	char address[IP_ADDRESS_TEXT_MAX];
	struct http_request_change change = {
		.client = nx_http_text(ip_address_print(&c->announced.source, address)),
		.strip = c->strip,
		.is_secure = c->is_secure,
		.upgrade = c->websocket,
		.trailer = c->body[HTTP_CLIENT].keeps_trailer,
		.asks_trailers = c->asks_trailers,
	};

	http_request_rewrite(
		&text, &c->head[HTTP_CLIENT], http_slab_of(run, HTTP_CLIENT)->bytes, &change);
	c->is_bound = c->is_bound ||
		      http_binds(&c->head[HTTP_CLIENT], http_slab_of(run, HTTP_CLIENT)->bytes);
	counter_add(&run->g->stats.reused, c->reused);
	c->request = c->body[HTTP_CLIENT].is_over ? HTTP_REQUEST_DONE : HTTP_REQUEST_BODY;
	c->response = HTTP_RESPONSE_HEAD;
	c->since = run->now;
	// Heads under way are few: a client that keeps its body back holds no room.
	if (!http_can_retry(c))
		http_slab_give(run, HTTP_CLIENT);
	if (!http_text_send(run, HTTP_TARGET, &text, false)) {
		http_target_drop(run, true);
		refuse(run, HTTP_REASON_NO_BUFFER);
	}
}

static bool body_step(struct http_run *run)
{
	struct http_conversation *c = run->c;
	bool moved;

	if (c->target != HTTP_TARGET_READY)
		return false;
	moved = http_body_pass(run, HTTP_CLIENT);
	if (run->outcome != HTTP_GOES_ON)
		return false;
	if (c->body[HTTP_CLIENT].is_over)
		c->request = HTTP_REQUEST_DONE;
	else if (!moved && http_has_ended(run, HTTP_CLIENT))
		http_break(run, HTTP_REASON_CLIENT_CLOSED);
	return moved;
}

static bool discard_step(struct http_run *run)
{
	if (http_fetch(run, HTTP_CLIENT)) {
		tls_queue_clear(&run->c->input[HTTP_CLIENT], run->g->config.buffers);
		return true;
	}
	if (http_has_ended(run, HTTP_CLIENT))
		run->outcome = HTTP_CLOSED;
	return false;
}

bool http_request_step(struct http_run *run)
{
	switch ((enum http_request_phase)run->c->request) {
	case HTTP_REQUEST_HEAD:
		return head_step(run);
	case HTTP_REQUEST_BODY:
		return body_step(run);
	case HTTP_REQUEST_REFUSED:
		return discard_step(run);
	default:
		return false;
	}
}
