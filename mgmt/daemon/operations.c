// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/operations.h"

#include <stdarg.h>

#include "config/edit/edit.h"
#include "config/edit/hidden.h"
#include "config/validate/machine.h"
#include "daemon/changes.h"
#include "daemon/credential_files.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/events/log.h"
#include "daemon/names.h"
#include "daemon/reload.h"
#include "daemon/start/privileges.h"

enum {
	SETTLE_LIMIT_S = 5
};

struct operation {
	struct operation *next;
	struct operation_request request;
	char **settings;
	uint8_t file_hash[CONFIG_HASH_BYTES];
	char path[FAULT_PATH_BYTES];
	char hint[FAULT_TEXT_BYTES];
	char what[1024];
	bool judged; // it came to a configuration; before that only the request is refused
	struct operation_result result;
	struct change_list changes;
	uint64_t *sessions;
	struct config_faults faults;
};

struct operations {
	struct daemon *daemon;
	struct operation *first; // the one under way, then those that wait
	struct operation **last;
	struct event *turn;    // runs the next one, or looks whether workers have settled
	struct event *confirm; // the confirm timer
	bool settling;         // first is published, workers still read the snapshot before
	usec_t settle_until;   // node clock
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

static int fail(struct operation *o, enum rpc_code code, const char *path, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

static int fail(struct operation *o, enum rpc_code code, const char *path, const char *hint,
	const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(o->what, sizeof(o->what), format, arguments);
	va_end(arguments);
	snprintf(o->path, sizeof(o->path), "%s", path);
	snprintf(o->hint, sizeof(o->hint), "%s", hint);
	o->result.code = code;
	return -1;
}

// Splits "what; what to do" into message and hint.
static int fail_line(struct operation *o, enum rpc_code code, const char *path, const char *line)
{
	const char *split = strstr(line, "; ");

	if (split == NULL)
		return fail(o, code, path, "nexpath events shows what happened", "%s", line);
	return fail(o, code, path, split + 2, "%.*s", (int)(split - line), line);
}

static int fail_faults(struct operation *o)
{
	const struct config_fault *fault = o->faults.items;

	while (fault < o->faults.items + o->faults.count && fault->warning)
		fault++;
	if (fault == o->faults.items + o->faults.count)
		return fail(o, RPC_REFUSED, "", "", "the configuration has faults");
	return fail(
		o, RPC_REFUSED, fault->path, fault->hint, "line %u: %s", fault->line, fault->what);
}

void faults_tell(struct daemon *daemon, const struct config_faults *faults)
{
	static const enum event_kind KINDS[] = {
		[FAULT_TCP_BIND] = EVENT_KIND_TCP_LISTENER_BIND_FAILED,
		[FAULT_UDP_BIND] = EVENT_KIND_UDP_LISTENER_BIND_FAILED,
		[FAULT_PORT_CONFLICT] = EVENT_KIND_PORT_CONFLICT,
	};

	for (uint32_t i = 0; i < faults->count; i++)
		if (faults->items[i].kind != FAULT_PLAIN)
			daemon_event(
				daemon, KINDS[faults->items[i].kind], "%s", faults->items[i].what);
}

static void apply_failed(struct operations *operations, struct operation *o)
{
	struct daemon *daemon = operations->daemon;
	const struct timeval later = {.tv_sec = 5};

	if (o->request.kind == OPERATION_REVERT)
		event_add(operations->confirm, &later);
	if (!o->judged && o->request.kind != OPERATION_REVERT) {
		log_line(LOG_LEVEL_INFO, "a request of %s was refused: %s", o->request.by, o->what);
		return;
	}
	daemon->apply_failures++;
	daemon_event(daemon, EVENT_KIND_CONFIG_REFUSED, "a configuration of %s was refused: %s",
		o->request.by, o->what);
	faults_tell(daemon, &o->faults);
}

int text_reveal(
	const struct daemon *daemon, const char *text, struct config_faults *faults, char **out)
{
	int status = hidden_resolve(text, daemon->text, hidden_by_schema, faults, out);

	if (status != -EINVAL || faults->errors > 0)
		return status;

	char *copy_of_text = strdup(text);

	if (copy_of_text == NULL)
		return -ENOMEM;
	*out = copy_of_text;
	return 0;
}

// The text that the operation wants to run, allocated.
static int text_make(struct daemon *daemon, struct operation *o, char **out)
{
	const struct operation_request *r = &o->request;
	char why[400] = "out of memory";
	size_t length;
	int status;

	switch (r->kind) {
	case OPERATION_LISTENER_ADD:
		status = edit_listener_add(
			daemon->text, r->settings, r->settings_count, out, why, sizeof(why));
		break;
	case OPERATION_LISTENER_REMOVE:
		status = edit_listener_remove(daemon->text, r->name, out, why, sizeof(why));
		break;
	case OPERATION_DRAIN_TARGET:
		status = edit_upstream_drain(
			daemon->text, r->name, r->target, out, why, sizeof(why));
		break;
	case OPERATION_ROLLBACK:
	case OPERATION_REVERT:
		if (r->revision == 0) {
			*out = strdup("");
			return *out != NULL ? 0 : fail(o, RPC_INTERNAL_ERROR, "", "", "%s", why);
		}
		status = revisions_text(
			daemon->revisions, r->revision, out, &length, why, sizeof(why));
		break;
	default:
		o->judged = true;
		status = text_reveal(daemon, r->text, &o->faults, out);
		if (status == -EINVAL)
			return fail_faults(o);
		break;
	}
	if (status == 0)
		return 0;
	return fail_line(o, status == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "", why);
}

// Which revision an operation without text of its own goes back to.
static int target_choose(struct daemon *daemon, struct operation *o)
{
	struct operation_request *r = &o->request;

	if (r->kind == OPERATION_REVERT) {
		r->revision = daemon->pending_before;
		return 0;
	}
	if (r->kind != OPERATION_ROLLBACK)
		return 0;
	if (r->revision == 0 && daemon->pending != 0) {
		r->revision = daemon->pending_before;
	} else if (r->revision == 0) {
		const struct revision *before =
			revisions_last_confirmed(daemon->revisions, daemon->revision);

		if (before == NULL)
			return fail(o, RPC_NOT_FOUND, "revision", "nexpath config history",
				"there is no confirmed revision before the current one");
		r->revision = before->number;
	} else if (revisions_find(daemon->revisions, r->revision) == NULL) {
		return fail(o, RPC_NOT_FOUND, "revision", "nexpath config history",
			"revision %ju is not kept", (uintmax_t)r->revision);
	}
	return 0;
}

static int may_run(struct daemon *daemon, struct operation *o)
{
	const struct operation_request *r = &o->request;

	if (daemon->stopping)
		return fail(o, RPC_REFUSED, "", "wait for the next start", "nexpathd is stopping");
	if (daemon->pending != 0 && r->kind != OPERATION_ROLLBACK && r->kind != OPERATION_REVERT)
		return fail(o, RPC_UNCONFIRMED, "", "nexpath config confirm, or config rollback",
			"revision %ju waits for confirmation", (uintmax_t)daemon->pending);
	if (r->has_base && r->base != daemon->revision)
		return fail(o, RPC_CONFLICT, "base", "plan again on the current revision",
			"base is %ju, the current revision is %ju", (uintmax_t)r->base,
			(uintmax_t)daemon->revision);
	if (r->restart && r->confirm_within_s != 0)
		return fail(o, RPC_REFUSED, "confirm_within_s", "use one of the two",
			"a restart cannot wait for confirmation");
	return 0;
}

int configuration_judge(
	struct daemon *daemon, const char *text, struct config_faults *faults, struct config **out)
{
	const struct text_source source = {.may_include = false};
	struct config_machine machine;
	struct config *config;
	int status = config_parse(text, strlen(text), &source, port_device_check, faults, &config);

	if (status != 0)
		return status;
	config_machine_here(&machine);
	machine.device_exists = port_device_exists;
	machine.credential_is_usable = credential_is_usable;
	status = config_check_machine(config, &machine, faults);
	if (status != 0) {
		config_destroy(config);
		return status;
	}
	*out = config;
	return 0;
}

static int store(struct daemon *daemon, struct operation *o, const char *text,
	enum revision_state state, uint64_t *number)
{
	char why[400];
	int64_t now = (int64_t)daemon_time();

	if (revisions_add(daemon->revisions, text, strlen(text), o->request.by, o->request.comment,
		    state, now, o->request.file_hash, number, why, sizeof(why)) != 0)
		return fail_line(o, RPC_REFUSED, "", why);
	return 0;
}

// The changes that only a new process can make: stored, answered, and the process ends.
static int run_restart(struct daemon *daemon, struct operation *o, const char *text)
{
	if (store(daemon, o, text, REVISION_CONFIRMED, &o->result.revision) != 0)
		return -1;
	o->result.restart = true;
	daemon_event(daemon, EVENT_KIND_CONFIG_APPLIED, "revision %ju of %s takes a restart",
		(uintmax_t)o->result.revision, o->request.by);
	daemon_stop(daemon, EXIT_RESTART);
	return 0;
}

static void listeners_tell(struct daemon *daemon, const struct change_list *changes)
{
	static const char PREFIX[] = "listeners.";

	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];
		const char *name = c->path + sizeof(PREFIX) - 1;

		if (strncmp(c->path, PREFIX, sizeof(PREFIX) - 1) != 0 || strchr(name, '.') != NULL)
			continue;
		if (c->kind == CHANGE_ADD)
			daemon_event(
				daemon, EVENT_KIND_LISTENER_OPENED, "listener %s opened", name);
		else if (c->kind == CHANGE_REMOVE)
			daemon_event(
				daemon, EVENT_KIND_LISTENER_CLOSED, "listener %s closed", name);
	}
}

