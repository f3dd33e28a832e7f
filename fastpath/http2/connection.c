// SPDX-License-Identifier: BSD-3-Clause
// A connection's life, and bytes in and out.
#include <stdlib.h>

#include "core/chain.h"
#include "http2/connection_impl.h"

enum {
	PIECE = 1024, // of what is written, at least, in one buffer
	// Of an answer a buffer counts at least so many bytes, however few it has.
	BUFFER_COST = 1024,
	// Memory of the library: of one connection, and of all.
	ACCOUNT_BYTES = 512 << 10,
	CONNECTION_BYTES = 64 << 10,
	MEMORY_MOST = 128 << 20,
	MEMORY_LEAST = 1 << 20,
	// What a client may do at once, in seconds of what it may a second.
	RESETS_BURST = 4,
	FRAMES_BURST = 2,
	ACKS_QUEUED = 100,
	STREAM_WINDOW = 128 << 10,
	CONNECTION_WINDOW = 256 << 10,
	GOAWAY_BYTES = 17,
};

const uint8_t h2_preface[H2_PREFACE] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void *get(size_t bytes, void *context)
{
	return h2_memory_get(context, bytes);
}

static void put(void *block, void *context)
{
	h2_memory_put(context, block);
}

static void *get_zeroed(size_t n, size_t bytes, void *context)
{
	void *block =
		bytes == 0 || n <= UINT32_MAX / bytes ? h2_memory_get(context, n * bytes) : NULL;

	return block ? memset(block, 0, n * bytes) : NULL;
}

static void *resize(void *block, size_t bytes, void *context)
{
	return h2_memory_resize(context, block, bytes);
}

// The library's own objects of these kinds are its heap's: they are made once, here.
static int library_prepare(struct h2_engine *e)
{
	if (nghttp2_session_callbacks_new(&e->callbacks) != 0 ||
		nghttp2_option_new(&e->option) != 0)
		return -ENOMEM;
	h2_callbacks_set(e->callbacks);
	nghttp2_option_set_no_auto_window_update(e->option, 1);
	nghttp2_option_set_no_closed_streams(e->option, 1);
	nghttp2_option_set_max_outbound_ack(e->option, ACKS_QUEUED);
	return 0;
}

int h2_engine_create(uint32_t connections, uint32_t streams, struct buffer_source *buffers,
	struct h2_engine **out)
{
	struct h2_engine *e = calloc(1, sizeof(*e));
	uint64_t memory = u64_min((uint64_t)connections * CONNECTION_BYTES, MEMORY_MOST);
	int error;

	if (!e)
		return -ENOMEM;
	e->buffers = buffers;
	error = pool_init(&e->connections, connections, sizeof(struct h2_connection), false);
	if (error)
		goto no_connections;
	error = pool_init(&e->streams, streams, sizeof(struct h2_stream), false);
	if (error)
		goto no_streams;
	error = h2_memory_create(&e->memory, u32_max((uint32_t)memory, MEMORY_LEAST));
	if (error)
		goto no_memory;
	error = library_prepare(e);
	if (error)
		goto no_library;
	*out = e;
	return 0;

no_library:
	nghttp2_option_del(e->option);
	nghttp2_session_callbacks_del(e->callbacks);
	h2_memory_destroy(&e->memory);
no_memory:
	pool_fini(&e->streams);
no_streams:
	pool_fini(&e->connections);
no_connections:
	free(e);
	return error;
}

void h2_engine_destroy(struct h2_engine *engine)
{
	if (!engine)
		return;
	nghttp2_option_del(engine->option);
	nghttp2_session_callbacks_del(engine->callbacks);
	nx_bug_on(h2_memory_destroy(&engine->memory) != 0);
	nx_bug_on(pool_fini(&engine->streams) != 0);
	nx_bug_on(pool_fini(&engine->connections) != 0);
	free(engine);
}

// As many as there are buffers for.
static size_t put_some(
	struct h2_connection *c, struct tls_queue *q, const uint8_t *from, size_t length)
{
	size_t left = length;

