// SPDX-License-Identifier: BSD-3-Clause
// Bytes to and from the user. packetdrill sends zeroes and looks only at how many come back.
#include "calls.h"

#include "core/chain.h"

enum {
	CHUNK = 32000,   // of what is sent, in one buffer
	CMSG_QUEUE = 36, // TCP_CM_INQ
	LEVEL_TCP = 6,
};

static size_t bytes_of(const struct msghdr *m)
{
	size_t total = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++)
		total += m->msg_iov[i].iov_len;
	return total;
}

static bool is_bad(const struct msghdr *m)
{
	for (size_t i = 0; i < m->msg_iovlen; i++)
		if (m->msg_iov[i].iov_base == NULL && m->msg_iov[i].iov_len > 0)
			return true;
	return false;
}

// As many bytes as there are, from what was taken before and then from the engine.
static size_t take(struct stack *s, struct stack_socket *socket, uint8_t *out, size_t wanted)
{
	size_t done = 0;

	while (done < wanted) {
		uint32_t left;

		if (socket->unread == NULL) {
			socket->unread = tcp_receive(
				s->engine, socket->connection, (uint32_t)(wanted - done), s->now);
			socket->taken = 0;
		}
		if (socket->unread == NULL)
			break;
		left = u32_min(socket->unread->total_length - socket->taken,
			(uint32_t)u64_min(wanted - done, UINT32_MAX));
		chain_copy(socket->unread, socket->taken, left, out + done);
		socket->taken += left;
		done += left;
		if (socket->taken == socket->unread->total_length) {
			buffer_heap_put(&buffer_heap_source, socket->unread);
			socket->unread = NULL;
		}
	}
	return done;
}

static ssize_t take_into(struct stack *s, struct stack_socket *socket, struct msghdr *m)
{
	ssize_t total = 0;

	for (size_t i = 0; i < m->msg_iovlen; i++) {
		size_t n = take(s, socket, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);

		total += (ssize_t)n;
		if (n < m->msg_iov[i].iov_len)
			break;
	}
	return total;
}

// How much is left to read, one more when the end is known (Linux's TCP_CM_INQ).
static void queue_told(struct stack *s, struct stack_socket *socket, struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int left = (int)stack_socket_readable(s, socket) + (socket->has_ended ? 1 : 0);

	if (!socket->tells_queue || c == NULL || m->msg_controllen < CMSG_SPACE(sizeof(left))) {
		m->msg_controllen = 0;
		return;
	}
	*c = (struct cmsghdr){.cmsg_level = LEVEL_TCP,
		.cmsg_type = CMSG_QUEUE,
		.cmsg_len = CMSG_LEN(sizeof(left))};
	memcpy(CMSG_DATA(c), &left, sizeof(left));
	m->msg_controllen = CMSG_LEN(sizeof(left));
}

ssize_t call_receive(struct stack *s, struct stack_socket *socket, struct msghdr *m, int flags)
{
	ssize_t n;

	if (is_bad(m))
		return -EFAULT;
	if (!socket->is_open && !socket->has_failed)
		return -ENOTCONN;
	while (stack_socket_readable(s, socket) == 0 && !socket->has_ended && !socket->has_failed &&
		!socket->no_reading)
		if (!socket->blocks || (flags & MSG_DONTWAIT) || !stack_wait(s, UINT64_MAX))
			return -EAGAIN;
	n = take_into(s, socket, m);
	if (n == 0 && socket->error != 0) {
		n = -socket->error;
		socket->error = 0;
	}
	queue_told(s, socket, m);
	stack_turn(s);
	return n;
}

// Gathers the next bytes of the message from `from` on.
static struct buffer *chunk(const struct msghdr *m, size_t from, uint32_t n)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, n);
	uint32_t done = 0;

	nx_bug_on(b == NULL);
	for (size_t i = 0; i < m->msg_iovlen && done < n; i++) {
		const struct iovec *v = &m->msg_iov[i];
		uint32_t part;

		if (from >= v->iov_len) {
			from -= v->iov_len;
			continue;
		}
		part = (uint32_t)u64_min(v->iov_len - from, n - done);
		memcpy(buffer_data(b) + done, (const uint8_t *)v->iov_base + from, part);
		done += part;
		from = 0;
	}
	b->length = (uint16_t)n;
	b->total_length = n;
	return b;
}

static int error_taken(struct stack_socket *socket)
{
	int error = socket->error ? socket->error : EPIPE;

	socket->error = 0;
	return -error;
}

ssize_t call_send(struct stack *s, struct stack_socket *socket, const struct msghdr *m, int flags)
{
	size_t total = bytes_of(m);
	size_t done = 0;
	bool more = (flags & MSG_MORE) || socket->corked;

	if (is_bad(m))
		return -EFAULT;
	if (!socket->is_open)
		return socket->has_failed ? error_taken(socket) : -EPIPE;
	while (done < total) {
		uint32_t room;

		if (socket->has_failed || socket->no_writing)
			return error_taken(socket);
		room = tcp_send_room(s->engine, socket->connection);
		if (room > 0) {
			uint32_t n = (uint32_t)u64_min(u32_min(room, CHUNK), total - done);
			bool last = done + n == total && !more;

			if (tcp_send(s->engine, socket->connection, chunk(m, done, n),
				    last ? 0 : TCP_SEND_MORE, s->now) != 0)
				return error_taken(socket);
			done += n;
			continue;
		}
		stack_turn(s);
		if (!socket->blocks || (flags & MSG_DONTWAIT) || !stack_wait(s, UINT64_MAX))
			return done > 0 ? (ssize_t)done : -EAGAIN;
	}
	stack_turn(s);
	return (ssize_t)done;
}
