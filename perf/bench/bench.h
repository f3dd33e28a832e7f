// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the measurements of nexpath-bench share: options, flows over a rig, timed turns, results.
// Everything that is measured is the node that nexpathd runs; only the ring ports' far sides and
// the generator are here. One thread.

#include <jansson.h>

#include "rig/rig.h"

enum bench_protocol {
	BENCH_UDP = 0,
	BENCH_TCP
};

// What the ports do of checksums and segmentation for terminated connections, beside the node.
enum bench_offload {
	BENCH_OFFLOAD_NONE = 0, // nothing
	BENCH_OFFLOAD_TRANSMIT, // complete sums and cut large segments, as a virtual link does
	BENCH_OFFLOAD_ALL,      // and vouch for sums received, as a network card does
};

const char *bench_offload_name(enum bench_offload offload);

struct bench_options {
	enum bench_protocol protocol;
	uint32_t size; // bytes of a frame, 64 to 1514, as without its check sequence
	uint32_t flows;
	uint32_t sessions; // capacity; 0 = what flows need
	uint32_t burst;
	uint64_t packets; // or connections
	uint32_t seed;
	bool huge;
	bool v6;
	uint32_t memory_mb;
	const char *json;  // result file, NULL = none
	bool virtual_time; // and fixed seeds: every run executes the same instructions
	uint32_t rate;    // flood: spoofed packets a second; client: requests a second; 0 = default
	uint32_t seconds; // flood: how long
	const char *target; // client
	const char *tx;     // drive: devices, as in a configuration
	const char *rx;
	const char *client; // drive: the first client address
	const char *server; // drive: the listener's target
	double loss;        // drive: percent that a search allows
	bool search;
	uint32_t rounds;      // matrix
	bool full;            // matrix: every size with every number of flows and every burst
	uint32_t cell_ms;     // matrix, full: of measuring a cell
	uint32_t connections; // client
	bool close;           // client: a connection a request
	bool on_link;         // flood: sources inside the clients' network, not beyond a gateway
	bool terminate;       // the TCP listener ends connections
	bool http;            // and routes requests
	bool transparent;     // and keeps segments as they are
	uint32_t resident;    // requests: sessions that idle beside
	enum bench_offload offload;
	bool tls;                      // terminate: to targets by TLS; memory, flood: secured
	uint32_t tls_legs;             // memory: of a session, 1 or 2
	const struct slow_links *slow; // who gives keys; NULL = nothing is secured
	bool tls_targets;              // targets are spoken to by TLS
	bool tls_listener;             // there is a listener that serves TLS
	bool reality;                  // flood: REALITY in its place
	bool tls_clients;              // and the clients of flows come to it
};

// One client-to-target flow that is open. in[d]: its packets as the node receives them from the
// client (0, on port lan) or the target (1, on port wan).
struct bench_flow {
	struct flow_key in[2];
	uint32_t sequence[2]; // TCP: next to send
	uint32_t arrived[2];  // TCP: up to where the other side has seen it
};

enum {
	BENCH_LAN = 0,
	BENCH_WAN = 1,
	BENCH_CLIENTS = 16,
	BENCH_TARGETS = 16,
	BENCH_FIRST_CLIENT_PORT = 1024,
	BENCH_MIRROR = 17,     // last byte of the address of a REALITY listener's target
	BENCH_PORT = 9000,     // of the listener, and
	BENCH_TLS_PORT = 9443, // where a listener serves TLS, with options.tls_listener
};

struct bench {
	struct bench_options options;
	struct ip_address clients[BENCH_CLIENTS];
	struct ip_address own;
	bool neighbours_known; // every next hop has answered: turns can be timed
	struct rig rig;
	struct bench_flow *flows;
	uint64_t random;
	uint64_t cycles;  // spent in turns of the node since bench_measure_start
	uint64_t packets; // that the node forwarded in them
	uint64_t hz;
	struct stage_stats before[STAGE_COUNT];
};

// A rig under the bench's configuration: two ring ports, 16 targets, one listener a protocol. Exits
// with a line on failure.
void bench_create(struct bench *b, const struct bench_options *options);
void bench_destroy(struct bench *b);

// Opens options.flows flows, each answered once, every packet checked. Exits on any fault.
void bench_open_flows(struct bench *b);
// The client's key of the number-th flow.
void bench_flow_key(struct bench *b, struct bench_flow *flow, uint32_t number);
// One frame for each of n flows: sent, forwarded, checked whole on the other side. TCP flags count
// in the flows' sequence numbers; the target's key is learnt from what the client sent.
void bench_pass(struct bench *b, struct bench_flow *flows, uint32_t n, unsigned direction,
	uint8_t tcp_flags);
// TCP or UDP frame of a flow and direction with payload bytes; key fields only, MACs by rig_send.
struct frame bench_frame(struct bench *b, const struct bench_flow *flow, unsigned direction,
	uint8_t tcp_flags, uint32_t payload);

// Tells the node the time: real, or a step further.
void bench_tell_time(struct bench *b);
// Turns the node until it has put out `expected` frames in all, or exits after a second without
// one. Cycles of the turns are added to b->cycles.
void bench_turn_until(struct bench *b, uint32_t expected);
// The next frame that the node sent on the port; FRAME_BYTES_MAX of room. Turns on where one of the
// frames waited for was the node's own. Returns its length; 0 = there is none.
uint32_t bench_take(struct bench *b, uint16_t port, uint8_t *bytes);

// Counters of the stages since bench_measure_start, as JSON and as lines on standard output.
void bench_measure_start(struct bench *b);
json_t *bench_stages(struct bench *b);
// Packets dropped since the start, by reason.
json_t *bench_drops(struct bench *b);

uint32_t bench_random(struct bench *b, uint32_t below);
// Bytes of resident memory, hugepages included.
uint64_t bench_resident(void);
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Established sessions: one batch of packets of options.size bytes, both directions, flows in
// random order, every output checked. bench_open_flows first.
void bench_batch(struct bench *b);
// Median, least, most and how many; sorts values.
json_t *bench_spread(double *values, uint32_t n);

// CPU, isolation, hugepage size, governor, versions and the command (machine.c).
json_t *bench_machine(int argc, char **argv);
// Median TSC cycles a packet of dpdk-testpmd macswap over two null ports, one core; 0 when it
// cannot run.
double bench_macswap(void);
double bench_macswap_once(void);

// The measurements. Each returns its result object.
json_t *bench_pipeline(const struct bench_options *options);
json_t *bench_connections(const struct bench_options *options);
json_t *bench_memory(const struct bench_options *options);
json_t *bench_flood(const struct bench_options *options);
json_t *bench_matrix(const struct bench_options *options);
json_t *bench_matrix_full(const struct bench_options *options);
json_t *bench_drive(const struct bench_options *options);
json_t *bench_records(const struct bench_options *options);
json_t *bench_null_ports(const struct bench_options *options);
json_t *bench_client(const struct bench_options *options);
