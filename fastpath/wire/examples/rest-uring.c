// SPDX-License-Identifier: BSD-3-Clause
// A REST client whose bytes io_uring carries: the library makes no system call.
// cc rest-uring.c $(pkg-config --cflags --libs nexwire-client liburing) -o rest-uring
// ./rest-uring 127.0.0.1 8080 /path REQUESTS

#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nexwire/rest.h"

struct carrier {
	struct io_uring ring;
	int fd;
	bool is_sending; // some bytes are under way
};

// Until something is received, what is to be sent goes: a server that answers before it has read
// all would wait for who sends first and listens then. Data of an operation: whether it sends.
static bool carry(struct carrier *c, struct nx_stream *stream)
{
	struct iovec out, in = nx_stream_receive_to(stream);
	struct io_uring_sqe *operation = io_uring_get_sqe(&c->ring);
	struct io_uring_cqe *end;
	int n, sent;

	io_uring_prep_recv(operation, c->fd, in.iov_base, in.iov_len, 0);
	io_uring_sqe_set_data64(operation, false);
	do {
		out = nx_stream_send_from(stream);
		if (!c->is_sending && out.iov_len > 0) {
			operation = io_uring_get_sqe(&c->ring);
			io_uring_prep_send(
				operation, c->fd, out.iov_base, out.iov_len, MSG_NOSIGNAL);
			io_uring_sqe_set_data64(operation, true);
			c->is_sending = true;
		}
		if (io_uring_submit_and_wait(&c->ring, 1) < 0 || io_uring_peek_cqe(&c->ring, &end))
			return false;
		n = end->res;
		sent = (int)io_uring_cqe_get_data64(end);
		io_uring_cqe_seen(&c->ring, end);
		c->is_sending = c->is_sending && !(sent && n > 0);
		if (sent && n > 0)
			nx_stream_sent(stream, (size_t)n);
	} while (sent); // in vain: what the server said last, or that it ended, is received
	if (n >= 0)
		nx_stream_received(stream, (size_t)n); // 0: the server sends no more
	return n >= 0;
}

static bool ask(struct carrier *c, struct nx_rest *rest, const char *target)
{
	enum nx_client_verdict verdict;
	struct nx_response response;

	nx_rest_begin(rest, "GET", target);
	verdict = nx_rest_send(rest, NULL, 0);
	while (verdict == NX_CLIENT_AGAIN || verdict == NX_CLIENT_DONE) {
		verdict = nx_rest_receive(rest, &response);
		if (verdict == NX_CLIENT_DONE)
			return response.status == 200;
		if (verdict == NX_CLIENT_AGAIN && !carry(c, &rest->stream))
			return false;
	}
	fprintf(stderr, "rest-uring: %s\n", nx_client_verdict_text(verdict));
	return false;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct nx_rest_config config = {.stream = {.drive = NX_DRIVE_CARRIED}};
	struct carrier c = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
	static struct nx_rest rest;
	long answers = 0;
	char url[64];

	if (argc < 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	snprintf(url, sizeof(url), "http://%s:%s", argv[1], argv[2]);
	config.url = url;
	if (connect(c.fd, (struct sockaddr *)&to, sizeof(to)) ||
		io_uring_queue_init(8, &c.ring, 0) || nx_rest_init(&rest, &config) ||
		nx_rest_adopt(&rest, -1))
		return perror("rest-uring"), 1;
	for (long n = strtol(argv[4], NULL, 10); n > 0 && ask(&c, &rest, argv[3]); n--)
		answers++;
	printf("%ld answers\n", answers);
	io_uring_queue_exit(&c.ring); // first, for the kernel may hold buffers of the stream
	nx_rest_fini(&rest);
	close(c.fd);
	return answers != strtol(argv[4], NULL, 10);
}
