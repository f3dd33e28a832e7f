// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One immutable compiled configuration. The control thread builds it
// (mgmt/config/compile/compile.h), workers read it through one pointer (core/rcu.h) and never write
// it. Objects that a session refers to (listener, upstream, target) live in slots: an index that
// stays the object's own from revision to revision, plus a generation that changes when the slot
// gets a new owner. A slot is reused only when no worker has a session on it; until then the object
// stays in the snapshot with `closing` set. Unchanged objects are shared between snapshots by
// reference count.

#include "core/base.h"
#include "core/limits.h"

enum listener_mode {
	MODE_DIRECT = 0,
	MODE_TERMINATE
};

enum balance_rule {
	BALANCE_ROUND_ROBIN = 0,
	BALANCE_LEAST_CONNECTIONS,
	BALANCE_SOURCE_HASH,
	BALANCE_MAGLEV,
};

// An IP interface: a port, or one VLAN of it.
struct snapshot_netif {
	uint16_t port;          // index into node ports
	uint16_t vlan;          // 0 = untagged
	uint16_t mtu;           // bytes of IP datagram
	uint16_t address_first; // its own addresses: snapshot.addresses[first .. first + count)
	uint16_t address_count;
	char name[NAME_BYTES]; // "wan" or "wan.100"
};

// An own address and the network on its interface.
struct snapshot_address {
	struct ip_address address;
	uint8_t prefix_length; // in the 16-byte form: 10.1.0.2/24 has 120
	uint16_t netif;
};

// Sorted by descending prefix length, then by address; connected networks included.
struct snapshot_route {
	struct ip_prefix to;
	struct ip_address via; // unspecified: the destination itself is on the link
	uint16_t netif;
};

// Addresses from here to where the next span begins have this best route. high and low are the
// address as a number; route is SLOT_NONE where there is none.
struct route_span {
	uint64_t high;
	uint64_t low;
	uint16_t route;
};

// One resolved target of an upstream.
struct snapshot_target {
	uint32_t references;
	uint16_t slot;
	uint32_t generation;
	struct ip_address address;
	be16 port;
	uint16_t weight; // 1 to 256
	bool drained;    // takes no new sessions (`upstream drain`)
	bool closing;    // no longer in the configuration; sessions remain
	char text[128];  // as configured: "app.example:80", for people
	// Where it is reached: by route at compile time. netif SLOT_NONE when there is no route.
	uint16_t netif;
	struct ip_address next_hop;
	// Source addresses toward it, of its own family: configured, or the egress netif's.
	uint16_t source_count;
	struct ip_address sources[MAX_SOURCES];
};

enum {
	HASHED_SIZE = 65537 // prime, as Maglev's permutations ask
};

struct snapshot_share {
	uint32_t end; // the shares up to this one, itself included: weights without common divisor
	uint16_t slot;
	uint16_t weight;
};

// Whom a session may go to: targets of its client's family, or (mode terminate) all.
enum target_family {
	TARGETS_V4 = 0,
	TARGETS_V6,
	TARGETS_ALL,
	TARGET_FAMILIES
};

static inline bool target_family_has(enum target_family family, const struct ip_address *address)
{
	return family == TARGETS_ALL || (family == TARGETS_V4) == ip_address_is_v4(address);
}

// The usable targets of one family, on a line of `total` places.
struct snapshot_turns {
	uint32_t count;
	uint32_t total;
	uint32_t step; // from turn to turn
	struct snapshot_share shares[];
};

struct snapshot_upstream {
	uint32_t references;
	uint16_t slot;
	uint32_t generation;
	char name[NAME_BYTES];
	enum balance_rule balance;
	bool source_client;      // keep the client's address and port
	uint8_t proxy_protocol;  // version of the header that targets get, 0: none
	uint8_t congestion;      // enum tcp_congestion, of connections that end here
	uint8_t look;            // enum tcp_look, likewise
	bool ecn;                // likewise: asked for (RFC 3168)
	uint32_t keepalive_s;    // likewise: silence before targets are probed, 0 = none
	uint32_t user_timeout_s; // likewise: what was sent and is not acknowledged
	uint32_t memory;         // likewise: buffer bytes each way at most, 0 = the relay's default
	uint32_t security;       // number of the profile that targets are spoken to by, 0: raw
	uint32_t idle_connections; // that a worker keeps for requests of anybody (protocol http)
	bool closing;
	uint32_t target_count;
	uint16_t *targets; // target slots
	// By enum target_family. turns: the rules that go by turn. hashed: those that go by hash,
	// HASHED_SIZE indices into targets, NULL when the family has no usable one.
	struct snapshot_turns *turns[TARGET_FAMILIES];
	uint16_t *hashed[TARGET_FAMILIES];
};

