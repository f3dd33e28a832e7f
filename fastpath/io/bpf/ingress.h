// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Spares the kernel the walk through its own network layer for frames that an af_packet port has
// already taken: a program at the interface's TCX ingress (kernel 6.6) ends packets to the port's
// own addresses. It leaves the interface with its descriptor, by whatever end of the process.
// Loading it takes CAP_BPF and CAP_NET_ADMIN, all else only the descriptors that are then held.
// One set of addresses a process, by interface number: its ports live in one network namespace.
// Private to io/. Control thread.

#include "core/snapshot.h"

// Loads the program and its map once in a process. 0, or a negative errno: -EOPNOTSUPP when it was
// not built (no clang), -EPERM without the capabilities.
[[nodiscard]] int ingress_load(void);

// Loads the program if need be and puts it on the interface; it has no addresses yet. 0, or a
// negative errno: -EOPNOTSUPP from a kernel that is too old, -EEXIST when another port of the
// process stands on the interface. Programs that are there stay, and see frames first.
[[nodiscard]] int ingress_attach(int ifindex, int *link);
// Takes it off again, and its addresses out. The interface may be gone.
void ingress_detach(int link);

// Makes the snapshot's addresses of a port those of the link, new ones first. 0, or a negative
// errno: some are not covered.
[[nodiscard]] int ingress_addresses_set(
	int link, int ifindex, const struct snapshot *snapshot, uint16_t port);
