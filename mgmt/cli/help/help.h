// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the verb table says of itself.

#include <stdio.h>

#include "cli/invocation.h"

enum exit_status run_help(const struct invocation *invocation);
enum exit_status run_completion(const struct invocation *invocation);

// Help of one verb, or with NULL the list of all, to stdout.
enum exit_status help_print(const struct verb *verb);

// docs/cli.md and nexpath.1, generated; a test compares the committed files.
void document_markdown(FILE *out);
void document_man(FILE *out);

// The completion scripts. False for a shell that has none.
[[nodiscard]] bool completion_print(FILE *out, const char *shell);
