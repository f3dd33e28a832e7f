// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client_cases.h"

static const enum nx_drive drives[] = {NX_DRIVE_BLOCKING, NX_DRIVE_READY, NX_DRIVE_CARRIED};
static struct nx_rest rest;

enum {
	PATIENCE_MS = 120000, // beyond what a busy machine makes anybody wait
	IMPATIENCE_MS = 60
};

static struct nx_rest_config config_of(const char *url, enum nx_drive drive)
{
	return (struct nx_rest_config){.url = url,
		.stream = {.drive = drive,
			.connect_timeout_ms = PATIENCE_MS,
			.timeout_ms = PATIENCE_MS}};
}

static enum nx_client_verdict ask(
	const char *method, const char *target, const char *body, struct nx_response *response)
{
	enum nx_client_verdict verdict;

	nx_rest_begin(&rest, method, target);
	verdict = nx_rest_send(&rest, body, body ? strlen(body) : 0);
	if (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN)
		return verdict;
	return UNTIL_DONE(&rest.stream, nx_rest_receive(&rest, response));
}

static void assert_body(const struct nx_response *response, const char *text)
{
	assert_int_equal(response->body.length, strlen(text));
	assert_memory_equal(response->body.data, text, strlen(text));
}

static bool body_has(const struct nx_response *response, const char *text)
{
	return memmem(response->body.data, response->body.length, text, strlen(text)) != NULL;
}

static void every_drive_by_the_same_calls(void **state)
{
	const char *const urls[] = {servers.http, servers.https};
	struct nx_tls_context *tls = tls_context((struct nx_tls_config){0});
	struct nx_response response;

	for (size_t i = 0; i < 6; i++) {
		struct nx_rest_config config = config_of(urls[i / 3], drives[i % 3]);

		config.stream.tls = tls;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		for (int n = 0; n < 3; n++) {
			assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
			assert_int_equal(response.status, 200);
			assert_body(&response, "small\n");
			assert_int_equal(ask("GET", "/missing", NULL, &response), NX_CLIENT_DONE);
			assert_int_equal(response.status, 404);
			assert_int_equal(ask("HEAD", "/small", NULL, &response), NX_CLIENT_DONE);
			assert_int_equal(response.body.length, 0);
		}
		nx_rest_fini(&rest);
	}
	nx_tls_context_destroy(tls);
}

static void writes_what_was_asked_for(void **state)
{
	const struct nx_rest_field fields[] = {{"X-Key", "k1"}, {"Accept", "application/json"}};
	struct nx_rest_config config = config_of(url_of(servers.odd, "/echo/base"), 0);
	struct nx_response response;
	uint8_t *space;
	size_t room;

	config.fields = fields;
	config.field_count = 2;
	config.stream.socket_send_bytes = config.stream.socket_receive_bytes = 65536;
	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
	nx_rest_begin(&rest, "POST", "/order");
	nx_rest_query(&rest, "pair", "BTC/USD &");
	nx_rest_field(&rest, "X-Own", "one");
	assert_int_equal(nx_rest_body_open(&rest, &space, &room), NX_CLIENT_DONE);
	assert_int_equal(snprintf((char *)space, room, "{\"q\":1}"), 7);
	assert_int_equal(nx_rest_body_close(&rest, 7), NX_CLIENT_DONE);
	assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_DONE);
	assert_true(body_has(&response, "POST /echo/base/order?pair=BTC%2FUSD%20%26 HTTP/1.1\r\n"));
	assert_true(body_has(&response, "\r\nX-Key: k1\r\n"));
	assert_true(body_has(&response, "\r\nX-Own: one\r\n"));
	assert_true(body_has(&response, "\r\n\r\n{\"q\":1}"));
	for (size_t i = 0; i < 3; i++) {
		const char *const methods[] = {"PUT", "PATCH", "DELETE"};

		assert_int_equal(ask(methods[i], "/x", "body", &response), NX_CLIENT_DONE);
		assert_true(body_has(&response, methods[i]) && body_has(&response, "\r\n\r\nbody"));
	}
	nx_rest_fini(&rest);
}

