// SPDX-License-Identifier: BSD-3-Clause

// The queue: one operation at a time, each with its turn and the time that workers take to settle.

#include "daemon/dataplane.h"
#include "daemon/operation.h"

enum {
	SETTLE_LIMIT_S = 5
};

static void operation_free(struct operation *o)
{
	free((char *)(uintptr_t)o->request.text);
	free((char *)(uintptr_t)o->request.name);
	free((char *)(uintptr_t)o->request.target);
	free((char *)(uintptr_t)o->request.by);
	free((char *)(uintptr_t)o->request.comment);
	for (uint32_t i = 0; o->settings != NULL && i < o->request.settings_count; i++)
		free(o->settings[i]);
	free(o->settings);
	plan_fini(&o->changes);
	free(o->sessions);
	free(o);
}

static void finish(struct operations *operations)
{
	struct operation *o = operations->first;

	operations->first = o->next;
	if (operations->first == NULL)
		operations->last = &operations->first;
	o->result.path = o->path;
	o->result.hint = o->hint;
	o->result.what = o->what;
	o->result.faults = &o->faults;
	o->result.changes = &o->changes;
	o->result.sessions = o->sessions;
	o->result.drain_s = o->request.drain_s;
	if (o->request.done != NULL)
		o->request.done(o->request.context, &o->result);
	operation_free(o);
}

static void arm(struct operations *operations, long delay_us)
{
	const struct timeval delay = {.tv_usec = delay_us};

	if (operations->first != NULL)
		event_add(operations->turn, &delay);
}

static void on_turn(evutil_socket_t fd, short what, void *argument)
{
	struct operations *operations = argument;
	struct daemon *daemon = operations->daemon;
	bool settled = dataplane_is_settled(daemon);

	if (operations->first == NULL)
		return;
	if (!settled && operations->settling && node_now(daemon->node) > operations->settle_until) {
		daemon_event(daemon, EVENT_KIND_WORKER_STALLED,
			"a worker has not taken revision %ju after %d s",
			(uintmax_t)daemon->revision, SETTLE_LIMIT_S);
		finish(operations);
		operations->settling = false;
	} else if (settled && operations->settling) {
		operations->settling = false;
		finish(operations);
	} else if (settled) {
		if (operation_run(operations, operations->first) != 0)
			operation_refused(operations, operations->first);
		if (daemon->node != NULL)
			operations->settle_until =
				node_now(daemon->node) + SETTLE_LIMIT_S * USEC_PER_SECOND;
		operations->settling = true;
	}
	arm(operations, 500);
}

static void on_confirm_timer(evutil_socket_t fd, short what, void *argument)
{
	struct operations *operations = argument;
	const struct timeval later = {.tv_sec = 1};
	struct operation_request request = {
		.kind = OPERATION_REVERT,
		.drain_s = DRAIN_DEFAULT_S,
		.by = "confirm timer",
		.comment = "not confirmed in time",
	};

	if (operation_submit(operations, &request) != 0)
		event_add(operations->confirm, &later);
}

int operations_create(struct daemon *daemon, struct operations **out)
{
	struct operations *operations = calloc(1, sizeof(*operations));

	if (operations == NULL)
		return -ENOMEM;
	operations->daemon = daemon;
	operations->last = &operations->first;
	operations->turn = event_new(daemon->base, -1, 0, on_turn, operations);
	operations->confirm = event_new(daemon->base, -1, 0, on_confirm_timer, operations);
	if (operations->turn != NULL && operations->confirm != NULL) {
		*out = operations;
		return 0;
	}
	operations_destroy(operations);
	return -ENOMEM;
}

void operations_destroy(struct operations *operations)
{
	if (operations == NULL)
		return;
	while (operations->first != NULL) {
		if (!operations->settling)
			operation_fail(operations->first, RPC_REFUSED, "",
				"wait for the next start", "nexpathd is stopping");
		operations->settling = false;
		finish(operations);
	}
	if (operations->turn != NULL)
		event_free(operations->turn);
	if (operations->confirm != NULL)
		event_free(operations->confirm);
	free(operations);
}

static bool copy(const char **field)
{
	if (*field == NULL)
		return true;
	*field = strdup(*field);
	return *field != NULL;
}

int operation_submit(struct operations *operations, const struct operation_request *request)
{
	struct operation *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	o->request = *request;
	o->request.comment = request->comment != NULL ? request->comment : "";
	const char **texts[] = {&o->request.text, &o->request.name, &o->request.target,
		&o->request.by, &o->request.comment};
	bool copied = true;

	// Every one of them, whatever fails: what is not a copy must not be freed.
	for (size_t i = 0; i < nx_array_size(texts); i++)
		copied = copy(texts[i]) && copied;
	o->settings = calloc(request->settings_count + 1, sizeof(*o->settings));
	for (uint32_t i = 0; o->settings != NULL && i < request->settings_count; i++) {
		o->settings[i] = strdup(request->settings[i]);
		copied &= o->settings[i] != NULL;
	}
	o->request.settings = (const char *const *)o->settings;
	if (request->file_hash != NULL) {
		memcpy(o->file_hash, request->file_hash, sizeof(o->file_hash));
		o->request.file_hash = o->file_hash;
	}
	if (!copied || o->settings == NULL) {
		operation_free(o);
		return -ENOMEM;
	}
	faults_init(&o->faults);
	*operations->last = o;
	operations->last = &o->next;
	if (operations->first == o)
		arm(operations, 0);
	return 0;
}

bool operations_busy(const struct operations *operations)
{
	return operations->first != NULL;
}
