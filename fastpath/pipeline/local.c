// SPDX-License-Identifier: BSD-3-Clause

// Stage 6, and the glue between the network layer of a worker (l3/l3.h) and its loop.

#include "pipeline/local.h"

#include "l3/fragment.h"
#include "l3/l3.h"
#include "pipeline/node_private.h"

enum {
	PUT_BACK_MAX = 2 * MAX_BURST,
	REASSEMBLY_SHARE = 8, // incomplete datagrams may hold one in so many buffers
};

struct local {
	struct worker *worker;
	struct l3 *l3;
	uint32_t count;
	struct buffer *put_back[PUT_BACK_MAX];
	bool was_up[MAX_PORTS];
};

static const struct port *port_of(void *context, uint16_t index)
{
	const struct local *local = context;
	const struct port_map *map = local->worker->ports;

	return index < map->port_count ? map->ports[index] : NULL;
}

static bool owns_port(void *context, uint16_t index)
{
	const struct local *local = context;

	return index < local->worker->ports->port_count &&
	       local->worker->ports->owner[index] == local->worker->index;
}

static void send_frame(void *context, uint16_t port, struct buffer *frame)
{
	struct local *local = context;

	frame->offload = 0;
	worker_send_frame(local->worker, port, frame);
}

static void send_resolved(void *context, uint32_t neighbour, struct buffer *b)
{
	const struct handover_note *note = handover_note(b);
	struct local *local = context;
	struct packet p = {
		.buffer = b,
		.data = buffer_data(b),
		.length = note->length,
		.neighbour = neighbour,
		.l3 = note->l3,
		.l4 = note->l4,
		.payload = note->payload,
		.segment_size = note->segment_size,
		.egress = note->egress,
		.flags = note->flags,
		.ip_protocol = note->ip_protocol,
		.kind = note->kind_of_packet,
	};

	worker_send(local->worker, &p);
}

static void send_again(void *context, struct buffer *b, uint16_t largest)
{
	struct local *local = context;

	*handover_note(b) = (struct handover_note){.largest = largest, .is_ours = largest == 0};
	if (local->count == PUT_BACK_MAX)
		worker_drop_buffer(local->worker, b, DROP_NO_BUFFER);
	else
		local->put_back[local->count++] = b;
}

static void put_event(void *context, const struct worker_event *event)
{
	struct local *local = context;

	worker_event(local->worker, event);
}

int local_create(struct worker *w, struct local **out)
{
	struct local *local = calloc(1, sizeof(*local));

	if (!local)
		return -ENOMEM;
	struct l3_config config = {
		.worker = w->index,
		.seed = w->node->seed,
		.neighbours = &w->node->neighbours,
		.stats = w->stats,
		.buffers = w->buffers,
		.reassembly_buffers = w->node->small_buffers / REASSEMBLY_SHARE / w->count,
		.ports = {.context = local, .port = port_of, .owns = owns_port},
		.context = local,
		.frame = send_frame,
		.resolved = send_resolved,
		.again = send_again,
		.event = put_event,
	};
	int status = l3_create(&config, &local->l3);

	if (status != 0) {
		free(local);
		return status;
	}
	local->worker = w;
	*out = local;
	return 0;
}

void local_destroy(struct local *local)
{
	for (uint32_t i = 0; i < local->count; i++)
		local->worker->buffers->put(local->worker->buffers, local->put_back[i]);
	l3_destroy(local->l3);
	free(local);
}

void stage_local(struct worker *w, struct packet *packets, uint32_t n)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!packets[i].buffer)
			continue;
		seen++;
		l3_input(w->local->l3, w->snapshot, &packets[i], w->now);
		packets[i].buffer = NULL;
	}
	if (seen > 0)
		worker_charge(w, STAGE_LOCAL, seen);
}

void local_refuse(struct local *local, struct packet *p, enum local_refusal refusal)
{
	struct worker *w = local->worker;
	enum l3_refusal why = refusal == LOCAL_TOO_BIG ? L3_REFUSE_TOO_BIG : L3_REFUSE_HOP_LIMIT;
	uint32_t mtu = refusal == LOCAL_TOO_BIG ? w->snapshot->netifs[p->egress].mtu : 0;

	l3_refuse(local->l3, w->snapshot, p, why, mtu, w->now);
	p->buffer = NULL;
}

void local_reset(struct local *local, const struct flow_reset *reset)
{
	struct worker *w = local->worker;

	l3_reset(local->l3, w->snapshot, reset, w->now);
}

void local_resolve(struct local *local, struct buffer *b)
{
	const struct handover_note *note = handover_note(b);
	struct worker *w = local->worker;

	// Who handed it over may have seen the first snapshot before this worker did.
	if (nx_unlikely(!w->snapshot)) {
		worker_drop_buffer(w, b, DROP_NEIGHBOUR_UNRESOLVED);
		return;
	}
	l3_wait(local->l3, w->snapshot, note->egress, note->neighbour, note->l3, b, w->now);
}

void local_fragment(struct local *local, uint16_t port, struct packet *p, uint32_t mtu)
{
	l3_send_or_fragment(local->l3, port, p->buffer, p->l3, mtu);
	p->buffer = NULL;
}

uint32_t local_take_back(struct local *local, struct buffer **out, uint32_t n)
{
	uint32_t taken = u32_min(n, local->count);

	memcpy(out, local->put_back, taken * sizeof(*out));
	local->count -= taken;
	memmove(local->put_back, local->put_back + taken, local->count * sizeof(*out));
	return taken;
}

// A port whose link came up has to make itself known again.
static void follow_ports(struct local *local, usec_t now)
{
	struct worker *w = local->worker;

	for (uint16_t i = 0; i < w->ports->port_count; i++) {
		bool up = shared_word_load(&w->ports->ports[i]->up);

		if (up && !local->was_up[i] && w->ports->owner[i] == w->index)
			l3_port_up(local->l3, w->snapshot, i, now);
		local->was_up[i] = up;
	}
}

uint32_t local_tick(struct local *local, usec_t now)
{
	if (!local->worker->snapshot)
		return 0;
	follow_ports(local, now);
	return l3_tick(local->l3, local->worker->snapshot, now);
}

usec_t local_next_timer(const struct local *local)
{
	return l3_next(local->l3);
}

bool local_pool(const struct local *local, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water)
{
	return l3_pool(local->l3, index, name, used, capacity, high_water);
}