static void refuses_injection_and_goes_on(void **state)
{
	struct nx_rest_config config = config_of(servers.http, 0);
	struct nx_response response;

	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
	nx_rest_begin(&rest, "GET", "/small");
	nx_rest_field(&rest, "X-Key", "a\r\nX-Evil: b");
	assert_int_equal(nx_rest_send(&rest, NULL, 0), NX_CLIENT_REQUEST_INVALID);
	assert_int_equal(nx_rest_fault(&rest), NX_HTTP_WRITE_VALUE_INVALID);
	nx_rest_begin(&rest, "GET", "/small HTTP/1.1\r\nX-Evil: b\r\n\r\n");
	assert_int_equal(nx_rest_send(&rest, NULL, 0), NX_CLIENT_REQUEST_INVALID);
	assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
	// Nothing to receive.
	assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
	assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_REQUEST_INVALID);
	nx_rest_fini(&rest);
}

static void body_by_every_framing(void **state)
{
	struct nx_rest_config config;
	struct nx_response response;

	for (size_t i = 0; i < 3; i++) {
		config = config_of(servers.odd, drives[i]);
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		assert_int_equal(ask("GET", "/chunked", NULL, &response), NX_CLIENT_DONE);
		assert_int_equal(response.body.length, 40000);
		for (size_t n = 0; n < 40000; n++)
			assert_int_equal(response.body.data[n], 'a' + n / 10 % 26);
		assert_int_equal(ask("GET", "/bytewise", NULL, &response), NX_CLIENT_DONE);
		assert_body(&response, "one byte at a time");
		assert_int_equal(ask("GET", "/interim", NULL, &response), NX_CLIENT_DONE);
		assert_body(&response, "final");
		assert_int_equal(ask("GET", "/204", NULL, &response), NX_CLIENT_DONE);
		assert_int_equal(response.status, 204);
		assert_int_equal(ask("GET", "/until-close", NULL, &response), NX_CLIENT_DONE);
		assert_body(&response, "until close");
		assert_false(nx_rest_is_alive(&rest));
		nx_rest_fini(&rest);
	}
}

static void limits_and_faults_end_the_connection(void **state)
{
	static const struct {
		const char *target;
		enum nx_client_verdict verdict;
	} cases[] = {
		{"/large", NX_CLIENT_BODY_TOO_LARGE},
		{"/large-chunked", NX_CLIENT_BODY_TOO_LARGE},
		{"/garbage", NX_CLIENT_RESPONSE_INVALID},
		{"/truncated", NX_CLIENT_RESPONSE_INVALID},
		{"/smuggled", NX_CLIENT_RESPONSE_INVALID},
		{"/gone", NX_CLIENT_STALE},
		{"/silent", NX_CLIENT_TIMED_OUT},
		{"/drip", NX_CLIENT_TIMED_OUT},
	};
	struct nx_response response;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		struct nx_rest_config config = config_of(servers.odd, drives[i % 2]);

		config.body_limit = 10000;
		if (cases[i / 2].verdict == NX_CLIENT_TIMED_OUT)
			config.stream.timeout_ms = IMPATIENCE_MS;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		assert_int_equal(
			ask("GET", cases[i / 2].target, NULL, &response), cases[i / 2].verdict);
		assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_POISONED);
		rest.stream.config.timeout_ms = PATIENCE_MS;
		nx_rest_begin(&rest, "GET", "/204");
		assert_int_equal(nx_rest_send(&rest, NULL, 0), NX_CLIENT_POISONED);
		assert_int_equal(UNTIL_DONE(&rest.stream, nx_rest_connect(&rest)), NX_CLIENT_DONE);
		assert_int_equal(ask("GET", "/204", NULL, &response), NX_CLIENT_DONE);
		nx_rest_fini(&rest);
	}
}

enum {
	STREAMED = 1000000
};

// A body of bytes that tell where they stand, and one that is looked at as it comes.
struct body {
	size_t at, end;
	size_t piece_max;
	size_t head_left; // of an echo, before the body
	size_t wrong;     // bytes seen that are not those sent
	unsigned int status;
	bool fails;
};

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at % 251);
}

