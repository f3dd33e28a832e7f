// SPDX-License-Identifier: BSD-3-Clause
// From TCP's bytes to application data.
#include "core/chain.h"
#include "crypto/secret.h"
#include "tls/record_impl.h"

enum {
	GATHER_BYTES_MAX = 512, // pieces up to this size are copied together
	GATHER_ROOM = 1920,
};

// A small piece behind others that make no record yet: a buffer for each would let a peer that
// sends byte by byte hold thousands of them.
static bool gather(struct tls_context *context, struct tls_input *in, const struct buffer *piece)
{
	struct tls_queue *q = &in->pending;
	struct buffer *b = q->tail;

	if (q->bytes == 0 || piece->length > GATHER_BYTES_MAX)
		return false;
	if (!in->gathering || buffer_tailroom(b) < piece->length || !buffer_is_exclusive(b)) {
		b = context->buffers->get(context->buffers, GATHER_ROOM);
		if (b == NULL)
			return false;
		tls_queue_append(q, b);
		in->gathering = true;
	}
	memcpy(buffer_data(b) + b->length, buffer_data(piece), piece->length);
	b->length = (uint16_t)(b->length + piece->length);
	q->bytes += piece->length;
	return true;
}

void tls_push(struct tls_context *context, struct tls_records *t, struct buffer *chain)
{
	bool drop = t->in.verdict != TLS_WANT_MORE;

	// As a whole, where its buffers are not small on average.
	if (!drop && chain != NULL && chain->total_length > chain->segments * GATHER_BYTES_MAX) {
		if (t->in.pending.head == NULL)
			tls_queue_adopt(&t->in.pending, chain);
		else
			tls_queue_append(&t->in.pending, chain);
		t->in.gathering = false;
		return;
	}
	while (chain != NULL) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		b->segments = 1;
		b->total_length = b->length;
		if (drop || b->length == 0 || gather(context, &t->in, b)) {
			context->buffers->put(context->buffers, b);
			continue;
		}
		tls_queue_append(&t->in.pending, b);
		t->in.gathering = false;
	}
}

// Whether a header can be right: TLS_DATA, or what is wrong with it.
static enum tls_verdict header_judge(const struct tls_records *t, const uint8_t *header)
{
	const struct tls_key *key = &t->in.key;
	uint32_t length = (uint32_t)header[3] << 8 | header[4];
	uint32_t least = AEAD_TAG_BYTES + (key->is_tls13 ? 1 : tls_before(key) - HEADER_BYTES);

	// RFC 8446 5.2: all that is protected calls itself application data, and its version is
	// not looked at: the tag covers it.
	if (key->is_tls13 && header[0] != TYPE_APPLICATION_DATA)
		return TLS_UNEXPECTED_TYPE;
	if (header[0] < TYPE_ALERT || header[0] > TYPE_APPLICATION_DATA)
		return TLS_UNEXPECTED_TYPE;
	if (!key->is_tls13 && (header[1] != 3 || header[2] != 3))
		return TLS_BAD_VERSION;
	if (length > CIPHERTEXT_MAX)
		return TLS_RECORD_TOO_LONG;
	return length < least ? TLS_RECORD_TOO_SHORT : TLS_DATA;
}

// The header and the tag mostly lie in one buffer.
static void header_read(const struct tls_queue *q, uint8_t header[HEADER_BYTES])
{
	if (nx_likely(q->head->length >= HEADER_BYTES))
		memcpy(header, buffer_data(q->head), HEADER_BYTES);
	else
		chain_copy(q->head, 0, HEADER_BYTES, header);
}

// Where it lies, or its copy in room.
static const uint8_t *tag_find(const struct tls_queue *record, uint8_t room[AEAD_TAG_BYTES])
{
	const struct buffer *tail = record->tail;

	if (nx_likely(tail->length >= AEAD_TAG_BYTES))
		return buffer_data(tail) + tail->length - AEAD_TAG_BYTES;
	chain_copy(record->head, record->bytes - AEAD_TAG_BYTES, AEAD_TAG_BYTES, room);
	return room;
}

