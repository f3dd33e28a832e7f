// SPDX-License-Identifier: BSD-3-Clause
#include "config/parse.h"

#include "config/values.h"
#include "shape/link.h"

struct parser {
	struct arena *arena;
	struct config_faults *faults;
	config_device_check_fn *device_check;
	bool out_of_memory;
};

// One value on its way to its place: where it came from and where it goes.
struct slot {
	const struct schema_key *key;
	const struct text_node *node; // NULL: the key's default
	const char *path;
	void *out;
};

static void wrong_value(struct parser *p, const struct slot *slot, const struct text_node *node,
	const char *shown, const char *why)
{
	fault_add(p->faults, &node->place, slot->path, "\"%.100s\" %s", shown, why);
}

static void wrong_type(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	fault_add(p->faults, &node->place, slot->path, "is %s, not %s%s" HINT "write %s",
		text_kind_name(node->kind), schema_type_name(slot->key->type),
		slot->key->unit != UNIT_NONE ? " or a quantity in quotes" : "",
		slot->key->type == SCHEMA_INTEGER || slot->key->type == SCHEMA_RATE
			? "an integer without quotes"
			: schema_type_name(slot->key->type));
}

static void *get(struct parser *p, size_t count, size_t size)
{
	void *memory = arena_get(p->arena, count * size);

	p->out_of_memory = p->out_of_memory || !memory;
	return memory;
}

static void put_rate(struct parser *p, const struct slot *slot, const struct text_node *node,
	uint64_t value, bool negative)
{
	if (negative || value > slot->key->maximum * UINT64_C(1000000))
		fault_add(p->faults, &node->place, slot->path,
			"%s%llu is out of range" HINT "from 0 to %u Gbit/s", negative ? "-" : "",
			(unsigned long long)value, slot->key->maximum / 1000);
	else
		memcpy(slot->out, &value, sizeof(value));
}

static void put_integer(struct parser *p, const struct slot *slot, const struct text_node *node,
	uint64_t value, bool negative)
{
	const struct schema_key *key = slot->key;
	uint32_t number = (uint32_t)value;

	if (key->type == SCHEMA_RATE) {
		put_rate(p, slot, node, value, negative);
		return;
	}
	if (negative || value < key->minimum || value > key->maximum)
		fault_add(p->faults, &node->place, slot->path,
			"%s%llu is out of range" HINT "from %u to %u%s%s", negative ? "-" : "",
			(unsigned long long)value, key->minimum, key->maximum,
			key->unit != UNIT_NONE ? " " : "", schema_unit_name(key->unit));
	else
		memcpy(slot->out, &number, sizeof(number));
}

static void parse_integer(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *wrong;
	uint64_t value;

	if (node->kind == TEXT_INTEGER) {
		bool negative = node->integer < 0;

		value = negative ? -(uint64_t)node->integer : (uint64_t)node->integer;
		put_integer(p, slot, node, value, negative);
		return;
	}
	if (node->kind != TEXT_STRING || slot->key->unit == UNIT_NONE) {
		wrong_type(p, slot, node);
		return;
	}
	wrong = value_quantity(node->string, slot->key->unit, &value);
	if (wrong)
		wrong_value(p, slot, node, node->string, wrong);
	else
		put_integer(p, slot, node, value, false);
}

static void parse_share(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *wrong = NULL;
	uint64_t parts = 0;
	uint32_t number;

	if (node->kind == TEXT_INTEGER && (node->integer == 0 || node->integer == 1))
		parts = (uint64_t)node->integer * SHAPE_WHOLE;
	else if (node->kind == TEXT_FLOAT && node->number >= 0 && node->number <= 1)
		parts = (uint64_t)(node->number * SHAPE_WHOLE + 0.5);
	else if (node->kind == TEXT_STRING)
		wrong = value_quantity(node->string, UNIT_SHARE, &parts);
	else
		wrong = "";
	if (wrong && wrong[0] != '\0') {
		wrong_value(p, slot, node, node->string, wrong);
		return;
	}
	if (wrong || parts > SHAPE_WHOLE) {
		fault_add(p->faults, &node->place, slot->path,
			"is no share of the whole" HINT
			"write 0.0 to 1.0, or \"0%%\" to \"100%%\"");
		return;
	}
	number = (uint32_t)parts;
	memcpy(slot->out, &number, sizeof(number));
}

