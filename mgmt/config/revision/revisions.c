// SPDX-License-Identifier: BSD-3-Clause
#include "config/revision/revisions.h"

#include <dirent.h>
#include <unistd.h>

#include "config/revision/revision_index.h"
#include "config/revision/store.h"

enum {
	INDEX_BYTES_MAX = 1 << 20,
	TEXT_FILE_BYTES_MAX = 4 << 20,
	FOLDER_BYTES = 1024
};

struct revisions {
	char folder[FOLDER_BYTES];
	int lock;
	uint64_t highest; // number of any revision file ever seen: never given again
	struct revision_index index;
};

static void text_name(uint64_t number, char out[48])
{
	snprintf(out, 48, "revision-%llu.conf", (unsigned long long)number);
}

// Number of a revision's text file, 0 if the name is not one.
static uint64_t text_number(const char *name)
{
	unsigned long long number = 0;
	char again[48];

	if (sscanf(name, "revision-%llu.conf", &number) != 1)
		return 0;
	text_name(number, again);
	return strcmp(again, name) == 0 ? number : 0;
}

static int index_load(struct revisions *r, const char *name, char *error, size_t error_size)
{
	char *text = NULL;
	size_t length = 0;
	int rc = store_read(r->folder, name, INDEX_BYTES_MAX, &text, &length, error, error_size);

	if (rc)
		return rc;
	rc = index_parse(text, length, &r->index);
	free(text);
	return rc;
}

// Reads the index, or the one before where it is damaged. *damaged: the texts are not to be tidied.
static int index_open(struct revisions *r, bool *damaged, char *error, size_t error_size)
{
	char ignored[256];
	int rc = index_load(r, "index", error, error_size);
	int before;

	*damaged = false;
	if (rc == 0)
		return 0;
	if (rc != -ENOENT && rc != -EBADMSG)
		return rc;
	before = index_load(r, "index.previous", ignored, sizeof(ignored));
	if (rc == -ENOENT && before == -ENOENT)
		return 0;
	if (before) {
		snprintf(error, error_size,
			"%s/index: damaged, and so is the one before; move %s aside to start from the file alone",
			r->folder, r->folder);
		return -EBADMSG;
	}
	*damaged = true;
	snprintf(error, error_size,
		"%s/index: damaged or missing; the one before it is used, so the last change of state is lost",
		r->folder);
	return 0;
}

// Learns the highest number, and removes what a crash left: half-written files, texts without an
// entry.
static void folder_tidy(struct revisions *r, bool remove)
{
	DIR *dir = opendir(r->folder);
	struct dirent *entry;

	r->highest = r->index.count ? r->index.items[0].number : 0;
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		uint64_t number = text_number(entry->d_name);
		size_t length = strlen(entry->d_name);
		bool half = length > 4 && strcmp(entry->d_name + length - 4, ".new") == 0;

		if (number > r->highest)
			r->highest = number;
		if (remove && (half || (number && !revisions_find(r, number))))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
}

int revisions_open(const char *folder, struct revisions **out, char *error, size_t error_size)
{
	struct revisions *r = calloc(1, sizeof(*r));
	bool damaged;
	int rc;

	if (!r) {
		snprintf(error, error_size, "%s: out of memory; free some", folder);
		return -ENOMEM;
	}
	error[0] = '\0';
	r->lock = -1;
	rc = snprintf(r->folder, sizeof(r->folder), "%s", folder) < FOLDER_BYTES
		     ? store_make(folder, error, error_size)
		     : -ENAMETOOLONG;
	if (!rc) {
		r->lock = store_lock(folder, error, error_size);
		rc = r->lock < 0 ? r->lock : index_open(r, &damaged, error, error_size);
	}
	if (rc) {
		revisions_close(r);
		return rc;
	}
	folder_tidy(r, !damaged);
	*out = r;
	return 0;
}

void revisions_close(struct revisions *revisions)
{
	if (!revisions)
		return;
	if (revisions->lock >= 0)
		close(revisions->lock);
	free(revisions);
}

uint32_t revisions_count(const struct revisions *revisions)
{
	return revisions->index.count;
}

