// SPDX-License-Identifier: BSD-3-Clause

// Kernel sockets: a server that every client of the table talks to, and ours.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "nexwire/ws.h"

#include "bench.h"
#include "order.h"

enum {
	FRAME = 42, // a server's frame of 40 bytes
	BURST = 1000
};

// Anything that begins with 'w' asks for that many bursts of frames.
static void serve(int fd)
{
	static uint8_t frames[FRAME * BURST];
	char request[4096];
	ssize_t n;

	for (size_t i = 0; i < sizeof(frames); i++)
		frames[i] = i % FRAME == 0 ? 0x82 : i % FRAME == 1 ? 40 : 'x';
	while ((n = recv(fd, request, sizeof(request) - 1, 0)) > 0) {
		request[n] = 0;
		if (request[0] == 'w') {
			for (long i = strtol(request + 1, NULL, 10); i > 0; i--)
				if (send(fd, frames, sizeof(frames), MSG_NOSIGNAL) < 0)
					return;
		} else if (order_is_whole(request, (size_t)n) &&
			   send(fd, order_answer, sizeof(order_answer) - 1, MSG_NOSIGNAL) < 0) {
			return;
		}
	}
}

int loopback_serve(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1, fd;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8))
		return 1;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		serve(fd);
		close(fd);
	}
	return 1;
}

static void post(struct nx_rest *rest)
{
	struct nx_response response;

	BUG_ON(order_send(rest) != NX_CLIENT_DONE);
	order_check(nx_rest_receive(rest, &response), &response);
}

static void burst_read(struct nx_stream *stream, struct nx_ws_reader *reader)
{
	struct nx_ws_message message;
	unsigned int left = BURST;

	while (left > 0) {
		enum nx_ws_verdict verdict = nx_ws_reader_next(reader, &message);

		if (verdict == NX_WS_MESSAGE)
			left--;
		else if (verdict != NX_WS_NEED_MORE || nx_stream_fill(stream) != NX_CLIENT_DONE)
			__builtin_trap();
	}
}

// The request above is answered, so that the connection is free for a feed.
static void bench_messages(struct nx_rest *rest, long rounds)
{
	struct nx_ws_reader_config frames = {.role = NX_WS_CLIENT};
	struct nx_ws_reader reader;
	char wish[32];

	BUG_ON(!nx_rest_is_alive(rest));
	snprintf(wish, sizeof(wish), "w%ld", rounds + rounds / 10);
	BUG_ON(send(nx_stream_fd(&rest->stream), wish, strlen(wish), 0) < 0);
	BUG_ON(nx_ws_reader_init(&reader, &rest->stream.in, &frames) != 0);
	nx_stream_begin(&rest->stream);
	MEASURE("loopback-messages-40", rounds, BURST, , burst_read(&rest->stream, &reader));
}

void bench_loopback(const char *port, long rounds, bool posts, bool messages)
{
	const struct nx_rest_field fields[] = {{"Content-Type", "application/json"}};
	struct nx_rest_config config = {.fields = fields, .field_count = 1};
	static struct nx_rest rest;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%s", port);
	config.url = url;
	config.stream.in_bytes = 1 << 18;
	BUG_ON(nx_rest_init(&rest, &config) != NX_CLIENT_DONE);
	BUG_ON(nx_rest_connect(&rest) != NX_CLIENT_DONE);
	if (posts)
		MEASURE("loopback-post", rounds, 1, , post(&rest));
	if (messages)
		bench_messages(&rest, rounds / 100);
	nx_rest_fini(&rest);
}
