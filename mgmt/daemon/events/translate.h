// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What workers report, in words: events and ended sessions off their rings. Control thread.

#include "daemon/daemon.h"

// Takes a bounded number of both; call every 100 ms or sooner.
void worker_events_take(struct daemon *daemon);
void session_records_take(struct daemon *daemon);
void access_records_take(struct daemon *daemon);

// A session as session.list shows it; what objects are called comes from the current snapshot.
// names: what its two legs' handshakes named; NULL: that is left out. NULL when memory is out.
json_t *session_json(const struct daemon *daemon, const struct session_record *record,
	const struct session_names *names);

// Names of objects by index; "?" when there is none (any more).
const char *listener_name(const struct daemon *daemon, uint16_t slot);
const char *upstream_name(const struct daemon *daemon, uint16_t slot);
const char *target_text(const struct daemon *daemon, uint16_t slot);
const char *netif_name(const struct daemon *daemon, uint16_t netif);
const char *port_name(const struct daemon *daemon, uint16_t port);
