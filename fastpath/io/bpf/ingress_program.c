// SPDX-License-Identifier: BSD-3-Clause
// What runs in the kernel on the interface of an af_packet port, after its packet sockets have had
// their copy of a frame: packets to the port's own addresses end here, all else goes on.
#include <asm/byteorder.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "io/bpf/ingress_key.h"

#define SECTION(name) __attribute__((section(name), used))

// enum tcx_action_base, which the oldest system's header lacks.
enum {
	TCX_ACTION_NEXT = -1, // as if we were not there: other programs, then the kernel's stack
	TCX_ACTION_DROP = 2
};

enum {
	IPV4_DESTINATION = 16,
	IPV6_DESTINATION = 24,
	VLAN_ID_MASK = 0xfff
};

// A key's value is the link that put it there (ingress.c).
struct {
	int (*type)[BPF_MAP_TYPE_HASH];
	int (*max_entries)[INGRESS_KEYS];
	int (*map_flags)[BPF_F_NO_PREALLOC];
	struct ingress_key *key;
	__u32 *value;
} own_addresses SECTION(".maps");

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*load_bytes)(const void *frame, __u32 offset, void *to, __u32 length,
	__u32 start) = (void *)BPF_FUNC_skb_load_bytes_relative;

SECTION("tc")
int nexpath_ingress(struct __sk_buff *frame)
{
	struct ingress_key key = {.interface = frame->ifindex};
	long failed;

	// A frame to another station's MAC may have to cross a bridge here.
	if (frame->pkt_type != PACKET_HOST)
		return TCX_ACTION_NEXT;
	// The kernel has taken the outermost tag off; a port knows one, of this kind.
	if (frame->vlan_present) {
		if (frame->vlan_proto != __constant_htons(ETH_P_8021Q))
			return TCX_ACTION_NEXT;
		key.vlan = frame->vlan_tci & VLAN_ID_MASK;
	}
	if (frame->protocol == __constant_htons(ETH_P_IP)) {
		key.address[10] = key.address[11] = 0xff;
		failed =
			load_bytes(frame, IPV4_DESTINATION, key.address + 12, 4, BPF_HDR_START_NET);
	} else if (frame->protocol == __constant_htons(ETH_P_IPV6)) {
		failed = load_bytes(frame, IPV6_DESTINATION, key.address, 16, BPF_HDR_START_NET);
	} else {
		return TCX_ACTION_NEXT;
	}
	if (failed || !map_lookup(&own_addresses, &key))
		return TCX_ACTION_NEXT;
	return TCX_ACTION_DROP;
}
