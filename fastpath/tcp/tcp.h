// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One worker's TCP endpoints, sans-IO: parsed packets, user data and time go in; IP packets and
// events come out. IPv4 and IPv6, RFC 9293. No DPDK header, no allocation after creation; the same
// code runs in unit tests in virtual time. Worker thread only, but for _create and _destroy.
//
// A turn: tcp_segment_input for each packet, tcp_timers_run, tcp_events_take and what the user does
// about them (tcp_receive, tcp_send, ...), then tcp_flush once: data and acknowledgements that can
// wait for the end of the turn leave there, so one acknowledgement answers a burst and rides on
// data where there is some. Nothing else needs to be called, and no call is made back into the
// user but `transmit`.
//
// A connection is named by a 32-bit index. It belongs to the user from tcp_connect or the event
// TCP_EVENT_ACCEPTED until tcp_close or tcp_abort; the engine may hold it longer (FIN-WAIT,
// TIME-WAIT) but no more events name it then.

#include "core/buffer.h"
#include "pkt/icmp.h"
#include "pkt/packet.h"
#include "tcp/stats.h"

struct tcp_engine;

enum {
	TCP_NONE = UINT32_MAX, // no connection
	TCP_PROFILES_MAX = 256,
	TCP_SECRET_BYTES = 16,
};

// What the ports behind `transmit` can do.
enum {
	// The packet may leave with the pseudo-header sum in its checksum field
	// (BUFFER_TX_CHECKSUM_TCP, and BUFFER_TX_IP_CHECKSUM for IPv4). Without it the engine
	// writes whole checksums.
	TCP_OFFLOAD_CHECKSUM = 1u << 0,
	// Packets larger than the MSS may leave with BUFFER_TX_SEGMENT_TCP and a segment size in
	// the transmit word; with TCP_OFFLOAD_CHECKSUM only.
	TCP_OFFLOAD_SEGMENT = 1u << 1,
};

// How a connection is accepted for a listener that the engine does not know.
struct tcp_offer {
	uint16_t profile;
	// The SYN is not answered before tcp_answer says so; the connection is the user's from
	// TCP_EVENT_ASKED on, and established with TCP_EVENT_CONNECTED. Of those that wait there
	// are config.held at most, a quarter of them of one source: for a new one the oldest fails
	// with ETIMEDOUT, its own source's or that of who has most.
	bool is_held;
	uint64_t context; // comes back with TCP_EVENT_ACCEPTED or TCP_EVENT_ASKED
};

// What one side's SYN says that it can do, and so what the other may be offered.
struct tcp_terms {
	uint16_t mss;
	bool timestamps;
	bool sack;
	bool window_scale;
};

struct tcp_engine_config {
	uint32_t connections; // capacity; as many more may be in TIME-WAIT
	uint32_t half_open;   // in SYN-RECEIVED, before SYN cookies; 0: an eighth of connections
	uint32_t held;        // SYNs held (tcp_offer.is_held) at most; 0, or more: half_open
	bool huge;            // hugepages for the tables
	uint8_t secret[TCP_SECRET_BYTES]; // random: keys initial sequence numbers, cookies, hashes
	uint32_t offload;                 // TCP_OFFLOAD_* bits
	struct buffer_source *buffers;
	void *context; // of transmit
	// Takes one IP packet (data begins at the IP header, at least 64 bytes of headroom before
	// it, total_length and segments are set). Its header is the first buffer; payload follows
	// in buffers that the engine may keep too (more than one reference): read them, do not
	// write. The transmit word has l2 0, l3 and l4 lengths. key: as the packet leaves. way: one
	// word a connection that belongs to the callee (a neighbour, say), 0 at first; packets that
	// belong to no connection point to a word of their own that is 0.
	void (*transmit)(
		void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way);
	// For a user whose listeners live elsewhere: whether a segment of no connection and no
	// listener (a SYN, or an acknowledgement that may carry a cookie) is for one of its own,
	// and how. NULL: it has none. Called by tcp_segment_try alone.
	bool (*offer)(void *context, const struct packet *packet, struct tcp_offer *out);
	usec_t now; // when the engine begins
};

