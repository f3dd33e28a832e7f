// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One endpoint, its members by who touches them together: a segment of an established connection
// reads the first five cache lines of nine, seven with sending, where two or three were aimed at:
// loss recovery and congestion control have their state there too. Private to tcp/.

#include "core/buffer.h"
#include "core/wheel.h"
#include "pkt/packet.h"
#include "tcp/sequence.h"
#include "tcp/tcp.h"

// Bits of connection.flags.
enum {
	TCP_IS_OWNED = 1u << 0,   // by the user
	TCP_IS_PASSIVE = 1u << 1, // came from a listener
	TCP_HAS_TIMESTAMPS = 1u << 2,
	TCP_HAS_SACK = 1u << 3,
	TCP_HAS_ECN = 1u << 4,
	TCP_ACK_NOW = 1u << 5,    // at the next flush at the latest
	TCP_FIN_QUEUED = 1u << 6, // tcp_shutdown was called
	TCP_FIN_SENT = 1u << 7,   // and FIN is counted in snd_nxt
	TCP_FIN_RECEIVED = 1u << 8,
	TCP_IS_QUEUED = 1u << 9,  // in the flush queue
	TCP_HAS_EVENT = 1u << 10, // in the event queue
	TCP_IS_FAILED = 1u << 11,
	TCP_WAS_FULL = 1u << 12,     // tcp_send_room was 0: WRITABLE is owed
	TCP_ECN_ECHO = 1u << 13,     // CE seen, CWR not yet: ECE on every acknowledgement
	TCP_ECN_REDUCED = 1u << 14,  // CWR is owed with the next new data
	TCP_MORE_FOLLOWS = 1u << 15, // TCP_SEND_MORE of the last tcp_send
	TCP_RTT_KNOWN = 1u << 16,
	TCP_PROBE_SENT = 1u << 17, // a tail loss probe is out (RFC 8985 7.3)
	TCP_APP_LIMITED = 1u << 18,
	TCP_CWND_LIMITED = 1u << 19, // the congestion window was what stopped the last output
	TCP_DSACK_DUE = 1u << 20,
	TCP_NO_MORE_DATA = 1u << 21,   // tcp_close: data that arrives is refused
	TCP_RACK_REORDERED = 1u << 22, // reordering was seen
	TCP_UNDO_ARMED = 1u << 23,
	TCP_FROM_COOKIE = 1u << 24,
	TCP_PROBE_REXMIT = 1u << 25, // the tail loss probe was a retransmission
	TCP_FIN_LOST = 1u << 26,     // FIN must be sent again
	TCP_SYN_SENT_AGAIN = 1u << 27,
	TCP_URGENT_IN = 1u << 28,  // rcv_up lies ahead of what the user has taken
	TCP_PACED = 1u << 29,      // output waits for the pacing timer
	TCP_FIN_KNOWN = 1u << 30,  // fin_sequence is where the peer's FIN stands
	TCP_URGENT_OUT = 1u << 31, // snd_up is not acknowledged
};

// Bits of connection.manner: how segments and ends came, and how ours are to leave; and what a
// timeout waits for before it repeats more than one segment (RFC 5682).
enum {
	TCP_FIN_CAME_APART = 1u << 0, // the peer's, in a segment without text
	TCP_FIN_GOES_APART = 1u << 1,
	TCP_RESET_WAS_BARE = 1u << 2, // the peer's, without ACK
	TCP_IS_HELD = 1u << 3,        // the peer's SYN waits for tcp_answer
	TCP_KEEPS_SEGMENTS = 1u << 4, // of its profile when it began: TCP_KEEP_SEGMENTS
	TCP_DOUBTS_TIMEOUT = 1u << 5, // until something is acknowledged
	TCP_TESTS_TIMEOUT = 1u << 6,  // new data leaves first: what it is answered with decides
	TCP_TAKES_TURNS = 1u << 7, // text was answered: acknowledgements wait for the next answer
};

enum tcp_timer {
	TCP_TIMER_LOSS = 0, // what for: loss_mode
	TCP_TIMER_ACK,      // delayed acknowledgement
	TCP_TIMER_PACE,
	TCP_TIMER_LIFE, // by state: keepalive, FIN-WAIT-2, TIME-WAIT
	TCP_TIMER_COUNT,
};

