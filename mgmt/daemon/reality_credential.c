// SPDX-License-Identifier: BSD-3-Clause
#include "daemon/reality_credential.h"

#include "config/key_text.h"
#include "daemon/key_file.h"

// Texts that are no short id or version were faults of the configuration.
static int short_ids_read(
	const struct config_strings *from, uint8_t (**out)[REALITY_SHORT_ID_BYTES])
{
	uint8_t(*ids)[REALITY_SHORT_ID_BYTES] = calloc(from->count + 1, sizeof(*ids));

	if (ids == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->count; i++)
		if (!config_short_id_read(from->items[i], ids[i]))
			nx_bug_on(true);
	*out = ids;
	return 0;
}

static uint32_t version_of(const char *text)
{
	uint32_t version = 0;

	if (text[0] != '\0' && !config_version_read(text, &version))
		nx_bug_on(true);
	return version;
}

// What settings point to.
struct secrets {
	uint8_t seed[REALITY_MLDSA_SEED_BYTES];
	uint8_t previous[REALITY_KEY_BYTES];
};

static int keys_read(const struct config *config, const struct config_credential *credential,
	struct reality_settings *settings, struct secrets *secrets, char *error, size_t error_size)
{
	int status = key_value_read(config, credential->private_key, settings->private_key,
		sizeof(settings->private_key), error, error_size);

	if (status == 0 && credential->previous_private_key[0] != '\0') {
		settings->previous_key = secrets->previous;
		status = key_value_read(config, credential->previous_private_key, secrets->previous,
			sizeof(secrets->previous), error, error_size);
	}
	if (status == 0 && credential->mldsa65_seed[0] != '\0') {
		settings->mldsa65_seed = secrets->seed;
		status = key_value_read(config, credential->mldsa65_seed, secrets->seed,
			sizeof(secrets->seed), error, error_size);
	}
	return status;
}

int reality_profile_of(const struct config *config, const struct config_credential *credential,
	struct reality_profile **out, char *error, size_t error_size)
{
	struct secrets secrets;
	uint8_t(*ids)[REALITY_SHORT_ID_BYTES] = NULL;
	struct reality_settings settings = {
		.names = credential->server_names.items,
		.name_count = credential->server_names.count,
		.short_id_count = credential->short_ids.count,
		.min_version = version_of(credential->min_client_version),
		.max_version = version_of(credential->max_client_version),
		.max_time_diff_s = credential->max_time_diff_s,
		.share_rule = credential->key_shares == KEY_SHARES_HYBRID_FIRST
				      ? REALITY_SHARES_HYBRID_FIRST
				      : REALITY_SHARES_ANY,
	};
	char why[400];
	int status = short_ids_read(&credential->short_ids, &ids);

	snprintf(why, sizeof(why), "out of memory");
	settings.short_ids = (const uint8_t(*)[REALITY_SHORT_ID_BYTES])ids;
	if (status == 0)
		status = keys_read(config, credential, &settings, &secrets, why, sizeof(why));
	if (status == 0)
		status = reality_profile_create(&settings, out, why, sizeof(why));
	if (status != 0)
		snprintf(error, error_size, "credential \"%s\": %s", credential->name, why);
	explicit_bzero(&secrets, sizeof(secrets));
	explicit_bzero(&settings, sizeof(settings));
	free(ids);
	return status;
}
