// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// struct node: everything one network appliance is (ports, neighbours, snapshot, workers,
// counters). A process may hold many. This header is what management, tests and the bench see of
// the data plane; all of it runs on the control thread unless said otherwise.

#include "core/control.h"
#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "io/link.h"
#include "io/port.h"

enum idle_mode {
	IDLE_ADAPTIVE = 0,
	IDLE_POLL
};

struct shape_counters;

struct node_config {
	char name[NAME_BYTES];
	uint16_t worker_count;
	int16_t cpus[MAX_WORKERS]; // CPU of each worker, -1 = not pinned (tests)
	enum idle_mode idle;
	uint16_t burst; // 1 to MAX_BURST
	uint32_t memory_mb;
	uint32_t sessions; // per node; 0 = from memory_mb
	bool huge;         // hugepages for tables
	uint64_t seed;     // of all hashes; 0 = random (instruction counts need the same one)
	const struct slow_links
		*slow; // the workers' way to the slow path, outlives the node; or NULL
	bool manual;   // no threads: the owner calls node_turn (tests, bench, emulator)
};

struct node;
struct slow_links;  // slowpath/msg.h
struct http_record; // http/record.h
struct http_stats;  // http/stats.h
struct h2_stats;    // http2/stats.h
struct tcp_stats;   // tcp/stats.h

// Creates pools, tables and workers, not yet running. EAL is up (manual nodes need it for mbufs
// only). Negative errno with a line in error on failure.
[[nodiscard]] int node_create(
	const struct node_config *config, struct node **out, char *error, size_t error_size);

// Stops the workers, ends all sessions, closes the ports, audits every pool. Returns 0, or -EBUSY
// when a pool is not full again; the leaking pools are then named in error.
int node_destroy(struct node *node, char *error, size_t error_size);

// Opens a port and gives it to the workers (before node_start, or while they run). Ports keep the
// index at which they were added. Transmit queues: as many as the request wants, 0 = one a worker.
[[nodiscard]] int node_port_add(struct node *node, const struct port_request *request,
	uint16_t *index, char *error, size_t error_size);
// Adds a port that the caller made (bench, tests); node_destroy closes it.
[[nodiscard]] int node_port_adopt(struct node *node, struct port *port, uint16_t *index);
struct port *node_port(struct node *node, uint16_t index); // NULL beyond the last
uint16_t node_port_count(const struct node *node);

// Makes a worker look at its rings from the slow path. Any thread.
void node_worker_wake(struct node *node, uint32_t worker);

// Starts the worker threads (nothing for manual nodes).
[[nodiscard]] int node_start(struct node *node, char *error, size_t error_size);

// Makes the emulated links that snapshot asks for and that ports do not have yet: publishing it
// then needs no more memory. -ENOMEM with a line in error; -EBUSY: call node_poll first.
[[nodiscard]] int node_emulation_prepare(
	struct node *node, const struct snapshot *snapshot, char *error, size_t error_size);
// What a port's emulated link counted; NULL: it never had one.
const struct shape_counters *node_emulation_counters(const struct node *node, uint16_t port);

// Makes snapshot the one that workers read; the node owns it from now on and frees the one before
// it once every worker is quiescent, in node_poll. Never blocks; at most one swap may be
// outstanding
// (-EBUSY: call node_poll first). -ENOMEM only without node_emulation_prepare.
[[nodiscard]] int node_publish(struct node *node, struct snapshot *snapshot);
const struct snapshot *node_snapshot(const struct node *node);
// Whether every worker has left the snapshots before the current one.
bool node_is_settled(struct node *node);

// The control thread's share of the work: frees old snapshots, follows links (a port whose device
// returned is opened again). Call at least every 10 ms while something is outstanding, else every
// 100 ms.
void node_poll(struct node *node, usec_t now);

// A link that changed, as node_poll saw it. Takes the oldest not taken yet; false when there is
// none.
struct node_link_change {
	uint16_t port;
	enum link_change change;
};
bool node_link_change_take(struct node *node, struct node_link_change *out);

// One turn of a worker of a manual node, at the caller's time. Returns packets moved.
uint32_t node_turn(struct node *node, uint16_t worker, usec_t now);

usec_t node_now(const struct node *node); // the node's clock
uint16_t node_worker_count(const struct node *node);
const struct worker_stats *node_worker_stats(const struct node *node, uint16_t worker);
// What the connections that end on a worker counted.
const struct tcp_stats *node_tcp_stats(const struct node *node, uint16_t worker);
const struct http_stats *node_http_stats(const struct node *node, uint16_t worker);
const struct h2_stats *node_http2_stats(const struct node *node, uint16_t worker);
// When the worker last turned, by the node's clock: at most about 100 ms ago while all is well. 0
// before its first turn.
usec_t node_worker_heartbeat(const struct node *node, uint16_t worker);

// Puts a request on a worker's control ring; false when it is full.
[[nodiscard]] bool node_control_send(
	struct node *node, uint16_t worker, struct control_request *request);

// Takes events and ended sessions off the workers' rings; return how many (at most n). lost counts
// records that found the ring full since the process began.
uint32_t node_events(struct node *node, struct worker_event *out, uint32_t n, uint64_t *lost);
uint32_t node_session_log(
	struct node *node, struct session_record *out, uint32_t n, uint64_t *lost);
// The same for exchanges of HTTP listeners that log them.
uint32_t node_access_log(struct node *node, struct http_record *out, uint32_t n, uint64_t *lost);
// Session records are put on the ring only while wanted: off, at close, or at open and close.
enum session_log_level {
	SESSION_LOG_OFF = 0,
	SESSION_LOG_CLOSE,
	SESSION_LOG_ALL
};
void node_session_log_level(struct node *node, enum session_log_level level);

// Pools: name, used, capacity, high-water mark (of packet buffers as seen at every 256th turn of a
// worker and at each call). Returns false beyond the last.
struct pool_status {
	char name[NAME_BYTES];
	uint64_t used;
	uint64_t capacity;
	uint64_t high_water;
};
bool node_pool_status(const struct node *node, uint32_t index, struct pool_status *out);

// Neighbours for `neighbour list`. Returns false beyond the last.
struct neighbour_record {
	struct ip_address address;
	struct mac_address mac;
	uint16_t netif;
	uint8_t state; // enum neighbour_state
	usec_t age;
};
bool node_neighbour(const struct node *node, uint32_t *cursor, struct neighbour_record *out);
// "incomplete", "reachable", "stale", "probe" or "failed" of a record's state.
const char *node_neighbour_state_name(uint8_t state);

// Sum of a slot's gauge over all workers: what `plan` counts and slot reuse waits for.
uint64_t node_listener_sessions(const struct node *node, uint16_t slot);
uint64_t node_target_sessions(const struct node *node, uint16_t slot);

// Tells workers to take no new sessions (SIGTERM) before node_destroy.
void node_drain(struct node *node);
uint64_t node_sessions(const struct node *node);
