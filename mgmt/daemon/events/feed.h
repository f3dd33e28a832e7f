// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Events on their way to subscribers: each has its own place in the store and moves on as its
// client takes what it gets; who is overtaken by the store misses events, and is told how many.
// Control thread.

#include "daemon/daemon.h"

[[nodiscard]] int feed_create(struct daemon *daemon, struct event_feed **out);
void feed_destroy(struct event_feed *feed); // NULL is allowed

// From events after seq `since`, of at least that severity. Replaces what the client had. -ENOMEM.
[[nodiscard]] int feed_subscribe(struct event_feed *feed, struct rpc_client *client, uint64_t since,
	enum event_severity severity);
void feed_unsubscribe(struct event_feed *feed, struct rpc_client *client);

// Sends what there is. After each event and several times a second.
void feed_pump(struct event_feed *feed);
