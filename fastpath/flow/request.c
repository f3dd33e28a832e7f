// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

// Sessions that are over are shown, but neither counted nor killed: unless their state is asked
// for.
static bool matches(const struct flow_engine *engine, uint32_t index,
	const struct control_request *request, usec_t now)
{
	const struct session_filter *f = &request->filter;
	const struct session *s = engine_session(engine, index);
	uint64_t id = (uint64_t)engine->config.worker << 56 | (uint64_t)s->generation << 32 | index;

	if (s->tracker.state == SESSION_FREE)
		return false;
	if (request->kind != CONTROL_LIST && f->state == SESSION_FREE &&
		(s->flags & SESSION_IS_LINGERING))
		return false;
	if ((f->listener != SLOT_NONE && f->listener != s->listener) ||
		(f->target != SLOT_NONE && f->target != s->target))
		return false;
	if ((f->state != 0 && f->state != s->tracker.state) ||
		(f->protocol != 0 && f->protocol != s->leg[0].key.protocol) ||
		(f->id != 0 && f->id != id))
		return false;
	if (f->older_than != 0 && now - s->opened < f->older_than)
		return false;
	return !f->by_client || ip_prefix_contains(&f->client, &s->leg[0].key.source);
}

static void act(struct flow_engine *engine, const struct snapshot *snapshot,
	struct control_request *request, uint32_t index, usec_t now)
{
	struct session_record *record;
	usec_t allowed;

	switch (request->kind) {
	case CONTROL_LIST:
		record = &request->records[request->count];
		session_describe(engine, index, SESSION_END_NONE, now, record);
		allowed = session_silence_allowed(engine_session(engine, index), snapshot);
		record->idle_timeout_s =
			allowed == UINT64_MAX ? 0 : (uint32_t)(allowed / USEC_PER_SECOND);
		break;
	case CONTROL_KILL:
		session_end(engine, index, request->why, now);
		break;
	default:
		break;
	}
	request->count++;
}

bool flow_engine_request(struct flow_engine *engine, const struct snapshot *snapshot,
	struct control_request *request, usec_t now, uint32_t budget)
{
	bool is_list = request->kind == CONTROL_LIST;

	nx_debug_on(request->kind != CONTROL_LIST && request->kind != CONTROL_COUNT &&
		    request->kind != CONTROL_KILL);
	// An id tells where its session is.
	if (request->filter.id != 0 && request->cursor < (uint32_t)request->filter.id)
		request->cursor = (uint32_t)request->filter.id;
	for (; request->cursor < engine->sessions.touched; request->cursor++) {
		if (is_list && request->count == request->limit) {
			request->more = true;
			return true;
		}
		if (budget-- == 0)
			return false;
		if (matches(engine, request->cursor, request, now))
			act(engine, snapshot, request, request->cursor, now);
		if (request->filter.id != 0)
			break;
	}
	request->more = false;
	return true;
}
