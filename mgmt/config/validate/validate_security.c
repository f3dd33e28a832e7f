// SPDX-License-Identifier: BSD-3-Clause
// What protects the bytes of listeners and upstreams: the credentials that their transports name,
// and the mode that they need.
#include <netinet/in.h>
#include <stdarg.h>

#include "config/validate/validate.h"

static const char *const security_names[] = {"raw", "tls", "reality", "noise"};

// A transport with a place in the text.
struct securing {
	const struct checking *c;
	const struct config_transport *transport;
	const char *whose; // "listener"
	const char *name;
	const char *path; // "listeners[0].transport"
};

__attribute__((format(printf, 3, 4))) static void wrong(
	const struct securing *s, const char *key, const char *format, ...)
{
	char path[2 * FAULT_PATH_BYTES];
	char what[FAULT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%s.%s", s->path, key);
	fault_add(s->c->faults, place_of(s->transport->node, key), path, "%s", what);
}

// Names that are there, of the one kind, and no more than the kind bears.
static void check_names(const struct securing *s, uint32_t kind, uint32_t least, uint32_t most)
{
	const struct config_strings *names = &s->transport->credentials;
	const char *security = security_names[s->transport->security];

	for (uint32_t i = 0; i < names->count; i++) {
		const struct config_credential *found =
			config_credential_find(s->c->config, names->items[i]);
		char key[32];

		snprintf(key, sizeof(key), "credentials[%u]", i);
		if (!found)
			wrong(s, key,
				"there is no credential \"%.60s\"" HINT
				"add it to credentials, or name one that is there",
				names->items[i]);
		else if (found->kind != kind)
			wrong(s, key,
				"credential \"%.60s\" is of kind %s" HINT
				"%s of an %s takes one of kind %s",
				names->items[i], credential_kind_name(found->kind), security,
				s->whose, credential_kind_name(kind));
	}
	if (names->count < least)
		wrong(s, "security",
			"%s \"%s\" serves %s without a credential" HINT
			"name at least one: credentials = [\"NAME\"]",
			s->whose, s->name, security);
	if (names->count > most)
		wrong(s, "credentials", "%s \"%s\" names %u credentials" HINT "%s takes one",
			s->whose, s->name, names->count, security);
}

static bool check_raw(const struct securing *s)
{
	if (s->transport->security != SECURITY_RAW)
		return false;
	if (s->transport->credentials.count > 0)
		wrong(s, "credentials",
			"raw takes no credentials" HINT
			"remove the key, or write security = \"tls\"");
	return true;
}

static bool serves(const struct config_listener *listener, const struct config_listener *like,
	uint8_t wire_protocol, uint16_t port)
{
	const struct config_endpoint *at = &listener->listen;

	return config_listener_wire_protocol(listener) == wire_protocol && at->port_first <= port &&
	       at->port_last >= port &&
	       (at->any || (!like->listen.any &&
				   ip_address_equal(&at->address, &like->listen.address)));
}

// A site has them, so who has none gives itself away.
static void check_companion(
	const struct checking *c, uint32_t index, uint8_t wire_protocol, uint16_t port)
{
	const struct config_listener *listeners = config_listeners(c->config);
	const struct config_listener *like = &listeners[index];
	const char *protocol = wire_protocol == IPPROTO_TCP ? "TCP" : "UDP";
	char path[FAULT_PATH_BYTES];

	for (uint32_t i = 0; i < c->config->listeners.count; i++)
		if (serves(&listeners[i], like, wire_protocol, port))
			return;
	snprintf(path, sizeof(path), "listeners[%u].listen", index);
	fault_warn(c->faults, place_of(like->node, "listen"), path,
		"listener \"%s\" serves reality on port 443, and none serves %s port %u as its "
		"target does" HINT
		"add one to the target; `nexpath credential generate reality` prints it",
		like->name, protocol, port);
}

// The target answers the client's SYN, so nobody can say before it who the client is.
static void check_reality(const struct securing *s, const struct config_listener *listener)
{
	check_names(s, CREDENTIAL_REALITY, 1, 1);
	if (listener->proxy_protocol)
		wrong(s, "security",
			"listener \"%s\" has proxy_protocol, and reality has the target answer "
			"before a header can come" HINT "leave out proxy_protocol",
			listener->name);
}

void check_listener_security(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];
	const struct securing s = {c, &listener->transport, "listener", listener->name, path};
	const char *security = security_names[listener->transport.security];

	snprintf(path, sizeof(path), "listeners[%u].transport", index);
	if (check_raw(&s))
		return;
	if (listener->transport.security == SECURITY_TLS)
		check_names(&s, CREDENTIAL_TLS, 1, UINT32_MAX);
	else
		check_reality(&s, listener);
	if (listener->transport.security == SECURITY_REALITY &&
		serves(listener, listener, IPPROTO_TCP, 443)) {
		check_companion(c, index, IPPROTO_TCP, 80);
		check_companion(c, index, IPPROTO_UDP, 443);
	}
	if (listener->transparent)
		wrong(&s, "security",
			"listener \"%s\" is transparent, and %s leaves nothing as it came" HINT
			"leave out transparent, or %s",
			listener->name, security, security);
	if (listener->mode == MODE_TERMINATE)
		return;
	wrong(&s, "security", "listener \"%s\": %s ends the client's connection here" HINT "%s",
		listener->name, security,
		listener->protocol != PROTOCOL_UDP ? "write mode = \"terminate\""
						   : "it is served over protocol tcp alone");
}

void check_upstream_security(const struct checking *c, uint32_t index)
{
	const struct config_upstream *upstream = &config_upstreams(c->config)[index];
	char path[FAULT_PATH_BYTES];
	const struct securing s = {c, &upstream->transport, "upstream", upstream->name, path};

	snprintf(path, sizeof(path), "upstreams[%u].transport", index);
	if (check_raw(&s))
		return;
	if (upstream->transport.security == SECURITY_TLS)
		check_names(&s, CREDENTIAL_TLS_CLIENT, 0, 1);
	else
		check_names(&s, CREDENTIAL_REALITY_CLIENT, 1, 1);
}

void check_listener_origin(const struct checking *c, uint32_t index, uint32_t used)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_upstream *upstream = &config_upstreams(c->config)[used];
	const char *security = security_names[upstream->transport.security];
	char path[FAULT_PATH_BYTES];

	if (upstream->transport.security == SECURITY_RAW)
		return;
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	if (listener->mode != MODE_TERMINATE)
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"listener \"%s\": %s toward \"%s\" begins a connection here" HINT "%s",
			listener->name, security, upstream->name,
			listener->protocol != PROTOCOL_UDP
				? "write mode = \"terminate\""
				: "it is served over protocol tcp alone");
	else if (listener->transparent)
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"listener \"%s\" is transparent, and %s toward \"%s\" leaves nothing as it "
			"came" HINT "leave out transparent, or %s",
			listener->name, security, upstream->name, security);
}
