// SPDX-License-Identifier: BSD-3-Clause
// The words that operators see for the core's enumerations. Every function takes any value: one
// that a newer or broken record may hold prints as "unknown".
#include "core/control.h"
#include "core/drop.h"
#include "core/event.h"
#include "core/stats.h"

static const char *const unknown = "unknown";

const char *drop_reason_name(enum drop_reason reason)
{
	static const char *const names[] = {
#define X(id, name, help) name,
		DROP_REASONS(X)
#undef X
	};

	return reason < DROP_COUNT ? names[reason] : unknown;
}

const char *drop_reason_help(enum drop_reason reason)
{
	static const char *const sentences[] = {
#define X(id, name, help) help,
		DROP_REASONS(X)
#undef X
	};

	return reason < DROP_COUNT ? sentences[reason] : unknown;
}

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
#define X(id, name, help) name,
		STAGES(X)
#undef X
	};

	return stage < STAGE_COUNT ? names[stage] : unknown;
}

const char *stage_help(enum stage stage)
{
	static const char *const sentences[] = {
#define X(id, name, help) help,
		STAGES(X)
#undef X
	};

	return stage < STAGE_COUNT ? sentences[stage] : unknown;
}

const char *event_kind_name(enum event_kind kind)
{
	static const char *const names[] = {
#define X(id, name, severity, hint) name,
		EVENT_KINDS(X)
#undef X
	};

	return kind < EVENT_KIND_COUNT ? names[kind] : unknown;
}

enum event_severity event_kind_severity(enum event_kind kind)
{
	static const enum event_severity severities[] = {
#define X(id, name, severity, hint) EVENT_##severity,
		EVENT_KINDS(X)
#undef X
	};

	return kind < EVENT_KIND_COUNT ? severities[kind] : EVENT_ERROR;
}

const char *event_kind_hint(enum event_kind kind)
{
	static const char *const hints[] = {
#define X(id, name, severity, hint) hint,
		EVENT_KINDS(X)
#undef X
	};

	return kind < EVENT_KIND_COUNT ? hints[kind] : "";
}

const char *event_severity_name(enum event_severity severity)
{
	switch (severity) {
	case EVENT_INFO:
		return "info";
	case EVENT_WARNING:
		return "warning";
	case EVENT_ERROR:
		return "error";
	}
	return unknown;
}

const char *session_state_name(enum session_state state)
{
	static const char *const names[SESSION_STATE_COUNT] = {
		[SESSION_FREE] = "free",
		[SESSION_NEW] = "new",
		[SESSION_SYN_RECEIVED] = "syn_received",
		[SESSION_ESTABLISHED] = "established",
		[SESSION_CLIENT_CLOSED] = "client_closed",
		[SESSION_TARGET_CLOSED] = "target_closed",
		[SESSION_CLOSING] = "closing",
		[SESSION_TIME_WAIT] = "time_wait",
		[SESSION_RESET] = "reset",
	};

	return state < SESSION_STATE_COUNT ? names[state] : unknown;
}

const char *session_end_name(enum session_end end)
{
	static const char *const names[SESSION_END_COUNT] = {
		[SESSION_END_NONE] = "none",
		[SESSION_END_CLOSED] = "closed",
		[SESSION_END_RESET] = "reset",
		[SESSION_END_IDLE] = "idle",
		[SESSION_END_UNANSWERED] = "unanswered",
		[SESSION_END_REFUSED] = "refused",
		[SESSION_END_KILLED] = "killed",
		[SESSION_END_DRAINED] = "drained",
		[SESSION_END_EVICTED] = "evicted",
		[SESSION_END_SHUTDOWN] = "shutdown",
		[SESSION_END_UNTRUSTED] = "untrusted",
	};

	return end < SESSION_END_COUNT ? names[end] : unknown;
}
