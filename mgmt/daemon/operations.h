// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Changes of the configuration, one at a time, in the order in which they came: apply, edits,
// confirm, rollback, the confirm timer, reload of the file and of credentials. Each is judged
// against what runs when its turn comes, goes to disk before it goes to the workers, and ends when
// every worker has left the snapshot before. Nothing is half applied: a failure leaves what ran.
// Control thread only.

#include "daemon/changes.h"

enum operation_kind {
	OPERATION_APPLY = 0,       // text
	OPERATION_LISTENER_ADD,    // settings
	OPERATION_LISTENER_REMOVE, // name
	OPERATION_DRAIN_TARGET,    // name (upstream), target
	OPERATION_ROLLBACK,        // revision, 0: the confirmed one before
	OPERATION_CONFIRM,         // revision, 0: whichever waits
	OPERATION_REVERT,          // the confirm timer fired
	OPERATION_RELOAD,          // name: of a credential, NULL: all
};

struct operation_result {
	enum rpc_code code; // 0: done
	const char *path;
	const char *hint;
	const char *what;
	const struct config_faults *faults; // errors and warnings; never NULL
	uint64_t revision;
	double confirm_by; // 0: none
	bool restart;
	const struct change_list *changes; // never NULL
	const uint64_t *sessions;          // live ones that each change found
	uint32_t drain_s;                  // as requested
	uint32_t reloaded;                 // OPERATION_RELOAD: credentials whose files are others
	bool credentials_unread;           // the text runs already: no file was looked at
};

// Strings and text are copied.
struct operation_request {
	enum operation_kind kind;
	const char *text;
	const char *name;
	const char *target;
	const char *const *settings; // "KEY=VALUE"
	uint32_t settings_count;
	uint64_t revision;
	bool has_base;
	uint64_t base;
	uint32_t confirm_within_s;
	uint32_t drain_s;
	bool restart;
	const char *by; // "uid 0", "file"
	const char *comment;
	const uint8_t *file_hash; // of FILE, when the text comes from there
	void (*done)(void *context, const struct operation_result *result); // may be NULL
	void *context;
};

enum {
	DRAIN_DEFAULT_S = 60,
	CONFIRM_MAX_S = 86400
};

[[nodiscard]] int operations_create(struct daemon *daemon, struct operations **out);
// Operations that wait are ended as refused. NULL is allowed.
void operations_destroy(struct operations *operations);

// Queues an operation; -ENOMEM, and done is then not called.
[[nodiscard]] int operation_submit(
	struct operations *operations, const struct operation_request *request);
// Whether one is under way: then nobody else may publish.
bool operations_busy(const struct operations *operations);

// Judges a text as config.check does: 0 with *out, or -EINVAL, -ENOMEM. text is judged on this
// machine.
[[nodiscard]] int configuration_judge(
	struct daemon *daemon, const char *text, struct config_faults *faults, struct config **out);

// Events for those faults that have a kind of their own.
void faults_tell(struct daemon *daemon, const struct config_faults *faults);

// The text with its hidden values put back from what runs, allocated. A text that does not read
// comes back as it is: judging it tells why. -EINVAL with errors in faults, -ENOMEM.
[[nodiscard]] int text_reveal(
	const struct daemon *daemon, const char *text, struct config_faults *faults, char **out);

// What config takes in hand beyond the snapshot: log, drains, events. Called once it is published,
// at start too.
void configuration_adopt(struct daemon *daemon, struct config *config, char *text,
	uint64_t revision, uint32_t drain_s);
// Ends sessions of removed listeners whose time has come. Once a second.
void drains_check(struct daemon *daemon);
