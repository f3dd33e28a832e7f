// SPDX-License-Identifier: BSD-3-Clause

// Fragments in every order, number and kind of malice, against the datagram that they were cut
// from.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/chain.h"
#include "l3/reassembly.h"
#include "pkt/checksum.h"
#include "rig.h"

enum {
	PIECES_MAX = 8192,
	DATAGRAM_MAX = 65535
};

struct pieces {
	uint32_t count;
	struct {
		uint32_t at;
		uint32_t length;
	} piece[PIECES_MAX];
};

struct bench {
	struct reassembly *r;
	struct worker_stats stats;
	struct buffer_source source;
	uint32_t gets;
	uint32_t fail_at;
	uint32_t expired;
	struct buffer *first; // of the last datagram that timed out
	bool v6;
	uint32_t total;
	uint8_t congestion;
	bool dont_fragment;
	uint16_t largest;
	uint8_t data[DATAGRAM_MAX];
	uint8_t got[DATAGRAM_MAX];
	struct pieces pieces;
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % n);
}

static struct buffer *bench_get(struct buffer_source *source, uint32_t room)
{
	struct bench *b = nx_container_of(source, struct bench, source);

	if (b->fail_at != 0 && ++b->gets == b->fail_at)
		return NULL;
	return buffer_heap_get(source, room);
}

static void bench_expired(void *context, uint16_t netif, uint16_t l3, struct buffer *frame)
{
	struct bench *b = context;

	assert_int_equal(netif, 3);
	assert_int_equal(l3, 14);
	if (b->first)
		buffer_heap_put(NULL, b->first);
	b->first = frame;
	b->expired++;
}

static struct bench *bench_create(uint32_t buffers)
{
	struct bench *b = aligned_alloc(CACHE_LINE, (sizeof(*b) + 63) / 64 * 64);

	assert_non_null(b);
	memset(b, 0, sizeof(*b));
	b->source = (struct buffer_source){.get = bench_get, .put = buffer_heap_put};
	struct reassembly_config config = {.seed = 7,
		.buffers = buffers,
		.stats = &b->stats,
		.source = &b->source,
		.context = b,
		.expired = bench_expired};

	assert_int_equal(reassembly_create(&config, &b->r), 0);
	for (uint32_t i = 0; i < DATAGRAM_MAX; i++)
		b->data[i] = (uint8_t)(i * 31 + i / 256);
	return b;
}

static void bench_destroy(struct bench *b)
{
	if (b->first)
		buffer_heap_put(NULL, b->first);
	reassembly_destroy(b->r);
	free(b);
	assert_int_equal(buffer_heap_alive(), 0);
}

static uint64_t drops(const struct bench *b, enum drop_reason reason)
{
	return counter_read(&b->stats.drops[reason]);
}

// A UDP fragment from `source` (last byte of its address) of datagram id.
static size_t build(const struct bench *b, uint8_t *out, uint8_t source, uint32_t id, uint32_t at,
	uint32_t length, bool more)
{
	static uint8_t payload[DATAGRAM_MAX + 8];
	char from[32];
	size_t n;

	if (!b->v6) {
		snprintf(from, sizeof(from), "10.1.0.%u", source);
		n = rig_ip_frame(out, from, "10.1.0.2", IPPROTO_UDP, b->data + at, length);
		uint16_t word =
			(uint16_t)(at / 8 | (more ? 0x2000 : 0) | (b->dont_fragment ? 0x4000 : 0));

		out[15] = b->congestion;
		be16_store(out + 18, be16_from_host((uint16_t)id));
		be16_store(out + 20, be16_from_host(word));
		be16_store(out + 24, 0);
		be16_store(out + 24, checksum_finish(checksum_bytes(out + 14, 20, 0)));
		return n;
	}
	snprintf(from, sizeof(from), "fd00:1::%x", source);
	payload[0] = IPPROTO_UDP;
	payload[1] = 0;
	be16_store(payload + 2, be16_from_host((uint16_t)(at | more)));
	be32_store(payload + 4, be32_from_host(id));
	memcpy(payload + 8, b->data + at, length);
	n = rig_ip_frame(out, from, "fd00:1::2", IPPROTO_FRAGMENT, payload, length + 8);
	out[15] = (uint8_t)(b->congestion << 4);
	return n;
}

