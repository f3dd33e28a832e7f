// SPDX-License-Identifier: BSD-3-Clause
// Clients of HTTP/2 behind TLS records, and targets of HTTP/1.1, in virtual time: many requests at
// once, bodies both ways over paths that lose, ends and failures of each of the three.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>
#include <setjmp.h>

#include <cmocka.h>

#include "allocations.h"
#include "core/chain.h"
#include "http/stats.h"
#include "http2/connection.h"
#include "http2/stats.h"
#include "one_rig.h"
#include "secured.h"
#include "stream/relay_impl.h"
#include "stream/secure_impl.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	SESSIONS = 256,
	LEGS = 64,
	REQUESTS = 64,
	HEAD = 2048,
	BIG = 1500000,
	PIECE = 1400,
};

static const char *const own = "10.1.0.2";

struct request {
	int32_t id;
	unsigned int status;
	uint64_t got;
	uint64_t upload; // bytes that are left
	bool has_trailer;
	bool is_over;
	uint32_t code;
};

static struct {
	nghttp2_session *session;
	struct request requests[REQUESTS];
	uint32_t count;
	bool has_goaway;
	uint32_t goaway;
} peer;

// A target's connection: what was asked last, and how much of a body came.
static struct {
	char head[HEAD];
	uint32_t have;
	uint64_t body;
	uint64_t owed;   // bytes of an answer
	uint64_t expect; // bytes of a request's body
	bool is_chunked;
} server[RIG_USERS];

static struct snapshot_http *http;
static uint32_t sessions = SESSIONS;
static bool silent;      // targets do not answer
static char plain[HEAD]; // what a client of HTTP/1.1 got

static struct request *request_of(int32_t id)
{
	for (uint32_t i = 0; i < peer.count; i++)
		if (peer.requests[i].id == id)
			return &peer.requests[i];
	fail_msg("stream %d is nobody's", id);
	return NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags, void *context)
{
	if (name_length == 9 && memcmp(name, "x-trailer", 9) == 0)
		request_of(frame->hd.stream_id)->has_trailer = true;
	if (name_length == 7 && memcmp(name, ":status", 7) == 0)
		request_of(frame->hd.stream_id)->status =
			(unsigned int)strtoul((const char *)value, NULL, 10);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t length, void *context)
{
	struct request *r = request_of(id);

	if (r->status == 200)
		for (size_t i = 0; i < length; i++)
			assert_int_equal(bytes[i], (uint8_t)((r->got + i) * 31 >> 3));
	r->got += length;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct request *r = request_of(id);

	r->is_over = true;
	r->code = code;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		peer.has_goaway = true;
		peer.goaway = frame->goaway.error_code;
	}
	return 0;
}

