// SPDX-License-Identifier: BSD-3-Clause
// Records that two ends of ours exchange: cuts, sizes, key updates, closing, want of buffers.
#include "rig.h"

static const struct {
	uint16_t version, suite;
} suites[] = {
	{TLS_VERSION_1_3, 0x1301},
	{TLS_VERSION_1_3, 0x1302},
	{TLS_VERSION_1_3, 0x1303},
	{TLS_VERSION_1_2, 0xc02f},
	{TLS_VERSION_1_2, 0xc030},
	{TLS_VERSION_1_2, 0xcca8},
};

static uint8_t plain[200000], wire[260000], opened[200000];

static void plain_fill(void)
{
	for (uint32_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)rig_draw(256);
}

static void fini(struct tls_records *a, struct tls_records *b)
{
	tls_records_fini(&rig, a);
	tls_records_fini(&rig, b);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void every_suite_carries_a_stream_however_it_is_cut(void **state)
{
	for (uint32_t s = 0; s < nx_array_size(suites); s++)
		for (uint32_t round = 0; round < 8; round++) {
			struct tls_records client, server;
			uint32_t length = 1 + rig_draw(round < 4 ? 2000 : 120000);
			uint32_t most = round % 4 == 0 ? 3 : 1 + rig_draw(20000);
			uint32_t n;

			rig_can_share = round % 2 == 0;
			rig_can_spare = round % 4 < 3;
			plain_fill();
			rig_pair(suites[s].version, suites[s].suite, &client, &server);
			for (uint32_t way = 0; way < 2; way++) {
				n = rig_seal(way ? &server : &client, plain, length, wire);
				n = rig_open(way ? &client : &server,
					rig_chain(wire, n, most, true), opened, TLS_WANT_MORE);
				assert_int_equal(n, length);
				assert_memory_equal(opened, plain, n);
			}
			fini(&client, &server);
		}
	rig_can_share = rig_can_spare = true;
}

// One byte a call: nothing comes before a record is whole, and few buffers are held meanwhile.
static void a_record_that_comes_byte_by_byte_holds_few_buffers(void **state)
{
	struct tls_records client, server;
	uint32_t n, got = 0;

	rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
	client.out.run_bytes = UINT64_C(1) << 40;
	n = rig_seal(&client, plain, 16384, wire);
	assert_int_equal(n, 5 + 16384 + 17);
	for (uint32_t i = 0; i < n; i++) {
		got += rig_open(
			&server, rig_chain(wire + i, 1, 1, false), opened + got, TLS_WANT_MORE);
		assert_in_range(buffer_heap_alive(), 0, 11);
		assert_int_equal(got, i + 1 == n ? 16384 : 0);
	}
	assert_memory_equal(opened, plain, got);
	fini(&client, &server);
}

// Chains are taken whole as they come, and what is behind their ends is found when more comes:
// large buffers, pieces so small that they are put together, and empty buffers.
static void chains_of_all_sizes_join_in_the_middle_of_a_record(void **state)
{
	for (uint32_t round = 0; round < 200; round++) {
		struct tls_records client, server;
		uint32_t n, got = 0;

		rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
		client.out.run_bytes = UINT64_C(1) << 40;
		n = rig_seal(&client, plain, 40000, wire);
		for (uint32_t at = 0, part; at < n; at += part) {
			struct buffer *empty = buffer_heap_get(&buffer_heap_source, 0);
			struct buffer *chain;

			part = u32_min(1 + rig_draw(rig_draw(2) ? 300 : 9000), n - at);
			chain = rig_chain(wire + at, part, 1460, false);
			empty->next = chain->next;
			chain->next = empty;
			chain->segments++;
			got += rig_open(&server, chain, opened + got, TLS_WANT_MORE);
		}
		assert_int_equal(got, 40000);
		assert_memory_equal(opened, plain, got);
		fini(&client, &server);
	}
}

// Every place where three short records can be cut in two.
static void every_cut_of_short_records_opens(void **state)
{
	for (uint32_t cut = 1;; cut++) {
		struct tls_records client, server;
		uint32_t n = 0, got;

		rig_pair(TLS_VERSION_1_3, 0x1303, &client, &server);
		n += rig_seal(&client, plain, 1, wire);
		n += rig_seal(&client, plain + 1, 20, wire + n);
		n += rig_seal(&client, plain + 21, 9, wire + n);
		if (cut < n) {
			got = rig_open(
				&server, rig_chain(wire, cut, cut, false), opened, TLS_WANT_MORE);
			got += rig_open(&server, rig_chain(wire + cut, n - cut, n, false),
				opened + got, TLS_WANT_MORE);
			assert_int_equal(got, 30);
			assert_memory_equal(opened, plain, 30);
		}
		fini(&client, &server);
		if (cut == n)
			return;
	}
}

// The length of each record in wire.
static uint32_t sizes(uint32_t length, uint32_t *out)
{
	uint32_t count = 0;

	for (uint32_t at = 0; at < length; count++) {
		out[count] = (uint32_t)wire[at + 3] << 8 | wire[at + 4];
		at += 5 + out[count];
	}
	return count;
}

static void records_fit_a_segment_then_grow_and_shrink_after_a_pause(void **state)
{
	struct tls_records client, server;
	struct buffer *data, *sealed;
	uint32_t size[600], count;
	usec_t now = 5 * USEC_PER_SECOND;

	rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
	for (uint32_t turn = 0; turn < 3; turn++) {
		data = rig_chain(plain, 150000, 1460, false);
		assert_int_equal(tls_seal(&rig, &client, 1448, now, &data, &sealed), TLS_SEALED);
		count = sizes(rig_read(sealed, wire), size);
		if (turn == 0)
			assert_int_equal(size[0] + 5, 1448);
		now += 900000;
	}
	assert_int_equal(size[1], 16384 + 17);
	assert_in_range(count, 9, 11);
	now += 2 * USEC_PER_SECOND;
	data = rig_chain(plain, 150000, 60000, false);
	assert_int_equal(tls_seal(&rig, &client, 1448, now, &data, &sealed), TLS_SEALED);
	(void)sizes(rig_read(sealed, wire), size);
	assert_int_equal(size[0] + 5, 1448);
	assert_int_equal(size[50] + 5, 4 * 1448);
	fini(&client, &server);
}

// Where nobody is imitated a long record ends with a buffer, if that is near: none is divided.
static void long_records_may_end_with_a_buffer(void **state)
{
	static const struct {
		uint32_t piece;
		uint32_t record; // content of the first one
	} cases[] = {{1460, 11 * 1460}, {1448, 11 * 1448}, {16384, 16384}, {2100, 7 * 2100},
		{4700, 16384}, {60000, 16384}, {1, 16384}};

	for (uint32_t i = 0; i < nx_array_size(cases); i++) {
		struct tls_records client, server;
		struct buffer *data = rig_chain(plain, 60000, cases[i].piece, false), *sealed;
		bool is_even = cases[i].record % cases[i].piece == 0 && cases[i].piece > 100;
		uint32_t size[16], n;

		rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
		client.out.ends_with_buffers = true;
		client.out.run_bytes = UINT64_C(1) << 40;
		rig_buffers_left =
			is_even ? 10 : -1; // the heap's have no room behind: a trailer each
		assert_int_equal(tls_seal(&rig, &client, 1460, 0, &data, &sealed), TLS_SEALED);
		rig_buffers_left = -1;
		n = rig_read(sealed, wire);
		sizes(n, size);
		assert_int_equal(size[0], cases[i].record + 17);
		n = rig_open(&server, rig_chain(wire, n, 1460, false), opened, TLS_WANT_MORE);
		assert_int_equal(n, 60000);
		assert_memory_equal(opened, plain, n);
		fini(&client, &server);
	}
}

static void a_requested_key_update_is_answered_once(void **state)
{
	struct tls_records client, server;
	struct buffer *sealed;
	uint32_t n = 0;

	rig_pair(TLS_VERSION_1_3, 0x1302, &client, &server);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(tls_update_key(&client, true));
		assert_int_equal(tls_seal(&rig, &client, 1460, 0, NULL, &sealed), TLS_SEALED);
		n += rig_read(sealed, wire + n);
	}
	n += rig_seal(&client, plain, 100, wire + n);
	assert_false(tls_seal_due(&server));
	assert_int_equal(
		rig_open(&server, rig_chain(wire, n, 7, true), opened, TLS_WANT_MORE), 100);
	assert_memory_equal(opened, plain, 100);
	assert_true(tls_seal_due(&server));
	n = rig_seal(&server, plain, 50, wire);
	assert_int_equal(n, 5 + 5 + 17 + 5 + 50 + 17);
	assert_false(tls_seal_due(&server));
	assert_int_equal(
		rig_open(&client, rig_chain(wire, n, n, false), opened, TLS_WANT_MORE), 50);
	assert_false(tls_seal_due(&client));
	fini(&client, &server);
}

