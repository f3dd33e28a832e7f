// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Files of credentials, read again under the configuration that runs.

#include "daemon/daemon.h"

// Makes the files of the credential of that name run, of all with NULL: all or nothing. *changed:
// how many of them are others than before, each of which an event tells. -ENOENT without such a
// credential, -EINVAL and others for a file, with a line in error and what ran before running; the
// node must be settled. Control thread.
[[nodiscard]] int credentials_reload(struct daemon *daemon, const char *name, const char *by,
	uint32_t *changed, char *error, size_t error_size);
