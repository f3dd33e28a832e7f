// SPDX-License-Identifier: BSD-3-Clause
// From application data to records.
#include "core/chain.h"
#include "tls/record_impl.h"

#define PAUSE_US    USEC_PER_SECOND
#define SMALL_BYTES (UINT64_C(64) << 10)
#define MEDIUM_RUN  (UINT64_C(256) << 10)

enum {
	SEGMENT_DEFAULT = 1400,
	CONTENT_MIN = 256, // whatever the segment: a record costs as much as that
	MEDIUM_SEGMENTS = 4,
	LONG_BYTES = 4096,
};

// A record that fits a segment can be read when the segment is there; a long one costs less. So the
// first after a pause are short, while a window is small and somebody waits for the first bytes.
static uint32_t content_bytes(const struct tls_output *out, uint32_t segment)
{
	uint32_t around = tls_before(&out->key) + AEAD_TAG_BYTES + (out->key.is_tls13 ? 1 : 0);
	uint32_t bytes = segment > 0 ? segment : SEGMENT_DEFAULT;

	if (out->run_bytes >= MEDIUM_RUN)
		return TLS_PLAINTEXT_MAX;
	if (out->run_bytes >= SMALL_BYTES)
		bytes = bytes > TLS_PLAINTEXT_MAX ? bytes : bytes * MEDIUM_SEGMENTS;
	bytes = bytes > around + CONTENT_MIN ? bytes - around : CONTENT_MIN;
	return u32_min(bytes, TLS_PLAINTEXT_MAX);
}

// How much of rest the next record takes: n bytes, or what lies in whole buffers of these.
static uint32_t content_end(const struct tls_output *out, const struct tls_queue *rest, uint32_t n)
{
	uint32_t whole = 0;

	if (!out->ends_with_buffers || n < LONG_BYTES || n >= rest->bytes)
		return u32_min(n, rest->bytes);
	for (const struct buffer *b = rest->head; b != NULL && b->length <= n - whole; b = b->next)
		whole += b->length;
	return whole >= n - n / 8 ? whole : n;
}

static bool has_tailroom(const struct tls_queue *q, uint32_t n)
{
	return q->tail != NULL && buffer_is_exclusive(q->tail) && buffer_tailroom(q->tail) >= n;
}

// Where the header goes: behind the record before where that leaves room, before the content where
// that is ours, else in a buffer of its own. *from: bytes of it in content's first buffer.
static uint8_t *header_room(struct tls_context *context, struct tls_queue *content,
	struct tls_queue *done, uint32_t n, uint32_t *from)
{
	struct buffer *head = content->head;

	*from = 0;
	if (has_tailroom(done, n) || !buffer_is_exclusive(head) || buffer_headroom(head) < n)
		return tls_queue_room(done, (uint16_t)n, context->buffers);
	head->offset = (uint16_t)(head->offset - n);
	head->length = (uint16_t)(head->length + n);
	content->bytes += n;
	*from = n;
	return buffer_data(head);
}

static void header_write(uint8_t *at, uint8_t type, uint32_t length, const struct tls_key *key)
{
	at[0] = key->is_tls13 ? TYPE_APPLICATION_DATA : type;
	at[1] = 3;
	at[2] = 3;
	be16_store(at + 3, be16_from_host((uint16_t)length));
	// Never twice with one key, and needs no randomness (RFC 5288 3).
	for (uint32_t i = 0; i < EXPLICIT_NONCE_BYTES && key->explicit_nonce; i++)
		at[HEADER_BYTES + i] = (uint8_t)(key->sequence >> (56 - 8 * i));
}

// Room for n bytes behind *done, in a large buffer: its last one's, or a new one if that many bytes
// are to be sealed. NULL: there is none.
static uint8_t *large_room(
	struct tls_context *context, struct tls_queue *done, uint32_t n, uint32_t bytes)
{
	struct buffer_source *source = context->buffers;
	struct buffer *b = done->tail;

