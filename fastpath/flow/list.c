// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

void session_list_append(struct flow_engine *engine, struct session_list *list, uint32_t index)
{
	struct session *s = engine_session(engine, index);

	s->link = (struct session_link){.older = list->newest, .newer = SESSION_INDEX_NONE};
	if (list->newest != SESSION_INDEX_NONE)
		engine_session(engine, list->newest)->link.newer = index;
	else
		list->oldest = index;
	list->newest = index;
	list->count++;
}

void session_list_remove(struct flow_engine *engine, struct session_list *list, uint32_t index)
{
	struct session_link link = engine_session(engine, index)->link;

	if (link.older != SESSION_INDEX_NONE)
		engine_session(engine, link.older)->link.newer = link.newer;
	else
		list->oldest = link.newer;
	if (link.newer != SESSION_INDEX_NONE)
		engine_session(engine, link.newer)->link.older = link.older;
	else
		list->newest = link.older;
	list->count--;
}

void pool_list_append(struct flow_engine *engine, struct port_list *list, uint32_t index)
{
	struct session_link *link = &engine_session(engine, index)->leg[1].pool;

	*link = (struct session_link){.older = list->newest, .newer = SESSION_INDEX_NONE};
	if (list->newest != SESSION_INDEX_NONE)
		engine_session(engine, list->newest)->leg[1].pool.newer = index;
	else
		list->oldest = index;
	list->newest = index;
	list->count++;
}

void pool_list_remove(struct flow_engine *engine, struct port_list *list, uint32_t index)
{
	struct session_link link = engine_session(engine, index)->leg[1].pool;

	if (link.older != SESSION_INDEX_NONE)
		engine_session(engine, link.older)->leg[1].pool.newer = link.newer;
	else
		list->oldest = link.newer;
	if (link.newer != SESSION_INDEX_NONE)
		engine_session(engine, link.newer)->leg[1].pool.older = link.older;
	else
		list->newest = link.older;
	list->count--;
}