enum tcp_congestion {
	TCP_CONGESTION_CUBIC = 0, // RFC 9438 with HyStart++ (RFC 9406)
	TCP_CONGESTION_RATE,      // by measured rate and round-trip time, paced
	TCP_CONGESTION_COUNT,
};

// Whose handshake ours looks like (profile.c): order of options, window and its scale, hop limit,
// IPv4 identification.
enum tcp_look {
	TCP_LOOK_DEFAULT = 0,
	TCP_LOOK_LINUX,   // 5 and 6
	TCP_LOOK_FREEBSD, // 11 and later
	TCP_LOOK_WINDOWS, // 10 (1703) and Server 2019 and later
	TCP_LOOK_COUNT,
};

// Flags of a profile.
enum {
	TCP_NO_TIMESTAMPS = 1u << 0,
	TCP_NO_SACK = 1u << 1,
	TCP_NO_WINDOW_SCALE = 1u << 2,
	TCP_ECN = 1u << 3,   // ask for it and answer to it (RFC 3168)
	TCP_NAGLE = 1u << 4, // hold a short segment while one is unacknowledged (RFC 1122 4.2.3.4)
	TCP_PACING =
		1u << 5, // spread a window over the round-trip time whatever the congestion control
	// What tcp_receive gives and tcp_send takes keeps the peer's segments: each leaves as one,
	// with its PSH, at once (TCP_SEND_SEGMENTS).
	TCP_KEEP_SEGMENTS = 1u << 6,
	// The peer's first words are one message that is answered soon, as a TLS client's are:
	// their acknowledgement waits for the answer, within the bounds of any that is delayed.
	TCP_TAKE_TURNS = 1u << 7,
};

// How connections of a listener or an upstream behave. 0 takes the default named here.
struct tcp_profile {
	uint32_t flags;                 // TCP_* bits above
	uint8_t congestion;             // enum tcp_congestion
	uint8_t look;                   // enum tcp_look: decides the window scale and more
	uint8_t hop_limit;              // 64, or the look's
	uint8_t dscp;                   // of packets sent, below 64 (RFC 2474): 0
	uint8_t acknowledge_every;      // full segments, at most 8: 2 (RFC 9293 3.8.6.3)
	uint8_t retries_syn;            // retransmissions of a SYN or SYN-ACK: 7 and 6
	uint8_t keepalive_probes;       // unanswered before the connection fails: 9
	uint16_t mtu;                   // IP packet bytes of the way out: 1500
	uint16_t mss_max;               // announced at most; 0: by mtu
	uint8_t window_scale;           // announced, at most 14; 0: by receive_memory
	uint32_t receive_memory;        // buffer bytes held for the user at most: 4 MiB
	uint32_t send_memory;           // buffer bytes held for the peer at most: 4 MiB
	uint32_t initial_window;        // receive window at first, bytes: 65535
	uint32_t delayed_ack_us;        // 40 ms, below half a second whatever it says
	uint32_t rto_min_us;            // 200 ms
	uint32_t time_wait_us;          // 60 s; UINT32_MAX: none
	uint32_t fin_wait_us;           // FIN-WAIT-2 after tcp_close: 60 s
	uint32_t keepalive_idle_ms;     // silence before the first probe, at most three days; 0: no
					// keepalive
	uint32_t keepalive_interval_ms; // 75 s
	uint32_t user_timeout_ms;       // unacknowledged data or probe without answer: 15 min
};

