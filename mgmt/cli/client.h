// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One connection to the management socket (docs/management.md): calls, and notifications between
// their answers.

#include <jansson.h>
#include <stdbool.h>

// Exit statuses of nexpath; every function of the program that can end it returns one.
enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     // the daemon, or this machine, said no; the reason is on stderr
	EXIT_USAGE = 2,       // the command line is wrong
	EXIT_UNREACHABLE = 3, // no daemon, or it went away in the middle
};

enum {
	CLIENT_INTERFACE = 1,
	CLIENT_LINE_MAX = 4 * 1024 * 1024,
	CLIENT_TIMEOUT_MS = 60000, // of a call; an apply waits for every worker
};

struct client;

// Called for each notification that comes while a call waits for its answer; params is borrowed.
typedef void client_notified(void *arg, const char *method, json_t *params);

// Connects and says hello. On failure prints the reason to stderr. path is borrowed.
[[nodiscard]] enum exit_status client_open(const char *path, struct client **out);
void client_close(struct client *client);
// How long a call waits for its answer; CLIENT_TIMEOUT_MS until this is called.
void client_answer_within(struct client *client, int timeout_ms);
// Keeps what it would print about a lost connection until client_fault_print, for callers that own
// the screen.
void client_fault_hold(struct client *client);
void client_fault_print(const struct client *client);
void client_on_notification(struct client *client, client_notified *notified, void *arg);

// Calls a method; takes params (NULL = none). EXIT_DONE: *result is the caller's. EXIT_REFUSED: the
// error object is kept for client_refusal. EXIT_UNREACHABLE: the connection is of no more use; the
// reason is printed.
[[nodiscard]] enum exit_status client_call(
	struct client *client, const char *method, json_t *params, json_t **result);

// The error object of the last refused call, borrowed.
json_t *client_refusal(const struct client *client);

// Prints the last refusal to stderr: its faults as FILE:LINE: PATH: what; hint, or message and
// hint. file names the text that the faults are about, NULL when there is none.
void client_refusal_print(const struct client *client, const char *file);

enum client_event {
	CLIENT_NOTIFICATION, // *method and *params are set; params is the caller's
	CLIENT_TIMEOUT,
	CLIENT_INTERRUPTED, // a signal
	CLIENT_GONE,        // printed
};

// Waits for one notification. method points into *params' message and lives until the next wait.
// timeout_ms below 0 waits for ever.
[[nodiscard]] enum client_event client_wait(
	struct client *client, int timeout_ms, const char **method, json_t **params);
