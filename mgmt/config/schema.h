// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The one table of configuration keys. It drives parsing (config/parse.c), the plan's effects,
// docs/configuration.md, completion, and the test that gives every key a bad value.

#include "config/config.h"

enum schema_type {
	SCHEMA_GROUP = 0, // { }: a struct inside its parent
	SCHEMA_GROUPS,    // ( { }, ... ): struct config_list
	SCHEMA_INTEGER,   // uint32_t; a string with a unit where the key has one
	SCHEMA_RATE,      // uint64_t, bit/s; maximum is in Mbit/s
	SCHEMA_SHARE,     // uint32_t, of SHAPE_WHOLE: 0 to 1, or a string in percent
	SCHEMA_WORD,      // uint32_t: index into words
	SCHEMA_BOOLEAN,   // uint32_t: true or false, 1 or 0
	SCHEMA_STRING,    // const char *
	SCHEMA_NAME,      // const char *: letters, digits, -, _ and .
	SCHEMA_PATH,      // const char *: absolute path
	SCHEMA_CPUS,      // struct config_cpus: "1-3,5"
	SCHEMA_ENDPOINT,  // struct config_endpoint: ADDR:PORT
	SCHEMA_LISTEN,    // struct config_endpoint: ADDR:PORT, *:PORT, PORT-PORT
	SCHEMA_PREFIXES,  // struct config_prefixes: own addresses with their network
	SCHEMA_ADDRESSES, // struct config_addresses
	SCHEMA_PREFIX,    // struct ip_prefix
	SCHEMA_ADDRESS,   // struct ip_address
	SCHEMA_TARGETS,   // struct config_targets
	SCHEMA_SOURCES,   // struct config_sources
	SCHEMA_RESOLVERS, // struct config_resolvers
	SCHEMA_STRINGS,   // struct config_strings
	SCHEMA_TARGET,    // struct config_target without options; key NULL: not given
	SCHEMA_TYPE_COUNT,
};

enum schema_unit {
	UNIT_NONE = 0,
	UNIT_SECONDS,
	UNIT_MEBIBYTES,
	UNIT_BYTES,
	UNIT_MICROSECONDS,
	UNIT_BITS_PER_SECOND,
	UNIT_SHARE,
};

// What a change of the key does.
enum schema_effect {
	EFFECT_NONE = 0,     // no session notices
	EFFECT_NEW_SESSIONS, // sessions that start afterwards
	EFFECT_LIVE,         // live sessions too, at once, without ending them
	EFFECT_DRAIN,        // live sessions run on for the drain time, then end
	EFFECT_RESTART,      // the process starts anew
};

enum {
	SCHEMA_REQUIRED = 1u << 0,
	SCHEMA_PRIVATE = 1u << 1,  // shown as hidden:<8 hex> (config/hidden.h)
	SCHEMA_DERIVED = 1u << 2,  // the default depends on other keys: `fallback` is for people
	SCHEMA_IDENTITY = 1u << 3, // names the object among its kind: `plan` matches by it
};

struct schema_key {
	const char *path;     // "workers.cpus", "ports[].vlans[].id"
	const char *words;    // SCHEMA_WORD: "a|b|c"; a word with '!' is known but not served yet
	const char *fallback; // default as text; NULL: none
	const char *sentence; // one sentence of help
	enum schema_type type;
	enum schema_unit unit;
	enum schema_effect effect;
	uint32_t flags;
	uint32_t minimum; // integers: value; lists: entries; strings: bytes
	uint32_t maximum;
	uint32_t offset; // in the struct of its parent
	uint32_t size;   // SCHEMA_GROUPS: of one entry
};

// The key of a row of the table, from 0 on; NULL behind the last.
const struct schema_key *schema_key_at(uint32_t index);

// The key of a path, or NULL. Path as in the table: "listeners[].listen".
const struct schema_key *schema_find(const char *path);

// Walks the direct children of a group path ("" = top): *index starts at 0; NULL at the end. *name
// is the last part of the child's path.
const struct schema_key *schema_child(const char *parent, uint32_t *index, const char **name);

// The child of parent with that name, or NULL.
const struct schema_key *schema_child_named(const char *parent, const char *name);

// The sibling name nearest to a mistyped one, or NULL when none is near.
const char *schema_nearest(const char *parent, const char *name);

const char *schema_type_name(enum schema_type type);       // "list of prefixes"
const char *schema_unit_name(enum schema_unit unit);       // "s", "MiB", "" for none
const char *schema_effect_name(enum schema_effect effect); // "new-sessions"

// docs/configuration.md, whole. Returns 0 or -EIO.
[[nodiscard]] int schema_document(FILE *out);
// docs/man/nexpath.conf.5, whole. Returns 0 or -EIO.
[[nodiscard]] int schema_manual(FILE *out);
// A header with what completes `nexpath listener add`. Returns 0 or -EIO.
[[nodiscard]] int schema_listener_settings(FILE *out);