	if (!has_tailroom(done, n)) {
		b = source->spare != NULL && bytes >= GATHER_WORTH ? source->spare(source) : NULL;
		if (b == NULL)
			return NULL;
		tls_queue_append(done, b);
	}
	b->length = (uint16_t)(b->length + n);
	done->bytes += n;
	return buffer_data(b) + b->length - n;
}

// Makes content (not empty) one record at the end of *done. ahead: what is sealed next, or NULL.
// False, and nothing changed, when buffers ran out.
static bool record_seal(struct tls_context *context, struct tls_records *t, uint8_t type,
	struct tls_queue *content, const struct buffer *ahead, struct tls_queue *done)
{
	struct tls_key *key = &t->out.key;
	uint32_t before = tls_before(key);
	uint32_t inner_type = key->is_tls13 ? 1 : 0;
	uint32_t length = content->bytes + inner_type;
	uint16_t behind = (uint16_t)(inner_type + AEAD_TAG_BYTES);
	uint8_t *trailer = tls_queue_room(content, behind, context->buffers);
	struct tls_aead aead;
	uint8_t *header;
	uint32_t from;

	if (trailer == NULL)
		return false;
	header = header_room(context, content, done, before, &from);
	if (header == NULL) {
		tls_queue_drop_back(content, behind, context->buffers);
		return false;
	}
	header_write(header, type, before - HEADER_BYTES + length + AEAD_TAG_BYTES, key);
	if (key->is_tls13)
		trailer[0] = type;
	tls_aead_prepare(context, key, header, length, header + HEADER_BYTES, &aead);
	aead.input.ahead = ahead;
	aead_seal_chain(
		context->crypto, &aead.input, content->head, from, length, trailer + inner_type);
	tls_key_used(key, length);
	tls_queue_join(done, content);
	return true;
}

// Long spans are sealed into another buffer, which costs no more than where they lie: there, a
// record is a buffer for each of its spans and one for its tag, until the peer has acknowledged
// them; here, what they were received into is free at once, while it is still in a cache.
static bool is_moved(const struct tls_key *key, const struct tls_queue *content)
{
	return key->aead != AEAD_CHACHA20_POLY1305 && content->bytes >= GATHER_CONTENT_LEAST &&
	       content->bytes > content->buffers * GATHER_SPAN_MOST;
}

// The same in a large buffer. left: bytes behind content. False, and nothing changed: not worth it,
// or no such buffer.
static bool gathered_seal(struct tls_context *context, struct tls_records *t,
	struct tls_queue *content, uint32_t left, struct tls_queue *done)
{
	struct tls_key *key = &t->out.key;
	uint32_t before = tls_before(key);
	uint32_t inner_type = key->is_tls13 ? 1 : 0;
	uint32_t length = content->bytes + inner_type;
	uint32_t whole = before + length + AEAD_TAG_BYTES;
	bool is_copied = tls_is_gathered(key, content->bytes, content->buffers);
	struct tls_aead aead;
	uint8_t *header, *tag;

	if (!is_copied && !is_moved(key, content))
		return false;
	header = large_room(context, done, whole, content->bytes + left);
	if (header == NULL)
		return false;
	header_write(header, TYPE_APPLICATION_DATA, whole - HEADER_BYTES, key);
	tag = header + before + length;
	if (key->is_tls13)
		header[before + content->bytes] = TYPE_APPLICATION_DATA;
	tls_aead_prepare(context, key, header, length, header + HEADER_BYTES, &aead);
	if (is_copied) {
		chain_copy(content->head, 0, content->bytes, header + before);
		aead_seal(context->crypto, &aead.input, header + before, length, tag);
	} else {
		aead_seal_chain_to(context->crypto, &aead.input, content->head, content->bytes,
			header + before, inner_type, tag);
	}
	tls_key_used(key, length);
	tls_queue_clear(content, context->buffers);
	return true;
}

// A record with a few bytes of our own.
static bool bytes_seal(struct tls_context *context, struct tls_records *t, uint8_t type,
	const uint8_t *bytes, uint16_t length, struct tls_queue *done)
{
	struct tls_queue content = {0};
	uint8_t *room = tls_queue_room(&content, length, context->buffers);

	if (room == NULL)
		return false;
	memcpy(room, bytes, length);
	if (record_seal(context, t, type, &content, NULL, done))
		return true;
	tls_queue_clear(&content, context->buffers);
	return false;
}

