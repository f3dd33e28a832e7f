// SPDX-License-Identifier: BSD-3-Clause

// Stage 1: bursts from this worker's queues and from the rings of other workers. Each burst is
// taken through all stages before the next one is received, so that it stays in the first-level
// cache.

#include "pipeline/worker.h"

#include "io/mbuf.h"
#include "pipeline/capture.h"
#include "pipeline/local.h"
#include "pipeline/stream.h"

void worker_run_vector(
	struct worker *w, struct buffer **buffers, uint32_t n, enum vector_origin origin)
{
	struct packet *packets = w->packets;

	w->origin = origin;
	w->vector++;
	stage_parse(w, buffers, packets, n);
	if (w->count > 1)
		stage_steer(w, packets, n);
	if (nx_unlikely(w->relay_is_active) && stage_stream_open(w, packets, n) == n)
		return;
	flow_engine_lookup_bulk(w->flow, packets, n);
	worker_charge(w, STAGE_LOOKUP, n);
	if (nx_unlikely(w->relay_is_active))
		stage_stream(w, packets, n);
	if (stage_forward(w, packets, n) > 0)
		stage_local(w, packets, n);
}

static void count_received(struct worker *w, const struct port *port, uint16_t n)
{
	uint16_t index = port->index;
	struct port_stats *stats = &w->stats->ports[index];
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct buffer *b = w->received[i];

		b->port = index;
		bytes += b->total_length;
		__builtin_prefetch(buffer_data(b));
	}
	counter_add(&stats->receive_packets, n);
	counter_add(&stats->receive_bytes, bytes);
}

static void receive_source(struct worker *w, const struct receive_source *source)
{
	uint16_t n = port_receive(source->port, source->queue, w->received, w->burst);

	if (n == 0)
		return;
	count_received(w, source->port, n);
	if (nx_unlikely(w->capture_count > 0))
		capture_burst(w, source->port->index, CAPTURE_RECEIVED, w->received, n);
	worker_charge(w, STAGE_RECEIVE, n);
	w->moved = true;
	worker_run_vector(w, w->received, n, VECTOR_RECEIVED);
}

// What a neighbour's owner is asked to resolve comes as a routed packet, ready but for its link
// header.
static void receive_handed(struct worker *w, struct rte_ring *ring)
{
	struct buffer *handed[MAX_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst(ring, (void **)handed, w->burst, NULL);
	uint32_t packets = 0;

	if (n == 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (handover_note(handed[i])->kind == HANDOVER_RESOLVE)
			local_resolve(w->local, handed[i]);
		else
			w->received[packets++] = handed[i];
	}
	worker_charge(w, STAGE_RECEIVE, n);
	w->moved = true;
	if (packets > 0)
		worker_run_vector(w, w->received, packets, VECTOR_HANDED);
}

static void receive_put_back(struct worker *w)
{
	for (;;) {
		uint32_t n = local_take_back(w->local, w->received, w->burst);

		if (n == 0)
			return;
		worker_charge(w, STAGE_LOCAL, n);
		worker_run_vector(w, w->received, n, VECTOR_PUT_BACK);
	}
}

void stage_receive(struct worker *w)
{
	for (uint16_t i = 0; i < w->source_count; i++)
		receive_source(w, &w->sources[i]);
	for (uint8_t from = 0; from < w->count; from++) {
		if (w->handover_in[from])
			receive_handed(w, w->handover_in[from]);
	}
	receive_put_back(w);
}