// Both ways: the sealing end updates its key, the opening end asks for the peer's.
static void a_worn_key_is_updated_before_its_limit(void **state)
{
	struct tls_records client, server;
	uint64_t first;
	uint32_t n;

	rig.key_blocks = 100;
	rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
	first = client.out.key.number;
	for (uint32_t i = 0; i < 40; i++) {
		n = rig_seal(&client, plain, 700, wire);
		assert_int_equal(
			rig_open(&server, rig_chain(wire, n, 50, true), opened, TLS_WANT_MORE),
			700);
		assert_memory_equal(opened, plain, 700);
		assert_in_range(client.out.key.blocks, 0, 200);
		n = rig_seal(&server, plain, 10, wire);
		rig_open(&client, rig_chain(wire, n, 50, true), opened, TLS_WANT_MORE);
	}
	assert_in_range(client.out.key.number, first + 5, UINT64_MAX);
	fini(&client, &server);

	// TLS 1.2 has no update: the verdict says so and what was not sealed stays the caller's.
	struct buffer *data = rig_chain(plain, 8000, 1460, false), *sealed;

	rig_pair(TLS_VERSION_1_2, 0xc02f, &client, &server);
	assert_false(tls_update_key(&client, false));
	assert_int_equal(tls_seal(&rig, &client, 1000, 0, &data, &sealed), TLS_KEY_SPENT);
	n = rig_read(sealed, wire);
	assert_int_equal(rig_open(&server, rig_chain(wire, n, 50, true), opened, TLS_WANT_MORE) +
				 rig_read(data, opened + 7000),
		8000);
	rig.key_blocks = 0;
	fini(&client, &server);

	// What one key may not protect, ChaCha20-Poly1305 may.
	rig.key_blocks = 100;
	rig_pair(TLS_VERSION_1_2, 0xcca8, &client, &server);
	rig_seal(&client, plain, 8000, wire);
	rig.key_blocks = 0;
	fini(&client, &server);
}

