// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client_cases.h"

static enum nx_client_verdict get(struct nx_rest *rest, const char *target, unsigned int *status)
{
	enum nx_client_verdict verdict;
	struct nx_response response;

	nx_rest_begin(rest, "GET", target);
	verdict = nx_rest_send(rest, NULL, 0);
	if (verdict == NX_CLIENT_DONE || verdict == NX_CLIENT_AGAIN)
		verdict = UNTIL_DONE(&rest->stream, nx_rest_receive(rest, &response));
	if (verdict == NX_CLIENT_DONE)
		*status = response.status;
	return verdict;
}

static void the_warmest_is_lent_first(void **state)
{
	struct nx_pool_config config = {.rest = {.url = servers.http}, .connections = 3};
	struct nx_rest *a, *b, *again;
	struct nx_pool *pool;
	unsigned int status;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	assert_int_equal(nx_pool_acquire(pool, 0, &a), NX_CLIENT_DONE);
	assert_int_equal(nx_pool_acquire(pool, 0, &b), NX_CLIENT_DONE);
	assert_int_equal(get(a, "/small", &status), NX_CLIENT_DONE);
	assert_int_equal(get(b, "/small", &status), NX_CLIENT_DONE);
	nx_pool_release(pool, b);
	nx_pool_release(pool, a);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(nx_pool_acquire(pool, 0, &again), NX_CLIENT_DONE);
		assert_ptr_equal(again, a);
		nx_pool_release(pool, again);
	}
	assert_int_equal(nx_pool_count(pool).connects, 2);
	nx_pool_destroy(pool);
}

static void more_than_there_are_is_busy(void **state)
{
	struct nx_pool_config config = {.rest = {.url = servers.http}, .connections = 1};
	struct nx_rest *a, *b;
	struct nx_pool *pool;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	assert_int_equal(nx_pool_acquire(pool, 0, &a), NX_CLIENT_DONE);
	assert_int_equal(nx_pool_acquire(pool, 50, &b), NX_CLIENT_BUSY);
	nx_pool_release(pool, a);
	nx_pool_destroy(pool);
}

static void what_ended_is_replaced(void **state)
{
	struct nx_pool_config config = {.rest = {.url = servers.odd}, .connections = 2};
	struct nx_rest *rest;
	struct nx_pool *pool;
	struct pollfd end;
	unsigned int status;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_DONE);
		// Answers, and closes a little later without having said so.
		assert_int_equal(get(rest, "/close-later", &status), NX_CLIENT_DONE);
		nx_pool_release(pool, rest);
		end = (struct pollfd){.fd = nx_stream_fd(&rest->stream), .events = POLLIN};
		assert_int_equal(poll(&end, 1, 10000), 1);
	}
	assert_int_equal(nx_pool_count(pool).stale, 2);
	assert_int_equal(nx_pool_count(pool).connects, 3);
	nx_pool_destroy(pool);
}

static void reconnection_is_bounded(void **state)
{
	struct nx_pool_config config = {
		.rest = {.url = servers.closed}, .connections = 1, .attempts = 3, .pause_ms = 20};
	struct timespec from, to;
	struct nx_rest *rest;
	struct nx_pool *pool;
	long ms;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_CONNECT_FAILED);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_true(ms >= 40); // pauses of 20 and 40 ms, on a coarse clock
	assert_int_equal(nx_pool_count(pool).failures, 3);
	assert_int_equal(nx_pool_count(pool).lent, 0);
	nx_pool_destroy(pool);
}

static void none_connects_while_the_pause_lasts(void **state)
{
	struct nx_pool_config config = {.rest = {.url = servers.closed},
		.connections = 1,
		.attempts = 1,
		.pause_ms = 600000,
		.pause_most_ms = 600000};
	struct nx_rest *rest;
	struct nx_pool *pool;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_CONNECT_FAILED);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_BUSY);
	assert_int_equal(nx_pool_count(pool).failures, 1);
	nx_pool_destroy(pool);
}

static void a_callers_loop_goes_on_connecting(void **state)
{
	for (enum nx_drive drive = NX_DRIVE_READY; drive <= NX_DRIVE_CARRIED; drive++) {
		struct nx_pool_config config = {
			.rest = {.url = servers.http, .stream = {.drive = drive}}};
		struct nx_rest *rest;
		struct nx_pool *pool;
		unsigned int status = 0;

		assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
		assert_true(nx_pool_acquire(pool, 0, &rest) <= NX_CLIENT_AGAIN);
		assert_int_equal(UNTIL_DONE(&rest->stream, nx_rest_connect(rest)), NX_CLIENT_DONE);
		assert_int_equal(get(rest, "/small", &status), NX_CLIENT_DONE);
		assert_int_equal(status, 200);
		nx_pool_release(pool, rest);
		assert_int_equal(nx_pool_count(pool).connects, 1);
		nx_pool_destroy(pool);
	}
}

