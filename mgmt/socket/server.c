// SPDX-License-Identifier: BSD-3-Clause

#include "socket/server.h"

#include <stdlib.h>

#include "socket/client.h"

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value != 0 ? value : fallback;
}

static void limits_fill(struct server_limits *limits)
{
	limits->clients = or_default(limits->clients, 64);
	limits->clients_unprivileged = or_default(limits->clients_unprivileged, 32);
	limits->line_s = or_default(limits->line_s, 10);
	limits->line_total_s = or_default(limits->line_total_s, 60);
	limits->reader_s = or_default(limits->reader_s, 10);
	limits->idle_s = or_default(limits->idle_s, 600);
	if (limits->notify_bytes == 0)
		limits->notify_bytes = 1 << 20;
}

static void clients_free_dead(struct server *server)
{
	struct rpc_client *client;

	while ((client = server->dead) != NULL) {
		server->dead = client->next;
		client_free(client);
	}
}

// Once a second: who is late is closed, and who was closed is freed (its own callbacks have
// returned).
static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
	struct server *server = argument;
	struct rpc_client *next;

	for (struct rpc_client *client = server->clients; client != NULL; client = next) {
		next = client->next;
		client_judge(client);
	}
	clients_free_dead(server);
}

int server_create(const struct server_config *config, struct server **out)
{
	struct server *server = calloc(1, sizeof(*server));
	const struct timeval second = {.tv_sec = 1};

	if (server == NULL)
		return -ENOMEM;
	server->config = *config;
	server->config.dispatcher.send = client_send;
	server->config.dispatcher.ended = client_call_ended;
	limits_fill(&server->config.limits);
	server->sweep = event_new(config->base, -1, EV_PERSIST, on_sweep, server);
	if (server->sweep == NULL || event_add(server->sweep, &second) != 0) {
		if (server->sweep != NULL)
			event_free(server->sweep);
		free(server);
		return -ENOMEM;
	}
	*out = server;
	return 0;
}

void server_destroy(struct server *server)
{
	if (server == NULL)
		return;
	while (server->clients != NULL)
		client_close(server->clients);
	clients_free_dead(server);
	event_free(server->sweep);
	free(server);
}

// Why a newcomer is not served; NULL: it is.
static const char *refusal(const struct server *server, const struct rpc_peer *peer)
{
	if (peer->right == RPC_RIGHT_NONE)
		return "this user may neither read nor change anything here";
	if (server->count >= server->config.limits.clients)
		return "too many clients";
	if (peer->uid != 0 && server->unprivileged >= server->config.limits.clients_unprivileged)
		return "too many clients of users other than root";
	return NULL;
}

static void refuse(int fd, const struct rpc_peer *peer, const char *why)
{
	bool denied = peer->right == RPC_RIGHT_NONE;
	json_t *message = rpc_error_message(denied ? RPC_DENIED : RPC_REFUSED, "",
		denied ? "join management.group or management.read_group" : "try again later", why);
	char *text = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;

	if (text != NULL) {
		send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	free(text);
	json_decref(message);
	close(fd);
}

void server_adopt(struct server *server, int fd, const struct rpc_peer *peer)
{
	const char *why = refusal(server, peer);

	if (why != NULL) {
		refuse(fd, peer, why);
		return;
	}
	client_open(server, fd, peer);
}

uint32_t server_client_count(const struct server *server)
{
	return server->count;
}
