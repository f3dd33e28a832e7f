// SPDX-License-Identifier: BSD-3-Clause
// A WebSocket server that sends every message back; many connections on one thread.
// cc echo-server.c $(pkg-config --cflags --libs nexwire) -o echo-server && ./echo-server 9001

#include "nexwire/ws_handshake.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
	int fd;
	bool is_open; // the handshake is done
	struct nx_ws_request request;
	struct nx_ws_reader reader;
	struct nx_ws_writer writer;
	struct nx_read_buffer in;
	struct nx_write_buffer out;
	uint8_t input[1 << 16];
	uint8_t output[1 << 18]; // all answers to what fits the input, and one message of the limit
};

// What comes back is whether the connection goes on.
static bool shake_hands(struct connection *c)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER, .message_limit = 1 << 16};
	enum nx_ws_handshake_verdict verdict = nx_ws_request_read(&c->request, &c->in);

	if (verdict == NX_WS_HANDSHAKE_NEED_MORE)
		return true;
	if (verdict != NX_WS_HANDSHAKE_DONE)
		return nx_ws_refuse(&c->request, &c->out, verdict) == NX_WS_HANDSHAKE_NEED_MORE;
	c->is_open = !nx_ws_reader_init(&c->reader, &c->in, &config) &&
		     !nx_ws_writer_init(&c->writer, NX_WS_SERVER, NULL, NULL, NX_SIMD_WIDEST);
	return c->is_open && !nx_ws_accept(&c->request, &c->out, -1, NULL, NULL, 0);
}

// Answers what has come; a fault is answered with the close code that it calls for.
static bool answer(struct connection *c)
{
	enum nx_ws_write_verdict written = NX_WS_WRITTEN;
	enum nx_ws_verdict verdict = NX_WS_MESSAGE;
	struct nx_ws_message m;

	while (!written && !(verdict = nx_ws_reader_next(&c->reader, &m))) {
		if (m.opcode == NX_WS_CLOSE)
			written = nx_ws_write_close(&c->writer, &c->out, m.close_code, NULL, 0);
		else if (m.opcode != NX_WS_PONG)
			written = nx_ws_write(&c->writer, &c->out,
				m.opcode == NX_WS_PING ? NX_WS_PONG : m.opcode, m.data, m.length);
	}
	if (verdict > NX_WS_CLOSED)
		written = nx_ws_write_close(
			&c->writer, &c->out, nx_ws_close_code_for(verdict), NULL, 0);
	return !written && verdict == NX_WS_NEED_MORE;
}

static bool receive(struct connection *c)
{
	size_t room;
	uint8_t *space = nx_read_buffer_space(&c->in, &room);
	ssize_t n = recv(c->fd, space, room, 0);
	bool lives = n > 0 && !nx_read_buffer_filled(&c->in, (size_t)n) &&
		     (c->is_open || shake_hands(c)) && (!c->is_open || answer(c));
	size_t length = nx_write_buffer_length(&c->out);

	n = send(c->fd, nx_write_buffer_data(&c->out), length, MSG_NOSIGNAL);
	return n == (ssize_t)length && !nx_write_buffer_sent(&c->out, length) && lives;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argc > 1 ? argv[1] : "9001", NULL, 10))};
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 64) ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		return 1;
	for (struct connection *c;;) {
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue; // it was stopped for a while
		c = event.data.ptr;
		if (c != NULL && !receive(c)) {
			close(c->fd);
			nx_ws_reader_fini(&c->reader);
			free(c);
		} else if (c == NULL && (event.data.ptr = c = calloc(1, sizeof(*c))) != NULL) {
			c->fd = accept(listener, NULL, NULL);
			nx_ws_request_init(&c->request, NULL);
			if (nx_read_buffer_init(&c->in, c->input, sizeof(c->input)) ||
				nx_write_buffer_init(&c->out, c->output, sizeof(c->output), 0) ||
				epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
				free(c);
		}
	}
}
