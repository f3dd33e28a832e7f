// SPDX-License-Identifier: BSD-3-Clause
// What scripts set and ask.
#include "calls.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

// The kernel's numbers: its header of TCP has names that are ours too.
enum {
	LEVEL_TCP = 6,
	OPTION_NODELAY = 1,
	OPTION_MAXSEG = 2,
	OPTION_CORK = 3,
	OPTION_KEEPIDLE = 4,
	OPTION_KEEPINTVL = 5,
	OPTION_KEEPCNT = 6,
	OPTION_USER_TIMEOUT = 18,
	OPTION_INQ = 36,
	SEND_BUFFER_LEAST = 4096,
};

int call_fcntl(struct stack_socket *socket, int command, long argument)
{
	if (command == F_GETFL)
		return O_RDWR | (socket->blocks ? 0 : O_NONBLOCK);
	if (command != F_SETFL)
		return -EINVAL;
	socket->blocks = !(argument & O_NONBLOCK);
	return 0;
}

int call_ioctl(struct stack *s, struct stack_socket *socket, unsigned long request, int *value)
{
	struct tcp_info info;

	if (socket->is_listening)
		return -EINVAL;
	switch (request) {
	case SIOCINQ:
		*value = (int)stack_socket_readable(s, socket);
		return 0;
	case SIOCOUTQ:
		if (socket->connection == TCP_NONE)
			return -EINVAL;
		tcp_info_get(s->engine, socket->connection, &info);
		*value = (int)info.send_queued;
		return 0;
	default:
		return -EINVAL;
	}
}

static int maxseg(struct stack *s, const struct stack_socket *socket)
{
	struct tcp_info info;

	if (socket->connection == TCP_NONE)
		return socket->profile.mss_max ? socket->profile.mss_max : 536;
	tcp_info_get(s->engine, socket->connection, &info);
	return info.mss;
}

static int tcp_option_get(struct stack *s, const struct stack_socket *socket, int name, int *out)
{
	const struct tcp_profile *p = &socket->profile;

	switch (name) {
	case OPTION_MAXSEG:
		*out = maxseg(s, socket);
		return 0;
	case OPTION_NODELAY:
		*out = !(p->flags & TCP_NAGLE);
		return 0;
	case OPTION_CORK:
		*out = socket->corked;
		return 0;
	case OPTION_USER_TIMEOUT:
		*out = (int)p->user_timeout_ms;
		return 0;
	case OPTION_KEEPIDLE:
		*out = (int)(p->keepalive_idle_ms / 1000);
		return 0;
	case OPTION_INQ:
		*out = socket->tells_queue;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int call_getsockopt(struct stack *s, struct stack_socket *socket, int level, int name, void *value,
	socklen_t *n)
{
	int out;
	int status = -ENOPROTOOPT;

	if (level == LEVEL_TCP)
		status = tcp_option_get(s, socket, name, &out);
	if (level == SOL_SOCKET && name == SO_ERROR) {
		out = socket->error;
		socket->error = 0;
		status = 0;
	}
	if (level == SOL_SOCKET && name == SO_SNDBUF && socket->send_buffer != 0) {
		out = socket->send_buffer;
		status = 0;
	}
	if (status != 0)
		return status;
	memcpy(value, &out, u32_min(*n, sizeof(out)));
	*n = u32_min(*n, sizeof(out));
	return 0;
}

// What waits is pushed out.
static void uncork(struct stack *s, struct stack_socket *socket)
{
	socket->corked = false;
	if (socket->connection != TCP_NONE && socket->is_open)
		(void)tcp_send(s->engine, socket->connection, NULL, 0, s->now);
}

static int tcp_option_set(struct stack *s, struct stack_socket *socket, int name, int value)
{
	struct tcp_profile *p = &socket->profile;

	switch (name) {
	case OPTION_NODELAY:
		p->flags = value ? p->flags & ~(uint32_t)TCP_NAGLE : p->flags | TCP_NAGLE;
		stack_socket_profile(s, socket);
		if (value)
			uncork(s, socket);
		return 0;
	case OPTION_CORK:
		if (value)
			socket->corked = true;
		else
			uncork(s, socket);
		return 0;
	case OPTION_MAXSEG:
		p->mss_max = (uint16_t)value;
		return 0;
	case OPTION_USER_TIMEOUT:
		p->user_timeout_ms = (uint32_t)value;
		return 0;
	case OPTION_KEEPIDLE:
		p->keepalive_idle_ms = (uint32_t)value * 1000;
		return 0;
	case OPTION_KEEPINTVL:
		p->keepalive_interval_ms = (uint32_t)value * 1000;
		return 0;
	case OPTION_KEEPCNT:
		p->keepalive_probes = (uint8_t)value;
		return 0;
	case OPTION_INQ:
		socket->tells_queue = value != 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

// The kernel doubles what is asked for, and so does the engine count buffers twice their payload.
static int send_buffer_set(struct stack_socket *socket, int value)
{
	socket->send_buffer = 2 * (value < SEND_BUFFER_LEAST ? SEND_BUFFER_LEAST : value);
	socket->profile.send_memory = (uint32_t)socket->send_buffer;
	return 0;
}

static int socket_option_set(
	struct stack_socket *socket, int name, const void *bytes, socklen_t n, int value)
{
	struct linger linger;

	switch (name) {
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
		return 0;
	case SO_SNDBUF:
		return send_buffer_set(socket, value);
	case SO_LINGER:
		if (n < sizeof(linger))
			return -EINVAL;
		memcpy(&linger, bytes, sizeof(linger));
		socket->aborts = linger.l_onoff && linger.l_linger == 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int call_setsockopt(struct stack *s, struct stack_socket *socket, int level, int name,
	const void *bytes, socklen_t n)
{
	int value = 0;
	int status;

	memcpy(&value, bytes, u32_min(n, sizeof(value)));
	switch (level) {
	case LEVEL_TCP:
		status = tcp_option_set(s, socket, name, value);
		break;
	case SOL_SOCKET:
		status = socket_option_set(socket, name, bytes, n, value);
		break;
	case SOL_IP:
		// Neither the type of service nor free binding changes what scripts look at here.
		status = name == IP_TOS || name == IP_FREEBIND || name == IP_MTU_DISCOVER
				 ? 0
				 : -ENOPROTOOPT;
		break;
	default:
		status = -ENOPROTOOPT;
	}
	if (status == 0)
		stack_socket_profile(s, socket);
	stack_turn(s);
	return status;
}
