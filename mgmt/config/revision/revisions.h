// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The state directory: the last REVISIONS_KEPT accepted texts and what became of them. Everything
// is written to a new file, synced, renamed and the folder synced before a call returns 0, so a
// crash leaves the state before or after, never between. Files have mode 0600. One daemon a folder
// (a lock). Control thread only. Every failure leaves one line in error (where, what, what to do)
// and the store, in memory and on disk, as it was.

#include "core/base.h"

enum {
	REVISIONS_KEPT = 20,
	REVISION_BY_BYTES = 64,
	REVISION_COMMENT_BYTES = 256
};
enum {
	START_DEATHS_MAX = 3,
	START_DEATHS_WINDOW_S = 60,
	CONFIG_HASH_BYTES = 32
};

enum revision_state {
	REVISION_CONFIRMED = 0,
	REVISION_PENDING,  // awaits confirmation
	REVISION_REVERTED, // was not confirmed in time, or the process ended before it was
	REVISION_FAILED,   // the process died under it START_DEATHS_MAX times in
			   // START_DEATHS_WINDOW_S
	REVISION_REFUSED,  // its text was damaged when it was to start
};

struct revision {
	uint64_t number;
	int64_t time; // seconds since 1970
	enum revision_state state;
	char by[REVISION_BY_BYTES]; // "file", "uid 0"
	char comment[REVISION_COMMENT_BYTES];
	uint8_t hash[CONFIG_HASH_BYTES]; // of the text (config_hash)
	uint32_t length;                 // bytes of the text
};

struct revisions;

void config_hash(const char *text, size_t length, uint8_t out[CONFIG_HASH_BYTES]);

// Opens (makes, mode 0700) the state directory. -EBUSY: another daemon holds it. A damaged index is
// replaced by the one before it, with a line in error though 0 is returned ("" otherwise).
[[nodiscard]] int revisions_open(
	const char *folder, struct revisions **out, char *error, size_t error_size);
// NULL is allowed.
void revisions_close(struct revisions *revisions);

// Newest first; index 0 to count - 1. Valid until the next change.
uint32_t revisions_count(const struct revisions *revisions);
const struct revision *revisions_at(const struct revisions *revisions, uint32_t index);
const struct revision *revisions_find(const struct revisions *revisions, uint64_t number);
// The newest confirmed revision, or NULL; before: only those older than that number (0: any).
const struct revision *revisions_last_confirmed(const struct revisions *revisions, uint64_t before);

// Stores a new revision, state CONFIRMED or PENDING, and drops the oldest beyond REVISIONS_KEPT
// (never the last confirmed one). file_hash: when the text was loaded from FILE, the hash of FILE's
// text, so that it counts as loaded; else NULL. *number is set.
[[nodiscard]] int revisions_add(struct revisions *revisions, const char *text, size_t length,
	const char *by, const char *comment, enum revision_state state, int64_t now,
	const uint8_t *file_hash, uint64_t *number, char *error, size_t error_size);
[[nodiscard]] int revisions_set_state(struct revisions *revisions, uint64_t number,
	enum revision_state state, char *error, size_t error_size);
// The text of a revision, NUL-terminated, the caller's to free. -ENOENT; -EBADMSG when the file is
// damaged.
[[nodiscard]] int revisions_text(const struct revisions *revisions, uint64_t number, char **text,
	size_t *length, char *error, size_t error_size);

enum start_choice {
	START_EMPTY = 0, // neither file nor revision
	START_FILE,      // FILE changed since it was last loaded: make it a revision
	START_REVISION,  // run `number`
};

struct start_decision {
	enum start_choice choice;
	uint64_t number;
	uint64_t skipped; // a newer revision that is not started again, 0 = none
	enum revision_state
		skipped_why; // REVERTED (awaited confirmation) or FAILED (died under it)
};

// What to start. file_hash: of FILE's text, NULL when there is no FILE (or it proved faulty: ask
// again). Marks pending and failed revisions as such on disk first.
[[nodiscard]] int revisions_choose(struct revisions *revisions, const uint8_t *file_hash,
	int64_t now, struct start_decision *out, char *error, size_t error_size);

// The process starts to run a revision; it ended in order. A start without an end counts as a
// death.
[[nodiscard]] int revisions_mark_start(
	struct revisions *revisions, uint64_t number, int64_t now, char *error, size_t error_size);
[[nodiscard]] int revisions_mark_clean_exit(
	struct revisions *revisions, char *error, size_t error_size);
