// SPDX-License-Identifier: BSD-3-Clause

// Multicast listener discovery: who hears of our solicited-node groups, byte by byte.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "l3/mld.h"
#include "pkt/checksum.h"
#include "rig.h"

// The groups of fd00:1::2 and of fe80::ff:fe00:1, netif 0's.
#define GROUP_OWN   "ff0200000000000000000001ff000002"
#define GROUP_LOCAL "ff0200000000000000000001ff000001"
#define NOBODY      "00000000000000000000000000000000"
#define LOCAL       "fe80000000000000000000fffe000001"
#define REPORT(bytes, source)                                                                      \
	"333300000016 020000000001 86dd 60000000" bytes "00 01" source                             \
	"ff020000000000000000000000000016 3a00 0502 0000 0100 8f00"

static uint32_t sent(const struct rig *rig, const char *hex)
{
	uint8_t bytes[256];
	size_t n = rig_hex(hex, bytes, sizeof(bytes));
	uint32_t count = 0;

	for (uint32_t i = 0; i < rig->frames.count; i++) {
		const struct buffer *b = rig->frames.items[i].buffer;

		count += rig->frames.items[i].port == 0 && b->length == n &&
			 memcmp(buffer_data(b), bytes, n) == 0;
	}
	return count;
}

enum {
	AT_HOP_LIMIT = 14 + 7,
	AT_SOURCE = 14 + 8,
	AT_ALERT = 14 + 42,
	AT_TYPE = 14 + 48,
	AT_DELAY = AT_TYPE + 4,
	AT_GROUP = AT_TYPE + 8,
	QUERY_BYTES = AT_TYPE + 28
};

// A general query of version 2, to be answered within delay_ms; the checksum is missing.
static void query_frame(uint8_t frame[QUERY_BYTES], uint16_t delay_ms)
{
	rig_hex("333300000001 020000000099 86dd 60000000 0024 00 01 fe80000000000000000000fffe000099"
		"ff020000000000000000000000000001 3a00 0502 0000 0100"
		"8200 0000 0000 0000 00000000000000000000000000000000 02 7d 0000",
		frame, QUERY_BYTES);
	be16_store(frame + AT_DELAY, be16_from_host(delay_ms));
}

static void receive_query(struct rig *rig, uint8_t *frame, size_t n)
{
	struct ip_address source = ip_address_from_bytes(frame + AT_SOURCE);
	struct ip_address destination = ip_address_from_bytes(frame + AT_SOURCE + 16);
	uint32_t bytes = (uint32_t)(n - AT_TYPE);

	be16_store(frame + 18, be16_from_host((uint16_t)(n - 54)));
	be16_store(frame + AT_TYPE + 2, be16_from_host(0));
	be16_store(frame + AT_TYPE + 2,
		checksum_finish(checksum_bytes(frame + AT_TYPE, bytes,
			checksum_pseudo(&source, &destination, IPPROTO_ICMPV6, bytes))));
	rig_receive(rig, 0, frame, n);
}

static void joined_before_the_address_is_probed_and_told_again(void **state)
{
	struct rig *rig = rig_create_silent();
	static const char first[] = REPORT("0024", NOBODY) "6f88 0000 0001 04 00 0000" GROUP_OWN;
	static const char again[] = REPORT("0024", LOCAL) "7206 0000 0001 04 00 0000" GROUP_OWN;
	bool is_joined = false;

	l3_tick(rig->l3, &rig->snapshot, rig->now);
	assert_int_equal(sent(rig, first), 1);
	for (uint32_t i = 0; i < rig->frames.count; i++) {
		const uint8_t *f = buffer_data(rig->frames.items[i].buffer);

		if (f[5] == 0x16 && f[14 + 48 + 8 + 4 + 15] == 2)
			is_joined = true;
		if (memcmp(f, "\x33\x33\xff\0\0\2", 6) == 0)
			assert_true(is_joined); // the solicitation comes after
	}
	rig_advance(rig, 10 * USEC_PER_SECOND);
	assert_in_range(sent(rig, again), 2, 3);
	assert_in_range(sent(rig, first), 1, 2);
	rig_destroy(rig);
}

static void a_general_query_is_answered_once_with_all_groups_in_time(void **state)
{
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];
	static const char all[] = REPORT("0038", LOCAL) "73eb 0000 0002 02 00 0000" GROUP_LOCAL
							"02 00 0000" GROUP_OWN;

	query_frame(frame, 500);
	receive_query(rig, frame, sizeof(frame));
	receive_query(rig, frame, sizeof(frame));
	assert_int_equal(rig->frames.count, 0);
	rig_advance(rig, 510 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 1);
	rig_assert_frame(rig, 0, 0, all);
	rig_advance(rig, 20 * USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 1);
	rig_destroy(rig);
}

// 10,000 s are allowed; nobody waits for so long.
static void a_delay_is_bounded_and_so_are_answers_to_a_flood(void **state)
{
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];

	query_frame(frame, 0xffff);
	receive_query(rig, frame, sizeof(frame));
	rig_advance(rig, MLD_ANSWER_LATEST + 10 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 1);
	rig_forget(rig);
	query_frame(frame, 0);
	for (int i = 0; i < 1000; i++) {
		receive_query(rig, frame, sizeof(frame));
		rig->now += USEC_PER_MILLISECOND;
		l3_tick(rig->l3, &rig->snapshot, rig->now);
	}
	assert_in_range(rig->frames.count, 8, 11);
	rig_destroy(rig);
}