	while (left > 0) {
		struct buffer *b = q->tail;
		uint16_t n;

		if (!b || buffer_tailroom(b) == 0 || !buffer_is_exclusive(b)) {
			b = c->engine->buffers->get(c->engine->buffers, PIECE);
			if (!b)
				break;
			tls_queue_append(q, b);
		}
		n = (uint16_t)u32_min((uint32_t)left, buffer_tailroom(b));
		memcpy(buffer_data(b) + b->length, from, n);
		b->length = (uint16_t)(b->length + n);
		q->bytes += n;
		from += n;
		left -= n;
	}
	return length - left;
}

bool h2_put(struct h2_connection *c, struct tls_queue *q, const void *bytes, size_t length)
{
	size_t n = put_some(c, q, bytes, length);

	if (n < length && n > 0)
		tls_queue_drop_back(q, (uint32_t)n, c->engine->buffers);
	return n == length;
}

static bool session_begin(struct h2_connection *c)
{
	nghttp2_mem mem = {&c->account, get, put, get_zeroed, resize};
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->limits.streams},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->limits.head_bytes},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	return nghttp2_session_server_new3(
		       &c->session, c->engine->callbacks, c, c->engine->option, &mem) == 0 &&
	       nghttp2_submit_settings(
		       c->session, NGHTTP2_FLAG_NONE, settings, nx_array_size(settings)) == 0 &&
	       nghttp2_session_set_local_window_size(
		       c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
}

struct h2_connection *h2_connection_begin(
	struct h2_engine *engine, const struct h2_limits *limits, usec_t now)
{
	uint32_t index = pool_get(&engine->connections);
	struct h2_connection *c;

	if (index == POOL_NONE)
		return NULL;
	c = pool_at(&engine->connections, index);
	*c = (struct h2_connection){.index = index,
		.engine = engine,
		.account = {.memory = &engine->memory, .limit = ACCOUNT_BYTES},
		.limits = *limits,
		.now = now,
		.moved = now,
		.let_out = now};
	rate_init(&c->resets, limits->resets, RESETS_BURST * limits->resets);
	rate_init(&c->frames, limits->idle_frames, FRAMES_BURST * limits->idle_frames);
	c->resets.last = c->frames.last = now;
	TAILQ_INIT(&c->all);
	TAILQ_INIT(&c->woken);
	TAILQ_INIT(&c->waiting);
	counter_add(&engine->stats.connections, 1);
	if (session_begin(c))
		return c;
	counter_add(&engine->stats.ends[H2_ENDING_MEMORY], 1);
	nghttp2_session_del(c->session);
	pool_put(&engine->connections, index);
	return NULL;
}

void h2_connection_end(struct h2_connection *c)
{
	struct h2_stream *s;

	h2_head_clear(c);
	nghttp2_session_del(c->session);
	c->session = NULL;
	while ((s = TAILQ_FIRST(&c->all)) != NULL)
		h2_stream_free(s);
	tls_queue_clear(&c->out, c->engine->buffers);
	if (c->ending == H2_ENDING_NONE)
		counter_add(&c->engine->stats.ends[H2_ENDING_CLIENT], 1);
	pool_put(&c->engine->connections, c->index);
}

static void queued_count(struct h2_stream *s)
{
	uint32_t queued =
		s->out.bytes > 0 ? u32_max(s->out.bytes, s->out.buffers * BUFFER_COST) : 0;

	s->connection->queued += queued - s->queued;
	s->queued = queued;
}

void h2_stream_waits(struct h2_stream *s, bool is_progress)
{
	struct h2_connection *c = s->connection;
	bool waits = !s->is_over && (s->out.bytes > 0 || s->is_shut || s->is_reset);

	queued_count(s);
	if (is_progress || TAILQ_EMPTY(&c->waiting))
		c->let_out = c->now;
	if (s->is_waiting && waits && !is_progress)
		return;
	if (s->is_waiting)
		TAILQ_REMOVE(&c->waiting, s, waiting);
	s->is_waiting = waits;
	s->since = c->now;
	if (waits)
		TAILQ_INSERT_TAIL(&c->waiting, s, waiting);
}