static void close_notify_closes_one_way(void **state)
{
	for (uint32_t s = 0; s < nx_array_size(suites); s++) {
		struct tls_records client, server;
		struct buffer *sealed, *data = rig_chain(plain, 5, 5, false);
		uint32_t n;

		rig_pair(suites[s].version, suites[s].suite, &client, &server);
		n = rig_seal(&client, plain, 100, wire);
		assert_int_equal(tls_close(&rig, &client, &sealed), TLS_SEALED);
		n += rig_read(sealed, wire + n);
		assert_int_equal(tls_close(&rig, &client, &sealed), TLS_WRITE_CLOSED);
		assert_int_equal(
			tls_seal(&rig, &client, 1460, 0, &data, &sealed), TLS_WRITE_CLOSED);
		rig_read(data, opened);
		// Whatever follows close_notify is ignored.
		memset(wire + n, 0x55, 40);
		assert_int_equal(
			rig_open(&server, rig_chain(wire, n + 40, 60, true), opened, TLS_CLOSED),
			100);
		assert_int_equal(
			rig_open(&server, rig_chain(wire, 9, 9, false), opened, TLS_CLOSED), 0);
		assert_int_equal(tls_input_end(&rig, &server), TLS_CLOSED);
		n = rig_seal(&server, plain, 3000, wire);
		assert_int_equal(
			rig_open(&client, rig_chain(wire, n, 60, true), opened, TLS_WANT_MORE),
			3000);
		assert_int_equal(tls_input_end(&rig, &client), TLS_TRUNCATED);
		fini(&client, &server);
	}
}