// Cuts the next whole record off: TLS_DATA, TLS_WANT_MORE, TLS_NO_BUFFER or a fatal verdict.
static enum tls_verdict record_cut(struct tls_context *context, struct tls_records *t,
	uint8_t header[HEADER_BYTES], struct tls_queue *record)
{
	struct tls_queue *q = &t->in.pending;
	enum tls_verdict v;
	uint32_t whole;

	if (q->bytes < HEADER_BYTES)
		return TLS_WANT_MORE;
	header_read(q, header);
	v = header_judge(t, header);
	if (v != TLS_DATA)
		return v;
	whole = HEADER_BYTES + ((uint32_t)header[3] << 8 | header[4]);
	if (q->bytes < whole)
		return TLS_WANT_MORE;
	return tls_queue_cut(q, whole, context->buffers, record) ? TLS_DATA : TLS_NO_BUFFER;
}

void tls_large_put(struct tls_context *context, struct tls_records *t)
{
	if (t->in.large != NULL)
		context->buffers->put(context->buffers, t->in.large);
	t->in.large = NULL;
}

// A buffer for length bytes of a record, behind those before it in a large one. NULL: not worth it,
// or there is none.
static struct buffer *gathered_part(struct tls_context *context, struct tls_records *t,
	const struct tls_queue *record, uint32_t length)
{
	struct buffer_source *source = context->buffers;
	struct tls_input *in = &t->in;
	struct buffer *part;

	if (!tls_is_gathered(&in->key, length, record->buffers) || source->share == NULL)
		return NULL;
	if (in->large == NULL || buffer_tailroom(in->large) < length) {
		if (source->spare == NULL || length + in->pending.bytes < GATHER_WORTH)
			return NULL;
		tls_large_put(context, t);
		in->large = source->spare(source);
	}
	part = in->large != NULL ? source->share(source, in->large) : NULL;
	if (part == NULL)
		return NULL;
	part->offset = (uint16_t)(part->offset + in->large->length);
	part->length = (uint16_t)length;
	part->next = NULL;
	in->large->length = (uint16_t)(in->large->length + length);
	return part;
}

// Checks and decrypts the payload that lies around `before` bytes of header and a tag, and leaves
// it alone in *record.
static bool payload_open(struct tls_context *context, struct tls_records *t,
	const struct aead_input *in, uint32_t before, struct tls_queue *record)
{
	uint32_t length = record->bytes - before - AEAD_TAG_BYTES;
	struct buffer *part = gathered_part(context, t, record, length);
	uint8_t room[AEAD_TAG_BYTES];
	const uint8_t *tag = tag_find(record, room);
	bool is_right;

	if (nx_likely(part == NULL)) {
		if (!aead_open_chain(context->crypto, in, record->head, before, length, tag))
			return false;
		tls_queue_drop_front(record, before, context->buffers);
		tls_queue_drop_back(record, AEAD_TAG_BYTES, context->buffers);
		return true;
	}
	chain_copy(record->head, before, length, buffer_data(part));
	is_right = aead_open(context->crypto, in, buffer_data(part), length, tag);
	tls_queue_clear(record, context->buffers);
	tls_queue_append(record, part);
	if (t->in.pending.bytes < GATHER_CONTENT_LEAST)
		tls_large_put(context, t);
	return is_right;
}

// Checks and decrypts; leaves the inner plaintext in *record.
static enum tls_verdict record_decrypt(struct tls_context *context, struct tls_records *t,
	const uint8_t *header, struct tls_queue *record)
{
	struct tls_key *key = &t->in.key;
	uint32_t before = tls_before(key);
	uint32_t length = record->bytes - before - AEAD_TAG_BYTES;
	uint8_t nonce[EXPLICIT_NONCE_BYTES] = {0};
	struct tls_aead aead;

	if (key->sequence == UINT64_MAX)
		return TLS_KEY_SPENT;
	if (key->explicit_nonce)
		chain_copy(record->head, HEADER_BYTES, sizeof(nonce), nonce);
	tls_aead_prepare(context, key, header, length, nonce, &aead);
	aead.input.ahead = t->in.pending.head;
	if (!payload_open(context, t, &aead.input, before, record))
		return TLS_BAD_RECORD;
	t->in.opened++;
	tls_key_used(key, length);
	// RFC 8446 5.4: type and padding count; their limit is one byte more.
	if (length > TLS_PLAINTEXT_MAX + (key->is_tls13 ? 1u : 0u))
		return TLS_PLAINTEXT_TOO_LONG;
	return TLS_DATA;
}

