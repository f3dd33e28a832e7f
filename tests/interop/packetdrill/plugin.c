// SPDX-License-Identifier: BSD-3-Clause
// packetdrill's plug-in interface: each callback takes the lock, makes the call on our socket, or
// the kernel's own call where the descriptor is not one of ours (a pipe), and turns the result
// into errno.
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "kernel.h"
#include "packetdrill.h"

enum {
	SPLICE_MOST = 65536,
	SILENCE_SECONDS = 300, // of virtual time, then no packet will come
};

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);

static ssize_t result(struct stack *s, ssize_t status)
{
	stack_return(s);
	pthread_mutex_unlock(&s->lock);
	if (status >= 0)
		return status;
	errno = (int)-status;
	return -1;
}

// The socket behind a descriptor, with the lock held in every case.
static struct stack_socket *enter(struct stack *s, int fd)
{
	pthread_mutex_lock(&s->lock);
	return stack_socket_of(s, fd);
}

static ssize_t of_kernel(ssize_t status)
{
	return status < 0 ? -errno : status;
}

static void plugin_free(void *user)
{
	kernel_answers_for(NULL);
	stack_destroy(user);
}

static int plugin_socket(void *user, int domain, int type, int protocol)
{
	enter(user, -1);
	return (int)result(user, call_socket(user, domain, type, protocol));
}

static int plugin_bind(void *user, int fd, const struct sockaddr *name, socklen_t n)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(user, socket ? call_bind(user, socket, name, n) : -EBADF);
}

static int plugin_listen(void *user, int fd, int backlog)
{
	struct stack_socket *socket = enter(user, fd);

	(void)backlog;
	return (int)result(user, socket ? call_listen(user, socket) : -EBADF);
}

static int plugin_accept(void *user, int fd, struct sockaddr *name, socklen_t *n)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(user, socket ? call_accept(user, socket, name, n) : -EBADF);
}

static int plugin_connect(void *user, int fd, const struct sockaddr *name, socklen_t n)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(user, socket ? call_connect(user, socket, name, n) : -EBADF);
}

static ssize_t plugin_recvmsg(void *user, int fd, struct msghdr *message, int flags)
{
	struct stack_socket *socket = enter(user, fd);

	return result(user, socket ? call_receive(user, socket, message, flags) : -EBADF);
}

static ssize_t plugin_readv(void *user, int fd, const struct iovec *v, int n)
{
	struct stack_socket *socket = enter(user, fd);
	struct iovec copy[UIO_MAXIOV];
	struct msghdr message = {.msg_iov = copy, .msg_iovlen = (size_t)n};

	if (socket == NULL)
		return result(user, of_kernel(readv(fd, v, n)));
	if (n < 0 || n > UIO_MAXIOV)
		return result(user, -EINVAL);
	memcpy(copy, v, (size_t)n * sizeof(*v));
	return result(user, call_receive(user, socket, &message, 0));
}

static ssize_t plugin_recv(void *user, int fd, void *buffer, size_t n, int flags)
{
	struct iovec v = {buffer, n};
	struct msghdr message = {.msg_iov = &v, .msg_iovlen = 1};

	return plugin_recvmsg(user, fd, &message, flags);
}

static ssize_t plugin_read(void *user, int fd, void *buffer, size_t n)
{
	struct iovec v = {buffer, n};

	return plugin_readv(user, fd, &v, 1);
}

static ssize_t plugin_recvfrom(void *user, int fd, void *buffer, size_t n, int flags,
	struct sockaddr *name, socklen_t *name_bytes)
{
	(void)name;
	(void)name_bytes;
	return plugin_recv(user, fd, buffer, n, flags);
}

static ssize_t plugin_sendmsg(void *user, int fd, const struct msghdr *message, int flags)
{
	struct stack_socket *socket = enter(user, fd);

	return result(user, socket ? call_send(user, socket, message, flags) : -EBADF);
}

