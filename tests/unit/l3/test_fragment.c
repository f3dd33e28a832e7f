// SPDX-License-Identifier: BSD-3-Clause

// Cutting datagrams, and that what was cut can be put together again.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/chain.h"
#include "l3/fragment.h"
#include "l3/reassembly.h"
#include "l3/state.h"
#include "pkt/checksum.h"
#include "rig.h"

enum {
	FRAME_MAX = 65535 + 18
};

static uint8_t frame_bytes[FRAME_MAX];
static uint8_t got[FRAME_MAX];

// A UDP datagram of `payload` bytes in a chain of buffers of at most `piece` bytes.
static struct buffer *chain_of(const uint8_t *bytes, size_t length, size_t piece)
{
	struct buffer *head = NULL;
	struct buffer **link = &head;

	for (size_t at = 0; at < length; at += piece) {
		size_t n = length - at < piece ? length - at : piece;

		*link = rig_buffer(bytes + at, n);
		if (*link != head)
			head->segments++;
		link = &(*link)->next;
	}
	head->total_length = (uint32_t)length;
	return head;
}

static size_t datagram(bool v6, size_t bytes)
{
	static uint8_t udp[FRAME_MAX];

	for (size_t i = 0; i < bytes; i++)
		udp[i] = (uint8_t)(i * 7 + i / 256);
	be16_store(udp + 2, 53);
	be16_store(udp + 4, be16_from_host((uint16_t)bytes));
	return v6 ? rig_ip_frame(frame_bytes, "fd00:1::9", "fd00:1::2", IPPROTO_UDP, udp, bytes)
		  : rig_ip_frame(frame_bytes, "10.1.0.9", "10.1.0.2", IPPROTO_UDP, udp, bytes);
}

static struct reassembly *reassembly_over(struct worker_stats *stats)
{
	struct reassembly_config config = {
		.buffers = 64, .stats = stats, .source = &buffer_heap_source};
	struct reassembly *r;

	assert_int_equal(reassembly_create(&config, &r), 0);
	return r;
}

