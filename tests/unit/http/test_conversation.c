// SPDX-License-Identifier: BSD-3-Clause
// Conversations of a client, the gateway and targets: each in whole pieces and byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/sources.h"
#include "unit/http/rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: www.example\r\n\r\n"

static struct rig rig;

static int setup(void **state)
{
	rig_init(&rig);
	return 0;
}

static int teardown(void **state)
{
	rig_fini(&rig);
	assert_int_equal(buffer_heap_alive(), 0);
	return 0;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in \"%s\"", part, text);
}

// Runs a conversation whole, and in pieces of one and seven bytes.
static void each_way(void (*conversation)(void))
{
	static const uint32_t pieces[] = {0, 1, 7};

	for (uint32_t i = 0; i < nx_array_size(pieces); i++) {
		rig.piece = pieces[i];
		rig_begin(&rig);
		conversation();
	}
}

static void get_twice(void)
{
	for (int i = 0; i < 2; i++) {
		rig_say(&rig, HTTP_CLIENT,
			"GET /x?y=1 HTTP/1.1\r\nHost: www.example:80\r\nAccept: a\r\n"
			"X-Forwarded-For: 1.2.3.4\r\nX_Forwarded_Proto: https\r\nForwarded: for=me\r\n"
			"Connection: X-Own\r\nX-Own: 1\r\nKeep-Alive: 3\r\n\r\n");
		assert_string_equal(rig_take(&rig, HTTP_TARGET),
			"GET /x?y=1 HTTP/1.1\r\nHost: www.example:80\r\nAccept: a\r\n"
			"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
			"X-Forwarded-Host: www.example:80\r\n\r\n");
		rig_say(&rig, HTTP_TARGET,
			"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nConnection: keep-alive\r\nServer: s\r\n"
			"\r\nhello");
		assert_string_equal(rig_take(&rig, HTTP_CLIENT),
			"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nServer: s\r\n\r\nhello");
	}
	assert_int_equal(rig.connects, 1);
	assert_int_equal(rig.logged, 2);
	assert_int_equal(rig.record.status, 200);
	assert_true(rig.record.reused);
	assert_int_equal(rig.record.bytes[HTTP_TARGET], 5);
	rig_end(&rig, HTTP_CLIENT);
	assert_int_equal(rig.outcome, HTTP_CLOSED);
}

static void requests_share_a_connection(void **state)
{
	each_way(get_twice);
}