static ssize_t plugin_writev(void *user, int fd, const struct iovec *v, int n)
{
	struct stack_socket *socket = enter(user, fd);
	struct iovec copy[UIO_MAXIOV];
	struct msghdr message = {.msg_iov = copy, .msg_iovlen = (size_t)n};

	if (socket == NULL)
		return result(user, of_kernel(writev(fd, v, n)));
	if (n < 0 || n > UIO_MAXIOV)
		return result(user, -EINVAL);
	memcpy(copy, v, (size_t)n * sizeof(*v));
	return result(user, call_send(user, socket, &message, 0));
}

static ssize_t plugin_sendto(void *user, int fd, const void *buffer, size_t n, int flags,
	const struct sockaddr *name, socklen_t name_bytes)
{
	struct iovec v = {(void *)(uintptr_t)buffer, n};
	struct msghdr message = {.msg_iov = &v, .msg_iovlen = 1};

	(void)name;
	(void)name_bytes;
	return plugin_sendmsg(user, fd, &message, flags);
}

static ssize_t plugin_send(void *user, int fd, const void *buffer, size_t n, int flags)
{
	return plugin_sendto(user, fd, buffer, n, flags, NULL, 0);
}

static ssize_t plugin_write(void *user, int fd, const void *buffer, size_t n)
{
	struct iovec v = {(void *)(uintptr_t)buffer, n};

	return plugin_writev(user, fd, &v, 1);
}

static int plugin_fcntl(void *user, int fd, int command, ...)
{
	struct stack_socket *socket = enter(user, fd);
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return (int)result(user, socket ? call_fcntl(socket, command, argument) : -EBADF);
}

static int plugin_ioctl(void *user, int fd, unsigned long request, ...)
{
	struct stack_socket *socket = enter(user, fd);
	va_list arguments;
	int *value;

	va_start(arguments, request);
	value = va_arg(arguments, int *);
	va_end(arguments);
	return (int)result(user, socket ? call_ioctl(user, socket, request, value) : -EBADF);
}

static int plugin_close(void *user, int fd)
{
	struct stack_socket *socket = enter(user, fd);

	if (socket)
		return (int)result(user, call_close(user, socket));
	if (watch_of(fd)) {
		watch_close(watch_of(fd));
		return (int)result(user, 0);
	}
	return (int)result(user, of_kernel(close(fd)));
}

static int plugin_shutdown(void *user, int fd, int how)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(user, socket ? call_shutdown(user, socket, how) : -EBADF);
}

static int plugin_getsockopt(void *user, int fd, int level, int name, void *value, socklen_t *n)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(
		user, socket ? call_getsockopt(user, socket, level, name, value, n) : -EBADF);
}

static int plugin_setsockopt(
	void *user, int fd, int level, int name, const void *value, socklen_t n)
{
	struct stack_socket *socket = enter(user, fd);

	return (int)result(
		user, socket ? call_setsockopt(user, socket, level, name, value, n) : -EBADF);
}

static int plugin_poll(void *user, struct pollfd *fds, nfds_t n, int timeout)
{
	enter(user, -1);
	return (int)result(user, call_poll(user, fds, n, timeout));
}

static int plugin_netdev_send(void *user, const void *packet, size_t n)
{
	enter(user, -1);
	if (n == 0 || n > UINT16_MAX)
		return (int)result(user, -EMSGSIZE);
	stack_input(user, packet, (uint32_t)n);
	return (int)result(user, 0);
}

// No bytes when the stack would stay silent: packetdrill says then that it cannot parse them.
static int plugin_netdev_receive(void *user, void *packet, size_t *n, long long *time_us)
{
	struct stack *s = user;
	struct stack_sent *sent = &s->sent[0];

	enter(s, -1);
	stack_pass(s, s->now + SILENCE_SECONDS * USEC_PER_SECOND, true);
	if (s->sent_count == 0) {
		fprintf(stderr, "nexpath-packetdrill: no packet was sent\n");
		*n = 0;
		return (int)result(s, 0);
	}
	sent += s->sent_first;
	if (sent->length > *n)
		return (int)result(s, -EMSGSIZE);
	memcpy(packet, sent->bytes, sent->length);
	*n = sent->length;
	*time_us = (long long)sent->at;
	free(sent->bytes);
	s->sent_first = (s->sent_first + 1) % STACK_SENT_MOST;
	s->sent_count--;
	return (int)result(s, 0);
}

