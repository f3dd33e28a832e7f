// SPDX-License-Identifier: BSD-3-Clause

// What a worker does when a turn moved nothing. `poll` goes on at once. `adaptive` spins where that
// is worth it (spin.h), then blocks on the ports' wake-up descriptors and its own eventfd where all
// ports have one, else sleeps in steps that grow. It is offline for RCU while it sleeps and never
// sleeps past its next timer.

#include "pipeline/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include "pipeline/emulation.h"
#include "pipeline/local.h"
#include "pipeline/node_private.h"
#include "stream/relay.h"

enum {
	WARY_SLEEPS = 8,           // short sleeps after a wake-up for nothing
	BLOCK_LONGEST_US = 100000, // the heartbeat stays fresh
	WAIT_STEP_US = 1000,       // of epoll_wait
};

static usec_t next_timer(struct worker *w)
{
	usec_t flow = flow_engine_next_timer(w->flow);
	usec_t local = local_next_timer(w->local);

	usec_t relay = relay_next_timer(w->relay);

	return u64_min(u64_min(flow, relay), u64_min(local, emulation_next(w)));
}

static bool has_waiting_work(const struct worker *w)
{
	for (uint8_t from = 0; from < w->count; from++) {
		if (w->handover_in[from] && !rte_ring_empty(w->handover_in[from]))
			return true;
	}
	for (uint16_t i = 0; i < w->inlet_count; i++) {
		if (!rte_ring_empty(w->inlets[i].ring))
			return true;
	}
	return !rte_ring_empty(w->control) || w->request || relay_has_work(w->relay) ||
	       shared_word_load(&w->node->map_serial) != w->laid_out ||
	       counter_read(&w->log_level) != w->log_level_set || shared_word_load(&w->stop) ||
	       shared_word_load(&w->drain) != w->draining;
}

// Frames that a port did not take: it tells nobody when it would.
static bool has_unsent_frames(const struct worker *w)
{
	for (uint16_t i = 0; i < w->port_count; i++) {
		if (w->transmit[i].count > 0)
			return true;
	}
	return false;
}

// Asks every port for a wake-up; true if frames are there already.
static bool have_frames_come(struct worker *w)
{
	for (uint16_t i = 0; i < w->source_count; i++) {
		struct port *port = w->sources[i].port;

		if (port->ops->arm && port->ops->arm(port, w->sources[i].queue))
			return true;
	}
	return false;
}

static struct timespec timespec_of(usec_t us)
{
	return (struct timespec){.tv_sec = (time_t)(us / USEC_PER_SECOND),
		.tv_nsec = (long)(us % USEC_PER_SECOND * 1000)};
}

// What the thread has had of a CPU.
static usec_t cpu_time(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
		return 0;
	return (usec_t)t.tv_sec * USEC_PER_SECOND + (usec_t)t.tv_nsec / 1000;
}

static void sleep_short(struct worker *w, usec_t until_timer)
{
	struct timespec t = timespec_of(u64_min(nap_next(&w->nap), until_timer));

	nanosleep(&t, NULL);
	if (nap_over(&w->nap))
		nap_judge(&w->nap, clock_usec(&w->clock, clock_cycles()), cpu_time());
}

static void drain_eventfd(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) < 0)
		return; // nothing was signalled
}

// Kernels before 5.11 have no epoll_pwait2, and a sandbox may refuse it: those wait by
// milliseconds.
static int events_await(struct worker *w, struct epoll_event *events, int count, usec_t us)
{
	struct timespec timeout = timespec_of(us);

	if (!w->waits_by_ms) {
		int n = epoll_pwait2(w->epoll_fd, events, count, &timeout, NULL);

		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		w->waits_by_ms = true;
	}
	return epoll_wait(w->epoll_fd, events, count, (int)(us / WAIT_STEP_US));
}

static void block(struct worker *w, usec_t until_timer)
{
	usec_t longest = u64_min(until_timer, BLOCK_LONGEST_US);
	struct epoll_event events[16];

	shared_word_store(&w->asleep, 1);
	shared_fence();
	if (!has_waiting_work(w) && !have_frames_come(w)) {
		int n = events_await(w, events, nx_array_size(events), longest);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == w->wake_fd)
				drain_eventfd(w->wake_fd);
		}
		// If this was for nothing (a descriptor that stays ready, its device gone), short
		// sleeps come before the next wait.
		if (n != 0)
			w->wary = WARY_SLEEPS;
	}
	shared_word_store(&w->asleep, 0);
}

static void sleep_somehow(struct worker *w, usec_t until_timer)
{
	bool is_short = w->waits_by_ms && until_timer < WAIT_STEP_US;

	if (w->can_block && w->wary == 0 && !is_short && !has_unsent_frames(w)) {
		block(w, until_timer);
		return;
	}
	if (w->wary > 0)
		w->wary--;
	sleep_short(w, until_timer);
}

void worker_idle(struct worker *w)
{
	if (w->node->config.idle == IDLE_POLL || spin_goes_on(&w->spin, w->now)) {
		__builtin_ia32_pause();
		return;
	}
	usec_t now = clock_usec(&w->clock, clock_cycles());
	usec_t due = next_timer(w);
	usec_t until_timer = due == UINT64_MAX ? UINT64_MAX : due > now ? due - now : 0;

	if (until_timer == 0 || has_waiting_work(w))
		return;
	uint64_t start = clock_cycles();

	counter_set(&w->heartbeat, now);
	rte_rcu_qsbr_thread_offline(w->node->rcu, w->index);
	sleep_somehow(w, until_timer);
	rte_rcu_qsbr_thread_online(w->node->rcu, w->index);
	// Turns are few between sleeps: each has its housekeeping.
	w->turns = 0;
	counter_add(&w->stats->sleeps, 1);
	counter_add(&w->stats->sleep_cycles, clock_cycles() - start);
}

void worker_work_came(struct worker *w)
{
	spin_end(&w->spin, w->now);
	nap_end(&w->nap);
	w->wary = 0;
}

void worker_wake(struct worker *w)
{
	uint64_t one = 1;

	shared_fence();
	if (!shared_word_load(&w->asleep))
		return;
	if (write(w->wake_fd, &one, sizeof(one)) < 0)
		return; // the counter is full: the worker is being woken already
}
