// SPDX-License-Identifier: BSD-3-Clause
// Bursts of frames as the pipeline takes them in runs: whose they are, and the tags that they bear.
#include "bed.h"

enum {
	CLIENTS = 16
};

static uint8_t bytes[FRAME_BYTES_MAX];

static uint32_t put(struct rig *rig, struct frame *f, struct mac_address to)
{
	uint32_t length;

	f->source_mac = rig_station_mac(LAN);
	f->destination_mac = to;
	length = frame_write(f, bytes);
	assert_true(rig_send_bytes(rig, LAN, bytes, length));
	return length;
}

// A frame for a station whose address differs from the port's in one bit, whichever, is not ours;
// those beside it in the burst are.
static void one_bit_of_the_address_makes_a_frame_anothers(void **state)
{
	const struct bed bed = {.cpus = "0"};
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", LISTENER_UDP);

	// A session, and the neighbours of both sides: what follows goes in runs.
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(rig_send(&rig, LAN, &f));
		rig_settle(&rig);
		bed_expect(&rig, WAN, &seen, NULL);
	}
	// Bit 0 makes it a group's, which is judged by its IP address.
	for (uint32_t bit = 1; bit < 48; bit++) {
		struct mac_address to = rig_port_mac(&rig, LAN);
		uint64_t before = rig_drops(&rig, DROP_L2_NOT_OURS);

		put(&rig, &f, to);
		to.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		put(&rig, &f, to);
		put(&rig, &f, rig_port_mac(&rig, LAN));
		rig_settle(&rig);
		for (uint32_t i = 0; i < 2; i++)
			bed_expect(&rig, WAN, &seen, NULL);
		bed_expect_nothing(&rig, WAN);
		assert_int_equal(rig_drops(&rig, DROP_L2_NOT_OURS), before + 1);
	}
	bed_assert_no_drops_but(&rig, DROP_L2_NOT_OURS);
	bed_destroy(&rig);
}

// One burst of many clients, in the same order on the other side, each frame with the tag of the
// interface that it leaves by.
static void exchange(struct rig *rig, uint16_t lan_tag, uint16_t wan_tag)
{
	struct frame back[CLIENTS];
	struct packet seen;

	for (uint16_t i = 0; i < CLIENTS; i++) {
		struct frame f =
			bed_datagram("10.7.0.1", (uint16_t)(4000 + i), "10.7.0.2", LISTENER_UDP);

		f.vlan = lan_tag;
		f.payload = 64u + i;
		assert_true(rig_send(rig, LAN, &f));
	}
	rig_settle(rig);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		uint32_t length = bed_expect(rig, WAN, &seen, NULL);

		assert_int_equal(seen.vlan & 0xfff, wan_tag);
		assert_int_equal(length, (wan_tag ? 18 : 14) + 20 + 8 + 64 + i);
		back[i] = bed_answer(&seen);
		back[i].vlan = wan_tag;
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_true(rig_send(rig, WAN, &back[i]));
	rig_settle(rig);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		bed_expect(rig, LAN, &seen, NULL);
		assert_int_equal(seen.vlan & 0xfff, lan_tag);
		assert_int_equal(be16_to_host(seen.key.destination_port), 4000 + i);
	}
	bed_expect_nothing(rig, LAN);
	bed_expect_nothing(rig, WAN);
}

static void runs_keep_and_change_tags(void **state)
{
	static const char *const text =
		"workers = { cpus = \"0\"; memory_mb = 64; sessions = 4096; };\n"
		"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/24\"];\n"
		"            vlans = ( { id = 7; address = [\"10.7.0.2/24\"]; } ); },\n"
		"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/24\"];\n"
		"            vlans = ( { id = 9; address = [\"10.9.0.2/24\"]; } ); } );\n"
		"upstreams = ( { name = \"dns\"; targets = [\"10.%u.0.1:53\"]; } );\n"
		"listeners = ( { name = \"dns-in\"; protocol = \"udp\"; listen = \"*:53\";\n"
		"                upstream = \"dns\"; } );\n";

	for (uint16_t wan_tag = 0; wan_tag <= 9; wan_tag = (uint16_t)(wan_tag + 9)) {
		char configuration[1024];
		struct rig rig;

		snprintf(configuration, sizeof(configuration), text, wan_tag ? 9 : 2);
		if (rig_create(&rig, configuration, false) != 0)
			fail_msg("%s", rig.error);
		// The first burst opens the sessions and finds the neighbours, the rest run.
		for (uint32_t i = 0; i < 3; i++)
			exchange(&rig, 7, wan_tag);
		bed_assert_no_drops_but(&rig, DROP_NONE);
		bed_destroy(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bit_of_the_address_makes_a_frame_anothers),
		cmocka_unit_test(runs_keep_and_change_tags),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