const struct revision *revisions_at(const struct revisions *revisions, uint32_t index)
{
	return index < revisions->index.count ? &revisions->index.items[index] : NULL;
}

const struct revision *revisions_find(const struct revisions *revisions, uint64_t number)
{
	for (uint32_t i = 0; i < revisions->index.count; i++)
		if (revisions->index.items[i].number == number)
			return &revisions->index.items[i];
	return NULL;
}

static const struct revision *last_confirmed(const struct revision_index *index, uint64_t before)
{
	for (uint32_t i = 0; i < index->count; i++)
		if (index->items[i].state == REVISION_CONFIRMED &&
			(before == 0 || index->items[i].number < before))
			return &index->items[i];
	return NULL;
}

const struct revision *revisions_last_confirmed(const struct revisions *revisions, uint64_t before)
{
	return last_confirmed(&revisions->index, before);
}

// Makes next the index, on disk first.
static int index_commit(
	struct revisions *r, const struct revision_index *next, char *error, size_t error_size)
{
	char *text = index_print(next);
	int rc;

	if (!text) {
		snprintf(error, error_size, "%s/index: out of memory; free some", r->folder);
		return -ENOMEM;
	}
	rc = store_write(
		r->folder, "index", "index.previous", text, strlen(text), error, error_size);
	free(text);
	if (!rc)
		r->index = *next;
	return rc;
}

// Takes the oldest entry away that is not the last confirmed one; returns its number.
static uint64_t index_drop_oldest(struct revision_index *index)
{
	const struct revision *confirmed = last_confirmed(index, 0);
	uint32_t at = index->count - 1;
	uint64_t number;

	if (confirmed == &index->items[at])
		at--;
	number = index->items[at].number;
	memmove(&index->items[at], &index->items[at + 1],
		(index->count - at - 1) * sizeof(index->items[0]));
	index->count--;
	return number;
}

static void text_remove(const struct revisions *r, uint64_t number)
{
	char path[FOLDER_BYTES + 64];
	char name[48];

	text_name(number, name);
	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	// A file that stays is removed when the folder is opened next.
	unlink(path);
}

// Copies what fits, cut between characters: the index is UTF-8.
static void text_cut(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size) {
		length--;
		while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(out, text, length);
	out[length] = '\0';
}

int revisions_add(struct revisions *revisions, const char *text, size_t length, const char *by,
	const char *comment, enum revision_state state, int64_t now, const uint8_t *file_hash,
	uint64_t *number, char *error, size_t error_size)
{
	struct revision_index next = revisions->index;
	struct revision entry = {.number = revisions->highest + 1,
		.time = now,
		.state = state,
		.length = (uint32_t)length};
	uint64_t dropped = 0;
	char name[48];
	int rc;

	if (length > TEXT_FILE_BYTES_MAX) {
		snprintf(error, error_size,
			"%zu bytes of text, more than a revision holds; make it shorter", length);
		return -EFBIG;
	}
	text_cut(entry.by, sizeof(entry.by), by);
	text_cut(entry.comment, sizeof(entry.comment), comment);
	config_hash(text, length, entry.hash);
	memmove(&next.items[1], &next.items[0], next.count * sizeof(next.items[0]));
	next.items[0] = entry;
	if (++next.count > REVISIONS_KEPT)
		dropped = index_drop_oldest(&next);
	next.file_known = next.file_known || file_hash;
	if (file_hash)
		memcpy(next.file_hash, file_hash, CONFIG_HASH_BYTES);
	text_name(entry.number, name);
	rc = store_write(revisions->folder, name, NULL, text, length, error, error_size);
	if (!rc)
		rc = index_commit(revisions, &next, error, error_size);
	if (rc)
		return rc;
	revisions->highest = entry.number;
	if (dropped)
		text_remove(revisions, dropped);
	*number = entry.number;
	return 0;
}

static struct revision *index_find(struct revision_index *index, uint64_t number)
{
	for (uint32_t i = 0; i < index->count; i++)
		if (index->items[i].number == number)
			return &index->items[i];
	return NULL;
}

static int unknown(uint64_t number, char *error, size_t error_size)
{
	snprintf(error, error_size, "no revision %llu is kept; `nexpath config history` lists them",
		(unsigned long long)number);
	return -ENOENT;
}

