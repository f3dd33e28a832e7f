// SPDX-License-Identifier: BSD-3-Clause
// One direction of an emulated link in virtual time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames.h"

enum {
	PERCENT = SHAPE_WHOLE / 100,
	ETHERNET_BYTES = 14,
};

static void without_limits_frames_come_out_at_once_and_in_order(void **state)
{
	struct shape_link *link = link_make(&(struct shape_config){0}, 16);

	for (uint8_t i = 0; i < 16; i++)
		assert_int_equal(shape_link_send(link, frame_make(64, i), 5), SHAPE_SENT);
	assert_int_equal(shape_link_next(link), 5);
	for (uint8_t i = 0; i < 16; i++) {
		struct buffer *b;

		assert_int_equal(shape_link_receive(link, &b, 1, 5), 1);
		assert_int_equal(frame_number(b), i);
		frame_put(b);
	}
	assert_int_equal(shape_link_next(link), UINT64_MAX);
	link_end(link);
}

// Offers one frame every gap_us for the time, takes what arrives; returns bytes that came out.
static uint64_t offer(struct shape_link *link, uint32_t bytes, usec_t gap_us, usec_t time)
{
	uint64_t received = 0;

	for (usec_t now = 0; now <= time; now += gap_us) {
		struct buffer *b = frame_make(bytes, 0);
		struct buffer *out[64];
		uint32_t n;

		if (shape_link_send(link, b, now) != SHAPE_SENT)
			frame_put(b);
		while ((n = shape_link_receive(link, out, 64, now)) > 0)
			for (uint32_t i = 0; i < n; i++) {
				received += out[i]->total_length;
				frame_put(out[i]);
			}
	}
	return received;
}

static void the_rate_is_exact(void **state)
{
	static const uint64_t rates[] = {9600, 1000000, 12345678, 1000000000, 2999999999};

	for (size_t i = 0; i < nx_array_size(rates); i++) {
		struct shape_link *link = link_make(
			&(struct shape_config){.rate_bps = rates[i], .queue_bytes = 30000}, 4096);
		uint32_t bytes = rates[i] < 100000 ? 60 : 1514;
		// Twice what the link carries, for so many frames' time.
		usec_t gap = bytes * 8 * USEC_PER_SECOND / rates[i] / 2;
		usec_t time = 20000 * (gap > 0 ? gap : 1);
		uint64_t got = offer(link, bytes, gap > 0 ? gap : 1, time) * 8;
		uint64_t wanted = rates[i] * time / USEC_PER_SECOND;

		assert_in_range(got, wanted - wanted / 1000, wanted + wanted / 1000);
		link_end(link);
	}
}

// 3 Gbit/s is no whole number of nanoseconds a byte: what a division leaves must not be lost.
static void remainders_of_the_rate_add_up(void **state)
{
	struct shape_link *link = link_make(&(struct shape_config){.rate_bps = 3000000001}, 100000);
	struct buffer *b;
	usec_t last = 0;

	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(shape_link_send(link, frame_make(64, 0), 0), SHAPE_SENT);
	while ((last = shape_link_next(link)) != UINT64_MAX &&
		shape_link_receive(link, &b, 1, last) == 1) {
		frame_put(b);
		// 100,000 x 512 bits at 3,000,000,001 bit/s take 17,066.66 us.
		if (shape_link_next(link) == UINT64_MAX)
			assert_int_equal(last, 17067);
	}
	link_end(link);
}

static void a_full_queue_refuses_the_newest(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.rate_bps = 8000000, .queue_bytes = 3000}, 64);
	struct buffer *b;

	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(shape_link_send(link, frame_make(1000, i), 0), SHAPE_SENT);
	assert_int_equal(counter_read(&shape_link_counters(link)->queue_bytes), 3000);
	b = frame_make(100, 9);
	assert_int_equal(shape_link_send(link, b, 0), SHAPE_QUEUE_FULL);
	// One microsecond a byte: at 999 all still wait, at 1,000 the first has left.
	assert_int_equal(shape_link_send(link, b, 999), SHAPE_QUEUE_FULL);
	assert_int_equal(shape_link_send(link, b, 1000), SHAPE_SENT);
	assert_int_equal(counter_read(&shape_link_counters(link)->queue_full), 2);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(shape_link_next(link), i < 3 ? 1000 * (i + 1) : 3100);
		assert_int_equal(shape_link_receive(link, &b, 1, shape_link_next(link)), 1);
		assert_int_equal(frame_number(b), i < 3 ? i : 9);
		frame_put(b);
	}
	link_end(link);
}

