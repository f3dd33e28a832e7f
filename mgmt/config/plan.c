// SPDX-License-Identifier: BSD-3-Clause
#include "config/plan.h"

#include "config/compile/slot_table.h"

struct diffing {
	struct change_list *list;
	const struct slot_map *slots;
	// The listener whose keys are being compared: its slot, SLOT_NONE outside of one.
	uint16_t listener;
	bool replaced; // it has another protocol: its sessions end, other keys do not reach them
	int error;
};

static enum change_subject subject_of(enum schema_effect effect, const struct diffing *d)
{
	if (effect == EFFECT_RESTART)
		return CHANGE_TOUCHES_ALL;
	if ((effect == EFFECT_DRAIN || effect == EFFECT_LIVE) && d->listener != SLOT_NONE)
		return CHANGE_TOUCHES_LISTENER;
	return CHANGE_TOUCHES_NONE;
}

static void change_put(
	struct diffing *d, const char *path, enum change_kind kind, enum schema_effect effect)
{
	struct change_list *list = d->list;
	struct change *change;

	if (effect == EFFECT_LIVE && d->replaced)
		effect = EFFECT_NEW_SESSIONS;
	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity ? 2 * list->capacity : 16;
		struct change *grown = realloc(list->items, capacity * sizeof(*grown));

		if (!grown) {
			d->error = -ENOMEM;
			return;
		}
		list->items = grown;
		list->capacity = capacity;
	}
	change = &list->items[list->count++];
	*change = (struct change){.kind = kind, .effect = effect, .slot = SLOT_NONE};
	snprintf(change->path, sizeof(change->path), "%s", path);
	change->subject = subject_of(effect, d);
	if (change->subject == CHANGE_TOUCHES_LISTENER)
		change->slot = d->listener;
	list->restart = list->restart || effect == EFFECT_RESTART;
}

static bool endpoint_equal(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return a->any == b->any && a->port_first == b->port_first && a->port_last == b->port_last &&
	       ip_address_equal(&a->address, &b->address);
}

static bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && ip_address_equal(&a->address, &b->address);
}

static bool prefixes_equal(const struct config_prefixes *a, const struct config_prefixes *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!prefix_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

static bool addresses_equal(
	const struct ip_address *a, const struct ip_address *b, uint32_t count_a, uint32_t count_b)
{
	if (count_a != count_b)
		return false;
	for (uint32_t i = 0; i < count_a; i++)
		if (!ip_address_equal(&a[i], &b[i]))
			return false;
	return true;
}

static bool targets_equal(const struct config_targets *a, const struct config_targets *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
			a->items[i].weight != b->items[i].weight ||
			a->items[i].drained != b->items[i].drained)
			return false;
	return true;
}