// RFC 8446 4.6.3: KeyUpdate with the old key, all else with the new one.
static enum tls_verdict key_refresh(
	struct tls_context *context, struct tls_records *t, struct tls_queue *done)
{
	struct tls_output *out = &t->out;
	uint8_t message[] = {24, 0, 0, 1, out->update_request};

	if (tls_key_is_worn(context, &out->key)) {
		if (!out->key.is_tls13)
			return TLS_KEY_SPENT;
		out->update_due = true;
	}
	if (!out->update_due)
		return TLS_SEALED;
	if (!bytes_seal(context, t, TYPE_HANDSHAKE, message, sizeof(message), done))
		return TLS_NO_BUFFER;
	out->update_due = false;
	out->update_request = false;
	tls_key_update(context, &out->key);
	return TLS_SEALED;
}

static enum tls_verdict data_seal(struct tls_context *context, struct tls_records *t,
	uint32_t segment, struct tls_queue *rest, struct tls_queue *done)
{
	struct tls_queue content = {0};
	uint32_t n = content_end(&t->out, rest, content_bytes(&t->out, segment));

	if (!tls_queue_cut(rest, n, context->buffers, &content))
		return TLS_NO_BUFFER;
	if (!gathered_seal(context, t, &content, rest->bytes, done) &&
		!record_seal(context, t, TYPE_APPLICATION_DATA, &content, rest->head, done)) {
		tls_queue_join(&content, rest);
		*rest = content;
		return TLS_NO_BUFFER;
	}
	t->out.run_bytes += n;
	return TLS_SEALED;
}

enum tls_verdict tls_seal(struct tls_context *context, struct tls_records *t, uint32_t segment,
	usec_t now, struct buffer **data, struct buffer **out)
{
	struct tls_queue rest = {0}, done = {0};
	enum tls_verdict v;

	*out = NULL;
	if (t->out.closed)
		return TLS_WRITE_CLOSED;
	if (now - t->out.last > PAUSE_US)
		t->out.run_bytes = 0;
	t->out.last = now;
	if (data != NULL && *data != NULL)
		tls_queue_adopt(&rest, *data);
	v = key_refresh(context, t, &done);
	while (v == TLS_SEALED && rest.bytes > 0) {
		v = data_seal(context, t, segment, &rest, &done);
		if (v == TLS_SEALED && rest.bytes > 0)
			v = key_refresh(context, t, &done);
	}
	if (rest.bytes == 0)
		tls_queue_clear(&rest, context->buffers);
	if (data != NULL)
		*data = tls_queue_chain(&rest);
	*out = tls_queue_chain(&done);
	return v;
}

bool tls_update_key(struct tls_records *t, bool request)
{
	if (!t->out.key.is_tls13)
		return false;
	t->out.update_due = true;
	t->out.update_request |= request;
	return true;
}

static enum tls_verdict alert_seal(struct tls_context *context, struct tls_records *t,
	uint8_t level, enum tls_alert description, struct buffer **out)
{
	uint8_t alert[] = {level, (uint8_t)description};
	struct tls_queue done = {0};

	*out = NULL;
	if (t->out.closed)
		return TLS_WRITE_CLOSED;
	if (!bytes_seal(context, t, TYPE_ALERT, alert, sizeof(alert), &done))
		return TLS_NO_BUFFER;
	t->out.closed = true;
	*out = tls_queue_chain(&done);
	return TLS_SEALED;
}

enum tls_verdict tls_close(struct tls_context *context, struct tls_records *t, struct buffer **out)
{
	return alert_seal(context, t, 1, TLS_ALERT_CLOSE_NOTIFY, out);
}

enum tls_verdict tls_send_alert(struct tls_context *context, struct tls_records *t,
	enum tls_alert description, struct buffer **out)
{
	return alert_seal(context, t, 2, description, out);
}