static void pending_set(struct operations *operations, struct operation *o, uint64_t before)
{
	struct daemon *daemon = operations->daemon;
	const struct timeval delay = {.tv_sec = (time_t)o->request.confirm_within_s};

	daemon->pending = o->result.revision;
	daemon->pending_before = before;
	daemon->confirm_by = daemon_time() + o->request.confirm_within_s;
	o->result.confirm_by = daemon->confirm_by;
	event_add(operations->confirm, &delay);
}

// The revision that waited has been replaced.
static void pending_end(struct operations *operations, enum revision_state state)
{
	struct daemon *daemon = operations->daemon;
	char why[400];

	if (daemon->pending != 0 && revisions_set_state(daemon->revisions, daemon->pending, state,
					    why, sizeof(why)) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", why);
	daemon->pending = 0;
	daemon->pending_before = 0;
	daemon->confirm_by = 0;
	event_del(operations->confirm);
}

// Back to the names that run, which can be watched: they were.
static void names_restore(struct daemon *daemon, const struct config *refused)
{
	struct config *running = daemon->config;
	char ignored[400];

	if (running == NULL)
		return;
	daemon->config = (struct config *)(uintptr_t)refused;
	if (names_follow(daemon->names, running, ignored, sizeof(ignored)) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", ignored);
	daemon->config = running;
}

// Everything that can fail before the new revision is on disk.
static int prepare(struct daemon *daemon, struct operation *o, const struct config *config,
	struct snapshot **snapshot)
{
	char why[600];

	if (dataplane_addresses_check(daemon, config, why, sizeof(why)) != 0 ||
		dataplane_start(daemon, config, why, sizeof(why)) != 0 ||
		dataplane_ports_open(daemon, config, false, why, sizeof(why)) != 0 ||
		names_follow(daemon->names, config, why, sizeof(why)) != 0)
		return fail_line(o, RPC_REFUSED, "", why);
	if (credentials_prepare(daemon, config, NULL, why, sizeof(why)) == 0 &&
		dataplane_compile(daemon, config, snapshot, why, sizeof(why)) == 0)
		return 0;
	credentials_abandon(daemon);
	names_restore(daemon, config);
	return fail_line(o, RPC_REFUSED, "", why);
}

static int run_live(
	struct operations *operations, struct operation *o, struct config *config, char *text)
{
	struct daemon *daemon = operations->daemon;
	bool timed = o->request.confirm_within_s != 0;
	uint64_t before = daemon->revision;
	struct snapshot *snapshot;
	char why[400];

	if (prepare(daemon, o, config, &snapshot) != 0)
		return -1;
	if (store(daemon, o, text, timed ? REVISION_PENDING : REVISION_CONFIRMED,
		    &o->result.revision) != 0) {
		// Slots already stand as the new revision wants them: compile what runs again.
		snapshot_destroy(snapshot);
		credentials_abandon(daemon);
		names_restore(daemon, config);
		dataplane_refresh(daemon);
		return -1;
	}
	if (revisions_mark_start(daemon->revisions, o->result.revision, (int64_t)daemon_time(), why,
		    sizeof(why)) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", why);
	dataplane_publish(daemon, snapshot, o->result.revision);
	pending_end(operations,
		o->request.kind == OPERATION_REVERT || o->request.kind == OPERATION_ROLLBACK
			? REVISION_REVERTED
			: REVISION_CONFIRMED);
	if (timed)
		pending_set(operations, o, before);
	configuration_adopt(daemon, config, text, o->result.revision, o->request.drain_s);
	listeners_tell(daemon, &o->changes);
	daemon_event(daemon,
		o->request.kind == OPERATION_REVERT ? EVENT_KIND_CONFIG_REVERTED
						    : EVENT_KIND_CONFIG_APPLIED,
		"revision %ju of %s runs%s", (uintmax_t)o->result.revision, o->request.by,
		timed ? ", waits for confirmation" : "");
	privileges_drop(daemon);
	return 0;
}

// The plan, with the sessions that each change finds alive.
static int plan(struct daemon *daemon, struct operation *o, const struct config *config)
{
	if (configuration_plan(daemon, config, &o->changes) != 0)
		return -ENOMEM;
	o->sessions = calloc(o->changes.count + 1, sizeof(*o->sessions));
	if (o->sessions == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < o->changes.count; i++)
		o->sessions[i] = change_sessions(daemon, &o->changes.items[i]);
	return 0;
}

// The text is judged and compared with what runs, then taken or refused. text is taken on success
// only.
static int run_text(struct operations *operations, struct operation *o, char *text)
{
	struct daemon *daemon = operations->daemon;
	bool back = o->request.kind == OPERATION_REVERT || daemon->pending != 0;
	struct config *config;

	o->judged = true;

	int status = configuration_judge(daemon, text, &o->faults, &config);

	if (status != 0)
		return status == -EINVAL ? fail_faults(o)
					 : fail(o, RPC_INTERNAL_ERROR, "", "try again later",
						   "out of memory");
	if (plan(daemon, o, config) != 0) {
		config_destroy(config);
		return fail(o, RPC_INTERNAL_ERROR, "", "try again later", "out of memory");
	}
	// A way back never waits for a restart: what it cannot close stays open, unused.
	const struct change *restart = back ? NULL : changes_restart(daemon, &o->changes);

	if (restart != NULL) {
		if (!o->request.restart)
			status = fail(o, RPC_REFUSED, restart->path,
				"nexpath config plan FILE shows all; --restart accepts it",
				"%s needs a restart%s%s", restart->path,
				restart->reason != NULL ? ": " : "",
				restart->reason != NULL ? restart->reason : "");
		else
			status = run_restart(daemon, o, text);
		config_destroy(config);
		if (status == 0)
			free(text);
		return status;
	}
	status = run_live(operations, o, config, text);
	if (status != 0)
		config_destroy(config);
	return status;
}

static int run_confirm(struct operations *operations, struct operation *o)
{
	struct daemon *daemon = operations->daemon;
	uint64_t pending = daemon->pending;
	char why[400];

	if (pending == 0)
		return fail(o, RPC_REFUSED, "", "nexpath config history",
			"no revision waits for confirmation");
	if (o->request.revision != 0 && o->request.revision != pending)
		return fail(o, RPC_CONFLICT, "revision", "nexpath config history",
			"revision %ju waits, not %ju", (uintmax_t)pending,
			(uintmax_t)o->request.revision);
	if (revisions_set_state(daemon->revisions, pending, REVISION_CONFIRMED, why, sizeof(why)) !=
		0)
		return fail_line(o, RPC_REFUSED, "", why);
	pending_end(operations, REVISION_CONFIRMED);
	o->result.revision = pending;
	daemon_event(daemon, EVENT_KIND_CONFIG_CONFIRMED, "revision %ju was confirmed by %s",
		(uintmax_t)pending, o->request.by);
	return 0;
}

static int run_reload(struct daemon *daemon, struct operation *o)
{
	char why[600];
	int status = credentials_reload(
		daemon, o->request.name, o->request.by, &o->result.reloaded, why, sizeof(why));

	o->result.revision = daemon->revision;
	if (status == 0)
		return 0;
	return fail_line(o, status == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "", why);
}

static int run(struct operations *operations, struct operation *o)
{
	struct daemon *daemon = operations->daemon;
	char *text;

	if (o->request.kind == OPERATION_CONFIRM)
		return run_confirm(operations, o);
	// Confirmed while the timer's operation waited for its turn.
	if (o->request.kind == OPERATION_REVERT && daemon->pending == 0)
		return 0;
	if (o->request.kind == OPERATION_RELOAD)
		return run_reload(daemon, o);
	if (may_run(daemon, o) != 0 || target_choose(daemon, o) != 0 ||
		text_make(daemon, o, &text) != 0)
		return -1;
	if (daemon->config != NULL && daemon->pending == 0 && strcmp(text, daemon->text) == 0) {
		o->result.revision = daemon->revision;
		o->result.credentials_unread = daemon->config->credentials.count > 0;
		free(text);
		return 0;
	}
	if (run_text(operations, o, text) == 0)
		return 0;
	free(text);
	return -1;
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
		if (run(operations, operations->first) != 0)
			apply_failed(operations, operations->first);
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
			fail(operations->first, RPC_REFUSED, "", "wait for the next start",
				"nexpathd is stopping");
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
