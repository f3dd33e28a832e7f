// SPDX-License-Identifier: BSD-3-Clause
// Credentials, and the listeners whose transport names them.
#include <strings.h>

#include "config/validate/validate.h"

enum {
	ALPN_BYTES_MAX = 255, // RFC 7301 3.1
	HOST_BYTES_MAX = 255,
};

static void check_file(const struct checking *c, uint32_t index, const char *key, const char *value)
{
	const struct config_credential *credential = &config_credentials(c->config)[index];
	char path[FAULT_PATH_BYTES];

	if (strncmp(value, "file:/", 6) == 0)
		return;
	snprintf(path, sizeof(path), "credentials[%u].%s", index, key);
	fault_add(c->faults, place_of(credential->node, key), path,
		"does not name a file" HINT "write \"file:/PATH\"");
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

static void check_strings(const struct checking *c, uint32_t index, const char *key,
	const struct config_strings *strings, bool hosts)
{
	const struct config_credential *credential = &config_credentials(c->config)[index];
	char path[FAULT_PATH_BYTES];

	for (uint32_t i = 0; i < strings->count; i++) {
		size_t length = strlen(strings->items[i]);

		snprintf(path, sizeof(path), "credentials[%u].%s[%u]", index, key, i);
		if (hosts && !is_host_name(strings->items[i]))
			fault_add(c->faults, place_of(credential->node, key), path,
				"\"%.60s\" is no host name" HINT
				"write one like www.example.org or *.example.org",
				strings->items[i]);
		else if (length == 0 || length > ALPN_BYTES_MAX)
			fault_add(c->faults, place_of(credential->node, key), path,
				"has %zu characters" HINT
				"a protocol is named by 1 to %d, like h2 or http/1.1",
				length, ALPN_BYTES_MAX);
	}
}

void check_credentials(const struct checking *c)
{
	for (uint32_t i = 0; i < c->config->credentials.count; i++) {
		const struct config_credential *credential = &config_credentials(c->config)[i];
		char path[FAULT_PATH_BYTES];

		check_file(c, i, "certificate", credential->certificate);
		check_file(c, i, "key", credential->key);
		check_strings(c, i, "names", &credential->names, true);
		check_strings(c, i, "alpn", &credential->alpn, false);
		if (config_credential_find(c->config, credential->name) == credential)
			continue;
		snprintf(path, sizeof(path), "credentials[%u].name", i);
		fault_add(c->faults, place_of(credential->node, "name"), path,
			"there are two credentials \"%s\"" HINT "give one another name",
			credential->name);
	}
}

static void check_names(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_strings *names = &listener->transport.credentials;
	const struct text_place *place = place_of(listener->transport.node, "credentials");
	char path[FAULT_PATH_BYTES];

	for (uint32_t i = 0; i < names->count; i++) {
		if (config_credential_find(c->config, names->items[i]))
			continue;
		snprintf(path, sizeof(path), "listeners[%u].transport.credentials[%u]", index, i);
		fault_add(c->faults, place, path,
			"there is no credential \"%.60s\"" HINT
			"add it to credentials, or name one that is there",
			names->items[i]);
	}
}

void check_listener_security(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_transport *transport = &listener->transport;
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].transport.credentials", index);
	if (transport->security == SECURITY_RAW) {
		if (transport->credentials.count > 0)
			fault_add(c->faults, place_of(transport->node, "credentials"), path,
				"raw takes no credentials" HINT
				"remove the key, or write security = \"tls\"");
		return;
	}
	check_names(c, index);
	if (transport->credentials.count == 0)
		fault_add(c->faults, place_of(transport->node, "security"), path,
			"listener \"%s\" serves tls without a credential" HINT
			"name at least one: credentials = [\"NAME\"]",
			listener->name);
	snprintf(path, sizeof(path), "listeners[%u].transport.security", index);
	if (listener->transparent)
		fault_add(c->faults, place_of(transport->node, "security"), path,
			"listener \"%s\" is transparent, and tls leaves nothing as it came" HINT
			"leave out transparent, or tls",
			listener->name);
	if (listener->mode == MODE_TERMINATE)
		return;
	fault_add(c->faults, place_of(transport->node, "security"), path,
		"listener \"%s\": tls ends the client's connection here" HINT "%s", listener->name,
		listener->protocol == PROTOCOL_TCP ? "write mode = \"terminate\""
						   : "it is served over protocol tcp alone");
}
