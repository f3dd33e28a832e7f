// SPDX-License-Identifier: BSD-3-Clause
// Chains of entries by a keyed hash of their texts; numbers are indexes plus one.
#include "stream/leg_names.h"

#include "core/memory.h"
#include "tcp/siphash.h"

// Invariant: in a chain while it has users, else in the list of free ones, or never used yet.
struct entry {
	struct session_names pair; // what is behind the texts' ends is zero
	uint32_t users;
	uint32_t next; // number of the next one in the chain or the list, 0: none
};

struct leg_names {
	struct memory memory;
	struct siphash_key key;
	struct entry *entries;
	uint32_t *chains; // as many as entries
	uint32_t count;
	uint32_t touched; // entries ever used
	uint32_t free;
	uint32_t used;
};

int leg_names_create(uint32_t pairs, const uint64_t key[2], struct leg_names **out)
{
	size_t entries = (size_t)pairs * sizeof(struct entry);
	size_t chains = (size_t)pairs * sizeof(uint32_t);
	struct leg_names *n;
	struct memory m;

	if (pairs == 0)
		return -EINVAL;
	if (memory_map(sizeof(*n) + entries + chains, false, &m) != 0)
		return -ENOMEM;
	n = m.base;
	*n = (struct leg_names){.memory = m, .key = {{key[0], key[1]}}, .count = pairs};
	n->entries = (struct entry *)(void *)(n + 1);
	n->chains = (uint32_t *)(void *)(n->entries + pairs);
	*out = n;
	return 0;
}

void leg_names_destroy(struct leg_names *names)
{
	struct memory m;

	if (!names)
		return;
	m = names->memory;
	memory_unmap(&m);
}

static struct entry *entry_at(const struct leg_names *n, uint32_t number)
{
	return &n->entries[number - 1];
}

static uint32_t *chain_of(const struct leg_names *n, const struct session_names *pair)
{
	uint64_t words[sizeof(*pair) / sizeof(uint64_t)] = {0};
	size_t name = strlen(pair->server_name) + 1, protocol = strlen(pair->protocol);
	uint8_t *text = (uint8_t *)words;

	memcpy(text, pair->server_name, name);
	memcpy(text + name, pair->protocol, protocol);
	return &n->chains[siphash_words(&n->key, words,
				  (uint32_t)((name + protocol + sizeof(words[0]) - 1) /
					     sizeof(words[0]))) %
			  n->count];
}

static uint32_t entry_new(struct leg_names *n)
{
	uint32_t number = n->free;

	if (number != 0) {
		n->free = entry_at(n, number)->next;
		return number;
	}
	return n->touched < n->count ? ++n->touched : 0;
}

static void text_copy(char out[SESSION_NAME_BYTES], const char text[SESSION_NAME_BYTES])
{
	memcpy(out, text, strnlen(text, SESSION_NAME_BYTES - 1));
}

uint32_t leg_names_take(struct leg_names *names, const struct session_names *pair)
{
	struct session_names whole = {0};
	uint32_t *chain, number;
	struct entry *e;

	text_copy(whole.server_name, pair->server_name);
	text_copy(whole.protocol, pair->protocol);
	if (whole.server_name[0] == '\0' && whole.protocol[0] == '\0')
		return LEG_NAMES_NONE;
	chain = chain_of(names, &whole);
	for (number = *chain; number != 0; number = e->next) {
		e = entry_at(names, number);
		if (memcmp(&e->pair, &whole, sizeof(whole)) != 0)
			continue;
		e->users++;
		return number;
	}
	number = entry_new(names);
	if (number == 0)
		return LEG_NAMES_NONE;
	*entry_at(names, number) = (struct entry){.pair = whole, .users = 1, .next = *chain};
	*chain = number;
	names->used++;
	return number;
}

void leg_names_give(struct leg_names *names, uint32_t number)
{
	struct entry *e;
	uint32_t *link;

	if (number == LEG_NAMES_NONE)
		return;
	e = entry_at(names, number);
	nx_bug_on(number > names->touched || e->users == 0);
	if (--e->users > 0)
		return;
	for (link = chain_of(names, &e->pair); *link != number;
		link = &entry_at(names, *link)->next)
		;
	*link = e->next;
	e->next = names->free;
	names->free = number;
	names->used--;
}

void leg_names_read(const struct leg_names *names, uint32_t number, struct session_names *out)
{
	*out = number != LEG_NAMES_NONE ? entry_at(names, number)->pair : (struct session_names){0};
}

uint32_t leg_names_used(const struct leg_names *names)
{
	return names->used;
}
