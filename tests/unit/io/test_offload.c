// SPDX-License-Identifier: BSD-3-Clause
// Offload preparation and software segmentation against frames summed byte by byte.

#include "frames.h"
#include "io/offload/offload.h"
#include "testing.h"

enum {
	ROOM = 256
};

static uint8_t bytes[FRAME_BYTES_MAX];
static struct buffer *out[ROOM];

static const struct port bare = {.mtu = 1500, .max_frame = 1518};
static const struct port able = {
	.mtu = 1500,
	.max_frame = MAX_FRAME,
	.capabilities =
		PORT_TX_L4_CHECKSUM | PORT_TX_SEGMENT | PORT_TX_SEGMENT_UDP | PORT_TX_CHAINS,
};

static struct packet packet_make(
	const struct frame_shape *shape, uint32_t piece, bool partial, uint16_t segment_size)
{
	uint32_t length = frame_write(shape, bytes);
	struct packet p;

	if (partial)
		frame_make_partial(shape, bytes, length);
	p = frame_packet(shape, frame_chain(bytes, length, piece), length);
	p.flags |= partial ? PACKET_CHECKSUM_PARTIAL : 0;
	p.flags |= segment_size ? PACKET_SEGMENTED : 0;
	p.segment_size = segment_size;
	return p;
}

static void put(struct buffer *b)
{
	buffer_heap_source.put(&buffer_heap_source, b);
}

static uint32_t tcp_sequence(const struct frame_shape *shape, const uint8_t *frame)
{
	return be32_to_host(be32_load(frame + frame_l4(shape) + 4));
}

// One segment: its headers, its bytes, and the flags that belong to its place.
static void segment_check(const struct frame_shape *shape, const struct buffer *b, uint32_t at,
	uint32_t number, bool last)
{
	const uint8_t *frame = buffer_data(b);
	uint32_t headers = frame_payload(shape);

	assert_null(b->next);
	assert_int_equal(b->length, b->total_length);
	assert_true(frame_is_right(shape, frame, b->length));
	for (uint32_t i = headers; i < b->length; i++)
		assert_int_equal(frame[i], frame_byte(at + i - headers));
	if (!shape->v6)
		assert_int_equal(be16_to_host(be16_load(frame + frame_l2(shape) + 4)),
			(0xfffe + number) & 0xffff);
	if (!shape->tcp)
		return;
	uint8_t flags = frame[frame_l4(shape) + 13];

	assert_int_equal(tcp_sequence(shape, frame), (uint32_t)(0xfffffff0u + at));
	assert_int_equal(flags & TCP_FLAG_CWR, number == 0 ? shape->flags & TCP_FLAG_CWR : 0);
	assert_int_equal(flags & (TCP_FLAG_FIN | TCP_FLAG_PSH),
		last ? shape->flags & (TCP_FLAG_FIN | TCP_FLAG_PSH) : 0);
	assert_int_equal(flags & TCP_FLAG_ACK, TCP_FLAG_ACK);
}

static void segments_check(const struct frame_shape *shape, uint32_t piece, uint16_t size)
{
	struct packet p = packet_make(shape, piece, true, size);
	enum drop_reason reason = DROP_NONE;
	uint16_t n = offload_prepare(&bare, &p, 1500, &buffer_heap_source, out, ROOM, &reason);
	uint32_t at = 0;

	assert_int_equal(n, (shape->payload + size - 1) / size);
	for (uint16_t i = 0; i < n; i++) {
		segment_check(shape, out[i], at, i, i + 1 == n);
		at += out[i]->length - frame_payload(shape);
		put(out[i]);
	}
	assert_int_equal(at, shape->payload);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void segments_are_whole_frames_of_their_own(void **state)
{
	const uint32_t pieces[] = {FRAME_BYTES_MAX / 2, 2048, 333};
	const uint32_t payloads[] = {1449, 2896, 2897, 40001};

	for (uint32_t shape = 0; shape < 8; shape++)
		for (uint32_t i = 0; i < 3; i++)
			for (uint32_t j = 0; j < 4; j++)
				segments_check(&(struct frame_shape){.v6 = shape & 1,
						       .tcp = shape & 2,
						       .vlan = shape & 4,
						       .tcp_options = shape & 2 ? 12 : 0,
						       .flags = TCP_FLAG_ACK | TCP_FLAG_PSH |
								TCP_FLAG_FIN | TCP_FLAG_CWR,
						       .payload = payloads[j]},
					pieces[i], 1400);
}

static void accurate_ecn_keeps_cwr_on_every_segment(void **state)
{
	struct frame_shape shape = {
		.tcp = true, .flags = TCP_FLAG_ACK | TCP_FLAG_CWR, .payload = 3000};
	struct packet p = packet_make(&shape, 4096, true, 1000);
	enum drop_reason reason;

	p.buffer->transmit = UINT64_C(0x10) << BUFFER_GSO_SHIFT;
	assert_int_equal(
		offload_prepare(&bare, &p, 1500, &buffer_heap_source, out, ROOM, &reason), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(buffer_data(out[i])[14 + 20 + 13] & TCP_FLAG_CWR);
		put(out[i]);
	}
}

static void partial_checksum_is_completed_over_any_chain(void **state)
{
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t piece = 60; piece < 1500; piece += 97) {
			struct frame_shape shape = {.v6 = i & 1, .tcp = i & 2, .payload = 1001};
			struct packet p = packet_make(&shape, piece < 80 ? 80 : piece, true, 0);
			enum drop_reason reason;
			const struct port *port = &bare;
			uint16_t n = offload_prepare(
				port, &p, 1500, &buffer_heap_source, out, ROOM, &reason);

			assert_int_equal(n, 1);
			assert_null(out[0]->next);
			assert_true(frame_is_right(&shape, buffer_data(out[0]), out[0]->length));
			put(out[0]);
			assert_int_equal(buffer_heap_alive(), 0);
		}
}