static void peer_make(void)
{
	nghttp2_session_callbacks *callbacks;

	memset(&peer, 0, sizeof(peer));
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	assert_int_equal(nghttp2_session_client_new(&peer.session, callbacks, NULL), 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void client_say(uint32_t user, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		uint32_t n = (uint32_t)(length < PIECE ? length : PIECE);

		secured_tell(&rig, RIG_CLIENT, user, bytes, n);
		bytes += n;
		length -= n;
	}
}

// What the client's library has to say, as far as its connection takes it.
static void peer_flush(void)
{
	const uint8_t *bytes;
	ssize_t n;

	if (!peer.session || !rig.secured->open[0] || client(0)->connection == TCP_NONE)
		return;
	while (tcp_send_room(rig.host[RIG_CLIENT], client(0)->connection) > 40000 &&
		(n = nghttp2_session_mem_send(peer.session, &bytes)) > 0)
		client_say(0, bytes, (size_t)n);
}

static void target_say(uint32_t user, const void *bytes, uint32_t length)
{
	secured_tell(&rig, RIG_TARGET, user, bytes, length);
}

static void body_send(uint32_t user, uint64_t total)
{
	static uint8_t bytes[PIECE];

	for (uint64_t at = 0; at < total;) {
		uint32_t n = (uint32_t)u64_min(PIECE - 16, total - at);
		uint32_t line = 0;

		if (server[user].is_chunked)
			line = (uint32_t)snprintf((char *)bytes, 16, "%x\r\n", n);
		for (uint32_t i = 0; i < n; i++)
			bytes[line + i] = (uint8_t)((at + i) * 31 >> 3);
		if (server[user].is_chunked) {
			bytes[line++ + n] = '\r';
			bytes[line++ + n] = '\n';
		}
		target_say(user, bytes, line + n);
		at += n;
	}
	if (server[user].is_chunked)
		target_say(user, "0\r\nX-Trailer: 1\r\n\r\n", 19);
}

static void answer(uint32_t user)
{
	char text[256];
	uint64_t bytes = strstr(server[user].head, "/big") ? BIG : 100;

	server[user].is_chunked = strstr(server[user].head, "/chunked") != NULL;
	server[user].have = 0;
	if (silent)
		return;
	if (server[user].is_chunked)
		snprintf(text, sizeof(text),
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	else
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
			(unsigned long long)bytes);
	target_say(user, text, (uint32_t)strlen(text));
	body_send(user, bytes);
}

// A request's head, then a body that ends with the last chunk.
static void server_take(uint32_t user, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		uint32_t n;

		if (server[user].expect > 0) {
			server[user].body++;
			if (--server[user].expect == 0)
				answer(user);
			continue;
		}
		assert_true(server[user].have < HEAD - 1);
		server[user].head[server[user].have++] = (char)bytes[i];
		server[user].head[server[user].have] = 0;
		n = server[user].have;
		if (n < 4 || memcmp(server[user].head + n - 4, "\r\n\r\n", 4) != 0)
			continue;
		if (strstr(server[user].head, "content-length: "))
			server[user].expect = strtoull(
				strstr(server[user].head, "content-length: ") + 16, NULL, 10);
		if (server[user].expect == 0)
			answer(user);
	}
}

static void take(struct rig *r, enum rig_host host, uint32_t user, const struct buffer *chain)
{
	for (const struct buffer *b = chain; b; b = b->next) {
		if (host == RIG_TARGET)
			server_take(user, buffer_data(b), b->length);
		else if (user == 0 && peer.session)
			(void)nghttp2_session_mem_recv(peer.session, buffer_data(b), b->length);
		else
			strncat(plain, (const char *)buffer_data(b),
				u32_min(b->length, (uint32_t)(sizeof(plain) - 1 - strlen(plain))));
	}
}

static int set_up(void **state)
{
	http = calloc(1, sizeof(*http) + sizeof(http->routes[0]));
	assert_non_null(http);
	rig_route_all(http);
	http->http2_streams = 100;
	http->http2_idle_frames = 500;
	http->http2_resets = 50;
	memset(server, 0, sizeof(server));
	memset(plain, 0, sizeof(plain));
	silent = false;
	rig_open_secured(&rig, sessions, LEGS);
	rig.take = take;
	rig.world->listeners[WORLD_TCP].http = http;
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	peer_make();
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	return 0;
}

static int tear_down(void **state)
{
	nghttp2_session_del(peer.session);
	peer.session = NULL;
	rig_close(&rig);
	free(http);
	return 0;
}

static void run(usec_t time)
{
	for (usec_t end = rig.world->now + time; rig.world->now < end;) {
		peer_flush();
		rig_wait(&rig, 1000);
	}
}

// Until all requests are over, at most so long.
static bool finish(usec_t most)
{
	for (usec_t end = rig.world->now + most; rig.world->now < end;) {
		bool over = true;

		run(10000);
		for (uint32_t i = 0; i < peer.count; i++)
			over = over && peer.requests[i].is_over;
		if (over)
			return true;
	}
	return false;
}