static struct buffer *give(struct bench *b, uint8_t source, uint32_t id, uint32_t at,
	uint32_t length, bool more, usec_t now)
{
	static uint8_t frame[DATAGRAM_MAX + 128];
	size_t n = build(b, frame, source, id, at, length, more);
	struct packet p = {0};

	rig_parse(&p, rig_buffer(frame, n), 3);
	assert_int_equal(p.kind, PACKET_FRAGMENT);
	p.buffer->port = 5;
	struct buffer *done = reassembly_input(b->r, &p, now, &b->largest);

	assert_null(p.buffer);
	return done;
}

// Cuts the datagram of `total` bytes at random places, pieces of at most `most` bytes.
static void cut(struct bench *b, uint32_t total, uint32_t most)
{
	uint32_t at = 0;

	b->total = total;
	b->pieces.count = 0;
	while (at < total) {
		uint32_t length = (random_below(most / 8) + 1) * 8;

		if (length > total - at)
			length = total - at;
		b->pieces.piece[b->pieces.count].at = at;
		b->pieces.piece[b->pieces.count++].length = length;
		at += length;
	}
}

static void shuffle(struct pieces *p)
{
	for (uint32_t i = p->count; i-- > 1;) {
		uint32_t j = random_below(i + 1);
		uint32_t at = p->piece[i].at;
		uint32_t length = p->piece[i].length;

		p->piece[i] = p->piece[j];
		p->piece[j].at = at;
		p->piece[j].length = length;
	}
}

static struct buffer *give_piece(struct bench *b, uint32_t i, uint32_t id)
{
	uint32_t at = b->pieces.piece[i].at;
	uint32_t length = b->pieces.piece[i].length;

	return give(b, 9, id, at, length, at + length < b->total, 1);
}

static void assert_whole(struct bench *b, struct buffer *frame)
{
	struct packet p = {0};
	uint16_t segments = 0;
	uint32_t bytes = 0;

	assert_non_null(frame);
	for (const struct buffer *s = frame; s; s = s->next) {
		segments++;
		bytes += s->length;
	}
	assert_int_equal(frame->segments, segments);
	assert_int_equal(frame->total_length, bytes);
	assert_int_equal(frame->port, 5);
	rig_parse(&p, frame, 3);
	assert_int_equal(p.kind, PACKET_UDP);
	assert_int_equal(p.length, frame->total_length);
	assert_int_equal(p.length - p.l4, b->total);
	assert_int_equal(chain_copy(frame, p.l4, b->total, b->got), b->total);
	assert_memory_equal(b->got, b->data, b->total);
	buffer_heap_put(NULL, frame);
}

// The UDP length must fit the datagram, or the parser refuses the result.
static void set_length(struct bench *b, uint32_t total)
{
	be16_store(b->data + 2, 53);
	be16_store(b->data + 4, be16_from_host((uint16_t)total));
}

static void round_trip(struct bench *b, uint32_t total, uint32_t most, uint32_t id, bool repeat)
{
	struct buffer *frame = NULL;

	set_length(b, total);
	cut(b, total, most);
	// A whole datagram in one piece is no fragment in IPv4.
	if (b->pieces.count < 2)
		return;
	shuffle(&b->pieces);
	for (uint32_t i = 0; i < b->pieces.count; i++) {
		assert_null(frame);
		frame = give_piece(b, i, id);
		if (repeat && !frame)
			assert_null(give_piece(b, random_below(i + 1), id));
	}
	assert_whole(b, frame);
	assert_int_equal(reassembly_buffers(b->r), 0);
	assert_int_equal(reassembly_datagrams(b->r), 0);
}

static void any_order_gives_the_datagram_back(void **state)
{
	struct bench *b = bench_create(64);

	random_state = 1;
	for (uint32_t i = 0; i < 300; i++) {
		b->v6 = i & 1;
		round_trip(b, 16 + random_below(9000), 1480, i, i & 2);
	}
	assert_int_equal(drops(b, DROP_FRAGMENT_MALFORMED), 0);
	bench_destroy(b);
}

static void sixty_four_kilobytes_in_eight_byte_fragments(void **state)
{
	struct bench *b = bench_create(64);

	random_state = 2;
	for (uint32_t i = 0; i < 2; i++) {
		b->v6 = i & 1;
		// With its header each is as long as a frame may be.
		round_trip(b, b->v6 ? 65495 : 65515, 16, i, true);
	}
	bench_destroy(b);
}