static void an_idle_link_takes_a_frame_larger_than_its_queue(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.rate_bps = 8000, .queue_bytes = 100}, 4);

	assert_int_equal(shape_link_send(link, frame_make(1000, 0), 0), SHAPE_SENT);
	link_end(link);
}

static void the_queue_is_bounded_in_packets_and_the_link_in_frames(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.rate_bps = 8000000, .queue_packets = 2}, 64);
	struct buffer *b = frame_make(64, 0);

	assert_int_equal(shape_link_send(link, frame_make(64, 0), 0), SHAPE_SENT);
	assert_int_equal(shape_link_send(link, frame_make(64, 0), 0), SHAPE_SENT);
	assert_int_equal(shape_link_send(link, b, 0), SHAPE_QUEUE_FULL);
	frame_put(b);
	link_end(link);

	link = link_make(&(struct shape_config){.delay_us = 1000000}, 2);
	assert_int_equal(shape_link_send(link, frame_make(64, 0), 0), SHAPE_SENT);
	assert_int_equal(shape_link_send(link, frame_make(64, 0), 0), SHAPE_SENT);
	b = frame_make(64, 0);
	assert_int_equal(shape_link_send(link, b, 0), SHAPE_NO_ROOM);
	assert_int_equal(counter_read(&shape_link_counters(link)->no_room), 1);
	frame_put(b);
	link_end(link);
}

static void what_exceeds_the_mtu_is_refused(void **state)
{
	struct shape_link *link = link_make(&(struct shape_config){.mtu = 1000}, 4);
	struct buffer *b = frame_make(ETHERNET_BYTES + 1001, 0);

	assert_int_equal(
		shape_link_send(link, frame_make(ETHERNET_BYTES + 1000, 0), 0), SHAPE_SENT);
	assert_int_equal(shape_link_send(link, b, 0), SHAPE_TOO_BIG);
	frame_put(b);
	link_end(link);
}

// Sends frames one a millisecond and gives each one's time on the way to `each`.
static void measure(struct shape_link *link, uint32_t frames,
	void (*each)(usec_t time, uint32_t number, void *context), void *context)
{
	for (uint32_t i = 0; i < frames; i++) {
		usec_t now = i * USEC_PER_MILLISECOND;
		struct buffer *b = frame_make(64, (uint8_t)i);
		struct buffer *out;

		if (shape_link_send(link, b, now) != SHAPE_SENT) {
			frame_put(b);
			continue;
		}
		usec_t arrives = shape_link_next(link);

		assert_int_equal(shape_link_receive(link, &out, 1, arrives), 1);
		each(arrives - now, i, context);
		frame_put(out);
	}
}

struct distribution {
	usec_t least;
	usec_t most;
	double sum;
	double squares;
	uint32_t count;
	uint32_t bins[10];
	usec_t bin_from;
	usec_t bin_width;
};

static void distribution_add(usec_t time, uint32_t number, void *context)
{
	struct distribution *d = context;
	usec_t bin = time < d->bin_from ? 0 : (time - d->bin_from) / d->bin_width;

	(void)number;
	d->least = d->count == 0 || time < d->least ? time : d->least;
	d->most = time > d->most ? time : d->most;
	d->sum += (double)time;
	d->squares += (double)time * (double)time;
	d->bins[bin < 10 ? bin : 9]++;
	d->count++;
}

static void delay_is_what_was_asked_for(void **state)
{
	struct shape_link *link = link_make(&(struct shape_config){.delay_us = 250}, 4);
	struct distribution d = {.bin_width = 1000};

	measure(link, 1000, distribution_add, &d);
	assert_int_equal(d.least, 250);
	assert_int_equal(d.most, 250);
	link_end(link);
}

