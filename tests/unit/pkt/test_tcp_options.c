// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"
#include "pkt/tcp_options.h"

// A SYN with these option bytes, padded with zeros (end of list).
static struct frame syn_with(const uint8_t *options, uint8_t length, struct packet *p)
{
	struct frame_spec spec = {.protocol = IPPROTO_TCP,
		.tcp_flags = TCP_FLAG_SYN,
		.tcp_options_length = (uint8_t)((length + 3) & ~3)};
	struct frame f;

	memcpy(spec.tcp_options, options, length);
	f = frame_make(&spec);
	assert_int_equal(frame_parse(&f, 0, p), PARSE_OK);
	return f;
}

static enum tcp_options_verdict verdict_of(
	const uint8_t *options, uint8_t length, struct tcp_options *out)
{
	struct packet p;
	struct frame f = syn_with(options, length, &p);
	enum tcp_options_verdict verdict = tcp_options_parse(&p, out);

	frame_free(&f);
	return verdict;
}

#define VERDICT(out, ...)                                                                          \
	verdict_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), out)

static void usual_syn_options_are_read(void **state)
{
	struct tcp_options o;

	assert_int_equal(
		VERDICT(&o, 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 9, 1, 3, 3, 7),
		TCP_OPTIONS_OK);
	assert_true(o.has_mss && o.has_window_scale && o.has_timestamps && o.sack_permitted);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.window_scale, 7);
	assert_int_equal(o.timestamp, 0x01020304);
	assert_int_equal(o.timestamp_echo, 9);
}

static void no_options_and_unknown_ones(void **state)
{
	struct tcp_options o;
	struct tcp_options none = {0};

	assert_int_equal(VERDICT(&o, 0), TCP_OPTIONS_OK);
	assert_memory_equal(&o, &none, sizeof(o));
	assert_int_equal(VERDICT(&o, 30, 4, 1, 1, 253, 2, 2, 4, 1, 0), TCP_OPTIONS_OK);
	assert_int_equal(o.mss, 256);
	// What follows the end of the list is padding.
	assert_int_equal(VERDICT(&o, 0, 2, 1, 1), TCP_OPTIONS_OK);
	assert_false(o.has_mss);
}

static void malformed_options_leave_the_output_alone(void **state)
{
	struct tcp_options o = {.mss = 77};

	assert_int_equal(VERDICT(&o, 1, 1, 1, 2), TCP_OPTION_TRUNCATED);
	assert_int_equal(VERDICT(&o, 1, 2, 4, 5), TCP_OPTION_TRUNCATED);
	assert_int_equal(VERDICT(&o, 30, 0, 0, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 30, 1, 0, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 2, 3, 5, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 3, 4, 5, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 4, 3, 5, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 8, 4, 0, 0), TCP_OPTION_BAD_LENGTH);
	assert_int_equal(VERDICT(&o, 2, 4, 5, 0, 2, 4, 5, 0), TCP_OPTION_REPEATED);
	assert_int_equal(o.mss, 77);
}

static void window_scale_is_cut_to_fourteen(void **state)
{
	struct tcp_options o;

	assert_int_equal(VERDICT(&o, 3, 3, 255, 1), TCP_OPTIONS_OK);
	assert_int_equal(o.window_scale, 14);
}

static void timestamps_are_found_in_any_layout(void **state)
{
	static const uint8_t usual[] = {1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6};
	static const uint8_t behind[] = {
		5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6};
	static const uint8_t broken[] = {1, 8, 6, 0, 0, 0, 5, 0, 1, 1, 1, 1};
	const struct {
		const uint8_t *options;
		uint8_t length;
		bool found;
	} cases[] = {{usual, sizeof(usual), true}, {behind, sizeof(behind), true},
		{broken, sizeof(broken), false}, {usual, 0, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t value = 77;
		uint32_t echo = 77;
		struct packet p;
		struct frame f = syn_with(cases[i].options, cases[i].length, &p);

		assert_int_equal(tcp_timestamps_read(&p, &value, &echo), cases[i].found);
		assert_int_equal(value, cases[i].found ? 5 : 77);
		assert_int_equal(echo, cases[i].found ? 6 : 77);
		frame_free(&f);
	}
}

static void mss_is_lowered_and_the_checksum_mended(void **state)
{
	static const uint8_t even[] = {2, 4, 5, 0xb4};
	static const uint8_t odd[] = {1, 2, 4, 5, 0xb4, 4, 2};

	for (int i = 0; i < 2; i++) {
		struct tcp_options o;
		struct packet p;
		struct frame f =
			i ? syn_with(odd, sizeof(odd), &p) : syn_with(even, sizeof(even), &p);

		assert_false(tcp_mss_clamp(&p, 1460));
		assert_false(tcp_mss_clamp(&p, 0));
		assert_true(tcp_mss_clamp(&p, 1234));
		assert_int_equal(tcp_options_parse(&p, &o), TCP_OPTIONS_OK);
		assert_int_equal(o.mss, 1234);
		assert_true(frame_checksum_is_right(&p));
		frame_free(&f);
	}
}

static void clamp_leaves_a_partial_checksum_alone(void **state)
{
	struct packet p;
	struct frame f = syn_with((const uint8_t[]){2, 4, 5, 0xb4}, 4, &p);
	be16 before = be16_load(f.bytes + f.l4 + 16);

	p.flags |= PACKET_CHECKSUM_PARTIAL;
	assert_true(tcp_mss_clamp(&p, 1000));
	assert_int_equal(be16_load(f.bytes + f.l4 + 16), before);
	frame_free(&f);
}

static void clamp_inserts_nothing_and_stops_at_faults(void **state)
{
	struct packet p;
	struct frame f = syn_with((const uint8_t[]){3, 3, 7, 1}, 4, &p);

	assert_false(tcp_mss_clamp(&p, 1000));
	frame_free(&f);
	f = syn_with((const uint8_t[]){30, 0, 2, 4, 5, 0xb4, 0, 0}, 8, &p);
	assert_false(tcp_mss_clamp(&p, 1000));
	frame_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_syn_options_are_read),
		cmocka_unit_test(no_options_and_unknown_ones),
		cmocka_unit_test(malformed_options_leave_the_output_alone),
		cmocka_unit_test(window_scale_is_cut_to_fourteen),
		cmocka_unit_test(timestamps_are_found_in_any_layout),
		cmocka_unit_test(mss_is_lowered_and_the_checksum_mended),
		cmocka_unit_test(clamp_leaves_a_partial_checksum_alone),
		cmocka_unit_test(clamp_inserts_nothing_and_stops_at_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
