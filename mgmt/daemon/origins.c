// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/origins.h"

#include <openssl/tls1.h>

#include "daemon/key_file.h"
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

int origin_profile_make(const struct config *config, const struct config_upstream *upstream,
	const struct handshake_kind **kind, void **profile, char *error, size_t error_size)
{
	struct tls_client_profile *tls;
	int status = tls_make(config, credential_of(config, upstream), &tls, error, error_size);

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
