// SPDX-License-Identifier: BSD-3-Clause
#include "reality/credential.h"

#include "crypto/secret.h"

static int make_temporary(struct reality_credential *c, const struct randomness *random)
{
	uint8_t seed[32];
	size_t length = REALITY_PUBLIC_BYTES;
	bool ok = randomness_fill(random, seed, sizeof(seed));

	if (ok)
		c->temporary_key =
			EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, sizeof(seed));
	crypto_wipe(seed, sizeof(seed));
	return c->temporary_key != NULL && EVP_PKEY_get_raw_public_key(c->temporary_key,
						   c->temporary_public, &length) == 1
		       ? 0
		       : -ENOMEM;
}

static int copy_lists(struct reality_credential *c, const struct reality_settings *s)
{
	c->names = calloc(s->name_count, sizeof(c->names[0]));
	c->short_ids = calloc(s->short_id_count, sizeof(c->short_ids[0]));
	if (c->names == NULL || c->short_ids == NULL)
		return -ENOMEM;
	for (; c->name_count < s->name_count; c->name_count++) {
		c->names[c->name_count] = strdup(s->names[c->name_count]);
		if (c->names[c->name_count] == NULL)
			return -ENOMEM;
	}
	memcpy(c->short_ids, s->short_ids, s->short_id_count * sizeof(c->short_ids[0]));
	c->short_id_count = s->short_id_count;
	return 0;
}

static int make_keys(struct reality_credential *c, const struct randomness *random,
	const struct reality_settings *s)
{
	int rc = secret_map(sizeof(*c->keys), &c->memory);

	if (rc != 0)
		return rc;
	c->keys = c->memory.base;
	memcpy(c->keys->current, s->private_key, sizeof(c->keys->current));
	c->has_previous_key = s->previous_key != NULL;
	if (c->has_previous_key)
		memcpy(c->keys->previous, s->previous_key, sizeof(c->keys->previous));
	if (s->mldsa65_seed != NULL) {
		c->mldsa_key = reality_mldsa_from_seed(s->mldsa65_seed);
		if (c->mldsa_key == NULL)
			return -ENOTSUP;
	}
	return make_temporary(c, random);
}

int reality_credential_create(const struct tls13_library *library, const struct randomness *random,
	const struct reality_settings *settings, struct reality_credential **out)
{
	struct reality_credential *c;
	int rc;

	if (settings->name_count == 0 || settings->short_id_count == 0)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->library = library;
	c->min_version = settings->min_version;
	c->max_version = settings->max_version != 0 ? settings->max_version : REALITY_VERSION_MAX;
	c->max_time_diff_s = settings->max_time_diff_s;
	c->share_rule = settings->share_rule;
	rc = make_keys(c, random, settings);
	if (rc == 0)
		rc = copy_lists(c, settings);
	if (rc != 0) {
		reality_credential_destroy(c);
		return rc;
	}
	*out = c;
	return 0;
}

void reality_credential_destroy(struct reality_credential *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->name_count; i++)
		free(c->names[i]);
	free(c->names);
	if (c->short_ids != NULL)
		crypto_wipe(c->short_ids, c->short_id_count * sizeof(c->short_ids[0]));
	free(c->short_ids);
	EVP_PKEY_free(c->temporary_key);
	EVP_PKEY_free(c->mldsa_key);
	secret_unmap(&c->memory);
	crypto_wipe(c, sizeof(*c));
	free(c);
}
