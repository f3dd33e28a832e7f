// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/origins.h"

#include <openssl/tls1.h>

#include "config/key_text.h"
#include "daemon/key_file.h"
#include "slowpath/reality/client_engine.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"

// NULL: an upstream of tls may do without one.
static const struct config_credential *credential_of(
	const struct config *config, const struct config_upstream *upstream)
{
	const struct config_strings *names = &upstream->transport.credentials;

	return names->count > 0 ? config_credential_find(config, names->items[0]) : NULL;
}

// c NULL: what there is without a credential.
static int tls_make(const struct config *config, const struct config_credential *c,
	struct tls_client_profile **out, char *error, size_t error_size)
{
	struct tls_client_settings settings = {.name = "(none)"};
	int status = 0;

	if (c != NULL)
		settings = (struct tls_client_settings){
			.name = c->name,
			.roots = config_file_path(c->roots),
			.server_name = c->server_name[0] != '\0' ? c->server_name : NULL,
			.certificate = config_file_path(c->certificate),
			.key = config_file_path(c->key),
			.alpn = c->alpn.items,
			.alpn_count = c->alpn.count,
			.min_version = c->min_version == TLS_VERSION_WORD_1_3 ? TLS1_3_VERSION
									      : TLS1_2_VERSION,
			.insecure = c->insecure,
		};
	if (settings.key != NULL)
		status = key_file_check(config, settings.key, error, error_size);
	return status != 0 ? status : tls_client_profile_create(&settings, out, error, error_size);
}

static int reality_make(const struct config *config, const struct config_credential *c,
	struct reality_client_profile **out, char *error, size_t error_size)
{
	static const char *const browsers[] = {
		[FINGERPRINT_CHROME] = "chrome", [FINGERPRINT_FIREFOX] = "firefox"};
	struct reality_client_settings settings = {
		.credential = c->name,
		.server_name = c->server_name,
		.browser = browsers[c->fingerprint],
		.roots = config_file_path(c->roots),
	};
	uint8_t mldsa[REALITY_MLDSA_PUBLIC_BYTES];
	int status = key_value_read(config, c->public_key, settings.public_key,
		sizeof(settings.public_key), error, error_size);

	if (status == 0 && !config_short_id_read(c->short_id, settings.short_id)) {
		snprintf(error, error_size, "credential \"%s\": short_id is none", c->name);
		status = -EINVAL;
	}
	if (status == 0 && c->mldsa65_verify[0] != '\0') {
		status = key_value_read(
			config, c->mldsa65_verify, mldsa, sizeof(mldsa), error, error_size);
		settings.mldsa65_verify = mldsa;
	}
	return status != 0 ? status
			   : reality_client_profile_create(&settings, out, error, error_size);
}

int origin_profile_make(const struct config *config, const struct config_upstream *upstream,
	const struct handshake_kind **kind, void **profile, char *error, size_t error_size)
{
	struct reality_client_profile *reality;
	struct tls_client_profile *tls;
	int status;

	if (upstream->transport.security == SECURITY_REALITY) {
		status = reality_make(
			config, credential_of(config, upstream), &reality, error, error_size);
		if (status == 0) {
			*kind = &reality_client_kind;
			*profile = reality;
		}
		return status;
	}
	status = tls_make(config, credential_of(config, upstream), &tls, error, error_size);

	if (status != 0)
		return status;
	*kind = &tls_client_kind;
	*profile = tls;
	return 0;
}

const struct config_credential *origin_insecure(
	const struct config *config, const struct config_upstream *upstream)
{
	const struct config_credential *c = credential_of(config, upstream);

	return c != NULL && c->insecure ? c : NULL;
}

int origin_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size)
{
	struct tls_client_profile *profile;
	int status = tls_make(config, credential, &profile, error, error_size);

	if (status == 0)
		tls_client_profile_destroy(profile);
	return status;
}