// Frames are further apart than the jitter, so that keeping order changes nothing.
static void uniform_jitter_is_uniform(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.delay_us = 800, .jitter_us = 400, .seed = 3}, 4);
	struct distribution d = {.bin_from = 400, .bin_width = 80};
	double chi = 0;

	measure(link, 20000, distribution_add, &d);
	assert_in_range(d.least, 400, 402);
	assert_in_range(d.most, 1198, 1201);
	for (unsigned i = 0; i < 10; i++)
		chi += (d.bins[i] - 2000.0) * (d.bins[i] - 2000.0) / 2000.0;
	assert_true(chi < 27.9); // 9 degrees of freedom, one in a thousand
	link_end(link);
}

static void normal_jitter_has_its_deviation(void **state)
{
	struct shape_link *link = link_make(
		&(struct shape_config){
			.delay_us = 600, .jitter_us = 50, .jitter = SHAPE_JITTER_NORMAL, .seed = 4},
		4);
	struct distribution d = {.bin_from = 550, .bin_width = 100};

	measure(link, 20000, distribution_add, &d);
	double mean = d.sum / d.count;
	double variance = d.squares / d.count - mean * mean;

	assert_true(mean > 599 && mean < 602);
	assert_true(variance > 2350 && variance < 2650);
	// 15.9 % lie more than one deviation below: bin 0 has them and those up to one above.
	assert_in_range(d.bins[1], 2900, 3500);
	link_end(link);
}

static void jitter_alone_keeps_order(void **state)
{
	struct shape_link *link = link_make(
		&(struct shape_config){.delay_us = 1000, .jitter_us = 1000, .seed = 5}, 256);

	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(
			shape_link_send(link, frame_make(64, (uint8_t)i), i * 10), SHAPE_SENT);
	for (uint32_t i = 0; i < 200; i++) {
		struct buffer *b;

		assert_int_equal(shape_link_receive(link, &b, 1, shape_link_next(link)), 1);
		assert_int_equal(frame_number(b), i);
		frame_put(b);
	}
	link_end(link);
}

static uint32_t lost_of(const struct shape_config *config, uint32_t frames)
{
	struct shape_link *link = link_make(config, 4);
	struct distribution d = {.bin_width = 1000};
	uint32_t lost;

	measure(link, frames, distribution_add, &d);
	lost = (uint32_t)counter_read(&shape_link_counters(link)->lost);
	assert_int_equal(d.count + lost, frames);
	link_end(link);
	return lost;
}

// Chi-square with one degree of freedom against the share asked for: 10.8 is one in a thousand.
static void the_share_lost_is_the_share_asked_for(void **state)
{
	static const uint32_t shares[] = {PERCENT / 10, PERCENT, 10 * PERCENT, 50 * PERCENT};

	for (size_t i = 0; i < nx_array_size(shares); i++) {
		struct shape_config config = {.loss = shares[i], .seed = 11 + i};
		double frames = 50000;
		double wanted = frames * shares[i] / SHAPE_WHOLE;
		double off = lost_of(&config, (uint32_t)frames) - wanted;

		assert_true(off * off / wanted + off * off / (frames - wanted) < 10.8);
	}
	assert_int_equal(lost_of(&(struct shape_config){.loss = SHAPE_WHOLE}, 100), 100);
}

struct bursts {
	uint32_t count;
	uint32_t next;
};

static void bursts_add(usec_t time, uint32_t number, void *context)
{
	struct bursts *b = context;

	(void)time;
	b->count += number != b->next;
	b->next = number + 1;
}

static void losses_come_in_bursts_of_the_mean_asked_for(void **state)
{
	struct shape_link *link = link_make(
		&(struct shape_config){.loss = 5 * PERCENT, .loss_burst = 8, .seed = 21}, 4);
	struct bursts b = {0};
	double lost;

	measure(link, 100000, bursts_add, &b);
	lost = (double)counter_read(&shape_link_counters(link)->lost);
	assert_true(lost > 4500 && lost < 5500);
	assert_true(lost / b.count > 7.2 && lost / b.count < 8.8);
	link_end(link);
}

