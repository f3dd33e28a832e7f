// SPDX-License-Identifier: BSD-3-Clause
#include "config/revision/revision_index.h"

#include <jansson.h>

enum {
	HASH_TEXT = 2 * CONFIG_HASH_BYTES
};

static const char *const state_names[] = {"confirmed", "pending", "reverted", "failed", "refused"};

// Four lanes of multiply and fold over 8-byte words. It tells texts apart and finds damage; it is
// no protection against someone who can write to the state directory, who needs none.
void config_hash(const char *text, size_t length, uint8_t out[CONFIG_HASH_BYTES])
{
	uint64_t lanes[4] = {UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b),
		UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1)};
	struct cursor c = cursor_over((const uint8_t *)text, length);

	while (cursor_left(&c) > 0) {
		size_t n = cursor_left(&c) < 8 ? cursor_left(&c) : 8;
		uint64_t word = 0;

		memcpy(&word, c.p, n);
		c.p += n;
		for (unsigned i = 0; i < 4; i++) {
			lanes[i] = (lanes[i] ^ word) * (UINT64_C(0x9e3779b97f4a7c15) + 2 * i);
			lanes[i] ^= lanes[i] >> 29;
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		lanes[i] = (lanes[i] ^ length) * UINT64_C(0xff51afd7ed558ccd);
		lanes[i] ^= lanes[i] >> 33;
	}
	memcpy(out, lanes, CONFIG_HASH_BYTES);
}

static void hash_print(const uint8_t hash[CONFIG_HASH_BYTES], char out[HASH_TEXT + 1])
{
	for (unsigned i = 0; i < CONFIG_HASH_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_parse(const char *text, uint8_t out[CONFIG_HASH_BYTES])
{
	if (!text || strlen(text) < HASH_TEXT)
		return false;
	for (unsigned i = 0; i < CONFIG_HASH_BYTES; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static json_t *revision_to_json(const struct revision *revision)
{
	char hash[HASH_TEXT + 1];

	hash_print(revision->hash, hash);
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:I}", "revision",
		(json_int_t)revision->number, "time", (json_int_t)revision->time, "state",
		state_names[revision->state], "by", revision->by, "comment", revision->comment,
		"hash", hash, "length", (json_int_t)revision->length);
}

static json_t *index_to_json(const struct revision_index *index)
{
	json_t *revisions = json_array();
	json_t *starts = json_array();
	char hash[HASH_TEXT + 1] = "";
	int rc = revisions && starts ? 0 : -1;

	for (uint32_t i = 0; i < index->count && rc == 0; i++)
		rc = json_array_append_new(revisions, revision_to_json(&index->items[i]));
	for (uint32_t i = 0; i < index->start_count && rc == 0; i++)
		rc = json_array_append_new(starts,
			json_pack("{s:I, s:I}", "revision", (json_int_t)index->starts[i].number,
				"time", (json_int_t)index->starts[i].time));
	if (index->file_known)
		hash_print(index->file_hash, hash);
	if (rc == 0)
		return json_pack("{s:i, s:s, s:o, s:o}", "format", 1, "file", hash, "revisions",
			revisions, "starts", starts);
	json_decref(revisions);
	json_decref(starts);
	return NULL;
}

char *index_print(const struct revision_index *index)
{
	json_t *root = index_to_json(index);
	char *body = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	size_t size = body ? strlen(body) + HASH_TEXT + 3 : 0;
	char *text = body ? malloc(size) : NULL;

	json_decref(root);
	if (text) {
		uint8_t hash[CONFIG_HASH_BYTES];
		char shown[HASH_TEXT + 1];

		config_hash(body, strlen(body), hash);
		hash_print(hash, shown);
		snprintf(text, size, "%s\n%s\n", shown, body);
	}
	free(body);
	return text;
}

static bool state_parse(const char *name, enum revision_state *out)
{
	for (unsigned i = 0; name && i < nx_array_size(state_names); i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out = (enum revision_state)i;
			return true;
		}
	}
	return false;
}

static bool revision_from_json(json_t *json, struct revision *out)
{
	const char *state;
	const char *by;
	const char *comment;
	const char *hash;
	json_int_t number;
	json_int_t time;
	json_int_t length;

	if (json_unpack(json, "{s:I, s:I, s:s, s:s, s:s, s:s, s:I}", "revision", &number, "time",
		    &time, "state", &state, "by", &by, "comment", &comment, "hash", &hash, "length",
		    &length) != 0 ||
		number <= 0 || length < 0 || length > UINT32_MAX ||
		!state_parse(state, &out->state) || !hash_parse(hash, out->hash))
		return false;
	out->number = (uint64_t)number;
	out->time = time;
	out->length = (uint32_t)length;
	snprintf(out->by, sizeof(out->by), "%s", by);
	snprintf(out->comment, sizeof(out->comment), "%s", comment);
	return true;
}

static bool starts_from_json(json_t *starts, struct revision_index *out)
{
	for (size_t i = 0; i < json_array_size(starts); i++) {
		json_int_t number;
		json_int_t time;

		if (i >= START_DEATHS_MAX || json_unpack(json_array_get(starts, i), "{s:I, s:I}",
						     "revision", &number, "time", &time) != 0)
			return false;
		out->starts[out->start_count++] =
			(struct start_mark){.number = (uint64_t)number, .time = time};
	}
	return true;
}

static bool index_from_json(json_t *root, struct revision_index *out)
{
	json_t *revisions;
	json_t *starts;
	const char *file;
	int format;

	if (json_unpack(root, "{s:i, s:s, s:o, s:o}", "format", &format, "file", &file, "revisions",
		    &revisions, "starts", &starts) != 0 ||
		format != 1)
		return false;
	out->file_known = hash_parse(file, out->file_hash);
	if (json_array_size(revisions) > REVISIONS_KEPT)
		return false;
	for (size_t i = 0; i < json_array_size(revisions); i++)
		if (!revision_from_json(json_array_get(revisions, i), &out->items[out->count++]))
			return false;
	return starts_from_json(starts, out);
}

int index_parse(const char *text, size_t length, struct revision_index *out)
{
	struct revision_index index = {0};
	uint8_t written[CONFIG_HASH_BYTES];
	uint8_t found[CONFIG_HASH_BYTES];
	json_t *root;
	bool good;

	if (length < HASH_TEXT + 2 || text[HASH_TEXT] != '\n' || text[length - 1] != '\n' ||
		!hash_parse(text, written))
		return -EBADMSG;
	config_hash(text + HASH_TEXT + 1, length - HASH_TEXT - 2, found);
	if (memcmp(written, found, sizeof(found)) != 0)
		return -EBADMSG;
	root = json_loadb(text + HASH_TEXT + 1, length - HASH_TEXT - 2, 0, NULL);
	good = root && index_from_json(root, &index);
	json_decref(root);
	if (!good)
		return -EBADMSG;
	*out = index;
	return 0;
}
