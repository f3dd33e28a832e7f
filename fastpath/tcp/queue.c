// SPDX-License-Identifier: BSD-3-Clause
// Queues of connections, linked through their indices: no list can outgrow the connections.
#include "tcp/engine_impl.h"

void flush_add(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t index = engine_index(e, c);

	if (c->flags & TCP_IS_QUEUED)
		return;
	c->flags |= TCP_IS_QUEUED;
	c->flush_next = TCP_NONE;
	c->flush_previous = e->flush.last;
	if (e->flush.last == TCP_NONE)
		e->flush.first = index;
	else
		engine_at(e, e->flush.last)->flush_next = index;
	e->flush.last = index;
}

void flush_remove(struct tcp_engine *e, struct tcp_connection *c)
{
	if (!(c->flags & TCP_IS_QUEUED))
		return;
	if (c->flush_previous == TCP_NONE)
		e->flush.first = c->flush_next;
	else
		engine_at(e, c->flush_previous)->flush_next = c->flush_next;
	if (c->flush_next == TCP_NONE)
		e->flush.last = c->flush_previous;
	else
		engine_at(e, c->flush_next)->flush_previous = c->flush_previous;
	c->flags &= ~(uint32_t)TCP_IS_QUEUED;
}

struct tcp_connection *flush_take(struct tcp_engine *e)
{
	struct tcp_connection *c;

	if (e->flush.first == TCP_NONE)
		return NULL;
	c = engine_at(e, e->flush.first);
	flush_remove(e, c);
	return c;
}

void event_raise(struct tcp_engine *e, struct tcp_connection *c, uint16_t events)
{
	uint32_t index = engine_index(e, c);

	if (!(c->flags & TCP_IS_OWNED))
		return;
	c->events |= events;
	if (c->flags & TCP_HAS_EVENT)
		return;
	c->flags |= TCP_HAS_EVENT;
	c->event_next = TCP_NONE;
	c->event_previous = e->events.last;
	if (e->events.last == TCP_NONE)
		e->events.first = index;
	else
		engine_at(e, e->events.last)->event_next = index;
	e->events.last = index;
}

void event_remove(struct tcp_engine *e, struct tcp_connection *c)
{
	if (!(c->flags & TCP_HAS_EVENT))
		return;
	if (c->event_previous == TCP_NONE)
		e->events.first = c->event_next;
	else
		engine_at(e, c->event_previous)->event_next = c->event_next;
	if (c->event_next == TCP_NONE)
		e->events.last = c->event_previous;
	else
		engine_at(e, c->event_next)->event_previous = c->event_previous;
	c->flags &= ~(uint32_t)TCP_HAS_EVENT;
}

uint32_t tcp_events_take(struct tcp_engine *engine, struct tcp_event *out, uint32_t n)
{
	uint32_t count = 0;

	while (count < n && engine->events.first != TCP_NONE) {
		uint32_t index = engine->events.first;
		struct tcp_connection *c = engine_at(engine, index);

		event_remove(engine, c);
		out[count++] = (struct tcp_event){.connection = index,
			.events = c->events,
			.error = c->error,
			.context = c->context};
		c->events = 0;
	}
	return count;
}

bool tcp_event_next(const struct tcp_engine *engine, uint64_t *context)
{
	if (engine->events.first == TCP_NONE)
		return false;
	*context = tcp_context(engine, engine->events.first);
	return true;
}

static struct tcp_list *list_of(struct tcp_engine *e, const struct tcp_connection *c)
{
	return c->list == LIST_HELD ? held_list(e, c) : &e->lists[c->list];
}

void list_add(struct tcp_engine *e, struct tcp_connection *c, enum tcp_list_name name)
{
	struct tcp_list *list;
	uint32_t index = engine_index(e, c);

	list_remove(e, c);
	c->list = name;
	list = list_of(e, c);
	c->list_next = TCP_NONE;
	c->list_previous = list->newest;
	if (list->newest == TCP_NONE)
		list->oldest = index;
	else
		engine_at(e, list->newest)->list_next = index;
	list->newest = index;
	list->count++;
	if (name == LIST_HELD)
		held_added(e, c);
}

void list_remove(struct tcp_engine *e, struct tcp_connection *c)
{
	struct tcp_list *list;

	if (c->list == LIST_NONE)
		return;
	list = list_of(e, c);
	if (c->list_previous == TCP_NONE)
		list->oldest = c->list_next;
	else
		engine_at(e, c->list_previous)->list_next = c->list_next;
	if (c->list_next == TCP_NONE)
		list->newest = c->list_previous;
	else
		engine_at(e, c->list_next)->list_previous = c->list_previous;
	list->count--;
	if (c->list == LIST_HELD)
		held_removed(e, c);
	c->list = LIST_NONE;
}
