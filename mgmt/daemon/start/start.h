// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a start runs: FILE where it changed, else the last confirmed revision, else nothing; and
// what SIGHUP and --check do with FILE.

#include "daemon/daemon.h"

// Chooses and starts a configuration. 0 also for an empty start; negative errno with one line in
// error when the process should end with status 1.
[[nodiscard]] int start_run(struct daemon *daemon, char *error, size_t error_size);

// SIGHUP: FILE becomes a new revision if it changed. The service manager gets READY=1 once that is
// done.
void start_reload(struct daemon *daemon);

// --check: prints every fault; returns the exit status.
int start_check(const struct options *options);