static ssize_t upload_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct request *r = source->ptr;
	size_t n = (size_t)u64_min(r->upload, length);

	memset(out, 'u', n);
	r->upload -= n;
	if (r->upload == 0)
		*flags = NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static struct request *ask_with(const char *path, uint64_t upload, const char *extra)
{
#define FIELD(name, value, length)                                                                 \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			length, NGHTTP2_NV_FLAG_NONE                                               \
	}
	struct request *r = &peer.requests[peer.count++];
	nghttp2_data_provider body = {.source = {.ptr = r}, .read_callback = upload_read};
	char number[24];
	int digits = snprintf(number, sizeof(number), "%llu", (unsigned long long)upload);
	const nghttp2_nv fields[] = {
		FIELD(":method", "PUT", 3),
		FIELD(":scheme", "https", 5),
		FIELD(":authority", "www.example", 11),
		FIELD(":path", path, strlen(path)),
		FIELD("x-extra", extra, strlen(extra)),
		FIELD("content-length", number, (size_t)digits),
	};
#undef FIELD

	r->upload = upload;
	r->id = nghttp2_submit_request(
		peer.session, NULL, fields, upload > 0 ? 6 : 5, upload > 0 ? &body : NULL, NULL);
	assert_true(r->id > 0);
	return r;
}

static struct request *ask(const char *path, uint64_t upload)
{
	return ask_with(path, upload, "");
}

static void many_requests_at_once(void **state)
{
	for (uint32_t i = 0; i < 40; i++)
		ask(i % 2 ? "/chunked" : "/small", 0);
	assert_true(finish(SECONDS(5)));
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(peer.requests[i].status, 200);
		assert_int_equal(peer.requests[i].got, 100);
		assert_int_equal(peer.requests[i].code, 0);
		assert_int_equal(peer.requests[i].has_trailer, i % 2);
	}
	assert_non_null(strstr(server[0].head, "X-Forwarded-Proto: https\r\n"));
	assert_non_null(strstr(server[0].head, "Host: www.example\r\n"));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_int_equal(counter_read(&relay_h2_stats(rig.relay)->streams), 40);
}

static void bodies_both_ways(void **state)
{
	// The client's windows are the library's 64 KiB for all.
	ask("/big", 0);
	ask("/chunked/big", 0);
	ask("/small", BIG);
	assert_true(finish(SECONDS(120)));
	assert_int_equal(peer.requests[0].got, BIG);
	assert_int_equal(peer.requests[1].got, BIG);
	assert_int_equal(peer.requests[2].got, 100);
	for (uint32_t i = 0; i < rig.users[RIG_TARGET]; i++)
		if (server[i].body > 0)
			assert_int_equal(server[i].body, BIG);
}

// More answers than may wait for the client at once: each goes on when there is room again.
static void many_large_answers(void **state)
{
	for (uint32_t i = 0; i < 24; i++)
		ask(i % 2 ? "/chunked/big" : "/big", 0);
	assert_true(finish(SECONDS(200)));
	for (uint32_t i = 0; i < 24; i++)
		assert_int_equal(peer.requests[i].got, BIG);
}

static void bodies_over_bad_paths(void **state)
{
	rig.loss_ppm = 20000;
	rig.jitter = 3000;
	bodies_both_ways(state);
}

// Buffers run out now and then: what cannot go on ends, what ended says so, nothing is kept
// or left waiting.
static void buffers_that_fail(void **state)
{
	for (uint32_t i = 0; i < 30; i++)
		ask(i % 3 ? "/chunked/big" : "/small", i % 5 ? 0 : 50000);
	run(100000);
	rig.fail_ppm = 20000;
	run(SECONDS(3));
	rig.fail_ppm = 0;
	assert_true(finish(SECONDS(100)));
}

// One missing buffer costs one request at most, never the connection.
static bool live_through(void **state, uint32_t from)
{
	uint32_t failed = 0;
	bool reached;

	set_up(state);
	run(SECONDS(1));
	rig.fail_from = rig.gets + from;
	rig.fail_count = 1;
	ask("/small", 0);
	ask("/chunked", 0);
	ask("/small", 50000);
	assert_true(finish(SECONDS(20)));
	assert_false(peer.has_goaway);
	for (uint32_t i = 0; i < 3; i++)
		failed += peer.requests[i].code != 0 || peer.requests[i].status != 200;
	assert_in_range(failed, 0, 1);
	reached = rig.gets > rig.fail_from;
	rig.fail_count = 0;
	ask("/small", 0);
	assert_true(finish(SECONDS(5)));
	assert_int_equal(peer.requests[3].status, 200);
	tear_down(state);
	return reached;
}

