// SPDX-License-Identifier: BSD-3-Clause
// What opening, closing and waiting cost with many connections beside: the same as with few. A scan
// of the table would be thousands of times dearer, so the bounds leave room for a busy machine.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tcp/connection.h"
#include "tcp/tcp.h"

enum {
	MANY = 1 << 17,
	FEW = 64,
	ROUNDS = 4000,
	DEARER_MOST = 40, // cache misses, and a machine that does other things
};

// Two legs of an idle session, with their places in the tables, leave a third of 1.5 KiB over.
static_assert(2 * (sizeof(struct tcp_connection) + 2 * sizeof(uint32_t)) <= 1200);

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	buffer_heap_put(context, packet);
}

static struct buffer_source source = {
	.get = buffer_heap_get, .put = buffer_heap_put, .share = buffer_heap_share};

static struct tcp_engine *engine_with(uint32_t connections)
{
	struct tcp_engine_config config = {.connections = MANY,
		.buffers = &source,
		.context = &source,
		.transmit = transmit,
		.now = USEC_PER_SECOND};
	struct tcp_engine *engine;
	uint32_t index;

	assert_int_equal(tcp_engine_create(&config, &engine), 0);
	for (uint32_t i = 0; i < connections; i++) {
		struct flow_key key = {
			.source = ip_address_from_v4(be32_from_host(0x0a000000 + i / 50000)),
			.destination = ip_address_from_v4(be32_from_host(0x0b000001)),
			.source_port = be16_from_host((uint16_t)(1024 + i % 50000)),
			.destination_port = be16_from_host(80),
			.protocol = IPPROTO_TCP};

		assert_int_equal(tcp_connect(engine, 0, &key, 0, USEC_PER_SECOND, &index), 0);
	}
	return engine;
}

static void engine_end(struct tcp_engine *engine, uint32_t connections)
{
	assert_int_equal(tcp_engine_destroy(engine), connections);
	assert_int_equal(buffer_heap_alive(), 0);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t open_and_close(struct tcp_engine *engine)
{
	uint64_t began = cpu_ns();

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct flow_key key = {.source = ip_address_from_v4(be32_from_host(0x0c000001)),
			.destination = ip_address_from_v4(be32_from_host(0x0b000001)),
			.source_port = be16_from_host((uint16_t)(1024 + i)),
			.destination_port = be16_from_host(80),
			.protocol = IPPROTO_TCP};
		uint32_t index;

		assert_int_equal(tcp_connect(engine, 0, &key, 0, USEC_PER_SECOND, &index), 0);
		tcp_abort(engine, index, USEC_PER_SECOND);
	}
	return cpu_ns() - began;
}

static uint64_t wait_idle(struct tcp_engine *engine)
{
	uint64_t began = cpu_ns();

	for (uint32_t i = 0; i < ROUNDS; i++) {
		usec_t now = USEC_PER_SECOND + i * 64;

		assert_int_equal(tcp_timers_run(engine, now, UINT32_MAX), 0);
		assert_true(tcp_timers_next(engine) > now);
		assert_true(tcp_flush(engine, now));
	}
	return cpu_ns() - began;
}

static void opening_costs_the_same_beside_many(void **state)
{
	struct tcp_engine *few = engine_with(FEW);
	struct tcp_engine *full = engine_with(MANY - FEW);
	uint64_t alone;

	open_and_close(few); // what is touched for the first time costs more
	open_and_close(full);
	alone = open_and_close(few);
	assert_true(open_and_close(full) < alone * DEARER_MOST);
	engine_end(few, FEW);
	engine_end(full, MANY - FEW);
}

static void waiting_costs_the_same_beside_many(void **state)
{
	struct tcp_engine *few = engine_with(FEW);
	struct tcp_engine *full = engine_with(MANY);
	uint64_t alone = wait_idle(few);

	assert_true(wait_idle(full) < alone * DEARER_MOST);
	engine_end(few, FEW);
	engine_end(full, MANY);
}

// A full table refuses one more, and takes it when one has gone.
static void a_full_table_refuses(void **state)
{
	struct tcp_engine *full = engine_with(MANY);
	struct flow_key key = {.source = ip_address_from_v4(be32_from_host(0x0c000001)),
		.destination = ip_address_from_v4(be32_from_host(0x0b000001)),
		.source_port = be16_from_host(9),
		.destination_port = be16_from_host(80),
		.protocol = IPPROTO_TCP};
	uint32_t index;

	assert_int_equal(tcp_connect(full, 0, &key, 0, USEC_PER_SECOND, &index), -ENOBUFS);
	assert_int_equal(counter_read(&tcp_engine_stats(full)->no_connection), 1);
	tcp_abort(full, 7, USEC_PER_SECOND);
	assert_int_equal(tcp_connect(full, 0, &key, 0, USEC_PER_SECOND, &index), 0);
	engine_end(full, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening_costs_the_same_beside_many),
		cmocka_unit_test(waiting_costs_the_same_beside_many),
		cmocka_unit_test(a_full_table_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
