// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/credential_files.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "daemon/credentials.h"
#include "daemon/key_file.h"
#include "daemon/origins.h"
#include "reality/proof.h"
#include "slowpath/tls/profile.h"

enum {
	FILE_BYTES_MAX = 1 << 20
};

static int tls_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size)
{
	struct tls_certificate certificate = credential_certificate(credential);
	struct tls_profile *profile;
	int status = key_file_check(config, certificate.key, error, error_size);

	if (status == 0)
		status = tls_profile_create(&certificate, 1, NULL, &profile, error, error_size);
	if (status == 0)
		tls_profile_destroy(profile);
	return status;
}

static int key_is_usable(const struct config *config, const char *value, size_t length, char *error,
	size_t error_size)
{
	uint8_t key[REALITY_MLDSA_PUBLIC_BYTES];
	int status = value[0] != '\0'
			     ? key_value_read(config, value, key, length, error, error_size)
			     : 0;

	explicit_bzero(key, sizeof(key));
	return status;
}

static int reality_is_usable(const struct config *config,
	const struct config_credential *credential, char *error, size_t error_size)
{
	int status = key_is_usable(
		config, credential->private_key, REALITY_KEY_BYTES, error, error_size);

	if (status == 0)
		status = key_is_usable(config, credential->previous_private_key, REALITY_KEY_BYTES,
			error, error_size);
	if (status == 0)
		status = key_is_usable(config, credential->mldsa65_seed, REALITY_MLDSA_SEED_BYTES,
			error, error_size);
	if (status == 0)
		status = key_is_usable(
			config, credential->public_key, REALITY_KEY_BYTES, error, error_size);
	if (status == 0)
		status = key_is_usable(config, credential->mldsa65_verify,
			REALITY_MLDSA_PUBLIC_BYTES, error, error_size);
	if (status == 0 && !reality_mldsa_is_there() &&
		(credential->mldsa65_seed[0] != '\0' || credential->mldsa65_verify[0] != '\0')) {
		snprintf(error, error_size,
			"ML-DSA-65 needs OpenSSL 3.5 or later; leave out the key for it");
		status = -ENOTSUP;
	}
	return status;
}

int credential_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size)
{
	if (credential->kind == CREDENTIAL_TLS)
		return tls_is_usable(config, credential, error, error_size);
	if (credential->kind == CREDENTIAL_TLS_CLIENT)
		return origin_is_usable(config, credential, error, error_size);
	return reality_is_usable(config, credential, error, error_size);
}

int credentials_check(const struct config *config, const char *only, char *error, size_t error_size)
{
	const struct config_credential *credentials = config_credentials(config);
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < config->credentials.count; i++)
		if (only == NULL || strcmp(only, credentials[i].name) == 0)
			status = credential_is_usable(config, &credentials[i], error, error_size);
	return status;
}

static bool digest_text(EVP_MD_CTX *digest, const char *text)
{
	return EVP_DigestUpdate(digest, text, strlen(text) + 1) == 1;
}

static bool digest_strings(EVP_MD_CTX *digest, const struct config_strings *strings)
{
	bool done = EVP_DigestUpdate(digest, &strings->count, sizeof(strings->count)) == 1;

	for (uint32_t i = 0; done && i < strings->count; i++)
		done = digest_text(digest, strings->items[i]);
	return done;
}

static bool digest_file(EVP_MD_CTX *digest, const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t bytes[4096];
	size_t length = 0, sum = 0;
	bool done = true;

	while (done && file != NULL && sum < FILE_BYTES_MAX &&
		(length = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		done = EVP_DigestUpdate(digest, bytes, length) == 1;
		sum += length;
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (file != NULL)
		fclose(file);
	return done && EVP_DigestUpdate(digest, &sum, sizeof(sum)) == 1;
}

// A value, and the file where it names one.
static bool digest_value(EVP_MD_CTX *digest, const char *value)
{
	const char *path = config_file_path(value);

	return digest_text(digest, value) && (path == NULL || digest_file(digest, path));
}

static bool digest_limit(EVP_MD_CTX *digest, const struct config_limit *limit)
{
	const uint32_t numbers[] = {limit->after_bytes, limit->bytes_per_s, limit->burst_bytes};

	return EVP_DigestUpdate(digest, numbers, sizeof(numbers)) == 1;
}

static bool digest_all(EVP_MD_CTX *digest, const struct config_credential *c)
{
	const char *const values[] = {c->name, c->certificate, c->key, c->ocsp, c->client_ca,
		c->roots, c->server_name, c->private_key, c->previous_private_key,
		c->min_client_version, c->max_client_version, c->mldsa65_seed, c->public_key,
		c->short_id, c->mldsa65_verify, c->target.key != NULL ? c->target.key : ""};
	const uint32_t numbers[] = {c->kind, c->min_version, c->client_certificate, c->insecure,
		c->max_time_diff_s, c->key_shares, c->target_proxy_protocol, c->fingerprint};
	bool done = EVP_DigestUpdate(digest, numbers, sizeof(numbers)) == 1;

	for (size_t i = 0; done && i < nx_array_size(values); i++)
		done = digest_value(digest, values[i]);
	return done && digest_strings(digest, &c->names) && digest_strings(digest, &c->alpn) &&
	       digest_strings(digest, &c->server_names) && digest_strings(digest, &c->short_ids) &&
	       digest_limit(digest, &c->limit_fallback_upload) &&
	       digest_limit(digest, &c->limit_fallback_download);
}

int credential_digest(
	const struct config_credential *credential, uint8_t out[CREDENTIAL_DIGEST_BYTES])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		    digest_all(digest, credential) && EVP_DigestFinal_ex(digest, out, NULL) == 1;

	EVP_MD_CTX_free(digest);
	return done ? 0 : -ENOMEM;
}

static int64_t time_of(const ASN1_TIME *time)
{
	struct tm parts;

	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

int64_t credential_expiry(const struct config_credential *credential)
{
	const char *path = config_file_path(credential->certificate);
	FILE *file = path != NULL ? fopen(path, "rbe") : NULL;
	int64_t first = 0;
	X509 *x;

	while (file != NULL && (x = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
		int64_t end = time_of(X509_get0_notAfter(x));

		X509_free(x);
		first = first == 0 || end < first ? end : first;
	}
	ERR_clear_error();
	if (file != NULL)
		fclose(file);
	return first;
}
