// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/credentials.h"
#include "daemon/methods/methods.h"
#include "daemon/operations.h"

static bool transport_has(const struct config_transport *transport, const char *name)
{
	for (uint32_t i = 0; i < transport->credentials.count; i++)
		if (strcmp(transport->credentials.items[i], name) == 0)
			return true;
	return false;
}

// The listeners and upstreams whose transports name it.
static json_t *used_by_json(const struct config *config, const char *name)
{
	const struct config_listener *listeners = config_listeners(config);
	const struct config_upstream *upstreams = config_upstreams(config);
	json_t *list = json_array();

	for (uint32_t i = 0; i < config->listeners.count; i++)
		if (transport_has(&listeners[i].transport, name))
			json_array_append_new(
				list, json_sprintf("listeners.%s", listeners[i].name));
	for (uint32_t i = 0; i < config->upstreams.count; i++)
		if (transport_has(&upstreams[i].transport, name))
			json_array_append_new(
				list, json_sprintf("upstreams.%s", upstreams[i].name));
	return list;
}

// The names that it serves or asks for, as configured.
static json_t *names_json(const struct config_credential *credential)
{
	const struct config_strings *names = credential->kind == CREDENTIAL_REALITY
						     ? &credential->server_names
						     : &credential->names;
	json_t *list = json_array();

	for (uint32_t i = 0; i < names->count; i++)
		json_array_append_new(list, json_string(names->items[i]));
	if (credential->server_name[0] != '\0')
		json_array_append_new(list, json_string(credential->server_name));
	return list;
}

void method_credential_list(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	static const char *const versions[] = {"off", "v1", "v2"};
	uint32_t count = daemon->config != NULL ? daemon->config->credentials.count : 0;
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++) {
		const struct config_credential *c = &config_credentials(daemon->config)[i];
		int64_t expiry = credentials_expiry(daemon, c->name);

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s?, s:s?}", "name", c->name,
				"kind", credential_kind_name(c->kind), "names", names_json(c),
				"used_by", used_by_json(daemon->config, c->name), "expires",
				expiry != 0 ? json_integer(expiry) : json_null(), "expires_in_s",
				expiry != 0 ? json_integer(expiry - (int64_t)daemon_time())
					    : json_null(),
				"target", c->target.key, "target_proxy_protocol",
				c->kind == CREDENTIAL_REALITY ? versions[c->target_proxy_protocol]
							      : NULL));
	}
	rpc_reply(call, json_pack("{s:o}", "credentials", list));
}

static void on_reloaded(void *context, const struct operation_result *result)
{
	if (result->code != 0)
		rpc_fail_data(context, result->code, NULL, result->path, result->hint, "%s",
			result->what);
	else
		rpc_reply(context, json_pack("{s:I, s:I}", "revision", (json_int_t)result->revision,
					   "changed", (json_int_t)result->reloaded));
}

void method_credential_reload(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	const char *name = rpc_string(params, "name", "");
	char by[REVISION_BY_BYTES];
	struct operation_request request = {
		.kind = OPERATION_RELOAD,
		.name = name[0] != '\0' ? name : NULL,
		.by = by,
		.done = on_reloaded,
		.context = call,
	};

	snprintf(by, sizeof(by), "uid %ju", (uintmax_t)rpc_peer_of(call)->uid);
	if (operation_submit(daemon->operations, &request) != 0)
		rpc_reply(call, NULL);
}
