// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

static void slot_tell(struct flow_engine *engine, struct event_slot *slot, usec_t now)
{
	if (slot->event.count == 0)
		return;
	slot->event.time = now;
	engine->config.event(engine->config.context, &slot->event);
	slot->event.count = 0;
	slot->next = now + USEC_PER_SECOND;
}

// The slot of a kind and subject, else one whose event left more than a second ago. NULL when all
// where it may be are busy with others.
static struct event_slot *slot_find(struct flow_engine *engine, const struct worker_event *event)
{
	uint32_t at = event->kind * 31u + event->subject;
	struct event_slot *idle = NULL;

	for (uint32_t i = 0; i < EVENT_WAYS; i++) {
		struct event_slot *slot = &engine->events[(at + i) % EVENT_SLOTS];

		if (slot->event.kind == event->kind && slot->event.subject == event->subject)
			return slot;
		if (!idle && slot->event.count == 0 && event->time >= slot->next)
			idle = slot;
	}
	return idle;
}

void flow_engine_notice(struct flow_engine *engine, const struct worker_event *event)
{
	struct event_slot *slot = slot_find(engine, event);
	uint32_t count;

	// Drops and sessions are counted all the same.
	if (!slot)
		return;
	count = event->count + slot->event.count;
	slot->event = *event;
	slot->event.count = count;
	if (event->time >= slot->next)
		slot_tell(engine, slot, event->time);
}

void engine_notices_flush(struct flow_engine *engine, usec_t now)
{
	if (now - engine->events_flushed < USEC_PER_SECOND)
		return;
	engine->events_flushed = now;
	for (unsigned int i = 0; i < EVENT_SLOTS; i++)
		if (now >= engine->events[i].next)
			slot_tell(engine, &engine->events[i], now);
}
