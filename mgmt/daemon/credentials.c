// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/credentials.h"

#include <openssl/tls1.h>
#include <time.h>

#include "daemon/credential_files.h"
#include "daemon/key_file.h"
#include "daemon/origins.h"
#include "daemon/reality_credential.h"
#include "slowpath/reality/probe_engine.h"
#include "slowpath/service.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile.h"

enum {
	SECONDS_A_DAY = 86400,
};

// A profile that the slow path has.
struct profile {
	uint8_t digest[CREDENTIAL_DIGEST_BYTES];
	uint32_t number;
	struct reality_profile *reality; // what it is, held by the slow path; NULL: no such
	uint32_t probes;                 // of reality: the number of its probes' profile
	uint64_t unwanted_since;         // as credentials_sweep has it; 0: it is wanted
};

// Who has which profile: a listener or an upstream.
struct assignment {
	char name[NAME_BYTES];
	bool is_upstream;
	uint32_t number;
};

// What is known of a credential.
struct known {
	char name[NAME_BYTES];
	uint8_t digest[CREDENTIAL_DIGEST_BYTES];
	int64_t expiry; // Unix seconds, 0: none
	int told;       // of enum told
};

enum told {
	TOLD_NOTHING = 0,
	TOLD_WEEKS,
	TOLD_DAY,
	TOLD_EXPIRED
};

// What one configuration has.
struct assignments {
	uint32_t count, known_count;
	struct assignment *items;
	struct known *known;
};

struct credentials {
	struct ticket_keys *tickets; // of all profiles; NULL until there is one
	struct profile *profiles;
	uint32_t profile_count;
	struct assignments running;
	struct assignments next; // of what is to be published
	bool has_next;
};

