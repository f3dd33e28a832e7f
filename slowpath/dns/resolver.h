// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Names of targets to addresses, off the data path: one thread on c-ares asks the name servers,
// asks again when the answer's time to live ends, and keeps the last addresses while nobody
// answers. The control thread watches names and takes results when the descriptor is readable; no
// call here waits for the network.

#include "core/base.h"
#include "core/limits.h"

enum {
	RESOLVER_NAME_BYTES = 256,          // RFC 1035 section 2.3.4, NUL included
	RESOLVER_NAMES_MAX = MAX_UPSTREAMS, // watched at once
	RESOLVER_FAMILY_MAX = 16,           // addresses kept of one name and family
	RESOLVER_ADDRESSES_MAX = 2 * RESOLVER_FAMILY_MAX,
	RESOLVER_SERVERS_MAX = 16,
	RESOLVER_TTL_MIN_S = 5,
	RESOLVER_TTL_MAX_S = 3600,
	RESOLVER_RETRY_MIN_S = 1, // after a failure, doubled up to the next
	RESOLVER_RETRY_MAX_S = 60,
};

// What the last round of questions for a name came to.
enum resolver_status {
	RESOLVER_PENDING = 0,   // not answered yet
	RESOLVER_RESOLVED,      // at least one address
	RESOLVER_NOT_FOUND,     // the name does not exist
	RESOLVER_NO_ADDRESS,    // it exists and has neither A nor AAAA records
	RESOLVER_UNREACHABLE,   // no name server gave an answer
	RESOLVER_SERVER_FAILED, // a name server refused, failed or answered nonsense
};

// "resolved", "the name does not exist", ...: the reason as operators read it.
const char *resolver_status_text(enum resolver_status status);

struct resolver_config {
	// Servers as "ADDR", "ADDR:PORT" or "[ADDR6]:PORT"; none = the system's: /etc/resolv.conf,
	// read again when it changes, and /etc/hosts.
	const char *const *servers;
	uint32_t server_count;
	uint32_t timeout_ms; // of one try at one server; 0 = 2,000
	uint32_t tries;      // at each server; 0 = 2
};

struct resolver_result {
	char name[RESOLVER_NAME_BYTES]; // as watched
	enum resolver_status status;
	bool changed;      // the addresses differ from those of the result before
	uint32_t ttl_s;    // until it is asked again, 5 s to 1 h; after a failure the retry delay
	uint32_t failures; // rounds failed in a row
	uint32_t count;
	// IPv4 first, each family in ascending order, no duplicates. After a failure the last
	// known.
	struct ip_address addresses[RESOLVER_ADDRESSES_MAX];
};

struct resolver;

// Starts the thread. Negative errno and a line in error on failure: -EINVAL names the server that
// is none. The config is copied.
[[nodiscard]] int resolver_create(const struct resolver_config *config, struct resolver **out,
	char *error, size_t error_size);

// Other servers from now on; known addresses stay and every name is asked again at once. The same
// failures as resolver_create, the servers before then go on serving.
[[nodiscard]] int resolver_configure(struct resolver *resolver,
	const struct resolver_config *config, char *error, size_t error_size);

// Stops the questions, joins the thread, frees everything. Returns within milliseconds, whatever
// the name servers do. NULL is allowed.
void resolver_destroy(struct resolver *resolver);

// Begins to resolve name; case does not matter, a trailing dot is kept. Counted: every watch needs
// its unwatch. A name that is watched already delivers its latest result once more. -EINVAL: not a
// host name (empty, too long, label over 63 bytes, characters that a name cannot have, localhost),
// -ENOSPC: RESOLVER_NAMES_MAX names are watched, -ENOMEM.
[[nodiscard]] int resolver_watch(struct resolver *resolver, const char *name);

// Takes back one watch; with the last one no result of the name is delivered any more. Names that
// are not watched are ignored.
void resolver_unwatch(struct resolver *resolver, const char *name);

// An eventfd: readable while results wait. Owned by the resolver; do not read it.
int resolver_descriptor(const struct resolver *resolver);

// Takes the next result; false when none waits. A result is delivered at the end of every round of
// questions; of a name whose result was not taken yet only the latest is kept, so that at most one
// result a watched name waits. Control thread.
[[nodiscard]] bool resolver_next(struct resolver *resolver, struct resolver_result *out);

// What is known of a name now, without taking anything. False when it is not watched.
[[nodiscard]] bool resolver_current(
	struct resolver *resolver, const char *name, struct resolver_result *out);
