// SPDX-License-Identifier: BSD-3-Clause

#include "pipeline/emulation.h"

#include "io/offload/complete.h"

enum {
	MAX_PIECES = 256, // segments that one frame may become: 64 KiB in 256 bytes each
	BURSTS_A_TURN = 4
};

static bool is_empty(const struct emulation *e)
{
	return e->unsent_count == 0 && shape_link_next(e->link) == UINT64_MAX;
}

// Takes over what the current snapshot asks for.
static void follow(struct worker *w, struct emulation *e)
{
	static const struct shape_config nothing = {0};
	const struct shape_config *wanted = &nothing;

	if (nx_likely(!w->snapshot || w->snapshot->generation == e->generation))
		return;
	e->generation = w->snapshot->generation;
	if (w->snapshot->emulate)
		wanted = &w->snapshot->emulate[e->port->index];
	e->is_asked_for = shape_config_is_active(wanted);
	shape_link_change(e->link, wanted);
}

static void enter(struct worker *w, struct emulation *e, struct buffer *frame)
{
	static const enum drop_reason reasons[] = {
		[SHAPE_LOST] = DROP_EMULATED_LOSS,
		[SHAPE_QUEUE_FULL] = DROP_EMULATED_QUEUE,
		[SHAPE_NO_ROOM] = DROP_EMULATED_LIMIT,
		[SHAPE_TOO_BIG] = DROP_IP_TOO_BIG,
	};
	struct buffer *pieces[MAX_PIECES];
	enum drop_reason reason = DROP_NO_BUFFER;
	uint16_t n = offload_complete(frame, w->buffers, pieces, MAX_PIECES, &reason);

	if (n == 0)
		worker_drop_buffer(w, frame, reason);
	for (uint16_t i = 0; i < n; i++) {
		enum shape_verdict verdict = shape_link_send(e->link, pieces[i], w->now);

		if (verdict != SHAPE_SENT)
			worker_drop_buffer(w, pieces[i], reasons[verdict]);
	}
}

// Sends what waits for the port; false when the port did not take all of it.
static bool send_unsent(struct worker *w, struct emulation *e)
{
	struct port_stats *stats = &w->stats->ports[e->port->index];
	uint64_t bytes = 0;
	uint16_t sent;

	for (uint16_t i = 0; i < e->unsent_count; i++)
		bytes += e->unsent[i]->total_length;
	sent = port_transmit(e->port, 0, e->unsent, e->unsent_count);
	for (uint16_t i = sent; i < e->unsent_count; i++)
		bytes -= e->unsent[i]->total_length;
	e->unsent_count = (uint16_t)(e->unsent_count - sent);
	memmove(e->unsent, e->unsent + sent, e->unsent_count * sizeof(e->unsent[0]));
	counter_add(&stats->transmit_packets, sent);
	counter_add(&stats->transmit_bytes, bytes);
	w->moved |= sent > 0;
	return e->unsent_count == 0;
}

static void leave(struct worker *w, struct emulation *e)
{
	for (unsigned int i = 0; i < BURSTS_A_TURN; i++) {
		uint32_t room = (uint32_t)(MAX_BURST - e->unsent_count);

		e->unsent_count = (uint16_t)(e->unsent_count + shape_link_receive(e->link,
								       e->unsent + e->unsent_count,
								       room, w->now));
		if (e->unsent_count == 0 || !send_unsent(w, e))
			return;
	}
}

bool emulation_send(struct worker *w, struct transmit_queue *t)
{
	struct emulation *e = t->emulation;

	follow(w, e);
	if (!e->is_asked_for && is_empty(e))
		return false;
	for (uint16_t i = 0; i < t->count; i++)
		enter(w, e, t->frames[i]);
	t->count = 0;
	t->bytes = 0;
	leave(w, e);
	return true;
}

void emulation_run(struct worker *w)
{
	for (uint16_t i = 0; i < w->emulation_count; i++) {
		follow(w, w->emulations[i]);
		leave(w, w->emulations[i]);
	}
}

usec_t emulation_next(const struct worker *w)
{
	usec_t next = UINT64_MAX;

	for (uint16_t i = 0; i < w->emulation_count; i++) {
		const struct emulation *e = w->emulations[i];

		next = e->unsent_count > 0 ? 0 : u64_min(next, shape_link_next(e->link));
		if (next == 0)
			break;
	}
	return next;
}
