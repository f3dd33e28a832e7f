// SPDX-License-Identifier: BSD-3-Clause

// Responses of a REST client. All of a response stays in the input until it is dropped: its head as
// it came, its body behind it in one piece. The content of chunks is moved down over what lay
// between, so that the input never holds less than what was received.

#include <string.h>

#include "rest.h"

void nx_rest_drop_response(struct nx_rest *rest)
{
	if (rest->phase != REST_RECEIVED)
		return;
	rest->stream.in.head += rest->parsed;
	rest->parsed = rest->head_at = rest->body_at = rest->body_length = 0;
	rest->has_head = false;
	rest->phase = REST_IDLE;
}

// Closes the gap between the body's end and the bytes that are not parsed.
static void squeeze(struct nx_rest *rest)
{
	struct nx_read_buffer *in = &rest->stream.in;
	uint8_t *data = nx_read_buffer_data(in);
	size_t end = rest->has_head ? rest->body_at + rest->body_length : 0;

	memmove(data + end, data + rest->parsed, nx_read_buffer_length(in) - rest->parsed);
	in->tail -= rest->parsed - end;
	rest->parsed = end;
}

static enum nx_client_verdict over(struct nx_rest *rest, enum nx_client_verdict verdict)
{
	rest->stream.over = verdict;
	return verdict;
}

static enum nx_client_verdict fault(struct nx_rest *rest)
{
	rest->fault = (enum nx_http_verdict)rest->http.in.fault;
	switch (rest->fault) {
	case NX_HTTP_BODY_TOO_LARGE:
		return over(rest, NX_CLIENT_BODY_TOO_LARGE);
	case NX_HTTP_UNANSWERED:
		return over(rest, NX_CLIENT_STALE);
	default:
		return over(rest, NX_CLIENT_RESPONSE_INVALID);
	}
}

static void content_take(struct nx_rest *rest, struct nx_http_slice piece)
{
	uint8_t *to = nx_read_buffer_data(&rest->stream.in) + rest->body_at + rest->body_length;

	if (to != piece.data)
		memmove(to, piece.data, piece.length);
	rest->body_length += piece.length;
}

// Who takes the body as it comes; NULL function: it is kept.
struct taker {
	nx_rest_take take;
	void *context;
};

static struct nx_response response_of(const struct nx_rest *rest)
{
	const uint8_t *data = nx_read_buffer_data(&rest->stream.in);
	const struct nx_http_head *head = &rest->http.in.head;

	return (struct nx_response){
		.status = head->status,
		.body = {data + rest->body_at, rest->body_length},
		.head = {data + rest->head_at, head->length},
		.fields = head,
	};
}

static enum nx_client_verdict give(struct nx_rest *rest, struct nx_response *response)
{
	rest->phase = REST_RECEIVED;
	*response = response_of(rest);
	return NX_CLIENT_DONE;
}

static enum nx_client_verdict piece_pass(
	struct nx_rest *rest, const struct taker *taker, struct nx_http_slice piece)
{
	struct nx_response response = response_of(rest);

	nx_stream_begin(&rest->stream);
	return taker->take(taker->context, &response, piece) ? NX_CLIENT_DONE
							     : NX_CLIENT_BODY_FAILED;
}

// Makes more bytes come. NX_CLIENT_DONE: they have, or the peer has ended.
static enum nx_client_verdict more(struct nx_rest *rest)
{
	struct nx_read_buffer *in = &rest->stream.in;
	enum nx_client_verdict verdict;

	if (nx_read_buffer_length(in) == in->capacity)
		squeeze(rest);
	verdict = nx_stream_fill(&rest->stream);
	if (verdict != NX_CLIENT_CLOSED)
		return verdict;
	rest->ended = true;
	return NX_CLIENT_DONE;
}

static enum nx_http_event next_event(
	struct nx_rest *rest, size_t *consumed, struct nx_http_slice *piece)
{
	const struct nx_read_buffer *in = &rest->stream.in;
	enum nx_http_event event =
		nx_http_client_read(&rest->http, nx_read_buffer_data(in) + rest->parsed,
			nx_read_buffer_length(in) - rest->parsed, consumed, piece);

	if (event == NX_HTTP_EVENT_NONE && rest->ended)
		return nx_http_client_end_of_input(&rest->http);
	return event;
}

