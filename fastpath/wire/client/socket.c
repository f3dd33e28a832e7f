// SPDX-License-Identifier: BSD-3-Clause

// The socket of a stream, blocking with time limits of the kernel's, or not blocking.

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "stream.h"

enum {
	HOST_MOST = 255 // RFC 1035 2.3.4
};

uint64_t nx_stream_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_time_limit(int fd, unsigned int ms)
{
	struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

void nx_socket_limit_time(struct nx_stream *stream)
{
	int left = nx_stream_wait_ms(stream);

	if (stream->config.drive == NX_DRIVE_BLOCKING)
		set_time_limit(stream->fd, left > 0 ? (unsigned int)left : 1); // 0: for ever
}

static bool set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// A socket that is not TCP's is kept alive by whatever it is.
static bool keep_alive(int fd, int seconds)
{
	return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
	       ((set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds) &&
			set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds)) ||
		       errno == EOPNOTSUPP);
}

bool nx_socket_set(struct nx_stream *stream, int fd)
{
	const struct nx_stream_config *config = &stream->config;
	int flags = fcntl(fd, F_GETFL);

	stream->fd = fd;
	flags = config->drive == NX_DRIVE_BLOCKING ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	if (fcntl(fd, F_SETFL, flags) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	// Sockets that are not TCP's have no Nagle to turn off.
	if (!config->nagle && !set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) && errno != EOPNOTSUPP)
		return false;
	if (config->keepalive_s > 0 && !keep_alive(fd, (int)config->keepalive_s))
		return false;
	return (config->socket_send_bytes == 0 ||
		       set_option(fd, SOL_SOCKET, SO_SNDBUF, config->socket_send_bytes)) &&
	       (config->socket_receive_bytes == 0 ||
		       set_option(fd, SOL_SOCKET, SO_RCVBUF, config->socket_receive_bytes));
}

static enum nx_client_verdict connect_by(
	struct nx_stream *stream, int fd, const struct sockaddr *address, socklen_t length)
{
	int connected;

	if (fd < 0 || !nx_socket_set(stream, fd))
		return NX_CLIENT_CONNECT_FAILED;
	// A signal interrupts the waiting, not the connecting, which the next call waits for: Linux
	// then says EISCONN where it was done meanwhile, EALREADY where time is over.
	do {
		nx_socket_limit_time(stream);
		connected = connect(fd, address, length);
	} while (
		connected != 0 && errno == EINTR && nx_stream_check_time(stream) == NX_CLIENT_DONE);
	if (connected == 0 || errno == EISCONN)
		return NX_CLIENT_DONE;
	if (stream->config.drive != NX_DRIVE_BLOCKING && errno == EINPROGRESS)
		return NX_CLIENT_AGAIN;
	switch (errno) {
	case EINPROGRESS:
	case EALREADY:
	case EAGAIN:
	case EINTR:
		return NX_CLIENT_TIMED_OUT;
	default:
		return NX_CLIENT_CONNECT_FAILED;
	}
}

static enum nx_client_verdict connect_to(
	struct nx_stream *stream, const struct sockaddr *address, socklen_t length)
{
	enum nx_client_verdict verdict = connect_by(
		stream, socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), address, length);

	stream->error = 0;
	if (verdict == NX_CLIENT_DONE || verdict == NX_CLIENT_AGAIN)
		return verdict;
	stream->error = errno;
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	return verdict;
}

void nx_socket_forget_addresses(struct nx_stream *stream)
{
	if (stream->addresses != NULL)
		freeaddrinfo(stream->addresses);
	stream->addresses = stream->untried = NULL;
}

// The address that is tried next has a fair share of the time that is left for all.
static void share_time(struct nx_stream *stream)
{
	uint64_t now = nx_stream_now_ms(), until = stream->connect_deadline_ms;
	unsigned int sharers = 0;

	for (const struct addrinfo *address = stream->untried; address != NULL;
		address = address->ai_next)
		sharers++;
	stream->deadline_ms = now < until ? now + (until - now) / sharers : until;
}

// After a failure tries the addresses that are left, each by a socket of its own. The one before
// stays until then, so that the number of the next is another: a caller's epoll has to be told.
static enum nx_client_verdict connect_to_next(
	struct nx_stream *stream, enum nx_client_verdict verdict)
{
	int before = stream->fd;