enum tcp_loss_mode {
	TCP_LOSS_RTO = 0,
	TCP_LOSS_PROBE,   // tail loss probe
	TCP_LOSS_REORDER, // RACK's reordering window
	TCP_LOSS_PERSIST, // zero window
};

enum tcp_recovery {
	TCP_OPEN = 0,
	TCP_RECOVERY, // loss found by acknowledgements
	TCP_TIMEOUT,  // loss found by RTO
};

enum {
	TCP_CONGESTION_WORDS = 10
};

// What keeps the sender going while something is lost.
struct tcp_recovery_state {
	uint32_t high;            // SND.NXT when recovery began: it ends when this is acknowledged
	uint32_t prior_cwnd;      // for undo
	uint32_t prior_ssthresh;  // for undo
	uint32_t retransmit_time; // timestamp of the first retransmission: Eifel (RFC 3522)
	uint32_t undo_segments;   // retransmissions that no D-SACK called needless
	uint32_t prr_delivered;   // RFC 6937
	uint32_t prr_out;
	uint32_t prr_flight; // RecoverFS
};

// RFC 8985 section 5.
struct tcp_rack_state {
	uint32_t sent; // send time of the most recently sent segment known delivered
	uint32_t end;  // its end
	uint32_t rtt_us;
	uint32_t minimum_us; // smallest round trip seen
	uint32_t highest;    // highest end known delivered
	uint32_t dsack_round;
	uint8_t reorder_multiplier;
	uint8_t reorder_persist; // recoveries until the multiplier falls back
	bool has_sample;
	bool dsack_open;
};

// Entries of the send queue through their second pair of links.
struct tcp_entries {
	struct buffer *head;
	struct buffer *tail;
};