// Bits of tcp_event.events. Edges: each says what happened since the connection's last event.
enum {
	TCP_EVENT_ACCEPTED =
		1u << 0, // a listener's connection is established; context: the listener's
	TCP_EVENT_CONNECTED = 1u << 1, // tcp_connect succeeded
	TCP_EVENT_READABLE = 1u << 2,  // tcp_receive has something
	TCP_EVENT_WRITABLE = 1u << 3,  // tcp_send_room, once 0, is above a third of its bound again
	TCP_EVENT_END = 1u << 4, // the peer's FIN is in sequence: nothing follows what is queued
	TCP_EVENT_FAILED =
		1u << 5, // the connection is over, see error; only tcp_close is left to do
	TCP_EVENT_SENT_ALL = 1u << 6, // all that was sent, and the FIN, is acknowledged
	TCP_EVENT_URGENT = 1u << 7,   // the peer's urgent mark moved ahead, see tcp_urgent_left
	// What may pass, see error: ETIMEDOUT when something was sent again three times in vain,
	// EHOSTUNREACH for an ICMP error. The connection tries on.
	TCP_EVENT_TROUBLE = 1u << 8,
	TCP_EVENT_ASKED = 1u << 9, // a SYN waits for tcp_answer (tcp_offer.is_held)
};

struct tcp_event {
	uint32_t connection;
	uint16_t events; // TCP_EVENT_* bits
	uint16_t error;  // with FAILED, TROUBLE: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH
	uint64_t context;
};

// Tables for config->connections. -ENOMEM with nothing kept on failure, -EINVAL for a configuration
// that cannot work. Control thread.
[[nodiscard]] int tcp_engine_create(
	const struct tcp_engine_config *config, struct tcp_engine **out);
// Frees every connection without a word to peers (tcp_abort_all says one). Returns how many the
// user still owned.
uint32_t tcp_engine_destroy(struct tcp_engine *engine);
const struct tcp_stats *tcp_engine_stats(const struct tcp_engine *engine);
// Connections in any state, those that only the engine still holds included.
uint32_t tcp_connections(const struct tcp_engine *engine);
// Pools for node_pool_status: connections, and those in TIME-WAIT. False beyond the last.
bool tcp_engine_pool(const struct tcp_engine *engine, uint32_t index, const char **name,
	uint64_t *used, uint64_t *capacity, uint64_t *high_water);

// Sets profile number index (below TCP_PROFILES_MAX); those not set have every default. Changes
// reach connections that are already open.
void tcp_profile_set(struct tcp_engine *engine, uint16_t index, const struct tcp_profile *profile);

// Accepts connections to address and port; the unspecified address accepts on every one, of both
// families. context comes back in the events. -EADDRINUSE, -ENOSPC. The listener's number is in
// *out.
[[nodiscard]] int tcp_listen(struct tcp_engine *engine, const struct ip_address *address, be16 port,
	uint16_t profile, uint64_t context, uint32_t *out);
// No new connections. Those in SYN-RECEIVED go; those accepted stay.
void tcp_unlisten(struct tcp_engine *engine, uint32_t listener, usec_t now);

// Opens a connection; key as our packets leave (source: own address and port, chosen by the
// caller). The SYN leaves at once. -EADDRINUSE when the key is in use, -ENOBUFS when no connection
// is free.
[[nodiscard]] int tcp_connect(struct tcp_engine *engine, uint16_t profile,
	const struct flow_key *key, uint64_t context, usec_t now, uint32_t *out);

// What an earlier connection with the same key left at the peer, which may be in TIME-WAIT for it.
struct tcp_past {
	uint32_t sequence;  // what the peer expects next
	uint32_t timestamp; // the last it saw, with has_timestamp
	bool has_timestamp;
};
// The same with a SYN that such a peer must take: later than what it had (RFC 6191); NULL: nothing
// is known. And with one that offers no more than terms, those of another connection's peer; NULL:
// all that the profile has.
[[nodiscard]] int tcp_connect_after(struct tcp_engine *engine, uint16_t profile,
	const struct flow_key *key, const struct tcp_past *past, const struct tcp_terms *terms,
	uint64_t context, usec_t now, uint32_t *out);

// Whether tcp_connect would find the key in use.
bool tcp_key_is_used(struct tcp_engine *engine, const struct flow_key *key, usec_t now);

// What the peer's SYN said, as far as the profile goes along with it. From TCP_EVENT_ASKED or
// TCP_EVENT_CONNECTED on.
void tcp_terms_get(const struct tcp_engine *engine, uint32_t connection, struct tcp_terms *out);
// Answers a SYN that is held, with no more than terms.
void tcp_answer(
	struct tcp_engine *engine, uint32_t connection, const struct tcp_terms *terms, usec_t now);
