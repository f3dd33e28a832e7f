// SPDX-License-Identifier: BSD-3-Clause

// Workers as threads, on whatever CPUs there are: packets pass, idle workers sleep and wake in
// time, and a node stops while traffic flows. Times are generous: other work shares the machine.

#include "bed.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/node_private.h"

enum {
	PATIENCE_MS = 5000,
	ROUNDS = 11
};

static uint8_t bytes[FRAME_BYTES_MAX];

static uint64_t wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static struct bed threads(const char *cpus, enum idle_mode idle)
{
	return (struct bed){.cpus = cpus, .options = {.threads = true, .idle = idle}};
}

// Waits for a frame out of a port; 0 when none comes. rig_receive answers the ARP of its port only,
// and no test waits on the one port for what needs an answer on the other.
static uint32_t await(struct rig *rig, uint16_t port)
{
	uint64_t end = wall_us() + PATIENCE_MS * 1000;
	uint32_t length;

	while ((length = rig_receive(rig, port, bytes)) == 0 && wall_us() < end)
		usleep(20);
	if (length == 0)
		bed_assert_no_drops_but(rig, DROP_NONE);
	return length;
}

// Frames that come before a worker has seen the first snapshot are nobody's.
static void create(struct rig *rig, const struct bed *bed)
{
	uint64_t end = wall_us() + PATIENCE_MS * 1000;

	bed_create(rig, bed);
	for (uint16_t w = 0; w < node_worker_count(rig->node); w++) {
		const counter_t *turns = &node_worker_stats(rig->node, w)->turns;
		uint64_t before = counter_read(turns);

		while (counter_read(turns) < before + 2 && wall_us() < end)
			usleep(20);
	}
}

static void send_datagram(struct rig *rig, uint16_t source_port)
{
	// Eight ports a client: so many may wait for one neighbour, and be unanswered.
	char client[32];

	snprintf(client, sizeof(client), "10.1.0.%u", 10 + source_port / 8 % 200u);
	struct frame f = bed_datagram(client, source_port, "10.1.0.2", LISTENER_UDP);

	assert_true(rig_send(rig, LAN, &f));
}

static void exchange(struct rig *rig, uint16_t first, uint16_t count)
{
	struct packet seen;

	for (uint16_t i = 0; i < count; i++)
		send_datagram(rig, (uint16_t)(first + i));
	for (uint16_t i = 0; i < count; i++) {
		uint32_t length = await(rig, WAN);

		assert_int_not_equal(length, 0);
		assert_true(frame_read(bytes, length, &seen));
		struct frame back = bed_answer(&seen);

		assert_true(rig_send(rig, WAN, &back));
	}
	for (uint16_t i = 0; i < count; i++)
		assert_int_not_equal(await(rig, LAN), 0);
}

static void packets_pass(const char *cpus, enum idle_mode idle, uint16_t transmit_queues)
{
	struct bed bed = threads(cpus, idle);
	struct rig rig;

	bed.options.transmit_queues = transmit_queues;
	create(&rig, &bed);
	// One packet resolves the target; eight may wait for a neighbour.
	exchange(&rig, 4000, 1);
	exchange(&rig, 4001, 100);
	assert_int_equal(node_sessions(rig.node), 101);
	assert_int_equal(bed_wrong_worker(&rig), 0);
	bed_destroy(&rig);
}

static void packets_pass_polling(void **state)
{
	packets_pass("0", IDLE_POLL, 0);
	packets_pass("0,0", IDLE_POLL, 0);
	packets_pass("0,0,0,0", IDLE_POLL, 1);
}

