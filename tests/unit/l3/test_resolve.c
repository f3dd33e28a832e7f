// SPDX-License-Identifier: BSD-3-Clause

// ARP and neighbour discovery, byte by byte, and the life of a neighbour entry.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pkt/parse.h"
#include "rig.h"

#define PEER_REQUEST                                                                               \
	"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 020000000099 0a010009"                \
	"000000000000 0a010002"
#define OUR_REPLY                                                                                  \
	"020000000099 020000000001 0806 0001 0800 06 04 0002 020000000001 0a010002"                \
	"020000000099 0a010009"
#define OUR_REQUEST                                                                                \
	"ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a010002"                \
	"000000000000 0a010009"
#define PEER_REPLY                                                                                 \
	"020000000001 020000000099 0806 0001 0800 06 04 0002 020000000099 0a010009"                \
	"020000000001 0a010002"

static const char neighbour_text[] = "10.1.0.9";

static uint32_t entry_of(struct rig *rig, const char *text)
{
	struct ip_address a = rig_address(text);

	return neighbour_get(&rig->table, 0, &a);
}

static enum neighbour_state state_of(struct rig *rig, uint32_t index)
{
	return neighbour_state_of(
		shared_word_load(&rig->table.entries[neighbour_slot(index)].answer));
}

// A routed UDP packet to the neighbour, marked so that it can be told from others.
static void send_through(struct rig *rig, uint32_t index, uint8_t mark)
{
	uint8_t udp[9] = {0x30, 0x39, 0, 53, 0, 9, 0, 0, mark};
	uint8_t frame[64];
	size_t n = rig_ip_frame(frame, "10.1.0.2", neighbour_text, IPPROTO_UDP, udp, sizeof(udp));

	l3_wait(rig->l3, &rig->snapshot, 0, index, 14, rig_buffer(frame, n), rig->now);
}

static uint8_t mark_of(const struct rig_frame *f)
{
	return buffer_data(f->buffer)[f->buffer->length - 1];
}

static void request_for_own_address_is_answered(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 0, PEER_REQUEST);
	assert_int_equal(rig->frames.count, 1);
	rig_assert_frame(rig, 0, 0, OUR_REPLY);
	rig_destroy(rig);
}

// A solicitation for fd00:1::2 by a neighbour on port 0.
static struct nd_message solicit(struct rig *rig)
{
	struct nd_message m = {.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = rig_address("fd00:1::2"),
		.source = rig_address("fd00:1::9"),
		.destination = rig_address("ff02::1:ff00:2")};
	uint8_t frame[128];
	size_t n = rig_hex("3333ff000002 020000000099 86dd", frame, sizeof(frame));

	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	return m;
}

static void answers_are_limited_on_each_port(void **state)
{
	struct rig *rig = rig_create();
	uint32_t answered;

	for (int i = 0; i < 3000; i++)
		rig_receive_hex(rig, 0, PEER_REQUEST);
	answered = rig->frames.count;
	assert_in_range(answered, 100, L3_NEIGHBOUR_ANSWERS_PER_SECOND);
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_RATE), 3000 - answered);
	solicit(rig); // shares the port's limit
	assert_int_equal(rig->frames.count, answered);
	rig_receive_hex(rig, 1,
		"ffffffffffff 020000000099 8100 0007 0806 0001 0800 06 04 0001 020000000099 0a020009"
		"000000000000 0a020002");
	assert_int_equal(rig->frames.count, answered + 1);
	rig_forget(rig);
	for (int ms = 0; ms < 1000; ms++) {
		rig->now += USEC_PER_MILLISECOND;
		rig_receive_hex(rig, 0, PEER_REQUEST);
		rig_receive_hex(rig, 0, PEER_REQUEST);
	}
	assert_in_range(rig->frames.count, L3_NEIGHBOUR_ANSWERS_PER_SECOND - 1,
		L3_NEIGHBOUR_ANSWERS_PER_SECOND + 1);
	rig_destroy(rig);
}

static void request_with_ethernet_padding_is_answered(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 0, PEER_REQUEST "0000000000000000000000000000000000 00");
	rig_assert_frame(rig, 0, 0, OUR_REPLY);
	rig_destroy(rig);
}