static void a_fatal_alert_ends_both_ways(void **state)
{
	for (uint32_t s = 0; s < nx_array_size(suites); s++) {
		struct tls_records client, server;
		struct buffer *sealed;
		uint32_t n;

		rig_pair(suites[s].version, suites[s].suite, &client, &server);
		assert_int_equal(tls_send_alert(&rig, &client, TLS_ALERT_INTERNAL_ERROR, &sealed),
			TLS_SEALED);
		n = rig_read(sealed, wire);
		rig_open(&server, rig_chain(wire, n, n, false), opened, TLS_PEER_ALERT);
		assert_int_equal(tls_peer_alert(&server), TLS_ALERT_INTERNAL_ERROR);
		assert_int_equal(tls_input_end(&rig, &server), TLS_PEER_ALERT);
		fini(&client, &server);
	}
}

// Wherever buffers run out nothing is lost: what is left is sealed later, what is held opened
// later.
static void want_of_buffers_after(int most)
{
	for (uint32_t s = 0; s < nx_array_size(suites); s += 3)
		for (int left = 0; left < most; left++) {
			struct tls_records client, server;
			struct buffer *data, *sealed, *out;
			uint32_t n = 0, got = 0;
			enum tls_verdict v;

			rig_pair(suites[s].version, suites[s].suite, &client, &server);
			tls_update_key(&client, false);
			data = rig_chain(plain, 60000, 50000, false);
			rig_buffers_left = left;
			v = tls_seal(&rig, &client, 9000, 0, &data, &sealed);
			assert_int_equal(v, TLS_NO_BUFFER);
			n += rig_read(sealed, wire);
			rig_buffers_left = -1;
			assert_int_equal(
				tls_seal(&rig, &client, 9000, 0, &data, &sealed), TLS_SEALED);
			n += rig_read(sealed, wire + n);

			tls_push(&rig, &server, rig_chain(wire, n, 33333, false));
			rig_buffers_left = left % 3;
			while ((v = tls_next(&rig, &server, &out)) != TLS_WANT_MORE) {
				if (v == TLS_NO_BUFFER)
					rig_buffers_left = 1;
				else
					got += rig_read(out, opened + got);
				assert_false(tls_verdict_is_fatal(v));
			}
			rig_buffers_left = -1;
			assert_int_equal(got, 60000);
			assert_memory_equal(opened, plain, got);
			fini(&client, &server);
		}
}

static void want_of_buffers_delays_and_loses_nothing(void **state)
{
	rig_can_spare = false;
	want_of_buffers_after(12);
	// Records in large buffers take fewer.
	rig_can_spare = true;
	want_of_buffers_after(7);
}

enum {
	SHORT_SPAN = 1460,
	LONG_SPAN = 30000,
};

// Two ends of the same keys, without large buffers and with them: the length of what both make of
// plain, in spans of so many bytes, which is the same.
static uint32_t seal_twice(const struct tls_records *from, uint32_t length, uint32_t span)
{
	static uint8_t same[sizeof(wire)];
	bool is_gathered = (from->out.key.aead == AEAD_CHACHA20_POLY1305) == (span == SHORT_SPAN);
	uint32_t n = 0;

	for (uint32_t i = 0; i < 2; i++) {
		struct tls_records t = *from;
		struct buffer *data = rig_chain(plain, length, span, false), *sealed;

		rig_can_spare = i == 1;
		assert_int_equal(tls_seal(&rig, &t, 1460, 0, &data, &sealed), TLS_SEALED);
		if (i == 1)
			assert_int_equal(sealed->segments < 10, is_gathered);
		n = rig_read(sealed, i == 0 ? same : wire);
	}
	assert_memory_equal(wire, same, n);
	return n;
}

