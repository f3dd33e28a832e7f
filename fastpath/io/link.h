// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Follows the links of a node's ports: a netlink socket tells that something changed, the ports are
// then asked themselves. Sets port->up, speed_bps and gone, opens a port again when its device is
// back, and once a second has the ports fold their counters. One follower a node, control thread
// only.

#include "io/interface.h"
#include "io/port.h"

enum link_change {
	LINK_UP = 0,
	LINK_DOWN,
	LINK_GONE,     // the device disappeared
	LINK_RETURNED, // it is back and open; wake-up descriptors may have to be polled anew
};

struct link_follower;

typedef void link_callback(void *context, struct port *port, enum link_change change);

// Opens the follower in the network namespace of the calling thread. A negative errno on failure.
[[nodiscard]] int link_follower_create(
	link_callback *callback, void *context, struct link_follower **out);
void link_follower_destroy(struct link_follower *follower);

// Begins to follow an open port, whose present state is taken as known; -ENOSPC beyond MAX_PORTS.
[[nodiscard]] int link_follow(struct link_follower *follower, struct port *port);
void link_forget(struct link_follower *follower, struct port *port);

// Readable when link_poll has something to do at once.
int link_follower_fd(const struct link_follower *follower);

// Reads what netlink has, looks at the ports if something changed or half a second has passed, and
// calls back for each change. Never blocks. Call at least twice a second.
void link_poll(struct link_follower *follower, usec_t now);