static void cut_and_join(bool v6, size_t bytes, uint32_t mtu, size_t piece)
{
	static struct worker_stats stats;
	struct reassembly *r = reassembly_over(&stats);
	size_t length = datagram(v6, bytes);
	struct buffer *frame = chain_of(frame_bytes, length, piece);
	struct fragment_job job = {.frame = frame,
		.l3 = 14,
		.mtu = mtu,
		.identification = 0xabcd,
		.buffers = &buffer_heap_source};
	struct buffer *whole = NULL;
	struct buffer *b;
	uint32_t at = 0;

	assert_int_equal(fragment_payload(&job), bytes);
	while ((b = fragment_next(&job, &at))) {
		struct packet p = {0};
		uint16_t largest;

		assert_true(b->length - 14u <= mtu);
		// All but the last use what the MTU gives.
		assert_true(at == bytes || b->length - 14u + 8 > mtu);
		rig_parse(&p, b, 0);
		assert_int_equal(p.kind, PACKET_FRAGMENT);
		assert_null(whole);
		whole = reassembly_input(r, &p, 1, &largest);
	}
	assert_int_equal(at, bytes);
	assert_non_null(whole);
	if (!v6) {
		be16_store(frame_bytes + 18, be16_from_host(0xabcd));
		be16_store(frame_bytes + 24, 0);
		be16_store(
			frame_bytes + 24, checksum_finish(checksum_bytes(frame_bytes + 14, 20, 0)));
	}
	assert_int_equal(whole->total_length, length);
	assert_int_equal(chain_copy(whole, 0, (uint32_t)length, got), length);
	assert_memory_equal(got, frame_bytes, length);
	buffer_heap_put(NULL, whole);
	buffer_heap_put(NULL, frame);
	reassembly_destroy(r);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void what_is_cut_joins_to_the_same_bytes(void **state)
{
	static const uint32_t mtus[] = {68, 576, 1280, 1499, 1500, 9000};

	for (size_t i = 0; i < nx_array_size(mtus); i++) {
		for (size_t bytes = mtus[i]; bytes < 65000; bytes = bytes * 2 + 3) {
			cut_and_join(false, bytes, mtus[i], 777);
			if (mtus[i] >= 1280)
				cut_and_join(true, bytes, mtus[i], 1928);
		}
	}
	cut_and_join(false, 65515, 1500, 60000);
	cut_and_join(true, 65495, 1280, 1);
}

static void options_without_copied_flag_stay_in_the_first(void **state)
{
	// Record route (7, not copied) of 7 bytes, router alert (148, copied) of 4, end.
	static const uint8_t options[12] = {7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0};
	uint8_t frame[200] = {0};
	size_t n = datagram(false, 100);

	memcpy(frame, frame_bytes, 34);
	memcpy(frame + 34, options, sizeof(options));
	memcpy(frame + 46, frame_bytes + 34, n - 34);
	frame[14] = 0x48;
	be16_store(frame + 16, be16_from_host(132));
	struct buffer *whole = rig_buffer(frame, n + 12);
	struct fragment_job job = {
		.frame = whole, .l3 = 14, .mtu = 96, .buffers = &buffer_heap_source};
	uint32_t at = 0;
	struct buffer *first = fragment_next(&job, &at);
	struct buffer *second = fragment_next(&job, &at);

	assert_memory_equal(buffer_data(first) + 34, options, 12);
	assert_memory_equal(buffer_data(second) + 34, "\1\1\1\1\1\1\1\x94\x04\0\0\0", 12);
	assert_int_equal(checksum_finish(checksum_bytes(buffer_data(second) + 14, 32, 0)), 0);
	buffer_heap_put(NULL, first);
	buffer_heap_put(NULL, second);
	buffer_heap_put(NULL, whole);
}

static void hop_by_hop_options_are_repeated(void **state)
{
	// Hop-by-hop with a PadN, then UDP.
	uint8_t payload[8 + 2000] = {IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0};
	uint8_t frame[2100];
	size_t n = rig_ip_frame(
		frame, "fd00:1::9", "fd00:1::2", IPPROTO_HOPOPTS, payload, sizeof(payload));
	struct buffer *whole = rig_buffer(frame, n);
	struct fragment_job job = {.frame = whole,
		.l3 = 14,
		.mtu = 1280,
		.identification = 0x01020304,
		.buffers = &buffer_heap_source};
	uint32_t at = 0;

	for (uint32_t i = 0; i < 2; i++) {
		struct buffer *b = fragment_next(&job, &at);
		const uint8_t *ip = buffer_data(b) + 14;

		assert_int_equal(ip[6], IPPROTO_HOPOPTS);
		assert_int_equal(ip[40], IPPROTO_FRAGMENT);
		assert_int_equal(ip[48], IPPROTO_UDP);
		assert_int_equal(ip[51] & 1, i == 0);
		assert_memory_equal(ip + 52, "\1\2\3\4", 4);
		buffer_heap_put(NULL, b);
	}
	assert_int_equal(at, 2000);
	buffer_heap_put(NULL, whole);
}

static void malformed_headers_make_no_fragments(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} damage[] = {{14, 0x41}, {14, 0x4f}, {16, 0xff}};

	for (size_t i = 0; i < nx_array_size(damage); i++) {
		size_t n = datagram(false, 20);
		uint32_t at = 0;

		frame_bytes[damage[i].at] = damage[i].value;
		struct buffer *whole = rig_buffer(frame_bytes, n);
		struct fragment_job job = {
			.frame = whole, .l3 = 14, .mtu = 68, .buffers = &buffer_heap_source};

		assert_null(fragment_next(&job, &at));
		assert_int_equal(fragment_payload(&job), 0);
		buffer_heap_put(NULL, whole);
	}
	assert_int_equal(buffer_heap_alive(), 0);
}

