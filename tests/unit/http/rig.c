// SPDX-License-Identifier: BSD-3-Clause
#include "unit/http/rig.h"

#include <stdlib.h>

#include "core/chain.h"

enum {
	BUFFER_BYTES = 2048,
};

static struct buffer *receive(void *context, uint32_t session, unsigned int leg, uint32_t max)
{
	struct rig *rig = context;

	return tls_queue_chain(&rig->legs[leg].in);
}

static bool has_ended(void *context, uint32_t session, unsigned int leg)
{
	struct rig *rig = context;

	return rig->legs[leg].ended && rig->legs[leg].in.bytes == 0;
}

static uint32_t room(void *context, uint32_t session, unsigned int leg)
{
	struct rig *rig = context;

	return rig->legs[leg].room;
}

static void send(void *context, uint32_t session, unsigned int leg, struct buffer *chain)
{
	struct rig *rig = context;
	struct rig_leg *l = &rig->legs[leg];
	uint32_t n = u32_min(chain->total_length, RIG_OUT - l->got);

	nx_bug_on(l->shut);
	nx_bug_on(chain_copy(chain, 0, n, l->out + l->got) != n);
	l->got += n;
	buffer_heap_source.put(&buffer_heap_source, chain);
}

static bool head(void *context, uint32_t session, uint8_t *text, uint32_t length, bool is_last)
{
	struct rig *rig = context;
	struct rig_leg *l = &rig->legs[HTTP_CLIENT];

	nx_bug_on(l->shut || length > RIG_OUT);
	length = u32_min(length, RIG_OUT - l->got);
	memcpy(l->out + l->got, text, length);
	l->got += length;
	rig->is_last = is_last;
	return !rig->is_speechless;
}

static bool trailer(void *context, uint32_t session, uint8_t *text, uint32_t length)
{
	struct rig *rig = context;

	nx_bug_on(length >= sizeof(rig->trailer));
	memcpy(rig->trailer, text, length);
	rig->trailer[length] = 0;
	return true;
}

static void shut(void *context, uint32_t session)
{
	struct rig *rig = context;

	nx_bug_on(rig->legs[HTTP_CLIENT].shut);
	rig->legs[HTTP_CLIENT].shut = true;
}

static bool is_current(void *context, uint32_t session)
{
	struct rig *rig = context;

	return !rig->is_stale;
}

static enum http_reason begin_connect(void *context, uint32_t session, uint16_t upstream)
{
	struct rig *rig = context;

	rig->connects++;
	rig->upstream = upstream;
	rig->legs[HTTP_TARGET].ended = false;
	return rig->refuses;
}

static bool park(void *context, uint32_t session)
{
	struct rig *rig = context;

	if (!rig->parks)
		return false;
	rig->parked++;
	return true;
}

static bool unpark(void *context, uint32_t session, uint16_t upstream, bool is_fresh)
{
	struct rig *rig = context;

	if (rig->parked == 0 || (is_fresh && rig->is_old))
		return false;
	rig->parked--;
	rig->unparked++;
	rig->legs[HTTP_TARGET].ended = false;
	return true;
}

static void disconnect(void *context, uint32_t session, bool reset)
{
	struct rig *rig = context;

	rig->disconnects++;
	rig->legs[HTTP_TARGET].ended = false;
	tls_queue_clear(&rig->legs[HTTP_TARGET].in, &buffer_heap_source);
}

static void evict(void *context, uint32_t session)
{
	struct rig *rig = context;

	rig->evicted = session;
	http_conversation_end(rig->gateway, session, rig->now);
}

static void log_exchange(void *context, uint32_t session, struct http_record *record)
{
	struct rig *rig = context;

	rig->logged++;
	rig->record = *record;
}

static struct snapshot_http_route *route_add(struct snapshot_http *http, uint32_t i, uint32_t path,
	uint16_t path_length, uint16_t upstream)
{
	http->routes[i] = (struct snapshot_http_route){
		.path = path, .path_length = path_length, .upstream = upstream};
	http->any++;
	return &http->routes[i];
}

static struct snapshot_http *http_make(void)
{
	static const char texts[] = "/api/oldhttps://new.example";
	size_t text = sizeof(struct snapshot_http) + 3 * sizeof(struct snapshot_http_route);
	struct snapshot_http *http = calloc(1, text + sizeof(texts));
	struct snapshot_http_route *old;