// The string of a node, within the key's bounds of length; NULL with a fault.
static const char *take_string(
	struct parser *p, const struct slot *slot, const struct text_node *node)
{
	size_t length;

	if (node->kind != TEXT_STRING) {
		fault_add(p->faults, &node->place, slot->path,
			"is %s, not a string" HINT "put it in quotes", text_kind_name(node->kind));
		return NULL;
	}
	length = strlen(node->string);
	if (slot->key->maximum > 0 && slot->key->type < SCHEMA_CPUS &&
		(length < slot->key->minimum || length > slot->key->maximum)) {
		fault_add(p->faults, &node->place, slot->path,
			"has %zu characters" HINT "from %u to %u", length, slot->key->minimum,
			slot->key->maximum);
		return NULL;
	}
	return node->string;
}

// "a|!b|c" for people: what this version serves.
static void words_served(const char *words, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	while (*words) {
		size_t length = strcspn(words, "|");

		if (words[0] != '!' && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s%.*s",
				used ? ", " : "", (int)length, words);
		words += length + (words[length] == '|');
	}
}

static void parse_word(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *word = take_string(p, slot, node);
	const char *at = slot->key->words;
	char served[128];

	if (!word)
		return;
	words_served(at, served, sizeof(served));
	for (uint32_t index = 0; *at; index++) {
		size_t length = strcspn(at, "|");
		bool refused = at[0] == '!';

		if (strlen(word) == length - refused &&
			strncmp(at + refused, word, length - refused) == 0) {
			if (refused)
				fault_add(p->faults, &node->place, slot->path,
					"\"%s\" is not served by this version" HINT "it serves %s",
					word, served);
			else
				memcpy(slot->out, &index, sizeof(index));
			return;
		}
		at += length + (at[length] == '|');
	}
	fault_add(p->faults, &node->place, slot->path,
		"\"%.60s\" is not known here" HINT "write one of: %s", word, served);
}

static void parse_boolean(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	uint32_t value = node->boolean;

	if (node->kind != TEXT_BOOLEAN)
		wrong_type(p, slot, node);
	else
		memcpy(slot->out, &value, sizeof(value));
}

static void parse_text(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *text = take_string(p, slot, node);
	char error[FAULT_TEXT_BYTES];

	if (!text)
		return;
	if (slot->key->type == SCHEMA_NAME && !value_is_name(text)) {
		wrong_value(p, slot, node, text,
			"is not a name" HINT "use letters, digits, '-', '_' and '.'");
		return;
	}
	if (slot->key->type == SCHEMA_PATH && text[0] != '/') {
		wrong_value(p, slot, node, text, "is not an absolute path" HINT "begin with '/'");
		return;
	}
	if (strcmp(slot->key->path, "ports[].device") == 0 && p->device_check &&
		p->device_check(text, error, sizeof(error)) != 0) {
		fault_add(p->faults, &node->place, slot->path, "%s", error);
		return;
	}
	memcpy(slot->out, &text, sizeof(text));
}

static void parse_cpus(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *text = take_string(p, slot, node);
	const char *wrong = text ? value_cpus(text, slot->out) : NULL;

	if (wrong)
		wrong_value(p, slot, node, text, wrong);
}

static void parse_endpoint(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *text = take_string(p, slot, node);
	unsigned flags =
		ENDPOINT_WILDCARD | (slot->key->type == SCHEMA_LISTEN ? ENDPOINT_RANGE : 0);
	const char *wrong = text ? value_endpoint(text, flags, slot->out) : NULL;

	if (wrong)
		wrong_value(p, slot, node, text, wrong);
}

static void put_prefix(struct parser *p, const struct slot *slot, const struct text_node *node,
	struct ip_prefix *out)
{
	const char *text = take_string(p, slot, node);
	const char *wrong = text ? value_prefix(text, out) : NULL;

