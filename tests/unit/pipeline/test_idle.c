// SPDX-License-Identifier: BSD-3-Clause

// How an idle worker sleeps where the system lacks what it would use, and where a port is slow.

#include "bed.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "pipeline/node_private.h"
#include "pipeline/worker.h"

int __wrap_epoll_pwait2(int fd, struct epoll_event *events, int count,
	const struct timespec *timeout, const sigset_t *mask);

static int refusal;

int __wrap_epoll_pwait2(int fd, struct epoll_event *events, int count,
	const struct timespec *timeout, const sigset_t *mask)
{
	(void)fd, (void)events, (void)count, (void)timeout, (void)mask;
	errno = refusal;
	return -1;
}

// A tenth of a second each, not a few microseconds.
static void sleeps_are_long(int error)
{
	struct bed bed = {.cpus = "0", .options = {.threads = true, .idle = IDLE_ADAPTIVE}};
	const counter_t *sleeps;
	struct rig rig;
	uint64_t before;

	refusal = error;
	bed_create(&rig, &bed);
	sleeps = &node_worker_stats(rig.node, 0)->sleeps;
	usleep(200000);
	before = counter_read(sleeps);
	usleep(500000);
	assert_in_range(counter_read(sleeps) - before, 1, 100);
	bed_destroy(&rig);
}

static void an_old_kernel_has_long_sleeps(void **state)
{
	sleeps_are_long(ENOSYS);
}

static void a_sandbox_has_long_sleeps(void **state)
{
	sleeps_are_long(EPERM);
}

static void fill(struct rig *rig, struct worker *w)
{
	for (uint16_t i = 0; w->transmit[WAN].count == 0; i++) {
		struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", LISTENER_UDP);

		assert_int_not_equal(i, UINT16_MAX);
		assert_true(rig_send(rig, LAN, &f));
		node_turn(rig->node, 0, rig->now);
	}
}

// What a port left is tried again after a short sleep once it takes some.
static void a_port_that_takes_frames_again_shortens_the_sleeps(void **state)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	struct bed bed = {.cpus = "0"};
	struct worker *w;
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", LISTENER_UDP);

	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	w = &rig.node->workers[0];
	fill(&rig, w);
	w->nap.count = 7;
	node_turn(rig.node, 0, rig.now);
	assert_int_equal(w->nap.count, 7);
	assert_int_not_equal(rig_receive(&rig, WAN, bytes), 0);
	node_turn(rig.node, 0, rig.now);
	assert_false(w->moved);
	assert_int_equal(w->nap.count, 0);
	while (rig_receive(&rig, WAN, bytes) != 0)
		continue;
	bed_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_kernel_has_long_sleeps),
		cmocka_unit_test(a_sandbox_has_long_sleeps),
		cmocka_unit_test(a_port_that_takes_frames_again_shortens_the_sleeps),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