void h2_stream_wake(struct h2_stream *s)
{
	if (s->is_woken)
		return;
	s->is_woken = true;
	TAILQ_INSERT_TAIL(&s->connection->woken, s, woken);
}

void h2_stream_free(struct h2_stream *s)
{
	struct h2_connection *c = s->connection;
	struct h2_engine *e = c->engine;

	// What came and was not read is the connection's to be sent again, in its window.
	if (c->session && s->in.bytes > 0)
		(void)nghttp2_session_consume_connection(c->session, s->in.bytes);
	c->queued -= s->queued;
	tls_queue_clear(&s->head, e->buffers);
	tls_queue_clear(&s->in, e->buffers);
	tls_queue_clear(&s->in_trailer, e->buffers);
	tls_queue_clear(&s->out, e->buffers);
	tls_queue_clear(&s->out_trailer, e->buffers);
	if (s->is_woken)
		TAILQ_REMOVE(&c->woken, s, woken);
	if (s->is_waiting)
		TAILQ_REMOVE(&c->waiting, s, waiting);
	TAILQ_REMOVE(&c->all, s, of_connection);
	c->streams--;
	c->moved = c->now;
	pool_put(&e->streams, s->index);
}

void h2_connection_retry(struct h2_connection *c)
{
	struct h2_stream *s;

	if (!c->lacks)
		return;
	c->lacks = false;
	TAILQ_FOREACH(s, &c->all, of_connection)
	{
		if (s->lacks)
			h2_stream_wake(s);
		s->lacks = false;
	}
}

struct h2_stream *h2_woken_take(struct h2_connection *c)
{
	struct h2_stream *s = TAILQ_FIRST(&c->woken);

	if (!s)
		return NULL;
	TAILQ_REMOVE(&c->woken, s, woken);
	s->is_woken = false;
	return s;
}

// Why the library will not go on.
static enum h2_ending ending_of(const struct h2_connection *c, ssize_t error)
{
	if (c->account.ran_out || error == NGHTTP2_ERR_NOMEM)
		return H2_ENDING_MEMORY;
	if (error == NGHTTP2_ERR_FLOODED)
		return H2_ENDING_FRAMES;
	if (error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
		return H2_ENDING_HEADERS;
	return H2_ENDING_PROTOCOL;
}

void h2_input(struct h2_connection *c, struct buffer *chain, usec_t now)
{
	c->now = now;
	for (struct buffer *b = chain; b && c->ending == H2_ENDING_NONE; b = b->next) {
		ssize_t n = nghttp2_session_mem_recv(c->session, buffer_data(b), b->length);

		if (n < 0)
			h2_connection_finish(c, ending_of(c, n));
	}
	c->engine->buffers->put(c->engine->buffers, chain);
}

static void put32(uint8_t *at, uint32_t n)
{
	at[0] = (uint8_t)(n >> 24);
	at[1] = (uint8_t)(n >> 16);
	at[2] = (uint8_t)(n >> 8);
	at[3] = (uint8_t)n;
}

// The rest of what the library said last. False: it has no buffer yet.
static bool unsent_put(struct h2_connection *c)
{
	size_t n;

	if (c->unsent_bytes == 0)
		return true;
	n = put_some(c, &c->out, c->unsent, c->unsent_bytes);
	c->unsent += n;
	c->unsent_bytes -= n;
	c->is_starved |= c->unsent_bytes > 0;
	return c->unsent_bytes == 0;
}

// The last frame is our own: the library may be past writing any.
static void goaway_put(struct h2_connection *c)
{
	uint8_t frame[GOAWAY_BYTES] = {0, 0, 8, NGHTTP2_GOAWAY};

	put32(frame + 9, (uint32_t)nghttp2_session_get_last_proc_stream_id(c->session));
	put32(frame + 13, h2_ending_code((enum h2_ending)c->ending));
	c->is_last_said = true;
	// Without a buffer the end comes without a word, and behind a part of a frame it is none.
	if (unsent_put(c))
		(void)h2_put(c, &c->out, frame, sizeof(frame));
}

// What the library has to say. False: it broke.
static bool frames_collect(struct h2_connection *c, uint32_t max)
{
	while (unsent_put(c) && c->out.bytes < max && !c->is_starved) {
		ssize_t n = nghttp2_session_mem_send(c->session, &c->unsent);

		if (n == 0)
			break;
		if (n < 0) {
			h2_connection_finish(c, ending_of(c, n));
			return false;
		}
		c->unsent_bytes = (size_t)n;
	}
	return true;
}

static bool is_over(const struct h2_connection *c)
{
	return c->unsent_bytes == 0 && !nghttp2_session_want_read(c->session) &&
	       !nghttp2_session_want_write(c->session);
}

struct buffer *h2_output(struct h2_connection *c, uint32_t max, usec_t now)
{
	c->now = now;
	c->is_starved = false;
	c->out_most = max;
	if (c->ending == H2_ENDING_NONE && frames_collect(c, max) && is_over(c)) {
		// The library has said GOAWAY, or the client has.
		h2_connection_finish(c, c->goes_away       ? H2_ENDING_CLOSING
					: c->client_leaves ? H2_ENDING_CLIENT
							   : ending_of(c, 0));
		c->is_last_said = true;
	}
	if (c->ending != H2_ENDING_NONE && !c->is_last_said)
		goaway_put(c);
	return tls_queue_chain(&c->out);
}

void h2_connection_go_away(struct h2_connection *c)
{
	if (c->goes_away || c->ending != H2_ENDING_NONE)
		return;
	c->goes_away = true;
	if (nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
		    nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL,
		    0) != 0)
		h2_connection_finish(c, H2_ENDING_MEMORY);
}

