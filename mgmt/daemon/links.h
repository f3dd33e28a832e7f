// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What happens to the devices behind the ports, as events: links that come and go, frames that are
// larger than a port takes. Control thread.

#include "daemon/daemon.h"

// Tells what changed since the last call; after dataplane_is_settled has polled the node.
void links_tell(struct daemon *daemon);