// Refuses it with a reset, as a port does on which nobody listens; the index is the engine's again.
// (tcp_abort and tcp_close leave it without an answer.)
void tcp_refuse(struct tcp_engine *engine, uint32_t connection, usec_t now);

// One segment: packet of kind PACKET_TCP with its checksum verified, packet->buffer the frame.
// Takes the buffer in every case. DROP_NONE, or why the segment was let go: counted in stats.drops
// here. RFC 9293 3.10.7.
enum drop_reason tcp_segment_input(
	struct tcp_engine *engine, const struct packet *packet, usec_t now);

// The same for a worker that also forwards: false, and the buffer stays the caller's, when the
// segment is of no connection, no listener, and not for an offer. *reason is set when it is true.
bool tcp_segment_try(struct tcp_engine *engine, const struct packet *packet, usec_t now,
	enum drop_reason *reason);

// For a worker that has many packets at hand: asks ahead for the memory that their input will
// touch. First the place in the table, whose number tcp_segment_known wants; then the connection
// found there, or one by its number, which may be any.
uint32_t tcp_bucket_prefetch(const struct tcp_engine *engine, const struct flow_key *key);
void tcp_prefetch_in(const struct tcp_engine *engine, uint32_t bucket);
void tcp_prefetch(const struct tcp_engine *engine, uint32_t connection);
// The ends of what it has queued to send, once the connection itself is there.
void tcp_prefetch_queue_in(const struct tcp_engine *engine, uint32_t bucket);
void tcp_prefetch_queue(const struct tcp_engine *engine, uint32_t connection);

// As tcp_segment_try for a segment of a connection that is there; false for any other. The
// connection's number is in *connection, and may name none any more.
bool tcp_segment_known(struct tcp_engine *engine, const struct packet *packet, uint32_t bucket,
	usec_t now, enum drop_reason *reason, uint32_t *connection);

// An ICMP error that quotes a segment of ours (icmp_error_parse). Its sequence number must be
// outstanding (RFC 5927). DROP_NONE when it was of use.
enum drop_reason tcp_icmp_error(
	struct tcp_engine *engine, const struct icmp_quote *quote, usec_t now);

// Whether a connection or listener would take the packet: for a worker that also forwards.
bool tcp_engine_owns(const struct tcp_engine *engine, const struct flow_key *key);

// Runs due timers, at most budget of them; how many ran.
uint32_t tcp_timers_run(struct tcp_engine *engine, usec_t now, uint32_t budget);
// When tcp_timers_run has work next; UINT64_MAX for never.
usec_t tcp_timers_next(const struct tcp_engine *engine);

// At the end of a turn: sends what windows allow and acknowledges what must be. True when it is
// all done, false when buffers ran out: the rest leaves at a later flush.
bool tcp_flush(struct tcp_engine *engine, usec_t now);

// Takes up to n events, oldest first; one entry a connection. Returns how many.
uint32_t tcp_events_take(struct tcp_engine *engine, struct tcp_event *out, uint32_t n);

// Whose event comes next: its context. False where there is none.
bool tcp_event_next(const struct tcp_engine *engine, uint64_t *context);

uint64_t tcp_context(const struct tcp_engine *engine, uint32_t connection);
void tcp_context_set(struct tcp_engine *engine, uint32_t connection, uint64_t context);

enum {
	TCP_SEND_MORE = 1u << 0, // more follows soon: a short segment may wait for it
	// With TCP_KEEP_SEGMENTS: the chain is what tcp_receive gave of a connection that keeps
	// segments too. Without, a chain is one segment. What is longer than a segment may be here
	// is divided.
	TCP_SEND_SEGMENTS = 1u << 1,
};

// Payload bytes that tcp_send takes without going over send_memory, estimated from what is held.
// After 0 comes TCP_EVENT_WRITABLE.
uint32_t tcp_send_room(struct tcp_engine *engine, uint32_t connection);
// Queues a chain of any size for the peer. Takes it in every case: its buffers' state is the
// engine's until they are acknowledged, and only small pieces are copied. What is longer than a
// segment is divided when it is sent, by the source's `share`, or by copying where it has none.
// Nothing leaves before tcp_flush. -EPIPE after tcp_shutdown or the connection's end; 0 otherwise.
int tcp_send(struct tcp_engine *engine, uint32_t connection, struct buffer *chain, uint32_t flags,
	usec_t now);
