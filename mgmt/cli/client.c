// SPDX-License-Identifier: BSD-3-Clause
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/show/table.h"

enum {
	READ_BYTES = 65536
};

struct client {
	int fd;
	const char *path;
	int timeout_ms;
	json_int_t id;
	char *buffer; // bytes not yet taken
	size_t used;
	size_t scanned; // of them known to hold no line end
	size_t capacity;
	bool held;
	char fault[512]; // why the connection is lost
	json_t *refusal;
	json_t *message; // of the notification handed out last
	client_notified *notified;
	void *arg;
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum exit_status gone(struct client *client, const char *what)
{
	snprintf(client->fault, sizeof(client->fault),
		"nexpath: nexpathd at %s: %s; see its log, then try again\n", client->path, what);
	if (!client->held) {
		fflush(stdout);
		client_fault_print(client);
	}
	return EXIT_UNREACHABLE;
}

void client_fault_hold(struct client *client)
{
	client->held = true;
}

void client_fault_print(const struct client *client)
{
	fputs(client->fault, stderr);
}

static const char *connect_hint(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "start nexpathd, or name its socket with --socket PATH or NEXPATH_SOCKET";
	case EACCES:
	case EPERM:
		return "use root, or join the group that management.group names";
	case EAGAIN:
		return "it takes no more clients at the moment; try again";
	default:
		return "name its socket with --socket PATH or NEXPATH_SOCKET";
	}
}

static enum exit_status connect_to(struct client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = CLIENT_TIMEOUT_MS / 1000};

	if (strlen(client->path) >= sizeof(address.sun_path)) {
		fprintf(stderr,
			"nexpath: socket path %s: longer than the %zu bytes that a socket may have\n",
			client->path, sizeof(address.sun_path) - 1);
		return EXIT_USAGE;
	}
	strcpy(address.sun_path, client->path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
		setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
		connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int error = errno;

		fprintf(stderr, "nexpath: cannot reach nexpathd at %s: %s; %s\n", client->path,
			strerror(error), connect_hint(error));
		return EXIT_UNREACHABLE;
	}
	return EXIT_DONE;
}

static enum exit_status say_hello(struct client *client)
{
	json_t *result = NULL;
	enum exit_status status = client_call(client, "hello", NULL, &result);
	json_int_t interface;