static void packets_pass_adaptive(void **state)
{
	packets_pass("0", IDLE_ADAPTIVE, 0);
	packets_pass("0,0", IDLE_ADAPTIVE, 0);
	packets_pass("0,0,0,0", IDLE_ADAPTIVE, 1);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

// With two workers and one queue half of the packets also wake a second worker.
static void an_idle_node_sleeps_and_wakes(void **state)
{
	struct bed bed = threads("0,0", IDLE_ADAPTIVE);
	uint64_t waits[ROUNDS];
	struct rig rig;

	create(&rig, &bed);
	exchange(&rig, 4000, 8);
	usleep(100000);
	uint64_t cpu = cpu_us();
	uint64_t begin = wall_us();

	usleep(1000000);
	cpu = cpu_us() - cpu;
	begin = wall_us() - begin;
	for (uint16_t i = 0; i < ROUNDS; i++) {
		usleep(20000);
		uint64_t sent = wall_us();

		send_datagram(&rig, (uint16_t)(4000 + i % 8));
		assert_int_not_equal(await(&rig, WAN), 0);
		waits[i] = wall_us() - sent;
	}
	qsort(waits, ROUNDS, sizeof(waits[0]), by_value);
	print_message(
		"idle: %.2f %% of a CPU for 2 workers; first packet after %lu us (median), %lu us "
		"(worst)\n",
		100.0 * (double)cpu / (double)begin, (unsigned long)waits[ROUNDS / 2],
		(unsigned long)waits[ROUNDS - 1]);
	assert_true(cpu * 100 < 2 * begin);
	assert_true(waits[ROUNDS / 2] < 20000);
	bed_destroy(&rig);
}

// Nobody takes what the port sends: its ring fills, then the worker's queue.
static void a_port_that_takes_nothing_costs_no_cpu(void **state)
{
	struct bed bed = threads("0", IDLE_ADAPTIVE);
	uint64_t end;
	struct rig rig;

	create(&rig, &bed);
	exchange(&rig, 4000, 1);
	end = wall_us() + PATIENCE_MS * 1000;
	while (rig_drops(&rig, DROP_TX_FULL) == 0 && wall_us() < end) {
		struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", LISTENER_UDP);

		if (!rig_send(&rig, LAN, &f))
			usleep(100);
	}
	assert_true(rig_drops(&rig, DROP_TX_FULL) > 0);
	usleep(100000);
	uint64_t cpu = cpu_us();
	uint64_t begin = wall_us();

	usleep(300000);
	cpu = cpu_us() - cpu;
	begin = wall_us() - begin;
	print_message("a full port: %.1f %% of a CPU\n", 100.0 * (double)cpu / (double)begin);
	assert_true(cpu * 2 < begin);
	bed_destroy(&rig);
}

static void snapshots_change_under_running_workers(void **state)
{
	static char more[256];
	struct bed bed = threads("0,0,0,0", IDLE_ADAPTIVE);
	struct rig rig;

	create(&rig, &bed);
	exchange(&rig, 4000, 4);
	bed.listeners = more;
	for (uint32_t round = 0; round < 100; round++) {
		snprintf(more, sizeof(more),
			", { name = \"extra\"; protocol = \"udp\"; listen = \"*:%u\"; "
			"upstream = \"dns\"; }",
			6000 + round);
		assert_int_equal(rig_apply(&rig, bed_text(&bed)), 0);
		exchange(&rig, 4000, 4);
		for (uint32_t wait = 0; !node_is_settled(rig.node); wait++) {
			assert_true(wait < PATIENCE_MS);
			usleep(1000);
		}
	}
	bed_destroy(&rig);
}

// Maps of ports come and go faster than a sleeper looks; each new port is read all the same.
static void ports_are_added_while_workers_sleep(void **state)
{
	struct port_request request = {.device = "ring", .mtu = 1500, .queues = 1};
	struct bed bed = threads("0,0", IDLE_ADAPTIVE);
	uint64_t end = wall_us() + PATIENCE_MS * 1000;
	struct rig rig;
	uint16_t index;

	create(&rig, &bed);
	for (uint16_t i = 2; i < MAX_PORTS; i++) {
		snprintf(request.name, sizeof(request.name), "p%u", i);
		while (!node_is_settled(rig.node) && wall_us() < end)
			usleep(10);
		assert_int_equal(
			node_port_add(rig.node, &request, &index, rig.error, sizeof(rig.error)), 0);
		if (i % 8 == 0)
			usleep(2000);
	}
	// Nothing is configured on them: what they read is dropped by name.
	for (uint16_t i = 2; i < MAX_PORTS; i++) {
		struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", LISTENER_UDP);

		assert_true(rig_send(&rig, i, &f));
	}
	while (rig_drops(&rig, DROP_VLAN_UNKNOWN) < MAX_PORTS - 2 && wall_us() < end)
		usleep(100);
	assert_int_equal(rig_drops(&rig, DROP_VLAN_UNKNOWN), MAX_PORTS - 2);
	bed_destroy(&rig);
}

static void a_node_stops_while_traffic_flows(void **state)
{
	static const char *const cpus[] = {"0", "0,0", "0,0,0,0"};
	struct rig rig;

	for (uint32_t i = 0; i < 6; i++) {
		struct bed bed = threads(cpus[i % 3], i < 3 ? IDLE_ADAPTIVE : IDLE_POLL);

		bed.options.transmit_queues = i % 2;
		create(&rig, &bed);
		exchange(&rig, 4000, 1);
		for (uint16_t n = 0; n < 1000; n++)
			send_datagram(&rig, (uint16_t)(5000 + n));
		bed_destroy(&rig);
	}
}

// A request that the worker had no time for comes back.
static void a_request_at_the_last_moment_comes_back(void **state)
{
	struct control_request request = {.kind = CONTROL_COUNT};
	struct bed bed = threads("0", IDLE_ADAPTIVE);
	struct rig rig;

	create(&rig, &bed);
	exchange(&rig, 4000, 8);
	assert_true(node_control_send(rig.node, 0, &request));
	bed_destroy(&rig);
	assert_int_equal(shared_word_load(&request.done), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_pass_polling),
		cmocka_unit_test(packets_pass_adaptive),
		cmocka_unit_test(an_idle_node_sleeps_and_wakes),
		cmocka_unit_test(a_port_that_takes_nothing_costs_no_cpu),
		cmocka_unit_test(snapshots_change_under_running_workers),
		cmocka_unit_test(ports_are_added_while_workers_sleep),
		cmocka_unit_test(a_node_stops_while_traffic_flows),
		cmocka_unit_test(a_request_at_the_last_moment_comes_back),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
