// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/slot_table.h"

#include "config/config.h"

static const uint32_t slot_maximum[SLOT_KIND_COUNT] = {
	[SLOT_LISTENER] = MAX_LISTENERS,
	[SLOT_UPSTREAM] = MAX_UPSTREAMS,
	[SLOT_TARGET] = MAX_TARGETS,
	[SLOT_NETIF] = MAX_NETIFS,
};

void slot_object_get(enum slot_kind kind, const void *object)
{
	// Compiled objects are const to all but the control thread, which counts.
	void *own = (void *)(uintptr_t)object;

	if (kind == SLOT_LISTENER)
		((struct snapshot_listener *)own)->references++;
	else if (kind == SLOT_UPSTREAM)
		((struct snapshot_upstream *)own)->references++;
	else if (kind == SLOT_TARGET)
		((struct snapshot_target *)own)->references++;
}

const void *slot_object_share(enum slot_kind kind, const void *object)
{
	if (object)
		slot_object_get(kind, object);
	return object;
}

void slot_object_put(enum slot_kind kind, const void *object)
{
	if (kind == SLOT_LISTENER)
		snapshot_listener_put(object);
	else if (kind == SLOT_UPSTREAM)
		snapshot_upstream_put(object);
	else if (kind == SLOT_TARGET)
		snapshot_target_put(object);
}

static uint32_t key_hash(const char *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
	return (uint32_t)(hash ^ (hash >> 32));
}

static void index_put(struct slot_table *table, uint16_t slot)
{
	uint32_t at = key_hash(table->entries[slot].key) & table->index_mask;

	while (table->index[at] != 0)
		at = (at + 1) & table->index_mask;
	table->index[at] = (uint16_t)(slot + 1);
}

static void index_rebuild(struct slot_table *table)
{
	memset(table->index, 0, (table->index_mask + 1) * sizeof(*table->index));
	for (uint32_t slot = 0; slot < table->limit; slot++)
		if (table->entries[slot].key)
			index_put(table, (uint16_t)slot);
}

static uint16_t table_find(const struct slot_table *table, const char *key)
{
	uint32_t at = key_hash(key) & table->index_mask;

	for (; table->index[at] != 0; at = (at + 1) & table->index_mask) {
		uint16_t slot = (uint16_t)(table->index[at] - 1);

		if (strcmp(table->entries[slot].key, key) == 0)
			return slot;
	}
	return SLOT_NONE;
}

// The index has twice as many places as there can be keys, so that a search always ends.
static int table_init(struct slot_table *table, uint32_t maximum)
{
	table->maximum = maximum;
	table->index_mask = 2 * maximum - 1;
	table->entries = calloc(maximum, sizeof(*table->entries));
	table->index = calloc(table->index_mask + 1, sizeof(*table->index));
	return table->entries && table->index ? 0 : -ENOMEM;
}

static void table_fini(struct slot_table *table, enum slot_kind kind)
{
	for (uint32_t slot = 0; table->entries && slot < table->limit; slot++) {
		struct slot_entry *entry = &table->entries[slot];

		if (entry->object)
			slot_object_put(kind, entry->object);
		free(entry->key);
	}
	free(table->entries);
	free(table->index);
}

static int table_copy(struct slot_table *to, const struct slot_table *from, enum slot_kind kind)
{
	to->limit = from->limit;
	for (uint32_t slot = 0; slot < from->limit; slot++) {
		const struct slot_entry *entry = &from->entries[slot];
		char *key = entry->key ? strdup(entry->key) : NULL;

		if (entry->key && !key)
			return -ENOMEM;
		to->entries[slot] = *entry;
		to->entries[slot].key = key;
		if (entry->object)
			slot_object_get(kind, entry->object);
	}
	memcpy(to->index, from->index, (from->index_mask + 1) * sizeof(*from->index));
	return 0;
}

int slot_map_create(struct slot_map **out)
{
	struct slot_map *map = calloc(1, sizeof(*map));
	int rc = map ? 0 : -ENOMEM;

	for (int kind = 0; !rc && kind < SLOT_KIND_COUNT; kind++)
		rc = table_init(&map->tables[kind], slot_maximum[kind]);
	if (rc) {
		slot_map_destroy(map);
		return rc;
	}
	*out = map;
	return 0;
}

void slot_map_destroy(struct slot_map *map)
{
	if (!map)
		return;
	for (int kind = 0; kind < SLOT_KIND_COUNT; kind++)
		table_fini(&map->tables[kind], (enum slot_kind)kind);
	free(map);
}

int slot_map_clone(const struct slot_map *map, struct slot_map **out)
{
	struct slot_map *copy;
	int rc = slot_map_create(&copy);

	if (rc)
		return rc;
	for (int kind = 0; !rc && kind < SLOT_KIND_COUNT; kind++)
		rc = table_copy(&copy->tables[kind], &map->tables[kind], (enum slot_kind)kind);
	if (rc) {
		slot_map_destroy(copy);
		return rc;
	}
	*out = copy;
	return 0;
}

void slot_map_take(struct slot_map *map, struct slot_map *from)
{
	struct slot_map former = *map;

	*map = *from;
	*from = former;
	slot_map_destroy(from);
}

void slot_map_begin(struct slot_map *map)
{
	for (int kind = 0; kind < SLOT_KIND_COUNT; kind++)
		for (uint32_t slot = 0; slot < map->tables[kind].limit; slot++)
			map->tables[kind].entries[slot].seen = false;
}

void slot_map_end(struct slot_map *map)
{
	for (int kind = 0; kind < SLOT_KIND_COUNT; kind++) {
		struct slot_table *table = &map->tables[kind];

		for (uint32_t slot = 0; slot < table->limit; slot++)
			if (table->entries[slot].key)
				table->entries[slot].closing = !table->entries[slot].seen;
	}
}