static void request_on_the_wrong_netif_is_ignored(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 1, PEER_REQUEST);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_ARP_IGNORED), 1);
	rig_destroy(rig);
}

static void vlan_is_answered_tagged(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 1,
		"ffffffffffff 020000000099 8100 0007 0806 0001 0800 06 04 0001 020000000099 0a020009"
		"000000000000 0a020002");
	rig_assert_frame(rig, 0, 1,
		"020000000099 020000000002 8100 0007 0806 0001 0800 06 04 0002 020000000002 0a020002"
		"020000000099 0a020009");
	rig_destroy(rig);
}

static void malformed_arp_is_dropped(void **state)
{
	static const char *const bad[] = {
		// hardware type, protocol, lengths, operation, group and zero sender
		"ffffffffffff 020000000099 0806 0006 0800 06 04 0001 020000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 86dd 06 04 0001 020000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 0800 08 04 0001 020000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 0800 06 10 0001 020000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 0800 06 04 0003 020000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 030000000099 0a010009 000000000000 0a010002",
		"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 000000000000 0a010009 000000000000 0a010002",
	};
	struct rig *rig = rig_create();

	for (size_t i = 0; i < nx_array_size(bad); i++)
		rig_receive_hex(rig, 0, bad[i]);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_ARP_MALFORMED), nx_array_size(bad));
	rig_destroy(rig);
}

static void waiting_packets_leave_in_order_once_resolved(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);
	struct mac_address mac;

	send_through(rig, index, 1);
	send_through(rig, index, 2);
	assert_int_equal(rig->frames.count, 1);
	rig_assert_frame(rig, 0, 0, OUR_REQUEST);
	assert_false(neighbour_mac(&rig->table, index, &mac));
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(rig->resolved.count, 2);
	assert_int_equal(mark_of(&rig->resolved.items[0]), 1);
	assert_int_equal(mark_of(&rig->resolved.items[1]), 2);
	assert_int_equal(rig->resolved.items[0].neighbour, index);
	assert_true(neighbour_mac(&rig->table, index, &mac));
	assert_memory_equal(mac.bytes, "\x02\0\0\0\0\x99", 6);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_REACHABLE);
	rig_destroy(rig);
}

static void three_requests_a_second_apart_then_failure(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);

	send_through(rig, index, 1);
	send_through(rig, index, 2);
	rig_advance(rig, 990 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 1);
	rig_advance(rig, 10 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 2);
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 3);
	rig_assert_frame(rig, 2, 0, OUR_REQUEST);
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 3);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_FAILED);
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_UNRESOLVED), 2);
	// One host unreachable, about the first packet, through the stages again.
	assert_int_equal(rig->again.count, 1);
	assert_int_equal(rig->again.items[0].largest, 0);
	struct packet p = {0};

	rig_parse(&p, rig->again.items[0].buffer, 0);
	assert_int_equal(p.kind, PACKET_ICMP4);
	assert_int_equal(p.icmp_type, 3);
	assert_int_equal(p.icmp_code, 1);
	assert_int_equal(p.data[p.length - 1], 1);
	rig_destroy(rig);
}

static void failed_entry_is_asked_again_after_a_pause(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);

	send_through(rig, index, 1);
	rig_advance(rig, 3 * USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_FAILED);
	rig_forget(rig);
	send_through(rig, index, 2);
	assert_int_equal(rig->frames.count, 0);
	rig_advance(rig, USEC_PER_SECOND);
	send_through(rig, index, 3);
	assert_int_equal(rig->frames.count, 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(rig->resolved.count, 1);
	assert_int_equal(mark_of(&rig->resolved.items[0]), 3);
	rig_destroy(rig);
}

static void packet_too_many_pushes_out_the_first(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);

	for (uint8_t i = 1; i <= NEIGHBOUR_WAITING_PER_ENTRY + 1; i++)
		send_through(rig, index, i);
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_QUEUE_FULL), 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(rig->resolved.count, NEIGHBOUR_WAITING_PER_ENTRY);
	assert_int_equal(mark_of(&rig->resolved.items[0]), 2);
	assert_int_equal(mark_of(&rig->resolved.items[NEIGHBOUR_WAITING_PER_ENTRY - 1]),
		NEIGHBOUR_WAITING_PER_ENTRY + 1);
	rig_destroy(rig);
}

