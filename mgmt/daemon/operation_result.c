// SPDX-License-Identifier: BSD-3-Clause

// What an operation that failed says of it: to who asked, as events, and in the log.

#include <stdarg.h>

#include "daemon/events/log.h"
#include "daemon/operation.h"

int operation_fail(struct operation *o, enum rpc_code code, const char *path, const char *hint,
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

int operation_fail_line(struct operation *o, enum rpc_code code, const char *path, const char *line)
{
	const char *split = strstr(line, "; ");

	if (split == NULL)
		return operation_fail(
			o, code, path, "nexpath events shows what happened", "%s", line);
	return operation_fail(o, code, path, split + 2, "%.*s", (int)(split - line), line);
}

int operation_fail_faults(struct operation *o)
{
	const struct config_fault *fault = o->faults.items;

	while (fault < o->faults.items + o->faults.count && fault->warning)
		fault++;
	if (fault == o->faults.items + o->faults.count)
		return operation_fail(o, RPC_REFUSED, "", "", "the configuration has faults");
	return operation_fail(
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

void operation_refused(struct operations *operations, struct operation *o)
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
