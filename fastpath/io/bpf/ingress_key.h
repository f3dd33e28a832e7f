// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the ingress program and its loader share: an own address, and where its packets come in.

#include <linux/types.h>

struct ingress_key {
	__u32 interface; // index
	__u16 vlan;      // id, 0 = untagged
	__u16 zero;
	__u8 address[16]; // IPv4 as ::ffff:a.b.c.d
};

// An apply puts its addresses in before the old ones go: twice what a node may have.
enum {
	INGRESS_KEYS = 8192
};
