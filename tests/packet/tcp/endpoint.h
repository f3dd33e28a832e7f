// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One TCP engine in virtual time with a peer that a dialogue plays: segments go in, what comes out
// is parsed, verified and kept in order.

#include "segment.h"
#include "tcp/tcp.h"

enum {
	ENDPOINT_SENT_MOST = 512,
};

struct endpoint_sent {
	struct segment segment;
	usec_t at;
};

struct endpoint {
	struct tcp_engine *engine;
	struct flow_key key; // as our segments leave
	usec_t now;
	uint32_t connection; // TCP_NONE until accepted or connected
	uint32_t listener;
	uint16_t events; // TCP_EVENT_* bits that nobody asked about yet
	uint16_t error;
	bool has_base;
	uint32_t base;    // our initial sequence number, from our SYN
	uint64_t given;   // bytes given to tcp_send
	uint64_t taken;   // bytes that tcp_receive gave
	uint32_t last_ts; // of our last segment with timestamps
	uint32_t ways;    // packets whose way was to be found first
	const char *fault;
	uint32_t sent_first; // sent[first .. first + count)
	uint32_t sent_count;
	struct endpoint_sent sent[ENDPOINT_SENT_MOST];
};

// NULL when the engine cannot be made.
struct endpoint *endpoint_create(const struct tcp_profile *profile, bool v6);
// Takes the engine apart; returns connections left to the user (not closed by the dialogue).
uint32_t endpoint_destroy(struct endpoint *e);

// A turn of the engine at e->now: timers, events, flush.
void endpoint_turn(struct endpoint *e);
// Lets time pass until `until`, or until something was sent when stop_at_sent.
void endpoint_pass(struct endpoint *e, usec_t until, bool stop_at_sent);
// A segment of the peer arrives; its key is set here. The turn goes on: endpoint_turn ends it.
void endpoint_input(struct endpoint *e, struct segment *segment);

// An ICMP error arrives that quotes our segment of this sequence number; false if there is no error
// of that name. mtu: with too-big.
bool endpoint_icmp(struct endpoint *e, const char *name, uint32_t sequence, uint32_t mtu);

// The user's side.
int endpoint_send(struct endpoint *e, uint32_t bytes);
// Takes all there is; returns the bytes. What is not the pattern becomes e->fault.
uint32_t endpoint_receive(struct endpoint *e);
// Takes what one tcp_receive gives for so many bytes.
uint32_t endpoint_take(struct endpoint *e, uint32_t bytes);