static void largest_fragment_is_told(void **state)
{
	struct bench *b = bench_create(64);
	struct buffer *frame;

	b->total = 2000;
	set_length(b, 2000);
	assert_null(give(b, 9, 1, 0, 1000, true, 1));
	frame = give(b, 9, 1, 1000, 1000, false, 1);
	assert_non_null(frame);
	assert_int_equal(b->largest, 1020);
	assert_whole(b, frame);
	bench_destroy(b);
}

// Every pair of an earlier and a later fragment that share a byte without being one and the same.
static void any_overlap_discards_the_datagram(void **state)
{
	static const uint32_t second[][2] = {
		{48, 32}, {56, 8}, {64, 8}, {64, 16}, {72, 8}, {72, 40}, {56, 64}, {88, 16}};
	struct bench *b = bench_create(64);

	for (uint32_t family = 0; family < 2; family++) {
		uint32_t kept = 0;

		b->v6 = family;
		for (uint32_t i = 0; i < nx_array_size(second); i++) {
			bool is_apart = second[i][0] + second[i][1] <= 64 || second[i][0] >= 96;
			uint64_t before = drops(b, DROP_FRAGMENT_OVERLAP);

			assert_null(give(b, 9, i, 64, 32, true, 1));
			assert_null(give(b, 9, i, second[i][0], second[i][1], true, 1));
			assert_int_equal(
				drops(b, DROP_FRAGMENT_OVERLAP) - before, is_apart ? 0 : 2);
			kept += is_apart;
			assert_int_equal(reassembly_datagrams(b->r), kept);
		}
		while (reassembly_tick(b->r, 200 * USEC_PER_SECOND) > 0)
			;
	}
	bench_destroy(b);
}

static void a_repetition_with_other_bytes_is_an_overlap(void **state)
{
	struct bench *b = bench_create(64);

	assert_null(give(b, 9, 1, 64, 32, true, 1));
	b->data[70] ^= 1;
	assert_null(give(b, 9, 1, 64, 32, true, 1));
	assert_int_equal(drops(b, DROP_FRAGMENT_OVERLAP), 2);
	assert_int_equal(reassembly_datagrams(b->r), 0);
	bench_destroy(b);
}

static void ends_that_contradict_discard_the_datagram(void **state)
{
	struct bench *b = bench_create(64);

	// Data beyond the end; a second end; more to come at the end; an end before what is there.
	assert_null(give(b, 9, 1, 64, 32, false, 1));
	assert_null(give(b, 9, 1, 96, 8, true, 1));
	assert_null(give(b, 9, 2, 64, 32, false, 1));
	assert_null(give(b, 9, 2, 32, 8, false, 1));
	assert_null(give(b, 9, 3, 64, 32, false, 1));
	assert_null(give(b, 9, 3, 88, 8, true, 1));
	assert_null(give(b, 9, 4, 64, 32, true, 1));
	assert_null(give(b, 9, 4, 32, 8, false, 1));
	assert_int_equal(drops(b, DROP_FRAGMENT_MALFORMED), 8);
	assert_int_equal(reassembly_datagrams(b->r), 0);
	bench_destroy(b);
}

static void tiny_first_fragments_are_refused(void **state)
{
	struct bench *b = bench_create(64);
	uint8_t frame[256];
	struct packet p = {0};

	// Eight bytes of TCP: its flags would come in the second fragment.
	size_t n = build(b, frame, 9, 1, 0, 16, true);

	frame[23] = IPPROTO_TCP;
	be16_store(frame + 24, 0);
	be16_store(frame + 24, checksum_finish(checksum_bytes(frame + 14, 20, 0)));
	rig_parse(&p, rig_buffer(frame, n), 3);
	assert_null(reassembly_input(b->r, &p, 1, &b->largest));
	// A TCP fragment at offset 8 writes over the flags (RFC 3128).
	n = build(b, frame, 9, 1, 8, 16, true);
	frame[23] = IPPROTO_TCP;
	be16_store(frame + 24, 0);
	be16_store(frame + 24, checksum_finish(checksum_bytes(frame + 14, 20, 0)));
	rig_parse(&p, rig_buffer(frame, n), 3);
	assert_null(reassembly_input(b->r, &p, 1, &b->largest));
	assert_int_equal(drops(b, DROP_FRAGMENT_MALFORMED), 2);
	bench_destroy(b);
}

