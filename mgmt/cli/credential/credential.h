// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Verbs about credentials that this program does itself, so that no key passes the management
// socket.

#include "cli/invocation.h"

enum exit_status run_credential_generate(const struct invocation *invocation);
enum exit_status run_credential_check(const struct invocation *invocation);

// generate_tls.c: prints a P-256 key with a self-signed certificate for name, or with a request for
// one.
enum exit_status generate_tls(const char *name, unsigned days, bool request);