int credentials_create(struct daemon *daemon, struct credentials **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

static void assignments_fini(struct assignments *a)
{
	free(a->items);
	free(a->known);
	*a = (struct assignments){0};
}

void credentials_destroy(struct credentials *credentials)
{
	if (credentials == NULL)
		return;
	assignments_fini(&credentials->running);
	assignments_fini(&credentials->next);
	ticket_keys_destroy(credentials->tickets);
	free(credentials->profiles);
	free(credentials);
}

static_assert((int)CLIENT_CERTIFICATE_OPTIONAL == (int)TLS_CLIENT_CERTIFICATE_OPTIONAL);
static_assert((int)CLIENT_CERTIFICATE_REQUIRED == (int)TLS_CLIENT_CERTIFICATE_REQUIRED);

struct tls_certificate credential_certificate(const struct config_credential *credential)
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

// The server's side of standard TLS.
static int tls_server_make(struct daemon *daemon, const struct config *config,
	const struct config_strings *names, uint32_t *number, char *error, size_t error_size)
{
	struct tls_certificate *certificates = calloc(names->count, sizeof(*certificates));
	struct tls_profile *profile;
	int status = certificates != NULL ? tickets_make(daemon->credentials, error, error_size)
					  : -ENOMEM;

	for (uint32_t i = 0; status == 0 && i < names->count; i++) {
		certificates[i] =
			credential_certificate(config_credential_find(config, names->items[i]));
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

// One transport on its way to a profile.
struct securing {
	struct daemon *daemon;
	const struct config *config;
	const struct config_transport *transport;
	const char *name;                       // of the listener or upstream
	const struct config_upstream *upstream; // NULL: it is a listener's
};

static int origin_make(const struct securing *s, uint32_t *number, char *error, size_t error_size)
{
	const struct config_credential *insecure = origin_insecure(s->config, s->upstream);
	const struct handshake_kind *kind;
	void *profile;
	int status =
		origin_profile_make(s->config, s->upstream, &kind, &profile, error, error_size);

	if (status != 0)
		return status;
	*number = slowpath_profile_add(s->daemon->slowpath, kind, profile);
	if (*number == 0) {
		kind->profile_destroy(profile);
		return -ENOMEM;
	}
	if (insecure != NULL)
		daemon_event(s->daemon, EVENT_KIND_TLS_UPSTREAM_INSECURE,
			"upstream %s takes any server for its target: credential %s is insecure",
			s->name, insecure->name);
	return 0;
}

static int reality_make(
	const struct securing *s, struct profile *out, char *error, size_t error_size)
{
	const char *name = s->transport->credentials.items[0];
	struct slowpath *slowpath = s->daemon->slowpath;
	struct reality_profile *profile;
	int status = reality_profile_of(
		s->config, config_credential_find(s->config, name), &profile, error, error_size);

	if (status != 0)
		return status;
	out->number = slowpath_profile_add(slowpath, &reality_server_kind, profile);
	if (out->number == 0) {
		reality_profile_destroy(profile);
		return -ENOMEM;
	}
	out->reality = reality_profile_share(profile);
	out->probes = slowpath_profile_add(slowpath, &reality_probe_kind, profile);
	if (out->probes != 0)
		return 0;
	reality_profile_destroy(profile);
	slowpath_profile_remove(slowpath, out->number);
	return -ENOMEM;
}

// A new profile of the slow path, by what the transport is.
static int profile_make(
	const struct securing *s, struct profile *out, char *error, size_t error_size)
{
	if (s->upstream != NULL)
		return origin_make(s, &out->number, error, error_size);
	if (s->transport->security == SECURITY_REALITY)
		return reality_make(s, out, error, error_size);
	return tls_server_make(
		s->daemon, s->config, &s->transport->credentials, &out->number, error, error_size);
}

static struct known *known_find(const struct assignments *a, const char *name)
{
	for (uint32_t i = 0; i < a->known_count; i++)
		if (strcmp(a->known[i].name, name) == 0)
			return &a->known[i];
	return NULL;
}

// What tells profiles apart: the transport, the credentials as they were read, and the upstream,
// for reports name it by its profile.
static int transport_digest(const struct securing *s, uint8_t out[CREDENTIAL_DIGEST_BYTES])
{
	const struct config_strings *names = &s->transport->credentials;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		    (s->upstream == NULL ||
			    EVP_DigestUpdate(digest, s->name, strlen(s->name) + 1) == 1) &&
		    EVP_DigestUpdate(
			    digest, &s->transport->security, sizeof(s->transport->security)) == 1;

	for (uint32_t i = 0; done && i < names->count; i++) {
		const struct known *known =
			known_find(&s->daemon->credentials->next, names->items[i]);

		done = EVP_DigestUpdate(digest, known->digest, sizeof(known->digest)) == 1;
	}
	done = done && EVP_DigestFinal_ex(digest, out, NULL) == 1;
	EVP_MD_CTX_free(digest);
	return done ? 0 : -ENOMEM;
}

static struct profile *profile_find(
	const struct credentials *c, const uint8_t digest[CREDENTIAL_DIGEST_BYTES])
{
	for (uint32_t i = 0; i < c->profile_count; i++)
		if (memcmp(c->profiles[i].digest, digest, CREDENTIAL_DIGEST_BYTES) == 0)
			return &c->profiles[i];
	return NULL;
}

// The transport's profile: the one that is there, or a new one.
static int profile_follow(
	const struct securing *s, uint32_t *number, char *error, size_t error_size)
{
	struct credentials *c = s->daemon->credentials;
	struct profile made = {0}, *known, *grown;
	int status = transport_digest(s, made.digest);

	if (status != 0)
		return status;
	known = profile_find(c, made.digest);
	if (known != NULL) {
		*number = known->number;
		return 0;
	}
	grown = realloc(c->profiles, (c->profile_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	c->profiles = grown;
	status = profile_make(s, &made, error, error_size);
	if (status != 0)
		return status;
	grown[c->profile_count++] = made;
	*number = made.number;
	return 0;
}

static struct assignment *assignment_find(
	const struct assignments *a, const char *name, bool is_upstream)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (a->items[i].is_upstream == is_upstream && strcmp(a->items[i].name, name) == 0)
			return &a->items[i];
	return NULL;
}

static bool names_have(const struct config_strings *names, const char *name)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

// only: as in credentials_prepare.
static int assign(const struct securing *s, const char *only, char *error, size_t error_size)
{
	struct credentials *c = s->daemon->credentials;
	struct assignment *item = &c->next.items[c->next.count];
	const struct assignment *before;

	if (s->transport->security == SECURITY_RAW)
		return 0;
	if (s->daemon->slowpath == NULL) {
		snprintf(error, error_size,
			"%s.%s: without locked memory there is no TLS; raise LimitMEMLOCK and "
			"restart nexpathd",
			s->upstream != NULL ? "upstreams" : "listeners", s->name);
		return -EPERM;
	}
	snprintf(item->name, sizeof(item->name), "%s", s->name);
	item->is_upstream = s->upstream != NULL;
	c->next.count++;
	before = assignment_find(&c->running, s->name, s->upstream != NULL);
	if (only != NULL && before != NULL && !names_have(&s->transport->credentials, only)) {
		item->number = before->number;
		return 0;
	}
	return profile_follow(s, &item->number, error, error_size);
}

// What is known of each credential: read anew, but for those that `only` leaves out.
static int known_read(struct credentials *c, const struct config *config, const char *only)
{
	const struct config_credential *credentials = config_credentials(config);
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < config->credentials.count; i++) {
		struct known *known = &c->next.known[i];
		const struct known *before = known_find(&c->running, credentials[i].name);

		if (before != NULL && only != NULL && strcmp(only, before->name) != 0) {
			*known = *before;
			continue;
		}
		snprintf(known->name, sizeof(known->name), "%s", credentials[i].name);
		known->expiry = credential_expiry(&credentials[i]);
		status = credential_digest(&credentials[i], known->digest);
		// Told once for each certificate.
		if (before != NULL && before->expiry == known->expiry)
			known->told = before->told;
	}
	c->next.known_count = config->credentials.count;
	return status;
}

static int assign_all(struct daemon *daemon, const struct config *config, const char *only,
	char *error, size_t error_size)
{
	const struct config_listener *listeners = config_listeners(config);
	const struct config_upstream *upstreams = config_upstreams(config);
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < config->listeners.count; i++)
		status = assign(&(struct securing){daemon, config, &listeners[i].transport,
					listeners[i].name, NULL},
			only, error, error_size);
	for (uint32_t i = 0; status == 0 && i < config->upstreams.count; i++)
		status = assign(&(struct securing){daemon, config, &upstreams[i].transport,
					upstreams[i].name, &upstreams[i]},
			only, error, error_size);
	return status;
}

int credentials_prepare(struct daemon *daemon, const struct config *config, const char *only,
	char *error, size_t error_size)
{
	struct credentials *c = daemon->credentials;
	size_t most = (size_t)config->listeners.count + config->upstreams.count + 1;
	int status;

	credentials_abandon(daemon);
	snprintf(error, error_size, "out of memory");
	c->next.items = calloc(most, sizeof(*c->next.items));
	c->next.known = calloc(config->credentials.count + 1, sizeof(*c->next.known));
	status = c->next.items != NULL && c->next.known != NULL ? known_read(c, config, only)
								: -ENOMEM;
	if (status == 0)
		status = assign_all(daemon, config, only, error, error_size);
	if (status == 0)
		c->has_next = true;
	else
		credentials_abandon(daemon);
	return status;
}

bool credentials_have_changed(const struct daemon *daemon, const char *name)
{
	const struct known *before = known_find(&daemon->credentials->running, name);
	const struct known *after = known_find(&daemon->credentials->next, name);

	return before == NULL || after == NULL ||
	       memcmp(before->digest, after->digest, CREDENTIAL_DIGEST_BYTES) != 0;
}

void credentials_abandon(struct daemon *daemon)
{
	assignments_fini(&daemon->credentials->next);
	daemon->credentials->has_next = false;
}

void credentials_commit(struct daemon *daemon)
{
	struct credentials *c = daemon->credentials;

	if (!c->has_next)
		return;
	assignments_fini(&c->running);
	c->running = c->next;
	c->next = (struct assignments){0};
	c->has_next = false;
}

static uint32_t number_of(const struct daemon *daemon, const char *name, bool is_upstream)
{
	const struct credentials *c = daemon->credentials;
	const struct assignment *found =
		assignment_find(c->has_next ? &c->next : &c->running, name, is_upstream);

	return found != NULL ? found->number : 0;
}

uint32_t credentials_number(struct daemon *daemon, const struct config_listener *listener)
{
	return number_of(daemon, listener->name, false);
}

uint32_t credentials_upstream_number(struct daemon *daemon, const struct config_upstream *upstream)
{
	return number_of(daemon, upstream->name, true);
}

const char *credentials_upstream(const struct daemon *daemon, uint32_t number)
{
	const struct assignments *a = &daemon->credentials->running;

	for (uint32_t i = 0; i < a->count; i++)
		if (a->items[i].is_upstream && a->items[i].number == number)
			return a->items[i].name;
	return "?";
}

struct reality_profile *credentials_reality(
	const struct daemon *daemon, uint32_t number, uint32_t *probes)
{
	const struct credentials *c = daemon->credentials;

	for (uint32_t i = 0; i < c->profile_count; i++)
		if (c->profiles[i].number == number && c->profiles[i].reality != NULL) {
			*probes = c->profiles[i].probes;
			return c->profiles[i].reality;
		}
	return NULL;
}

static bool is_wanted(const struct credentials *c, uint32_t number)
{
	for (uint32_t i = 0; i < c->running.count; i++)
		if (c->running.items[i].number == number)
			return true;
	for (uint32_t i = 0; i < c->next.count; i++)
		if (c->next.items[i].number == number)
			return true;
	return false;
}

// A session keeps the profile of its accept until it sends its first bytes or its handshake times
// out.
static uint64_t kept_seconds(const struct daemon *daemon)
{
	uint64_t handshake = daemon->config != NULL ? daemon->config->slowpath.handshake_timeout_s
						    : SLOW_TIMEOUT / USEC_PER_SECOND;

	return 2 * (handshake + SLOW_FORGET / USEC_PER_SECOND);
}

void credentials_sweep(struct daemon *daemon, uint64_t now_s)
{
	struct credentials *c = daemon->credentials;
	uint64_t kept = kept_seconds(daemon);

	for (uint32_t i = c->profile_count; i-- > 0;) {
		struct profile *p = &c->profiles[i];

		if (is_wanted(c, p->number)) {
			p->unwanted_since = 0;
		} else if (p->unwanted_since == 0) {
			p->unwanted_since = now_s;
		} else if (now_s - p->unwanted_since > kept) {
			slowpath_profile_remove(daemon->slowpath, p->number);
			if (p->probes != 0)
				slowpath_profile_remove(daemon->slowpath, p->probes);
			*p = c->profiles[--c->profile_count];
		}
	}
}

void credentials_forget(struct daemon *daemon)
{
	daemon->credentials->profile_count = 0;
	assignments_fini(&daemon->credentials->running);
	credentials_abandon(daemon);
}

int64_t credentials_expiry(const struct daemon *daemon, const char *name)
{
	const struct known *known = known_find(&daemon->credentials->running, name);

	return known != NULL ? known->expiry : 0;
}

static enum told due(int64_t left_s)
{
	if (left_s <= 0)
		return TOLD_EXPIRED;
	if (left_s <= SECONDS_A_DAY)
		return TOLD_DAY;
	return left_s <= 14 * SECONDS_A_DAY ? TOLD_WEEKS : TOLD_NOTHING;
}

void credentials_expiry_tell(struct daemon *daemon)
{
	struct assignments *a = &daemon->credentials->running;

	for (uint32_t i = 0; i < a->known_count; i++) {
		struct known *known = &a->known[i];
		int64_t left = known->expiry - (int64_t)daemon_time();
		enum told told = known->expiry != 0 ? due(left) : TOLD_NOTHING;

		if ((int)told <= known->told)
			continue;
		known->told = (int)told;
		if (told == TOLD_EXPIRED)
			daemon_event(daemon, EVENT_KIND_CREDENTIAL_EXPIRED,
				"the certificate of credential \"%s\" has expired", known->name);
		else
			daemon_event(daemon, EVENT_KIND_CREDENTIAL_EXPIRES,
				"the certificate of credential \"%s\" expires in %.1f days",
				known->name, (double)left / SECONDS_A_DAY);
	}
}
