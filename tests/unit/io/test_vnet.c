// SPDX-License-Identifier: BSD-3-Clause
// The virtio-net header, both ways, and what a hostile one gets.

#include "frames.h"
#include "io/kernel/vnet.h"
#include "testing.h"

static uint8_t bytes[FRAME_BYTES_MAX];

static const struct frame_shape big = {
	.tcp = true, .tcp_options = 12, .flags = TCP_FLAG_ACK, .payload = 20000};

static struct buffer *chain_make(const struct frame_shape *shape)
{
	uint32_t length = frame_write(shape, bytes);

	frame_make_partial(shape, bytes, length);
	return frame_chain(bytes, length, 2048);
}

static struct virtio_net_hdr header_for(
	const struct frame_shape *shape, uint8_t gso_type, uint16_t gso_size)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type,
		.gso_size = gso_size,
		.csum_start = (uint16_t)frame_l4(shape),
		.csum_offset = shape->tcp ? 16 : 6,
	};
}

static void put(struct buffer *b)
{
	buffer_heap_source.put(&buffer_heap_source, b);
	assert_int_equal(buffer_heap_alive(), 0);
}

// What the transmit side would do with a frame that it passes on.
static void pass_on(const struct frame_shape *shape, struct buffer *b)
{
	b->offload |= (shape->tcp ? BUFFER_TX_CHECKSUM_TCP : BUFFER_TX_CHECKSUM_UDP) |
		      (shape->tcp ? BUFFER_TX_SEGMENT_TCP : BUFFER_TX_SEGMENT_UDP) |
		      (shape->v6 ? BUFFER_TX_IPV6 : BUFFER_TX_IPV4);
}

static void segments_pass_unchanged(void **state)
{
	for (uint32_t i = 0; i < 8; i++) {
		struct frame_shape shape = {.v6 = i & 1,
			.tcp = i & 2,
			.vlan = i & 4,
			.tcp_options = i & 2 ? 12 : 0,
			.payload = 30000};
		struct buffer *b = chain_make(&shape);
		uint8_t type = shape.tcp ? (shape.v6 ? 4 : 1) : 5;
		struct virtio_net_hdr in = header_for(&shape, type, 1400), out;

		assert_int_equal(vnet_receive(&in, 0, b), VNET_OK);
		assert_int_equal(b->offload & BUFFER_RX_CHECKSUM_MASK, BUFFER_RX_CHECKSUM_PARTIAL);
		assert_true(b->offload & BUFFER_RX_LRO);
		assert_int_equal(buffer_segment_size(b), 1400);
		pass_on(&shape, b);
		vnet_transmit(b, &out);
		in.hdr_len = (uint16_t)frame_payload(&shape);
		assert_memory_equal(&in, &out, sizeof(in));
		put(b);
	}
}

static void ecn_bits_are_kept(void **state)
{
	struct frame_shape shape = big;

	for (uint32_t i = 0; i < 2; i++) {
		uint8_t bit = i == 0 ? VIRTIO_NET_HDR_GSO_ECN : 0x10;
		struct buffer *b;
		struct virtio_net_hdr in = header_for(&shape, 1 | bit, 1448), out;

		shape.flags = TCP_FLAG_ACK | TCP_FLAG_CWR;
		b = chain_make(&shape);
		assert_int_equal(vnet_receive(&in, 0, b), VNET_OK);
		pass_on(&shape, b);
		vnet_transmit(b, &out);
		assert_int_equal(out.gso_type, 1 | bit);
		put(b);
	}
}

