// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The verbs that are more than one call and one print.

#include "cli/invocation.h"

enum exit_status run_session_list(const struct invocation *invocation);
enum exit_status run_events(const struct invocation *invocation);
enum exit_status run_capture(const struct invocation *invocation);
enum exit_status run_top(const struct invocation *invocation);

// From now on SIGINT and SIGTERM make interrupted() true instead of ending the process.
void interrupt_catch(void);
bool interrupted(void);

// Whether the terminal of standard output has a type that ncurses knows.
bool terminal_is_known(void);