static void each_buffer_may_be_missing(void **state)
{
	uint32_t from = 0;

	tear_down(state);
	while (live_through(state, from))
		from++;
	assert_in_range(from, 50, 5000);
	set_up(state);
}

static void a_client_that_resets_takes_all_with_it(void **state)
{
	silent = true;
	for (uint32_t i = 0; i < 20; i++)
		ask("/small", 0);
	run(SECONDS(1));
	assert_int_equal(rig.users[RIG_TARGET], 20);
	rig_reset(&rig, RIG_CLIENT, 0);
	run(SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(target(i)->error, ECONNRESET);
}

static void streams_that_are_reset_let_targets_go(void **state)
{
	silent = true;
	for (uint32_t i = 0; i < 20; i++)
		ask("/small", 0);
	run(SECONDS(1));
	for (uint32_t i = 0; i < 20; i++)
		nghttp2_submit_rst_stream(
			peer.session, NGHTTP2_FLAG_NONE, peer.requests[i].id, NGHTTP2_CANCEL);
	run(SECONDS(1));
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(target(i)->error, ECONNRESET);
	silent = false;
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(peer.requests[20].status, 200);
}

static void targets_that_are_deaf_or_gone(void **state)
{
	struct request *r = ask("/small", 0);

	rig.target_deaf = true;
	rig.world->listeners[WORLD_TCP].connect_timeout = SECONDS(1);
	assert_true(finish(SECONDS(10)));
	assert_int_equal(r->status, 504);
	rig.target_deaf = false;
	r = ask("/small", 0);
	silent = true;
	run(SECONDS(1));
	rig_reset(&rig, RIG_TARGET, 0);
	assert_true(finish(SECONDS(5)));
	assert_int_equal(r->status, 502);
	assert_true(r->got > 0);
}

static void a_listener_that_closes(void **state)
{
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	silent = true;
	ask("/small", 0);
	run(SECONDS(1));
	rig.world->listeners[WORLD_TCP].closing = true;
	rig.world->snapshot.generation++;
	run(SECONDS(1));
	assert_true(peer.has_goaway);
	assert_int_equal(peer.goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(rig_sessions(&rig), 1);
	silent = false;
	answer(rig.users[RIG_TARGET] - 1);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(peer.requests[1].status, 200);
	run(SECONDS(6));
	assert_int_equal(rig_sessions(&rig), 0);
}

static void an_idle_client_is_let_go(void **state)
{
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	run(SECONDS(74));
	assert_false(peer.has_goaway);
	run(SECONDS(7));
	assert_true(peer.has_goaway);
	assert_int_equal(rig_sessions(&rig), 0);
}

// One connection to a target serves request after request, whoever's, and goes when nobody wants
// it.
static void targets_are_kept_for_the_next(void **state)
{
	for (uint32_t i = 0; i < 5; i++) {
		ask(i % 2 ? "/chunked" : "/small", 0);
		assert_true(finish(SECONDS(1)));
		assert_int_equal(peer.requests[i].status, 200);
	}
	assert_int_equal(rig.users[RIG_TARGET], 1);
	assert_int_equal(counter_read(&relay_http_stats(rig.relay)->reused), 4);
	// The client goes, and it stays.
	rig_reset(&rig, RIG_CLIENT, 0);
	run(SECONDS(50));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_false(target(0)->ended);
	run(SECONDS(12));
	assert_true(target(0)->ended);
	assert_int_equal(target(0)->error, 0);
}

static void requests_at_once_leave_connections_for_later(void **state)
{
	for (uint32_t i = 0; i < 10; i++)
		ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(rig.users[RIG_TARGET], 10);
	for (uint32_t i = 0; i < 10; i++)
		ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(rig.users[RIG_TARGET], 10);
}

// What cannot be sent again does not go where the target may be about to close.
static void uploads_go_to_fresh_connections(void **state)
{
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	ask("/small", 1000);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(rig.users[RIG_TARGET], 1);
	run(SECONDS(5));
	ask("/small", 1000);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(peer.requests[2].status, 200);
	assert_int_equal(rig.users[RIG_TARGET], 2);
	assert_int_equal(server[1].body, 1000);
}

static void rounds(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		peer.count = 0;
		memset(peer.requests, 0, sizeof(peer.requests));
		for (uint32_t j = 0; j < 10; j++)
			ask(j % 2 ? "/chunked" : "/small", j % 3 ? 0 : 3000);
		assert_true(finish(SECONDS(5)));
		for (uint32_t j = 0; j < 10; j++)
			assert_int_equal(peer.requests[j].status, 200);
	}
}

// Request after request is nothing allocated, and of its library's memory no more is used than by
// those before; some of it stays with streams that ended, up to as many as there may be.
static void a_long_life_takes_no_more_memory(void **state)
{
	const struct h2_memory *memory = &rig.relay->h2->memory;
	uint64_t before;
	uint32_t used, high_water;

	assert_true(allocations_can_be_seen());
	for (int way = 0; way < 2; way++) {
		if (way == 1)
			secured_targets(&rig, rig.users[RIG_TARGET]);
		rounds(15);
		before = allocations_seen();
		used = memory->used;
		high_water = memory->high_water;
		rounds(30);
		assert_int_equal(allocations_seen(), before);
		assert_int_equal(memory->used, used);
		assert_int_equal(memory->high_water, high_water);
		assert_int_equal(rig.users[RIG_TARGET], 10 * (way + 1));
	}
}

// What only waits for a client is not in the way of one: uploads do not take what has lain.
static void kept_connections_give_way(void **state)
{
	enum {
		FEW = 24, // an eighth of them may be kept
		KEPT = 3,
	};

	tear_down(state);
	sessions = FEW;
	set_up(state);
	sessions = SESSIONS;
	for (uint32_t i = 0; i < KEPT; i++)
		ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	run(SECONDS(2));
	assert_int_equal(rig.users[RIG_TARGET], KEPT);
	silent = true;
	for (uint32_t i = 0; i < FEW - KEPT; i++)
		ask("/small", 10);
	run(SECONDS(1));
	assert_true(target(0)->ended);
	assert_false(target(1)->ended || target(2)->ended);
	rig_connect(&rig, own);
	ask("/small", 10);
	run(SECONDS(1));
	for (uint32_t i = 0; i < KEPT; i++)
		assert_true(target(i)->ended);
	assert_int_equal(rig_drops(&rig, DROP_SESSION_TABLE_FULL), 0);
	ask("/small", 10);
	run(SECONDS(1));
	assert_int_equal(rig_drops(&rig, DROP_SESSION_TABLE_FULL), 1);
}

static void kept_connections_that_ended_are_not_taken(void **state)
{
	for (uint32_t i = 0; i < 3; i++)
		ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	rig_reset(&rig, RIG_TARGET, 0);
	tcp_shutdown(rig.host[RIG_TARGET], target(1)->connection, rig.world->now);
	target_say(2, "HTTP/1.1 200 OK\r\n", 17);
	run(SECONDS(1));
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(peer.requests[3].status, 200);
	assert_int_equal(rig.users[RIG_TARGET], 4);
	// Ended at the same moment: it is asked again.
	tcp_shutdown(rig.host[RIG_TARGET], target(3)->connection, rig.world->now);
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(peer.requests[4].status, 200);
}

static void kept_connections_go_with_their_upstream(void **state)
{
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	assert_false(target(0)->ended);
	rig.world->upstreams[WORLD_TCP].generation++;
	rig.world->snapshot.generation++;
	run(SECONDS(1));
	assert_true(target(0)->ended);
	silent = true;
	ask("/small", 0);
	run(SECONDS(1));
	rig.world->upstreams[WORLD_TCP].balance = BALANCE_SOURCE_HASH;
	silent = false;
	answer(1);
	assert_true(finish(SECONDS(1)));
	run(SECONDS(1));
	// Of such a rule each client has its own.
	assert_true(target(1)->ended);
}

// Answers that nobody lets out: the connection ends, also when its end cannot be said.
static void a_client_that_reads_nothing(void **state)
{
	rig.world->listeners[WORLD_TCP].memory = 16384;
	for (uint32_t i = 0; i < 20; i++)
		ask("/big", 0);
	run(SECONDS(1) / 20);
	client(0)->stops_reading = true;
	run(SECONDS(59));
	assert_int_equal(rig_sessions(&rig), 1);
	run(SECONDS(12));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(counter_read(&relay_h2_stats(rig.relay)->ends[H2_ENDING_STALLED]), 1);
	client(0)->stops_reading = false;
}

// What found no buffer waits for room, not for each turn, where the client reads nothing.
static void without_room_there_is_nothing_to_do(void **state)
{
	const nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100 << 20};

	nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, &wide, 1);
	nghttp2_session_set_local_window_size(peer.session, NGHTTP2_FLAG_NONE, 0, 100 << 20);
	run(SECONDS(1));
	client(0)->stops_reading = true;
	for (uint32_t i = 0; i < 20; i++)
		ask("/big", 0);
	run(SECONDS(1) / 10);
	run(SECONDS(5));
	// The last thing before room ran out.
	for (uint32_t i = 0; i < SESSIONS; i++)
		if (rig.relay->framed[i].connection)
			rig.relay->framed[i].connection->is_starved = true;
	ask("/small", 0);
	run(SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_false(relay_has_work(rig.relay));
	client(0)->stops_reading = false;
}

