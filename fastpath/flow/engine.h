// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One worker's sessions: flow table, NAT, TCP tracker, source ports, timers. Sans-IO: packets come
// as descriptors, time as a parameter, what must be sent beyond the packet itself goes out through
// callbacks. No DPDK header; the same code runs in unit tests in virtual time. Worker thread only,
// but for _create and _destroy.

#include "core/control.h"
#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "pkt/packet.h"

struct flow_engine;

// Of sessions that are forwarded and of those that are relayed (stream/).
// One side has closed: how long the other may be silent at most.
#define SESSION_HALF_CLOSED_MAX (7440 * USEC_PER_SECOND)
// A live session's timer never sleeps longer, so a shorter timeout needs no re-arming.
#define SESSION_RECHECK (240 * USEC_PER_SECOND)

// A TCP reset to be built and sent: key as it leaves us. Sequence numbers in host order.
struct flow_reset {
	struct flow_key key;
	uint32_t sequence;
	uint32_t acknowledgement; // with ack
	bool ack;
	uint16_t netif;
	uint32_t neighbour;
};

struct flow_engine_config {
	uint8_t worker;
	uint8_t worker_count;
	uint32_t sessions; // capacity
	bool huge;         // hugepages for the tables
	uint64_t seed;     // keys the hash; same for all workers of a node
	struct worker_stats *stats;
	void *context; // of the callbacks
	// The neighbour index for a next hop (io/neighbour.h), PACKET_NO_NEIGHBOUR when full.
	uint32_t (*neighbour)(void *context, uint16_t netif, const struct ip_address *next_hop);
	// Sends a reset; bounded and rate limited by the callee.
	void (*reset)(void *context, const struct flow_reset *reset);
	void (*event)(void *context, const struct worker_event *event);
	// Whether a TCP connection that ends here (stream/) stands on a key, as packets leave, and
	// does not give way: then no session may. NULL: none does.
	bool (*is_used)(void *context, const struct flow_key *key);
	// A session opened (record->end NONE) or ended; called only while wanted (flow_engine_log).
	void (*log)(void *context, const struct session_record *record);
};

enum flow_verdict {
	FLOW_FORWARD = 0, // rewritten in place; egress and neighbour are set
	FLOW_DROP,        // packet->reason says why
	FLOW_LOCAL,       // no session and no listener: the local stage answers
	FLOW_TOO_BIG, // larger than the egress MTU with DF: packet too big to the sender, untouched
	FLOW_HOP_LIMIT, // hop limit would reach zero: time exceeded to the sender, untouched
};

// Tables for config->sessions sessions. -ENOMEM with nothing kept on failure.
[[nodiscard]] int flow_engine_create(
	const struct flow_engine_config *config, struct flow_engine **out);
// All sessions must have ended (flow_engine_end_all). Returns how many were left.
uint32_t flow_engine_destroy(struct flow_engine *engine);

// Looks up those of n parsed packets that are TCP or UDP: sets hash and, where there is one,
// session and direction. Prefetches what flow_engine_forward will touch.
void flow_engine_lookup_bulk(struct flow_engine *engine, struct packet *packets, uint32_t n);

// Acts on one looked-up TCP or UDP packet: state, rewriting, new sessions.
enum flow_verdict flow_engine_forward(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *packet, usec_t now);

// The same for the packets from the first on, as long as each belongs to a live session and asks
// for no more than being counted, rewritten and sent on (FLOW_FORWARD). Returns how many those
// were; of the next one, if there is one, at most egress and reason have been set, which
// flow_engine_forward sets again.
uint32_t flow_engine_forward_run(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *packets, uint32_t n, usec_t now);

// Acts on an ICMP or ICMPv6 error: finds the session of the embedded packet, translates outer and
// inner addresses, ports and checksums in place, honours packet too big. FLOW_LOCAL if it is no
// error or of no session.
enum flow_verdict flow_engine_icmp_error(struct flow_engine *engine,
	const struct snapshot *snapshot, struct packet *packet, usec_t now);

// For sessions that end here and are relayed (stream/), of a listener in mode terminate.

// Source ports that an address has toward one target.
uint32_t flow_source_ports(const struct flow_engine *engine);

// DROP_NONE when the listener takes one more session.
enum drop_reason flow_listener_check(
	const struct flow_engine *engine, const struct snapshot_listener *listener);

// What a connection from a port left at its target, which may be in TIME-WAIT for it: a SYN from
// there must come with a later number and, where it has one, a later timestamp (RFC 6191).
struct flow_past {
	uint32_t sequence;  // what the target expects next
	uint32_t timestamp; // the last it saw, with has_timestamp
	bool has_timestamp;
	bool target_waits; // without it the rest says nothing
};

struct flow_lease {
	const struct snapshot_target *target; // of the snapshot that was given
	struct flow_key key;                  // as our packets leave
	bool has_port;                        // to be given back; else the client's own
	struct flow_past past;                // of the port; nothing where it is the client's own
};

// A target of any family and a source address and port toward it. client: the key as the client's
// packets arrive; announced: what the balance rule is to go by. failed: the slot of a target for
// which another is to stand in, SLOT_NONE at first. DROP_NONE, or why there is none.
enum drop_reason flow_lease_take(struct flow_engine *engine, const struct snapshot *snapshot,
	const struct snapshot_upstream *upstream, const struct flow_key *client,
	const struct flow_key *announced, uint16_t failed, usec_t now, struct flow_lease *out);
// Gives the port of a lease with has_port back, and what is known of its last connection: where
// none began, the lease's own past.
void flow_lease_give(struct flow_engine *engine, const struct flow_key *key,
	const struct flow_past *past, usec_t now);
// Tells at most one event a second of each kind and subject, with the counts of all added up.
void flow_engine_notice(struct flow_engine *engine, const struct worker_event *event);

// Runs due timers, at most `budget`; returns how many ran.
uint32_t flow_engine_tick(
	struct flow_engine *engine, const struct snapshot *snapshot, usec_t now, uint32_t budget);
// When the next timer is due, UINT64_MAX for never.
usec_t flow_engine_next_timer(const struct flow_engine *engine);

// Works on a list, count or kill request, at most `budget` sessions; true when it is finished.
bool flow_engine_request(struct flow_engine *engine, const struct snapshot *snapshot,
	struct control_request *request, usec_t now, uint32_t budget);

// No new sessions from now on.
void flow_engine_drain(struct flow_engine *engine);
// Ends every session at once, with resets; returns how many. At shutdown.
uint32_t flow_engine_end_all(
	struct flow_engine *engine, const struct snapshot *snapshot, usec_t now);
void flow_engine_log(struct flow_engine *engine, uint8_t level); // enum session_log_level

// Which worker owns a TCP or UDP packet, or an ICMP error by its embedded tuple: by the worker
// number in a NAT port, else by the hash of the client's address and port. Any worker; pure.
uint8_t flow_owner(const struct snapshot *snapshot, const struct packet *packet, uint64_t seed,
	uint8_t worker_count, uint8_t self, bool hash_steered);

// Pools of the engine for node_pool_status: sessions, source ports. False beyond the last.
bool flow_engine_pool(const struct flow_engine *engine, uint32_t index, const char **name,
	uint64_t *used, uint64_t *capacity, uint64_t *high_water);
