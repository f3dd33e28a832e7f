// SPDX-License-Identifier: BSD-3-Clause

#include "socket/client.h"

#include <stdlib.h>
#include <time.h>

enum {
	READ_BYTES = 64 << 10,
	INPUT_KEEP = 1 << 20,
	OUTPUT_RESUME = 64 << 10,
	OUTPUT_MAX = 64 << 20
};

static uint64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void list_remove(struct rpc_client *client)
{
	struct server *server = client->server;

	if (client->previous != NULL)
		client->previous->next = client->next;
	else
		server->clients = client->next;
	if (client->next != NULL)
		client->next->previous = client->previous;
	server->count--;
	if (client->peer.uid != 0)
		server->unprivileged--;
}

void client_close(struct rpc_client *client)
{
	struct server *server = client->server;

	if (client->dead)
		return;
	client->dead = true;
	event_del(client->readable);
	event_del(client->writable);
	event_del(client->turn);
	close(client->fd);
	list_remove(client);
	client->previous = NULL;
	client->next = server->dead;
	server->dead = client;
	if (client->pending != NULL)
		rpc_call_abandon(client->pending);
	client->pending = NULL;
	if (server->config.closed != NULL)
		server->config.closed(server->config.dispatcher.context, client);
}

void client_free(struct rpc_client *client)
{
	if (client->readable != NULL)
		event_free(client->readable);
	if (client->writable != NULL)
		event_free(client->writable);
	if (client->turn != NULL)
		event_free(client->turn);
	if (client->output != NULL)
		evbuffer_free(client->output);
	free(client->input);
	free(client);
}

static bool has_line(struct rpc_client *client)
{
	const char *newline = client->end > client->scanned
				      ? memchr(client->input + client->scanned, '\n',
						client->end - client->scanned)
				      : NULL;

	client->scanned = newline != NULL ? (size_t)(newline - client->input) : client->end;
	return newline != NULL;
}

// Decides what the client waits for next: its turn, bytes, or the end.
static void client_arm(struct rpc_client *client)
{
	const struct timeval soon = {0};
	size_t waiting = evbuffer_get_length(client->output);
	bool line = !client->closing && has_line(client);

	if (client->dead)
		return;
	if (waiting > 0)
		event_add(client->writable, NULL);
	else
		event_del(client->writable);
	if (client->closing || line || client->ended || client->pending != NULL)
		event_del(client->readable);
	else
		event_add(client->readable, NULL);
	if (client->pending != NULL || client->dispatching)
		return;
	if (line && waiting <= OUTPUT_RESUME)
		event_add(client->turn, &soon);
	else if (waiting == 0 && (client->closing || (client->ended && !line)))
		client_close(client);
}

static void client_flush(struct rpc_client *client)
{
	while (!client->dead && evbuffer_get_length(client->output) > 0) {
		int n = evbuffer_write(client->output, client->fd);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			client_close(client);
			return;
		}
		client->progress = seconds_now();
	}
}

static int dump_piece(const char *piece, size_t size, void *output)
{
	return evbuffer_add(output, piece, size);
}

void client_send(struct rpc_client *client, const json_t *message)
{
	if (client->dead || client->closing)
		return;
	if (evbuffer_get_length(client->output) == 0)
		client->progress = seconds_now();
	// Half an answer would be worse than none.
	if (message == NULL || evbuffer_get_length(client->output) > OUTPUT_MAX ||
		json_dump_callback(message, dump_piece, client->output, JSON_COMPACT) != 0 ||
		evbuffer_add(client->output, "\n", 1) != 0) {
		client_close(client);
		return;
	}
	client_flush(client);
	client_arm(client);
}

void client_call_ended(struct rpc_client *client, struct rpc_call *call)
{
	client->pending = NULL;
	client->heard = seconds_now();
	client_arm(client);
}

// All of the input is used up; what a huge line needed is given back.
static void input_reset(struct rpc_client *client)
{
	client->start = client->scanned = client->end = 0;
	if (client->capacity <= INPUT_KEEP)
		return;
	free(client->input);
	client->input = NULL;
	client->capacity = 0;
}

