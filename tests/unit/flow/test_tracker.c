// SPDX-License-Identifier: BSD-3-Clause
// The tracker's short way against the long one: it may decline, but never differ. What the tracker
// itself does is told by the dialogues of tests/packet.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/tracker.h"

static uint32_t some(uint32_t n)
{
	return (uint32_t)random() % n;
}

// An established connection with data under way both ways.
static struct tracker established(void)
{
	struct tracker_segment syn = {.sequence = (uint32_t)random() * 2,
		.flags = TCP_FLAG_SYN,
		.window = 64000,
		.has_scale = some(2),
		.scale = (uint8_t)some(15)};
	struct tracker_segment answer = {.sequence = (uint32_t)random() * 2,
		.acknowledgement = syn.sequence + 1,
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.window = 64000,
		.has_scale = some(2),
		.scale = (uint8_t)some(15)};
	struct tracker_segment ack = {.sequence = syn.sequence + 1,
		.acknowledgement = answer.sequence + 1,
		.flags = TCP_FLAG_ACK,
		.window = (uint16_t)some(65536)};
	struct tracker t;

	tracker_open(&t, &syn);
	assert_int_equal(tracker_input(&t, 1, &answer), TRACKER_PASS);
	assert_int_equal(tracker_input(&t, 0, &ack), TRACKER_PASS);
	assert_int_equal(t.state, SESSION_ESTABLISHED);
	return t;
}

static struct tracker_segment next_segment(const struct tracker *t, unsigned int d)
{
	static const uint8_t RARE[] = {TCP_FLAG_ACK | TCP_FLAG_FIN, TCP_FLAG_RST, TCP_FLAG_SYN};
	static const uint8_t USUAL[] = {
		TCP_FLAG_ACK, TCP_FLAG_ACK | TCP_FLAG_PSH, TCP_FLAG_ACK | TCP_FLAG_ECE};

	return (struct tracker_segment){
		.sequence = t->side[d].end + (some(4) ? 0 : some(200000) - 100000),
		.acknowledgement = t->side[!d].end - (some(4) ? 0 : some(200000) - 1000),
		.payload = some(3) ? some(1461) : 0,
		.window = (uint16_t)some(65536),
		.flags = some(40) ? USUAL[some(nx_array_size(USUAL))]
				  : RARE[some(nx_array_size(RARE))]};
}

static void short_way_is_the_long_way(void **state)
{
	uint32_t taken = 0;

	for (int run = 0; run < 300; run++) {
		struct tracker t = established();

		for (int i = 0; i < 60; i++) {
			unsigned int d = some(2);
			struct tracker_segment segment = next_segment(&t, d);
			struct tracker before = t;
			struct tracker plain = t;
			bool is_plain = tracker_input_plain(&plain, d, &segment);
			enum tracker_verdict verdict = tracker_input(&t, d, &segment);

			if (is_plain)
				assert_int_equal(verdict, TRACKER_PASS);
			assert_memory_equal(&plain, is_plain ? &t : &before, sizeof(t));
			taken += is_plain;
		}
	}
	assert_true(taken > 1000);
}

static void new_data_and_acknowledgements_take_it(void **state)
{
	struct tracker t = established();

	for (int i = 0; i < 100; i++) {
		struct tracker_segment data = {.sequence = t.side[1].end,
			.acknowledgement = t.side[0].end,
			.payload = 10,
			.window = 64000,
			.flags = TCP_FLAG_ACK | TCP_FLAG_PSH};
		struct tracker_segment ack = {.sequence = t.side[0].end,
			.acknowledgement = data.sequence + 10,
			.window = 64000,
			.flags = TCP_FLAG_ACK};

		assert_true(tracker_input_plain(&t, 1, &data));
		assert_true(tracker_input_plain(&t, 0, &ack));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_way_is_the_long_way),
		cmocka_unit_test(new_data_and_acknowledgements_take_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