// What a gateway listener (protocol http) does with requests of one host and path. Texts are spans
// of snapshot_http.text. Matched by http/routes.h.
struct snapshot_http_route {
	uint32_t host; // lower case; of a wildcard what follows "*."
	uint32_t path; // percent-decoded, without a '/' at its end: "/" is empty
	uint32_t redirect;
	uint16_t host_length;
	uint16_t path_length;
	uint16_t redirect_length; // 0: to the upstream
	uint16_t upstream;        // slot, SLOT_NONE of a redirection
	uint16_t status;          // of a redirection
	bool strip_prefix;
	bool keep_path;
	bool keep_query;
	bool to_https; // the redirection is to the same host over TLS, `redirect` is the port's
		       // text
};

// The routes of one listener and its limits: one block of memory, shared by reference count.
// Sorted: exact hosts by name, then wildcards by name, then those of any host; within one host the
// longest path first.
struct snapshot_http {
	uint32_t references;
	uint32_t bytes; // of the block
	uint32_t head_bytes;
	uint32_t head_fields;
	uint32_t http2_streams;       // of a connection at once
	uint32_t http2_idle_frames;   // a second
	uint32_t http2_resets;        // a second
	usec_t head_timeout;          // from the first byte of a head to its last
	usec_t keepalive_timeout;     // between requests
	usec_t response_timeout;      // until the target's answer begins
	uint32_t requests_per_source; // a second, 0: no limit
	bool access_log;
	bool http2;        // clients that come over TLS may speak it
	uint16_t exact;    // routes with a host
	uint16_t wildcard; // behind them
	uint16_t any;      // behind those
	uint32_t text;     // offset of the texts in the block
	struct snapshot_http_route routes[];
};

static inline const uint8_t *snapshot_http_text(const struct snapshot_http *http, uint32_t at)
{
	return (const uint8_t *)http + http->text + at;
}

// What one way of a session may carry: so many bytes as they come, those behind them by a rate.
struct snapshot_limit {
	uint32_t after_bytes;
	uint32_t bytes_per_s; // 0: no bound
	uint32_t burst_bytes; // at once, at least 1 where there is a bound
};

struct snapshot_listener {
	uint32_t references;
	uint16_t slot;
	uint32_t generation;
	char name[NAME_BYTES];
	uint8_t protocol; // IPPROTO_TCP or IPPROTO_UDP
	enum listener_mode mode;
	bool closing;              // takes no new sessions
	uint16_t upstream;         // upstream slot
	struct ip_address address; // unspecified (all zero): every own address, both families
	uint16_t port_first;       // host order, inclusive range
	uint16_t port_last;
	usec_t idle_timeout; // 0 = never
	usec_t connect_timeout;
	// Of connections that end here: once both ends have closed, and as in snapshot_upstream.
	usec_t close_timeout;
	uint32_t keepalive_s;
	uint32_t user_timeout_s;
	uint32_t memory;
	uint32_t max_sessions; // 0 = unlimited, per node
	bool proxy_protocol;   // clients begin with a PROXY protocol header
	uint8_t congestion;    // enum tcp_congestion, of connections that end here
	uint8_t look;          // enum tcp_look, likewise
	bool ecn;              // likewise
	// Of such connections: segments, the order of things and how they end pass as they come.
	bool transparent;
	// Their client's handshake is over both, with the target of upstream `mirror`, and the
	// session is that one's unless it gives keys. With transparent and security.
	bool is_mirrored;
	uint16_t mirror; // upstream slot
	// Of sessions that gave none: what the client sends, and what it gets.
	struct snapshot_limit limits[2];
	uint32_t security; // number of the profile that clients' TLS is served by, 0: raw
	// Requests are read and routed one by one, upstream is of no use; NULL: a stream.
	const struct snapshot_http *http;
};

// Which listener owns (protocol, port, address). Chains of entries; head by port, one array per
// protocol; entry order: those that take new sessions, then those that only have old ones; in
// both, exact addresses before the wildcard.
struct listen_entry {
	struct ip_address address; // unspecified: any own address
	uint16_t listener;         // slot
	uint16_t next;             // index + 1 of the next entry, 0 = end
	bool closing; // only sessions that are open already: its listener closes, or has moved away
};

struct shape_config;