// Gives what is queued for the user, whole buffers up to about max bytes (always at least one
// buffer), NULL when there is nothing. The window opens by what was taken.
struct buffer *tcp_receive(
	struct tcp_engine *engine, uint32_t connection, uint32_t max, usec_t now);
uint32_t tcp_receive_ready(const struct tcp_engine *engine, uint32_t connection);
// The urgent mechanism (RFC 9293 3.8.5): a mark in the stream, whose bytes come in line with all
// others. Bytes from the next that tcp_receive gives to the end of what the peer calls urgent,
// received or not; 0 when nothing is.
uint32_t tcp_urgent_left(const struct tcp_engine *engine, uint32_t connection);
// All that is queued, and the next `ahead` bytes given to tcp_send (at most 1 GiB), is urgent:
// segments say so until that is acknowledged. A mark that lies further stays.
void tcp_urgent_mark(struct tcp_engine *engine, uint32_t connection, uint32_t ahead);
// The differentiated services codepoint, below 64, of what leaves from now on, where the profile's
// is not right.
void tcp_dscp_set(struct tcp_engine *engine, uint32_t connection, uint8_t dscp);
// From now on neither keeps the peer's segments (TCP_KEEP_SEGMENTS), whatever the profile says.
void tcp_segments_forget(struct tcp_engine *engine, uint32_t connection);
// Sends FIN after what is queued. Receiving goes on.
void tcp_shutdown(struct tcp_engine *engine, uint32_t connection, usec_t now);
// The same, with the FIN in a segment of its own.
void tcp_shutdown_apart(struct tcp_engine *engine, uint32_t connection, usec_t now);
// Whether the peer's FIN came in a segment of its own.
bool tcp_end_came_apart(const struct tcp_engine *engine, uint32_t connection);
// Lets go: FIN after what is queued, and what the peer still sends is refused with RST (RFC 2525
// 2.17) as is what was received and not taken. The index is the engine's again.
void tcp_close(struct tcp_engine *engine, uint32_t connection, usec_t now);
// RST at once; the index is the engine's again.
void tcp_abort(struct tcp_engine *engine, uint32_t connection, usec_t now);
// The same as the peer of `like` ended that with a reset: behind what is queued, as far as the
// windows let it out, and with ACK if it had one.
void tcp_abort_like(struct tcp_engine *engine, uint32_t connection, uint32_t like, usec_t now);
// Resets every connection, the engine's own included; returns how many. At shutdown.
uint32_t tcp_abort_all(struct tcp_engine *engine, usec_t now);

// What there is to know of a connection, for operators and tests.
struct tcp_info {
	struct flow_key key; // as our packets leave
	uint8_t state;       // enum tcp_state
	uint8_t congestion;
	uint8_t dscp;
	bool timestamps;
	bool sack;
	bool ecn;
	uint8_t send_scale;
	uint8_t receive_scale;
	uint16_t mss; // payload bytes of a full segment
	uint32_t round_trip_us;
	uint32_t round_trip_min_us;
	uint32_t rto_us;
	uint32_t congestion_window;
	uint32_t slow_start_threshold;
	uint32_t in_flight;
	uint32_t send_window;
	uint32_t receive_window;
	uint32_t send_queued; // payload not acknowledged
	uint32_t receive_queued;
	uint32_t send_held; // buffer bytes
	uint32_t receive_held;
	uint32_t retransmitted;       // segments
	uint64_t pacing_rate;         // bytes a second, 0: not paced
	uint32_t send_unacknowledged; // SND.UNA
	uint32_t send_next;           // SND.NXT
	uint32_t receive_next;        // RCV.NXT
	uint32_t timestamp;           // what we send now, with timestamps
};
void tcp_info_get(const struct tcp_engine *engine, uint32_t connection, struct tcp_info *out);