static void a_flood_to_unknown_hosts_holds_at_most_1024(void **state)
{
	struct rig *rig = rig_create();
	uint64_t used, capacity, most;
	const char *name;

	for (uint32_t i = 0; i < 3000; i++) {
		struct ip_address a = ip_address_from_v4(be32_from_host(0x0a010100 + i));
		uint32_t index = neighbour_get(&rig->table, 0, &a);

		assert_int_not_equal(index, PACKET_NO_NEIGHBOUR);
		send_through(rig, index, 1);
	}
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_QUEUE_FULL), 3000 - 1024);
	assert_true(l3_pool(rig->l3, 0, &name, &used, &capacity, &most));
	assert_int_equal(used, 1024);
	assert_int_equal(most, 1024);
	rig_destroy(rig);
}

static void reachable_ages_to_stale_and_is_probed_when_used(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);
	struct mac_address mac;

	send_through(rig, index, 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	rig_advance(rig, 30 * USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_STALE);
	rig_forget(rig);
	// Unused, it stays stale and asks nobody.
	rig_advance(rig, 10 * USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 0);
	neighbour_use(&rig->table, index, rig->now);
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_PROBE);
	assert_true(neighbour_mac(&rig->table, index, &mac));
	rig_assert_frame(rig, 0, 0,
		"020000000099 020000000001 0806 0001 0800 06 04 0001 020000000001 0a010002"
		"000000000000 0a010009");
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_REACHABLE);
	rig_destroy(rig);
}

static void unanswered_probes_end_in_asking_everybody_then_failure(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);

	send_through(rig, index, 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	rig_advance(rig, 30 * USEC_PER_SECOND);
	rig_forget(rig);
	neighbour_use(&rig->table, index, rig->now + 1);
	rig_advance(rig, 4 * USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_INCOMPLETE);
	assert_int_equal(rig->frames.count, 4);
	rig_assert_frame(rig, 3, 0, OUR_REQUEST);
	rig_advance(rig, 3 * USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 6);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_FAILED);
	rig_destroy(rig);
}

static void unasked_replies_make_no_entry(void **state)
{
	struct rig *rig = rig_create();
	uint32_t entries = 0;

	rig_receive_hex(rig, 0, PEER_REPLY);
	rig_receive_hex(rig, 0, PEER_REQUEST);
	for (uint32_t i = 0; i < NEIGHBOUR_MAX; i++)
		entries += neighbour_state_of(shared_word_load(&rig->table.entries[i].answer)) !=
			   NEIGHBOUR_FREE;
	assert_int_equal(entries, 0);
	rig_destroy(rig);
}

static void gratuitous_arp_moves_an_entry_but_not_twice_a_second(void **state)
{
	static const char moved[] =
		"ffffffffffff 020000000088 0806 0001 0800 06 04 0001 020000000088 0a010009"
		"000000000000 0a010009";
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);
	struct mac_address mac;

	send_through(rig, index, 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	rig_receive_hex(rig, 0, moved);
	assert_true(neighbour_mac(&rig->table, index, &mac));
	assert_int_equal(mac.bytes[5], 0x99);
	rig_advance(rig, USEC_PER_SECOND);
	rig_receive_hex(rig, 0, moved);
	assert_true(neighbour_mac(&rig->table, index, &mac));
	assert_int_equal(mac.bytes[5], 0x88);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_STALE);
	rig_destroy(rig);
}

