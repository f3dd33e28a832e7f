// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The management socket: lines of JSON-RPC from many clients, none of which can delay the others.
// Each client has a bounded input, one request at a time, one request a turn, and a bounded output;
// who stalls, reads nothing or sends garbage is closed. Control thread only.

#include <event2/event.h>

#include "socket/rpc.h"

enum {
	SERVER_LINE_MAX = 4 << 20
};

// Zero fields take the default in parentheses.
struct server_limits {
	uint32_t clients;              // at once (64)
	uint32_t clients_unprivileged; // of them, not root (32)
	uint32_t line_s;               // a line that came in part, without a byte more (10)
	uint32_t line_total_s;         // a line from its first byte to its last (60)
	uint32_t reader_s;             // output that waits without progress (10)
	uint32_t idle_s;               // silent, no call, nothing subscribed (600)
	size_t notify_bytes;           // output beyond which notifications are dropped (1 MiB)
};

struct server;

struct server_config {
	struct event_base *base; // outlives the server
	struct rpc_dispatcher
		dispatcher; // methods, context, changing; send and ended are the server's
	struct server_limits limits;
	// A client has gone: forget what it subscribed to. May be NULL.
	void (*closed)(void *context, struct rpc_client *client);
};

// -ENOMEM. The config is copied.
[[nodiscard]] int server_create(const struct server_config *config, struct server **out);
// Closes all clients; their pending calls may still be answered, into nothing. NULL is allowed.
void server_destroy(struct server *server);

// Takes a connected stream socket; peer->right NONE is answered with a denial and closed. The
// descriptor is closed on failure too.
void server_adopt(struct server *server, int fd, const struct rpc_peer *peer);

// Sends a notification; params is taken. False when the client has no room for it: it is lost.
bool server_notify(struct rpc_client *client, const char *method, json_t *params);

// A client with a subscription or capture is not closed for its silence.
void server_client_keep(struct rpc_client *client, bool keep);

uint32_t server_client_count(const struct server *server);
