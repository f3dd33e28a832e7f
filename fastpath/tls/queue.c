// SPDX-License-Identifier: BSD-3-Clause
#include "tls/queue.h"

// A copy below this size costs less than a second buffer over the same memory, and frees the rest.
enum {
	COPY_BYTES_MAX = 256,
};

// Found where it is not known.
static struct buffer *tail_of(struct tls_queue *q)
{
	if (q->tail == NULL)
		for (struct buffer *b = q->head; b != NULL; b = b->next)
			q->tail = b;
	return q->tail;
}

void tls_queue_adopt(struct tls_queue *q, struct buffer *chain)
{
	*q = (struct tls_queue){
		.head = chain, .bytes = chain->total_length, .buffers = chain->segments};
}

void tls_queue_append(struct tls_queue *q, struct buffer *chain)
{
	if (chain == NULL)
		return;
	if (q->head == NULL)
		q->head = chain;
	else
		tail_of(q)->next = chain;
	for (; chain != NULL; chain = chain->next) {
		q->tail = chain;
		q->bytes += chain->length;
		q->buffers++;
	}
}

void tls_queue_join(struct tls_queue *q, struct tls_queue *from)
{
	if (from->head == NULL)
		return;
	if (q->head == NULL)
		q->head = from->head;
	else
		tail_of(q)->next = from->head;
	q->tail = from->tail;
	q->bytes += from->bytes;
	q->buffers += from->buffers;
	*from = (struct tls_queue){0};
}

static struct buffer *take_head(struct tls_queue *q)
{
	struct buffer *b = q->head;

	q->head = b->next;
	if (q->head == NULL)
		q->tail = NULL;
	q->bytes -= b->length;
	q->buffers--;
	b->next = NULL;
	return b;
}

static void put_one(struct buffer *b, struct buffer_source *source)
{
	b->segments = 1;
	b->total_length = b->length;
	source->put(source, b);
}

static struct buffer *copy_of(const struct buffer *b, uint16_t n, struct buffer_source *source)
{
	struct buffer *copy = source->get(source, n);

	if (copy == NULL)
		return NULL;
	memcpy(buffer_data(copy), buffer_data(b), n);
	return copy;
}

// The first n bytes of b, fewer than it has, as a buffer of their own; b keeps the others.
static struct buffer *divide(struct buffer *b, uint16_t n, struct buffer_source *source)
{
	bool copies = source->share == NULL || n <= COPY_BYTES_MAX;
	struct buffer *front = copies ? copy_of(b, n, source) : source->share(source, b);

	if (front == NULL)
		return NULL;
	front->length = n;
	b->offset = (uint16_t)(b->offset + n);
	b->length = (uint16_t)(b->length - n);
	return front;
}

// Moves the buffers that lie in the first n bytes whole; how many bytes they have.
static uint32_t cut_whole(struct tls_queue *q, uint32_t n, struct tls_queue *front)
{
	struct buffer *last = NULL, *next = q->head;
	uint32_t bytes = 0, buffers = 0;

	while (bytes < n && next != NULL && next->length <= n - bytes) {
		bytes += next->length;
		buffers++;
		last = next;
		next = next->next;
	}
	if (last == NULL)
		return 0;
	*front = (struct tls_queue){q->head, last, bytes, buffers};
	last->next = NULL;
	*q = (struct tls_queue){
		next, next != NULL ? q->tail : NULL, q->bytes - bytes, q->buffers - buffers};
	return bytes;
}

bool tls_queue_cut(
	struct tls_queue *q, uint32_t n, struct buffer_source *source, struct tls_queue *front)
{
	struct buffer *part;

	n -= cut_whole(q, n, front);
	if (n == 0)
		return true;
	part = divide(q->head, (uint16_t)n, source);
	if (part == NULL) {
		tls_queue_join(front, q);
		*q = *front;
		*front = (struct tls_queue){0};
		return false;
	}
	q->bytes -= n;
	tls_queue_append(front, part);
	return true;
}

uint8_t *tls_queue_room(struct tls_queue *q, uint16_t n, struct buffer_source *source)
{
	struct buffer *b = tail_of(q);
	uint8_t *at;

	if (b == NULL || buffer_tailroom(b) < n || !buffer_is_exclusive(b)) {
		b = source->get(source, BUFFER_HEADROOM);
		if (b == NULL)
			return NULL;
		tls_queue_append(q, b);
	}
	at = buffer_data(b) + b->length;
	b->length = (uint16_t)(b->length + n);
	q->bytes += n;
	return at;
}

void tls_queue_drop_front(struct tls_queue *q, uint32_t n, struct buffer_source *source)
{
	while (q->head != NULL && q->head->length <= n) {
		n -= q->head->length;
		put_one(take_head(q), source);
	}
	if (n == 0)
		return;
	q->head->offset = (uint16_t)(q->head->offset + n);
	q->head->length = (uint16_t)(q->head->length - n);
	q->bytes -= n;
}

void tls_queue_drop_back(struct tls_queue *q, uint32_t n, struct buffer_source *source)
{
	struct buffer *tail = tail_of(q);
	struct tls_queue rest = *q;
	uint32_t keep = q->bytes - n;

	if (n < (tail != NULL ? tail->length : 0u)) {
		tail->length = (uint16_t)(tail->length - n);
		q->bytes = keep;
		return;
	}
	*q = (struct tls_queue){0};
	while (rest.head != NULL && q->bytes < keep) {
		struct buffer *b = take_head(&rest);

		if (b->length > keep - q->bytes)
			b->length = (uint16_t)(keep - q->bytes);
		tls_queue_append(q, b);
	}
	tls_queue_clear(&rest, source);
}

void tls_queue_clear(struct tls_queue *q, struct buffer_source *source)
{
	while (q->head != NULL)
		put_one(take_head(q), source);
	*q = (struct tls_queue){0};
}

struct buffer *tls_queue_chain(struct tls_queue *q)
{
	struct buffer *chain = q->head;

	if (chain != NULL) {
		chain->total_length = q->bytes;
		chain->segments = (uint16_t)q->buffers;
	}
	*q = (struct tls_queue){0};
	return chain;
}