static void checksum_ignores_what_the_descriptor_remembers(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 100};
	struct packet p = packet_make(&shape, 2048, true, 0);
	enum drop_reason reason;

	// After NAT the key is what was received, not what the header says.
	memset(&p.key, 0x55, sizeof(p.key));
	assert_int_equal(
		offload_prepare(&bare, &p, 1500, &buffer_heap_source, out, ROOM, &reason), 1);
	assert_true(frame_is_right(&shape, buffer_data(out[0]), out[0]->length));
	put(out[0]);
}

static void able_port_gets_marks_and_the_frame_as_it_is(void **state)
{
	struct frame_shape shape = {.v6 = true, .tcp = true, .tcp_options = 12, .payload = 30000};
	struct packet p = packet_make(&shape, 2048, true, 1428);
	struct buffer *frame = p.buffer;
	enum drop_reason reason;

	frame->transmit = UINT64_C(0x80) << BUFFER_GSO_SHIFT;
	assert_int_equal(
		offload_prepare(&able, &p, 1500, &buffer_heap_source, out, ROOM, &reason), 1);
	assert_ptr_equal(out[0], frame);
	assert_true(frame->offload & BUFFER_TX_SEGMENT_TCP);
	assert_int_equal(frame->offload & BUFFER_TX_CHECKSUM_UDP, BUFFER_TX_CHECKSUM_TCP);
	assert_true(frame->offload & BUFFER_TX_IPV6);
	assert_int_equal(buffer_l2_length(frame), 14);
	assert_int_equal(buffer_l3_length(frame), 40);
	assert_int_equal(buffer_l4_length(frame), 32);
	assert_int_equal(buffer_segment_size(frame), 1428);
	assert_int_equal(frame->transmit >> BUFFER_GSO_SHIFT, 0x80);
	put(frame);
}

// Where it is gone, the short way leaves what the other one leaves, and else nothing changed.
static void short_way_is_the_long_one(void **state)
{
	const struct {
		const struct port *port;
		uint32_t payload;
		uint16_t size;
		bool partial;
		bool taken;
	} cases[] = {
		{&able, 1000, 0, true, true},
		{&able, 1000, 0, false, false},
		{&able, 1600, 0, true, false},
		{&able, 40000, 1400, true, true},
		{&able, 40000, 1400, false, false},
		{&able, 40000, 1480, true, false},
		{&able, 1400, 1400, true, false},
		{&bare, 1000, 0, true, false},
		{&bare, 3000, 1400, true, false},
	};

	for (size_t i = 0; i < 2 * nx_array_size(cases); i++) {
		struct frame_shape shape = {
			.v6 = i & 1, .tcp = true, .payload = cases[i / 2].payload};
		bool partial = cases[i / 2].partial;
		uint16_t size = cases[i / 2].size;
		struct packet p = packet_make(&shape, 2048, partial, size);
		struct packet q = packet_make(&shape, 2048, partial, size);
		uint64_t before = p.buffer->transmit;
		enum drop_reason reason;

		assert_int_equal(offload_describe(cases[i / 2].port, &p, 1500), cases[i / 2].taken);
		if (cases[i / 2].taken) {
			assert_int_equal(offload_prepare(&able, &q, 1500, &buffer_heap_source, out,
						 ROOM, &reason),
				1);
			assert_int_equal(p.buffer->offload, q.buffer->offload);
			assert_int_equal(p.buffer->transmit, q.buffer->transmit);
			assert_memory_equal(
				buffer_data(p.buffer), buffer_data(q.buffer), q.buffer->length);
		} else {
			assert_int_equal(p.buffer->transmit, before);
			assert_int_equal(p.buffer->offload, 0);
		}
		put(p.buffer);
		put(q.buffer);
	}
	assert_int_equal(buffer_heap_alive(), 0);
}