static void a_query_for_one_group_is_answered_if_it_is_ours(void **state)
{
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];

	query_frame(frame, 100);
	rig_hex(GROUP_OWN, frame + AT_GROUP, 16);
	receive_query(rig, frame, sizeof(frame));
	rig_advance(rig, 110 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 1);
	frame[AT_GROUP + 15] = 0x77;
	receive_query(rig, frame, sizeof(frame));
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 1);
	assert_int_equal(rig_drops(rig, DROP_MULTICAST_IGNORED), 1);
	rig_destroy(rig);
}

static void a_query_of_version_1_is_answered_in_kind(void **state)
{
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];
	static const char one[] =
		"3333ff000002 020000000001 86dd 60000000 0020 00 01" LOCAL GROUP_OWN
		"3a00 0502 0000 0100 8300 831d 0000 0000" GROUP_OWN;

	query_frame(frame, 100);
	receive_query(rig, frame, sizeof(frame) - 4);
	rig_advance(rig, 110 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 2);
	assert_int_equal(sent(rig, one), 1);
	rig_destroy(rig);
}

static void many_groups_take_several_reports(void **state)
{
	struct rig *rig = rig_create();
	static struct snapshot_address many[300];
	uint8_t frame[QUERY_BYTES];
	uint32_t records = 0;

	for (uint32_t i = 0; i < nx_array_size(many); i++) {
		many[i] = (struct snapshot_address){
			.address = rig_address("fd00:1::"), .prefix_length = 64};
		be16_store(many[i].address.bytes + 14, be16_from_host((uint16_t)(1000 + i)));
	}
	rig->snapshot.addresses = many;
	rig->netifs[0].address_first = 0;
	rig->netifs[0].address_count = nx_array_size(many);
	query_frame(frame, 0);
	receive_query(rig, frame, sizeof(frame));
	rig->now += 2;
	l3_tick(rig->l3, &rig->snapshot, rig->now);
	for (uint32_t i = 0; i < rig->frames.count; i++) {
		const struct buffer *b = rig->frames.items[i].buffer;
		const uint8_t *f = buffer_data(b);

		assert_true(b->length <= 14 + 1280);
		if (f[AT_TYPE] != MLD2_REPORT)
			continue;
		assert_int_equal(b->length, AT_TYPE + 8 + 20 * f[AT_TYPE + 7]);
		records += f[AT_TYPE + 7];
	}
	assert_int_equal(records, 301);
	rig->snapshot.addresses = rig->addresses;
	rig_destroy(rig);
}

static void forged_and_damaged_queries_are_dropped(void **state)
{
	static const struct {
		uint8_t at;
		uint8_t value;
	} bad[] = {
		{AT_HOP_LIMIT, 255}, // was forwarded, or could have been
		{AT_SOURCE, 0xfd},   // not of this link
		{AT_ALERT, 1},       // another option than router alert
		{AT_ALERT + 3, 1},   // alert, but for something else
		{AT_GROUP, 0x20},    // not a group
	};
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];

	for (size_t i = 0; i < nx_array_size(bad); i++) {
		query_frame(frame, 1);
		frame[bad[i].at] = bad[i].value;
		receive_query(rig, frame, sizeof(frame));
	}
	query_frame(frame, 1);
	receive_query(rig, frame, sizeof(frame) - 1); // of no version
	query_frame(frame, 1);
	receive_query(rig, frame, AT_TYPE + 12);
	receive_query(rig, frame, sizeof(frame));
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 1); // the last was good
	frame[AT_TYPE + 3] ^= 1;
	struct packet p = {0};
	struct mld_query untouched = {.delay_ms = 7};

	rig_parse(&p, rig_buffer(frame, sizeof(frame)), 0);
	assert_int_equal(mld_query_parse(p.data + 14, sizeof(frame) - 14, 48, &untouched),
		MLD_CHECKSUM_WRONG);
	assert_int_equal(untouched.delay_ms, 7);
	buffer_heap_put(NULL, p.buffer);
	assert_int_equal(rig_drops(rig, DROP_ICMP_MALFORMED), nx_array_size(bad) + 2);
	rig_destroy(rig);
}

static void no_buffer_for_a_report_is_counted(void **state)
{
	struct rig *rig = rig_create();
	uint8_t frame[QUERY_BYTES];

	query_frame(frame, 1);
	receive_query(rig, frame, sizeof(frame));
	rig->fail_from = 1;
	rig_advance(rig, 10 * USEC_PER_MILLISECOND);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_NO_BUFFER), 1);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joined_before_the_address_is_probed_and_told_again),
		cmocka_unit_test(a_general_query_is_answered_once_with_all_groups_in_time),
		cmocka_unit_test(a_delay_is_bounded_and_so_are_answers_to_a_flood),
		cmocka_unit_test(a_query_for_one_group_is_answered_if_it_is_ours),
		cmocka_unit_test(a_query_of_version_1_is_answered_in_kind),
		cmocka_unit_test(many_groups_take_several_reports),
		cmocka_unit_test(forged_and_damaged_queries_are_dropped),
		cmocka_unit_test(no_buffer_for_a_report_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
