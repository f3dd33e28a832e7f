// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/origins.h"

#include <openssl/tls1.h>

#include "daemon/key_file.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"

enum {
	FILE_BYTES_MAX = 1 << 20
};

// NULL: an upstream of tls may do without one.
static const struct config_credential *credential_of(
	const struct config *config, const struct config_upstream *upstream)
{
	const struct config_strings *names = &upstream->transport.credentials;

	return names->count > 0 ? config_credential_find(config, names->items[0]) : NULL;
}

static bool digest_text(EVP_MD_CTX *digest, const char *text)
{
	return EVP_DigestUpdate(digest, text, strlen(text) + 1) == 1;
}

// The value, and the file if it names one.
static bool digest_value(EVP_MD_CTX *digest, const char *value)
{
	const char *path = config_file_path(value);
	FILE *file = path != NULL ? fopen(path, "rbe") : NULL;
	uint8_t bytes[4096];
	size_t length, sum = 0;
	bool done = digest_text(digest, value);

	while (file != NULL && done && sum < FILE_BYTES_MAX &&
		(length = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		done = EVP_DigestUpdate(digest, bytes, length) == 1;
		sum += length;
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (file != NULL)
		fclose(file);
	return done && EVP_DigestUpdate(digest, &sum, sizeof(sum)) == 1;
}

bool origin_digest(
	EVP_MD_CTX *digest, const struct config *config, const struct config_upstream *upstream)
{
	const struct config_credential *c = credential_of(config, upstream);
	bool done = digest_text(digest, "upstream") && digest_text(digest, upstream->name) &&
		    EVP_DigestUpdate(digest, &upstream->transport.security,
			    sizeof(upstream->transport.security)) == 1;

	if (c == NULL)
		return done;
	for (uint32_t i = 0; done && i < c->alpn.count; i++)
		done = digest_text(digest, c->alpn.items[i]);
	return done && digest_text(digest, c->name) && digest_value(digest, c->roots) &&
	       digest_value(digest, c->certificate) && digest_value(digest, c->key) &&
	       digest_text(digest, c->server_name) &&
	       EVP_DigestUpdate(digest, &c->min_version, sizeof(c->min_version)) == 1 &&
	       EVP_DigestUpdate(digest, &c->insecure, sizeof(c->insecure)) == 1;
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
