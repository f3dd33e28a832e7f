// SPDX-License-Identifier: BSD-3-Clause
// The pure parts: keyed hash, numbers, options, sequence arithmetic.
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pkt/tcp_options.h"
#include "tcp/engine_impl.h"

// The authors' vectors, key 00 to 0f, for messages 00 to 07 and 00 to 0f.
static void siphash_matches_its_vectors(void **state)
{
	struct siphash_key key;
	uint8_t bytes[16];
	uint64_t words[2];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		bytes[i] = i;
	memcpy(&key, bytes, 16);
	memcpy(words, bytes, 16);
	assert_int_equal(siphash_words(&key, words, 1), UINT64_C(0x93f5f5799a932462));
	assert_int_equal(siphash_words(&key, words, 2), UINT64_C(0x3f2acc7f57c29bdb));
}

static void transmit_nothing(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
}

// Hash, random numbers and SipHash have a key each, and none is a word of the secret.
static void every_use_has_a_key_of_its_own(void **state)
{
	struct tcp_engine_config config = {.connections = 1,
		.buffers = &buffer_heap_source,
		.transmit = transmit_nothing,
		.secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
	uint64_t words[7];
	struct tcp_engine *e;

	(void)state;
	assert_int_equal(tcp_engine_create(&config, &e), 0);
	memcpy(words, config.secret, 16);
	memcpy(words + 2, &e->key, 16);
	memcpy(words + 4, &e->table_key, 16);
	words[6] = e->random;
	for (unsigned i = 0; i < nx_array_size(words); i++)
		for (unsigned j = 0; j < i; j++)
			assert_true((words[i] | 1) != (words[j] | 1));
	assert_int_equal(tcp_engine_destroy(e), 0);
}

static void sequence_arithmetic_wraps(void **state)
{
	(void)state;
	assert_true(seq_before(0xfffffff0u, 0x10));
	assert_false(seq_before(0x10, 0xfffffff0u));
	assert_false(seq_before(5, 5));
	assert_true(seq_at_or_before(5, 5));
	assert_int_equal(seq_later(0xfffffff0u, 0x10), 0x10);
	assert_int_equal(seq_earlier(0xfffffff0u, 0x10), 0xfffffff0u);
}

// RFC 6528: ends that differ in one bit share nothing; the clock moves all alike.
static void initial_numbers_differ_by_connection(void **state)
{
	static struct tcp_engine e;
	struct flow_key key = {.source = ip_address_from_v4(1),
		.destination = ip_address_from_v4(2),
		.protocol = IPPROTO_TCP};
	uint32_t small_steps = 0;
	uint32_t previous = 0;

	(void)state;
	e.key = (struct siphash_key){{1, 2}};
	for (uint16_t port = 0; port < 1000; port++) {
		uint32_t isn;

		key.source_port = be16_from_host(port);
		isn = isn_choose(&e, &key);
		small_steps += isn - previous < 0x1000000;
		previous = isn;
	}
	// A 256th of all steps would be smaller by chance.
	assert_in_range(small_steps, 0, 20);
	e.now = 4000;
	assert_int_equal(isn_choose(&e, &key) - previous, 1000);
}

static void syn_options_read_as_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t header[60] = {0};
		struct syn_options o = {.mss = 1300,
			.window_scale = i & 1 ? 7 : -1,
			.sack = i & 2,
			.timestamps = i & 4,
			.timestamp = 0x01020304,
			.echo = 0x0a0b0c0d};
		struct packet p = {.data = header, .kind = PACKET_TCP};
		struct tcp_options out = {0};
		uint32_t length = options_write_syn(header + 20, &o);

		assert_int_equal(length % 4, 0);
		assert_true(length <= 40);
		p.tcp_header_length = (uint16_t)(20 + length);
		assert_int_equal(tcp_options_parse(&p, &out), TCP_OPTIONS_OK);
		assert_true(out.has_mss);
		assert_int_equal(out.mss, 1300);
		assert_int_equal(out.has_window_scale, i & 1);
		assert_int_equal(out.sack_permitted, (i & 2) != 0);
		assert_int_equal(out.has_timestamps, (i & 4) != 0);
		if (out.has_timestamps)
			assert_int_equal(out.timestamp, 0x01020304);
	}
}

