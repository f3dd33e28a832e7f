// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Two TCP engines and a pipe between them in virtual time: delay, rate with a bounded queue, loss,
// reordering, duplication, corruption, MTU; seeded, so that a run can be repeated. Packets are
// copied, parsed and verified as a worker would. A user at each end sends and checks a stream.

#include "pkt/parse.h"
#include "tcp/tcp.h"

enum {
	PAIR_FLIGHT_MAX = 65536,
	PAIR_PORT = 9000,
};

struct pair_link {
	uint32_t delay_us;
	uint32_t jitter_us; // reorders
	uint64_t rate_bps;  // 0: unlimited
	uint32_t queue_us;  // packets that would wait longer are dropped; with a rate
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t corrupt_ppm;
	uint32_t ce_ppm; // of ECN-capable packets that get marked
	uint32_t mtu;    // 0: any; larger packets vanish
	usec_t free_at;
};

struct pair_packet {
	usec_t due;
	uint64_t order;
	struct buffer *frame;
	uint8_t to;
};

// The user of one connection.
struct pair_user {
	uint32_t connection; // TCP_NONE: not open
	uint64_t to_send;
	uint64_t sent;
	uint64_t received;
	uint64_t seed;      // of the stream it sends
	uint64_t peer_seed; // of the one it expects
	uint32_t chunk;     // bytes a tcp_send
	uint64_t slow_bps;  // reads so fast at most, 0: at once
	usec_t read_at;
	bool stops_reading;
	bool ended; // the peer's FIN
	bool shut;  // tcp_shutdown was called
	bool sent_all;
	bool is_open;   // ACCEPTED or CONNECTED came
	uint16_t error; // of FAILED
	bool failed;
	bool closed; // tcp_close was called
	bool keeps_open;
};

struct pair {
	struct tcp_engine *engine[2]; // 0 listens
	struct pair_link link[2];     // 0: towards engine 0
	struct pair_user user[2];
	usec_t now;
	uint64_t random;
	uint32_t count;
	struct pair_packet flight[PAIR_FLIGHT_MAX];
	uint64_t order;
	uint64_t lost;
	uint64_t delivered[2];
	bool v6;
	uint32_t fail_ppm;
	uint64_t requests;     // of the engines for buffers
	uint64_t fail_at;      // the one that fails, 0: none
	uint64_t segmented;    // packets that were cut up on their way
	uint8_t capture[2048]; // the last packet to leave, from the IP header on
	uint32_t capture_length;
};

struct pair_options {
	uint64_t seed;
	bool v6;
	uint32_t connections;
	uint32_t half_open;
	uint32_t offload;
	struct tcp_profile profile[2];
	usec_t start;      // of the clock
	uint32_t fail_ppm; // of the engines' own buffer requests
	uint64_t fail_at;  // one of them, from 1; 0: none
};

void pair_open(struct pair *pair, const struct pair_options *options);
// Everything must be given back by now: connections, buffers.
void pair_close(struct pair *pair);
// Engine 1 connects to engine 0.
void pair_connect(struct pair *pair);
void pair_listen(struct pair *pair);
// The key as packets of a side leave.
struct flow_key pair_key(const struct pair *pair, unsigned side);
// A side opens the connection; the other need not listen.
void pair_open_from(struct pair *pair, unsigned side);
bool pair_is_quiet(const struct pair *pair); // nothing under way, nothing to send again
// Until `done` says so or so much virtual time has passed; whether it said so.
bool pair_run(struct pair *pair, bool (*done)(const struct pair *pair), usec_t most);
bool pair_is_done(const struct pair *pair); // both users closed, no connection but TIME-WAIT
bool pair_is_open(const struct pair *pair);
bool pair_never(const struct pair *pair);
uint32_t pair_random(struct pair *pair);
const struct tcp_stats *pair_stats(const struct pair *pair, unsigned side);
struct tcp_info pair_info(const struct pair *pair, unsigned side);
// Feeds one segment into a side as if the other had sent it, right behind what was given last.
struct pair_segment {
	uint32_t sequence;
	uint32_t acknowledgement;
	uint16_t window;
	uint8_t flags;
	uint32_t length; // of payload, all 'x'
	uint8_t options[40];
	uint32_t option_length;
	uint16_t port;   // of the source, 0: the connection's
	uint8_t network; // of the source, IPv6 only; 0: the connection's
};
enum drop_reason pair_inject(struct pair *pair, unsigned side, const struct pair_segment *segment);