	while (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN && stream->untried != NULL &&
		nx_stream_now_ms() < stream->connect_deadline_ms) {
		const struct addrinfo *address = stream->untried;

		share_time(stream);
		stream->untried = address->ai_next;
		stream->fd = -1;
		verdict = connect_to(stream, address->ai_addr, address->ai_addrlen);
	}
	if (before >= 0 && stream->fd != before)
		close(before);
	if (verdict != NX_CLIENT_AGAIN)
		nx_socket_forget_addresses(stream);
	return verdict;
}

enum nx_client_verdict nx_socket_connect(struct nx_stream *stream, const struct nx_url *url)
{
	struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	char host[HOST_MOST + 1], port[8];

	if (stream->config.address != NULL)
		return connect_to(stream, stream->config.address, stream->config.address_length);
	if (url->host.length > HOST_MOST)
		return NX_CLIENT_URL_INVALID;
	memcpy(host, url->host.data, url->host.length);
	host[url->host.length] = 0;
	snprintf(port, sizeof(port), "%u", url->port);
	if (getaddrinfo(host, port, &wanted, &stream->addresses) != 0) {
		stream->addresses = NULL;
		return NX_CLIENT_NAME_NOT_FOUND;
	}
	stream->untried = stream->addresses;
	// Looking up may have taken all the time.
	return connect_to_next(stream, NX_CLIENT_TIMED_OUT);
}

static enum nx_client_verdict connected(struct nx_stream *stream)
{
	struct pollfd fd = {.fd = stream->fd, .events = POLLOUT};
	socklen_t length = sizeof(stream->error);

	if (poll(&fd, 1, 0) == 0)
		return nx_stream_check_time(stream) == NX_CLIENT_DONE ? NX_CLIENT_AGAIN
								      : NX_CLIENT_TIMED_OUT;
	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &stream->error, &length) != 0)
		stream->error = errno;
	return stream->error == 0 ? NX_CLIENT_DONE : NX_CLIENT_CONNECT_FAILED;
}

enum nx_client_verdict nx_socket_connected(struct nx_stream *stream)
{
	return connect_to_next(stream, connected(stream));
}

void nx_socket_wait(struct nx_stream *stream, short events)
{
	struct pollfd fd = {.fd = stream->fd, .events = events};

	while (poll(&fd, 1, nx_stream_wait_ms(stream)) < 0 && errno == EINTR)
		;
}

// What a call that moved nothing means.
static enum nx_client_verdict socket_fault(struct nx_stream *stream)
{
	stream->error = errno;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return stream->config.drive == NX_DRIVE_BLOCKING && !stream->hears
			       ? NX_CLIENT_TIMED_OUT
			       : NX_CLIENT_AGAIN;
	// What the peer sent before is still to be heard.
	if (stream->hears && (errno == EPIPE || errno == ECONNRESET))
		return NX_CLIENT_CLOSED;
	return NX_CLIENT_IO_FAILED;
}

enum nx_client_verdict nx_socket_send(
	struct nx_stream *stream, const uint8_t *data, size_t length, size_t *n)
{
	ssize_t sent;

	do
		sent = send(stream->fd, data, length,
			MSG_NOSIGNAL | (stream->hears ? MSG_DONTWAIT : 0));
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		stream->wants = POLLOUT;
		return socket_fault(stream);
	}
	*n = (size_t)sent;
	return NX_CLIENT_DONE;
}

static enum nx_client_verdict receive(
	struct nx_stream *stream, uint8_t *data, size_t room, int flags, size_t *n)
{
	ssize_t received;

	do
		received = recv(stream->fd, data, nx_stream_receive_most(stream, room), flags);
	while (received < 0 && errno == EINTR);
	if (received < 0 && errno == ECONNRESET)
		received = 0;
	if (received < 0) {
		stream->wants = POLLIN;
		return socket_fault(stream);
	}
	*n = (size_t)received;
	return NX_CLIENT_DONE;
}

enum nx_client_verdict nx_socket_receive(
	struct nx_stream *stream, uint8_t *data, size_t room, size_t *n)
{
	return receive(stream, data, room, stream->hears ? MSG_DONTWAIT : 0, n);
}

enum nx_client_verdict nx_socket_receive_now(
	struct nx_stream *stream, uint8_t *data, size_t room, size_t *n)
{
	return receive(stream, data, room, MSG_DONTWAIT, n);
}

void nx_socket_set_timeout(struct nx_stream *stream)
{
	set_time_limit(stream->fd, stream->config.timeout_ms);
}
