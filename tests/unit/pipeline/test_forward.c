// SPDX-License-Identifier: BSD-3-Clause

// The whole pipeline in one process, in virtual time: configuration text in, frames in and out of
// ring ports. Every case runs with 1, 2 and 4 workers.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "rig/rig.h"

static const char *const configuration =
	"workers = { cpus = \"%s\"; memory_mb = 64; sessions = 4096; };\n"
	"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/24\", \"fd00:1::2/64\"]; },\n"
	"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/24\", \"fd00:2::2/64\"]; } );\n"
	"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\", \"[fd00:2::1]:80\"]; },\n"
	"              { name = \"dns\"; targets = [\"10.2.0.1:53\", \"[fd00:2::1]:53\"]; } );\n"
	"listeners = ( { name = \"web-in\"; protocol = \"tcp\"; listen = \"*:9000\"; upstream = \"web\"; },\n"
	"              { name = \"dns-in\"; protocol = \"udp\"; listen = \"*:53\"; upstream = \"dns\"; } );\n";

static uint8_t frame_bytes[FRAME_BYTES_MAX];

enum {
	LAN = 0,
	WAN = 1
};

static struct ip_address address(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

static struct frame datagram(const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
	return (struct frame){
		.key = {.source = address(from),
			.destination = address(to),
			.source_port = be16_from_host(from_port),
			.destination_port = be16_from_host(to_port),
			.protocol = IPPROTO_UDP},
		.payload = 64,
	};
}

static void create(struct rig *rig, const char *cpus)
{
	char text[4096];

	snprintf(text, sizeof(text), configuration, cpus);
	if (rig_create(rig, text, false) != 0)
		fail_msg("%s", rig->error);
}

static uint64_t wrong_worker(struct rig *rig)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node_worker_count(rig->node); i++)
		sum += counter_read(&node_worker_stats(rig->node, i)->wrong_worker);
	return sum;
}

// One datagram there and one back; the reply arrives as from the listener.
static void exchange(struct rig *rig, const char *client, uint16_t port, const char *listener,
	const char *target)
{
	struct frame request = datagram(client, port, listener, 53);
	struct packet seen;
	uint32_t length;

	assert_true(rig_send(rig, LAN, &request));
	rig_settle(rig);
	length = rig_receive(rig, WAN, frame_bytes);
	assert_int_not_equal(length, 0);
	assert_true(frame_read(frame_bytes, length, &seen));
	struct ip_address expected = address(target);

	assert_true(ip_address_equal(&seen.key.destination, &expected));
	assert_int_equal(seen.hop_limit, 63);
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
	length = rig_receive(rig, LAN, frame_bytes);
	assert_int_not_equal(length, 0);
	assert_true(frame_read(frame_bytes, length, &seen));
	assert_memory_equal(&seen.key.destination, &request.key.source, 16);
	assert_memory_equal(&seen.key.source, &request.key.destination, 16);
	assert_int_equal(seen.key.source_port, request.key.destination_port);
	assert_int_equal(seen.key.destination_port, request.key.source_port);
}

static void udp_goes_there_and_back(const char *cpus)
{
	struct rig rig;

	create(&rig, cpus);
	for (uint16_t i = 0; i < 200; i++) {
		exchange(&rig, "10.1.0.1", (uint16_t)(20000 + i), "10.1.0.2", "10.2.0.1");
		exchange(&rig, "fd00:1::1", (uint16_t)(20000 + i), "fd00:1::2", "fd00:2::1");
	}
	assert_int_equal(node_sessions(rig.node), 400);
	assert_int_equal(wrong_worker(&rig), 0);
	for (int reason = DROP_NONE + 1; reason < DROP_COUNT; reason++) {
		if (rig_drops(&rig, reason) != 0)
			fail_msg("%s: %lu", drop_reason_name(reason),
				(unsigned long)rig_drops(&rig, reason));
	}
	assert_int_equal(rig_destroy(&rig), 0);
}

static void udp_with_one_worker(void **state)
{
	udp_goes_there_and_back("0");
}

static void udp_with_two_workers(void **state)
{
	udp_goes_there_and_back("0,0");
}

static void udp_with_four_workers(void **state)
{
	udp_goes_there_and_back("0,0,0,0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_with_one_worker),
		cmocka_unit_test(udp_with_two_workers),
		cmocka_unit_test(udp_with_four_workers),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
