// SPDX-License-Identifier: BSD-3-Clause
// Credentials: which keys each kind has, and what these hold.
#include <stdarg.h>

#include "config/key_text.h"
#include "config/validate/validate.h"
#include "config/values.h"

enum {
	ALPN_BYTES_MAX = 255, // RFC 7301 3.1
	HOST_BYTES_MAX = 255,
	X25519_BYTES = 32,
	MLDSA_SEED_BYTES = 32,
	MLDSA_PUBLIC_BYTES = 1952,
};

enum {
	OF_TLS = 1u << CREDENTIAL_TLS,
	OF_TLS_CLIENT = 1u << CREDENTIAL_TLS_CLIENT,
	OF_REALITY = 1u << CREDENTIAL_REALITY,
	OF_REALITY_CLIENT = 1u << CREDENTIAL_REALITY_CLIENT,
};

// The keys beside name and kind.
static const struct kind_key {
	const char *name;
	uint8_t kinds;
	uint8_t required;
} kind_keys[] = {
	{"certificate", OF_TLS | OF_TLS_CLIENT, OF_TLS},
	{"key", OF_TLS | OF_TLS_CLIENT, OF_TLS},
	{"names", OF_TLS, 0},
	{"alpn", OF_TLS | OF_TLS_CLIENT, 0},
	{"min_version", OF_TLS | OF_TLS_CLIENT, 0},
	{"ocsp", OF_TLS, 0},
	{"client_ca", OF_TLS, 0},
	{"client_certificate", OF_TLS, 0},
	{"roots", OF_TLS_CLIENT | OF_REALITY_CLIENT, 0},
	{"server_name", OF_TLS_CLIENT | OF_REALITY_CLIENT, OF_REALITY_CLIENT},
	{"insecure", OF_TLS_CLIENT, 0},
	{"private_key", OF_REALITY, OF_REALITY},
	{"previous_private_key", OF_REALITY, 0},
	{"target", OF_REALITY, OF_REALITY},
	{"server_names", OF_REALITY, OF_REALITY},
	{"short_ids", OF_REALITY, OF_REALITY},
	{"min_client_version", OF_REALITY, 0},
	{"max_client_version", OF_REALITY, 0},
	{"max_time_diff_s", OF_REALITY, 0},
	{"key_shares", OF_REALITY, 0},
	{"mldsa65_seed", OF_REALITY, 0},
	{"target_proxy_protocol", OF_REALITY, 0},
	{"limit_fallback_upload", OF_REALITY, 0},
	{"limit_fallback_download", OF_REALITY, 0},
	{"public_key", OF_REALITY_CLIENT, OF_REALITY_CLIENT},
	{"short_id", OF_REALITY_CLIENT, 0},
	{"fingerprint", OF_REALITY_CLIENT, 0},
	{"mldsa65_verify", OF_REALITY_CLIENT, 0},
};

// One credential on its way through the checks.
struct judging {
	const struct checking *c;
	const struct config_credential *credential;
	uint32_t index;
};

__attribute__((format(printf, 3, 4))) static void wrong(
	const struct judging *j, const char *key, const char *format, ...)
{
	char path[FAULT_PATH_BYTES];
	char what[FAULT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "credentials[%u].%s", j->index, key);
	fault_add(j->c->faults, place_of(j->credential->node, key), path, "%s", what);
}

static void kinds_print(uint8_t kinds, char *out, size_t size)
{
	size_t used = 0;

	for (uint32_t kind = 0; kind <= CREDENTIAL_REALITY_CLIENT && used < size; kind++)
		if (kinds & 1u << kind)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
				credential_kind_name(kind));
}

static void check_keys(const struct judging *j)
{
	const struct config_credential *credential = j->credential;
	const char *kind = credential_kind_name(credential->kind);

	for (size_t i = 0; i < nx_array_size(kind_keys); i++) {
		const struct kind_key *key = &kind_keys[i];
		bool given = text_child(credential->node, key->name);
		char kinds[64];

		kinds_print(key->kinds, kinds, sizeof(kinds));
		if (given && !(key->kinds & 1u << credential->kind))
			wrong(j, key->name, "is no key of kind %s" HINT "it is one of %s", kind,
				kinds);
		else if (!given && (key->required & 1u << credential->kind))
			wrong(j, key->name, "is missing: kind %s needs it" HINT "add %s = ...;",
				kind, key->name);
	}
}

static void check_file(const struct judging *j, const char *key, const char *value)
{
	if (value[0] != '\0' && !config_file_path(value))
		wrong(j, key, "does not name a file" HINT "write \"file:/PATH\"");
}

