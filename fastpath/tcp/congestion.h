// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The one interface of congestion control. A controller keeps its state in
// connection->congestion (TCP_CONGESTION_WORDS), sets cwnd, ssthresh and pacing_rate, and knows
// nothing of segments. Recovery (recovery.c) tells it what happened and, unless the controller says
// otherwise, shapes the window while a loss is repaired. Private to tcp/.

#include "tcp/engine_impl.h"

struct tcp_congestion_ops {
	// A connection is established; cwnd is the initial window.
	void (*init)(struct tcp_engine *e, struct tcp_connection *c);
	// Every acknowledgement outside recovery; with keeps_window in recovery too.
	void (*acknowledged)(
		struct tcp_engine *e, struct tcp_connection *c, const struct tcp_ack *ack);
	// Loss or an ECN echo: sets ssthresh to what the path is now thought to hold.
	void (*reduce)(struct tcp_engine *e, struct tcp_connection *c);
	// A retransmission timeout: sets ssthresh; cwnd is set to a segment by the caller.
	void (*timeout)(struct tcp_engine *e, struct tcp_connection *c);
	// The reduction was for nothing: cwnd and ssthresh are back at what they were.
	void (*undo)(struct tcp_engine *e, struct tcp_connection *c);
	bool keeps_window; // in recovery cwnd is the controller's alone
};

extern const struct tcp_congestion_ops tcp_congestion_cubic;
extern const struct tcp_congestion_ops tcp_congestion_rate;

const struct tcp_congestion_ops *congestion_of(const struct tcp_connection *c);
void congestion_init(struct tcp_engine *e, struct tcp_connection *c, uint8_t kind);

// Bytes a second that send `window` in a round trip, times percent.
static inline uint64_t congestion_rate(
	const struct tcp_connection *c, uint64_t window, uint32_t percent)
{
	uint32_t round_trip = c->srtt_us / 8;

	return window * USEC_PER_SECOND / (round_trip ? round_trip : 1) * percent / 100;
}
