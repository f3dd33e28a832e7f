// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/credentials.h"

#include <openssl/evp.h>
#include <openssl/tls1.h>
#include <time.h>

#include "daemon/key_file.h"
#include "daemon/origins.h"
#include "reality/proof.h"
#include "slowpath/service.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile.h"

enum {
	DIGEST_BYTES = 32,
	FILE_BYTES_MAX = 1 << 20
};

// A profile that the slow path has.
struct profile {
	uint8_t digest[DIGEST_BYTES];
	uint32_t number;
	bool wanted; // by the configuration that is followed
};

// A listener or an upstream of that configuration.
struct assignment {
	char name[NAME_BYTES];
	bool is_upstream;
	uint32_t number;
};

struct credentials {
	struct ticket_keys *tickets; // of all profiles; NULL until there is one
	struct profile *profiles;
	uint32_t profile_count;
	struct assignment *assignments;
	uint32_t assignment_count;
};

int credentials_create(struct daemon *daemon, struct credentials **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void credentials_destroy(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	ticket_keys_destroy(credentials->tickets);
	free(credentials->profiles);
	free(credentials->assignments);
	free(credentials);
}

static_assert((int)CLIENT_CERTIFICATE_OPTIONAL == (int)TLS_CLIENT_CERTIFICATE_OPTIONAL);
static_assert((int)CLIENT_CERTIFICATE_REQUIRED == (int)TLS_CLIENT_CERTIFICATE_REQUIRED);

static struct tls_certificate certificate_of(const struct config_credential *credential)
{
	return (struct tls_certificate){
		.name = credential->name,
		.certificate = config_file_path(credential->certificate),
		.key = config_file_path(credential->key),
		.names = credential->names.items,
		.name_count = credential->names.count,
		.alpn = credential->alpn.items,
		.alpn_count = credential->alpn.count,
		.min_version = credential->min_version == TLS_VERSION_WORD_1_3 ? TLS1_3_VERSION
									       : TLS1_2_VERSION,
		.client_certificate = (uint8_t)credential->client_certificate,
		.client_ca = config_file_path(credential->client_ca),
		.ocsp = config_file_path(credential->ocsp),
	};
}

static int tls_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size)
{
	struct tls_certificate certificate = certificate_of(credential);
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
	bool done = file != NULL;

	while (done && sum < FILE_BYTES_MAX &&
		(length = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		done = EVP_DigestUpdate(digest, bytes, length) == 1;
		sum += length;
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (file != NULL)
		fclose(file);
	return done && EVP_DigestUpdate(digest, &sum, sizeof(sum)) == 1;
}

// A file that need not be named, nor be there.
static bool digest_named_file(EVP_MD_CTX *digest, const char *path)
{
	return (path != NULL && digest_file(digest, path)) || digest_text(digest, "none");
}

static bool digest_certificate(EVP_MD_CTX *digest, const struct config_credential *credential)
{
	return digest_text(digest, credential->name) &&
	       digest_file(digest, config_file_path(credential->certificate)) &&
	       digest_file(digest, config_file_path(credential->key)) &&
	       digest_strings(digest, &credential->names) &&
	       digest_strings(digest, &credential->alpn) &&
	       EVP_DigestUpdate(
		       digest, &credential->min_version, sizeof(credential->min_version)) == 1 &&
	       EVP_DigestUpdate(digest, &credential->client_certificate,
		       sizeof(credential->client_certificate)) == 1 &&
	       digest_named_file(digest, config_file_path(credential->client_ca)) &&
	       digest_named_file(digest, config_file_path(credential->ocsp));
}

// What tells profiles apart. A file that cannot be read gives some digest: reading it for the
// profile says what is wrong with it.
static int digest_listener(const struct config *config, const struct config_listener *listener,
	uint8_t out[DIGEST_BYTES])
{
	const struct config_strings *names = &listener->transport.credentials;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;

	for (uint32_t i = 0; done && i < names->count; i++) {
		const struct config_credential *credential =
			config_credential_find(config, names->items[i]);

		if (!digest_certificate(digest, credential))
			done = digest_text(digest, "unread");
	}
	done = done && EVP_DigestFinal_ex(digest, out, NULL) == 1;
	EVP_MD_CTX_free(digest);
	return done ? 0 : -ENOMEM;
}

static uint64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static int tickets_make(struct credentials *c, char *error, size_t error_size)
{
	int status = c->tickets == NULL ? ticket_keys_create(seconds, &c->tickets) : 0;

	if (status != 0)
		snprintf(error, error_size,
			"the keys of session tickets need locked memory: %s; raise LimitMEMLOCK",
			strerror(-status));
	return status;
}

static int digest_upstream(const struct config *config, const struct config_upstream *upstream,
	uint8_t out[DIGEST_BYTES])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		    origin_digest(digest, config, upstream) &&
		    EVP_DigestFinal_ex(digest, out, NULL) == 1;

	EVP_MD_CTX_free(digest);
	return done ? 0 : -ENOMEM;
}

static int profile_make(struct daemon *daemon, const struct config *config,
	const struct config_listener *listener, uint32_t *number, char *error, size_t error_size)
{
	const struct config_strings *names = &listener->transport.credentials;
	struct tls_certificate *certificates = calloc(names->count, sizeof(*certificates));
	struct tls_profile *profile;
	int status = certificates != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; status == 0 && i < names->count; i++) {
		certificates[i] = certificate_of(config_credential_find(config, names->items[i]));
		status = key_file_check(config, certificates[i].key, error, error_size);
	}
	if (status == 0)
		status = tls_profile_create(certificates, names->count,
			daemon->credentials->tickets, &profile, error, error_size);
	free(certificates);
	if (status != 0)
		return status;
	for (uint32_t i = 0; i < names->count; i++)
		if (tls_profile_note(profile, i)[0] != '\0')
			daemon_event(daemon, EVENT_KIND_STAPLE_REFUSED, "%s",
				tls_profile_note(profile, i));
	*number = slowpath_profile_add(daemon->slowpath, &tls_server_kind, profile);
	if (*number != 0)
		return 0;
	tls_profile_destroy(profile);
	return -ENOMEM;
}