static bool resolvers_equal(const struct config_resolvers *a, const struct config_resolvers *b)
{
	if (a->system != b->system || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!endpoint_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

static bool cpus_equal(const struct config_cpus *a, const struct config_cpus *b)
{
	return a->count == b->count &&
	       memcmp(a->items, b->items, a->count * sizeof(a->items[0])) == 0;
}

static bool sources_equal(const struct config_sources *a, const struct config_sources *b)
{
	return a->client == b->client && addresses_equal(a->items, b->items, a->count, b->count);
}

static bool strings_equal(const struct config_strings *a, const struct config_strings *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool target_equal(const struct config_target *a, const struct config_target *b)
{
	return a->key && b->key ? strcmp(a->key, b->key) == 0 : a->key == b->key;
}

static bool value_equal(enum schema_type type, const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	switch (type) {
	case SCHEMA_INTEGER:
	case SCHEMA_WORD:
	case SCHEMA_BOOLEAN:
	case SCHEMA_SHARE:
		return memcmp(a, b, sizeof(uint32_t)) == 0;
	case SCHEMA_RATE:
		return memcmp(a, b, sizeof(uint64_t)) == 0;
	case SCHEMA_STRING:
	case SCHEMA_NAME:
	case SCHEMA_PATH:
		return strcmp(*left, *right) == 0;
	case SCHEMA_CPUS:
		return cpus_equal(a, b);
	case SCHEMA_ENDPOINT:
	case SCHEMA_LISTEN:
		return endpoint_equal(a, b);
	case SCHEMA_PREFIXES:
		return prefixes_equal(a, b);
	case SCHEMA_ADDRESSES:
		return addresses_equal(((const struct config_addresses *)a)->items,
			((const struct config_addresses *)b)->items,
			((const struct config_addresses *)a)->count,
			((const struct config_addresses *)b)->count);
	case SCHEMA_PREFIX:
		return prefix_equal(a, b);
	case SCHEMA_ADDRESS:
		return ip_address_equal(a, b);
	case SCHEMA_TARGETS:
		return targets_equal(a, b);
	case SCHEMA_SOURCES:
		return sources_equal(a, b);
	case SCHEMA_RESOLVERS:
		return resolvers_equal(a, b);
	case SCHEMA_STRINGS:
		return strings_equal(a, b);
	case SCHEMA_TARGET:
		return target_equal(a, b);
	default:
		return true;
	}
}

// The key that tells entries of a list apart, NULL where their place does, and how one entry's
// value reads in a path.
static const struct schema_key *identity_of(const char *list)
{
	char parent[FAULT_PATH_BYTES];
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	snprintf(parent, sizeof(parent), "%s[]", list);
	while ((key = schema_child(parent, &index, &name)))
		if (key->flags & SCHEMA_IDENTITY)
			break;
	return key;
}

static void identity_print(
	const struct schema_key *key, const void *entry, uint32_t place, char *out, size_t size)
{
	const void *value = key ? (const char *)entry + key->offset : NULL;
	char shown[IP_PREFIX_TEXT_MAX];
	uint32_t number;

	if (!key) {
		snprintf(out, size, "%u", place);
	} else if (key->type == SCHEMA_INTEGER) {
		memcpy(&number, value, sizeof(number));
		snprintf(out, size, "%u", number);
	} else if (key->type == SCHEMA_PREFIX) {
		snprintf(out, size, "%s", ip_prefix_print(value, shown));
	} else {
		snprintf(out, size, "%s", *(const char *const *)value);
	}
}

static const void *entry_find(const struct schema_key *list, const struct schema_key *identity,
	const struct config_list *in, const void *entry, uint32_t place)
{
	if (!identity)
		return place < in->count ? (const char *)in->items + place * list->size : NULL;
	for (uint32_t i = 0; i < in->count; i++) {
		const char *other = (const char *)in->items + i * list->size;

		if (value_equal(identity->type, other + identity->offset,
			    (const char *)entry + identity->offset))
			return other;
	}
	return NULL;
}

static void diff_group(
	struct diffing *d, const char *schema, const char *shown, const void *from, const void *to);

// Adding disturbs nobody but where the entry is part of a port; removing does what the list's key
// says.
static enum schema_effect add_effect(const struct schema_key *list)
{
	if (strcmp(list->path, "ports[].vlans") == 0)
		return EFFECT_RESTART;
	return list->effect == EFFECT_NEW_SESSIONS ? EFFECT_NEW_SESSIONS : EFFECT_NONE;
}

static void listener_enter(struct diffing *d, const struct schema_key *list, const void *entry)
{
	const struct config_listener *listener = entry;
	char key[SLOT_KEY_BYTES];

	if (strcmp(list->path, "listeners") == 0 && d->slots)
		d->listener = slot_map_find(d->slots, SLOT_LISTENER,
			slot_listener_key(key, listener->name, listener->protocol));
}

static void diff_entry(struct diffing *d, const struct schema_key *list, const char *shown,
	uint32_t place, const void *from, const void *to)
{
	const struct schema_key *identity = identity_of(list->path);
	char schema[FAULT_PATH_BYTES];
	char name[NAME_BYTES];
	char path[FAULT_PATH_BYTES + NAME_BYTES];

	identity_print(identity, from ? from : to, place, name, sizeof(name));
	snprintf(path, sizeof(path), "%.*s.%s", FAULT_PATH_BYTES - 1, shown, name);
	snprintf(schema, sizeof(schema), "%s[]", list->path);
	if (from)
		listener_enter(d, list, from);
	if (from && to && strcmp(list->path, "listeners") == 0)
		d->replaced = ((const struct config_listener *)from)->protocol !=
			      ((const struct config_listener *)to)->protocol;
	if (from && to)
		diff_group(d, schema, path, from, to);
	else if (from)
		change_put(d, path, CHANGE_REMOVE, list->effect);
	else
		change_put(d, path, CHANGE_ADD, add_effect(list));
	if (strcmp(list->path, "listeners") == 0) {
		d->listener = SLOT_NONE;
		d->replaced = false;
	}
}

static void diff_groups(struct diffing *d, const struct schema_key *list, const char *shown,
	const struct config_list *from, const struct config_list *to)
{
	const struct schema_key *identity = identity_of(list->path);

	for (uint32_t i = 0; i < from->count; i++) {
		const void *entry = (const char *)from->items + i * list->size;

		diff_entry(d, list, shown, i, entry, entry_find(list, identity, to, entry, i));
	}
	for (uint32_t i = 0; i < to->count; i++) {
		const void *entry = (const char *)to->items + i * list->size;

		if (!entry_find(list, identity, from, entry, i))
			diff_entry(d, list, shown, i, NULL, entry);
	}
}

static void diff_group(
	struct diffing *d, const char *schema, const char *shown, const void *from, const void *to)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	while ((key = schema_child(schema, &index, &name))) {
		const void *left = (const char *)from + key->offset;
		const void *right = (const char *)to + key->offset;
		char path[FAULT_PATH_BYTES];

		if (snprintf(path, sizeof(path), "%s%s%s", shown, shown[0] ? "." : "", name) >=
			(int)sizeof(path))
			continue;
		if (key->type == SCHEMA_GROUP)
			diff_group(d, key->path, path, left, right);
		else if (key->type == SCHEMA_GROUPS)
			diff_groups(d, key, path, left, right);
		else if (!value_equal(key->type, left, right))
			change_put(d, path, CHANGE_CHANGE, key->effect);
	}
}

// What a node without a configuration runs: the defaults.
static int config_empty(struct config **out)
{
	struct config_faults *faults = malloc(sizeof(*faults));
	struct text_source source = {.file = NULL};
	int rc;

	if (!faults)
		return -ENOMEM;
	faults_init(faults);
	rc = config_parse("", 0, &source, NULL, faults, out);
	free(faults);
	return rc;
}

int plan_diff(const struct config *from, const struct config *to, const struct slot_map *slots,
	struct change_list *out)
{
	struct change_list list = {0};
	struct diffing d = {.list = &list, .slots = slots, .listener = SLOT_NONE};
	struct config *empty = NULL;
	int rc = from ? 0 : config_empty(&empty);

	if (rc)
		return rc;
	diff_group(&d, "", "", from ? from : empty, to);
	config_destroy(empty);
	if (d.error) {
		free(list.items);
		return d.error;
	}
	*out = list;
	return 0;
}

void plan_fini(struct change_list *list)
{
	free(list->items);
	*list = (struct change_list){0};
}

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[] = {"add", "remove", "change"};

	return names[kind];
}