	if (status == EXIT_REFUSED) {
		client_refusal_print(client, NULL);
	}
	if (status != EXIT_DONE) {
		return status;
	}
	interface = json_integer_value(json_object_get(result, "interface"));
	json_decref(result);
	if (interface != CLIENT_INTERFACE) {
		fprintf(stderr,
			"nexpath: %s speaks interface %lld, this program %d; use the nexpath of its version\n",
			client->path, (long long)interface, CLIENT_INTERFACE);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

enum exit_status client_open(const char *path, struct client **out)
{
	struct client *client = calloc(1, sizeof(*client));
	enum exit_status status;

	if (client == NULL) {
		fputs("nexpath: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	client->fd = -1;
	client->path = path;
	client->timeout_ms = CLIENT_TIMEOUT_MS;
	status = connect_to(client);
	if (status == EXIT_DONE) {
		status = say_hello(client);
	}
	if (status != EXIT_DONE) {
		client_close(client);
		return status;
	}
	*out = client;
	return EXIT_DONE;
}

void client_close(struct client *client)
{
	if (client == NULL) {
		return;
	}
	if (client->fd >= 0) {
		close(client->fd);
	}
	json_decref(client->refusal);
	json_decref(client->message);
	free(client->buffer);
	free(client);
}

void client_answer_within(struct client *client, int timeout_ms)
{
	client->timeout_ms = timeout_ms;
}

void client_on_notification(struct client *client, client_notified *notified, void *arg)
{
	client->notified = notified;
	client->arg = arg;
}

json_t *client_refusal(const struct client *client)
{
	return client->refusal;
}

// Takes a whole line out of the buffer and parses it. 1: *out is set, 0: no whole line yet, -1: no
// JSON.
static int take_line(struct client *client, json_t **out)
{
	char *end = client->used == client->scanned ? NULL
						    : memchr(client->buffer + client->scanned, '\n',
							      client->used - client->scanned);
	json_t *message;
	size_t length;

	client->scanned = client->used;
	if (end == NULL) {
		return 0;
	}
	length = (size_t)(end - client->buffer);
	message = json_loadb(client->buffer, length, JSON_REJECT_DUPLICATES, NULL);
	client->used -= length + 1;
	client->scanned = 0;
	memmove(client->buffer, end + 1, client->used);
	if (!json_is_object(message)) {
		json_decref(message);
		return -1;
	}
	*out = message;
	return 1;
}

static bool make_room(struct client *client)
{
	size_t capacity = client->capacity ? 2 * client->capacity : 2 * READ_BYTES;
	char *grown;

	if (client->used > CLIENT_LINE_MAX) {
		return false;
	}
	if (client->capacity - client->used >= READ_BYTES) {
		return true;
	}
	grown = realloc(client->buffer, capacity);
	if (grown == NULL) {
		return false;
	}
	client->buffer = grown;
	client->capacity = capacity;
	return true;
}

// Waits for one message until deadline (below 0: for ever).
static enum client_event next_message(struct client *client, long long deadline, json_t **out)
{
	for (;;) {
		struct pollfd p = {.fd = client->fd, .events = POLLIN};
		int taken = take_line(client, out);
		long long left = deadline < 0 ? -1 : deadline - now_ms();
		ssize_t n;

		if (taken > 0) {
			return CLIENT_NOTIFICATION;
		}
		if (taken < 0) {
			gone(client, "sent a line that is no JSON object");
			return CLIENT_GONE;
		}
		if (!make_room(client)) {
			gone(client, "sent a line of more than 4 MiB");
			return CLIENT_GONE;
		}
		n = poll(&p, 1, deadline < 0 ? -1 : left > 0 ? (int)left : 0);
		if (n <= 0) {
			return n == 0 ? CLIENT_TIMEOUT : CLIENT_INTERRUPTED;
		}
		n = recv(client->fd, client->buffer + client->used, READ_BYTES, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		if (n <= 0) {
			gone(client, n == 0 ? "closed the connection" : strerror(errno));
			return CLIENT_GONE;
		}
		client->used += (size_t)n;
	}
}

static enum exit_status send_line(struct client *client, char *line)
{
	size_t length = strlen(line);
	size_t sent = 0;

	if (length >= CLIENT_LINE_MAX) {
		fputs("nexpath: the request is longer than the 4 MiB that the management socket takes; shorten the text\n",
			stderr);
		return EXIT_USAGE;
	}
	line[length] = '\n'; // over the NUL
	while (sent < length + 1) {
		ssize_t n = send(client->fd, line + sent, length + 1 - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET) && sent + client->used == 0) {
			return EXIT_DONE; // it may have answered why before it closed: read that
		}
		if (n < 0) {
			return gone(client, errno == EAGAIN ? "does not read" : strerror(errno));
		}
		sent += (size_t)n;
	}
	return EXIT_DONE;
}

// Handles one message of a call; true when it was the answer.
static bool is_answer(struct client *client, json_t *message)
{
	json_t *method = json_object_get(message, "method");
	json_t *id = json_object_get(message, "id");

	if (json_is_string(method)) {
		if (client->notified != NULL) {
			client->notified(client->arg, json_string_value(method),
				json_object_get(message, "params"));
		}
		return false;
	}
	// A connection that is refused as a whole is answered with a null id.
	return json_integer_value(id) == client->id ||
	       (json_is_null(id) && json_object_get(message, "error") != NULL);
}

enum exit_status client_call(
	struct client *client, const char *method, json_t *params, json_t **result)
{
	json_t *request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id",
		(json_int_t)++client->id, "method", method, "params", params);
	char *line = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	long long deadline = now_ms() + client->timeout_ms;
	enum exit_status status;

	json_decref(request);
	if (line == NULL) {
		fputs("nexpath: the request has bytes that are not UTF-8; rewrite them\n", stderr);
		return EXIT_USAGE;
	}
	status = send_line(client, line);
	free(line);
	while (status == EXIT_DONE) {
		json_t *message = NULL;
		json_t *value;
		enum client_event event = next_message(client, deadline, &message);

		if (event == CLIENT_INTERRUPTED) {
			continue;
		}
		if (event != CLIENT_NOTIFICATION) {
			return event == CLIENT_TIMEOUT ? gone(client, "gives no answer")
						       : EXIT_UNREACHABLE;
		}
		if (!is_answer(client, message)) {
			json_decref(message);
			continue;
		}
		value = json_object_get(message, "result");
		if (value != NULL) {
			*result = json_incref(value);
		} else {
			json_decref(client->refusal);
			client->refusal = json_incref(json_object_get(message, "error"));
			status = EXIT_REFUSED;
		}
		json_decref(message);
		return status;
	}
	return status;
}

enum client_event client_wait(
	struct client *client, int timeout_ms, const char **method, json_t **params)
{
	long long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

	for (;;) {
		json_t *message = NULL;
		enum client_event event = next_message(client, deadline, &message);
		json_t *name;

		if (event != CLIENT_NOTIFICATION) {
			return event;
		}
		name = json_object_get(message, "method");
		if (json_is_string(name)) {
			json_decref(client->message);
			client->message = message;
			*method = json_string_value(name);
			*params = json_incref(json_object_get(message, "params"));
			return CLIENT_NOTIFICATION;
		}
		json_decref(message);
	}
}

static void print_fault(const json_t *fault, const char *file)
{
	const char *hint = json_string_value(json_object_get(fault, "hint"));
	const char *path = json_string_value(json_object_get(fault, "path"));
	const char *what = json_string_value(json_object_get(fault, "what"));

	fprintf(stderr, "%s:%lld: ", file != NULL ? file : "configuration",
		(long long)json_integer_value(json_object_get(fault, "line")));
	if (path != NULL && *path != '\0') {
		text_print(stderr, path);
		fputs(": ", stderr);
	}
	text_print(stderr, what != NULL ? what : "refused");
	if (hint != NULL && *hint != '\0') {
		fputs("; ", stderr);
		text_print(stderr, hint);
	}
	putc('\n', stderr);
}

void client_refusal_print(const struct client *client, const char *file)
{
	const json_t *data = json_object_get(client->refusal, "data");
	const char *message = json_string_value(json_object_get(client->refusal, "message"));
	const char *hint = json_string_value(json_object_get(data, "hint"));
	const json_t *faults = json_object_get(data, "faults");
	const json_t *fault;
	size_t i;

	fflush(stdout);
	json_array_foreach(faults, i, fault)
	{
		print_fault(fault, file);
	}
	if (json_array_size(faults) > 0) {
		return; // each says all there is to say
	}
	fputs("nexpath: ", stderr);
	text_print(stderr, message != NULL ? message : "refused without a reason");
	if (hint != NULL && *hint != '\0') {
		fputs("; ", stderr);
		text_print(stderr, hint);
	}
	putc('\n', stderr);
}