static enum nx_rest_body body_give(void *context, uint8_t *space, size_t room, size_t *length)
{
	struct body *body = context;
	size_t n = room < body->piece_max ? room : body->piece_max;

	if (body->fails)
		return NX_REST_BODY_FAILED;
	n = n < body->end - body->at ? n : body->end - body->at;
	for (size_t i = 0; i < n; i++)
		space[i] = byte_at(body->at++);
	*length = n;
	return body->at < body->end ? NX_REST_BODY_MORE : NX_REST_BODY_END;
}

// What the echo says of the head ends with an empty line.
static bool body_take(void *context, const struct nx_response *response, struct nx_http_slice piece)
{
	static const uint8_t end[] = {'\r', '\n', '\r', '\n'};
	struct body *body = context;

	body->status = response->status;
	for (size_t i = 0; i < piece.length; i++) {
		if (body->head_left == 0)
			body->wrong += piece.data[i] != byte_at(body->at++);
		else if (piece.data[i] == end[4 - body->head_left])
			body->head_left--;
		else
			body->head_left = 4 - (piece.data[i] == end[0]);
	}
	return !body->fails;
}

static enum nx_client_verdict send_streamed(int64_t length, struct body *body)
{
	nx_rest_begin(&rest, "POST", "/echo");
	return nx_rest_send_from(&rest, length, body_give, body);
}

static enum nx_client_verdict post_streamed(
	const char *target, int64_t length, struct body *body, struct nx_response *response)
{
	enum nx_client_verdict verdict;

	nx_rest_begin(&rest, "POST", target);
	verdict = nx_rest_send_from(&rest, length, body_give, body);
	if (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN)
		return verdict;
	return UNTIL_DONE(&rest.stream, nx_rest_receive(&rest, response));
}

static void an_early_answer_ends_a_body_that_nobody_wants(void **state)
{
	static const struct {
		const char *target, *body;
		enum nx_client_verdict verdict;
		unsigned int status;
	} cases[] = {{"/refuse", "too large", NX_CLIENT_DONE, 413},
		{"/redirect", "elsewhere", NX_CLIENT_DONE, 307},
		{"/end", NULL, NX_CLIENT_STALE, 0}};
	// More than anybody takes in the time of a test.
	static const int64_t lengths[] = {INT64_MAX, NX_REST_IN_CHUNKS};
	struct nx_response response;

	for (size_t i = 0; i < 18; i++) {
		struct nx_rest_config config = config_of(servers.odd, drives[i % 3]);
		struct body sent = {.end = INT64_MAX, .piece_max = 100000};
		size_t one = i / 6;

		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		assert_int_equal(
			post_streamed(cases[one].target, lengths[i / 3 % 2], &sent, &response),
			cases[one].verdict);
		if (cases[one].verdict == NX_CLIENT_DONE) {
			assert_int_equal(response.status, cases[one].status);
			assert_body(&response, cases[one].body);
		}
		// Half a request is out: the next goes over another connection.
		assert_false(nx_rest_is_alive(&rest));
		nx_rest_fini(&rest);
	}
}

static void an_early_answer_over_tls_ends_the_body(void **state)
{
	struct nx_tls_context *tls = tls_context((struct nx_tls_config){0});
	struct nx_response response;

	for (size_t i = 0; i < 3; i++) {
		struct nx_rest_config config = config_of(servers.https, drives[i]);
		struct body sent = {.end = INT64_MAX, .piece_max = 100000};

		config.stream.tls = tls;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		assert_int_equal(
			post_streamed("/small", INT64_MAX, &sent, &response), NX_CLIENT_DONE);
		assert_int_equal(response.status, 413);
		assert_false(nx_rest_is_alive(&rest));
		if (drives[i] != NX_DRIVE_CARRIED) {
			assert_int_equal(
				UNTIL_DONE(&rest.stream, nx_rest_connect(&rest)), NX_CLIENT_DONE);
			assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
			assert_body(&response, "small\n");
		}
		nx_rest_fini(&rest);
	}
	nx_tls_context_destroy(tls);
}