static void reordered_frames_overtake(void **state)
{
	struct shape_link *link = link_make(
		&(struct shape_config){.delay_us = 10000, .reorder = 20 * PERCENT, .seed = 31},
		4096);
	uint32_t overtaken = 0;
	int last = -1;

	for (uint32_t i = 0; i < 250; i++)
		assert_int_equal(
			shape_link_send(link, frame_make(64, (uint8_t)i), i * 100), SHAPE_SENT);
	for (uint32_t i = 0; i < 250; i++) {
		struct buffer *b;

		assert_int_equal(shape_link_receive(link, &b, 1, shape_link_next(link)), 1);
		overtaken += frame_number(b) < last;
		if (frame_number(b) > last)
			last = frame_number(b);
		frame_put(b);
	}
	assert_true(overtaken > 100); // one frame overtakes many
	assert_in_range(counter_read(&shape_link_counters(link)->reordered), 30, 70);
	link_end(link);
}

static void duplicates_are_copies_of_their_own(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.duplicate = SHAPE_WHOLE, .delay_us = 10}, 4);
	struct buffer *out[3];

	assert_int_equal(shape_link_send(link, frame_make(1514, 7), 0), SHAPE_SENT);
	assert_int_equal(shape_link_receive(link, out, 3, 9), 0);
	assert_int_equal(shape_link_receive(link, out, 3, 10), 2);
	assert_ptr_not_equal(out[0], out[1]);
	assert_memory_equal(buffer_data(out[0]), buffer_data(out[1]), 1514);
	assert_int_equal(out[1]->total_length, 1514);
	frame_put(out[0]);
	frame_put(out[1]);
	link_end(link);
}

static uint32_t bits_flipped(const struct buffer *a, const uint8_t *b, uint32_t *at)
{
	uint32_t flipped = 0;

	for (uint32_t i = 0; i < a->total_length; i++) {
		uint8_t differs = buffer_data(a)[i] ^ b[i];

		flipped += (uint32_t)__builtin_popcount(differs);
		*at = differs ? i : *at;
	}
	return flipped;
}

static void damage_flips_one_bit_behind_the_link_header(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.corrupt = SHAPE_WHOLE, .seed = 41}, 4);
	struct buffer *b;

	for (uint32_t i = 0; i < 500; i++) {
		struct buffer *frame = frame_make(80, (uint8_t)i);
		uint8_t before[80];
		uint32_t at = 0;

		memcpy(before, buffer_data(frame), sizeof(before));
		assert_int_equal(shape_link_send(link, frame, 0), SHAPE_SENT);
		assert_int_equal(shape_link_receive(link, &b, 1, 0), 1);
		assert_int_equal(bits_flipped(b, before, &at), 1);
		assert_in_range(at, ETHERNET_BYTES, 79);
		frame_put(b);
	}
	link_end(link);
}

static void what_others_hold_is_copied_before_it_is_damaged(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.corrupt = SHAPE_WHOLE, .seed = 42}, 4);
	struct buffer *held = frame_make(80, 1);
	uint8_t before[80];
	struct buffer *b;

	memcpy(before, buffer_data(held), sizeof(before));
	held->references = 2;
	assert_int_equal(shape_link_send(link, held, 0), SHAPE_SENT);
	assert_int_equal(held->references, 1);
	assert_memory_equal(buffer_data(held), before, sizeof(before));
	assert_int_equal(shape_link_receive(link, &b, 1, 0), 1);
	assert_ptr_not_equal(b, held);
	assert_memory_not_equal(buffer_data(b), before, sizeof(before));
	frame_put(b);
	frame_put(held);
	link_end(link);
}

static void arp_is_not_damaged(void **state)
{
	struct shape_link *link = link_make(&(struct shape_config){.corrupt = SHAPE_WHOLE}, 4);
	struct buffer *frame = frame_make(60, 1);
	uint8_t before[60];

	buffer_data(frame)[13] = 0x06;
	memcpy(before, buffer_data(frame), sizeof(before));
	assert_int_equal(shape_link_send(link, frame, 0), SHAPE_SENT);
	assert_int_equal(shape_link_receive(link, &frame, 1, 0), 1);
	assert_memory_equal(buffer_data(frame), before, sizeof(before));
	frame_put(frame);
	link_end(link);
}