static void sack_blocks_are_read_within_the_header(void **state)
{
	uint8_t header[60] = {[20] = 1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
	struct packet p = {.data = header, .kind = PACKET_TCP, .tcp_header_length = 40};
	struct tcp_sack_block blocks[SACK_BLOCKS_MAX];

	(void)state;
	assert_int_equal(options_read_sack(&p, blocks), 2);
	assert_int_equal(blocks[1].start, 3);
	assert_int_equal(blocks[1].end, 4);
	// One that ends beyond the header is none; half a block does not count.
	p.tcp_header_length = 36;
	assert_int_equal(options_read_sack(&p, blocks), 0);
	header[23] = 14;
	assert_int_equal(options_read_sack(&p, blocks), 1);
	header[23] = 1;
	assert_int_equal(options_read_sack(&p, blocks), 0);
}

static void transmit_nowhere(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	buffer_heap_put(&buffer_heap_source, packet);
}

enum {
	FRAME = 65000,
	PART_MOST = 2500, // what a buffer costs that has no memory of its own
};

static const struct tcp_engine_config queue_config = {
	.connections = 1, .buffers = &buffer_heap_source, .transmit = transmit_nowhere};

static uint32_t queue_open(struct tcp_engine **e)
{
	struct flow_key key = {.source = ip_address_from_v4(1),
		.destination = ip_address_from_v4(2),
		.source_port = 1,
		.destination_port = 2,
		.protocol = IPPROTO_TCP};
	uint32_t index;

	assert_int_equal(tcp_engine_create(&queue_config, e), 0);
	assert_int_equal(tcp_connect(*e, 0, &key, 0, 1, &index), 0);
	return index;
}

// The front of a large frame, which is then its rest.
static struct buffer *cut(struct buffer *large, uint16_t bytes)
{
	struct buffer *part = buffer_heap_share(&buffer_heap_source, large);

	part->length = bytes;
	large->offset += bytes;
	large->length -= bytes;
	return part;
}

// What records or an HTTP body cut from a large frame takes its memory once, not once a part, also
// with what is put between them.
static void parts_of_a_large_buffer_count_it_once(void **state)
{
	struct buffer *large = buffer_heap_get(&buffer_heap_source, FRAME), *head;
	struct tcp_engine *e;
	uint32_t index = queue_open(&e), room = tcp_send_room(e, index);

	(void)state;
	large->length = 60000;
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(tcp_send(e, index, cut(large, 6000), 0, 1), 0);
		head = buffer_heap_get(&buffer_heap_source, 600);
		head->length = 600;
		assert_int_equal(tcp_send(e, index, head, 0, 1), 0);
	}
	assert_in_range(
		2 * (room - tcp_send_room(e, index)), FRAME, FRAME + 9 * (PART_MOST + 1000));
	assert_int_equal(tcp_send(e, index, large, 0, 1), 0);
	assert_in_range(
		2 * (room - tcp_send_room(e, index)), FRAME, FRAME + 10 * PART_MOST + 9 * 1000);
	assert_int_equal(tcp_engine_destroy(e), 1);
	assert_int_equal(buffer_heap_alive(), 0);
}

// Whose rest held nothing for anybody: a few bytes keep all of it.
static void parts_whose_rest_is_dropped_count_all_of_it(void **state)
{
	struct tcp_engine *e;
	uint32_t index = queue_open(&e), room = tcp_send_room(e, index), before;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct buffer *large = buffer_heap_get(&buffer_heap_source, FRAME);

		before = tcp_send_room(e, index);
		large->length = 60000;
		assert_int_equal(tcp_send(e, index, cut(large, 600), 0, 1), 0);
		buffer_heap_put(&buffer_heap_source, large);
		assert_true(2 * (before - tcp_send_room(e, index)) >= FRAME);
	}
	assert_in_range(2 * (room - tcp_send_room(e, index)), 4 * FRAME, 4 * (FRAME + 1000));
	assert_int_equal(tcp_engine_destroy(e), 1);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void an_idle_connection_is_small(void **state)
{
	(void)state;
	// The bucket of the table is 4 to 8 bytes more.
	assert_true(sizeof(struct tcp_connection) + 8 <= 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_matches_its_vectors),
		cmocka_unit_test(every_use_has_a_key_of_its_own),
		cmocka_unit_test(sequence_arithmetic_wraps),
		cmocka_unit_test(initial_numbers_differ_by_connection),
		cmocka_unit_test(syn_options_read_as_written),
		cmocka_unit_test(sack_blocks_are_read_within_the_header),
		cmocka_unit_test(parts_of_a_large_buffer_count_it_once),
		cmocka_unit_test(parts_whose_rest_is_dropped_count_all_of_it),
		cmocka_unit_test(an_idle_connection_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