static const char *url_at(uint16_t port)
{
	static char text[32];

	snprintf(text, sizeof(text), "http://127.0.0.1:%u", port);
	return text;
}

// Borrows, and goes on until it is connected or not; then it is given back.
static enum nx_client_verdict borrow_once(struct nx_pool *pool)
{
	struct nx_rest *rest;
	enum nx_client_verdict verdict = nx_pool_acquire(pool, 0, &rest);

	if (verdict > NX_CLIENT_AGAIN)
		return verdict;
	verdict = UNTIL_DONE(&rest->stream, nx_rest_connect(rest));
	nx_pool_release(pool, rest);
	return verdict;
}

static struct nx_pool *pool_that_pauses(struct nx_rest_config rest, enum nx_drive drive)
{
	struct nx_pool_config config = {.rest = rest,
		.connections = 1,
		.attempts = 1,
		.pause_ms = 600000,
		.pause_most_ms = 600000};
	struct nx_pool *pool;

	config.rest.stream.drive = drive;
	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	return pool;
}

static void assert_pauses_after(struct nx_pool *pool, uint64_t failures)
{
	struct nx_rest *rest;

	assert_int_equal(nx_pool_count(pool).failures, failures);
	assert_int_equal(nx_pool_count(pool).connects, 0);
	assert_int_equal(nx_pool_count(pool).lent, 0);
	assert_in_range(nx_pool_wait_ms(pool), 300000, 600001);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_BUSY);
	assert_int_equal(nx_pool_count(pool).failures, failures);
}

static void a_refused_connection_pauses_in_every_drive(void **state)
{
	for (enum nx_drive drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		struct nx_pool *pool =
			pool_that_pauses((struct nx_rest_config){.url = servers.closed}, drive);

		assert_int_equal(nx_pool_wait_ms(pool), 0);
		assert_int_equal(borrow_once(pool), NX_CLIENT_CONNECT_FAILED);
		assert_pauses_after(pool, 1);
		nx_pool_destroy(pool);
	}
}

static void a_refused_certificate_pauses_in_every_drive(void **state)
{
	struct nx_tls_config system_roots = {0};
	struct nx_rest_config config = {.url = servers.https};

	config.stream.tls = nx_tls_context_create(&system_roots, NULL, 0);
	assert_non_null(config.stream.tls);
	for (enum nx_drive drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		struct nx_pool *pool = pool_that_pauses(config, drive);

		assert_int_equal(borrow_once(pool), NX_CLIENT_TLS_FAILED);
		assert_pauses_after(pool, 1);
		nx_pool_destroy(pool);
	}
	nx_tls_context_destroy(config.stream.tls);
}

static void what_is_refused_while_it_is_lent_pauses(void **state)
{
	struct dead_end end = dead_end_at("127.0.0.1", 0);
	struct nx_pool *pools[2];
	struct nx_rest *rests[2];

	for (int i = 0; i < 2; i++) {
		pools[i] = pool_that_pauses(
			(struct nx_rest_config){.url = url_at(end.port)}, NX_DRIVE_READY + i);
		assert_int_equal(nx_pool_acquire(pools[i], 0, &rests[i]), NX_CLIENT_AGAIN);
		assert_int_equal(nx_pool_wait_ms(pools[i]), -1);
	}
	dead_end_close(&end);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(UNTIL_DONE(&rests[i]->stream, nx_rest_connect(rests[i])),
			NX_CLIENT_CONNECT_FAILED);
		nx_pool_release(pools[i], rests[i]);
		assert_pauses_after(pools[i], 1);
		nx_pool_destroy(pools[i]);
	}
}

static void what_is_given_back_while_it_connects_goes_on(void **state)
{
	struct dead_end end = dead_end_at("127.0.0.1", 0);
	struct nx_pool *pool =
		pool_that_pauses((struct nx_rest_config){.url = url_at(end.port)}, NX_DRIVE_READY);
	struct nx_rest *rest;
	int fd;

	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_AGAIN);
	fd = nx_stream_fd(&rest->stream);
	nx_pool_release(pool, rest);
	assert_int_equal(nx_pool_wait_ms(pool), 0);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_AGAIN);
	assert_int_equal(nx_stream_fd(&rest->stream), fd);
	assert_int_equal(nx_pool_count(pool).failures, 0);
	// Whoever closes what is not connected has given up on it.
	nx_stream_close(&rest->stream);
	nx_pool_release(pool, rest);
	assert_pauses_after(pool, 1);
	nx_pool_destroy(pool);
	dead_end_close(&end);
}

