// SPDX-License-Identifier: BSD-3-Clause
#include "incoming.h"

void nx_http_incoming_init(struct nx_http_incoming *in, enum nx_http_kind kind,
	const struct nx_http_limits *limits, struct nx_http_field *fields, uint16_t capacity)
{
	in->left = 0;
	in->body_bytes =
		limits != NULL && limits->body_bytes != 0 ? limits->body_bytes : UINT64_MAX;
	in->phase = HTTP_IN_HEAD;
	in->fault = NX_HTTP_OK;
	nx_http_head_init(&in->head, kind, limits, fields, capacity);
	nx_http_chunked_init(&in->chunked, limits, NULL, 0);
}

void nx_http_incoming_next(struct nx_http_incoming *in, enum nx_http_method asked)
{
	in->phase = HTTP_IN_HEAD;
	nx_http_head_reset(&in->head, asked);
}

enum nx_http_event nx_http_incoming_fault(struct nx_http_incoming *in, enum nx_http_verdict fault)
{
	in->phase = HTTP_IN_FAULT;
	in->fault = (uint8_t)fault;
	return NX_HTTP_EVENT_FAULT;
}

static enum nx_http_event read_head(struct nx_http_incoming *in, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	struct nx_http_head *head = &in->head;
	enum nx_http_verdict verdict = nx_http_head_read(head, bytes, length);

	if (verdict == NX_HTTP_MORE)
		return NX_HTTP_EVENT_NONE;
	if (verdict != NX_HTTP_OK)
		return nx_http_incoming_fault(in, verdict);
	in->phase = HTTP_IN_LAST;
	if (head->framing == NX_HTTP_LENGTH) {
		if (head->body_length > in->body_bytes)
			return nx_http_incoming_fault(in, NX_HTTP_BODY_TOO_LARGE);
		in->left = head->body_length;
		in->phase = HTTP_IN_LENGTH;
	} else if (head->framing == NX_HTTP_CHUNKED) {
		nx_http_chunked_reset(&in->chunked);
		in->phase = HTTP_IN_CHUNKS;
	} else if (head->framing == NX_HTTP_UNTIL_CLOSE) {
		in->left = in->body_bytes;
		in->phase = HTTP_IN_TO_CLOSE;
	}
	*consumed = head->length;
	*piece = (struct nx_http_slice){bytes, head->length};
	return NX_HTTP_EVENT_HEAD;
}

static enum nx_http_event read_counted(struct nx_http_incoming *in, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	size_t taken = length < in->left ? length : (size_t)in->left;

	if (length == 0)
		return NX_HTTP_EVENT_NONE;
	if (taken == 0)
		return nx_http_incoming_fault(in, NX_HTTP_BODY_TOO_LARGE);
	in->left -= taken;
	if (in->left == 0 && in->phase == HTTP_IN_LENGTH)
		in->phase = HTTP_IN_LAST;
	*consumed = taken;
	*piece = (struct nx_http_slice){bytes, taken};
	return NX_HTTP_EVENT_CONTENT;
}

static enum nx_http_event read_chunks(struct nx_http_incoming *in, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	enum nx_http_verdict verdict =
		nx_http_chunked_read(&in->chunked, bytes, length, consumed, piece);
	size_t trailer = in->chunked.trailer.length;

	if (piece->length > 0)
		return NX_HTTP_EVENT_CONTENT;
	if (verdict == NX_HTTP_MORE)
		return NX_HTTP_EVENT_NONE;
	if (verdict != NX_HTTP_OK)
		return nx_http_incoming_fault(in, verdict);
	in->phase = HTTP_IN_ENDED;
	*piece = (struct nx_http_slice){bytes + *consumed - trailer, trailer};
	return NX_HTTP_EVENT_END;
}

enum nx_http_event nx_http_incoming_read(struct nx_http_incoming *in, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	switch ((enum http_incoming_phase)in->phase) {
	case HTTP_IN_HEAD:
		return read_head(in, bytes, length, consumed, piece);
	case HTTP_IN_LENGTH:
	case HTTP_IN_TO_CLOSE:
		return read_counted(in, bytes, length, consumed, piece);
	case HTTP_IN_CHUNKS:
		return read_chunks(in, bytes, length, consumed, piece);
	case HTTP_IN_LAST:
		in->phase = HTTP_IN_ENDED;
		return NX_HTTP_EVENT_END;
	case HTTP_IN_ENDED:
		return NX_HTTP_EVENT_NONE;
	default:
		return NX_HTTP_EVENT_FAULT;
	}
}