struct nx_aligned_line tcp_connection {
	// Line 0: lookup, and what every segment asks first.
	struct flow_key key; // as segments arrive: the peer is the source
	uint32_t chain;      // next in the table's bucket
	uint32_t flags;
	uint8_t state;
	uint8_t profile;
	uint8_t send_scale;
	uint8_t receive_scale;
	uint32_t rcv_nxt;
	uint32_t rcv_edge; // right edge announced; never moves left
	uint32_t ts_recent;
	// Line 1: queues, and what every segment that leaves has in it.
	uint32_t flush_next; // in the flush queue
	uint32_t flush_previous;
	uint32_t event_next;
	uint32_t event_previous;
	uint64_t context; // the user's
	uint32_t way;
	uint32_t ts_offset;
	uint32_t last_ack_sent;
	uint32_t last_heard;  // wheel tick of the last segment
	uint32_t snd_wnd_max; // largest window the peer ever offered
	uint32_t rto_us;
	uint16_t events;
	uint16_t error;
	uint16_t mss;           // payload bytes of a full segment, options taken off
	uint16_t mtu;           // path MTU
	uint16_t packet_id;     // IPv4 identification of the next packet, where the look counts
	uint8_t unacknowledged; // full segments received since the last acknowledgement
	uint8_t timers;         // bit mask of armed enum tcp_timer
	uint8_t recovery;       // enum tcp_recovery
	uint8_t manner;         // TCP_KEEPS_SEGMENTS and others
	uint8_t probes;         // keepalive or persist probes without answer
	uint8_t dscp;           // of what leaves
	// Line 2: what may be sent.
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_end; // SND.NXT once all that is queued is sent, FIN not counted
	uint32_t snd_wnd;
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t cwnd;
	uint32_t ssthresh;
	struct buffer *unsent; // first never sent
	uint32_t sacked_bytes;
	uint32_t lost_bytes;
	uint32_t retransmitted_bytes; // in flight
	uint32_t srtt_us;             // times 8
	uint64_t pacing_rate;         // bytes a second, 0: unpaced
	// Line 3: what is received.
	struct buffer
		*receive_head; // in order, chained, total_length and segments kept at the head
	struct buffer *receive_tail;
	struct buffer *runs;   // ahead of holes: struct tcp_run in each run's first buffer (runs.c)
	uint32_t receive_held; // buffer bytes, runs included
	uint32_t receive_limit;  // bytes of window at most for now; grows by auto-tuning
	uint32_t receive_taken;  // tuning: what the user took in this round trip
	uint32_t receive_since;  // tuning: when the round trip began
	uint32_t ts_recent_time; // when, by timestamp_age_time: RFC 7323 5.5
	uint16_t receive_mss;    // payload of the peer's full segments, as seen
	uint8_t quick;           // acknowledgements at once that are left
	uint8_t receive_ratio;   // payload of buffer bytes, in 256ths
	struct tcp_entries lost; // to be sent again, by sequence
	// Line 4: timers and what is in flight.
	struct wheel_entry timer;
	uint32_t deadlines[TCP_TIMER_COUNT]; // wheel ticks
	uint32_t send_held;                  // buffer bytes
	struct buffer *send_head;            // struct tcp_entry in each buffer
	struct buffer *send_tail;
	uint32_t delivered; // payload bytes known delivered, modulo 2^32
	uint32_t delivered_at;
	uint32_t first_sent;
	uint8_t loss_mode;
	uint8_t backoff;
	uint8_t duplicate_acks;
	uint8_t large_lost; // timeouts of full segments in a row
	// Line 5: what acknowledgements of data tell.
	struct tcp_entries sent; // in flight, by time of last transmission
	struct tcp_rack_state rack;
	uint32_t rttvar_us;   // times 4
	uint32_t ecn_end;     // no second reduction before this is acknowledged
	uint32_t stuck_since; // wheel tick since when unacknowledged data has made no progress
	uint16_t mtu_probe;   // tried by the segment that ends at mtu_probe_end; 0: none is out
	uint8_t congestion_kind;
	uint8_t list; // which list it is in
	uint8_t challenges;
	uint8_t mtu_lowered; // times that routers were believed since the MTU rose last
	bool window_scaled;  // both sides sent the option
	// Line 6 on: the controller's own.
	uint64_t congestion[TCP_CONGESTION_WORDS];
	// The rest belongs to set-up, loss recovery and what is rare.
	struct tcp_recovery_state loss;
	struct buffer *runs_newest;
	uint32_t dsack_start; // the duplicate to report
	uint32_t dsack_end;
	uint32_t probe_end; // SND.NXT when the tail loss probe left
	uint32_t iss;
	union {
		uint32_t irs;         // before ESTABLISHED
		uint32_t refused_end; // then, while `quick` says so: of text that was not kept
	};
	uint32_t fin_sequence;
	uint32_t pace_next; // time (usec, low 32 bits) of the next departure
	uint32_t listener;
	uint32_t list_next; // TIME-WAIT, SYN-RECEIVED: by age
	uint32_t list_previous;
	uint32_t retransmissions;
	uint32_t rcv_up; // behind the last urgent byte, with TCP_URGENT_IN
	uint32_t snd_up; // likewise, with TCP_URGENT_OUT
	uint32_t mtu_probe_end;
	uint32_t mtu_probe_at;  // wheel tick when the next may leave
	uint32_t challenged_at; // wheel tick when the second began in which `challenges` left
	uint16_t peer_mss;
	uint16_t mtu_ceiling;     // did not pass; 0: not known
	uint16_t mss_terms;       // announced at most; 0: by the profile alone
	uint16_t receive_shorter; // payload of the last segment that was shorter than receive_mss
};
// Acknowledgements and what is received touch lines 0 to 4, what is sent two more.
static_assert(offsetof(struct tcp_connection, flush_next) == 64);
static_assert(offsetof(struct tcp_connection, snd_una) == 128);
static_assert(offsetof(struct tcp_connection, receive_head) == 192);
static_assert(offsetof(struct tcp_connection, timer) == 256);
static_assert(offsetof(struct tcp_connection, sent) == 320);
static_assert(offsetof(struct tcp_connection, congestion) == 384);
static_assert(sizeof(struct tcp_connection) <= 576);

// What TIME-WAIT needs of a connection that its user has let go, with the names that they have
// there.
struct tcp_time_wait {
	struct flow_key key;
	uint32_t chain; // next in its bucket: index + 1
	uint32_t older;
	uint32_t newer;
	struct wheel_entry timer;
	uint32_t rcv_nxt;
	uint32_t rcv_edge;
	uint32_t snd_nxt;
	uint32_t snd_wnd_max;
	uint32_t ts_recent;
	uint32_t ts_recent_time;
	uint32_t ts_offset;
	uint32_t last_ack_sent;
	uint32_t last_heard;
	uint32_t challenged_at;
	uint32_t rto_us;
	uint32_t way;
	uint32_t flags; // TIME_WAIT_FLAGS of them
	uint16_t packet_id;
	uint8_t profile;
	uint8_t receive_scale;
	uint8_t challenges;
	uint8_t dscp;
};
static_assert(sizeof(struct tcp_time_wait) <= 128);