// Long records of many buffers are copied together where that pays, those of few are sealed into
// another: few large buffers are held for
// them, none longer than what lies in it, and one that is not right is not to be had.
static void records_that_are_gathered_are_the_same(void **state)
{
	plain_fill();
	for (uint32_t s = 0; s < nx_array_size(suites); s++) {
		struct tls_records client, server, other;
		struct tls_queue all = {0};
		struct buffer *data;
		uint32_t n;

		rig_pair(suites[s].version, suites[s].suite, &client, &server);
		client.out.run_bytes = UINT64_C(1) << 40;
		other = server;
		n = seal_twice(&client, 100000, LONG_SPAN);
		assert_int_equal(seal_twice(&client, 100000, SHORT_SPAN), n);
		tls_push(&rig, &server, rig_chain(wire, n, 1460, false));
		while (tls_next(&rig, &server, &data) == TLS_DATA)
			tls_queue_append(&all, data);
		assert_null(server.in.large);
		if (client.out.key.aead == AEAD_CHACHA20_POLY1305)
			assert_in_range(buffer_heap_alive(), 8, 12);
		assert_int_equal(rig_read(tls_queue_chain(&all), opened), 100000);
		assert_memory_equal(opened, plain, 100000);

		wire[20000] ^= 1;
		assert_int_equal(
			rig_open(&other, rig_chain(wire, n, 1460, false), opened, TLS_BAD_RECORD),
			16384);
		assert_memory_equal(opened, plain, 16384);
		fini(&client, &server);
	}
}

// What was opened in place leaves again by another leg's keys, in place.
static void what_one_leg_opened_another_seals(void **state)
{
	struct tls_records a, b, c, d;
	struct buffer *data, *sealed;
	uint32_t n, m = 0, got = 0;

	plain_fill();
	rig_pair(TLS_VERSION_1_3, 0x1301, &a, &b);
	rig_pair(TLS_VERSION_1_2, 0xc030, &c, &d);
	n = rig_seal(&a, plain, 100000, wire);
	tls_push(&rig, &b, rig_chain(wire, n, 30000, false));
	while (tls_next(&rig, &b, &data) == TLS_DATA) {
		assert_int_equal(tls_seal(&rig, &c, 1460, 0, &data, &sealed), TLS_SEALED);
		m = rig_read(sealed, wire);
		got += rig_open(&d, rig_chain(wire, m, 1460, true), opened + got, TLS_WANT_MORE);
	}
	assert_int_equal(got, 100000);
	assert_memory_equal(opened, plain, got);
	tls_records_fini(&rig, &a);
	tls_records_fini(&rig, &b);
	fini(&c, &d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_carries_a_stream_however_it_is_cut),
		cmocka_unit_test(a_record_that_comes_byte_by_byte_holds_few_buffers),
		cmocka_unit_test(chains_of_all_sizes_join_in_the_middle_of_a_record),
		cmocka_unit_test(every_cut_of_short_records_opens),
		cmocka_unit_test(records_fit_a_segment_then_grow_and_shrink_after_a_pause),
		cmocka_unit_test(long_records_may_end_with_a_buffer),
		cmocka_unit_test(a_requested_key_update_is_answered_once),
		cmocka_unit_test(a_worn_key_is_updated_before_its_limit),
		cmocka_unit_test(close_notify_closes_one_way),
		cmocka_unit_test(a_fatal_alert_ends_both_ways),
		cmocka_unit_test(want_of_buffers_delays_and_loses_nothing),
		cmocka_unit_test(records_that_are_gathered_are_the_same),
		cmocka_unit_test(what_one_leg_opened_another_seals),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
