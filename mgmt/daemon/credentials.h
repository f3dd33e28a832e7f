// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which profile of the slow path each secured listener and upstream has: made from the files that a
// configuration's credentials name, the same one again as long as neither those nor the
// configuration change. Control thread only.

#include "daemon/daemon.h"

struct credentials;

[[nodiscard]] int credentials_create(struct daemon *daemon, struct credentials **out);
void credentials_destroy(struct credentials *credentials); // NULL is allowed

// Reads the files of config's listeners and upstreams again and knows their profiles from now on. A
// negative errno with a line in error: nothing has changed.
[[nodiscard]] int credentials_follow(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size);
// The number of a listener's profile in the configuration that is followed. For struct
// compile_input: context is the daemon.
uint32_t credentials_number(struct daemon *daemon, const struct config_listener *listener);
// The same of an upstream's.
uint32_t credentials_upstream_number(struct daemon *daemon, const struct config_upstream *upstream);
// The upstream that has a profile; "?": none any more. Valid until the next configuration.
const char *credentials_upstream(const struct daemon *daemon, uint32_t number);
// Forgets the profiles of configurations before; every worker must have left them.
void credentials_sweep(struct daemon *daemon);
// The slow path goes away, and every profile with it.
void credentials_forget(struct daemon *daemon);

// For struct config_machine: whether the files of a credential can be used.
int credential_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size);
