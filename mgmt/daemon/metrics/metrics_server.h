// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HTTP for machines that watch: /metrics, /healthz, /readyz on management.metrics. Control thread.

#include "daemon/daemon.h"

// Serves where the running configuration says; *out is NULL when it says nothing. Negative errno
// with a line in error: address in use, not ours.
[[nodiscard]] int metrics_server_create(
	struct daemon *daemon, struct metrics_server **out, char *error, size_t error_size);
// Sees that daemon->metrics serves. What keeps it from that is an event, once, and no reason not to
// forward: called again every few seconds.
void metrics_serve(struct daemon *daemon);
void metrics_server_destroy(struct metrics_server *server); // NULL is allowed
