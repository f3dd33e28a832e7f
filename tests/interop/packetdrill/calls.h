// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// System calls on the stack's sockets, with the lock held. Results as the kernel's own: what a call
// returns, or a negative errno.

#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>

#include "stack.h"

int call_socket(struct stack *stack, int domain, int type, int protocol);
int call_bind(
	struct stack *stack, struct stack_socket *socket, const struct sockaddr *name, socklen_t n);
int call_listen(struct stack *stack, struct stack_socket *socket);
int call_accept(
	struct stack *stack, struct stack_socket *socket, struct sockaddr *name, socklen_t *n);
int call_connect(
	struct stack *stack, struct stack_socket *socket, const struct sockaddr *name, socklen_t n);
int call_shutdown(struct stack *stack, struct stack_socket *socket, int how);
int call_close(struct stack *stack, struct stack_socket *socket);

ssize_t call_receive(
	struct stack *stack, struct stack_socket *socket, struct msghdr *message, int flags);
ssize_t call_send(
	struct stack *stack, struct stack_socket *socket, const struct msghdr *message, int flags);

int call_fcntl(struct stack_socket *socket, int command, long argument);
int call_ioctl(struct stack *stack, struct stack_socket *socket, unsigned long request, int *value);
int call_getsockopt(struct stack *stack, struct stack_socket *socket, int level, int name,
	void *value, socklen_t *n);
int call_setsockopt(struct stack *stack, struct stack_socket *socket, int level, int name,
	const void *value, socklen_t n);

int call_poll(struct stack *stack, struct pollfd *fds, nfds_t n, int timeout_ms);

// An epoll instance; its number is the file descriptor.
struct watch;
int watch_create(void);
struct watch *watch_of(int fd);
int watch_control(struct watch *watch, struct stack *stack, int operation, int fd,
	const struct epoll_event *event);
int watch_wait(struct watch *watch, struct stack *stack, struct epoll_event *events, int most,
	int timeout_ms);
void watch_close(struct watch *watch);

// When a call with a timeout in milliseconds gives up; below 0: never.
static inline usec_t call_deadline(const struct stack *stack, int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : stack->now + (usec_t)timeout_ms * USEC_PER_MILLISECOND;
}