static void unmarked_tcp_beyond_the_mtu_is_cut(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 5000};
	struct packet p = packet_make(&shape, 8192, false, 0);
	uint8_t *field;
	enum drop_reason reason;

	assert_int_equal(
		offload_prepare(&able, &p, 1500, &buffer_heap_source, out, ROOM, &reason), 1);
	assert_int_equal(buffer_segment_size(out[0]), 1460);
	// A device starts from the pseudo-header sum.
	frame_make_partial(&shape, bytes, p.length);
	field = buffer_data(out[0]) + frame_l4(&shape) + 16;
	assert_memory_equal(field, bytes + frame_l4(&shape) + 16, 2);
	put(out[0]);
	p = packet_make(&shape, 8192, false, 0);
	assert_int_equal(
		offload_prepare(&bare, &p, 1500, &buffer_heap_source, out, ROOM, &reason), 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(out[i]->length <= 1514);
		assert_true(frame_is_right(&shape, buffer_data(out[i]), out[i]->length));
		put(out[i]);
	}
}

static void segments_shrink_to_the_way_out(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 4000};
	struct packet p = packet_make(&shape, 8192, true, 1460);
	enum drop_reason reason;
	uint16_t n = offload_prepare(&bare, &p, 1280, &buffer_heap_source, out, ROOM, &reason);

	assert_int_equal(n, 4);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(out[i]->length <= 1280 + 14);
		put(out[i]);
	}
}

static void refused(const struct frame_shape *shape, bool partial, uint16_t size, uint32_t mtu,
	uint16_t room, enum drop_reason expected)
{
	struct packet p = packet_make(shape, 8192, partial, size);
	enum drop_reason reason = DROP_NONE;

	assert_int_equal(
		offload_prepare(&bare, &p, mtu, &buffer_heap_source, out, room, &reason), 0);
	assert_int_equal(reason, expected);
	put(p.buffer);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void what_may_not_be_cut_is_refused(void **state)
{
	struct frame_shape udp = {.payload = 3000};
	struct frame_shape tcp = {.tcp = true, .payload = 3000};

	refused(&udp, true, 0, 1500, ROOM, DROP_IP_TOO_BIG);
	refused(&udp, true, 1473, 1500, ROOM, DROP_IP_TOO_BIG);
	refused(&tcp, true, 1000, 40, ROOM, DROP_IP_TOO_BIG);
	refused(&tcp, true, 1000, 1500, 2, DROP_TX_FULL);
	refused(&tcp, true, 1, 1500, ROOM, DROP_TX_FULL);
}

static struct buffer *scarce_get(struct buffer_source *source, uint32_t room);

static struct {
	struct buffer_source source;
	uint32_t left;
} scarce = {.source = {.get = scarce_get, .put = buffer_heap_put}};

static struct buffer *scarce_get(struct buffer_source *source, uint32_t room)
{
	return scarce.left-- > 0 ? buffer_heap_get(source, room) : NULL;
}

static void exhaustion_at_any_segment_leaks_nothing(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 5000};

	for (uint32_t n = 0; n < 5; n++) {
		struct packet p = packet_make(&shape, 8192, true, 1000);
		enum drop_reason reason = DROP_NONE;

		scarce.left = n;
		assert_int_equal(
			offload_prepare(&bare, &p, 1500, &scarce.source, out, ROOM, &reason), 0);
		assert_int_equal(reason, DROP_NO_BUFFER);
		put(p.buffer);
		assert_int_equal(buffer_heap_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_whole_frames_of_their_own),
		cmocka_unit_test(accurate_ecn_keeps_cwr_on_every_segment),
		cmocka_unit_test(partial_checksum_is_completed_over_any_chain),
		cmocka_unit_test(checksum_ignores_what_the_descriptor_remembers),
		cmocka_unit_test(able_port_gets_marks_and_the_frame_as_it_is),
		cmocka_unit_test(short_way_is_the_long_one),
		cmocka_unit_test(unmarked_tcp_beyond_the_mtu_is_cut),
		cmocka_unit_test(segments_shrink_to_the_way_out),
		cmocka_unit_test(what_may_not_be_cut_is_refused),
		cmocka_unit_test(exhaustion_at_any_segment_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
