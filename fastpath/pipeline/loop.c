// SPDX-License-Identifier: BSD-3-Clause

// The worker's loop: one turn, and the thread that makes turns until it is told to stop.

#include "pipeline/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "pipeline/local.h"
#include "pipeline/node_private.h"
#include "pipeline/stream.h"
#include "stream/relay.h"

void worker_take_configuration(struct worker *w)
{
	w->snapshot = shared_pointer_load(&w->node->snapshot);
	w->ports = shared_pointer_load(&w->node->port_map);
	w->relay_is_active = w->snapshot && relay_is_active(w->relay, w->snapshot);
	// By serial: a new map may lie where one lay that is gone.
	if (nx_unlikely(w->ports->serial != w->laid_out)) {
		worker_layout(w);
		w->laid_out = w->ports->serial;
	}
}

static void run_timers(struct worker *w)
{
	uint32_t ran = flow_engine_tick(w->flow, w->snapshot, w->now, TIMER_BUDGET);

	ran += local_tick(w->local, w->now);
	if (ran > 0) {
		worker_charge(w, STAGE_TIMERS, ran);
		w->moved = true;
	}
}

// What is out and back between two looks goes unseen: a look at every packet would cost more than
// it tells.
static void buffers_note(struct worker *w)
{
	uint32_t scarcest = 0;
	const struct node *node = w->node;
	const struct rte_mempool *pools[] = {node->pools.small, node->pools.large};
	unsigned lcores[MAX_WORKERS];
	uint32_t n = 0;

	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		uint64_t lcore = counter_read(&node->workers[i].lcore);

		if (lcore != 0)
			lcores[n++] = (unsigned)lcore;
	}
	for (size_t i = 0; i < nx_array_size(pools) && pools[i]; i++) {
		uint32_t used = pool_used_by(pools[i], lcores, n);

		if (used > counter_read(&w->buffers_high[i]))
			counter_set(&w->buffers_high[i], used);
		scarcest = u32_max(scarcest, (uint32_t)(used * UINT64_C(100) / pools[i]->size));
	}
	stream_pressure(w, scarcest);
}

// Relaxed duties that need no attention in most turns.
static void housekeeping(struct worker *w)
{
	uint64_t level = counter_read(&w->log_level);

	if (level != w->log_level_set) {
		w->log_level_set = (uint8_t)level;
		flow_engine_log(w->flow, (uint8_t)level);
		relay_log(w->relay, (uint8_t)level);
	}
	if (!w->draining && shared_word_load(&w->drain)) {
		w->draining = true;
		flow_engine_drain(w->flow);
		relay_drain(w->relay);
	}
	counter_set(&w->heartbeat, w->now);
	buffers_note(w);
	rte_rcu_qsbr_quiescent(w->node->rcu, w->index);
	worker_charge(w, STAGE_HOUSEKEEPING, 1);
}

static void wake_receivers(struct worker *w)
{
	while (w->wake_mask) {
		int to = __builtin_ctzll(w->wake_mask);

		w->wake_mask &= w->wake_mask - 1;
		worker_wake(&w->node->workers[to]);
	}
}

uint32_t worker_turn(struct worker *w, usec_t now)
{
	uint64_t start = clock_cycles();

	w->mark = start;
	w->now = now;
	w->moved = false;
	w->vector++;
	worker_take_configuration(w);
	stage_receive(w);
	run_timers(w);
	if (nx_unlikely(w->relay_is_active))
		stream_turn(w);
	stage_messages(w);
	stage_transmit(w);
	if (w->wake_mask)
		wake_receivers(w);
	counter_add(&w->stats->turns, 1);
	if (w->turns++ % HOUSEKEEPING_TURNS == 0)
		housekeeping(w);
	uint64_t spent = clock_cycles() - start;

	counter_add(w->moved ? &w->stats->busy_cycles : &w->stats->idle_cycles, spent);
	return w->moved;
}

static void pin(const struct worker *w)
{
	cpu_set_t set;

	if (w->cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)w->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

void *worker_main(void *argument)
{
	struct worker *w = argument;
	char name[16];

	snprintf(name, sizeof(name), "nx-worker-%u", w->index);
	pthread_setname_np(pthread_self(), name);
	pin(w);
	// Sleeps of 50 us must not become 100: the default slack is as long as the sleep.
	prctl(PR_SET_TIMERSLACK, 1UL);
	// An lcore id gives this thread its own cache in front of the buffer pools; DPDK has 128 of
	// them, and without one the pools are slower.
	bool has_lcore = rte_thread_register() == 0;

	counter_set(&w->lcore, has_lcore ? rte_lcore_id() : 0);

	rte_rcu_qsbr_thread_register(w->node->rcu, w->index);
	rte_rcu_qsbr_thread_online(w->node->rcu, w->index);
	while (!shared_word_load(&w->stop)) {
		worker_turn(w, clock_usec(&w->clock, clock_cycles()));
		if (w->moved)
			worker_work_came(w);
		else
			worker_idle(w);
	}
	rte_rcu_qsbr_thread_offline(w->node->rcu, w->index);
	rte_rcu_qsbr_thread_unregister(w->node->rcu, w->index);
	if (has_lcore)
		rte_thread_unregister();
	return NULL;
}