static void an_early_answer_ends_a_body_that_waits_in_the_buffer(void **state)
{
	static const char *const targets[] = {"/refuse", "/redirect"};
	struct nx_response response;
	uint8_t *space;
	size_t room;

	for (size_t i = 0; i < 6; i++) {
		struct nx_rest_config config = config_of(servers.odd, drives[i % 3]);
		enum nx_client_verdict verdict;

		// More than the sockets hold.
		config.stream.out_bytes = 64 << 20;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		nx_rest_begin(&rest, "POST", targets[i / 3]);
		assert_int_equal(nx_rest_body_open(&rest, &space, &room), NX_CLIENT_DONE);
		memset(space, 'x', room);
		verdict = nx_rest_body_close(&rest, room);
		assert_true(verdict == NX_CLIENT_DONE || verdict == NX_CLIENT_AGAIN);
		assert_int_equal(UNTIL_DONE(&rest.stream, nx_rest_receive(&rest, &response)),
			NX_CLIENT_DONE);
		assert_int_equal(response.status, i / 3 == 0 ? 413 : 307);
		assert_false(nx_rest_is_alive(&rest));
		nx_rest_fini(&rest);
	}
}

static void an_early_answer_that_wants_the_body_has_all_of_it(void **state)
{
	static const int64_t lengths[] = {STREAMED, NX_REST_IN_CHUNKS};
	struct nx_response response;

	for (size_t i = 0; i < 6; i++) {
		struct nx_rest_config config = config_of(servers.odd, drives[i % 3]);

		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		for (int n = 0; n < 2; n++) {
			struct body sent = {.end = STREAMED, .piece_max = 3000};

			assert_int_equal(post_streamed("/begin", lengths[i / 3], &sent, &response),
				NX_CLIENT_DONE);
			assert_body(&response, "had 1000000");
			assert_true(nx_rest_is_alive(&rest));
		}
		nx_rest_fini(&rest);
	}
}

static void bodies_larger_than_any_buffer(void **state)
{
	static const int64_t lengths[] = {STREAMED, NX_REST_IN_CHUNKS};
	struct nx_response response;

	for (size_t i = 0; i < 6; i++) {
		struct nx_rest_config config = config_of(servers.odd, drives[i % 3]);

		config.body_limit = 1000;
		config.stream.in_bytes = config.stream.out_bytes = 20000;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		for (size_t piece = 3000; piece < 30000; piece += 20000) {
			struct body sent = {.end = STREAMED, .piece_max = piece};
			struct body seen = {.head_left = 4};
			enum nx_client_verdict verdict = send_streamed(lengths[i / 3], &sent);

			assert_true(verdict == NX_CLIENT_DONE || verdict == NX_CLIENT_AGAIN);
			assert_int_equal(
				UNTIL_DONE(&rest.stream,
					nx_rest_receive_to(&rest, &response, body_take, &seen)),
				NX_CLIENT_DONE);
			assert_int_equal(seen.status, 200);
			assert_int_equal(response.status, 200);
			assert_int_equal(response.body.length, 0);
			assert_int_equal(seen.at, STREAMED);
			assert_int_equal(seen.wrong, 0);
		}
		// The limit is that of a body which is kept, again.
		assert_int_equal(ask("GET", "/chunked", NULL, &response), NX_CLIENT_BODY_TOO_LARGE);
		nx_rest_fini(&rest);
	}
}

static void an_empty_body_may_be_streamed(void **state)
{
	static const int64_t lengths[] = {0, NX_REST_IN_CHUNKS};
	struct nx_rest_config config = config_of(servers.odd, 0);
	struct nx_response response;

	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
	for (size_t i = 0; i < 2; i++) {
		struct body none = {.piece_max = 1};

		assert_int_equal(send_streamed(lengths[i], &none), NX_CLIENT_DONE);
		assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_DONE);
		assert_true(body_has(&response, "POST /echo"));
	}
	nx_rest_fini(&rest);
}