// Bytes before the last that is not zero, which is in *type; false when all are zero. One pass over
// a record at most, and mostly a look at its last byte.
static bool content_end(const struct tls_queue *record, uint32_t *length, uint8_t *type)
{
	const struct buffer *tail = record->tail;
	uint32_t before = 0;
	bool found = false;

	if (tail->length > 0 && buffer_data(tail)[tail->length - 1] != 0) {
		*length = record->bytes - 1;
		*type = buffer_data(tail)[tail->length - 1];
		return true;
	}
	for (const struct buffer *b = record->head; b != NULL; b = b->next) {
		uint32_t n = b->length;

		while (n > 0 && buffer_data(b)[n - 1] == 0)
			n--;
		if (n > 0) {
			found = true;
			*length = before + n - 1;
			*type = buffer_data(b)[n - 1];
		}
		before += b->length;
	}
	return found;
}

// RFC 8446 5.2, 5.4: the content of an inner plaintext and its type.
static enum tls_verdict inner_strip(
	struct tls_context *context, struct tls_queue *record, uint8_t *type)
{
	uint32_t length;

	if (!content_end(record, &length, type))
		return TLS_NO_CONTENT_TYPE;
	tls_queue_drop_back(record, record->bytes - length, context->buffers);
	return TLS_DATA;
}

// Content by type: TLS_DATA and TLS_MESSAGE leave it to the caller; TLS_WANT_MORE: nothing in it.
static enum tls_verdict content_take(struct tls_context *context, struct tls_records *t,
	uint8_t type, const struct tls_queue *content)
{
	struct tls_input *in = &t->in;

	// RFC 8446 5.1: a message's pieces come without anything between them.
	if (type != TYPE_HANDSHAKE && (in->message_left > 0 || in->message_have > 0))
		return TLS_MESSAGE_INTERLEAVED;
	if (type == TYPE_APPLICATION_DATA && content->bytes > 0) {
		in->without_data = 0;
		return TLS_DATA;
	}
	if (++in->without_data > WITHOUT_DATA_MAX)
		return TLS_NO_PROGRESS;
	if (type == TYPE_APPLICATION_DATA)
		return TLS_WANT_MORE;
	if (type != TYPE_ALERT && type != TYPE_HANDSHAKE)
		return TLS_UNEXPECTED_TYPE;
	if (content->bytes == 0)
		return TLS_EMPTY_FRAGMENT;
	return type == TYPE_ALERT ? tls_alert_take(t, content->head)
				  : tls_handshake_take(context, t, content->head, content->bytes);
}

// A key that has read as much as one may: have the peer change it (RFC 8446 5.5).
static void input_wear(struct tls_context *context, struct tls_records *t)
{
	struct tls_key *key = &t->in.key;

	if (!key->is_tls13 || t->in.update_asked || !tls_key_is_worn(context, key))
		return;
	t->in.update_asked = true;
	tls_update_key(t, true);
}

static enum tls_verdict record_next(
	struct tls_context *context, struct tls_records *t, struct tls_queue *record)
{
	uint8_t header[HEADER_BYTES];
	enum tls_verdict v = record_cut(context, t, header, record);
	uint8_t type;

	if (v != TLS_DATA)
		return v;
	v = record_decrypt(context, t, header, record);
	if (v != TLS_DATA)
		return v;
	input_wear(context, t);
	type = header[0];
	if (t->in.key.is_tls13) {
		v = inner_strip(context, record, &type);
		if (v != TLS_DATA)
			return v;
	}
	return content_take(context, t, type, record);
}

// At most WITHOUT_DATA_MAX records are read that give nothing.
enum tls_verdict tls_next(struct tls_context *context, struct tls_records *t, struct buffer **out)
{
	for (;;) {
		struct tls_queue record = {0};
		uint32_t before = t->in.pending.bytes;
		enum tls_verdict v = (enum tls_verdict)t->in.verdict;

		if (v != TLS_WANT_MORE)
			return v;
		v = record_next(context, t, &record);
		if (v == TLS_DATA || v == TLS_MESSAGE) {
			*out = tls_queue_chain(&record);
			return v;
		}
		tls_queue_clear(&record, context->buffers);
		tls_large_put(context, t);
		if (v == TLS_CLOSED || tls_verdict_is_fatal(v)) {
			t->in.verdict = (uint8_t)v;
			tls_queue_clear(&t->in.pending, context->buffers);
			return v;
		}
		if (v == TLS_NO_BUFFER || t->in.pending.bytes == before)
			return v;
	}
}

enum tls_verdict tls_input_end(struct tls_context *context, struct tls_records *t)
{
	tls_large_put(context, t);
	if (t->in.verdict == TLS_WANT_MORE)
		t->in.verdict = TLS_TRUNCATED;
	tls_queue_clear(&t->in.pending, context->buffers);
	return (enum tls_verdict)t->in.verdict;
}
