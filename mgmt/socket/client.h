// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One client of the management socket. Private to this folder.

#include <errno.h>
#include <event2/buffer.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket/server.h"

struct server {
	struct server_config config;
	struct event *sweep;
	struct rpc_client *clients; // open ones, newest first
	struct rpc_client *dead;    // closed, freed by the next sweep
	uint32_t count;
	uint32_t unprivileged;
};

// Invariant: input[start .. end) is what was received and not yet taken; input[start .. scanned)
// holds no newline. At most one call is pending, and while one is, or while a whole line waits,
// nothing is read: input never exceeds a line and one read.
struct rpc_client {
	struct server *server;
	struct rpc_client *next;
	struct rpc_client *previous;
	struct rpc_peer peer;
	struct rpc_call *pending;
	struct event *readable;
	struct event *writable;
	struct event *turn; // its next request, one loop turn after the one before
	struct evbuffer *output;
	char *input;
	size_t capacity;
	size_t start;
	size_t scanned;
	size_t end;
	bool dispatching; // inside rpc_dispatch
	bool ended;       // the peer sends no more
	bool closing;     // closed once the output is out
	bool dead;
	bool keep;
	int fd;
	// Seconds of the monotonic clock.
	uint64_t heard;      // last byte in
	uint64_t line_begun; // first byte of the unfinished line
	uint64_t progress;   // last byte out, or when output began to wait
};

void client_open(struct server *server, int fd, const struct rpc_peer *peer);
// Ends the connection now; memory goes with the next sweep.
void client_close(struct rpc_client *client);
void client_free(struct rpc_client *client);
// Closes the client if it is late with anything.
void client_judge(struct rpc_client *client);

// For struct rpc_dispatcher.
void client_send(struct rpc_client *client, const json_t *message);
void client_call_ended(struct rpc_client *client, struct rpc_call *call);
