// SPDX-License-Identifier: BSD-3-Clause

// Two nodes in one process, joined by a ring: a client's datagram goes through both to the target,
// and the answer comes back through both.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "rig/rig.h"

static const char *const first =
	"workers = { cpus = \"0\"; memory_mb = 64; sessions = 1024; };\n"
	"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/24\"]; },\n"
	"          { name = \"link\"; device = \"ring:link\"; address = [\"10.9.0.1/24\"]; } );\n"
	"upstreams = ( { name = \"next\"; targets = [\"10.9.0.2:5353\"]; } );\n"
	"listeners = ( { name = \"in\"; protocol = \"udp\"; listen = \"10.1.0.2:53\"; upstream = \"next\"; } );\n";

static const char *const second =
	"workers = { cpus = \"0,0\"; memory_mb = 64; sessions = 1024; };\n"
	"ports = ( { name = \"link\"; device = \"ring:link\"; address = [\"10.9.0.2/24\"]; },\n"
	"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/24\"]; } );\n"
	"upstreams = ( { name = \"dns\"; targets = [\"10.2.0.1:53\"]; } );\n"
	"listeners = ( { name = \"in\"; protocol = \"udp\"; listen = \"10.9.0.2:5353\"; upstream = \"dns\"; } );\n";

static uint8_t bytes[FRAME_BYTES_MAX];

static void create(struct rig *rig, const char *text)
{
	if (rig_create(rig, text, false) != 0)
		fail_msg("%s", rig->error);
}

static void expect_out(struct rig *rig, uint16_t port, struct packet *out)
{
	uint32_t length = rig_receive(rig, port, bytes);

	assert_int_not_equal(length, 0);
	assert_true(frame_read(bytes, length, out));
	assert_int_equal(out->kind, PACKET_UDP);
}

static struct frame back_to(const struct packet *seen)
{
	return (struct frame){
		.key = {.source = seen->key.destination,
			.destination = seen->key.source,
			.source_port = seen->key.destination_port,
			.destination_port = seen->key.source_port,
			.protocol = IPPROTO_UDP},
		.payload = 40,
	};
}

static void a_datagram_crosses_two_nodes_and_its_answer_returns(void **state)
{
	struct frame request = {.payload = 32};
	struct packet seen;
	struct rig a;
	struct rig b;

	create(&a, first);
	create(&b, second);
	// Addresses are looked for duplicates before they answer.
	rig_pass_time(&a, &b, 3 * USEC_PER_SECOND);
	assert_true(ip_address_parse("10.1.0.1", &request.key.source));
	assert_true(ip_address_parse("10.1.0.2", &request.key.destination));
	request.key.protocol = IPPROTO_UDP;
	request.key.destination_port = be16_from_host(53);
	for (uint16_t i = 0; i < 50; i++) {
		request.key.source_port = be16_from_host((uint16_t)(4000 + i));
		assert_true(rig_send(&a, 0, &request));
		rig_settle_both(&a, &b);
		expect_out(&b, 1, &seen);
		assert_int_equal(seen.hop_limit, 62);
		struct frame reply = back_to(&seen);

		assert_true(rig_send(&b, 1, &reply));
		rig_settle_both(&a, &b);
		expect_out(&a, 0, &seen);
		assert_int_equal(seen.key.destination_port, request.key.source_port);
		assert_true(ip_address_equal(&seen.key.source, &request.key.destination));
	}
	assert_int_equal(node_sessions(a.node), 50);
	assert_int_equal(node_sessions(b.node), 50);
	assert_int_equal(rig_destroy(&a), 0);
	assert_int_equal(rig_destroy(&b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_crosses_two_nodes_and_its_answer_returns),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