static struct profile *profile_find(const struct credentials *c, const uint8_t digest[DIGEST_BYTES])
{
	for (uint32_t i = 0; i < c->profile_count; i++)
		if (memcmp(c->profiles[i].digest, digest, DIGEST_BYTES) == 0)
			return &c->profiles[i];
	return NULL;
}

static int profile_keep(struct daemon *daemon, const uint8_t digest[DIGEST_BYTES], uint32_t number)
{
	struct credentials *c = daemon->credentials;
	struct profile *grown = realloc(c->profiles, (c->profile_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		slowpath_profile_remove(daemon->slowpath, number);
		return -ENOMEM;
	}
	c->profiles = grown;
	memcpy(grown[c->profile_count].digest, digest, DIGEST_BYTES);
	grown[c->profile_count].number = number;
	grown[c->profile_count].wanted = false;
	c->profile_count++;
	return 0;
}

// The listener's profile: the one that is there, or a new one.
static int listener_follow(struct daemon *daemon, const struct config *config,
	const struct config_listener *listener, uint32_t *number, char *error, size_t error_size)
{
	struct credentials *c = daemon->credentials;
	const struct profile *known;
	uint8_t digest[DIGEST_BYTES];
	int status = digest_listener(config, listener, digest);

	if (status != 0)
		return status;
	known = profile_find(c, digest);
	if (known != NULL) {
		*number = known->number;
		return 0;
	}
	status = tickets_make(c, error, error_size);
	if (status == 0)
		status = profile_make(daemon, config, listener, number, error, error_size);
	return status == 0 ? profile_keep(daemon, digest, *number) : status;
}

static void insecure_tell(
	struct daemon *daemon, const struct config *config, const struct config_upstream *upstream)
{
	const struct config_credential *credential = origin_insecure(config, upstream);

	if (credential != NULL)
		daemon_event(daemon, EVENT_KIND_TLS_UPSTREAM_INSECURE,
			"upstream %s takes any server for its target: credential %s is insecure",
			upstream->name, credential->name);
}

// As for a listener.
static int upstream_follow(struct daemon *daemon, const struct config *config,
	const struct config_upstream *upstream, uint32_t *number, char *error, size_t error_size)
{
	struct credentials *c = daemon->credentials;
	const struct handshake_kind *kind;
	const struct profile *known;
	uint8_t digest[DIGEST_BYTES];
	void *profile;
	int status = digest_upstream(config, upstream, digest);

	if (status != 0)
		return status;
	known = profile_find(c, digest);
	if (known != NULL) {
		*number = known->number;
		return 0;
	}
	status = origin_profile_make(config, upstream, &kind, &profile, error, error_size);
	if (status != 0)
		return status;
	*number = slowpath_profile_add(daemon->slowpath, kind, profile);
	if (*number == 0) {
		kind->profile_destroy(profile);
		return -ENOMEM;
	}
	insecure_tell(daemon, config, upstream);
	return profile_keep(daemon, digest, *number);
}

static void wanted_mark(struct credentials *c)
{
	for (uint32_t p = 0; p < c->profile_count; p++) {
		c->profiles[p].wanted = false;
		for (uint32_t i = 0; i < c->assignment_count; i++)
			if (c->assignments[i].number == c->profiles[p].number)
				c->profiles[p].wanted = true;
	}
}

static int slowpath_need(
	const struct daemon *daemon, const char *list, const char *name, char *error, size_t size)
{
	if (daemon->slowpath != NULL)
		return 0;
	snprintf(error, size,
		"%s.%s: without locked memory there is no TLS; raise LimitMEMLOCK and restart "
		"nexpathd",
		list, name);
	return -EPERM;
}

static int listeners_follow(struct daemon *daemon, const struct config *config,
	struct assignment *next, uint32_t *count, char *error, size_t error_size)
{
	const struct config_listener *listeners = config_listeners(config);
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < config->listeners.count; i++) {
		struct assignment *a = &next[*count];

		if (listeners[i].transport.security != SECURITY_TLS)
			continue;
		snprintf(a->name, sizeof(a->name), "%s", listeners[i].name);
		status = slowpath_need(daemon, "listeners", a->name, error, error_size);
		if (status == 0)
			status = listener_follow(
				daemon, config, &listeners[i], &a->number, error, error_size);
		(*count)++;
	}
	return status;
}

