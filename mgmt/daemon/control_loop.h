// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The control thread's loop: the listening socket, signals, the ticks that everything periodic
// hangs on, and what the service manager is told.

#include "daemon/daemon.h"

// Listens where config says, with its groups; a socket that listens there already stays. Before
// capabilities are dropped. Negative errno with a line in error.
[[nodiscard]] int control_loop_listen(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size);
void control_loop_unlisten(struct daemon *daemon);

// Accepts clients, takes signals and ticks until daemon_stop or a signal ends it. Negative errno
// with a line in error when it cannot begin.
[[nodiscard]] int control_loop_run(struct daemon *daemon, char *error, size_t error_size);