// What is not asked twice.
static void plain_ask(void)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

	memset(plain, 0, sizeof(plain));
	rig_say(&rig, 1, post, sizeof(post) - 1);
	run(SECONDS(1) / 2);
	assert_non_null(strstr(plain, "HTTP/1.1 200 OK\r\n"));
}

static void plain_begin(void)
{
	nghttp2_session_del(peer.session);
	peer.session = NULL;
	rig_reset(&rig, RIG_CLIENT, 0);
	run(SECONDS(1));
	rig.secured->raw = true;
	rig.world->listeners[WORLD_TCP].security = 0;
	secured_targets(&rig, 0);
	client(rig_connect(&rig, own))->keeps_open = true;
}

// A client without TLS takes what an earlier one left of a target with it, whatever others left of
// their shares of a turn.
static void secured_targets_are_kept_for_plain_clients(void **state)
{
	plain_begin();
	for (uint32_t i = 0; i < 3; i++) {
		plain_ask();
		assert_int_equal(rig.users[RIG_TARGET], 1);
		rig.relay->secure->share_left = 0;
	}
	assert_int_equal(counter_read(&relay_http_stats(rig.relay)->reused), 2);
}

// There is no room for another connection: who has no stream gives way, or else who has some.
static void clients_give_way(void **state)
{
	const struct h2_stats *stats = relay_h2_stats(rig.relay);

	silent = true;
	ask("/small", 0);
	run(SECONDS(1));
	rig.relay->h2->connections.capacity = 1;
	for (uint32_t user = 1; user < 3; user++) {
		rig_connect(&rig, own);
		client(user)->keeps_open = true;
		run(SECONDS(1) / 10);
		client_say(user, h2_preface, sizeof(h2_preface));
		run(SECONDS(1) / 10);
		assert_int_equal(client(user - 1)->error, ECONNRESET);
		assert_int_equal(client(user)->error, 0);
		assert_int_equal(counter_read(&stats->ends[H2_ENDING_MEMORY]), user);
	}
	assert_int_equal(target(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 1);
}

// What its target said before the request, read at the same moment, would be a part of the answer.
static void a_secured_target_that_spoke_half_a_record_is_not_taken(void **state)
{
	static const uint8_t half[] = {23, 3, 3, 0, 64, 1, 2, 3};
	struct buffer *b = buffer_heap_get(&buffer_heap_source, sizeof(half));

	plain_begin();
	plain_ask();
	assert_non_null(b);
	memcpy(buffer_data(b), half, sizeof(half));
	b->length = b->total_length = sizeof(half);
	secured_say(&rig, secured_peer(RIG_TARGET, 0), b);
	plain_ask();
	assert_int_equal(rig.users[RIG_TARGET], 2);
}

// A head that was cut by the limit with which its connection began is too long for good: by a
// larger one of today it would pass without its last fields.
static void a_larger_head_limit_is_for_new_connections(void **state)
{
	static char extra[1500];
	struct request *r;

	memset(extra, 'x', sizeof(extra) - 1);
	http->head_bytes = 1024;
	ask("/small", 0);
	assert_true(finish(SECONDS(1)));
	http->head_bytes = 8192;
	r = ask_with("/small", 100, extra);
	assert_true(finish(SECONDS(1)));
	assert_int_equal(r->status, 431);
	assert_null(strstr(server[0].head, "x-extra: x"));
}

// Each connection has those of its listener when it began.
static void limits_are_of_the_listener(void **state)
{
	http->http2_streams = 3;
	http->http2_idle_frames = 10;
	run(SECONDS(1));
	http->http2_streams = 100;
	http->http2_idle_frames = 500;
	assert_int_equal(nghttp2_session_get_remote_settings(
				 peer.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
		3);
	for (uint32_t i = 0; i < 30; i++)
		nghttp2_submit_ping(peer.session, NGHTTP2_FLAG_NONE, NULL);
	run(SECONDS(1));
	assert_true(peer.has_goaway);
	assert_int_equal(peer.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(counter_read(&relay_h2_stats(rig.relay)->ends[H2_ENDING_FRAMES]), 1);
}

// The same listener serves who speaks HTTP/1.1.
static void the_other_version(void **state)
{
	static const char get[] = "PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

	nghttp2_session_del(peer.session);
	peer.session = NULL;
	run(10000);
	for (uint32_t i = 0; i < sizeof(get) - 1; i++) {
		client_say(0, (const uint8_t *)get + i, 1);
		run(5000);
	}
	run(SECONDS(1));
	assert_non_null(strstr(plain, "HTTP/1.1 200 OK\r\n"));
	assert_int_equal(counter_read(&relay_h2_stats(rig.relay)->connections), 0);
}

static void half_a_preface(void **state)
{
	nghttp2_session_del(peer.session);
	peer.session = NULL;
	run(10000);
	client_say(0, (const uint8_t *)"PRI * HTTP/2.0\r\n", 16);
	run(SECONDS(9));
	assert_int_equal(rig_sessions(&rig), 1);
	run(SECONDS(2));
	assert_int_equal(rig_sessions(&rig), 0);
}

int main(void)
{
#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(many_requests_at_once),
		test(bodies_both_ways),
		test(many_large_answers),
		test(bodies_over_bad_paths),
		test(buffers_that_fail),
		test(each_buffer_may_be_missing),
		test(a_client_that_resets_takes_all_with_it),
		test(streams_that_are_reset_let_targets_go),
		test(targets_that_are_deaf_or_gone),
		test(a_listener_that_closes),
		test(an_idle_client_is_let_go),
		test(targets_are_kept_for_the_next),
		test(requests_at_once_leave_connections_for_later),
		test(uploads_go_to_fresh_connections),
		test(a_long_life_takes_no_more_memory),
		test(kept_connections_give_way),
		test(kept_connections_that_ended_are_not_taken),
		test(kept_connections_go_with_their_upstream),
		test(a_client_that_reads_nothing),
		test(without_room_there_is_nothing_to_do),
		test(secured_targets_are_kept_for_plain_clients),
		test(clients_give_way),
		test(a_secured_target_that_spoke_half_a_record_is_not_taken),
		test(a_larger_head_limit_is_for_new_connections),
		test(limits_are_of_the_listener),
		test(the_other_version),
		test(half_a_preface),
	};
#undef test

	return cmocka_run_group_tests(tests, NULL, NULL);
}