static int upstreams_follow(struct daemon *daemon, const struct config *config,
	struct assignment *next, uint32_t *count, char *error, size_t error_size)
{
	const struct config_upstream *upstreams = config_upstreams(config);
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < config->upstreams.count; i++) {
		struct assignment *a = &next[*count];

		if (upstreams[i].transport.security == SECURITY_RAW)
			continue;
		snprintf(a->name, sizeof(a->name), "%s", upstreams[i].name);
		a->is_upstream = true;
		status = slowpath_need(daemon, "upstreams", a->name, error, error_size);
		if (status == 0)
			status = upstream_follow(
				daemon, config, &upstreams[i], &a->number, error, error_size);
		(*count)++;
	}
	return status;
}

int credentials_follow(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size)
{
	struct credentials *c = daemon->credentials;
	struct assignment *next =
		calloc(config->listeners.count + config->upstreams.count + 1, sizeof(*next));
	uint32_t count = 0;
	int status = next != NULL ? 0 : -ENOMEM;

	snprintf(error, error_size, "out of memory");
	if (status == 0)
		status = listeners_follow(daemon, config, next, &count, error, error_size);
	if (status == 0)
		status = upstreams_follow(daemon, config, next, &count, error, error_size);
	if (status != 0) {
		free(next);
		return status;
	}
	free(c->assignments);
	c->assignments = next;
	c->assignment_count = count;
	wanted_mark(c);
	return 0;
}

static uint32_t number_of(const struct credentials *c, const char *name, bool is_upstream)
{
	for (uint32_t i = 0; i < c->assignment_count; i++)
		if (c->assignments[i].is_upstream == is_upstream &&
			strcmp(c->assignments[i].name, name) == 0)
			return c->assignments[i].number;
	return 0;
}

uint32_t credentials_number(struct daemon *daemon, const struct config_listener *listener)
{
	return number_of(daemon->credentials, listener->name, false);
}

uint32_t credentials_upstream_number(struct daemon *daemon, const struct config_upstream *upstream)
{
	return number_of(daemon->credentials, upstream->name, true);
}

const char *credentials_upstream(const struct daemon *daemon, uint32_t number)
{
	const struct credentials *c = daemon->credentials;

	for (uint32_t i = 0; i < c->assignment_count; i++)
		if (c->assignments[i].is_upstream && c->assignments[i].number == number)
			return c->assignments[i].name;
	return "?";
}

void credentials_sweep(struct daemon *daemon)
{
	struct credentials *c = daemon->credentials;

	for (uint32_t i = c->profile_count; i-- > 0;) {
		if (c->profiles[i].wanted)
			continue;
		slowpath_profile_remove(daemon->slowpath, c->profiles[i].number);
		c->profiles[i] = c->profiles[--c->profile_count];
	}
}

void credentials_forget(struct daemon *daemon)
{
	daemon->credentials->profile_count = 0;
	daemon->credentials->assignment_count = 0;
}
