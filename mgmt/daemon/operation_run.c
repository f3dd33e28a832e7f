// SPDX-License-Identifier: BSD-3-Clause

// From a text that is wanted to one that runs: judged, planned, stored, published; and what needs
// no text: confirming, and reading credentials anew.

#include "config/validate/machine.h"
#include "daemon/changes.h"
#include "daemon/credential_files.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/events/log.h"
#include "daemon/names.h"
#include "daemon/operation.h"
#include "daemon/reload.h"
#include "daemon/start/privileges.h"

static int may_run(struct daemon *daemon, struct operation *o)
{
	const struct operation_request *r = &o->request;

	if (daemon->stopping)
		return operation_fail(
			o, RPC_REFUSED, "", "wait for the next start", "nexpathd is stopping");
	if (daemon->pending != 0 && r->kind != OPERATION_ROLLBACK && r->kind != OPERATION_REVERT)
		return operation_fail(o, RPC_UNCONFIRMED, "",
			"nexpath config confirm, or config rollback",
			"revision %ju waits for confirmation", (uintmax_t)daemon->pending);
	if (r->has_base && r->base != daemon->revision)
		return operation_fail(o, RPC_CONFLICT, "base", "plan again on the current revision",
			"base is %ju, the current revision is %ju", (uintmax_t)r->base,
			(uintmax_t)daemon->revision);
	if (r->restart && r->confirm_within_s != 0)
		return operation_fail(o, RPC_REFUSED, "confirm_within_s", "use one of the two",
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
		return operation_fail_line(o, RPC_REFUSED, "", why);
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
		return operation_fail_line(o, RPC_REFUSED, "", why);
	if (credentials_prepare(daemon, config, NULL, why, sizeof(why)) == 0 &&
		dataplane_compile(daemon, config, snapshot, why, sizeof(why)) == 0)
		return 0;
	credentials_abandon(daemon);
	names_restore(daemon, config);
	return operation_fail_line(o, RPC_REFUSED, "", why);
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
		return status == -EINVAL ? operation_fail_faults(o)
					 : operation_fail(o, RPC_INTERNAL_ERROR, "",
						   "try again later", "out of memory");
	if (plan(daemon, o, config) != 0) {
		config_destroy(config);
		return operation_fail(
			o, RPC_INTERNAL_ERROR, "", "try again later", "out of memory");
	}
	// A way back never waits for a restart: what it cannot close stays open, unused.
	const struct change *restart = back ? NULL : changes_restart(daemon, &o->changes);

	if (restart != NULL) {
		if (!o->request.restart)
			status = operation_fail(o, RPC_REFUSED, restart->path,
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
		return operation_fail(o, RPC_REFUSED, "", "nexpath config history",
			"no revision waits for confirmation");
	if (o->request.revision != 0 && o->request.revision != pending)
		return operation_fail(o, RPC_CONFLICT, "revision", "nexpath config history",
			"revision %ju waits, not %ju", (uintmax_t)pending,
			(uintmax_t)o->request.revision);
	if (revisions_set_state(daemon->revisions, pending, REVISION_CONFIRMED, why, sizeof(why)) !=
		0)
		return operation_fail_line(o, RPC_REFUSED, "", why);
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
	return operation_fail_line(o, status == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "", why);
}

int operation_run(struct operations *operations, struct operation *o)
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
	if (may_run(daemon, o) != 0 || operation_revision_choose(daemon, o) != 0 ||
		operation_text_make(daemon, o, &text) != 0)
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