	nx_bug_on(!http);
	memcpy((char *)http + text, texts, sizeof(texts));
	http->text = (uint32_t)text;
	http->references = 1;
	http->head_bytes = 4096;
	http->head_fields = 64;
	http->head_timeout = 10 * USEC_PER_SECOND;
	http->keepalive_timeout = 75 * USEC_PER_SECOND;
	http->response_timeout = 60 * USEC_PER_SECOND;
	route_add(http, 0, 0, 4, 1)->strip_prefix = true;
	old = route_add(http, 1, 4, 4, SLOT_NONE);
	old->redirect = 8;
	old->redirect_length = (uint16_t)strlen("https://new.example");
	old->status = 308;
	old->keep_path = old->keep_query = true;
	route_add(http, 2, 0, 0, 0);
	return http;
}

void rig_init(struct rig *rig)
{
	static const struct http_io io = {
		.receive = receive,
		.has_ended = has_ended,
		.room = room,
		.send = send,
		.head = head,
		.trailer = trailer,
		.shut = shut,
		.is_current = is_current,
		.connect = begin_connect,
		.park = park,
		.unpark = unpark,
		.disconnect = disconnect,
		.evict = evict,
		.log = log_exchange,
	};

	memset(rig, 0, sizeof(*rig));
	rig->now = USEC_PER_SECOND;
	rig->http = http_make();
	nx_bug_on(http_gateway_create(&(struct http_gateway_config){.conversations = RIG_SESSIONS,
					      .slabs = 2,
					      .buffers = &buffer_heap_source,
					      .io = &io,
					      .context = rig},
			  &rig->gateway) != 0);
	rig_begin(rig);
}

static void clear(struct rig *rig)
{
	for (uint32_t session = 0; session < RIG_SESSIONS; session++)
		http_conversation_end(rig->gateway, session, rig->now);
	for (unsigned int leg = 0; leg < 2; leg++)
		tls_queue_clear(&rig->legs[leg].in, &buffer_heap_source);
}

void rig_fini(struct rig *rig)
{
	clear(rig);
	http_gateway_destroy(rig->gateway);
	free(rig->http);
}

void rig_begin(struct rig *rig)
{
	struct flow_key announced = {0};

	clear(rig);
	nx_bug_on(!ip_address_parse("192.0.2.7", &announced.source));
	for (unsigned int leg = 0; leg < 2; leg++) {
		rig->legs[leg].got = 0;
		rig->legs[leg].ended = rig->legs[leg].shut = false;
		rig->legs[leg].room = 1 << 20;
	}
	rig->outcome = HTTP_GOES_ON;
	rig->trailer[0] = 0;
	rig->connects = rig->disconnects = rig->logged = 0;
	http_conversation_begin(rig->gateway, 0, &announced, 0, false, NULL, rig->now);
	if (rig->is_framed)
		http_conversation_frame(
			rig->gateway, 0, rig->http ? rig->http->head_bytes : HTTP_HEAD_MAX);
}

void rig_run(struct rig *rig)
{
	if (rig->outcome != HTTP_GOES_ON)
		return;
	rig->outcome = http_conversation_run(
		rig->gateway, 0, rig->http, rig->closes, 300 * USEC_PER_SECOND, rig->now);
	while (rig->outcome == HTTP_GOES_ON && !rig->holds &&
		rig->gateway->conversations[0].target == HTTP_TARGET_CONNECTING)
		rig_connected(rig);
}

void rig_send(struct rig *rig, unsigned int leg, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	size_t most = rig->piece > 0 ? rig->piece : BUFFER_BYTES;

	while (length > 0 && rig->outcome == HTTP_GOES_ON) {
		size_t n = length < most ? length : most;
		struct buffer *b = buffer_heap_get(&buffer_heap_source, (uint32_t)n);

		nx_bug_on(!b);
		memcpy(buffer_data(b), from, n);
		b->length = (uint16_t)n;
		b->total_length = (uint32_t)n;
		tls_queue_append(&rig->legs[leg].in, b);
		from += n;
		length -= n;
		rig_run(rig);
	}
}

void rig_say(struct rig *rig, unsigned int leg, const char *text)
{
	rig_send(rig, leg, text, strlen(text));
}

void rig_end(struct rig *rig, unsigned int leg)
{
	rig->legs[leg].ended = true;
	rig_run(rig);
}

void rig_connected(struct rig *rig)
{
	http_conversation_connected(rig->gateway, 0, rig->now);
	rig->outcome = http_conversation_run(
		rig->gateway, 0, rig->http, rig->closes, 300 * USEC_PER_SECOND, rig->now);
}

const char *rig_take(struct rig *rig, unsigned int leg)
{
	struct rig_leg *l = &rig->legs[leg];

	l->out[l->got] = 0;
	l->got = 0;
	return (const char *)l->out;
}
