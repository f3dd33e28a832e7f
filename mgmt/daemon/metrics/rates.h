// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What happened in the last second: counters sampled once a second by the control thread.

#include "pipeline/node.h"

struct port_rates {
	double receive_packets_per_s;
	double receive_bps;
	double transmit_packets_per_s;
	double transmit_bps;
};

struct worker_rates {
	double load;  // 0 to 1
	double sleep; // 0 to 1
	double turns_per_s;
	double packets_per_s;
	bool stalled; // made no turn for a second
};

// Raw values of one sample.
struct rate_sample {
	struct port_stats_sum {
		uint64_t receive_packets, receive_bytes, transmit_packets, transmit_bytes;
		uint64_t transmit_dropped;
	} ports[MAX_PORTS];
	struct {
		uint64_t busy, idle, sleep, turns, packets;
	} workers[MAX_WORKERS];
	uint64_t drops[DROP_COUNT];
	uint64_t sessions_total;
};

struct rates {
	usec_t sampled; // node clock; 0: not yet
	struct rate_sample last;
	struct port_rates ports[MAX_PORTS];
	struct worker_rates workers[MAX_WORKERS];
	double drops_per_s[DROP_COUNT];
	double sessions_per_s;
};

// Takes a sample and works out the rates since the one before. Once a second.
void rates_sample(struct rates *rates, const struct node *node, usec_t now);

// Sums over all workers.
void port_stats_sum(const struct node *node, uint16_t port, struct port_stats_sum *out);
uint64_t drop_sum(const struct node *node, enum drop_reason reason);