static void a_body_that_fails_ends_the_connection(void **state)
{
	struct nx_rest_config config = config_of(servers.odd, 0);
	struct nx_response response;
	struct body bodies[] = {{.end = 10, .piece_max = 10, .fails = true},
		{.end = 10, .piece_max = 10}, {.end = 30, .piece_max = 4}};

	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
	for (size_t i = 0; i < 3; i++) {
		// The second gives too few, the third is cut at what was said.
		assert_int_equal(send_streamed(20, &bodies[i]),
			i < 2 ? NX_CLIENT_BODY_FAILED : NX_CLIENT_DONE);
		if (i == 2)
			break;
		assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_POISONED);
		assert_int_equal(nx_rest_connect(&rest), NX_CLIENT_DONE);
	}
	assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_DONE);
	bodies[0].head_left = 4;
	nx_rest_begin(&rest, "GET", "/small");
	assert_int_equal(nx_rest_send(&rest, NULL, 0), NX_CLIENT_DONE);
	assert_int_equal(
		nx_rest_receive_to(&rest, &response, body_take, &bodies[0]), NX_CLIENT_BODY_FAILED);
	assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_POISONED);
	nx_rest_fini(&rest);
}

static void nobody_listens(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct nx_rest_config config = config_of(servers.closed, drives[i]);

		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_CONNECT_FAILED);
		assert_string_equal(nx_stream_why(&rest.stream), "Connection refused");
		nx_rest_fini(&rest);
	}
}

static int full_listener;
static volatile sig_atomic_t alarms;

// The third makes room for who waits.
static void alarm_take(int number)
{
	if (++alarms == 3)
		close(accept(full_listener, NULL, NULL));
}

// A listener whose queue is full, so that who connects waits.
static int fill(int family, struct sockaddr_storage *address, socklen_t *length)
{
	int filler = socket(family, SOCK_STREAM, 0);

	// No name: the kernel gives one, to a UNIX socket too.
	*address = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
	*length = family == AF_UNIX ? sizeof(sa_family_t) : sizeof(struct sockaddr_in);
	full_listener = socket(family, SOCK_STREAM, 0);
	assert_int_equal(bind(full_listener, (struct sockaddr *)address, *length), 0);
	assert_int_equal(listen(full_listener, 0), 0);
	*length = sizeof(*address);
	assert_int_equal(getsockname(full_listener, (struct sockaddr *)address, length), 0);
	assert_int_equal(connect(filler, (struct sockaddr *)address, *length), 0);
	return filler;
}

// Connects there among signals, of which `seen` are said to have been.
static enum nx_client_verdict connect_among_signals(int family, unsigned int timeout_ms, int seen)
{
	const struct itimerval often = {{0, 10000}, {0, 10000}}, never = {0};
	struct sigaction action = {.sa_handler = alarm_take}, before;
	struct nx_rest_config config = config_of("http://localhost", 0);
	enum nx_client_verdict verdict;
	struct sockaddr_storage address;
	socklen_t length;
	int filler = fill(family, &address, &length);

	config.stream.address = (struct sockaddr *)&address;
	config.stream.address_length = length;
	config.stream.connect_timeout_ms = timeout_ms;
	alarms = seen;
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	verdict = open_rest(&rest, &config);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	nx_rest_fini(&rest);
	close(filler);
	close(full_listener);
	return verdict;
}

static void signals_do_not_end_connecting(void **state)
{
	static const int families[] = {AF_UNIX, AF_INET};

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			connect_among_signals(families[i], PATIENCE_MS, 0), NX_CLIENT_DONE);
		assert_true(alarms >= 3);
		// Nobody makes room, and the signals do not prolong the waiting.
		assert_int_equal(
			connect_among_signals(families[i], IMPATIENCE_MS, 3), NX_CLIENT_TIMED_OUT);
	}
}