static enum nx_client_verdict response_read(
	struct nx_rest *rest, struct nx_response *response, const struct taker *taker)
{
	for (;;) {
		struct nx_http_slice piece;
		size_t consumed = 0;
		enum nx_http_event event = next_event(rest, &consumed, &piece);
		enum nx_client_verdict verdict;

		switch (event) {
		case NX_HTTP_EVENT_HEAD:
			rest->head_at = rest->parsed;
			rest->body_at = rest->parsed + consumed;
			rest->has_head = true;
			break;
		case NX_HTTP_EVENT_CONTENT:
			if (taker->take == NULL)
				content_take(rest, piece);
			else if (piece_pass(rest, taker, piece) != NX_CLIENT_DONE)
				return over(rest, NX_CLIENT_BODY_FAILED);
			break;
		case NX_HTTP_EVENT_INTERIM:
			break;
		case NX_HTTP_EVENT_END:
			rest->parsed += consumed;
			return give(rest, response);
		case NX_HTTP_EVENT_NONE:
			rest->parsed += consumed;
			consumed = 0;
			verdict = more(rest);
			if (verdict != NX_CLIENT_DONE)
				return verdict;
			break;
		case NX_HTTP_EVENT_SWITCHED:
			return give(rest, response);
		case NX_HTTP_EVENT_CLOSED:
			return over(rest, NX_CLIENT_CLOSED);
		default:
			return fault(rest);
		}
		rest->parsed += consumed;
	}
}

// A body that is not kept has no limit.
static void limit(struct nx_rest *rest, bool is_kept)
{
	struct nx_http_incoming *in = &rest->http.in;

	if (rest->has_head)
		return;
	in->body_bytes = in->chunked.body_bytes = is_kept ? rest->limits.body_bytes : UINT64_MAX;
}

static enum nx_client_verdict receive(
	struct nx_rest *rest, struct nx_response *response, const struct taker *taker)
{
	enum nx_client_verdict verdict;

	if (rest->stream.over != NX_CLIENT_DONE && rest->stream.over != NX_CLIENT_CLOSED)
		return NX_CLIENT_POISONED;
	if (rest->phase == REST_SENDING) {
		verdict = nx_rest_send_rest(rest);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
	}
	if (rest->phase != REST_RECEIVING) {
		rest->fault = NX_HTTP_WRITE_OUT_OF_ORDER;
		return NX_CLIENT_REQUEST_INVALID;
	}
	limit(rest, taker->take == NULL);
	return response_read(rest, response, taker);
}

enum nx_client_verdict nx_rest_receive(struct nx_rest *rest, struct nx_response *response)
{
	return receive(rest, response, &(struct taker){0});
}

enum nx_client_verdict nx_rest_receive_to(
	struct nx_rest *rest, struct nx_response *response, nx_rest_take take, void *context)
{
	return receive(rest, response, &(struct taker){take, context});
}

struct nx_http_slice nx_response_field(const struct nx_response *response, const char *name)
{
	int i = nx_http_field_find(response->fields, response->head.data, name, 0);

	if (i < 0)
		return (struct nx_http_slice){0};
	return nx_http_span_of(response->head.data, response->fields->fields[i].value);
}

struct nx_response_owned *nx_response_own(
	const struct nx_response *response, const struct nx_allocator *allocator)
{
	size_t fields = response->fields->count * sizeof(struct nx_http_field);
	size_t bytes = sizeof(struct nx_response_owned) + fields + response->head.length +
		       response->body.length;
	struct nx_response_owned *owned;
	uint8_t *at;

	if (allocator == NULL)
		allocator = &nx_allocator_default;
	owned = allocator->allocate(allocator->context, bytes);
	if (owned == NULL)
		return NULL;
	owned->allocator = allocator;
	owned->bytes = bytes;
	owned->head = *response->fields;
	at = (uint8_t *)(owned + 1);
	owned->head.fields = memcpy(at, response->fields->fields, fields);
	at += fields;
	owned->response = *response;
	owned->response.fields = &owned->head;
	owned->response.head.data = memcpy(at, response->head.data, response->head.length);
	at += response->head.length;
	owned->response.body.data = memcpy(at, response->body.data, response->body.length);
	return owned;
}

void nx_response_free(struct nx_response_owned *owned)
{
	if (owned != NULL)
		owned->allocator->release(owned->allocator->context, owned, owned->bytes);
}
