// SPDX-License-Identifier: BSD-3-Clause
#include "io/link.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LOOK_US = 500 * 1000,   // between looks when netlink is silent
	REOPEN_US = 250 * 1000, // between attempts; a driver may count on it
	COUNTERS_US = 1000 * 1000,
	READS_A_POLL = 64,
};

enum link_state {
	STATE_DOWN = 0,
	STATE_UP,
	STATE_GONE
};

struct followed {
	struct port *port;
	enum link_state state;
	usec_t tried; // when reopening was last tried
};

struct link_follower {
	int fd;
	link_callback *callback;
	void *context;
	usec_t looked;
	usec_t counted;
	uint16_t count;
	struct followed ports[MAX_PORTS];
};

int link_follower_create(link_callback *callback, void *context, struct link_follower **out)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct link_follower *f = calloc(1, sizeof(*f));
	int result;

	if (!f)
		return -ENOMEM;
	f->callback = callback;
	f->context = context;
	f->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		result = -errno;
		link_follower_destroy(f);
		return result;
	}
	*out = f;
	return 0;
}

void link_follower_destroy(struct link_follower *follower)
{
	if (follower->fd >= 0)
		close(follower->fd);
	free(follower);
}

int link_follow(struct link_follower *follower, struct port *port)
{
	if (follower->count == MAX_PORTS)
		return -ENOSPC;
	follower->ports[follower->count++] = (struct followed){
		.port = port,
		.state = shared_word_load(&port->up) ? STATE_UP : STATE_DOWN,
	};
	return 0;
}

void link_forget(struct link_follower *follower, struct port *port)
{
	for (uint16_t i = 0; i < follower->count; i++)
		if (follower->ports[i].port == port) {
			follower->ports[i] = follower->ports[--follower->count];
			return;
		}
}

int link_follower_fd(const struct link_follower *follower)
{
	return follower->fd;
}

// Messages only say that it is time to look: one that was lost (ENOBUFS) says the same.
static bool netlink_drain(struct link_follower *follower)
{
	char bytes[8192];
	bool told = false;

	for (uint32_t i = 0; i < READS_A_POLL; i++) {
		ssize_t n = recv(follower->fd, bytes, sizeof(bytes), 0);

		if (n < 0 && errno != ENOBUFS)
			break;
		told = true;
	}
	return told;
}

// The interface under the port's name is not the one that the port was opened on.
static bool is_gone(const struct port *port)
{
	if (shared_word_load(&port->gone))
		return true;
	return (port->capabilities & PORT_KERNEL) &&
	       interface_index(port->interface) != port->ifindex;
}

static void state_enter(struct link_follower *follower, struct followed *p, enum link_state state,
	enum link_change change)
{
	p->state = state;
	shared_word_store(&p->port->up, state == STATE_UP);
	follower->callback(follower->context, p->port, change);
}

static void link_look(struct link_follower *follower, struct followed *p, usec_t now)
{
	struct port *port = p->port;
	bool up;
	uint64_t speed;

	if (p->state == STATE_GONE || is_gone(port)) {
		if (p->state != STATE_GONE) {
			shared_word_store(&port->gone, true);
			p->tried = 0;
			state_enter(follower, p, STATE_GONE, LINK_GONE);
		}
		if (now - p->tried < REOPEN_US)
			return;
		p->tried = now;
		if (port->ops->reopen(port) < 0)
			return;
		shared_word_store(&port->gone, false);
		state_enter(follower, p, STATE_DOWN, LINK_RETURNED);
	}
	port->ops->link(port, &up, &speed);
	shared_word_store(&port->speed_bps, speed);
	if (up != (p->state == STATE_UP))
		state_enter(follower, p, up ? STATE_UP : STATE_DOWN, up ? LINK_UP : LINK_DOWN);
}

void link_poll(struct link_follower *follower, usec_t now)
{
	bool told = netlink_drain(follower);

	if (!told && now - follower->looked < LOOK_US)
		return;
	follower->looked = now;
	for (uint16_t i = 0; i < follower->count; i++)
		link_look(follower, &follower->ports[i], now);
	if (now - follower->counted < COUNTERS_US)
		return;
	follower->counted = now;
	for (uint16_t i = 0; i < follower->count; i++)
		follower->ports[i].port->ops->counters(follower->ports[i].port);
}