// In the state area of a buffer of the send queue: one sequence range sent and judged as a whole.
// Such a buffer's `next` is always NULL, so that a header can be chained to it.
struct tcp_entry {
	struct buffer *next; // by sequence
	struct buffer *previous;
	union {
		struct buffer *other_next; // in `sent` or `lost`, see tcp_entries_of
		struct buffer *skip; // SACKed: all from here to there is SACKed too; NULL unknown
	};
	struct buffer *other_previous;
	uint32_t sequence;
	uint32_t sent;         // time of the last transmission, low 32 bits
	uint32_t delivered;    // of the connection when sent
	uint32_t delivered_at; // likewise
	uint32_t first_sent;   // likewise
	uint16_t transmissions;
	uint8_t marks; // TCP_MARK_*
	uint8_t spare;
	uint32_t cost;       // of the buffer, or of its part of a divided one
	uint8_t segment_end; // as in tcp_run
};
static_assert(sizeof(struct tcp_entry) <= BUFFER_STATE_BYTES);

enum {
	TCP_MARK_SACKED = 1u << 0,
	TCP_MARK_LOST = 1u << 1,          // and not sent again since
	TCP_MARK_RETRANSMITTED = 1u << 2, // a retransmission of it is in flight
	TCP_MARK_LIMITED = 1u << 3,       // sent while the user had nothing more
	TCP_MARK_OWN = 1u << 5, // the engine's own buffer: more may be copied behind what it holds
	TCP_MARK_INDEXED = 1u << 6, // sent_index.c has it
	TCP_MARK_JOINED = 1u << 7,  // left first in one packet with the entry before it
};

// In the state area of the first buffer of a run: contiguous bytes ahead of a hole.
struct tcp_run {
	struct buffer *left; // runs
	struct buffer *right;
	struct buffer *parent;
	struct buffer *newer; // by the time of the last change, for the order of SACK blocks
	struct buffer *older;
	struct buffer *tail;
	uint32_t start;
	uint32_t end;
	uint32_t priority; // no child's is above its parent's
	uint8_t segment_end;
};
static_assert(sizeof(struct tcp_run) <= BUFFER_STATE_BYTES);

// Every buffer that a connection with TCP_KEEPS_SEGMENTS receives has this byte, whichever list it
// is in, and takes it along to the connection that sends it: whether a segment ends with the
// buffer.
enum {
	SEGMENT_GOES_ON = 0,
	SEGMENT_ENDS = 1u << 0,
	SEGMENT_IS_PUSHED = 1u << 1, // and had PSH
	SEGMENT_ENDS_PUSHED = SEGMENT_ENDS | SEGMENT_IS_PUSHED,
};
static_assert(offsetof(struct tcp_entry, segment_end) == offsetof(struct tcp_run, segment_end));

static inline struct tcp_entry *tcp_entry(struct buffer *b)
{
	return (struct tcp_entry *)(void *)b->state;
}

static inline struct tcp_run *tcp_run(struct buffer *b)
{
	return (struct tcp_run *)(void *)b->state;
}

static inline uint32_t tcp_entry_end(struct buffer *b)
{
	return tcp_entry(b)->sequence + b->length;
}

// What a buffer costs, whatever it holds.
static inline uint32_t tcp_buffer_cost(const struct buffer *b)
{
	return (uint32_t)b->capacity + (uint32_t)sizeof(*b);
}

// Payload sent, not acknowledged, and neither lost nor at the peer already (RFC 6675 pipe). FIN
// does not count: it must not keep a segment that was lost before it from leaving.
static inline uint32_t tcp_in_flight(const struct tcp_connection *c)
{
	uint32_t fin = (c->flags & TCP_FIN_SENT) != 0 && c->snd_una != c->snd_nxt;

	return c->snd_nxt - c->snd_una - fin - c->sacked_bytes - c->lost_bytes +
	       c->retransmitted_bytes;
}
