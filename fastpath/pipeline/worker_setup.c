// SPDX-License-Identifier: BSD-3-Clause

// A worker's engines, rings and descriptors: made before it runs, given back after it stopped.

#include "http/record.h"
#include "pipeline/node_private.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_ring.h>

#include "io/pools.h"
#include "pipeline/local.h"
#include "pipeline/stream.h"
#include "stream/relay.h"

static uint32_t neighbour_of(void *context, uint16_t netif, const struct ip_address *next_hop)
{
	struct worker *w = context;

	return neighbour_get(&w->node->neighbours, netif, next_hop);
}

static void send_reset(void *context, const struct flow_reset *reset)
{
	struct worker *w = context;

	local_reset(w->local, reset);
}

static void put_event(void *context, const struct worker_event *event)
{
	worker_event(context, event);
}

struct rte_ring *worker_ring_create(unsigned int entry_bytes, unsigned int entries)
{
	ssize_t bytes = rte_ring_get_memsize_elem(entry_bytes, entries);
	struct rte_ring *ring = bytes > 0 ? aligned_alloc(CACHE_LINE, (size_t)bytes) : NULL;

	// The sizes are our own, powers of two: nothing to refuse.
	nx_bug_on(ring &&
		  rte_ring_init(ring, "nexpath", entries, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0);
	return ring;
}

static int create_rings(struct worker *w)
{
	w->control = worker_ring_create(sizeof(void *), CONTROL_RING);
	w->boxes[BOX_EVENTS].ring = worker_ring_create(sizeof(struct worker_event), EVENT_RING);
	w->boxes[BOX_SESSIONS].ring =
		worker_ring_create(sizeof(struct session_record), SESSION_LOG_RING);
	w->boxes[BOX_ACCESSES].ring =
		worker_ring_create(sizeof(struct http_record), ACCESS_LOG_RING);
	if (!w->control || !w->boxes[BOX_EVENTS].ring || !w->boxes[BOX_SESSIONS].ring ||
		!w->boxes[BOX_ACCESSES].ring)
		return -ENOMEM;
	// Each worker makes the rings that others write to and gives them their end.
	for (uint8_t from = 0; from < w->count; from++) {
		if (from == w->index)
			continue;
		w->handover_in[from] = worker_ring_create(sizeof(void *), HANDOVER_RING);
		if (!w->handover_in[from])
			return -ENOMEM;
		w->node->workers[from].handover_out[w->index] = w->handover_in[from];
	}
	return 0;
}

static int create_wake(struct worker *w)
{
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->epoll_fd < 0 || w->wake_fd < 0 ? -errno : 0;
}

// Half of the memory holds sessions, 256 bytes each with their table entries.
static uint32_t session_capacity(const struct node_config *config)
{
	uint64_t wanted = config->sessions ? config->sessions
					   : (uint64_t)config->memory_mb * 1024 * 1024 / 2 / 256;
	uint64_t each = (wanted + config->worker_count - 1) / config->worker_count;

	return (uint32_t)(each < 64 ? 64 : each);
}

static bool is_used(void *context, const struct flow_key *key)
{
	struct worker *w = context;

	return relay_uses(w->relay, key, w->now);
}

static int create_engine(struct worker *w)
{
	const struct node_config *config = &w->node->config;
	struct flow_engine_config engine = {
		.worker = w->index,
		.worker_count = w->count,
		.sessions = session_capacity(config),
		.huge = config->huge,
		.seed = w->node->seed,
		.stats = w->stats,
		.context = w,
		.neighbour = neighbour_of,
		.reset = send_reset,
		.event = put_event,
		.is_used = is_used,
		.log = worker_session_log,
	};

	return flow_engine_create(&engine, &w->flow);
}

int worker_init(struct worker *w, struct node *node, uint8_t index, char *error, size_t error_size)
{
	w->node = node;
	w->index = index;
	w->count = (uint8_t)node->config.worker_count;
	w->burst = node->config.burst;
	w->cpu = node->config.cpus[index];
	w->clock = node->clock;
	w->stats = &node->stats[index];
	w->buffers = &node->buffers.source;
	int status = create_rings(w);

	if (status == 0)
		status = create_wake(w);
	if (status == 0)
		status = create_engine(w);
	if (status == 0)
		status = local_create(w, &w->local);
	if (status == 0)
		status = stream_create(w, &w->relay);
	if (status != 0)
		snprintf(error, error_size,
			"worker %u: %s; %u sessions wanted, lower "
			"workers.sessions or workers.memory_mb",
			index, strerror(-status), session_capacity(&node->config));
	return status;
}

static void drop_ring(struct worker *w, struct rte_ring *ring)
{
	void *b;

	while (ring && rte_ring_sc_dequeue(ring, &b) == 0)
		w->buffers->put(w->buffers, b);
}

static void drop_waiting_frames(struct worker *w)
{
	for (uint16_t i = 0; i < MAX_PORTS; i++) {
		struct transmit_queue *t = &w->transmit[i];

		for (uint16_t k = 0; k < t->count; k++)
			w->buffers->put(w->buffers, t->frames[k]);
		t->count = 0;
	}
	for (uint16_t i = 0; i < w->inlet_count; i++)
		drop_ring(w, w->inlets[i].ring);
	for (uint8_t from = 0; from < w->count; from++)
		drop_ring(w, w->handover_in[from]);
}

// Nobody works on requests any more: what was not finished goes back as it is, with more to come.
static void return_requests(struct worker *w)
{
	void *next;

	if (w->request) {
		w->request->more = true;
		shared_word_store(&w->request->done, 1);
		w->request = NULL;
	}
	while (rte_ring_sc_dequeue(w->control, &next) == 0) {
		struct control_request *request = next;

		request->count = 0;
		request->more = true;
		shared_word_store(&request->done, 1);
	}
}

void worker_end(struct worker *w)
{
	if (!w->flow)
		return;
	return_requests(w);
	w->capture_count = 0;
	worker_take_configuration(w);
	if (!w->node->config.manual)
		w->now = node_now(w->node);
	if (w->snapshot && w->relay)
		relay_end_all(w->relay, w->snapshot, w->now);
	if (w->snapshot)
		flow_engine_end_all(w->flow, w->snapshot, w->now);
	stage_transmit(w);
}

uint32_t worker_fini(struct worker *w)
{
	uint32_t left = w->relay ? relay_destroy(w->relay) : 0;

	left += w->flow ? flow_engine_destroy(w->flow) : 0;

	if (w->local)
		local_destroy(w->local);
	if (w->buffers)
		drop_waiting_frames(w);
	for (uint8_t from = 0; from < w->count; from++)
		free(w->handover_in[from]);
	free(w->control);
	for (unsigned int i = 0; i < BOX_COUNT; i++)
		free(w->boxes[i].ring);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	return left;
}
