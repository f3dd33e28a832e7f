// SPDX-License-Identifier: BSD-3-Clause

// What a published configuration takes in hand beyond the snapshot: log, removed listeners.

#include "daemon/dataplane.h"
#include "daemon/events/log.h"
#include "daemon/operations.h"
#include "daemon/requests.h"

static void ignore_answer(void *context, const struct request_answer *answer)
{
}

static void listener_kill(struct daemon *daemon, uint16_t slot)
{
	struct control_request request = {
		.kind = CONTROL_KILL,
		.filter = {.listener = slot, .target = SLOT_NONE},
		.why = SESSION_END_DRAINED,
	};

	if (request_send(daemon->requests, &request, WORKERS_ALL, ignore_answer, NULL) != 0)
		log_line(LOG_LEVEL_ERROR, "sessions of a removed listener: out of memory");
}

void drains_check(struct daemon *daemon)
{
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;

	if (s == NULL)
		return;

	usec_t now = node_now(daemon->node);

	// Asked again each second until none is left: a full ring or memory cannot make one last.
	for (uint16_t i = 0; i < s->listener_limit; i++)
		if (daemon->drain_until[i] != 0 && now >= daemon->drain_until[i] &&
			node_listener_sessions(daemon->node, i) > 0)
			listener_kill(daemon, i);
}

static void drains_begin(struct daemon *daemon, uint32_t drain_s)
{
	const struct snapshot *s = node_snapshot(daemon->node);
	usec_t until = node_now(daemon->node) + drain_s * USEC_PER_SECOND;

	for (uint16_t i = 0; i < MAX_LISTENERS; i++) {
		bool closing = i < s->listener_limit && s->listeners[i] != NULL &&
			       s->listeners[i]->closing;

		if (!closing)
			daemon->drain_until[i] = 0;
		else if (daemon->drain_until[i] == 0)
			daemon->drain_until[i] = until;
	}
	drains_check(daemon);
}

static json_t *listener_members(const struct daemon *daemon, const struct config_listener *l)
{
	bool is_http = l->protocol == PROTOCOL_HTTP;
	char address[ENDPOINT_TEXT_BYTES];
	const struct config_endpoint *e = &l->listen;
	json_t *members;

	endpoint_print(&e->address, e->port_first, address);
	members = json_pack("{s:s, s:s, s:s, s:i, s:s?, s:I}", "name", l->name, "protocol",
		is_http ? "http" : protocol_name(config_listener_wire_protocol(l)), "listen",
		e->any ? "*" : address, "port_last", (int)e->port_last, "upstream",
		l->upstream[0] ? l->upstream : NULL, "revision", (json_int_t)daemon->revision);
	if (members != NULL && is_http)
		json_object_set_new(members, "routes", json_integer(l->http.routes.count));
	return members;
}

// The listener table, for whoever reads sessions out of the log.
static void listeners_log(const struct daemon *daemon)
{
	const struct config_listener *listeners = config_listeners(daemon->config);

	if (daemon->config->log.sessions == SESSION_LOG_OFF)
		return;
	for (uint32_t i = 0; i < daemon->config->listeners.count; i++)
		log_object(LOG_LEVEL_INFO, "listener", listener_members(daemon, &listeners[i]));
}

void configuration_adopt(struct daemon *daemon, struct config *config, char *text,
	uint64_t revision, uint32_t drain_s)
{
	config_destroy(daemon->config);
	free(daemon->text);
	daemon->config = config;
	daemon->text = text;
	daemon->revision = revision;
	log_configure(config->log.level, config->log.format);
	if (daemon->node != NULL) {
		node_session_log_level(daemon->node, config->log.sessions);
		drains_begin(daemon, drain_s);
	}
	dataplane_forwarding_check(daemon);
	listeners_log(daemon);
}
