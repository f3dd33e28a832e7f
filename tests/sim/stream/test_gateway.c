// SPDX-License-Identifier: BSD-3-Clause
// Clients of HTTP/1.1 and their targets in virtual time, where buffers are missing: each one in
// turn, and many of them; and where connections to targets are parked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/stats.h"
#include "one_rig.h"
#include "stream/relay_impl.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	SESSIONS = 64,
	TEXT = 8192,
	PART = 1000,
	PARTS = 4,
	PARKED = SESSIONS / 8, // at most
};

static const char *const own = "10.1.0.2";
static const char small[] = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
static const char chunked[] = "GET /chunked HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n";
static const char upload[] =
	"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char last_chunk[] = "0\r\nX-Sum: 1\r\n\r\n";

static struct snapshot_http *http;
static char got[TEXT];              // by the client, of the answer that it waits for
static char asked[RIG_USERS][TEXT]; // of each connection to a target

static void target_say(uint32_t user, const char *text)
{
	(void)tcp_send(
		rig.host[RIG_TARGET], target(user)->connection, rig_text(text), 0, rig.world->now);
}

// A chunk of digits that say where they are, "3e8\r\n" before them.
static const char *part(void)
{
	static char text[PART + 8];
	int n = snprintf(text, sizeof(text), "%x\r\n", PART);

	for (int i = 0; i < PART; i++)
		text[n + i] = (char)('0' + i % 10);
	memcpy(text + n + PART, "\r\n", 3);
	return text;
}

static void answer(uint32_t user)
{
	bool is_chunked = strncmp(asked[user], chunked, 12) == 0;

	asked[user][0] = 0;
	if (!is_chunked) {
		target_say(user, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
		return;
	}
	target_say(user, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < PARTS; i++)
		target_say(user, part());
	target_say(user, last_chunk);
}

static void append(char *text, const struct buffer *b)
{
	size_t have = strlen(text);

	assert_true(have + b->length < TEXT);
	memcpy(text + have, buffer_data(b), b->length);
	text[have + b->length] = 0;
}

// A request is whole: its body too, if it has one, of which no byte may be another.
static bool is_whole(const char *text)
{
	const char *body = strstr(text, "\r\n\r\n");

	if (!body || strncmp(text, upload, 12) != 0)
		return body != NULL;
	body += 4;
	for (int i = 0; i < PARTS; i++) {
		size_t n = strnlen(body, strlen(part()));

		assert_memory_equal(body, part(), n);
		if (n < strlen(part()))
			return false;
		body += n;
	}
	return strlen(body) >= 5 && strcmp(body + strlen(body) - 4, "\r\n\r\n") == 0;
}

static void take(struct rig *r, enum rig_host host, uint32_t user, const struct buffer *chain)
{
	for (const struct buffer *b = chain; b; b = b->next)
		append(host == RIG_TARGET ? asked[user] : got, b);
	if (host == RIG_TARGET && is_whole(asked[user]))
		answer(user);
}

static bool ends_with(const char *end)
{
	size_t length = strlen(got);

	return length >= strlen(end) && strcmp(got + length - strlen(end), end) == 0;
}

static bool is_over(void)
{
	return client(0)->connection == TCP_NONE || client(0)->ended ||
	       ends_with("\r\n\r\nhello") || ends_with("is short\n") || ends_with(last_chunk);
}

// Whether the whole answer came. Without it the answer is 503, or the connection's end.
static bool ask(const char *request, bool uploads)
{
	if (client(0)->connection == TCP_NONE || client(0)->ended)
		return false;
	got[0] = 0;
	rig_say(&rig, 0, request, (uint32_t)strlen(request));
	for (int i = 0; uploads && i < PARTS && client(0)->connection != TCP_NONE; i++) {
		rig_say(&rig, 0, part(), (uint32_t)strlen(part()));
		rig_wait(&rig, 20000);
	}
	if (uploads && client(0)->connection != TCP_NONE)
		rig_say(&rig, 0, last_chunk, sizeof(last_chunk) - 1);
	for (int i = 0; i < 100 && !is_over(); i++)
		rig_wait(&rig, SECONDS(1) / 10);
	assert_true(is_over());
	return strstr(got, "HTTP/1.1 200 OK\r\n") != NULL;
}

static void begin(void)
{
	http = calloc(1, sizeof(*http) + sizeof(http->routes[0]));
	assert_non_null(http);
	http->references = 1;
	http->head_bytes = 8192;
	http->head_fields = 100;
	http->head_timeout = SECONDS(10);
	http->keepalive_timeout = SECONDS(75);
	http->response_timeout = SECONDS(60);
	http->any = 1;
	http->routes[0].upstream = WORLD_TCP;
	http->text = sizeof(*http) + sizeof(http->routes[0]);
	memset(asked, 0, sizeof(asked));
	rig_open(&rig, SESSIONS);
	rig.take = take;
	rig.world->listeners[WORLD_TCP].http = http;
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(5));
}

