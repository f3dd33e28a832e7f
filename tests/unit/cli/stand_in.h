// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Stands in for the daemon at the end of a socket: a thread that hands each request to the test.

#include <jansson.h>
#include <stdbool.h>

struct stand_in;

// Answers one request; returns false to close the connection. Runs on the stand-in's thread.
typedef bool stand_in_answer(int fd, json_int_t id, const char *method, const json_t *params);

// Listens at path (made anew) and serves one connection after another, until stopped.
struct stand_in *stand_in_start(const char *path, stand_in_answer *answer);
void stand_in_stop(struct stand_in *stand_in);

// Lines to the client. json is a result as text; message an error of that code.
void stand_in_result(int fd, json_int_t id, const char *json);
void stand_in_error(int fd, json_int_t id, int code, const char *message, const char *data);
void stand_in_line(int fd, const char *line);
