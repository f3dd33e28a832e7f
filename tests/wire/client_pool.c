// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>
#include <pthread.h>
#include <time.h>

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
	struct nx_pool_config config = {
		.rest = {.url = servers.http, .stream = {.drive = NX_DRIVE_READY}}};
	struct nx_rest *rest;
	struct nx_pool *pool;
	unsigned int status = 0;

	assert_int_equal(nx_pool_create(&config, &pool), NX_CLIENT_DONE);
	assert_true(nx_pool_acquire(pool, 0, &rest) <= NX_CLIENT_AGAIN);
	assert_int_equal(UNTIL_DONE(&rest->stream, nx_rest_connect(rest)), NX_CLIENT_DONE);
	assert_int_equal(get(rest, "/small", &status), NX_CLIENT_DONE);
	assert_int_equal(status, 200);
	nx_pool_release(pool, rest);
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
	cmocka_unit_test(threads_share_fewer_connections),
};
const size_t pool_case_count = sizeof(pool_cases) / sizeof(pool_cases[0]);