static void a_waiting_queue_marks_capable_packets(void **state)
{
	struct shape_link *link =
		link_make(&(struct shape_config){.rate_bps = 8000000, .mark_bytes = 1500}, 16);

	for (uint8_t i = 0; i < 5; i++) {
		struct buffer *b = frame_make(1000, i);

		if (i != 4)
			frame_set_ecn(b, 2); // ECT(0)
		assert_int_equal(shape_link_send(link, b, 0), SHAPE_SENT);
	}
	for (uint8_t i = 0; i < 5; i++) {
		struct buffer *b;

		assert_int_equal(shape_link_receive(link, &b, 1, shape_link_next(link)), 1);
		assert_int_equal(frame_ecn(b), i == 4 ? 0 : i < 2 ? 2 : 3);
		assert_true(frame_header_is_intact(b));
		frame_put(b);
	}
	assert_int_equal(counter_read(&shape_link_counters(link)->marked), 2);
	link_end(link);
}

// A word that depends on everything that happens on a link of all impairments.
static uint64_t history(uint64_t seed, uint32_t duplicate)
{
	struct shape_config config = {.rate_bps = 20000000,
		.queue_bytes = 20000,
		.delay_us = 5000,
		.jitter_us = 2000,
		.loss = 5 * PERCENT,
		.reorder = 3 * PERCENT,
		.duplicate = duplicate,
		.corrupt = 2 * PERCENT,
		.seed = seed};
	struct shape_link *link = link_make(&config, 1024);
	uint64_t hash = 1469598103934665603u;

	for (usec_t now = 0; now < USEC_PER_SECOND; now += 500) {
		struct buffer *b = frame_make(1000, (uint8_t)(now / 500));
		enum shape_verdict verdict = shape_link_send(link, b, now);

		if (verdict != SHAPE_SENT)
			frame_put(b);
		hash = (hash ^ (uint64_t)verdict) * 1099511628211u;
		while (shape_link_receive(link, &b, 1, now) == 1) {
			for (uint32_t i = 0; i < b->total_length; i++)
				hash = (hash ^ buffer_data(b)[i]) * 1099511628211u;
			hash = (hash ^ now) * 1099511628211u;
			frame_put(b);
		}
	}
	link_end(link);
	return hash;
}

static void a_seed_repeats_a_run_exactly(void **state)
{
	assert_int_equal(history(1, PERCENT), history(1, PERCENT));
	assert_int_not_equal(history(1, PERCENT), history(2, PERCENT));
}

// What is lost does not depend on what is repeated.
static void impairments_draw_from_streams_of_their_own(void **state)
{
	struct shape_config config = {.loss = 10 * PERCENT, .seed = 51};
	uint32_t plain = lost_of(&config, 5000);

	config.corrupt = 50 * PERCENT;
	config.jitter_us = 3;
	assert_int_equal(lost_of(&config, 5000), plain);
}

static void a_change_holds_for_frames_sent_afterwards(void **state)
{
	struct shape_config config = {.delay_us = 1000};
	struct shape_link *link = link_make(&config, 16);
	struct buffer *b;

	assert_int_equal(shape_link_send(link, frame_make(64, 1), 0), SHAPE_SENT);
	config.delay_us = 5000;
	shape_link_change(link, &config);
	assert_int_equal(shape_link_send(link, frame_make(64, 2), 0), SHAPE_SENT);
	assert_int_equal(shape_link_receive(link, &b, 1, 1000), 1);
	assert_int_equal(frame_number(b), 1);
	frame_put(b);
	assert_int_equal(shape_link_next(link), 5000);
	config = (struct shape_config){0};
	shape_link_change(link, &config);
	assert_int_equal(shape_link_send(link, frame_make(64, 3), 1000), SHAPE_SENT);
	assert_int_equal(shape_link_next(link), 5000); // not in front of one sent before it
	link_end(link);
}