static uint16_t table_free_slot(const struct slot_table *table)
{
	for (uint32_t slot = 0; slot < table->maximum; slot++)
		if (!table->entries[slot].key)
			return (uint16_t)slot;
	return SLOT_NONE;
}

int slot_map_claim(struct slot_map *map, enum slot_kind kind, const char *key, uint16_t *slot)
{
	struct slot_table *table = &map->tables[kind];
	uint16_t at = table_find(table, key);

	if (at == SLOT_NONE) {
		at = table_free_slot(table);
		if (at == SLOT_NONE)
			return -E2BIG;
		table->entries[at].key = strdup(key);
		if (!table->entries[at].key)
			return -ENOMEM;
		table->entries[at].generation++;
		table->entries[at].port = SLOT_NONE;
		if (at >= table->limit)
			table->limit = at + 1u;
		index_put(table, at);
	}
	table->entries[at].seen = true;
	table->entries[at].closing = false;
	*slot = at;
	return 0;
}

void slot_map_set(struct slot_map *map, enum slot_kind kind, uint16_t slot, const void *object)
{
	struct slot_entry *entry = &map->tables[kind].entries[slot];
	const void *former = entry->object;

	slot_object_get(kind, object);
	entry->object = object;
	if (former)
		slot_object_put(kind, former);
}

uint16_t slot_map_find(const struct slot_map *map, enum slot_kind kind, const char *key)
{
	return table_find(&map->tables[kind], key);
}

bool slot_map_is_closing(const struct slot_map *map, enum slot_kind kind, uint16_t slot)
{
	return slot < map->tables[kind].limit && map->tables[kind].entries[slot].closing;
}

uint32_t slot_map_pending_count(const struct slot_map *map)
{
	uint32_t count = 0;

	for (int kind = 0; kind < SLOT_NETIF; kind++)
		for (uint32_t slot = 0; slot < map->tables[kind].limit; slot++)
			count += map->tables[kind].entries[slot].closing ||
				 map->tables[kind].entries[slot].former_count > 0;
	return count;
}

const char *mirror_name(char out[MIRROR_NAME_BYTES], const char *credential)
{
	snprintf(out, MIRROR_NAME_BYTES, "%c%s", MIRROR_MARK, credential);
	return out;
}

const char *slot_target_key(char out[SLOT_KEY_BYTES], const char *upstream, const char *target,
	const struct ip_address *address)
{
	char shown[IP_ADDRESS_TEXT_MAX];

	snprintf(out, SLOT_KEY_BYTES, "%s/%s/%s", upstream, target,
		ip_address_print(address, shown));
	return out;
}

const char *slot_listener_key(char out[SLOT_KEY_BYTES], const char *name, uint32_t protocol)
{
	static const char *const names[] = {"tcp", "udp", "http"};

	snprintf(out, SLOT_KEY_BYTES, "%s/%s", name, names[protocol]);
	return out;
}

static void entry_free(struct slot_entry *entry, enum slot_kind kind)
{
	if (entry->object)
		slot_object_put(kind, entry->object);
	free(entry->key);
	*entry = (struct slot_entry){.generation = entry->generation};
}

static uint32_t sweep_unused(struct slot_map *map, enum slot_kind kind, void *context,
	bool (*is_unused)(void *context, enum slot_kind kind, uint16_t slot))
{
	struct slot_table *table = &map->tables[kind];
	uint32_t freed = 0;

	for (uint32_t slot = 0; slot < table->limit; slot++) {
		struct slot_entry *entry = &table->entries[slot];

		if ((!entry->closing && entry->former_count == 0) ||
			!is_unused(context, kind, (uint16_t)slot))
			continue;
		if (entry->closing)
			entry_free(entry, kind);
		else
			entry->former_count = 0;
		freed++;
	}
	if (freed > 0)
		index_rebuild(table);
	return freed;
}

// Whether a listener (closing ones included) or a target slot still belongs to the upstream.
static bool upstream_is_referred(const struct slot_map *map, uint16_t slot)
{
	const struct slot_table *listeners = &map->tables[SLOT_LISTENER];
	const struct slot_table *targets = &map->tables[SLOT_TARGET];
	const struct snapshot_upstream *upstream = map->tables[SLOT_UPSTREAM].entries[slot].object;

	for (uint32_t i = 0; i < listeners->limit; i++) {
		const struct snapshot_listener *listener = listeners->entries[i].object;

		if (listener && listener->upstream == slot)
			return true;
	}
	for (uint32_t i = 0; upstream && i < upstream->target_count; i++)
		if (targets->entries[upstream->targets[i]].closing)
			return true;
	return false;
}

static uint32_t sweep_upstreams(struct slot_map *map)
{
	struct slot_table *table = &map->tables[SLOT_UPSTREAM];
	uint32_t freed = 0;

	for (uint32_t slot = 0; slot < table->limit; slot++) {
		if (!table->entries[slot].closing || upstream_is_referred(map, (uint16_t)slot))
			continue;
		entry_free(&table->entries[slot], SLOT_UPSTREAM);
		freed++;
	}
	if (freed > 0)
		index_rebuild(table);
	return freed;
}

uint32_t slot_map_sweep(struct slot_map *map, void *context,
	bool (*is_unused)(void *context, enum slot_kind kind, uint16_t slot))
{
	uint32_t freed = sweep_unused(map, SLOT_LISTENER, context, is_unused);

	freed += sweep_unused(map, SLOT_TARGET, context, is_unused);
	return freed + sweep_upstreams(map);
}