void h2_connection_finish(struct h2_connection *c, enum h2_ending ending)
{
	if (c->ending != H2_ENDING_NONE)
		return;
	c->ending = (uint8_t)ending;
	counter_add(&c->engine->stats.ends[ending], 1);
}

usec_t h2_connection_due(const struct h2_connection *c, usec_t head_timeout,
	usec_t keepalive_timeout, usec_t stall_timeout)
{
	const struct h2_stream *first = TAILQ_FIRST(&c->waiting);
	usec_t due = UINT64_MAX;

	if (c->head.began != 0)
		due = c->head.began + head_timeout;
	if (c->streams == 0)
		due = u64_min(due, c->moved + keepalive_timeout);
	if (first)
		due = u64_min(due, u64_min(c->let_out, first->since) + stall_timeout);
	return due;
}

// The client takes some answers, and not these. That they are reset waits to be let out too.
static void stalled_reset(struct h2_connection *c, usec_t stall_timeout)
{
	struct h2_stream *s;

	while ((s = TAILQ_FIRST(&c->waiting)) != NULL && c->now >= s->since + stall_timeout) {
		TAILQ_REMOVE(&c->waiting, s, waiting);
		TAILQ_INSERT_TAIL(&c->waiting, s, waiting);
		s->since = c->now;
		if (!s->is_reset)
			h2_stream_reset(s, NGHTTP2_CANCEL);
	}
}

void h2_connection_timer(struct h2_connection *c, usec_t head_timeout, usec_t keepalive_timeout,
	usec_t stall_timeout, usec_t now)
{
	c->now = now;
	if (c->head.began != 0 && now >= c->head.began + head_timeout)
		h2_connection_finish(c, H2_ENDING_HEAD_TIMEOUT);
	else if (c->streams == 0 && now >= c->moved + keepalive_timeout)
		h2_connection_finish(c, H2_ENDING_IDLE);
	else if (!TAILQ_EMPTY(&c->waiting) && now >= c->let_out + stall_timeout)
		h2_connection_finish(c, H2_ENDING_STALLED);
	else
		stalled_reset(c, stall_timeout);
}
