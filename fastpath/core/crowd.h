// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Members by the network that they came from, to find in constant time who is to give way when
// there is no room: the oldest member of the network that has most. A network is an IPv4 address or
// an IPv6 /56. One thread; memory is fixed at creation.

#include <sys/queue.h>

#include "core/base.h"
#include "pkt/address.h"

struct crowd;
struct crowd_network;

// Embedded in what is a member of at most one crowd. Zeroed: of none.
struct crowd_member {
	TAILQ_ENTRY(crowd_member) by_age;
	struct crowd_network *network; // NULL: of none
};

// Room for so many members. -ENOMEM; -EINVAL for none.
[[nodiscard]] int crowd_create(uint32_t members, struct crowd **out);
void crowd_destroy(struct crowd *crowd); // NULL is allowed

// The network of an address.
struct ip_address crowd_network_of(const struct ip_address *address);
// A number for a network that nobody can aim at who does not have the key.
uint32_t crowd_network_mix(const struct ip_address *network, const uint64_t key[2]);

// member is of none, and there are fewer than there is room for.
void crowd_join(struct crowd *crowd, struct crowd_member *member, const struct ip_address *address);
// Harmless on one of none.
void crowd_leave(struct crowd *crowd, struct crowd_member *member);

// The oldest member of the network that has most; of several such networks that which has had as
// many for longest. NULL: there are no members.
struct crowd_member *crowd_oldest_of_most(const struct crowd *crowd);
// The oldest of an address's network, NULL: it has none.
struct crowd_member *crowd_oldest_of(const struct crowd *crowd, const struct ip_address *address);
uint32_t crowd_members(const struct crowd *crowd);
// Those of an address's network.
uint32_t crowd_count_of(const struct crowd *crowd, const struct ip_address *address);