static void on_turn(evutil_socket_t fd, short what, void *argument)
{
	struct rpc_client *client = argument;

	if (!has_line(client))
		return;

	const char *line = client->input + client->start;
	size_t length = client->scanned - client->start;

	client->start = client->scanned = client->scanned + 1;
	client->line_begun = seconds_now();
	client->dispatching = true;
	struct rpc_call *call = rpc_dispatch(
		&client->server->config.dispatcher, client, &client->peer, line, length);
	client->dispatching = false;
	// A call whose client went away meanwhile (its output failed) has nobody to answer.
	if (call != NULL && client->dead)
		rpc_call_abandon(call);
	if (client->dead)
		return;
	client->pending = call;
	if (client->start == client->end)
		input_reset(client);
	client_arm(client);
}

// Room for one read after what is held; false when memory is out.
static bool input_room(struct rpc_client *client)
{
	if (client->start > 0 && client->start >= client->capacity / 2) {
		memmove(client->input, client->input + client->start, client->end - client->start);
		client->scanned -= client->start;
		client->end -= client->start;
		client->start = 0;
	}
	if (client->capacity - client->end >= READ_BYTES / 16)
		return true;

	size_t capacity = client->capacity == 0 ? READ_BYTES / 8 : client->capacity * 2;
	char *input = realloc(client->input, capacity);

	if (input == NULL)
		return false;
	client->input = input;
	client->capacity = capacity;
	return true;
}

static void refuse_long_line(struct rpc_client *client)
{
	json_t *message = rpc_error_message(RPC_PARSE_ERROR, "", "split it", "line over 4 MiB");

	client_send(client, message);
	json_decref(message);
	client->closing = true;
	client_arm(client);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct rpc_client *client = argument;

	if (!input_room(client)) {
		client_close(client);
		return;
	}

	size_t room = client->capacity - client->end;
	ssize_t n = read(fd, client->input + client->end, room < READ_BYTES ? room : READ_BYTES);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0) {
		client_close(client);
		return;
	}
	client->heard = seconds_now();
	if (client->end == client->start)
		client->line_begun = client->heard;
	client->end += (size_t)n;
	client->ended = n == 0;
	if (!has_line(client) && client->end - client->start > SERVER_LINE_MAX)
		refuse_long_line(client);
	else
		client_arm(client);
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
	struct rpc_client *client = argument;

	client_flush(client);
	client_arm(client);
}

void client_judge(struct rpc_client *client)
{
	const struct server_limits *limits = &client->server->config.limits;
	uint64_t now = seconds_now();
	bool partial = client->pending == NULL && client->end > client->start && !has_line(client);

	if (evbuffer_get_length(client->output) > 0) {
		if (now - client->progress > limits->reader_s)
			client_close(client);
	} else if (partial) {
		if (now - client->heard > limits->line_s ||
			now - client->line_begun > limits->line_total_s)
			client_close(client);
	} else if (client->pending == NULL && !client->keep &&
		   now - client->heard > limits->idle_s) {
		client_close(client);
	}
}

void client_open(struct server *server, int fd, const struct rpc_peer *peer)
{
	struct event_base *base = server->config.base;
	struct rpc_client *client = calloc(1, sizeof(*client));

	if (client != NULL) {
		client->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, client);
		client->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, client);
		client->turn = event_new(base, -1, 0, on_turn, client);
		client->output = evbuffer_new();
	}
	if (client == NULL || client->readable == NULL || client->writable == NULL ||
		client->turn == NULL || client->output == NULL ||
		evutil_make_socket_nonblocking(fd) != 0) {
		if (client != NULL)
			client_free(client);
		close(fd);
		return;
	}
	client->server = server;
	client->fd = fd;
	client->peer = *peer;
	client->heard = client->progress = seconds_now();
	client->next = server->clients;
	if (server->clients != NULL)
		server->clients->previous = client;
	server->clients = client;
	server->count++;
	if (peer->uid != 0)
		server->unprivileged++;
	client_arm(client);
}

bool server_notify(struct rpc_client *client, const char *method, json_t *params)
{
	json_t *message =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);
	bool room =
		!client->dead && !client->closing && message != NULL &&
		evbuffer_get_length(client->output) < client->server->config.limits.notify_bytes;

	if (room)
		client_send(client, message);
	json_decref(message);
	return room;
}

void server_client_keep(struct rpc_client *client, bool keep)
{
	client->keep = keep;
}
