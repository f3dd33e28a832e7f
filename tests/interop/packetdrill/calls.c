// SPDX-License-Identifier: BSD-3-Clause
// Opening and closing.
#include "calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

static int descriptor(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool name_read(
	const struct sockaddr *name, socklen_t n, struct ip_address *address, be16 *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (name->sa_family == AF_INET && n >= sizeof(in)) {
		memcpy(&in, name, sizeof(in));
		*address = ip_address_from_v4(in.sin_addr.s_addr);
		*port = in.sin_port;
		return true;
	}
	if (name->sa_family == AF_INET6 && n >= sizeof(in6)) {
		memcpy(&in6, name, sizeof(in6));
		*address = ip_address_from_bytes(in6.sin6_addr.s6_addr);
		*port = in6.sin6_port;
		return true;
	}
	return false;
}

static void name_write(const struct stack_socket *socket, struct sockaddr *name, socklen_t *n)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = socket->remote_port,
		.sin_addr.s_addr = socket->remote.words[3]};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = socket->remote_port};
	bool v4 = socket->family == AF_INET;

	if (name == NULL || n == NULL)
		return;
	memcpy(in6.sin6_addr.s6_addr, socket->remote.bytes, sizeof(socket->remote.bytes));
	memcpy(name, v4 ? (const void *)&in : (const void *)&in6,
		u32_min(*n, v4 ? sizeof(in) : sizeof(in6)));
	*n = v4 ? sizeof(in) : sizeof(in6);
}

int call_socket(struct stack *s, int domain, int type, int protocol)
{
	struct stack_socket *socket;
	int fd;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & 0xf) != SOCK_STREAM || (protocol != 0 && protocol != IPPROTO_TCP))
		return -EPROTONOSUPPORT;
	fd = descriptor();
	if (fd < 0)
		return fd;
	socket = stack_socket_new(s);
	if (socket == NULL) {
		close(fd);
		return -EMFILE;
	}
	socket->fd = fd;
	socket->family = domain;
	socket->is_accepted = true;
	socket->blocks = !(type & SOCK_NONBLOCK);
	return fd;
}

int call_bind(
	struct stack *s, struct stack_socket *socket, const struct sockaddr *name, socklen_t n)
{
	(void)s;
	return name_read(name, n, &socket->local, &socket->local_port) ? 0 : -EINVAL;
}

int call_listen(struct stack *s, struct stack_socket *socket)
{
	int status;

	if (socket->is_listening)
		return 0;
	status = tcp_listen(s->engine, &socket->local, socket->local_port,
		(uint16_t)stack_socket_number(s, socket), stack_socket_number(s, socket),
		&socket->listener);
	socket->is_listening = status == 0;
	return status;
}

int call_accept(struct stack *s, struct stack_socket *socket, struct sockaddr *name, socklen_t *n)
{
	struct stack_socket *next;

	if (!socket->is_listening)
		return -EINVAL;
	while ((next = stack_socket_waiting(s, socket)) == NULL)
		if (!socket->blocks || !stack_wait(s, UINT64_MAX))
			return -EAGAIN;
	next->fd = descriptor();
	if (next->fd < 0)
		return next->fd;
	next->is_accepted = true;
	name_write(next, name, n);
	return next->fd;
}

static int connect_begin(struct stack *s, struct stack_socket *socket)
{
	struct flow_key key = {.destination = socket->remote,
		.destination_port = socket->remote_port,
		.protocol = IPPROTO_TCP};

	key.source = ip_address_is_v4(&socket->remote) ? s->local4 : s->local6;
	if (!ip_address_is_unspecified(&socket->local))
		key.source = socket->local;
	if (socket->local_port == 0)
		socket->local_port = be16_from_host(s->next_port++);
	key.source_port = socket->local_port;
	if (s->ecn_only_answers)
		socket->profile.flags &= ~(uint32_t)TCP_ECN;
	stack_socket_profile(s, socket);
	return tcp_connect(s->engine, (uint16_t)stack_socket_number(s, socket), &key,
		stack_socket_number(s, socket), s->now, &socket->connection);
}

int call_connect(
	struct stack *s, struct stack_socket *socket, const struct sockaddr *name, socklen_t n)
{
	int status;

	if (socket->is_open)
		return -EISCONN;
	if (socket->is_connecting)
		return -EALREADY;
	if (!name_read(name, n, &socket->remote, &socket->remote_port))
		return -EINVAL;
	status = connect_begin(s, socket);
	if (status != 0)
		return status;
	socket->is_connecting = true;
	stack_turn(s);
	if (!socket->blocks)
		return -EINPROGRESS;
	while (socket->is_connecting)
		if (!stack_wait(s, UINT64_MAX))
			return -ETIMEDOUT;
	status = -socket->error;
	socket->error = 0;
	return status;
}

int call_shutdown(struct stack *s, struct stack_socket *socket, int how)
{
	if (!socket->is_open)
		return -ENOTCONN;
	if (how == SHUT_RD || how == SHUT_RDWR)
		socket->no_reading = true;
	if (how == SHUT_WR || how == SHUT_RDWR) {
		socket->no_writing = true;
		tcp_shutdown(s->engine, socket->connection, s->now);
	}
	stack_turn(s);
	return 0;
}

static void connection_close(struct stack *s, struct stack_socket *socket)
{
	if (socket->connection == TCP_NONE)
		return;
	// What the user did not read is not the engine's any more: it would not know.
	if (socket->unread || socket->aborts)
		tcp_abort(s->engine, socket->connection, s->now);
	else
		tcp_close(s->engine, socket->connection, s->now);
	if (socket->unread)
		buffer_heap_put(&buffer_heap_source, socket->unread);
}

int call_close(struct stack *s, struct stack_socket *socket)
{
	struct stack_socket *waiting;

	if (socket->is_listening) {
		while ((waiting = stack_socket_waiting(s, socket)) != NULL) {
			tcp_abort(s->engine, waiting->connection, s->now);
			waiting->is_used = false;
		}
		tcp_unlisten(s->engine, socket->listener, s->now);
	}
	connection_close(s, socket);
	close(socket->fd);
	// The number stays taken: the engine may go on with its profile.
	socket->fd = -1;
	socket->connection = TCP_NONE;
	socket->unread = NULL;
	stack_turn(s);
	return 0;
}
