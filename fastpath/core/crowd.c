// SPDX-License-Identifier: BSD-3-Clause
#include "core/crowd.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
	IPV6_NETWORK_BYTES = 7,
};

TAILQ_HEAD(members, crowd_member);

// Invariant: in by_count[count] and its hash chain while count > 0; else in `free`.
struct crowd_network {
	LIST_ENTRY(crowd_network) chain;
	TAILQ_ENTRY(crowd_network) alike;
	struct members members; // the oldest first
	struct ip_address address;
	uint32_t count;
};

TAILQ_HEAD(networks, crowd_network);

struct crowd {
	uint64_t key[2]; // of the hash: strangers must not choose their chain
	uint32_t capacity;
	uint32_t count;
	uint32_t most; // members of the network that has most
	uint32_t chains;
	struct crowd_network *networks;
	struct networks *by_count; // by_count[0]: the free ones
	LIST_HEAD(crowd_chain, crowd_network) * table;
};

int crowd_create(uint32_t members, struct crowd **out)
{
	struct crowd *c;

	if (members == 0)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->capacity = members;
	for (c->chains = 1; c->chains < members && c->chains <= UINT32_MAX / 4; c->chains *= 2)
		;
	c->networks = calloc(members, sizeof(*c->networks));
	c->by_count = calloc((size_t)members + 1, sizeof(*c->by_count));
	c->table = calloc(c->chains, sizeof(*c->table));
	if (!c->networks || !c->by_count || !c->table) {
		crowd_destroy(c);
		return -ENOMEM;
	}
	if (getrandom(c->key, sizeof(c->key), 0) != sizeof(c->key))
		c->key[0] = c->key[1] = (uint64_t)(uintptr_t)c;
	for (uint32_t i = 0; i <= members; i++)
		TAILQ_INIT(&c->by_count[i]);
	for (uint32_t i = 0; i < members; i++)
		TAILQ_INSERT_TAIL(&c->by_count[0], &c->networks[i], alike);
	*out = c;
	return 0;
}

void crowd_destroy(struct crowd *crowd)
{
	if (!crowd)
		return;
	free(crowd->networks);
	free(crowd->by_count);
	free(crowd->table);
	free(crowd);
}

struct ip_address crowd_network_of(const struct ip_address *address)
{
	struct ip_address network = *address;

	if (!ip_address_is_v4(address))
		memset(network.bytes + IPV6_NETWORK_BYTES, 0,
			sizeof(network.bytes) - IPV6_NETWORK_BYTES);
	return network;
}

uint32_t crowd_network_mix(const struct ip_address *network, const uint64_t key[2])
{
	uint64_t mixed = (network->halves[0] ^ key[0]) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 29) ^ network->halves[1] ^ key[1]) *
		UINT64_C(0xff51afd7ed558ccd);
	// An IPv4 address has its last bytes at the top, and a product carries upwards only.
	mixed = (mixed ^ mixed >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	// Once more, or neighbours often fall on the same of few choices.
	mixed = (mixed ^ mixed >> 29) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(mixed >> 32);
}

static struct crowd_chain *chain_of(const struct crowd *c, const struct ip_address *network)
{
	return &c->table[crowd_network_mix(network, c->key) & (c->chains - 1)];
}

static struct crowd_network *network_find(const struct crowd *c, const struct ip_address *address)
{
	struct crowd_network *n;

	LIST_FOREACH(n, chain_of(c, address), chain)
	if (ip_address_equal(&n->address, address))
		return n;
	return NULL;
}

static void network_count(struct crowd *c, struct crowd_network *n, uint32_t count)
{
	TAILQ_REMOVE(&c->by_count[n->count], n, alike);
	TAILQ_INSERT_TAIL(&c->by_count[count], n, alike);
	n->count = count;
	if (count > c->most)
		c->most = count;
	// It had one more until now.
	else if (c->most == count + 1 && TAILQ_EMPTY(&c->by_count[c->most]))
		c->most = count;
}

void crowd_join(struct crowd *crowd, struct crowd_member *member, const struct ip_address *address)
{
	struct ip_address network = crowd_network_of(address);
	struct crowd_network *n = network_find(crowd, &network);

	nx_bug_on(crowd->count == crowd->capacity || member->network);
	if (!n) {
		// There is one free for each member that is not there.
		n = TAILQ_FIRST(&crowd->by_count[0]);
		n->address = network;
		TAILQ_INIT(&n->members);
		LIST_INSERT_HEAD(chain_of(crowd, &network), n, chain);
	}
	TAILQ_INSERT_TAIL(&n->members, member, by_age);
	member->network = n;
	crowd->count++;
	network_count(crowd, n, n->count + 1);
}

void crowd_leave(struct crowd *crowd, struct crowd_member *member)
{
	struct crowd_network *n = member->network;

	if (!n)
		return;
	TAILQ_REMOVE(&n->members, member, by_age);
	member->network = NULL;
	crowd->count--;
	network_count(crowd, n, n->count - 1);
	if (n->count == 0)
		LIST_REMOVE(n, chain);
}

struct crowd_member *crowd_oldest_of_most(const struct crowd *crowd)
{
	return crowd->most == 0 ? NULL
				: TAILQ_FIRST(&TAILQ_FIRST(&crowd->by_count[crowd->most])->members);
}

struct crowd_member *crowd_oldest_of(const struct crowd *crowd, const struct ip_address *address)
{
	struct ip_address network = crowd_network_of(address);
	const struct crowd_network *n = network_find(crowd, &network);

	return n ? TAILQ_FIRST(&n->members) : NULL;
}

uint32_t crowd_members(const struct crowd *crowd)
{
	return crowd->count;
}

uint32_t crowd_count_of(const struct crowd *crowd, const struct ip_address *address)
{
	struct ip_address network = crowd_network_of(address);
	const struct crowd_network *n = network_find(crowd, &network);

	return n ? n->count : 0;
}
