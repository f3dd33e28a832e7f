// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The XDP program of af_xdp ports. libxdp's own wants CAP_SYS_ADMIN and CAP_PERFMON and stays on
// the interface of a process that was killed; ours (kernel/xdp_program.c) wants CAP_BPF and
// CAP_NET_ADMIN and goes with the process. Private to io/. Control thread.

#include "core/base.h"

// A path from which DPDK's driver can load the program while this process lives, or NULL: the
// program was not built (no clang), or there is no memory for it.
const char *xdp_program_path(void);

// Whether an XDP program is on the interface already: DPDK would not replace it.
bool xdp_is_taken(int ifindex);

// Ties the program that DPDK has just put on the interface to a descriptor: it leaves the interface
// when that is closed, by whatever end of the process. 0, or a negative errno.
[[nodiscard]] int xdp_program_tie(int ifindex, int *link);

// The process's XDP sockets among its descriptors, as far as they are below XDP_DESCRIPTORS.
enum {
	XDP_DESCRIPTORS = 1024
};
struct xdp_sockets {
	uint64_t bits[XDP_DESCRIPTORS / 64];
};

void xdp_sockets_note(struct xdp_sockets *out);
// A socket that has come since, or -1. DPDK's driver makes one when a receive queue is set up and
// tells nobody its descriptor, which becomes readable when the queue has frames.
int xdp_socket_new(const struct xdp_sockets *before);

// Frames that found no room in the socket's rings, which the interface counts among its drops.
uint64_t xdp_socket_overruns(int fd);
