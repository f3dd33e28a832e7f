// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The log: lines on standard error, text or JSON. Written by a thread of its own from a bounded
// buffer, so that a reader who stands still delays nobody; what finds it full is counted, and the
// count is logged when there is room again. One log a process. Control thread, but for its own
// writer.

#include <jansson.h>

#include "config/config.h"

// Starts the writer. Before it, and when it cannot start, lines are written directly.
void log_open(void);
// Writes what is left, for at most a second.
void log_close(void);
void log_configure(enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A line with members (taken): text shows them as `message key=value ...`.
void log_object(enum log_level level, const char *message, json_t *members);

uint64_t log_lost(void);
