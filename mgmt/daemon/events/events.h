// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The last EVENTS_KEPT events, numbered from 1 while the process lives. Pure; control thread.

#include <jansson.h>

#include "core/event.h"

enum {
	EVENTS_KEPT = 10000,
	EVENT_MESSAGE_BYTES = 256
};

struct event_record {
	uint64_t seq;
	double time; // Unix seconds
	enum event_kind kind;
	char message[EVENT_MESSAGE_BYTES];
};

struct event_store {
	struct event_record *records;      // seq s stands at s % EVENTS_KEPT
	uint64_t last;                     // 0: none yet
	uint64_t counts[EVENT_KIND_COUNT]; // since the process began
	uint32_t errors;                   // kept ones of severity error
};

[[nodiscard]] int event_store_init(struct event_store *store);
void event_store_fini(struct event_store *store);

// Keeps an event, the oldest gives way. Returns its seq.
uint64_t event_store_add(
	struct event_store *store, enum event_kind kind, double time, const char *message);

// The oldest seq that is kept; last + 1 when there is none.
uint64_t event_store_first(const struct event_store *store);
// NULL when it is not kept (any more).
const struct event_record *event_store_at(const struct event_store *store, uint64_t seq);

// {seq, time, kind, severity, message, hint}; NULL when memory is out.
json_t *event_json(const struct event_record *record);

// False when text names no severity.
[[nodiscard]] bool event_severity_parse(const char *text, enum event_severity *out);