	if (wrong)
		wrong_value(p, slot, node, text, wrong);
}

static void put_address(struct parser *p, const struct slot *slot, const struct text_node *node,
	struct ip_address *out)
{
	const char *text = take_string(p, slot, node);

	if (text && !ip_address_parse(text, out))
		wrong_value(p, slot, node, text,
			"is not an address" HINT "write it like 10.0.0.1 or fd00::1");
}

static void parse_prefix(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct ip_prefix *out = slot->out;
	struct ip_prefix masked;

	put_prefix(p, slot, node, out);
	masked = *out;
	ip_prefix_mask(&masked);
	if (!ip_address_equal(&masked.address, &out->address)) {
		char shown[IP_PREFIX_TEXT_MAX];

		fault_add(p->faults, &node->place, slot->path,
			"\"%.60s\" has bits set beyond its length" HINT "write %s", node->string,
			ip_prefix_print(&masked, shown));
	}
}

static void parse_address(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	put_address(p, slot, node, slot->out);
}

// Whether node is a list of an allowed length; a fault if not.
static bool take_list(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const struct schema_key *key = slot->key;

	if (node->kind != TEXT_LIST && (node->kind != TEXT_ARRAY || key->type == SCHEMA_GROUPS)) {
		wrong_type(p, slot, node);
		return false;
	}
	if (node->count < key->minimum || node->count > key->maximum) {
		fault_add(p->faults, &node->place, slot->path,
			"has %u entries" HINT "from %u to %u", node->count, key->minimum,
			key->maximum);
		return false;
	}
	return true;
}

static void one_prefix(
	struct parser *p, const struct slot *slot, const struct text_node *node, void *out)
{
	put_prefix(p, slot, node, out);
}

static void one_address(
	struct parser *p, const struct slot *slot, const struct text_node *node, void *out)
{
	put_address(p, slot, node, out);
}

static void one_target(
	struct parser *p, const struct slot *slot, const struct text_node *node, void *out)
{
	const char *text = take_string(p, slot, node);
	const char *wrong = text ? value_target(text, p->arena, out, &p->out_of_memory) : NULL;

	if (wrong)
		wrong_value(p, slot, node, text, wrong);
}

static void one_resolver(
	struct parser *p, const struct slot *slot, const struct text_node *node, void *out)
{
	struct config_endpoint *server = out;
	const char *text = take_string(p, slot, node);
	const char *wrong = text ? value_endpoint(text, ENDPOINT_PORTLESS, server) : NULL;

	if (wrong)
		wrong_value(p, slot, node, text, wrong);
	else if (server->port_first == 0)
		server->port_first = server->port_last = 53;
}

// The elements of a list in an array of the parser's, each with its own path and place; NULL and a
// count of 0 after a fault.
static void *take_items(struct parser *p, const struct slot *slot, const struct text_node *node,
	size_t size,
	void (*one)(struct parser *, const struct slot *, const struct text_node *, void *),
	uint32_t *count)
{
	char *items = take_list(p, slot, node) ? get(p, node->count, size) : NULL;
	const struct text_node *child = node->first;

	*count = items ? node->count : 0;
	for (uint32_t i = 0; i < *count; i++, child = child->next) {
		char path[FAULT_PATH_BYTES + 16];
		struct slot element = *slot;

		snprintf(path, sizeof(path), "%s[%u]", slot->path, i);
		element.path = path;
		one(p, &element, child, items + i * size);
	}
	return items;
}

static void parse_prefixes(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_prefixes *out = slot->out;

	out->items = take_items(p, slot, node, sizeof(*out->items), one_prefix, &out->count);
}

static void parse_addresses(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_addresses *out = slot->out;

	out->items = take_items(p, slot, node, sizeof(*out->items), one_address, &out->count);
}

static void parse_targets(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_targets *out = slot->out;

	out->items = take_items(p, slot, node, sizeof(*out->items), one_target, &out->count);
}

static void parse_sources(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_sources *out = slot->out;

	out->client = node->kind == TEXT_STRING && strcmp(node->string, "client") == 0;
	if (!out->client)
		out->items =
			take_items(p, slot, node, sizeof(*out->items), one_address, &out->count);
}

