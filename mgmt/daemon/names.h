// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Targets given by name: which names the running configuration holds, what is known of each, and
// the events about them. Control thread only.

#include "daemon/daemon.h"

// Starts to listen for answers; the resolver itself starts with the first configuration that has a
// name.
[[nodiscard]] int names_create(struct daemon *daemon, struct names **out);
void names_destroy(struct names *names); // NULL is allowed

// Watches the names of config, from now on in place of those before. Negative errno with a line in
// error; the names before are then still watched.
[[nodiscard]] int names_follow(
	struct names *names, const struct config *config, char *error, size_t error_size);

// For struct compile_input: context is the daemon.
uint32_t names_resolve(void *context, const char *name, const struct ip_address **out);

// Why a name has no address; NULL when it has one or is not watched.
const char *names_reason(const struct names *names, const char *name);
