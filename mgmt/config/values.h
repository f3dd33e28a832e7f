// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Text of one value to its struct. Pure. Each returns NULL and fills *out, or returns what is wrong
// (a static "what" HINT "hint") and leaves *out untouched. Private to config/.

#include "config/schema.h"

// "1-3,5": each CPU at most INT16_MAX, at most MAX_WORKERS in all, in the order given.
const char *value_cpus(const char *text, struct config_cpus *out);

enum {
	ENDPOINT_RANGE = 1u << 0,    // FIRST-LAST
	ENDPOINT_PORTLESS = 1u << 1, // the port may be left out
	ENDPOINT_WILDCARD = 1u << 2, // "*"
};

// ADDR:PORT, [ADDR6]:PORT, *:PORT.
const char *value_endpoint(const char *text, unsigned flags, struct config_endpoint *out);

// "10Gbit/s"-like quantities: a decimal number and a unit of the key's kind; the value comes out in
// the key's own unit and must be whole there.
const char *value_quantity(const char *text, enum schema_unit unit, uint64_t *out);

// HOST:PORT with " weight=N" and " drained" behind it. Strings go to the arena; NULL with
// *out_of_memory set when there is none.
const char *value_target(
	const char *text, struct arena *arena, struct config_target *out, bool *out_of_memory);

// A name of an object: letters, digits, '-', '_', '.', not beginning with '-' or '.'.
bool value_is_name(const char *text);

// A host name as resolvers take it (RFC 1123 section 2.1), which no address could be.
bool value_is_host(const char *text);

// ADDR/LENGTH, as an own address or a network.
const char *value_prefix(const char *text, struct ip_prefix *out);
