// SPDX-License-Identifier: BSD-3-Clause
#include "head.h"

#include "scan.h"

static uint32_t limit_of(uint32_t asked, uint32_t standard)
{
	if (asked == 0)
		return standard;
	return asked < HTTP_HEAD_BYTES_MOST ? asked : HTTP_HEAD_BYTES_MOST;
}

void nx_http_head_init(struct nx_http_head *head, enum nx_http_kind kind,
	const struct nx_http_limits *limits, struct nx_http_field *fields, uint16_t capacity)
{
	uint32_t limit =
		kind == NX_HTTP_TRAILER
			? limit_of(limits != NULL ? limits->trailer_bytes : 0, HTTP_TRAILER_BYTES)
			: limit_of(limits != NULL ? limits->head_bytes : 0, HTTP_HEAD_BYTES);

	*head = (struct nx_http_head){
		.kind = (uint8_t)kind, .fields = fields, .capacity = capacity, .limit = limit};
	nx_http_head_reset(head, NX_HTTP_OTHER);
}

void nx_http_head_reset(struct nx_http_head *head, enum nx_http_method asked)
{
	*head = (struct nx_http_head){.kind = head->kind,
		.fields = head->fields,
		.capacity = head->capacity,
		.limit = head->limit,
		.asked = (uint8_t)asked,
		.phase = head->kind == NX_HTTP_TRAILER ? HTTP_AT_FIELD : HTTP_AT_START};
}

// What a head that exceeds its bound is called, by where the bound fell.
static enum nx_http_verdict too_large(const struct nx_http_head *head)
{
	if (head->kind == NX_HTTP_TRAILER)
		return NX_HTTP_TRAILERS_TOO_LARGE;
	return head->phase == HTTP_AT_TARGET ? NX_HTTP_TARGET_TOO_LONG : NX_HTTP_HEAD_TOO_LARGE;
}

static enum nx_http_verdict judge(struct nx_http_head *head, const uint8_t *bytes)
{
	head->length = head->position;
	switch (head->kind) {
	case NX_HTTP_REQUEST:
		return nx_http_request_judge(head, bytes);
	case NX_HTTP_RESPONSE:
		return nx_http_response_judge(head, bytes);
	default:
		return nx_http_trailer_judge(head, bytes);
	}
}

enum nx_http_verdict nx_http_head_read(
	struct nx_http_head *head, const uint8_t *bytes, size_t length)
{
	enum nx_http_verdict verdict = NX_HTTP_MORE;
	size_t bounded = length < head->limit ? length : head->limit;

	if (head->phase == HTTP_AT_END)
		return NX_HTTP_OK;
	if (head->phase == HTTP_AT_FAULT)
		return (enum nx_http_verdict)head->fault;
	if (bounded > head->position)
		verdict = nx_http_variant_chosen->read(head, bytes, bounded);
	if (verdict == NX_HTTP_MORE && length >= head->limit)
		verdict = too_large(head);
	if (verdict == NX_HTTP_OK)
		verdict = judge(head, bytes);
	if (verdict > NX_HTTP_MORE) {
		head->phase = HTTP_AT_FAULT;
		head->fault = (uint8_t)verdict;
	}
	return verdict;
}

int nx_http_field_find(
	const struct nx_http_head *head, const uint8_t *bytes, const char *name, int from)
{
	size_t length = strlen(name);

	for (int i = from; i < head->count; i++) {
		const struct nx_http_field *field = &head->fields[i];

		if (field->name.length == length &&
			nx_http_same(nx_http_span_of(bytes, field->name), name))
			return i;
	}
	return -1;
}

bool nx_http_same(struct nx_http_slice a, const char *b)
{
	for (size_t i = 0; i < a.length; i++) {
		if (b[i] == '\0' || http_lower(a.data[i]) != http_lower((uint8_t)b[i]))
			return false;
	}
	return b[a.length] == '\0';
}