struct snapshot {
	uint64_t revision;
	uint64_t generation; // counts snapshots of this process, from 1
	// Frees the snapshot; set by whoever built it. The node calls it on the control thread once
	// no worker can see the snapshot any more.
	void (*destroy)(struct snapshot *self);
	uint16_t netif_count;
	uint16_t address_count;
	uint16_t route_count;
	struct snapshot_netif *netifs;
	struct snapshot_address *addresses;
	struct snapshot_route *routes;
	// Made of routes by snapshot_routes_index: ascending, the first begins at ::.
	struct route_span *route_spans;
	uint32_t route_span_count;
	// By slot; NULL = free. Arrays of MAX_LISTENERS, MAX_UPSTREAMS, MAX_TARGETS pointers.
	const struct snapshot_listener **listeners;
	const struct snapshot_upstream **upstreams;
	const struct snapshot_target **targets;
	bool terminates;         // a listener is in mode terminate
	uint16_t listener_limit; // one more than the highest used slot
	uint16_t upstream_limit;
	uint16_t target_limit;
	uint16_t *listen_head[2]; // [0] TCP, [1] UDP: 65,536 entry indices + 1, 0 = none
	struct listen_entry *listen_entries;
	uint32_t listen_entry_count;
	// netif by (port, VLAN id): netif_of[port] points to 4,096 entries, SLOT_NONE = not
	// carried.
	uint16_t *netif_of[MAX_PORTS];
	// The links that ports emulate on their way out (shape/link.h): MAX_PORTS of them, all zero
	// where a port has none; NULL: no port has one.
	struct shape_config *emulate;
	// Open-addressed set of own addresses: index + 1 into addresses, 0 = free; mask + 1
	// entries.
	uint16_t *address_hash;
	uint32_t address_hash_mask;
	// The same of targets' addresses and ports: slot + 1; NULL: no targets.
	uint16_t *target_hash;
	uint32_t target_hash_mask;
};

// Where the search for an address begins in address_hash; collisions go to the next entry (linear
// probing), so builder and reader agree.
static inline uint32_t snapshot_address_start(const struct ip_address *address, uint32_t mask)
{
	uint64_t mixed =
		(address->halves[0] ^ (address->halves[1] << 1)) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ address->halves[1]) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(mixed >> 32) & mask;
}

// Frees a snapshot, and its listeners, upstreams and targets whose last reference it held. Every
// array and object is heap memory of its own. Control thread; NULL is allowed.
void snapshot_destroy(struct snapshot *snapshot);
// Gives one reference back. Control thread: the counts are plain integers.
void snapshot_listener_put(const struct snapshot_listener *listener);
void snapshot_upstream_put(const struct snapshot_upstream *upstream);
void snapshot_target_put(const struct snapshot_target *target);
// NULL is allowed in both.
const struct snapshot_http *snapshot_http_share(const struct snapshot_http *http);
void snapshot_http_put(const struct snapshot_http *http);

// The own address entry for address, or NULL. Worker or control; O(1).
const struct snapshot_address *snapshot_address_find(
	const struct snapshot *s, const struct ip_address *address);

// The listener for a destination, or NULL: exact address before wildcard, closing ones left out.
// The wildcard matches only own addresses. port in host order. Worker or control; O(chain).
const struct snapshot_listener *snapshot_listener_find(const struct snapshot *s, uint8_t protocol,
	const struct ip_address *address, uint16_t port);

// The same, but where no listener takes new sessions also one that still has old ones there. For
// steering: a session's packets go the same way until it ends.
const struct snapshot_listener *snapshot_listener_find_any(const struct snapshot *s,
	uint8_t protocol, const struct ip_address *address, uint16_t port);

// The target in a slot, NULL: there is none (any more), as of SLOT_NONE. Worker or control.
static inline const struct snapshot_target *snapshot_target_at(
	const struct snapshot *s, uint16_t slot)
{
	return slot < s->target_limit ? s->targets[slot] : NULL;
}

// Whether a target takes new sessions: not drained or closing, and there is a route to it.
bool snapshot_target_is_usable(const struct snapshot_target *target);
// Makes turns of an upstream's targets, given in the order of upstream->targets (NULL: a free
// slot). -ENOMEM, nothing changed. Control thread, while building.
[[nodiscard]] int snapshot_turns_make(
	struct snapshot_upstream *upstream, const struct snapshot_target *const *targets);

// Makes target_hash of targets, closing ones included. -ENOMEM. Control thread, while building.
[[nodiscard]] int snapshot_targets_index(struct snapshot *s);
// Whether an address and port are a target's. Worker or control; O(1).
bool snapshot_is_target(const struct snapshot *s, const struct ip_address *address, be16 port);

// Makes route_spans of routes anew; the snapshot keeps its old ones on -ENOMEM. Control thread,
// while building.
[[nodiscard]] int snapshot_routes_index(struct snapshot *s);
// The route with the longest prefix of the address's family, or NULL. Worker or control;
// O(log routes).
const struct snapshot_route *snapshot_route_find(
	const struct snapshot *s, const struct ip_address *address);

// The interface and next hop toward an address; *hop points to it or into the snapshot. False, and
// nothing written, without a route. Worker or control.
bool snapshot_way_find(const struct snapshot *s, const struct ip_address *address, uint16_t *netif,
	const struct ip_address **hop);

// The address that the node uses as source on netif toward address: same family, same network if
// there is one; for IPv6 link-local destinations a link-local. NULL when the netif has none.
const struct ip_address *snapshot_source_for(
	const struct snapshot *s, uint16_t netif, const struct ip_address *address);
