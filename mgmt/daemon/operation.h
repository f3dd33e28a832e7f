// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One operation, for the files that carry it out: operations.c has the queue, operation_text.c the
// text that is wanted, operation_run.c the way from there to what runs, operation_result.c what is
// said of it.

#include "config/text/fault.h"
#include "daemon/operations.h"

struct operation {
	struct operation *next;
	struct operation_request request;
	char **settings;
	uint8_t file_hash[CONFIG_HASH_BYTES];
	char path[FAULT_PATH_BYTES];
	char hint[FAULT_TEXT_BYTES];
	char what[1024];
	bool judged; // it came to a configuration; before that only the request is refused
	struct operation_result result;
	struct change_list changes;
	uint64_t *sessions;
	struct config_faults faults;
};

struct operations {
	struct daemon *daemon;
	struct operation *first; // the one under way, then those that wait
	struct operation **last;
	struct event *turn;    // runs the next one, or looks whether workers have settled
	struct event *confirm; // the confirm timer
	bool settling;         // first is published, workers still read the snapshot before
	usec_t settle_until;   // node clock
};

// operation_result.c: the reasons why not, for who asked; always -1.
int operation_fail(struct operation *o, enum rpc_code code, const char *path, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
// line: "what; what to do".
int operation_fail_line(
	struct operation *o, enum rpc_code code, const char *path, const char *line);
// The first of the configuration's faults.
int operation_fail_faults(struct operation *o);
// The operation failed: told and counted; one of the confirm timer is tried again.
void operation_refused(struct operations *operations, struct operation *o);

// operation_text.c
// Settles the revision that an operation without text of its own goes back to. 0 or -1.
[[nodiscard]] int operation_revision_choose(struct daemon *daemon, struct operation *o);
// The text that the operation wants to run, allocated. 0 or -1.
[[nodiscard]] int operation_text_make(struct daemon *daemon, struct operation *o, char **out);

// operation_run.c: carries it out. 0; -1: refused, and what ran runs on.
[[nodiscard]] int operation_run(struct operations *operations, struct operation *o);