static void oversized_sum_is_refused(void **state)
{
	struct bench *b = bench_create(64);

	// 20 bytes of header and 65,520 of data.
	assert_null(give(b, 9, 1, 0, 32760, true, 1));
	assert_null(give(b, 9, 1, 32760, 32760, false, 1));
	assert_int_equal(drops(b, DROP_FRAGMENT_MALFORMED), 2);
	assert_int_equal(reassembly_buffers(b->r), 0);
	bench_destroy(b);
}

static void atomic_ipv6_fragment_passes_alone(void **state)
{
	struct bench *b = bench_create(64);

	b->v6 = true;
	b->total = 100;
	set_length(b, 100);
	assert_null(give(b, 9, 1, 0, 64, true, 1));
	assert_whole(b, give(b, 9, 1, 0, 100, false, 1));
	// RFC 6946: the one that waits under the same identification is untouched.
	assert_int_equal(reassembly_datagrams(b->r), 1);
	bench_destroy(b);
}

static void incomplete_datagrams_time_out_by_family(void **state)
{
	struct bench *b = bench_create(64);

	assert_null(give(b, 9, 1, 0, 64, true, 0));
	b->v6 = true;
	assert_null(give(b, 9, 1, 0, 64, true, 0));
	assert_null(give(b, 9, 2, 64, 64, true, 0));
	assert_int_equal(reassembly_next(b->r), 30 * USEC_PER_SECOND);
	assert_int_equal(reassembly_tick(b->r, 30 * USEC_PER_SECOND - 1), 0);
	assert_int_equal(reassembly_tick(b->r, 30 * USEC_PER_SECOND), 1);
	assert_int_equal(b->expired, 1);
	assert_int_equal(b->first->length, 14 + 20 + 64);
	assert_memory_equal(buffer_data(b->first) + 34, b->data, 64);
	assert_int_equal(reassembly_tick(b->r, 60 * USEC_PER_SECOND), 2);
	// Without a first fragment there is nobody to tell (RFC 1122 section 3.3.2).
	assert_int_equal(b->expired, 2);
	assert_int_equal(b->first->length, 14 + 48 + 64);
	assert_int_equal(drops(b, DROP_FRAGMENT_TIMEOUT), 3);
	assert_int_equal(reassembly_next(b->r), UINT64_MAX);
	bench_destroy(b);
}

static void one_source_cannot_take_it_all(void **state)
{
	struct bench *b = bench_create(4096);

	for (uint32_t id = 0; id < 1000; id++)
		assert_null(give(b, 9, id, 8, 8, true, id));
	assert_int_equal(reassembly_datagrams(b->r), REASSEMBLY_PER_SOURCE);
	assert_int_equal(drops(b, DROP_FRAGMENT_SOURCE_LIMIT), 1000 - REASSEMBLY_PER_SOURCE);
	// Another source is served.
	b->total = 64;
	set_length(b, 64);
	assert_null(give(b, 10, 1, 32, 32, false, 2000));
	assert_whole(b, give(b, 10, 1, 0, 32, true, 2000));
	// Bytes: datagrams that touch every chunk.
	for (uint32_t id = 0; id < 8; id++) {
		for (uint32_t at = 0; at < 60000; at += REASSEMBLY_CHUNK)
			assert_null(give(b, 11, id, at + 64, 8, true, 3000));
	}
	assert_true(reassembly_buffers(b->r) <= REASSEMBLY_PER_SOURCE + REASSEMBLY_SOURCE_BUFFERS);
	bench_destroy(b);
}

static void over_the_total_the_oldest_goes(void **state)
{
	struct bench *b = bench_create(100);

	for (uint32_t i = 0; i < 2000; i++) {
		assert_null(give(b, (uint8_t)(3 + i % 250), i, 8, 8, true, i));
		assert_true(reassembly_buffers(b->r) <= 100);
	}
	assert_int_equal(drops(b, DROP_FRAGMENT_LIMIT), 1900);
	assert_int_equal(reassembly_datagrams(b->r), 100);
	bench_destroy(b);
}

static void datagram_larger_than_the_pool_is_given_up(void **state)
{
	struct bench *b = bench_create(3);

	for (uint32_t at = 0; at < 8000; at += 1000)
		assert_null(give(b, 9, 1, at, 1000, true, 1));
	assert_true(drops(b, DROP_FRAGMENT_LIMIT) >= 6);
	assert_true(reassembly_buffers(b->r) <= 3);
	bench_destroy(b);
}

