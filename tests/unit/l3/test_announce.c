// SPDX-License-Identifier: BSD-3-Clause

// Own addresses: looked for duplicates, announced, defended.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rig.h"

#define PROBE_ARP                                                                                  \
	"ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000"                \
	"000000000000 0a010002"
#define ANNOUNCE_ARP                                                                               \
	"ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a010002"                \
	"000000000000 0a010002"
// Another station asks for our address, without one of its own.
#define FOREIGN_PROBE                                                                              \
	"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 020000000099 00000000"                \
	"000000000000 0a010002"
// Another station says that our address is its own.
#define FOREIGN_CLAIM                                                                              \
	"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 020000000099 0a010002"                \
	"000000000000 0a010002"
#define DAD_SOLICITATION                                                                           \
	"3333ff000002 020000000001 86dd 60000000 0018 3a ff"                                       \
	"00000000000000000000000000000000 ff0200000000000000000001ff000002"                        \
	"8700 7da2 00000000 fd000001000000000000000000000002"
#define UNSOLICITED_NA                                                                             \
	"333300000001 020000000001 86dd 60000000 0020 3a ff"                                       \
	"fd000001000000000000000000000002 ff020000000000000000000000000001"                        \
	"8800 5a97 20000000 fd000001000000000000000000000002 02 01 020000000001"

// How many of the frames kept are exactly these bytes on port 0.
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

static void ipv4_is_probed_three_times_then_announced(void **state)
{
	struct rig *rig = rig_create_silent();

	l3_tick(rig->l3, &rig->snapshot, rig->now);
	assert_int_equal(sent(rig, PROBE_ARP), 1);
	rig_advance(rig, 300 * USEC_PER_MILLISECOND);
	assert_int_equal(sent(rig, PROBE_ARP), 2);
	rig_advance(rig, 590 * USEC_PER_MILLISECOND);
	assert_int_equal(sent(rig, PROBE_ARP), 3);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 0);
	rig_advance(rig, 10 * USEC_PER_MILLISECOND);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 1);
	rig_advance(rig, 2 * USEC_PER_SECOND);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 2);
	rig_advance(rig, 60 * USEC_PER_SECOND);
	assert_int_equal(sent(rig, PROBE_ARP), 3);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 3);
	rig_destroy(rig);
}

static void ipv6_is_solicited_once_then_advertised(void **state)
{
	struct rig *rig = rig_create_silent();

	l3_tick(rig->l3, &rig->snapshot, rig->now);
	assert_int_equal(sent(rig, DAD_SOLICITATION), 1);
	rig_advance(rig, 990 * USEC_PER_MILLISECOND);
	assert_int_equal(sent(rig, UNSOLICITED_NA), 0);
	rig_advance(rig, 10 * USEC_PER_MILLISECOND);
	assert_int_equal(sent(rig, UNSOLICITED_NA), 1);
	rig_advance(rig, 60 * USEC_PER_SECOND);
	assert_int_equal(sent(rig, DAD_SOLICITATION), 1);
	assert_int_equal(sent(rig, UNSOLICITED_NA), 3);
	rig_destroy(rig);
}

static void tentative_address_answers_within_a_second(void **state)
{
	static const char request[] =
		"ffffffffffff 020000000099 0806 0001 0800 06 04 0001 020000000099 0a010009"
		"000000000000 0a010002";
	struct rig *rig = rig_create_silent();

	l3_tick(rig->l3, &rig->snapshot, rig->now);
	rig_forget(rig);
	rig_receive_hex(rig, 0, request);
	assert_int_equal(rig->frames.count, 0);
	rig_advance(rig, USEC_PER_SECOND);
	rig_forget(rig);
	rig_receive_hex(rig, 0, request);
	assert_int_equal(rig->frames.count, 1);
	rig_destroy(rig);
}

static void conflict_while_probing_is_an_event(void **state)
{
	struct rig *rig = rig_create_silent();
	struct ip_address ours = rig_address("10.1.0.2");

	l3_tick(rig->l3, &rig->snapshot, rig->now);
	rig_receive_hex(rig, 0, FOREIGN_PROBE);
	assert_int_equal(rig->event_count, 1);
	assert_int_equal(rig->events[0].kind, EVENT_KIND_ADDRESS_CONFLICT);
	assert_int_equal(rig->events[0].subject, 0);
	assert_true(ip_address_equal(&rig->events[0].address, &ours));
	assert_memory_equal(rig->events[0].mac, "\2\0\0\0\0\x99", 6);
	// The operator gave us the address: it is served all the same.
	rig_advance(rig, USEC_PER_SECOND);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 1);
	rig_destroy(rig);
}

