// SPDX-License-Identifier: BSD-3-Clause

// What conformance suites talk to: a WebSocket server that sends every message back, with
// permessage-deflate when it is offered. Prints its port, which is any free one when 0 is asked
// for. The example for people is fastpath/wire/examples.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "nexwire/ws_deflate.h"

struct connection {
	int fd;
	bool is_open; // the handshake is done
	struct nx_read_buffer in;
	struct nx_write_buffer out;
	struct nx_ws_request request;
	struct nx_ws_reader reader;
	struct nx_ws_writer writer;
	struct nx_ws_compression *compression; // NULL: none was agreed
};

// Who takes nothing for five seconds (SO_SNDTIMEO) is let go. False: the connection is over.
static bool send_all(struct connection *c)
{
	ssize_t n;

	while (nx_write_buffer_length(&c->out) > 0) {
		n = send(c->fd, nx_write_buffer_data(&c->out), nx_write_buffer_length(&c->out),
			MSG_NOSIGNAL);
		if (n <= 0 || nx_write_buffer_sent(&c->out, (size_t)n) != NX_BUFFER_OK)
			return false;
	}
	return true;
}

// The handshake, once its last byte is there. False: the connection is over.
static bool shake_hands(struct connection *c)
{
	enum nx_ws_handshake_verdict verdict = nx_ws_request_read(&c->request, &c->in);
	struct nx_ws_compression_config config = {0};
	struct nx_ws_reader_config reader = {.role = NX_WS_SERVER};
	struct nx_ws_deflate deflate;

	if (verdict == NX_WS_HANDSHAKE_NEED_MORE)
		return true;
	if (verdict != NX_WS_HANDSHAKE_DONE)
		return !nx_ws_refuse(&c->request, &c->out, verdict) && send_all(c) && false;
	reader.compression =
		nx_ws_deflate_choose(&c->request, NULL, &deflate) &&
		!nx_ws_compression_create(NX_WS_SERVER, &deflate, &config, &c->compression);
	c->is_open =
		!nx_ws_reader_init(&c->reader, &c->in, &reader) &&
		!nx_ws_writer_init(&c->writer, NX_WS_SERVER, NULL, NULL, NX_SIMD_WIDEST) &&
		!nx_ws_accept(&c->request, &c->out, -1, c->compression ? &deflate : NULL, NULL, 0);
	return c->is_open && send_all(c);
}

static enum nx_ws_write_verdict echo(struct connection *c, const struct nx_ws_message *m)
{
	if (m->opcode == NX_WS_CLOSE)
		return nx_ws_write_close(&c->writer, &c->out, m->close_code, NULL, 0);
	if (m->opcode == NX_WS_PING)
		return nx_ws_write(&c->writer, &c->out, NX_WS_PONG, m->data, m->length);
	if (m->opcode == NX_WS_PONG)
		return NX_WS_WRITTEN;
	if (c->compression != NULL)
		return nx_ws_write_deflated(
			c->compression, &c->writer, &c->out, m->opcode, m->data, m->length);
	return nx_ws_write(&c->writer, &c->out, m->opcode, m->data, m->length);
}

// Answers every message that is there. False: the connection is over, and the peer knows why.
static bool answer(struct connection *c)
{
	struct nx_ws_message m;
	enum nx_ws_verdict verdict;

	while ((verdict = nx_ws_reader_next(&c->reader, &m)) == NX_WS_MESSAGE) {
		if (c->compression != NULL)
			verdict = nx_ws_inflate(c->compression, &m);
		if (verdict != NX_WS_MESSAGE)
			break;
		if (echo(c, &m) == NX_WS_WRITE_NO_ROOM && (!send_all(c) || echo(c, &m)))
			return false;
	}
	if (verdict > NX_WS_CLOSED &&
		nx_ws_write_close(&c->writer, &c->out, nx_ws_close_code_for(verdict), NULL, 0))
		return false;
	return send_all(c) && verdict == NX_WS_NEED_MORE;
}

static bool receive(struct connection *c)
{
	size_t room;
	uint8_t *space = nx_read_buffer_space(&c->in, &room);
	ssize_t n = recv(c->fd, space, room, 0);

	if (n <= 0 || nx_read_buffer_filled(&c->in, (size_t)n) != NX_BUFFER_OK)
		return false;
	return (c->is_open || shake_hands(c)) && (!c->is_open || answer(c));
}

static void welcome(int epoll, int listener)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	struct timeval patience = {.tv_sec = 5};

	if (c == NULL || (c->fd = accept(listener, NULL, NULL)) < 0 ||
		nx_read_buffer_create(&c->in, 65536, NULL) != NX_BUFFER_OK ||
		nx_write_buffer_create(&c->out, 17 << 20, NX_WRITE_HEADROOM, NULL) != NX_BUFFER_OK)
		abort();
	nx_ws_request_init(&c->request, NULL);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void part(struct connection *c)
{
	close(c->fd);
	if (c->is_open)
		nx_ws_reader_fini(&c->reader);
	nx_ws_compression_destroy(c->compression);
	nx_write_buffer_fini(&c->out);
	nx_read_buffer_fini(&c->in);
	free(c);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argc > 1 ? argv[1] : "9001", NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	socklen_t length = sizeof(address);
	int yes = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64) ||
		getsockname(listener, (struct sockaddr *)&address, &length) ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		return 1;
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	for (int ready; (ready = epoll_wait(epoll, &event, 1, -1)) == 1 || errno == EINTR;) {
		if (ready < 1)
			continue; // it was stopped for a while
		if (event.data.ptr == NULL)
			welcome(epoll, listener);
		else if (!receive(event.data.ptr))
			part(event.data.ptr);
	}
	return 0;
}
