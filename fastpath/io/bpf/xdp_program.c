// SPDX-License-Identifier: BSD-3-Clause
// What runs in the kernel on the interface of an af_xdp port: each frame goes to the socket of the
// receive queue it came by, and to the kernel where that queue has none.
#include <linux/bpf.h>

#define SECTION(name) __attribute__((section(name), used))

// The names are DPDK's: its driver puts its sockets into the map of this name.
struct {
	int (*type)[BPF_MAP_TYPE_XSKMAP];
	int (*max_entries)[64];
	int (*key_size)[sizeof(int)];
	int (*value_size)[sizeof(int)];
} xsks_map SECTION(".maps");

static long (*redirect_map)(void *map, __u64 key, __u64 flags) = (void *)BPF_FUNC_redirect_map;

SECTION("xdp")
int nexpath_port(struct xdp_md *frame)
{
	return (int)redirect_map(&xsks_map, frame->rx_queue_index, XDP_PASS);
}