static void fragments_get_an_identification_of_their_own(void **state)
{
	struct rig *rig = rig_create();
	uint16_t seen[2];

	for (uint32_t i = 0; i < 2; i++) {
		size_t n = datagram(false, 3000);

		rig_forget(rig);
		l3_send_or_fragment(rig->l3, 1, chain_of(frame_bytes, n, 1000), 14, 1500);
		assert_int_equal(rig->frames.count, 3);
		for (uint32_t k = 0; k < 3; k++) {
			const uint8_t *ip = buffer_data(rig->frames.items[k].buffer) + 14;

			assert_int_equal(rig->frames.items[k].port, 1);
			assert_int_equal(ip[6] & 0x20, k < 2 ? 0x20 : 0);
			if (k > 0)
				assert_int_equal(be16_load(ip + 4), seen[i]);
			seen[i] = be16_load(ip + 4);
		}
	}
	assert_int_not_equal(seen[0], seen[1]);
	rig_destroy(rig);
}

static uint32_t next_identification(struct rig *rig, const char *from, const char *to)
{
	struct ip_address source = rig_address(from);
	struct ip_address destination = rig_address(to);

	return l3_identification(rig->l3, &source, &destination);
}

// Each destination sees its own count, however much others are sent meanwhile.
static void identifications_tell_nothing_of_other_destinations(void **state)
{
	struct rig *rig = rig_create();
	static const char us[] = "10.1.0.2";
	uint32_t first = next_identification(rig, us, "10.1.0.9");
	uint32_t other = next_identification(rig, us, "10.1.0.10");
	uint32_t six = next_identification(rig, "fd00:1::2", "fd00:1::9");

	for (uint32_t i = 1; i < 70000; i++)
		assert_int_equal(next_identification(rig, us, "10.1.0.9"), first + i);
	assert_int_equal(next_identification(rig, us, "10.1.0.10"), other + 1);
	assert_int_equal(next_identification(rig, "fd00:1::2", "fd00:1::9"), six + 1);
	assert_int_not_equal((uint16_t)first, (uint16_t)other);
	assert_int_not_equal(first, next_identification(rig, "10.1.0.9", us));
	rig_destroy(rig);
}

static void tiny_pieces_of_a_peer_are_not_repeated(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct rig *rig = rig_create();
		size_t n = datagram(v6, 3000);

		// As if the largest fragment received had carried 8 bytes.
		l3_send_or_fragment(rig->l3, 1, chain_of(frame_bytes, n, 1000), 14, v6 ? 56 : 28);
		assert_int_equal(rig->frames.count, v6 ? 3 : 63);
		for (uint32_t i = 0; i < rig->frames.count; i++)
			assert_true(rig->frames.items[i].buffer->length - 14 <= (v6 ? 1280 : 68));
		rig_destroy(rig);
	}
}

static void no_buffer_for_a_fragment_is_counted(void **state)
{
	struct rig *rig = rig_create();
	size_t n = datagram(false, 3000);

	rig->fail_from = 2;
	l3_send_or_fragment(rig->l3, 1, chain_of(frame_bytes, n, 1000), 14, 1500);
	assert_int_equal(rig->frames.count, 1);
	assert_int_equal(rig_drops(rig, DROP_NO_BUFFER), 1);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cut_joins_to_the_same_bytes),
		cmocka_unit_test(options_without_copied_flag_stay_in_the_first),
		cmocka_unit_test(hop_by_hop_options_are_repeated),
		cmocka_unit_test(malformed_headers_make_no_fragments),
		cmocka_unit_test(fragments_get_an_identification_of_their_own),
		cmocka_unit_test(identifications_tell_nothing_of_other_destinations),
		cmocka_unit_test(tiny_pieces_of_a_peer_are_not_repeated),
		cmocka_unit_test(no_buffer_for_a_fragment_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
