// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/feed.h"

struct subscription {
	struct subscription *next;
	struct rpc_client *client;
	enum event_severity severity;
	uint64_t sent; // seq of the last event dealt with
	uint64_t lost;
};

struct event_feed {
	struct daemon *daemon;
	struct subscription *first;
	bool pumping;
};

int feed_create(struct daemon *daemon, struct event_feed **out)
{
	struct event_feed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
		return -ENOMEM;
	feed->daemon = daemon;
	*out = feed;
	return 0;
}

void feed_destroy(struct event_feed *feed)
{
	while (feed != NULL && feed->first != NULL)
		feed_unsubscribe(feed, feed->first->client);
	free(feed);
}

void feed_unsubscribe(struct event_feed *feed, struct rpc_client *client)
{
	struct subscription **link = &feed->first;

	while (*link != NULL && (*link)->client != client)
		link = &(*link)->next;
	if (*link == NULL)
		return;

	struct subscription *gone = *link;

	*link = gone->next;
	free(gone);
}

int feed_subscribe(struct event_feed *feed, struct rpc_client *client, uint64_t since,
	enum event_severity severity)
{
	struct subscription *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	feed_unsubscribe(feed, client);
	s->client = client;
	s->severity = severity;
	s->sent = since < feed->daemon->events.last ? since : feed->daemon->events.last;
	s->next = feed->first;
	feed->first = s;
	server_client_keep(client, true);
	return 0;
}

// One event to one subscriber; false when its client has no room.
static bool subscription_send(struct subscription *s, const struct event_record *record)
{
	json_t *event = event_json(record);

	if (event == NULL ||
		json_object_set_new(event, "lost", json_integer((json_int_t)s->lost)) != 0) {
		json_decref(event);
		return false;
	}
	return server_notify(s->client, "event", event);
}

static void subscription_pump(struct subscription *s, const struct event_store *store)
{
	uint64_t first = event_store_first(store);

	if (s->sent + 1 < first) {
		s->lost += first - s->sent - 1;
		s->sent = first - 1;
	}
	for (; s->sent < store->last; s->sent++) {
		const struct event_record *record = event_store_at(store, s->sent + 1);

		if (event_kind_severity(record->kind) >= s->severity &&
			!subscription_send(s, record))
			return;
	}
}

void feed_pump(struct event_feed *feed)
{
	struct subscription *next;

	// Sending can close a client, whose subscription then goes: its neighbours must not be
	// walked twice.
	if (feed == NULL || feed->pumping)
		return;
	feed->pumping = true;
	for (struct subscription *s = feed->first; s != NULL; s = next) {
		next = s->next;
		subscription_pump(s, &feed->daemon->events);
	}
	feed->pumping = false;
}