static void parse_resolvers(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_resolvers *out = slot->out;

	out->system = node->kind == TEXT_STRING && strcmp(node->string, "system") == 0;
	if (!out->system)
		out->items =
			take_items(p, slot, node, sizeof(*out->items), one_resolver, &out->count);
}

static void one_string(
	struct parser *p, const struct slot *slot, const struct text_node *node, void *out)
{
	const char *text = take_string(p, slot, node);

	if (text)
		memcpy(out, &text, sizeof(text));
}

static void parse_strings(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	struct config_strings *out = slot->out;

	out->items = take_items(p, slot, node, sizeof(*out->items), one_string, &out->count);
}

static void parse_target(struct parser *p, const struct slot *slot, const struct text_node *node)
{
	const char *text = take_string(p, slot, node);

	if (text && strchr(text, ' '))
		wrong_value(p, slot, node, text,
			"has something behind its port" HINT "write HOST:PORT alone");
	else if (text)
		one_target(p, slot, node, slot->out);
}

typedef void parse_fn(struct parser *p, const struct slot *slot, const struct text_node *node);

static parse_fn *const parse_value[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_INTEGER] = parse_integer,
	[SCHEMA_RATE] = parse_integer,
	[SCHEMA_SHARE] = parse_share,
	[SCHEMA_WORD] = parse_word,
	[SCHEMA_BOOLEAN] = parse_boolean,
	[SCHEMA_STRING] = parse_text,
	[SCHEMA_NAME] = parse_text,
	[SCHEMA_PATH] = parse_text,
	[SCHEMA_CPUS] = parse_cpus,
	[SCHEMA_ENDPOINT] = parse_endpoint,
	[SCHEMA_LISTEN] = parse_endpoint,
	[SCHEMA_PREFIXES] = parse_prefixes,
	[SCHEMA_ADDRESSES] = parse_addresses,
	[SCHEMA_PREFIX] = parse_prefix,
	[SCHEMA_ADDRESS] = parse_address,
	[SCHEMA_TARGETS] = parse_targets,
	[SCHEMA_SOURCES] = parse_sources,
	[SCHEMA_RESOLVERS] = parse_resolvers,
	[SCHEMA_STRINGS] = parse_strings,
	[SCHEMA_TARGET] = parse_target,
};

static void parse_group(
	struct parser *p, const struct text_node *group, const struct parse_path *path, void *base);

static bool path_join(struct parse_path *out, const struct parse_path *parent, const char *name,
	const char *indices, uint32_t index)
{
	const char *dot = parent->shown[0] ? "." : "";
	char number[16] = "";
	int schema;
	int shown;

	if (indices[0])
		snprintf(number, sizeof(number), "[%u]", index);
	schema = snprintf(
		out->schema, sizeof(out->schema), "%s%s%s%s", parent->schema, dot, name, indices);
	shown = snprintf(
		out->shown, sizeof(out->shown), "%s%s%s%s", parent->shown, dot, name, number);
	return schema < (int)sizeof(out->schema) && shown < (int)sizeof(out->shown);
}

static void parse_groups(struct parser *p, const struct slot *slot, const struct text_node *node,
	const struct parse_path *parent, const char *name)
{
	struct config_list *list = slot->out;
	uint32_t index = 0;

	if (!take_list(p, slot, node))
		return;
	list->items = get(p, node->count, slot->key->size);
	if (!list->items)
		return;
	list->count = node->count;
	for (const struct text_node *child = node->first; child; child = child->next, index++) {
		struct parse_path path;

		if (!path_join(&path, parent, name, "[]", index))
			continue;
		if (child->kind != TEXT_GROUP)
			fault_add(p->faults, &child->place, path.shown,
				"is %s, not a group { }" HINT "write { KEY = VALUE; ... }",
				text_kind_name(child->kind));
		else
			parse_group(p, child, &path, (char *)list->items + index * slot->key->size);
	}
}