static void own_frame_with_cwr_asks_for_ecn(void **state)
{
	struct frame_shape shape = big;
	struct buffer *b;
	struct virtio_net_hdr out;

	shape.flags |= TCP_FLAG_CWR;
	b = chain_make(&shape);
	b->transmit = buffer_transmit_word(14, 20, 32, 1448);
	pass_on(&shape, b);
	vnet_transmit(b, &out);
	assert_int_equal(out.gso_type, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
	put(b);
}

static void refused(const struct frame_shape *shape, const struct virtio_net_hdr *header)
{
	struct buffer *b = chain_make(shape);

	assert_int_equal(vnet_receive(header, 0, b), VNET_MALFORMED);
	put(b);
}

static void hostile_headers_are_refused(void **state)
{
	const struct frame_shape udp = {.payload = 20000};
	struct virtio_net_hdr h = header_for(&big, 1, 1448);
	const struct virtio_net_hdr good = h;

	h.flags = 0;
	refused(&big, &h); // segments without a start for their checksums
	h = good, h.gso_size = 0;
	refused(&big, &h);
	h = good, h.gso_type = 3;
	refused(&big, &h); // UFO
	h = good, h.gso_type = 0x7f;
	refused(&big, &h);
	h = good, h.gso_type = 4;
	refused(&big, &h); // says IPv6, is IPv4
	h = good, h.gso_type = 5;
	refused(&big, &h); // says UDP, is TCP
	refused(&udp, &(struct virtio_net_hdr){VIRTIO_NET_HDR_F_NEEDS_CSUM, 1, 0, 1448, 34, 6});
	h = good, h.csum_start = 35;
	refused(&big, &h);
	h = good, h.csum_start = 0xffff, h.csum_offset = 0xffff;
	refused(&big, &h);
	h = good, h.csum_offset = 0xffff;
	refused(&big, &h);
	h = good, h.gso_type = 0, h.csum_start = 2047;
	refused(&big, &h); // across the end of the first buffer
	h = good, h.gso_type = 0, h.csum_start = 4;
	refused(&big, &h); // inside the Ethernet header
}

static void every_header_is_survived(void **state)
{
	const struct frame_shape shape = {.tcp = true, .payload = 200};
	uint64_t seed = 88172645463325252u;

	for (uint32_t i = 0; i < 200000; i++) {
		struct buffer *b = chain_make(&shape);
		struct virtio_net_hdr h;
		uint8_t raw[16];

		for (uint32_t j = 0; j < 16; j++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			raw[j] = (uint8_t)(seed >> (seed & 31));
		}
		memcpy(&h, raw, sizeof(h));
		h.gso_type &= i & 1 ? 0xff : 0x97;
		h.csum_start &= i & 2 ? 0xffff : 0x7f;
		h.csum_offset &= i & 4 ? 0xffff : 0x1f;
		buffer_data(b)[14] = raw[10];
		buffer_data(b)[46] = raw[11];
		b->length = b->total_length = (uint16_t)(1 + raw[12] % b->length);
		if (vnet_receive(&h, 0, b) == VNET_OK && (b->offload & BUFFER_RX_LRO)) {
			assert_true(buffer_segment_size(b) > 0);
			assert_true((uint32_t)buffer_l2_length(b) + buffer_l3_length(b) +
					    buffer_l4_length(b) <
				    b->total_length);
		}
		put(b);
	}
}

static void malformed_tcp_header_length_is_refused(void **state)
{
	struct virtio_net_hdr h = header_for(&big, 1, 1448);
	struct buffer *b = chain_make(&big);

	buffer_data(b)[34 + 12] = 0x40;
	assert_int_equal(vnet_receive(&h, 0, b), VNET_MALFORMED);
	put(b);
}

static void partial_checksum_of_another_protocol_is_completed(void **state)
{
	// UDP whose port left the checksum to the device, inside something that the parser takes
	// for another protocol.
	const struct frame_shape shape = {.payload = 3001};
	struct buffer *b = chain_make(&shape);
	struct virtio_net_hdr h = header_for(&shape, 0, 0);
	uint8_t *protocol = buffer_data(b) + 14 + 9;
	uint8_t whole[4096];
	uint32_t length = 0;

	*protocol = 132;
	assert_int_equal(vnet_receive(&h, 0, b), VNET_OK);
	assert_int_equal(b->offload & BUFFER_RX_CHECKSUM_MASK, 0);
	*protocol = 17;
	for (struct buffer *i = b; i; i = i->next) {
		memcpy(whole + length, buffer_data(i), i->length);
		length += i->length;
	}
	assert_true(frame_is_right(&shape, whole, length));
	put(b);
}

static void a_single_segment_is_no_segmentation(void **state)
{
	const struct frame_shape shape = {.tcp = true, .payload = 1000};
	struct buffer *b = chain_make(&shape);
	struct virtio_net_hdr h = header_for(&shape, 1, 1000);

	assert_int_equal(vnet_receive(&h, 0, b), VNET_OK);
	assert_false(b->offload & BUFFER_RX_LRO);
	put(b);
}

static void a_tag_put_back_moves_the_start(void **state)
{
	const struct frame_shape shape = {.tcp = true, .vlan = true, .payload = 5000};
	struct buffer *b = chain_make(&shape);
	struct virtio_net_hdr h = header_for(&shape, 1, 1000);

	h.csum_start -= 4;
	assert_int_equal(vnet_receive(&h, 4, b), VNET_OK);
	assert_int_equal(buffer_l2_length(b), 18);
	put(b);
}

static void data_valid_is_believed(void **state)
{
	const struct frame_shape shape = {.tcp = true, .payload = 10};
	struct buffer *b = chain_make(&shape);
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};

	assert_int_equal(vnet_receive(&h, 0, b), VNET_OK);
	assert_int_equal(b->offload & BUFFER_RX_CHECKSUM_MASK, BUFFER_RX_CHECKSUM_GOOD);
	put(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_pass_unchanged),
		cmocka_unit_test(ecn_bits_are_kept),
		cmocka_unit_test(own_frame_with_cwr_asks_for_ecn),
		cmocka_unit_test(hostile_headers_are_refused),
		cmocka_unit_test(every_header_is_survived),
		cmocka_unit_test(malformed_tcp_header_length_is_refused),
		cmocka_unit_test(partial_checksum_of_another_protocol_is_completed),
		cmocka_unit_test(a_single_segment_is_no_segmentation),
		cmocka_unit_test(a_tag_put_back_moves_the_start),
		cmocka_unit_test(data_valid_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
