// SPDX-License-Identifier: BSD-3-Clause

// What management reads of a node, and what it sends to workers.

#include "http/record.h"
#include "pipeline/node_private.h"
#include "stream/relay.h"

#include <rte_mempool.h>
#include <rte_ring.h>

#include "pipeline/local.h"

usec_t node_now(const struct node *node)
{
	return clock_usec(&node->clock, clock_cycles());
}

uint16_t node_worker_count(const struct node *node)
{
	return node->config.worker_count;
}

const struct tcp_stats *node_tcp_stats(const struct node *node, uint16_t worker)
{
	return relay_tcp_stats(node->workers[worker].relay);
}

const struct http_stats *node_http_stats(const struct node *node, uint16_t worker)
{
	return relay_http_stats(node->workers[worker].relay);
}

const struct h2_stats *node_http2_stats(const struct node *node, uint16_t worker)
{
	return relay_h2_stats(node->workers[worker].relay);
}

const struct worker_stats *node_worker_stats(const struct node *node, uint16_t worker)
{
	return &node->stats[worker];
}

usec_t node_worker_heartbeat(const struct node *node, uint16_t worker)
{
	return counter_read(&node->workers[worker].heartbeat);
}

bool node_control_send(struct node *node, uint16_t worker, struct control_request *request)
{
	shared_word_store(&request->done, 0);
	if (rte_ring_sp_enqueue(node->workers[worker].control, request) != 0)
		return false;
	worker_wake(&node->workers[worker]);
	return true;
}

// Up to n records of `bytes` each from the workers' boxes of one kind.
static uint32_t boxes_take(
	struct node *node, unsigned int kind, void *out, uint32_t bytes, uint32_t n, uint64_t *lost)
{
	uint32_t taken = 0;

	*lost = 0;
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		struct outbox *box = &node->workers[i].boxes[kind];

		taken += rte_ring_sc_dequeue_burst_elem(
			box->ring, (uint8_t *)out + (size_t)taken * bytes, bytes, n - taken, NULL);
		*lost += counter_read(&box->lost);
	}
	return taken;
}

uint32_t node_events(struct node *node, struct worker_event *out, uint32_t n, uint64_t *lost)
{
	return boxes_take(node, BOX_EVENTS, out, sizeof(*out), n, lost);
}

uint32_t node_session_log(struct node *node, struct session_record *out, uint32_t n, uint64_t *lost)
{
	return boxes_take(node, BOX_SESSIONS, out, sizeof(*out), n, lost);
}

uint32_t node_access_log(struct node *node, struct http_record *out, uint32_t n, uint64_t *lost)
{
	return boxes_take(node, BOX_ACCESSES, out, sizeof(*out), n, lost);
}

void node_session_log_level(struct node *node, enum session_log_level level)
{
	for (uint16_t i = 0; i < node->config.worker_count; i++)
		counter_set(&node->workers[i].log_level, level);
}

static bool buffer_pool_status(const struct node *node, bool large, struct pool_status *out)
{
	const struct rte_mempool *pool = large ? node->pools.large : node->pools.small;

	snprintf(out->name, sizeof(out->name), "%s", pool->name);
	out->capacity = pool->size;
	out->used = rte_mempool_in_use_count(pool);
	out->high_water = out->used;
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		uint64_t seen = counter_read(&node->workers[i].buffers_high[large]);

		if (seen > out->high_water)
			out->high_water = seen;
	}
	return true;
}

// The index-th pool of one worker; counts down *index past those it has.
static bool worker_pool_status(const struct worker *w, uint32_t *index, struct pool_status *out)
{
	const char *name;
	uint32_t k = 0;

	for (; flow_engine_pool(w->flow, k, &name, &out->used, &out->capacity, &out->high_water);
		k++) {
		if (k == *index)
			goto found;
	}
	*index -= k;
	for (k = 0; local_pool(w->local, k, &name, &out->used, &out->capacity, &out->high_water);
		k++) {
		if (k == *index)
			goto found;
	}
	*index -= k;
	for (k = 0; relay_pool(w->relay, k, &name, &out->used, &out->capacity, &out->high_water);
		k++) {
		if (k == *index)
			goto found;
	}
	*index -= k;
	return false;
found:
	snprintf(out->name, sizeof(out->name), "%s.%u", name, w->index);
	return true;
}

bool node_pool_status(const struct node *node, uint32_t index, struct pool_status *out)
{
	if (index == 0)
		return buffer_pool_status(node, false, out);
	index--;
	if (node->pools.large) {
		if (index == 0)
			return buffer_pool_status(node, true, out);
		index--;
	}
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		if (worker_pool_status(&node->workers[i], &index, out))
			return true;
	}
	return false;
}

const char *node_neighbour_state_name(uint8_t state)
{
	switch ((enum neighbour_state)state) {
	case NEIGHBOUR_REACHABLE:
		return "reachable";
	case NEIGHBOUR_STALE:
		return "stale";
	case NEIGHBOUR_PROBE:
		return "probe";
	case NEIGHBOUR_FAILED:
		return "failed";
	default:
		return "incomplete";
	}
}

bool node_neighbour(const struct node *node, uint32_t *cursor, struct neighbour_record *out)
{
	usec_t now = node_now(node);

	for (; *cursor < NEIGHBOUR_MAX; (*cursor)++) {
		const struct neighbour *n = &node->neighbours.entries[*cursor];
		uint64_t answer = shared_word_load(&n->answer);
		enum neighbour_state state = neighbour_state_of(answer);

		if (state < NEIGHBOUR_INCOMPLETE)
			continue;
		out->address = n->address;
		out->netif = n->netif;
		out->state = (uint8_t)state;
		out->age = now > n->changed ? now - n->changed : 0;
		if (!neighbour_mac(&node->neighbours, neighbour_index(*cursor, answer), &out->mac))
			memset(&out->mac, 0, sizeof(out->mac));
		(*cursor)++;
		return true;
	}
	return false;
}

uint64_t node_listener_sessions(const struct node *node, uint16_t slot)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node->config.worker_count; i++)
		sum += counter_read(&node->stats[i].listeners[slot].sessions);
	return sum;
}

uint64_t node_target_sessions(const struct node *node, uint16_t slot)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node->config.worker_count; i++)
		sum += counter_read(&node->stats[i].targets[slot].sessions);
	return sum;
}

void node_drain(struct node *node)
{
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		shared_word_store(&node->workers[i].drain, 1);
		worker_wake(&node->workers[i]);
	}
}

uint64_t node_sessions(const struct node *node)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node->config.worker_count; i++)
		sum += counter_read(&node->stats[i].sessions);
	return sum;
}