static void a_borrower_that_connects_anew_in_vain_leaves_a_pause(void **state)
{
	int listener = listen_at("127.0.0.1", 0, 1);
	struct nx_pool *pool = pool_that_pauses(
		(struct nx_rest_config){.url = url_at(port_of(listener))}, NX_DRIVE_BLOCKING);
	struct nx_rest *rest;
	struct pollfd end;

	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_DONE);
	close(listener);
	end = (struct pollfd){.fd = nx_stream_fd(&rest->stream), .events = POLLIN};
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(nx_rest_connect(rest), NX_CLIENT_CONNECT_FAILED);
	nx_pool_release(pool, rest);
	assert_int_equal(nx_pool_count(pool).failures, 1);
	assert_int_equal(nx_pool_acquire(pool, 0, &rest), NX_CLIENT_BUSY);
	nx_pool_destroy(pool);
}

static void a_callers_loop_is_told_when_to_come_again(void **state)
{
	// Where connecting fails at once: no connection of TCP goes to all.
	struct nx_pool_config config = {
		.rest = {.url = "http://255.255.255.255", .stream = {.drive = NX_DRIVE_READY}},
		.connections = 1,
		.attempts = 3,
		.pause_ms = 2};
	struct timespec from, to;
	uint64_t attempts = 0;
	struct nx_pool *pool;
	long ms;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (nx_pool_count(pool).failures < 6) {
		enum nx_client_verdict verdict = borrow_once(pool);

		// One attempt at a time: the pauses are the loop's own.
		attempts += verdict != NX_CLIENT_BUSY;
		assert_int_equal(nx_pool_count(pool).failures, attempts);
		assert_true(nx_pool_wait_ms(pool) >= 0);
		poll(NULL, 0, nx_pool_wait_ms(pool));
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_true(ms >= 50); // 62 between six failures, on a coarse clock
	nx_pool_destroy(pool);
}

static void *borrow_often(void *argument)
{
	struct nx_pool *pool = argument;
	unsigned long faults = 0;

	for (int i = 0; i < 200; i++) {
		struct nx_rest *rest;
		unsigned int status = 0;

		if (nx_pool_acquire(pool, 5000, &rest) != NX_CLIENT_DONE) {
			faults++;
			continue;
		}
		faults += get(rest, "/small", &status) != NX_CLIENT_DONE || status != 200;
		nx_pool_release(pool, rest);
	}
	return (void *)faults;
}

static void threads_share_fewer_connections(void **state)
{
	struct nx_pool_config config = {
		.rest = {.url = servers.http}, .connections = 2, .threads = true};
	struct nx_pool *pool;
	pthread_t threads[4];

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, borrow_often, pool), 0);
	for (size_t i = 0; i < 4; i++) {
		void *faults;

		pthread_join(threads[i], &faults);
		assert_null(faults);
	}
	assert_int_equal(nx_pool_count(pool).lent, 0);
	nx_pool_destroy(pool);
}

const struct CMUnitTest pool_cases[] = {
	cmocka_unit_test(the_warmest_is_lent_first),
	cmocka_unit_test(more_than_there_are_is_busy),
	cmocka_unit_test(what_ended_is_replaced),
	cmocka_unit_test(reconnection_is_bounded),
	cmocka_unit_test(none_connects_while_the_pause_lasts),
	cmocka_unit_test(a_callers_loop_goes_on_connecting),
	cmocka_unit_test(a_refused_connection_pauses_in_every_drive),
	cmocka_unit_test(a_refused_certificate_pauses_in_every_drive),
	cmocka_unit_test(what_is_refused_while_it_is_lent_pauses),
	cmocka_unit_test(what_is_given_back_while_it_connects_goes_on),
	cmocka_unit_test(a_borrower_that_connects_anew_in_vain_leaves_a_pause),
	cmocka_unit_test(a_callers_loop_is_told_when_to_come_again),
	cmocka_unit_test(threads_share_fewer_connections),
};
const size_t pool_case_count = sizeof(pool_cases) / sizeof(pool_cases[0]);