static int plugin_usleep(void *user, useconds_t us)
{
	struct stack *s = user;

	enter(s, -1);
	stack_pass(s, s->now + us, false);
	return (int)result(s, 0);
}

// packetdrill spins on the clock shortly before an event, so reading it takes a microsecond.
static int plugin_gettimeofday(void *user, struct timeval *tv, struct timezone *zone)
{
	struct stack *s = user;

	(void)zone;
	enter(s, -1);
	if (s->caller != CALLER_RETURNED || !pthread_equal(pthread_self(), s->caller_thread))
		stack_pass(s, s->now + 1, false);
	*tv = (struct timeval){.tv_sec = (time_t)(s->now / USEC_PER_SECOND),
		.tv_usec = (suseconds_t)(s->now % USEC_PER_SECOND)};
	stack_clock_read(s);
	return (int)result(s, 0);
}

static int plugin_epoll_create(void *user, int size)
{
	enter(user, -1);
	return (int)result(user, size > 0 ? watch_create() : -EINVAL);
}

static int plugin_epoll_ctl(void *user, int watch, int operation, int fd, struct epoll_event *event)
{
	enter(user, -1);
	return (int)result(
		user, watch_of(watch) ? watch_control(watch_of(watch), user, operation, fd, event)
				      : -EBADF);
}

static int plugin_epoll_wait(
	void *user, int watch, struct epoll_event *events, int most, int timeout)
{
	enter(user, -1);
	return (int)result(user, watch_of(watch)
					 ? watch_wait(watch_of(watch), user, events, most, timeout)
					 : -EBADF);
}

static int plugin_pipe(void *user, int fds[2])
{
	enter(user, -1);
	return (int)result(user, of_kernel(pipe(fds)));
}

// Between a socket and a pipe: neither has offsets, for which packetdrill gives zeroes.
static int plugin_splice(
	void *user, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned int flags)
{
	char bytes[SPLICE_MOST];
	ssize_t got;

	(void)flags;
	if ((off_in && *off_in != 0) || (off_out && *off_out != 0)) {
		errno = ESPIPE;
		return -1;
	}
	got = plugin_read(user, in, bytes, n < sizeof(bytes) ? n : sizeof(bytes));
	return (int)(got <= 0 ? got : plugin_write(user, out, bytes, (size_t)got));
}

__attribute__((visibility("default"))) void packetdrill_interface_init(
	const char *flags, struct packetdrill_interface *interface)
{
	struct stack *stack = stack_create(flags);

	kernel_answers_for(stack);
	*interface = (struct packetdrill_interface){
		.userdata = stack,
		.free = plugin_free,
		.socket = plugin_socket,
		.bind = plugin_bind,
		.listen = plugin_listen,
		.accept = plugin_accept,
		.connect = plugin_connect,
		.read = plugin_read,
		.readv = plugin_readv,
		.recv = plugin_recv,
		.recvfrom = plugin_recvfrom,
		.recvmsg = plugin_recvmsg,
		.write = plugin_write,
		.writev = plugin_writev,
		.send = plugin_send,
		.sendto = plugin_sendto,
		.sendmsg = plugin_sendmsg,
		.fcntl = plugin_fcntl,
		.ioctl = plugin_ioctl,
		.close = plugin_close,
		.shutdown = plugin_shutdown,
		.getsockopt = plugin_getsockopt,
		.setsockopt = plugin_setsockopt,
		.poll = plugin_poll,
		.netdev_send = plugin_netdev_send,
		.netdev_receive = plugin_netdev_receive,
		.usleep = plugin_usleep,
		.gettimeofday = plugin_gettimeofday,
		.epoll_create = plugin_epoll_create,
		.epoll_ctl = plugin_epoll_ctl,
		.epoll_wait = plugin_epoll_wait,
		.pipe = plugin_pipe,
		.splice = plugin_splice,
	};
}