static void hostile_configurations_and_lack_of_memory_are_refused(void **state)
{
	const struct shape_config bad[] = {
		{.loss = SHAPE_WHOLE + 1},
		{.reorder = SHAPE_WHOLE + 1},
		{.duplicate = UINT32_MAX},
		{.corrupt = SHAPE_WHOLE + 1},
		{.delay_us = UINT64_MAX},
		{.jitter_us = 3601 * USEC_PER_SECOND},
		{.rate_bps = UINT64_MAX},
		{.loss = SHAPE_WHOLE, .loss_burst = 5},
	};
	const struct shape_config good = {0};
	struct shape_link *link = NULL;

	for (size_t i = 0; i < nx_array_size(bad); i++)
		assert_int_equal(
			shape_link_create(&bad[i], 4, &buffer_heap_source, &link), -EINVAL);
	assert_int_equal(shape_link_create(&good, 0, &buffer_heap_source, &link), -EINVAL);
	assert_int_equal(shape_link_create(&good, UINT32_MAX, &buffer_heap_source, &link), -EINVAL);
#ifdef NEXPATH_FAULT_INJECTION
	memory_fail_at(1);
	assert_int_equal(shape_link_create(&good, 4, &buffer_heap_source, &link), -ENOMEM);
#endif
	assert_null(link);
	shape_link_destroy(NULL);
}

static struct buffer *get_nothing(struct buffer_source *source, uint32_t room)
{
	(void)source;
	(void)room;
	return NULL;
}

static void without_buffers_nothing_is_repeated_or_damaged(void **state)
{
	struct buffer_source poor = {.get = get_nothing, .put = buffer_heap_put};
	struct shape_config config = {.duplicate = SHAPE_WHOLE, .corrupt = SHAPE_WHOLE};
	struct shape_link *link;
	struct buffer *held = frame_make(80, 1);
	struct buffer *out[4];

	assert_int_equal(shape_link_create(&config, 8, &poor, &link), 0);
	held->references = 2;
	assert_int_equal(shape_link_send(link, held, 0), SHAPE_SENT);
	assert_int_equal(shape_link_receive(link, out, 4, 0), 1);
	assert_ptr_equal(out[0], held);
	assert_int_equal(counter_read(&shape_link_counters(link)->not_copied), 2);
	frame_put(held);
	frame_put(held);
	link_end(link);
}

static void truncated_frames_pass(void **state)
{
	struct shape_config config = {
		.corrupt = SHAPE_WHOLE, .rate_bps = 8000000, .mark_bytes = 1, .mtu = 1500};
	struct shape_link *link = link_make(&config, 64);

	for (uint32_t length = 1; length < 60; length++) {
		struct buffer *b = frame_make(64, 0);

		b->length = (uint16_t)length;
		b->total_length = length;
		assert_int_equal(shape_link_send(link, b, 0), SHAPE_SENT);
	}
	link_end(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_frames_come_out_at_once_and_in_order),
		cmocka_unit_test(the_rate_is_exact),
		cmocka_unit_test(remainders_of_the_rate_add_up),
		cmocka_unit_test(a_full_queue_refuses_the_newest),
		cmocka_unit_test(an_idle_link_takes_a_frame_larger_than_its_queue),
		cmocka_unit_test(the_queue_is_bounded_in_packets_and_the_link_in_frames),
		cmocka_unit_test(what_exceeds_the_mtu_is_refused),
		cmocka_unit_test(delay_is_what_was_asked_for),
		cmocka_unit_test(uniform_jitter_is_uniform),
		cmocka_unit_test(normal_jitter_has_its_deviation),
		cmocka_unit_test(jitter_alone_keeps_order),
		cmocka_unit_test(the_share_lost_is_the_share_asked_for),
		cmocka_unit_test(losses_come_in_bursts_of_the_mean_asked_for),
		cmocka_unit_test(reordered_frames_overtake),
		cmocka_unit_test(duplicates_are_copies_of_their_own),
		cmocka_unit_test(damage_flips_one_bit_behind_the_link_header),
		cmocka_unit_test(what_others_hold_is_copied_before_it_is_damaged),
		cmocka_unit_test(arp_is_not_damaged),
		cmocka_unit_test(a_waiting_queue_marks_capable_packets),
		cmocka_unit_test(a_seed_repeats_a_run_exactly),
		cmocka_unit_test(impairments_draw_from_streams_of_their_own),
		cmocka_unit_test(a_change_holds_for_frames_sent_afterwards),
		cmocka_unit_test(hostile_configurations_and_lack_of_memory_are_refused),
		cmocka_unit_test(without_buffers_nothing_is_repeated_or_damaged),
		cmocka_unit_test(truncated_frames_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