// The default of a key, read like a value that stands in the text.
static void parse_default(struct parser *p, const struct slot *slot)
{
	struct text_node node = {.kind = TEXT_STRING, .string = slot->key->fallback};

	if (slot->key->flags & SCHEMA_DERIVED) {
		uint32_t unset = slot->key->type == SCHEMA_WORD ? OUTER_UNSET : UINT32_MAX;

		memcpy(slot->out, &unset, sizeof(unset));
		return;
	}
	if (!slot->key->fallback) {
		// Strings are never NULL.
		if (slot->key->type == SCHEMA_NAME || slot->key->type == SCHEMA_STRING) {
			const char *empty = "";

			memcpy(slot->out, &empty, sizeof(empty));
		}
		return;
	}
	if (slot->key->type == SCHEMA_INTEGER || slot->key->type == SCHEMA_RATE ||
		slot->key->type == SCHEMA_SHARE) {
		node.kind = TEXT_INTEGER;
		node.integer = strtoll(slot->key->fallback, NULL, 10);
	}
	if (slot->key->type == SCHEMA_BOOLEAN) {
		node.kind = TEXT_BOOLEAN;
		node.boolean = strcmp(slot->key->fallback, "true") == 0;
	}
	parse_value[slot->key->type](p, slot, &node);
}

static void parse_child(struct parser *p, const struct text_node *group, const char *name,
	const struct schema_key *key, const struct parse_path *parent, void *base)
{
	const struct text_node *node = text_child(group, name);
	struct parse_path path;
	struct slot slot = {
		.key = key, .node = node, .path = path.shown, .out = (char *)base + key->offset};

	if (!path_join(&path, parent, name, "", 0))
		return;
	if (key->type == SCHEMA_GROUP) {
		static const struct text_node nothing = {.kind = TEXT_GROUP};

		if (node && node->kind != TEXT_GROUP)
			wrong_type(p, &slot, node);
		else
			parse_group(p, node ? node : &nothing, &path, slot.out);
	} else if (!node && (key->flags & SCHEMA_REQUIRED)) {
		fault_add(p->faults, &group->place, parent->shown,
			"has no \"%s\"" HINT "add %s = %s;", name, name,
			key->type == SCHEMA_INTEGER ? "NUMBER" : "...");
	} else if (!node && key->type != SCHEMA_GROUPS) {
		parse_default(p, &slot);
	} else if (node && key->type == SCHEMA_GROUPS) {
		parse_groups(p, &slot, node, parent, name);
	} else if (node) {
		parse_value[key->type](p, &slot, node);
	}
}

static void refuse_unknown(
	struct parser *p, const struct text_node *child, const struct parse_path *path)
{
	const char *near = schema_nearest(path->schema, child->name);
	const char *dot = path->shown[0] ? "." : "";
	char shown[2 * FAULT_PATH_BYTES];

	snprintf(shown, sizeof(shown), "%s%s%.60s", path->shown, dot, child->name);
	if (near)
		fault_add(p->faults, &child->place, shown, "is not a key" HINT "did you mean %s?",
			near);
	else
		fault_add(p->faults, &child->place, shown,
			"is not a key" HINT "docs/configuration.md lists them all");
}

// Every struct that a group fills begins with its node, but for the top one.
static void parse_group(
	struct parser *p, const struct text_node *group, const struct parse_path *path, void *base)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	if (path->schema[0])
		memcpy(base, &group, sizeof(group));
	for (const struct text_node *child = group->first; child; child = child->next)
		if (!schema_child_named(path->schema, child->name))
			refuse_unknown(p, child, path);
	while ((key = schema_child(path->schema, &index, &name)))
		parse_child(p, group, name, key, path, base);
}

int config_fill(
	struct config *config, config_device_check_fn *device_check, struct config_faults *faults)
{
	struct parser p = {.arena = &config->arena, .faults = faults, .device_check = device_check};
	const struct parse_path top = {.schema = "", .shown = ""};
	uint32_t before = faults->errors;

	parse_group(&p, config->root, &top, config);
	if (p.out_of_memory)
		return -ENOMEM;
	return faults->errors > before ? -EINVAL : 0;
}