static void bad_configurations_have_names(void **state)
{
	struct nx_rest_config config = config_of("ftp://localhost", 0);
	const struct nx_rest_field evil = {"X", "a\nb"};

	assert_int_equal(nx_rest_init(&rest, &config), NX_CLIENT_URL_INVALID);
	config.url = "https://localhost";
	assert_int_equal(nx_rest_init(&rest, &config), NX_CLIENT_TLS_CONTEXT_MISSING);
	config.url = "http://localhost";
	config.fields = &evil;
	config.field_count = 1;
	assert_int_equal(nx_rest_init(&rest, &config), NX_CLIENT_REQUEST_INVALID);
	assert_int_equal(nx_rest_fault(&rest), NX_HTTP_WRITE_VALUE_INVALID);
	config.field_count = 0;
	config.url = "http://nobody.invalid";
	assert_int_equal(nx_rest_init(&rest, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_rest_connect(&rest), NX_CLIENT_NAME_NOT_FOUND);
	nx_rest_fini(&rest);
}

static void an_owned_response_outlives_the_next(void **state)
{
	struct nx_rest_config config = config_of(servers.http, 0);
	struct nx_response_owned *owned;
	struct nx_response response;
	struct nx_http_slice type;

	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
	assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
	owned = nx_response_own(&response, NULL);
	assert_non_null(owned);
	assert_int_equal(ask("GET", "/missing", NULL, &response), NX_CLIENT_DONE);
	nx_rest_fini(&rest);
	assert_int_equal(owned->response.status, 200);
	assert_body(&owned->response, "small\n");
	type = nx_response_field(&owned->response, "content-type");
	assert_int_equal(type.length, strlen("text/plain"));
	assert_null(nx_response_field(&owned->response, "X-None").data);
	nx_response_free(owned);
}

static void nothing_is_allocated_for_a_message(void **state)
{
	const char *const urls[] = {servers.http, servers.https};
	struct nx_tls_context *tls = tls_context((struct nx_tls_config){0});
	struct nx_response response;
	unsigned long before;

	for (size_t i = 0; i < 6; i++) {
		struct nx_rest_config config = config_of(urls[i / 3], drives[i % 3]);

		config.stream.tls = tls;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		for (int n = 0; n < 3; n++)
			assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
		before = allocations;
		for (int n = 0; n < 200; n++)
			assert_int_equal(ask("GET", "/small", NULL, &response), NX_CLIENT_DONE);
		assert_int_equal(allocations, before);
		nx_rest_fini(&rest);
	}
	nx_tls_context_destroy(tls);
}

static unsigned int allowed;

static void *allocate_some(void *context, size_t bytes)
{
	(void)context;
	return allowed > 0 ? (allowed--, test_malloc(bytes)) : NULL;
}

static void release(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	test_free(memory);
}

static void every_allocation_may_fail(void **state)
{
	const struct nx_allocator allocator = {.allocate = allocate_some, .release = release};
	struct nx_rest_config config = config_of(servers.http, 0);
	enum nx_client_verdict verdict = NX_CLIENT_NO_MEMORY;
	unsigned int n = 0;

	config.stream.allocator = &allocator;
	for (; verdict == NX_CLIENT_NO_MEMORY; n++) {
		allowed = n;
		verdict = nx_rest_init(&rest, &config);
	}
	assert_int_equal(verdict, NX_CLIENT_DONE);
	assert_int_equal(n, 5);
	nx_rest_fini(&rest);
}

const struct CMUnitTest rest_cases[] = {
	cmocka_unit_test(every_drive_by_the_same_calls),
	cmocka_unit_test(writes_what_was_asked_for),
	cmocka_unit_test(refuses_injection_and_goes_on),
	cmocka_unit_test(body_by_every_framing),
	cmocka_unit_test(limits_and_faults_end_the_connection),
	cmocka_unit_test(bodies_larger_than_any_buffer),
	cmocka_unit_test(an_early_answer_ends_a_body_that_nobody_wants),
	cmocka_unit_test(an_early_answer_over_tls_ends_the_body),
	cmocka_unit_test(an_early_answer_ends_a_body_that_waits_in_the_buffer),
	cmocka_unit_test(an_early_answer_that_wants_the_body_has_all_of_it),
	cmocka_unit_test(an_empty_body_may_be_streamed),
	cmocka_unit_test(a_body_that_fails_ends_the_connection),
	cmocka_unit_test(nobody_listens),
	cmocka_unit_test(signals_do_not_end_connecting),
	cmocka_unit_test(bad_configurations_have_names),
	cmocka_unit_test(an_owned_response_outlives_the_next),
	cmocka_unit_test(nothing_is_allocated_for_a_message),
	cmocka_unit_test(every_allocation_may_fail),
};
const size_t rest_case_count = sizeof(rest_cases) / sizeof(rest_cases[0]);
