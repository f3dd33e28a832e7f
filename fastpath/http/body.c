// SPDX-License-Identifier: BSD-3-Clause
#include "http/body.h"

#include "core/chain.h"
#include "http/rewrite.h"

enum {
	TRAILER_PIECE = 1024,
};

void http_body_begin(struct http_body *body, enum nx_http_framing framing, uint64_t length,
	bool is_bare, bool keeps_trailer)
{
	static const struct nx_http_limits limits = {.trailer_bytes = HTTP_TRAILER_MAX};

	body->framing = (uint8_t)framing;
	body->is_over = framing == NX_HTTP_NO_BODY;
	body->is_bare = is_bare;
	body->keeps_trailer = keeps_trailer;
	body->trailer = 0;
	body->in_trailer = body->is_starved = false;
	body->left = length;
	if (framing == NX_HTTP_CHUNKED)
		nx_http_chunked_init(&body->chunked, &limits, NULL, 0);
}

static bool move(
	struct tls_queue *in, uint32_t n, struct buffer_source *source, struct tls_queue *out)
{
	struct tls_queue front = {0};

	if (n == 0)
		return true;
	if (!tls_queue_cut(in, n, source, &front))
		return false;
	tls_queue_join(out, &front);
	return true;
}

static enum http_body_verdict take_counted(struct http_body *body, struct tls_queue *in,
	uint32_t max, struct buffer_source *source, struct tls_queue *out)
{
	uint32_t n = u32_min(in->bytes, max);

	if (body->framing == NX_HTTP_LENGTH)
		n = (uint32_t)u64_min(n, body->left);
	if (!move(in, n, source, out))
		return HTTP_BODY_NO_BUFFER;
	if (body->framing != NX_HTTP_LENGTH)
		return HTTP_BODY_MORE;
	body->left -= n;
	body->is_over = body->left == 0;
	return body->is_over ? HTTP_BODY_OVER : HTTP_BODY_MORE;
}

// Reads one buffer; *used are the bytes of it that are done with.
static enum nx_http_verdict read_buffer(
	struct http_body *body, const struct buffer *b, uint32_t *used)
{
	enum nx_http_verdict verdict;
	struct nx_http_slice content;
	size_t step;

	*used = 0;
	do {
		verdict = nx_http_chunked_read(
			&body->chunked, buffer_data(b) + *used, b->length - *used, &step, &content);
		*used += (uint32_t)step;
	} while (verdict == NX_HTTP_MORE && step > 0 && *used < b->length);
	return verdict;
}

// Bytes in buffers of their own. False, and nothing changed: there are none.
static bool bytes_put(
	struct tls_queue *out, struct buffer_source *source, const uint8_t *bytes, uint32_t length)
{
	struct tls_queue held = {0};

	for (uint32_t at = 0; at < length;) {
		struct buffer *b = source->get(source, TRAILER_PIECE);

		if (!b) {
			tls_queue_clear(&held, source);
			return false;
		}
		b->length = (uint16_t)u32_min(length - at, TRAILER_PIECE);
		b->total_length = b->length;
		memcpy(buffer_data(b), bytes + at, b->length);
		at += b->length;
		tls_queue_append(&held, b);
	}
	tls_queue_join(out, &held);
	return true;
}

// Bytes held for their end take one buffer or a few, not one for each that came.
static bool trailer_gather(
	struct tls_queue *in, struct buffer_source *source, const uint8_t *bytes, uint32_t length)
{
	struct tls_queue held = {0};

	if (in->buffers <= 1 + length / TRAILER_PIECE + 1)
		return true;
	if (!bytes_put(&held, source, bytes, length))
		return false;
	tls_queue_clear(in, source);
	*in = held;
	return true;
}

// A trailer section that is whole: what goes on of it. False: no buffer.
static bool trailer_put(struct http_body *body, const uint8_t *bytes, uint8_t *room,
	struct buffer_source *source, struct tls_queue *out)
{
	static const struct nx_http_head empty;
	struct http_text text = {
		.start = room, .at = room, .end = room + HTTP_TRAILER_SCRATCH - HTTP_TRAILER_MAX};

	http_trailer_rewrite(&text, body->keeps_trailer ? &body->chunked.trailer : &empty, bytes);
	if (!body->is_bare)
		return bytes_put(out, source, room, text_length(&text));
	body->trailer = text_length(&text) > 2 ? (uint16_t)text_length(&text) : 0;
	return true;
}

// The input's front is the trailer section: whole, it becomes what may go on of it.
static enum http_body_verdict take_trailer(struct http_body *body, struct tls_queue *in,
	struct buffer_source *source, uint8_t *scratch, struct tls_queue *out)
{
	uint32_t length = chain_copy(in->head, 0, u32_min(in->bytes, HTTP_TRAILER_MAX), scratch);
	struct nx_http_slice content;
	enum nx_http_verdict verdict;
	size_t used;

