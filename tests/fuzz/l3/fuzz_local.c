// SPDX-License-Identifier: BSD-3-Clause
// Any frames to the network layer of a worker, over its whole life: ARP, ND, ICMP, TCP, UDP,
// fragments. Each frame is one byte of flags, one of length, and its bytes; flags choose the port,
// whether time passes, whether link header and addresses are made to fit, and whether a packet is
// put to wait.
#include "tests/unit/l3/rig.h"

#include <assert.h>

#include "pkt/checksum.h"
#include "pkt/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FLAG_PORT = 1,
	FLAG_LATER = 2,
	FLAG_FIT = 4,
	FLAG_WAIT = 8,
	FLAG_REFUSE = 16
};

// Makes the frame one that gets past the parser more often: to our station, header checksum right.
static void fit(uint8_t *bytes, size_t n)
{
	if (n < 34)
		return;
	memcpy(bytes, "\2\0\0\0\0\1", 6);
	if (bytes[14] >> 4 == 6 && n >= 54) {
		memcpy(bytes + 12, "\x86\xdd", 2);
		memcpy(bytes + 38, "\xfd\0\0\1\0\0\0\0\0\0\0\0\0\0\0\2", 16);
		be16_store(bytes + 18, be16_from_host((uint16_t)(n - 54)));
		return;
	}
	bytes[14] = 0x45;
	memcpy(bytes + 12, "\x08\0", 2);
	memcpy(bytes + 30, "\x0a\1\0\2", 4);
	be16_store(bytes + 16, be16_from_host((uint16_t)(n - 14)));
	be16_store(bytes + 24, 0);
	be16_store(bytes + 24, checksum_finish(checksum_bytes(bytes + 14, 20, 0)));
}

static void give(struct rig *rig, uint8_t flags, const uint8_t *data, size_t n)
{
	struct buffer *b = rig_buffer(data, n);
	uint16_t port = flags & FLAG_PORT;
	struct packet p = {.buffer = b, .netif = port};
	struct parse_context context = {
		.data = buffer_data(b), .contiguous = b->length, .frame = b->length};

	b->port = port;
	if (flags & FLAG_FIT)
		fit(buffer_data(b), n);
	// Frames of a VLAN that the port does not carry come no further than the parser's stage.
	if (packet_parse(&p, &context) != PARSE_OK || p.vlan != rig->netifs[port].vlan) {
		buffer_heap_put(NULL, b);
	} else if ((flags & FLAG_WAIT) && p.kind != PACKET_ARP) {
		uint32_t index = neighbour_get(&rig->table, port, &p.key.destination);

		l3_wait(rig->l3, &rig->snapshot, port, index, p.l3, b, rig->now);
	} else if ((flags & FLAG_REFUSE) && p.kind != PACKET_ARP) {
		l3_refuse(rig->l3, &rig->snapshot, &p, (enum l3_refusal)(flags >> 5 & 3), 1280,
			rig->now);
	} else {
		l3_input(rig->l3, &rig->snapshot, &p, rig->now);
		assert(p.buffer == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *rig = rig_create_silent();

	// Announcements are under way.
	for (unsigned int i = 0; i < 4; i++) {
		l3_tick(rig->l3, &rig->snapshot, rig->now);
		rig->now += 333 * USEC_PER_MILLISECOND;
	}
	while (size >= 2) {
		uint8_t flags = data[0];
		size_t n = data[1] < size - 2 ? data[1] : size - 2;

		if (flags & FLAG_LATER) {
			rig->now += 1100 * USEC_PER_MILLISECOND;
			l3_tick(rig->l3, &rig->snapshot, rig->now);
		}
		if (n > 0)
			give(rig, flags, data + 2, n);
		rig_forget(rig);
		data += 2 + n;
		size -= 2 + n;
	}
	rig_destroy(rig);
	return 0;
}
