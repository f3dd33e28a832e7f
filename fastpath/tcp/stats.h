// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The states of a connection and what an engine counts: all that operators see of it. Any thread.

#include "core/atomic.h"
#include "core/drop.h"

enum tcp_state {
	TCP_CLOSED = 0,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_STATE_COUNT,
};

const char *tcp_state_name(enum tcp_state state);

// Everything that is counted, one writer. Name, help.
#define TCP_COUNTERS(X)                                                                            \
	X(segments_received, "segments taken in, valid or not")                                    \
	X(segments_sent, "packets sent; one of many segments counts once")                         \
	X(bytes_received, "payload bytes accepted in order")                                       \
	X(bytes_sent, "payload bytes sent, retransmissions included")                              \
	X(connections_opened, "tcp_connect calls that sent a SYN")                                 \
	X(connections_accepted, "connections that a listener's handshake completed")               \
	X(connections_failed, "connections that ended otherwise than by FIN")                      \
	X(resets_sent, "RST segments sent")                                                        \
	X(resets_limited, "RST segments withheld by their rate")                                   \
	X(resets_received, "RST segments that ended a connection")                                 \
	X(challenge_acks, "challenge acknowledgements sent (RFC 5961)")                            \
	X(challenge_acks_limited, "challenge acknowledgements withheld by their rate")             \
	X(retransmitted_segments, "segments sent again")                                           \
	X(retransmitted_bytes, "payload bytes sent again")                                         \
	X(retransmission_timeouts, "expired retransmission timers")                                \
	X(spurious_timeouts, "retransmission timeouts found needless and undone")                  \
	X(fast_recoveries, "loss recoveries entered by acknowledgements")                          \
	X(recoveries_undone, "loss recoveries found needless and undone")                          \
	X(tail_loss_probes, "tail loss probes sent (RFC 8985)")                                    \
	X(sack_blocks_received, "SACK blocks read")                                                \
	X(sack_blocks_refused, "SACK blocks outside what is outstanding")                          \
	X(sack_walks_limited, "SACK blocks skipped because their search ran too long")             \
	X(sack_cuts_refused, "SACK blocks left aside: dividing what was sent would hold too much") \
	X(dsack_received, "duplicate reports received (RFC 2883)")                                 \
	X(out_of_order_segments, "segments queued ahead of a hole")                                \
	X(out_of_order_refused, "segments refused: too many holes or too much memory")             \
	X(duplicate_segments, "segments with nothing new")                                         \
	X(segments_coalesced, "small segments copied into the buffer before them")                 \
	X(frames_cut_short, "joined segments let go, once each kept by itself filled the memory")  \
	X(delayed_acks, "acknowledgements sent by the delayed-acknowledgement timer")              \
	X(zero_window_probes, "persist probes sent")                                               \
	X(keepalive_probes, "keepalive probes sent")                                               \
	X(cookies_sent, "SYN-ACKs sent with a cookie and no state")                                \
	X(cookies_accepted, "connections made from a cookie")                                      \
	X(cookies_refused, "acknowledgements with no valid cookie while cookies were out")         \
	X(held_evicted, "SYNs held for a transparent target that gave way to newer ones")          \
	X(time_wait_reused, "connections that took over one in TIME-WAIT")                         \
	X(time_wait_evicted, "TIME-WAIT ended early for a newer one")                              \
	X(path_mtu_lowered, "path MTU lowered by a validated packet-too-big")                      \
	X(path_black_holes, "path MTU lowered because large segments vanished")                    \
	X(path_mtu_probes, "larger segments sent to find a larger path MTU")                       \
	X(path_mtu_raised, "path MTU raised because such a segment arrived")                       \
	X(ecn_reductions, "congestion window reductions by ECN")                                   \
	X(no_buffer, "packets not sent for want of a buffer; sent later")                          \
	X(no_connection, "connections refused or dropped for want of a free one")

struct tcp_stats {
#define X(name, help) counter_t name;
	TCP_COUNTERS(X)
#undef X
	counter_t states[TCP_STATE_COUNT]; // gauges
	counter_t drops[DROP_COUNT];       // segments refused, by reason
};