// A host name, or "*." and one: letters, digits, '-' and '.'.
static bool is_host_name(const char *name)
{
	static const char LETTERS[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	const char *host = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	size_t length = strlen(host);

	return length > 0 && length <= HOST_BYTES_MAX && host[0] != '.' &&
	       strspn(host, LETTERS) == length;
}

static void check_hosts(const struct judging *j, const char *key,
	const struct config_strings *names, bool wildcards)
{
	char element[64];

	for (uint32_t i = 0; i < names->count; i++) {
		if (is_host_name(names->items[i]) && (wildcards || names->items[i][0] != '*'))
			continue;
		snprintf(element, sizeof(element), "%s[%u]", key, i);
		wrong(j, element,
			"\"%.60s\" is no host name" HINT "write one like www.example.org%s",
			names->items[i], wildcards ? " or *.example.org" : "");
	}
}

static void check_alpn(const struct judging *j)
{
	const struct config_strings *alpn = &j->credential->alpn;
	char element[64];

	for (uint32_t i = 0; i < alpn->count; i++) {
		size_t length = strlen(alpn->items[i]);

		if (length > 0 && length <= ALPN_BYTES_MAX)
			continue;
		snprintf(element, sizeof(element), "alpn[%u]", i);
		wrong(j, element,
			"has %zu characters" HINT
			"a protocol is named by 1 to %d, like h2 or http/1.1",
			length, ALPN_BYTES_MAX);
	}
}

static void check_key(const struct judging *j, const char *key, const char *value, size_t length)
{
	uint8_t bytes[MLDSA_PUBLIC_BYTES];

	if (value[0] != '\0' && !config_file_path(value) && !config_key_read(value, bytes, length))
		wrong(j, key,
			"is no key of %zu bytes" HINT
			"write %zu characters of base64url without '=', or \"file:/PATH\"; `nexpath "
			"credential generate reality` makes keys",
			length, KEY_TEXT_BYTES(length) - 1);
	explicit_bzero(bytes, sizeof(bytes));
}

static void check_short_id(const struct judging *j, const char *key, const char *value)
{
	uint8_t id[8];

	if (!config_short_id_read(value, id))
		wrong(j, key,
			"is no short id" HINT "write 0 to 16 hexadecimal digits, an even number");
}

static void check_versions(const struct judging *j)
{
	const struct config_credential *c = j->credential;
	uint32_t least = 0, greatest = UINT32_MAX;

	if (c->min_client_version[0] != '\0' && !config_version_read(c->min_client_version, &least))
		wrong(j, "min_client_version", "is no version" HINT "write one like 26.3.27");
	if (c->max_client_version[0] != '\0' &&
		!config_version_read(c->max_client_version, &greatest))
		wrong(j, "max_client_version", "is no version" HINT "write one like 26.3.27");
	if (least > greatest)
		wrong(j, "max_client_version", "is below min_client_version" HINT "raise it");
}

static void check_tls(const struct judging *j)
{
	const struct config_credential *c = j->credential;

	check_file(j, "certificate", c->certificate);
	check_file(j, "key", c->key);
	check_file(j, "ocsp", c->ocsp);
	check_file(j, "client_ca", c->client_ca);
	check_hosts(j, "names", &c->names, true);
	check_alpn(j);
	if (c->client_certificate != CLIENT_CERTIFICATE_OFF && c->client_ca[0] == '\0')
		wrong(j, "client_certificate",
			"asks clients for certificates that nobody signs" HINT
			"add client_ca = \"file:/PATH\"");
}

static void check_client(const struct judging *j)
{
	const struct config_credential *c = j->credential;

	if (strcmp(c->roots, "system") != 0 && !config_file_path(c->roots))
		wrong(j, "roots", "names no authorities" HINT "write \"system\" or \"file:/PATH\"");
	if (c->server_name[0] != '\0' &&
		(!is_host_name(c->server_name) || c->server_name[0] == '*'))
		wrong(j, "server_name",
			"\"%.60s\" is no host name" HINT "write one like www.example.org",
			c->server_name);
}

static void check_tls_client(const struct judging *j)
{
	const struct config_credential *c = j->credential;

	check_file(j, "certificate", c->certificate);
	check_file(j, "key", c->key);
	if ((c->certificate[0] == '\0') != (c->key[0] == '\0'))
		wrong(j, c->key[0] == '\0' ? "certificate" : "key",
			"is half of a client's certificate" HINT "give both certificate and key");
	check_alpn(j);
	check_client(j);
}

static void check_reality(const struct judging *j)
{
	const struct config_credential *c = j->credential;

	check_key(j, "private_key", c->private_key, X25519_BYTES);
	check_key(j, "previous_private_key", c->previous_private_key, X25519_BYTES);
	check_key(j, "mldsa65_seed", c->mldsa65_seed, MLDSA_SEED_BYTES);
	check_hosts(j, "server_names", &c->server_names, false);
	for (uint32_t i = 0; i < c->short_ids.count; i++) {
		char element[64];

		snprintf(element, sizeof(element), "short_ids[%u]", i);
		check_short_id(j, element, c->short_ids.items[i]);
	}
	check_versions(j);
	if (c->target.key && !c->target.is_name &&
		!address_is_station(&j->c->own, &c->target.address))
		wrong(j, "target", "is no address of one station" HINT "name one that serves");
}

static void check_reality_client(const struct judging *j)
{
	const struct config_credential *c = j->credential;

	check_key(j, "public_key", c->public_key, X25519_BYTES);
	check_key(j, "mldsa65_verify", c->mldsa65_verify, MLDSA_PUBLIC_BYTES);
	check_short_id(j, "short_id", c->short_id);
	check_client(j);
}

void check_credentials(const struct checking *c)
{
	static void (*const of_kind[])(const struct judging *) = {
		[CREDENTIAL_TLS] = check_tls,
		[CREDENTIAL_TLS_CLIENT] = check_tls_client,
		[CREDENTIAL_REALITY] = check_reality,
		[CREDENTIAL_REALITY_CLIENT] = check_reality_client,
	};

	for (uint32_t i = 0; i < c->config->credentials.count; i++) {
		const struct config_credential *credential = &config_credentials(c->config)[i];
		const struct judging j = {c, credential, i};

		check_keys(&j);
		of_kind[credential->kind](&j);
		if (config_credential_find(c->config, credential->name) != credential)
			wrong(&j, "name",
				"there are two credentials \"%s\"" HINT "give one another name",
				credential->name);
	}
}