static void conflict_is_defended_once_in_ten_seconds(void **state)
{
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 50; i++)
		rig_receive_hex(rig, 0, FOREIGN_CLAIM);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 1);
	assert_int_equal(rig->frames.count, 1);
	assert_int_equal(rig->event_count, 1);
	rig_advance(rig, 10 * USEC_PER_SECOND);
	rig_receive_hex(rig, 0, FOREIGN_CLAIM);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 2);
	assert_int_equal(rig->event_count, 2);
	assert_int_equal(rig->events[1].count, 50);
	rig_destroy(rig);
}

static void probe_for_a_served_address_is_answered(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 0, FOREIGN_PROBE);
	assert_int_equal(rig->frames.count, 1);
	rig_assert_frame(rig, 0, 0,
		"020000000099 020000000001 0806 0001 0800 06 04 0002 020000000001 0a010002"
		"020000000099 00000000");
	assert_int_equal(rig->event_count, 0);
	rig_destroy(rig);
}

static void our_own_frames_come_back_without_conflict(void **state)
{
	struct rig *rig = rig_create();

	rig_receive_hex(rig, 0, ANNOUNCE_ARP);
	rig_receive_hex(rig, 0, PROBE_ARP);
	rig_receive_hex(rig, 0, DAD_SOLICITATION);
	rig_receive_hex(rig, 0, UNSOLICITED_NA);
	assert_int_equal(rig->event_count, 0);
	assert_int_equal(rig->frames.count, 0);
	rig_destroy(rig);
}

static void foreign_advertisement_of_our_address_is_a_conflict(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = {.advertisement = true,
		.override = true,
		.has_link = true,
		.link = {{2, 0, 0, 0, 0, 0x99}},
		.target = rig_address("fd00:1::2"),
		.source = rig_address("fd00:1::2"),
		.destination = rig_address("ff02::1")};
	uint8_t frame[128];
	size_t n = rig_hex("333300000001 020000000099 86dd", frame, sizeof(frame));

	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	assert_int_equal(rig->event_count, 1);
	assert_memory_equal(rig->events[0].mac, "\2\0\0\0\0\x99", 6);
	assert_int_equal(sent(rig, UNSOLICITED_NA), 1);
	rig_destroy(rig);
}

static void foreign_probe_of_a_served_ipv6_address_is_told_to_all(void **state)
{
	struct rig *rig = rig_create();
	struct nd_message m = {.target = rig_address("fd00:1::2"),
		.source = rig_address("::"),
		.destination = rig_address("ff02::1:ff00:2")};
	uint8_t frame[128];
	size_t n = rig_hex("3333ff000002 020000000099 86dd", frame, sizeof(frame));

	n += nd_build(frame + n, &m);
	rig_receive(rig, 0, frame, n);
	assert_int_equal(sent(rig, UNSOLICITED_NA), 1);
	rig_destroy(rig);
}

static void only_new_addresses_are_probed_after_an_apply(void **state)
{
	struct rig *rig = rig_create();

	rig_add_address(rig, 0, "10.1.0.77", 120);
	rig_advance(rig, 10 * USEC_PER_SECOND);
	assert_int_equal(rig->frames.count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		const uint8_t *frame = buffer_data(rig->frames.items[i].buffer);

		assert_memory_equal(frame + 38, "\x0a\1\0\x4d", 4);
	}
	rig_destroy(rig);
}

static void link_up_starts_again_on_that_port_only(void **state)
{
	struct rig *rig = rig_create();

	l3_port_up(rig->l3, &rig->snapshot, 0, rig->now);
	rig_advance(rig, 10 * USEC_PER_SECOND);
	assert_int_equal(sent(rig, PROBE_ARP), 3);
	assert_int_equal(sent(rig, ANNOUNCE_ARP), 3);
	for (uint32_t i = 0; i < rig->frames.count; i++)
		assert_int_equal(rig->frames.items[i].port, 0);
	rig_destroy(rig);
}

static void ports_of_other_workers_are_left_to_them(void **state)
{
	struct rig *rig = rig_create_silent();

	rig->owned[0] = false;
	rig_advance(rig, 10 * USEC_PER_SECOND);
	assert_true(rig->frames.count > 0);
	for (uint32_t i = 0; i < rig->frames.count; i++)
		assert_int_equal(rig->frames.items[i].port, 1);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_probed_three_times_then_announced),
		cmocka_unit_test(ipv6_is_solicited_once_then_advertised),
		cmocka_unit_test(tentative_address_answers_within_a_second),
		cmocka_unit_test(conflict_while_probing_is_an_event),
		cmocka_unit_test(conflict_is_defended_once_in_ten_seconds),
		cmocka_unit_test(probe_for_a_served_address_is_answered),
		cmocka_unit_test(our_own_frames_come_back_without_conflict),
		cmocka_unit_test(foreign_advertisement_of_our_address_is_a_conflict),
		cmocka_unit_test(foreign_probe_of_a_served_ipv6_address_is_told_to_all),
		cmocka_unit_test(only_new_addresses_are_probed_after_an_apply),
		cmocka_unit_test(link_up_starts_again_on_that_port_only),
		cmocka_unit_test(ports_of_other_workers_are_left_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