static void recycled_slot_voids_old_indices(void **state)
{
	struct rig *rig = rig_create();
	uint32_t index = entry_of(rig, neighbour_text);
	struct mac_address mac;

	send_through(rig, index, 1);
	rig_receive_hex(rig, 0, PEER_REPLY);
	rig_advance(rig, 31 * USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_STALE);
	rig->now += 5 * 3600 * USEC_PER_SECOND;
	rig_advance(rig, 80 * USEC_PER_SECOND);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_FREE);
	assert_false(neighbour_mac(&rig->table, index, &mac));
	uint32_t fresh = entry_of(rig, neighbour_text);

	assert_int_not_equal(fresh, index);
	// A session with the old index is served through the new entry.
	rig_forget(rig);
	send_through(rig, index, 7);
	rig_assert_frame(rig, 0, 0, OUR_REQUEST);
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(rig->resolved.count, 1);
	assert_int_equal(rig->resolved.items[0].neighbour, fresh);
	rig_destroy(rig);
}

static void entries_that_never_answered_are_recycled_within_two_minutes(void **state)
{
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 4000; i++) {
		struct ip_address a = ip_address_from_v4(be32_from_host(0x0a010100 + i));

		send_through(rig, neighbour_get(&rig->table, 0, &a), 1);
		rig_forget(rig);
	}
	for (int i = 0; i < 130; i++) {
		rig_advance(rig, USEC_PER_SECOND);
		rig_forget(rig);
	}
	for (uint32_t i = 0; i < NEIGHBOUR_MAX; i++)
		assert_int_equal(
			neighbour_state_of(shared_word_load(&rig->table.entries[i].answer)),
			NEIGHBOUR_FREE);
	rig_destroy(rig);
}

// As if the neighbour had answered.
static void answer_entry(struct rig *rig, uint32_t index)
{
	struct neighbour *n = &rig->table.entries[neighbour_slot(index)];

	shared_word_store(&n->answer, (uint64_t)(index >> 24) << 56 |
					      (uint64_t)NEIGHBOUR_REACHABLE << 48 | 0x020000000099);
}

static void full_table_is_said_not_hung(void **state)
{
	struct rig *rig = rig_create();
	uint32_t refused = 0;

	for (uint32_t i = 0; i < 2 * NEIGHBOUR_MAX; i++) {
		struct ip_address a = ip_address_from_v4(be32_from_host(0x0b000000 + i));
		uint32_t index = neighbour_get(&rig->table, 0, &a);

		if (index == PACKET_NO_NEIGHBOUR)
			refused++;
		else
			answer_entry(rig, index);
	}
	assert_true(refused >= NEIGHBOUR_MAX);
	rig_destroy(rig);
}

static void entries_without_an_answer_give_way_to_new_ones(void **state)
{
	struct rig *rig = rig_create();
	uint32_t answered = entry_of(rig, neighbour_text);
	struct ip_address silent = rig_address("10.1.0.77");
	uint32_t old = neighbour_get(&rig->table, 0, &silent);
	struct mac_address mac;

	answer_entry(rig, answered);
	for (uint32_t i = 0; i < 20 * NEIGHBOUR_MAX; i++) {
		struct ip_address a = ip_address_from_v4(be32_from_host(0x0b000000 + i));

		assert_int_not_equal(neighbour_get(&rig->table, 0, &a), PACKET_NO_NEIGHBOUR);
	}
	assert_int_equal(entry_of(rig, neighbour_text), answered);
	assert_true(neighbour_mac(&rig->table, answered, &mac));
	assert_int_not_equal(neighbour_get(&rig->table, 0, &silent), old);
	rig_destroy(rig);
}

static void asked_in_vain_by_the_thousand_a_new_neighbour_is_still_resolved(void **state)
{
	struct rig *rig = rig_create();
	uint32_t asked = 0;

	for (uint32_t i = 0; i < 3 * NEIGHBOUR_MAX; i++) {
		struct ip_address a = ip_address_from_v4(be32_from_host(0x0a010100 + i));

		send_through(rig, neighbour_get(&rig->table, 0, &a), 1);
		rig_forget(rig);
	}
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_TABLE_FULL), 0);
	for (uint32_t i = 0; i < NEIGHBOUR_MAX; i++)
		asked += neighbour_state_of(shared_word_load(&rig->table.entries[i].answer)) ==
			 NEIGHBOUR_INCOMPLETE;
	assert_int_equal(asked, NEIGHBOUR_WAITING_TOTAL);
	send_through(rig, entry_of(rig, neighbour_text), 7);
	rig_assert_frame(rig, 0, 0, OUR_REQUEST);
	rig_receive_hex(rig, 0, PEER_REPLY);
	assert_int_equal(rig->resolved.count, 1);
	assert_int_equal(mark_of(&rig->resolved.items[0]), 7);
	rig_destroy(rig);
}

