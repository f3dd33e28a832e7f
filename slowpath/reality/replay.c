// SPDX-License-Identifier: BSD-3-Clause
#include "reality/replay.h"

#include <pthread.h>

enum {
	WAYS = 16,
	SALT_BYTES = 32,
	ENTRIES_MAX = 1 << 24,
};

// until_s 0: free.
struct place {
	struct reality_print print;
	int64_t until_s;
};

struct reality_replay {
	pthread_mutex_t lock;
	const struct tls13_library *library;
	uint8_t salt[SALT_BYTES]; // so that nobody can aim at one set
	uint32_t keep_s;
	uint64_t mask;
	struct place places[];
};

int reality_replay_create(const struct tls13_library *library, const struct randomness *random,
	uint32_t entries, uint32_t keep_s, struct reality_replay **out)
{
	struct reality_replay *r;
	uint64_t sets = 1;

	if (entries == 0 || entries > ENTRIES_MAX || keep_s == 0)
		return -EINVAL;
	// Half full, so that few sets overflow before the whole does.
	while (sets * WAYS < 2 * (uint64_t)entries)
		sets *= 2;
	r = calloc(1, sizeof(*r) + sets * WAYS * sizeof(r->places[0]));
	if (r == NULL)
		return -ENOMEM;
	if (!randomness_fill(random, r->salt, sizeof(r->salt))) {
		free(r);
		return -ENOMEM;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->library = library;
	r->keep_s = keep_s;
	r->mask = sets - 1;
	*out = r;
	return 0;
}

void reality_replay_destroy(struct reality_replay *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool reality_replay_print(const struct reality_replay *r, const uint8_t *hello, size_t length,
	struct reality_print *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	bool ok = context != NULL && EVP_DigestInit_ex2(context, r->library->sha256, NULL) == 1 &&
		  EVP_DigestUpdate(context, r->salt, SALT_BYTES) == 1 &&
		  EVP_DigestUpdate(context, hello, length) == 1 &&
		  EVP_DigestFinal_ex(context, digest, NULL) == 1;

	EVP_MD_CTX_free(context);
	if (ok)
		memcpy(out, digest, sizeof(*out));
	return ok;
}

static struct place *set_of(struct reality_replay *r, const struct reality_print *print)
{
	return &r->places[(print->words[0] & r->mask) * WAYS];
}

static struct place *find(struct place *set, const struct reality_print *print)
{
	for (uint32_t i = 0; i < WAYS; i++) {
		if (set[i].until_s != 0 && memcmp(&set[i].print, print, sizeof(*print)) == 0)
			return &set[i];
	}
	return NULL;
}

// Free ones first.
static struct place *oldest(struct place *set)
{
	struct place *place = set;

	for (uint32_t i = 1; i < WAYS; i++)
		if (set[i].until_s < place->until_s)
			place = &set[i];
	return place;
}

bool reality_replay_claim(
	struct reality_replay *r, const struct reality_print *print, int64_t now_s)
{
	struct place *set = set_of(r, print), *place;
	bool ok;

	pthread_mutex_lock(&r->lock);
	place = find(set, print);
	ok = place == NULL || place->until_s < now_s;
	if (place == NULL)
		place = oldest(set);
	if (ok)
		*place = (struct place){.print = *print, .until_s = now_s + r->keep_s};
	pthread_mutex_unlock(&r->lock);
	return ok;
}

void reality_replay_release(struct reality_replay *r, const struct reality_print *print)
{
	struct place *place;

	pthread_mutex_lock(&r->lock);
	place = find(set_of(r, print), print);
	if (place != NULL)
		place->until_s = 0;
	pthread_mutex_unlock(&r->lock);
}