static void chunks(void)
{
	static const char body[] = "5;a=b\r\nhello\r\n0\r\n";

	rig_say(&rig, HTTP_CLIENT,
		"POST /api/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	rig_say(&rig, HTTP_CLIENT, body);
	rig_say(&rig, HTTP_CLIENT, "X-Trailer: 1\r\n\r\n" GET("/next"));
	assert_int_equal(rig.upstream, 1);
	has(rig_take(&rig, HTTP_TARGET),
		"X-Forwarded-Host: a\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	assert_string_equal(rig_take(&rig, HTTP_CLIENT),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	// The pipelined request went on to another upstream.
	assert_int_equal(rig.upstream, 0);
	assert_int_equal(rig.connects, 2);
	has(rig_take(&rig, HTTP_TARGET), "GET /next HTTP/1.1\r\n");
}

static void chunked_bodies_pass_with_their_trailers(void **state)
{
	each_way(chunks);
}

#define SUMMED(request)                                                                            \
	request "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"              \
		"X-Sum: 1\r\nX-Forwarded-For: 1.2.3.4\r\nif-match: *\r\nContent_Length: 3\r\n"     \
		"WWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\nExpires: 0\r\nX-Other:2\r\n\r\n"
#define SIFTED "\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"
#define BARED  "\r\n1\r\na\r\n0\r\n\r\n"

static void sifted_request(void)
{
	const char *got;

	rig_say(&rig, HTTP_CLIENT, SUMMED("POST / HTTP/1.1\r\nHost: a\r\n"));
	got = rig_take(&rig, HTTP_TARGET);
	has(got, SIFTED);
	has(got, "Trailer: X-Sum\r\n");
	lacks(got, "TE: ");
}

// Fields of the section might be of those that are for us alone.
static void named_request(void)
{
	const char *got;

	rig_say(&rig, HTTP_CLIENT, SUMMED("POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Sum\r\n"));
	got = rig_take(&rig, HTTP_TARGET);
	has(got, BARED);
	lacks(got, "Trailer");
}

static void sifted_answer(void)
{
	const char *got;

	rig_say(&rig, HTTP_CLIENT,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: gzip;q=0.5, Trailers\r\n\r\n");
	has(rig_take(&rig, HTTP_TARGET), "Connection: TE\r\nTE: trailers\r\n");
	rig_say(&rig, HTTP_TARGET, SUMMED("HTTP/1.1 200 OK\r\n"));
	got = rig_take(&rig, HTTP_CLIENT);
	has(got, SIFTED);
	has(got, "Trailer: X-Sum\r\n");
}

static void unasked_answer(void)
{
	const char *got;

	rig_say(&rig, HTTP_CLIENT, GET("/"));
	lacks(rig_take(&rig, HTTP_TARGET), "TE: ");
	rig_say(&rig, HTTP_TARGET, SUMMED("HTTP/1.1 200 OK\r\n"));
	got = rig_take(&rig, HTTP_CLIENT);
	has(got, BARED);
	lacks(got, "Trailer");
}

// What frames, routes, authenticates or controls has no place behind a body, and an answer's client
// is to have asked.
static void trailers_are_sifted(void **state)
{
	each_way(sifted_request);
	each_way(named_request);
	each_way(sifted_answer);
	each_way(unasked_answer);
}

static void answered(const char *request, const char *first_line)
{
	const char *got;

	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT, request);
	got = rig_take(&rig, HTTP_CLIENT);
	if (strncmp(got, first_line, strlen(first_line)) != 0)
		fail_msg("\"%s\" is answered with \"%s\"", request, got);
	assert_int_equal(rig.connects, 0);
}

static void what_is_ambiguous_is_refused(void **state)
{
	static const char *const bad[] = {
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a/..%5cb HTTP/1.1\r\nHost: a\r\n\r\n",
	};

	for (uint32_t i = 0; i < nx_array_size(bad); i++)
		answered(bad[i], "HTTP/1.1 400 ");
	answered("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "HTTP/1.1 405 ");
	answered("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ");
	assert_int_equal(counter_read(&rig.gateway->stats.answers[HTTP_REASON_PATH_AMBIGUOUS]), 5);
}

static void nothing_is_read_behind_a_connect(void **state)
{
	const char *got;

	rig_say(&rig, HTTP_CLIENT,
		"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" GET("/in-the-tunnel"));
	got = rig_take(&rig, HTTP_CLIENT);
	has(got, "HTTP/1.1 405 ");
	has(got, "Connection: close\r\n");
	assert_int_equal(rig.connects, 0);
	assert_int_equal(rig.logged, 1);
}

static void redirections_say_where(void **state)
{
	rig_say(&rig, HTTP_CLIENT, GET("/old/x%20y?q=1"));
	has(rig_take(&rig, HTTP_CLIENT), "Location: https://new.example/old/x%20y?q=1\r\n");
	// The connection stays, and leads on.
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	assert_int_equal(rig.connects, 1);
}

static void redirections_keep_what_they_are_told_to(void **state)
{
	static const struct {
		bool path, query, to_https;
		const char *location;
	} cases[] = {
		{true, false, false, "Location: https://new.example/old/x\r\n"},
		{false, true, false, "Location: https://new.example?q=1\r\n"},
		{false, false, false, "Location: https://new.example\r\n"},
		{true, true, true, "Location: https://www.example/old/x?q=1\r\n"},
		{false, true, true, "Location: https://www.example?q=1\r\n"},
	};
	struct snapshot_http_route *old = &rig.http->routes[1];

	for (uint32_t i = 0; i < nx_array_size(cases); i++) {
		old->keep_path = cases[i].path;
		old->keep_query = cases[i].query;
		old->to_https = cases[i].to_https;
		old->redirect_length = cases[i].to_https ? 0 : strlen("https://new.example");
		rig_say(&rig, HTTP_CLIENT, GET("/old/x?q=1"));
		has(rig_take(&rig, HTTP_CLIENT), cases[i].location);
	}
}

static void prefixes_are_stripped(void **state)
{
	static const char *const pairs[][2] = {{"/api", "GET / "}, {"/api/", "GET / "},
		{"/api/x", "GET /x "}, {"/%61pi//x", "GET /x "}, {"//api/x?y", "GET /x?y "},
		{"/api%2fx", "GET /%2fx "}, {"/apix", "GET /apix "}};

	for (uint32_t i = 0; i < nx_array_size(pairs); i++) {
		char request[128];
		const char *got;

		rig_begin(&rig);
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
			pairs[i][0]);
		rig_say(&rig, HTTP_CLIENT, request);
		got = rig_take(&rig, HTTP_TARGET);
		if (strncmp(got, pairs[i][1], strlen(pairs[i][1])) != 0)
			fail_msg("%s becomes %s", pairs[i][0], got);
	}
}

static void a_stale_connection_is_replaced(void **state)
{
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_take(&rig, HTTP_TARGET);
	rig_say(&rig, HTTP_CLIENT, GET("/y"));
	rig_end(&rig, HTTP_TARGET);
	assert_int_equal(rig.connects, 2);
	has(rig_take(&rig, HTTP_TARGET), "GET /y HTTP/1.1\r\n");
	// A new one that ends is an error.
	rig_end(&rig, HTTP_TARGET);
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 502 ");
	assert_int_equal(rig.record.reason, HTTP_REASON_TARGET_CLOSED);
}

static void a_target_that_fails_is_answered_for(void **state)
{
	rig.holds = true;
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	http_conversation_failed(rig.gateway, 0, HTTP_REASON_CONNECT_TIMEOUT, rig.now);
	rig_run(&rig);
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 504 ");
	rig.refuses = HTTP_REASON_NO_TARGET;
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 503 ");
	rig.refuses = HTTP_REASON_NONE;
	rig.holds = false;
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 502 ");
	// A body that is cut ends in a reset.
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
	rig_end(&rig, HTTP_TARGET);
	assert_int_equal(rig.outcome, HTTP_BROKEN);
}

static void time_runs_out(void **state)
{
	rig_say(&rig, HTTP_CLIENT, "GET / HT");
	rig.now += 11 * USEC_PER_SECOND;
	assert_int_equal(http_conversation_timer(rig.gateway, 0, rig.now), HTTP_GOES_ON);
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 408 ");
	rig_run(&rig);
	assert_true(rig.legs[HTTP_CLIENT].shut);
	rig.now += 6 * USEC_PER_SECOND;
	assert_int_equal(http_conversation_timer(rig.gateway, 0, rig.now), HTTP_CLOSED);
	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	rig.now += 61 * USEC_PER_SECOND;
	assert_int_equal(http_conversation_timer(rig.gateway, 0, rig.now), HTTP_GOES_ON);
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 504 ");
}

static void websocket(void)
{
	rig_say(&rig, HTTP_CLIENT,
		"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Key: x\r\n\r\n");
	has(rig_take(&rig, HTTP_TARGET), "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(rig.outcome, HTTP_SWITCHED);
}

static void websockets_pass_and_other_upgrades_do_not(void **state)
{
	each_way(websocket);
	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: x\r\n\r\n");
	lacks(rig_take(&rig, HTTP_TARGET), "pgrade");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 502 ");
}

static void continued(void)
{
	rig_say(&rig, HTTP_CLIENT,
		"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	has(rig_take(&rig, HTTP_TARGET), "Expect: 100-continue\r\n");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_string_equal(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 100 Continue\r\n\r\n");
	rig_say(&rig, HTTP_CLIENT, "body");
	assert_string_equal(rig_take(&rig, HTTP_TARGET), "body");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(
		rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(rig.outcome, HTTP_GOES_ON);
}

static void interim_responses_pass(void **state)
{
	each_way(continued);
}

static void old_clients_are_told_how_it_ends(void **state)
{
	rig_say(&rig, HTTP_CLIENT, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
	has(rig_take(&rig, HTTP_TARGET), "GET / HTTP/1.0\r\n");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
	rig_end(&rig, HTTP_TARGET);
	assert_string_equal(rig_take(&rig, HTTP_CLIENT),
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
	assert_true(rig.legs[HTTP_CLIENT].shut);
	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT, "HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "Content-Length: 9\r\nConnection: keep-alive\r\n\r\n");
	assert_false(rig.legs[HTTP_CLIENT].shut);
}

static void old_client_of_chunks(void)
{
	rig_say(&rig, HTTP_CLIENT, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n"
		"10\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\n\r\n");
	assert_string_equal(rig_take(&rig, HTTP_CLIENT),
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc0123456789abcdef");
	assert_true(rig.legs[HTTP_CLIENT].shut);
	assert_int_equal(rig.outcome, HTTP_GOES_ON);
}

static void old_client_of_half_the_chunks(void)
{
	rig_say(&rig, HTTP_CLIENT, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	rig_end(&rig, HTTP_TARGET);
	assert_false(rig.legs[HTTP_CLIENT].shut);
	assert_int_equal(rig.outcome, HTTP_BROKEN);
}

// What a client of HTTP/1.0 gets of chunks is their content, until the connection's end, which is
// a reset where they end early.
static void old_clients_get_content(void **state)
{
	each_way(old_client_of_chunks);
	each_way(old_client_of_half_the_chunks);
}

static void an_early_answer_ends_the_connection(void **state)
{
	rig_say(&rig, HTTP_CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 413 ");
	assert_true(rig.legs[HTTP_CLIENT].shut);
	rig_say(&rig, HTTP_CLIENT, GET("/smuggled"));
	assert_int_equal(rig.connects, 1);
	rig_end(&rig, HTTP_CLIENT);
	assert_int_equal(rig.outcome, HTTP_CLOSED);
}

static void sources_have_a_bound(void **state)
{
	rig.http->requests_per_source = 3;
	for (int i = 0; i < 3; i++)
		rig_say(&rig, HTTP_CLIENT, GET("/old"));
	lacks(rig_take(&rig, HTTP_CLIENT), " 429 ");
	rig_say(&rig, HTTP_CLIENT, GET("/old"));
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 429 ");
	rig.now += USEC_PER_SECOND;
	rig_say(&rig, HTTP_CLIENT, GET("/old"));
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 308 ");
	// What is refused counts too.
	for (int i = 0; i < 3; i++)
		rig_say(&rig, HTTP_CLIENT, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 429 ");
}

static void what_follows_a_response_is_no_answer(void **state)
{
	rig_say(&rig, HTTP_CLIENT, GET("/1"));
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(rig.disconnects, 1);
	rig_take(&rig, HTTP_CLIENT);
	rig_say(&rig, HTTP_CLIENT, GET("/2"));
	assert_int_equal(rig.connects, 2);
	assert_string_equal(rig_take(&rig, HTTP_CLIENT), "");
}

static void a_body_that_is_kept_back_holds_no_room(void **state)
{
	rig_say(&rig, HTTP_CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
	assert_int_equal(rig.connects, 1);
	assert_int_equal(rig.gateway->slabs.used, 0);
}

// Begins a conversation beside the rig's, and says the begin of a head in it.
static void begin_to_ask(uint32_t session, const char *address)
{
	struct flow_key announced = {0};
	struct buffer *b = buffer_heap_get(&buffer_heap_source, 16);

	assert_true(ip_address_parse(address, &announced.source));
	assert_non_null(b);
	memcpy(buffer_data(b), "GET ", 4);
	b->length = 4;
	b->total_length = 4;
	http_conversation_begin(rig.gateway, session, &announced, 0, false, b, rig.now);
	assert_int_equal(
		http_conversation_run(rig.gateway, session, rig.http, false, UINT64_MAX, rig.now),
		HTTP_GOES_ON);
}

static void the_oldest_head_gives_way(void **state)
{
	begin_to_ask(2, "198.51.100.1");
	begin_to_ask(1, "198.51.100.1");
	assert_int_equal(rig.gateway->slabs.used, 2);
	rig_say(&rig, HTTP_CLIENT, GET("/"));
	assert_int_equal(rig.evicted, 2);
	assert_int_equal(rig.connects, 1);
}

static void connection_options_have_a_bound(void **state)
{
	const char *head = (const char *)rig.legs[HTTP_TARGET].out;

	answered("GET / HTTP/1.1\r\nHost: a\r\nConnection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n"
		 "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p, q\r\n\r\n",
		"HTTP/1.1 400 ");
	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: ,, x-own\t,Other ,\r\nX-Own: 1\r\n"
		"X-Owner: 2\r\nother: 3\r\n\r\n");
	rig_take(&rig, HTTP_TARGET);
	has(head, "X-Owner: 2");
	lacks(head, "X-Own: 1");
	lacks(head, "other");
}

// Runs of lines that pass are copied whole: what stands between them must not come along.
static void fields_pass_in_order_whatever_stays_between(void **state)
{
	const char *head = (const char *)rig.legs[HTTP_TARGET].out;

	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT,
		"GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\nB: 2\r\nC: 3\r\nX-Real-IP: 6.6.6.6\r\nD:4\r\n"
		"E:  5 \t\r\nF: 6\r\nG:\r\nProxy-Own: 1\r\nx_forwarded_by: b\r\nTE: trailers\r\nH: 7\r\n"
		"I: 8\r\nForwarded: for=b\r\n\r\n");
	rig_take(&rig, HTTP_TARGET);
	has(head,
		"Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: \r\nH: 7\r\nI: 8\r\n"
		"Connection: TE\r\nTE: trailers\r\n"
		"X-Forwarded-For: ");
}

static void a_trailer_section_can_be_cut(void **state)
{
	rig_say(&rig, HTTP_CLIENT,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: x");
	assert_int_equal(rig.outcome, HTTP_GOES_ON);
	rig_end(&rig, HTTP_CLIENT);
	assert_int_equal(rig.outcome, HTTP_BROKEN);
}

static void a_lost_response_lets_the_next_request_go_on(void **state)
{
	rig_send(&rig, HTTP_CLIENT, GET("/1") GET("/2"), strlen(GET("/1") GET("/2")));
	assert_int_equal(rig.connects, 1);
	rig_end(&rig, HTTP_TARGET);
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 502 ");
	assert_int_equal(rig.connects, 2);
}

static void a_kept_connection_that_is_not_current_is_replaced(void **state)
{
	rig_say(&rig, HTTP_CLIENT, GET("/1"));
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 204 No Content\r\n\r\n");
	rig.is_stale = true;
	rig_say(&rig, HTTP_CLIENT, GET("/2"));
	assert_int_equal(rig.disconnects, 1);
	assert_int_equal(rig.connects, 2);
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_false(rig.record.reused);
}

static void who_is_under_way_when_it_closes_is_served(void **state)
{
	rig_say(&rig, HTTP_CLIENT, GET("/1"));
	rig.closes = true;
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_string_equal(rig_take(&rig, HTTP_CLIENT),
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
	assert_true(rig.legs[HTTP_CLIENT].shut);
}

static void a_head_under_way_when_it_closes_is_the_last(void **state)
{
	rig_say(&rig, HTTP_CLIENT, "GET / HT");
	rig.closes = true;
	rig_say(&rig, HTTP_CLIENT, "TP/1.1\r\nHost: a\r\n\r\n" GET("/2"));
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_string_equal(rig_take(&rig, HTTP_CLIENT),
		"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
	assert_int_equal(rig.connects, 1);
}

static void who_is_idle_when_it_closes_goes(void **state)
{
	assert_false(http_conversation_is_idle(rig.gateway, 0));
	rig_say(&rig, HTTP_CLIENT, GET("/old"));
	assert_true(http_conversation_is_idle(rig.gateway, 0));
	rig.closes = true;
	rig_run(&rig);
	assert_int_equal(rig.outcome, HTTP_CLOSED);
}

static void fields_for_proxies_stay(void **state)
{
	const char *head = (const char *)rig.legs[HTTP_TARGET].out;

	rig_say(&rig, HTTP_CLIENT,
		"GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: 1\r\nProxy_Own: 2\r\n"
		"Proxied: 3\r\n\r\n");
	rig_take(&rig, HTTP_TARGET);
	has(head, "Proxied: 3");
	lacks(head, "Proxy");
}

// More sources at once than there are places for.
static void who_takes_a_place_gains_nothing(void **state)
{
	static const uint64_t key[2] = {1, 2};
	struct http_sources *sources;
	struct ip_address source;
	uint32_t again = 0;

	assert_int_equal(http_sources_create(key, &sources), 0);
	assert_true(ip_address_parse("10.0.0.0", &source));
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(&source.bytes[12], &i, sizeof(i));
		assert_true(http_source_take(sources, &source, 7, 5, rig.now));
		again += http_source_take(sources, &source, 7, 5, rig.now);
	}
	// The table's 16,384 places, each filled once.
	assert_in_range(again, 16000, 16384);
	// A second later each has what a new one has.
	assert_true(http_source_take(sources, &source, 8, 5, rig.now + USEC_PER_SECOND));
	assert_true(http_source_take(sources, &source, 8, 5, rig.now + USEC_PER_SECOND));
	http_sources_destroy(sources);
}

static void asked_and_answered(const char *request, const char *head)
{
	char answer[256];

	rig_say(&rig, HTTP_CLIENT, request);
	snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok", head);
	rig_say(&rig, HTTP_TARGET, answer);
	has(rig_take(&rig, HTTP_CLIENT), "\r\n\r\nok");
}

// Connections of targets are whose that asks next; one that authenticated somebody stays his.
static void idle_connections_are_shared(void **state)
{
	rig.parks = true;
	asked_and_answered(GET("/"), "200 OK");
	assert_int_equal(rig.parked, 1);
	asked_and_answered(GET("/"), "200 OK");
	assert_int_equal(rig.connects, 1);
	assert_int_equal(rig.unparked, 1);
	assert_true(rig.record.reused);
	rig.is_old = true;
	asked_and_answered("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK");
	assert_int_equal(rig.connects, 2);
	assert_int_equal(rig.parked, 2);
	asked_and_answered(GET("/"), "401 Unauthorized\r\nWWW-Authenticate: Negotiate abc");
	assert_int_equal(rig.parked, 1);
	asked_and_answered(GET("/"), "200 OK");
	assert_int_equal(rig.parked, 1);
	assert_int_equal(rig.unparked, 2);
}

// A target takes its answer to HTTP/1.0 for the last on its connection, and says so only by its
// end.
static void connections_of_old_requests_are_let_go(void **state)
{
	rig.parks = true;
	asked_and_answered("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "200 OK");
	assert_int_equal(rig.parked, 0);
	assert_int_equal(rig.disconnects, 1);
	rig_begin(&rig);
	for (uint32_t i = 0; i < 2; i++)
		asked_and_answered(
			"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "200 OK");
	assert_int_equal(rig.parked, 0);
	assert_int_equal(rig.connects, 2);
}

static void bound_connections_are_not_shared(void **state)
{
	static const char *const heads[] = {"401 No\r\nWWW-Authenticate: Basic realm=x, ntlm",
		"401 No\r\nWWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: NTLM"};

	rig.parks = true;
	for (uint32_t i = 0; i < nx_array_size(heads); i++) {
		rig_begin(&rig);
		asked_and_answered(GET("/"), heads[i]);
		assert_int_equal(rig.parked, 0);
	}
	rig_begin(&rig);
	asked_and_answered(
		"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Negotiate abc\r\n\r\n", "200 OK");
	assert_int_equal(rig.parked, 0);
	rig_begin(&rig);
	asked_and_answered(
		"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic abc\r\n\r\n", "200 OK");
	assert_int_equal(rig.parked, 1);
}

static void framed(void)
{
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	has(rig_take(&rig, HTTP_TARGET), "GET /x HTTP/1.1\r\n");
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n"
		"10\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n");
	assert_string_equal(rig.trailer, "X-Trailer: 1\r\nX-Other: 2\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "\r\n\r\nabc0123456789abcdef");
	assert_true(rig.legs[HTTP_CLIENT].shut);
	assert_false(rig.is_last);
	assert_int_equal(rig.record.bytes[HTTP_TARGET], 19);
	assert_true(rig.record.is_framed);
}

// One exchange of a client that has its own frames: chunks stay here, trailers go by themselves.
static void framed_clients_get_content(void **state)
{
	rig.is_framed = true;
	each_way(framed);
}

// Who cut the head knew the limit of when it began.
static void framed_heads_keep_their_limit(void **state)
{
	static char value[1500];

	memset(value, 'x', sizeof(value) - 1);
	rig.is_framed = true;
	rig.http->head_bytes = 1024;
	rig_begin(&rig);
	rig.http->head_bytes = 4096;
	rig_say(&rig, HTTP_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\nX-Long: ");
	rig_say(&rig, HTTP_CLIENT, value);
	rig_say(&rig, HTTP_CLIENT, "\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 431 ");
	assert_int_equal(rig.connects, 0);
}

static void framed_head(void)
{
	rig_say(&rig, HTTP_CLIENT, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
	rig_say(&rig, HTTP_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
	has(rig_take(&rig, HTTP_CLIENT), "Content-Length: 7\r\n");
	assert_true(rig.is_last && rig.legs[HTTP_CLIENT].shut);
}

static void framed_refusal(void)
{
	rig_say(&rig, HTTP_CLIENT, GET("/a/../b"));
	has(rig_take(&rig, HTTP_CLIENT), "HTTP/1.1 400 Bad Request\r\n");
	assert_true(rig.is_last && rig.legs[HTTP_CLIENT].shut);
}

static void framed_bad_chunks(void)
{
	rig_say(&rig, HTTP_CLIENT, GET("/x"));
	rig_say(&rig, HTTP_TARGET,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
	assert_int_equal(rig.outcome, HTTP_BROKEN);
}

static void framed_clients_hear_ends(void **state)
{
	rig.is_framed = true;
	each_way(framed_head);
	each_way(framed_refusal);
	each_way(framed_bad_chunks);
	rig.is_speechless = true;
	rig_begin(&rig);
	rig_say(&rig, HTTP_CLIENT, GET("/a/../b"));
	assert_int_equal(rig.outcome, HTTP_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(requests_share_a_connection),
		CASE(chunked_bodies_pass_with_their_trailers),
		CASE(trailers_are_sifted),
		CASE(what_is_ambiguous_is_refused),
		CASE(nothing_is_read_behind_a_connect),
		CASE(redirections_say_where),
		CASE(redirections_keep_what_they_are_told_to),
		CASE(prefixes_are_stripped),
		CASE(a_stale_connection_is_replaced),
		CASE(a_target_that_fails_is_answered_for),
		CASE(time_runs_out),
		CASE(idle_connections_are_shared),
		CASE(connections_of_old_requests_are_let_go),
		CASE(bound_connections_are_not_shared),
		CASE(framed_clients_get_content),
		CASE(framed_clients_hear_ends),
		CASE(framed_heads_keep_their_limit),
		CASE(websockets_pass_and_other_upgrades_do_not),
		CASE(interim_responses_pass),
		CASE(old_clients_are_told_how_it_ends),
		CASE(old_clients_get_content),
		CASE(an_early_answer_ends_the_connection),
		CASE(sources_have_a_bound),
		CASE(what_follows_a_response_is_no_answer),
		CASE(a_body_that_is_kept_back_holds_no_room),
		CASE(the_oldest_head_gives_way),
		CASE(connection_options_have_a_bound),
		CASE(fields_pass_in_order_whatever_stays_between),
		CASE(a_kept_connection_that_is_not_current_is_replaced),
		CASE(who_is_under_way_when_it_closes_is_served),
		CASE(a_head_under_way_when_it_closes_is_the_last),
		CASE(who_is_idle_when_it_closes_goes),
		CASE(fields_for_proxies_stay),
		CASE(who_takes_a_place_gains_nothing),
		CASE(a_trailer_section_can_be_cut),
		CASE(a_lost_response_lets_the_next_request_go_on),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
