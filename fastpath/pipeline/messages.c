// SPDX-License-Identifier: BSD-3-Clause

// The control thread's requests: one at a time, a bounded share of each turn.

#include "http/record.h"
#include "pipeline/worker.h"

#include <rte_ring.h>

#include "pipeline/capture.h"
#include "pipeline/node_private.h"
#include "stream/relay.h"

static void start_capture(struct worker *w, struct control_request *request)
{
	request->count = w->capture_count < MAX_CAPTURES;
	if (request->count)
		w->captures[w->capture_count++] = request->capture;
}

static void stop_capture(struct worker *w, const struct control_request *request)
{
	for (uint16_t i = 0; i < w->capture_count; i++) {
		if (w->captures[i] != request->capture)
			continue;
		w->captures[i] = w->captures[--w->capture_count];
		return;
	}
}

// Forwarded sessions first, then relayed ones.
static bool work_on_sessions(struct worker *w, struct control_request *request)
{
	const uint32_t relayed = (uint32_t)RELAY_INDEX_BIT;

	if (request->cursor < relayed) {
		if (!flow_engine_request(w->flow, w->snapshot, request, w->now, REQUEST_BUDGET))
			return false;
		if (request->more)
			return true;
		request->cursor = relayed;
	}
	return relay_request(w->relay, w->snapshot, request, w->now, REQUEST_BUDGET);
}

// True when the request is finished.
static bool work_on(struct worker *w, struct control_request *request)
{
	switch (request->kind) {
	case CONTROL_LIST:
	case CONTROL_COUNT:
	case CONTROL_KILL:
		return work_on_sessions(w, request);
	case CONTROL_CAPTURE:
		start_capture(w, request);
		return true;
	case CONTROL_CAPTURE_STOP:
		stop_capture(w, request);
		return true;
	case CONTROL_PROBE:
		request->count = relay_probe_begin(w->relay, w->snapshot, request, w->now);
		return true;
	}
	return true;
}

void stage_messages(struct worker *w)
{
	if (!w->request) {
		void *next;

		if (nx_likely(rte_ring_sc_dequeue(w->control, &next) != 0))
			return;
		w->request = next;
	}
	struct control_request *request = w->request;

	w->moved = true;
	if (work_on(w, request)) {
		w->request = NULL;
		shared_word_store(&request->done, 1);
	}
	worker_charge(w, STAGE_MESSAGES, 1);
}

static void post(struct outbox *box, const void *record, uint32_t bytes)
{
	if (rte_ring_sp_enqueue_elem(box->ring, (void *)(uintptr_t)record, bytes) != 0)
		counter_add(&box->lost, 1);
}

void worker_event(struct worker *w, const struct worker_event *event)
{
	post(&w->boxes[BOX_EVENTS], event, sizeof(*event));
}

void worker_session_log(void *context, const struct session_record *record)
{
	struct worker *w = context;

	post(&w->boxes[BOX_SESSIONS], record, sizeof(*record));
}

void worker_access_log(void *context, const struct http_record *record)
{
	struct worker *w = context;

	post(&w->boxes[BOX_ACCESSES], record, sizeof(*record));
}
