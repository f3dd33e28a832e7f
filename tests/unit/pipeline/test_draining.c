// SPDX-License-Identifier: BSD-3-Clause

// Sessions of a listener that was removed, or that moved to another port, go on over several
// workers: steering takes their packets where their session is, as before.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "rig/rig.h"

enum {
	LAN = 0,
	WAN = 1,
	CLIENTS = 64,
	FIRST_PORT = 30000
};

static uint8_t bytes[FRAME_BYTES_MAX];

// "listen" of the one listener; NULL: there is none.
static const char *text_with(const char *listen, const char *name)
{
	static char text[2048];
	int n = snprintf(text, sizeof(text),
		"workers = { cpus = \"0,0\"; memory_mb = 64; sessions = 1024; };\n"
		"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/24\"]; },\n"
		"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/24\"]; } );\n"
		"upstreams = ( { name = \"up\"; targets = [\"10.2.0.1:53\"]; } );\n");

	if (listen)
		snprintf(text + n, sizeof(text) - (size_t)n,
			"listeners = ( { name = \"%s\"; protocol = \"udp\"; listen = \"%s\";"
			" upstream = \"up\"; idle_timeout_s = 0; } );\n",
			name, listen);
	return text;
}

static void apply(struct rig *rig, const char *text)
{
	if (rig_apply(rig, text) != 0)
		fail_msg("%s", rig->error);
	rig_settle(rig);
}

static struct frame from_client(unsigned client, uint16_t to_port)
{
	struct frame frame = {
		.key = {.source_port = be16_from_host((uint16_t)(FIRST_PORT + client)),
			.destination_port = be16_from_host(to_port),
			.protocol = IPPROTO_UDP},
		.payload = 64,
	};

	assert_true(ip_address_parse("10.1.0.1", &frame.key.source));
	assert_true(ip_address_parse("10.1.0.2", &frame.key.destination));
	return frame;
}

static bool sent_on(struct rig *rig, uint16_t port, struct packet *out)
{
	uint32_t length = rig_receive(rig, port, bytes);

	return length != 0 && frame_read(bytes, length, out);
}

// One datagram there and one back. Returns the source port that the target sees, 0 when nothing
// came through.
static uint16_t exchange(struct rig *rig, unsigned client, uint16_t to_port)
{
	struct frame request = from_client(client, to_port);
	struct packet seen;
	uint16_t source_port;

	assert_true(rig_send(rig, LAN, &request));
	rig_settle(rig);
	if (!sent_on(rig, WAN, &seen))
		return 0;
	source_port = be16_to_host(seen.key.source_port);

	struct frame reply = {
		.key = {.source = seen.key.destination,
			.destination = seen.key.source,
			.source_port = seen.key.destination_port,
			.destination_port = seen.key.source_port,
			.protocol = IPPROTO_UDP},
		.payload = 100,
	};

	assert_true(rig_send(rig, WAN, &reply));
	rig_settle(rig);
	assert_true(sent_on(rig, LAN, &seen));
	assert_int_equal(be16_to_host(seen.key.source_port), to_port);
	assert_int_equal(be16_to_host(seen.key.destination_port), FIRST_PORT + client);
	return source_port;
}

static void open_all(struct rig *rig, uint16_t to_port, uint16_t source_ports[CLIENTS])
{
	unsigned odd = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		source_ports[i] = exchange(rig, i, to_port);
		assert_int_not_equal(source_ports[i], 0);
		odd += source_ports[i] % 2;
	}
	// Both workers have some of them.
	assert_in_range(odd, 1, CLIENTS - 1);
}

static void expect_all_go_on(
	struct rig *rig, uint16_t to_port, const uint16_t source_ports[CLIENTS])
{
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(exchange(rig, i, to_port), source_ports[i]);
	assert_int_equal(node_sessions(rig->node), CLIENTS);
}

static void create(struct rig *rig, const char *text)
{
	if (rig_create(rig, text, false) != 0)
		fail_msg("%s", rig->error);
}

static void sessions_of_a_removed_listener_go_on(void **state)
{
	uint16_t source_ports[CLIENTS];
	struct frame late = from_client(CLIENTS, 9000);
	struct packet seen;
	struct rig rig;

	create(&rig, text_with("10.1.0.2:9000", "in"));
	open_all(&rig, 9000, source_ports);
	apply(&rig, text_with(NULL, NULL));
	expect_all_go_on(&rig, 9000, source_ports);
	// Nobody new is let in.
	assert_true(rig_send(&rig, LAN, &late));
	rig_settle(&rig);
	assert_false(sent_on(&rig, WAN, &seen));
	assert_int_equal(node_sessions(rig.node), CLIENTS);
	assert_int_equal(rig_destroy(&rig), 0);
}

static void sessions_of_a_moved_listener_go_on(void **state)
{
	uint16_t source_ports[CLIENTS];
	struct rig rig;

	create(&rig, text_with("10.1.0.2:9000", "in"));
	open_all(&rig, 9000, source_ports);
	apply(&rig, text_with("*:9001", "in"));
	expect_all_go_on(&rig, 9000, source_ports);
	// More moves than are remembered, then back.
	apply(&rig, text_with("*:9002", "in"));
	apply(&rig, text_with("*:9003", "in"));
	apply(&rig, text_with("10.1.0.2:9000-9004", "in"));
	expect_all_go_on(&rig, 9000, source_ports);
	assert_int_equal(rig_destroy(&rig), 0);
}

static void a_listener_in_the_place_of_a_removed_one_leaves_its_sessions(void **state)
{
	uint16_t source_ports[CLIENTS];
	struct rig rig;

	create(&rig, text_with("*:9000", "in"));
	open_all(&rig, 9000, source_ports);
	apply(&rig, text_with("10.1.0.2:9000", "other"));
	expect_all_go_on(&rig, 9000, source_ports);
	assert_int_not_equal(exchange(&rig, CLIENTS, 9000), 0);
	assert_int_equal(node_listener_sessions(rig.node, 0), CLIENTS);
	assert_int_equal(node_listener_sessions(rig.node, 1), 1);
	assert_int_equal(rig_destroy(&rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_of_a_removed_listener_go_on),
		cmocka_unit_test(sessions_of_a_moved_listener_go_on),
		cmocka_unit_test(a_listener_in_the_place_of_a_removed_one_leaves_its_sessions),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