	body->in_trailer = true;
	verdict = nx_http_chunked_read(&body->chunked, scratch, length, &used, &content);
	if (verdict == NX_HTTP_MORE && length < HTTP_TRAILER_MAX)
		return trailer_gather(in, source, scratch, length) ? HTTP_BODY_MORE
								   : HTTP_BODY_NO_BUFFER;
	if (verdict != NX_HTTP_OK)
		return HTTP_BODY_BROKEN;
	if (!trailer_put(body, scratch, scratch + HTTP_TRAILER_MAX, source, out))
		return HTTP_BODY_NO_BUFFER;
	tls_queue_drop_front(in, body->chunked.trailer.length, source);
	body->is_over = true;
	return HTTP_BODY_OVER;
}

// Content that has framing ahead of it. False, and nothing changed: no buffer to divide with.
static bool content_move(struct tls_queue *in, uint32_t ahead, uint32_t length,
	struct buffer_source *source, struct tls_queue *out)
{
	struct tls_queue front = {0};

	if (length > 0 && !tls_queue_cut(in, ahead + length, source, &front))
		return false;
	tls_queue_drop_front(length > 0 ? &front : in, ahead, source);
	tls_queue_join(out, &front);
	return true;
}

// The chunks' content, without what frames it.
static enum http_body_verdict take_content(struct http_body *body, struct tls_queue *in,
	uint32_t max, struct buffer_source *source, uint8_t *scratch, struct tls_queue *out)
{
	while (in->head && out->bytes < max) {
		const uint8_t *bytes = buffer_data(in->head);
		const struct nx_http_chunked before = body->chunked;
		struct nx_http_slice content;
		enum nx_http_verdict verdict;
		uint32_t ahead;
		size_t used;

		verdict = nx_http_chunked_read(
			&body->chunked, bytes, in->head->length, &used, &content);
		if (verdict > NX_HTTP_MORE)
			return HTTP_BODY_BROKEN;
		if (verdict == NX_HTTP_MORE && used == 0 && in->head->length > 0)
			return take_trailer(body, in, source, scratch, out);
		if (verdict == NX_HTTP_OK)
			used -= body->chunked.trailer.length;
		ahead = content.length > 0 ? (uint32_t)(content.data - bytes) : (uint32_t)used;
		if (!content_move(in, ahead, (uint32_t)content.length, source, out)) {
			body->chunked = before;
			return HTTP_BODY_NO_BUFFER;
		}
		if (verdict == NX_HTTP_OK)
			return take_trailer(body, in, source, scratch, out);
	}
	return HTTP_BODY_MORE;
}

static enum http_body_verdict take_chunks(struct http_body *body, struct tls_queue *in,
	uint32_t max, struct buffer_source *source, uint8_t *scratch, struct tls_queue *out)
{
	const struct nx_http_chunked before = body->chunked;
	enum nx_http_verdict verdict = NX_HTTP_MORE;
	uint32_t taken = 0;
	bool in_trailer = false;

	for (struct buffer *b = in->head; b && taken < max; b = b->next) {
		uint32_t used;

		verdict = read_buffer(body, b, &used);
		taken += used;
		in_trailer = verdict == NX_HTTP_MORE && used < b->length;
		if (verdict != NX_HTTP_MORE || in_trailer)
			break;
	}
	if (verdict > NX_HTTP_MORE)
		return HTTP_BODY_BROKEN;
	if (verdict == NX_HTTP_OK && body->chunked.trailer.count > 0) {
		taken -= body->chunked.trailer.length;
		in_trailer = true;
	}
	if (!move(in, taken, source, out)) {
		body->chunked = before;
		return HTTP_BODY_NO_BUFFER;
	}
	if (in_trailer)
		return take_trailer(body, in, source, scratch, out);
	body->is_over = verdict == NX_HTTP_OK;
	return body->is_over ? HTTP_BODY_OVER : HTTP_BODY_MORE;
}

static enum http_body_verdict take(struct http_body *body, struct tls_queue *in, uint32_t max,
	struct buffer_source *source, uint8_t *scratch, struct tls_queue *out)
{
	if (body->framing != NX_HTTP_CHUNKED)
		return take_counted(body, in, max, source, out);
	if (body->in_trailer)
		return take_trailer(body, in, source, scratch, out);
	if (body->is_bare)
		return take_content(body, in, max, source, scratch, out);
	return take_chunks(body, in, max, source, scratch, out);
}

enum http_body_verdict http_body_take(struct http_body *body, struct tls_queue *in, uint32_t max,
	struct buffer_source *source, uint8_t *scratch, struct tls_queue *out)
{
	enum http_body_verdict verdict;

	if (body->is_over)
		return HTTP_BODY_OVER;
	if (in->bytes == 0)
		return HTTP_BODY_MORE;
	verdict = take(body, in, max, source, scratch, out);
	body->is_starved = verdict == HTTP_BODY_NO_BUFFER;
	return verdict;
}