int revisions_set_state(struct revisions *revisions, uint64_t number, enum revision_state state,
	char *error, size_t error_size)
{
	struct revision_index next = revisions->index;
	struct revision *entry = index_find(&next, number);

	if (!entry)
		return unknown(number, error, error_size);
	entry->state = state;
	return index_commit(revisions, &next, error, error_size);
}

int revisions_text(const struct revisions *revisions, uint64_t number, char **text, size_t *length,
	char *error, size_t error_size)
{
	const struct revision *entry = revisions_find(revisions, number);
	uint8_t hash[CONFIG_HASH_BYTES];
	char name[48];
	char *read = NULL;
	size_t got = 0;
	int rc;

	if (!entry)
		return unknown(number, error, error_size);
	text_name(number, name);
	rc = store_read(
		revisions->folder, name, TEXT_FILE_BYTES_MAX, &read, &got, error, error_size);
	if (rc == -ENOENT)
		snprintf(error, error_size, "%s/%s: missing; roll back to another revision",
			revisions->folder, name);
	if (rc)
		return rc == -ENOENT ? -EBADMSG : rc;
	config_hash(read, got, hash);
	if (got != entry->length || memcmp(hash, entry->hash, sizeof(hash)) != 0) {
		free(read);
		snprintf(error, error_size, "%s/%s: damaged; roll back to another revision",
			revisions->folder, name);
		return -EBADMSG;
	}
	*text = read;
	*length = got;
	return 0;
}

// Whether the process died START_DEATHS_MAX times within the window under one revision.
static uint64_t index_deadly(const struct revision_index *index, int64_t now)
{
	if (index->start_count < START_DEATHS_MAX)
		return 0;
	return now - index->starts[0].time <= START_DEATHS_WINDOW_S ? index->starts[0].number : 0;
}

int revisions_choose(struct revisions *revisions, const uint8_t *file_hash, int64_t now,
	struct start_decision *out, char *error, size_t error_size)
{
	struct revision_index next = revisions->index;
	struct start_decision decision = {.choice = START_EMPTY};
	struct revision *deadly = index_find(&next, index_deadly(&next, now));
	const struct revision *confirmed;
	int rc = 0;

	if (deadly && deadly->state == REVISION_CONFIRMED) {
		deadly->state = REVISION_FAILED;
		decision.skipped = deadly->number;
		decision.skipped_why = REVISION_FAILED;
		next.start_count = 0;
	}
	for (uint32_t i = 0; i < next.count; i++) {
		if (next.items[i].state != REVISION_PENDING)
			continue;
		next.items[i].state = REVISION_REVERTED;
		decision.skipped = next.items[i].number;
		decision.skipped_why = REVISION_REVERTED;
	}
	if (decision.skipped)
		rc = index_commit(revisions, &next, error, error_size);
	if (rc)
		return rc;
	confirmed = last_confirmed(&next, 0);
	if (confirmed) {
		decision.choice = START_REVISION;
		decision.number = confirmed->number;
	}
	if (file_hash &&
		(!next.file_known || memcmp(file_hash, next.file_hash, CONFIG_HASH_BYTES) != 0))
		decision.choice = START_FILE;
	*out = decision;
	return 0;
}

int revisions_mark_start(
	struct revisions *revisions, uint64_t number, int64_t now, char *error, size_t error_size)
{
	struct revision_index next = revisions->index;

	if (next.start_count > 0 && next.starts[0].number != number)
		next.start_count = 0;
	if (next.start_count == START_DEATHS_MAX) {
		memmove(&next.starts[0], &next.starts[1],
			(START_DEATHS_MAX - 1) * sizeof(next.starts[0]));
		next.start_count--;
	}
	next.starts[next.start_count++] = (struct start_mark){.number = number, .time = now};
	return index_commit(revisions, &next, error, error_size);
}

int revisions_mark_clean_exit(struct revisions *revisions, char *error, size_t error_size)
{
	struct revision_index next = revisions->index;

	next.start_count = 0;
	return index_commit(revisions, &next, error, error_size);
}