// fd00:1::9 asks for fd00:1::2, by the solicited-node group.
static void solicitation_is_answered(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = solicit(rig);

	assert_int_equal(rig->frames.count, 1);
	struct nd_message reply;
	struct buffer *b = rig->frames.items[0].buffer;

	assert_memory_equal(buffer_data(b), "\x02\0\0\0\0\x99\x02\0\0\0\0\x01\x86\xdd", 14);
	assert_int_equal(nd_parse(buffer_data(b) + 14, b->length - 14u, 40, &reply), ND_PARSED);
	assert_true(reply.advertisement && reply.solicited && reply.override && reply.has_link);
	assert_int_equal(reply.link.bytes[5], 1);
	assert_true(ip_address_equal(&reply.source, &m.target));
	assert_true(ip_address_equal(&reply.destination, &m.source));
	rig_destroy(rig);
}

// RFC 6980.
static void solicitation_that_came_in_fragments_is_not_answered(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = {.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = rig_address("fd00:1::2"),
		.source = rig_address("fd00:1::9"),
		.destination = rig_address("ff02::1:ff00:2")};
	uint8_t frame[128];
	size_t n = rig_hex("3333ff000002 020000000099 86dd", frame, sizeof(frame));
	struct packet p = {0};

	n += nd_build(frame + n, &m);
	rig_parse(&p, rig_buffer(frame, n), 0);
	p.flags |= PACKET_REASSEMBLED;
	l3_input(rig->l3, &rig->snapshot, &p, rig->now);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_ICMP_MALFORMED), 1);
	rig_destroy(rig);
}

static void link_local_address_of_the_mac_answers(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = {.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = rig_address("fe80::ff:fe00:1"),
		.source = rig_address("fe80::9"),
		.destination = rig_address("fe80::ff:fe00:1")};
	uint8_t frame[128];
	size_t n = rig_hex("020000000001 020000000099 86dd", frame, sizeof(frame));

	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	assert_int_equal(rig->frames.count, 1);
	rig_destroy(rig);
}

static void forwarded_and_damaged_solicitations_are_dropped(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = {.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = rig_address("fd00:1::2"),
		.source = rig_address("fd00:1::9"),
		.destination = rig_address("ff02::1:ff00:2")};
	uint8_t frame[128];
	size_t header = rig_hex("3333ff000002 020000000099 86dd", frame, sizeof(frame));
	size_t n = header + nd_build(frame + header, &m);

	frame[header + 7] = 254; // was forwarded
	rig_receive(rig, 0, frame, n);
	frame[header + 7] = 255;
	frame[header + 2 + 40] ^= 1; // checksum
	rig_receive(rig, 0, frame, n);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_ICMP_MALFORMED), 2);
	rig_destroy(rig);
}

static void solicited_advertisement_resolves(void **state)
{
	struct rig *rig = rig_create();
	struct ip_address peer = rig_address("fd00:1::9");
	uint32_t index = neighbour_get(&rig->table, 0, &peer);
	uint8_t udp[9] = {0x30, 0x39, 0, 53, 0, 9, 0, 0, 5};
	uint8_t frame[128];
	size_t n = rig_ip_frame(frame, "fd00:1::2", "fd00:1::9", IPPROTO_UDP, udp, sizeof(udp));
	struct nd_message m = {.advertisement = true,
		.solicited = true,
		.override = true,
		.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = peer,
		.source = peer,
		.destination = rig_address("fd00:1::2")};

	l3_wait(rig->l3, &rig->snapshot, 0, index, 14, rig_buffer(frame, n), rig->now);
	rig_assert_frame(rig, 0, 0,
		"3333ff000009 020000000001 86dd 60000000 0020 3a ff"
		"fd000001000000000000000000000002 ff0200000000000000000001ff000009"
		"8700 7d86 00000000 fd000001000000000000000000000009 01 01 020000000001");
	n = rig_hex("020000000001 020000000099 86dd", frame, sizeof(frame));
	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	assert_int_equal(rig->resolved.count, 1);
	assert_int_equal(state_of(rig, index), NEIGHBOUR_REACHABLE);
	// Without override another address is only a reason to doubt (RFC 4861 section 7.2.5).
	m.override = false;
	m.solicited = false;
	m.link.bytes[5] = 0x77;
	rig_advance(rig, 2 * USEC_PER_SECOND);
	n = rig_hex("020000000001 020000000099 86dd", frame, sizeof(frame));
	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	struct mac_address mac;

	assert_int_equal(state_of(rig, index), NEIGHBOUR_STALE);
	assert_true(neighbour_mac(&rig->table, index, &mac));
	assert_int_equal(mac.bytes[5], 0x99);
	rig_destroy(rig);
}