static void end(void)
{
	rig_reset(&rig, RIG_CLIENT, 0);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 0);
	rig_close(&rig);
	free(http);
}

static uint32_t failures; // requests that were not served

// One missing buffer costs one request at most, and never the connection; who uploads while it is
// missing may be told to go.
static bool live_through(uint32_t from)
{
	uint32_t failed = 0;
	bool reached;

	begin();
	rig.fail_from = rig.gets + from;
	rig.fail_count = 1;
	failed += !ask(small, false);
	failed += !ask(chunked, false);
	failed += !ask(small, false);
	assert_int_not_equal(client(0)->connection, TCP_NONE);
	assert_false(client(0)->ended);
	failed += !ask(upload, true);
	assert_in_range(failed, 0, 1);
	failures += failed;
	reached = rig.gets > rig.fail_from;
	end();
	return reached;
}

static void each_buffer_may_be_missing(void **state)
{
	uint32_t from = 0;

	failures = 0;
	while (live_through(from))
		from++;
	assert_in_range(from, 20, 2000);
	assert_in_range(failures, 0, 8);
}

// Whatever is missing, and however much: each request comes to an end, and nothing is kept.
static void many_buffers_may_be_missing(void **state)
{
	for (uint32_t from = 0; from < 60; from += 3) {
		begin();
		rig.fail_from = rig.gets + from;
		rig.fail_count = 10;
		ask(chunked, false);
		ask(upload, true);
		end();
	}
}

// So many clients at once, each with a connection to a target of its own.
static void ask_together(uint32_t clients, uint16_t upstream)
{
	http->routes[0].upstream = upstream;
	got[0] = 0;
	for (uint32_t i = 0; i < clients; i++)
		rig_say(&rig, i, small, sizeof(small) - 1);
	rig_wait(&rig, SECONDS(1));
	for (uint32_t i = 0; i < clients; i++)
		assert_false(client(i)->ended);
}

static uint32_t parked(uint16_t upstream)
{
	return rig.relay->parking[upstream].count;
}

// Who came first keeps what nobody else asks for, and of what others do his share, the newest.
static void upstreams_share_what_is_parked(void **state)
{
	begin();
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 1, "10.2.0.1", 80, 1);
	for (uint32_t i = 1; i < PARKED; i++)
		client(rig_connect(&rig, own))->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	ask_together(PARKED, WORLD_TCP);
	assert_int_equal(parked(WORLD_TCP), PARKED);
	assert_int_equal(rig.users[RIG_TARGET], PARKED);
	ask_together(1, WORLD_UDP);
	assert_int_equal(parked(WORLD_TCP), PARKED - 1);
	assert_int_equal(parked(WORLD_UDP), 1);
	assert_true(target(0)->ended);
	assert_false(target(PARKED - 1)->ended);
	ask_together(1, WORLD_UDP);
	assert_int_equal(rig.users[RIG_TARGET], PARKED + 1);
	ask_together(PARKED, WORLD_UDP);
	assert_int_equal(parked(WORLD_TCP), PARKED / 2);
	assert_int_equal(parked(WORLD_UDP), PARKED / 2);
	for (uint32_t i = 1; i < PARKED; i++)
		rig_reset(&rig, RIG_CLIENT, i);
	end();
}

// What is above an upstream's bound stays with its client; none is anybody's where there is to be
// none, nor what already was when it came to that.
static void an_upstream_keeps_what_it_may(void **state)
{
	enum {
		BOUND = 3,
		CLIENTS = 5,
	};
	uint32_t before;

	begin();
	rig.world->upstreams[WORLD_TCP].idle_connections = BOUND;
	for (uint32_t i = 1; i < CLIENTS; i++)
		client(rig_connect(&rig, own))->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	ask_together(CLIENTS, WORLD_TCP);
	assert_int_equal(parked(WORLD_TCP), BOUND);
	assert_int_equal(rig.users[RIG_TARGET], CLIENTS);
	// All five serve once more, wherever they lay.
	ask_together(CLIENTS, WORLD_TCP);
	assert_int_equal(parked(WORLD_TCP), BOUND);
	assert_int_equal(rig.users[RIG_TARGET], CLIENTS);
	rig.world->upstreams[WORLD_TCP].idle_connections = 0;
	ask_together(CLIENTS, WORLD_TCP);
	assert_int_equal(parked(WORLD_TCP), 0);
	before = rig.users[RIG_TARGET];
	assert_int_equal(before, CLIENTS + BOUND);
	ask_together(CLIENTS, WORLD_TCP);
	assert_int_equal(rig.users[RIG_TARGET], before);
	for (uint32_t i = 1; i < CLIENTS; i++)
		rig_reset(&rig, RIG_CLIENT, i);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_buffer_may_be_missing),
		cmocka_unit_test(many_buffers_may_be_missing),
		cmocka_unit_test(upstreams_share_what_is_parked),
		cmocka_unit_test(an_upstream_keeps_what_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
