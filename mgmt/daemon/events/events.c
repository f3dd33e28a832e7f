// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/events.h"

int event_store_init(struct event_store *store)
{
	struct event_record *records = calloc(EVENTS_KEPT, sizeof(*records));

	if (records == NULL)
		return -ENOMEM;
	*store = (struct event_store){.records = records};
	return 0;
}

void event_store_fini(struct event_store *store)
{
	free(store->records);
	store->records = NULL;
}

uint64_t event_store_add(
	struct event_store *store, enum event_kind kind, double time, const char *message)
{
	uint64_t seq = ++store->last;
	struct event_record *record = &store->records[seq % EVENTS_KEPT];

	if (record->seq != 0 && event_kind_severity(record->kind) == EVENT_ERROR)
		store->errors--;
	record->seq = seq;
	record->time = time;
	record->kind = kind;
	snprintf(record->message, sizeof(record->message), "%s", message);
	// Cut short, other text might end inside a character: JSON would refuse it.
	for (char *c = record->message; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	store->counts[kind]++;
	if (event_kind_severity(kind) == EVENT_ERROR)
		store->errors++;
	return seq;
}

uint64_t event_store_first(const struct event_store *store)
{
	return store->last > EVENTS_KEPT ? store->last - EVENTS_KEPT + 1 : 1;
}

const struct event_record *event_store_at(const struct event_store *store, uint64_t seq)
{
	if (seq < event_store_first(store) || seq > store->last)
		return NULL;
	return &store->records[seq % EVENTS_KEPT];
}

json_t *event_json(const struct event_record *record)
{
	return json_pack("{s:I, s:f, s:s, s:s, s:s, s:s}", "seq", (json_int_t)record->seq, "time",
		record->time, "kind", event_kind_name(record->kind), "severity",
		event_severity_name(event_kind_severity(record->kind)), "message", record->message,
		"hint", event_kind_hint(record->kind));
}

bool event_severity_parse(const char *text, enum event_severity *out)
{
	for (int s = EVENT_INFO; s <= EVENT_ERROR; s++) {
		if (strcmp(text, event_severity_name(s)) != 0)
			continue;
		*out = s;
		return true;
	}
	return false;
}