static void no_buffer_for_a_request_is_counted_and_tried_again(void **state)
{
	struct rig *rig = rig_create();

	rig->fail_from = 1;
	send_through(rig, entry_of(rig, neighbour_text), 1);
	assert_int_equal(rig_drops(rig, DROP_NO_BUFFER), 1);
	rig->fail_from = 0;
	rig_advance(rig, USEC_PER_SECOND);
	rig_assert_frame(rig, 0, 0, OUR_REQUEST);
	rig_destroy(rig);
}

static void creation_survives_every_failed_mapping(void **state)
{
#ifdef NEXPATH_FAULT_INJECTION
	uint64_t before = memory_mapped();
	uint32_t failures = 0;

	for (uint32_t nth = 1; nth < 10; nth++) {
		struct l3_config config = {.reassembly_buffers = 1};
		struct l3 *l3;

		memory_fail_at(nth);
		if (l3_create(&config, &l3) == 0)
			l3_destroy(l3);
		else
			failures++;
		memory_fail_at(0);
		assert_int_equal(memory_mapped(), before);
	}
	assert_true(failures >= 5);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_for_own_address_is_answered),
		cmocka_unit_test(answers_are_limited_on_each_port),
		cmocka_unit_test(request_with_ethernet_padding_is_answered),
		cmocka_unit_test(request_on_the_wrong_netif_is_ignored),
		cmocka_unit_test(vlan_is_answered_tagged),
		cmocka_unit_test(malformed_arp_is_dropped),
		cmocka_unit_test(waiting_packets_leave_in_order_once_resolved),
		cmocka_unit_test(three_requests_a_second_apart_then_failure),
		cmocka_unit_test(failed_entry_is_asked_again_after_a_pause),
		cmocka_unit_test(packet_too_many_pushes_out_the_first),
		cmocka_unit_test(a_flood_to_unknown_hosts_holds_at_most_1024),
		cmocka_unit_test(reachable_ages_to_stale_and_is_probed_when_used),
		cmocka_unit_test(unanswered_probes_end_in_asking_everybody_then_failure),
		cmocka_unit_test(unasked_replies_make_no_entry),
		cmocka_unit_test(gratuitous_arp_moves_an_entry_but_not_twice_a_second),
		cmocka_unit_test(recycled_slot_voids_old_indices),
		cmocka_unit_test(entries_that_never_answered_are_recycled_within_two_minutes),
		cmocka_unit_test(full_table_is_said_not_hung),
		cmocka_unit_test(entries_without_an_answer_give_way_to_new_ones),
		cmocka_unit_test(asked_in_vain_by_the_thousand_a_new_neighbour_is_still_resolved),
		cmocka_unit_test(solicitation_is_answered),
		cmocka_unit_test(solicitation_that_came_in_fragments_is_not_answered),
		cmocka_unit_test(link_local_address_of_the_mac_answers),
		cmocka_unit_test(forwarded_and_damaged_solicitations_are_dropped),
		cmocka_unit_test(solicited_advertisement_resolves),
		cmocka_unit_test(no_buffer_for_a_request_is_counted_and_tried_again),
		cmocka_unit_test(creation_survives_every_failed_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