static void congestion_is_kept(void **state)
{
	// First, second -> outcome; 0xff: the datagram is dropped.
	static const uint8_t cases[][3] = {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {1, 3, 3},
		{3, 2, 3}, {0, 3, 0xff}, {3, 0, 0xff}, {0, 1, 0}, {2, 1, 2}};
	struct bench *b = bench_create(64);

	b->total = 64;
	set_length(b, 64);
	for (uint32_t i = 0; i < 2 * nx_array_size(cases); i++) {
		const uint8_t *c = cases[i / 2];
		struct buffer *frame;

		b->v6 = i & 1;
		b->congestion = c[0];
		assert_null(give(b, 9, i, 0, 32, true, 1));
		b->congestion = c[1];
		frame = give(b, 9, i, 32, 32, false, 1);
		assert_int_equal(frame == NULL, c[2] == 0xff);
		if (!frame)
			continue;
		uint8_t byte = buffer_data(frame)[15];

		assert_int_equal(b->v6 ? byte >> 4 & 3 : byte & 3, c[2]);
		assert_whole(b, frame);
	}
	bench_destroy(b);
}

static void dont_fragment_of_the_largest_is_kept(void **state)
{
	struct bench *b = bench_create(64);
	struct buffer *frame;

	b->total = 96;
	set_length(b, 96);
	for (uint32_t i = 0; i < 2; i++) {
		b->dont_fragment = i;
		assert_null(give(b, 9, i, 0, 64, true, 1));
		b->dont_fragment = !i;
		frame = give(b, 9, i, 64, 32, false, 1);
		assert_non_null(frame);
		assert_int_equal(buffer_data(frame)[20], i ? 0x40 : 0);
		assert_whole(b, frame);
	}
	bench_destroy(b);
}

static void exhausted_buffers_lose_no_buffer(void **state)
{
	for (uint32_t nth = 1; nth < 12; nth++) {
		struct bench *b = bench_create(64);
		struct buffer *frame = NULL;

		b->fail_at = nth;
		b->total = 8000;
		set_length(b, 8000);
		// What was lost for want of a buffer arrives again.
		for (uint32_t round = 0; round < 2; round++) {
			for (uint32_t at = 0; at < 8000 && !frame; at += 1000)
				frame = give(b, 9, 1, at, 1000, at < 7000, 1);
		}
		assert_whole(b, frame);
		assert_int_equal(drops(b, DROP_NO_BUFFER), nth <= 5);
		bench_destroy(b);
	}
}

static void all_fragments_of_a_datagram_have_one_owner(void **state)
{
	struct bench *b = bench_create(64);
	uint32_t seen = 0;

	for (uint32_t id = 0; id < 64; id++) {
		uint8_t owner[2];

		b->v6 = id & 1;
		for (uint32_t i = 0; i < 2; i++) {
			uint8_t frame[256];
			size_t n = build(b, frame, 9, id, i * 64, 64, i == 0);
			struct packet p = {0};

			rig_parse(&p, rig_buffer(frame, n), 0);
			owner[i] = reassembly_owner(&p, 99, 4);
			buffer_heap_put(NULL, p.buffer);
		}
		assert_int_equal(owner[0], owner[1]);
		assert_true(owner[0] < 4);
		seen |= 1u << owner[0];
	}
	assert_int_equal(seen, 15);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_gives_the_datagram_back),
		cmocka_unit_test(sixty_four_kilobytes_in_eight_byte_fragments),
		cmocka_unit_test(largest_fragment_is_told),
		cmocka_unit_test(any_overlap_discards_the_datagram),
		cmocka_unit_test(a_repetition_with_other_bytes_is_an_overlap),
		cmocka_unit_test(ends_that_contradict_discard_the_datagram),
		cmocka_unit_test(tiny_first_fragments_are_refused),
		cmocka_unit_test(oversized_sum_is_refused),
		cmocka_unit_test(atomic_ipv6_fragment_passes_alone),
		cmocka_unit_test(incomplete_datagrams_time_out_by_family),
		cmocka_unit_test(one_source_cannot_take_it_all),
		cmocka_unit_test(over_the_total_the_oldest_goes),
		cmocka_unit_test(datagram_larger_than_the_pool_is_given_up),
		cmocka_unit_test(congestion_is_kept),
		cmocka_unit_test(dont_fragment_of_the_largest_is_kept),
		cmocka_unit_test(exhausted_buffers_lose_no_buffer),
		cmocka_unit_test(all_fragments_of_a_datagram_have_one_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
