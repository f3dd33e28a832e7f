// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The engine from inside: what its files share. Private to tcp/. `engine->now` is the time of the
// call under way.

#include <netinet/in.h>

#include "core/pool.h"
#include "core/rate.h"
#include "tcp/connection.h"
#include "tcp/siphash.h"

enum {
	TICK_SHIFT = 6, // a wheel tick is 64 us
	TS_AGE_SHIFT = 20,
	LISTENERS_MAX = 4096,
	LISTENER_BUCKETS = 1024,
	SACK_WALK_MAX =
		4096, // queue entries looked at for one acknowledgement, SACKed anew not counted
	INDEX_SLOTS = 1 << 14, // of sent_index.c: a gigabyte in flight
	INITIAL_SEGMENTS = 10, // RFC 6928
	QUICK_ACKS = 16,       // segments acknowledged at once at the start
	// Once a wait for an answer was for nothing; answers end only the last QUICK_ACKS of them.
	QUICK_ACKS_UNANSWERED = 32,
	QUICK_ACKS_REFUSED = UINT8_MAX, // until what was refused has come again: refused_end
	BACKOFF_MAX = 15,
	// Round trips below this are worth neither pacing nor an entry for every segment.
	SHORT_ROUND_TRIP_US = 2000,
	QUEUED_ROUND_TRIP_US = 50000, // beyond what queues make of those
	DEFAULT_MSS4 = 536,           // RFC 9293 3.7.1
	DEFAULT_MSS6 = 1220,
	COPY_MAX = 128,             // payload that is copied behind its header rather than chained
	HEADER_ROOM = 60 + 40,      // IP and TCP headers with options
	CHALLENGES_PER_SECOND = 10, // of one connection
	HELD_SHARES = 1024,         // SYNs held, each for the sources that hash to it
	HELD_SHARE_MAX = 4096,      // of one of them
	TIMESTAMP_STEP_US = 1000,   // RFC 7323 5.4; as Linux and FreeBSD count
	RESET_SOURCES = 256,        // rates of resets, each for the sources that hash to it
	RESETS_PER_SECOND = 100,    // of one of them
	RETRANSMISSIONS_R1 = 3,     // RFC 9293 3.8.3
	DUPLICATE_THRESHOLD = 3,
	DSCP_MAX = 63,
};

#define RTO_INITIAL      (1 * USEC_PER_SECOND)
#define RTO_MAX          (60 * USEC_PER_SECOND)
#define RTT_MAX          (60 * USEC_PER_SECOND)
#define TIME_WAIT_REUSED (1 * USEC_PER_SECOND)

struct tcp_list {
	uint32_t oldest;
	uint32_t newest;
	uint32_t count;
};

enum tcp_list_name {
	LIST_NONE = 0,
	LIST_HALF_OPEN,
	LIST_TIME_WAIT, // of nobody: until the turn's end, then without a connection
	LIST_COUNT,
	LIST_HELD = LIST_COUNT, // asked, or answered and not yet established: held.c has its lists
};

// Connections of the sources that hash to one share, by age; and the share among those with as
// many.
struct tcp_held_share {
	struct tcp_list list;
	uint16_t next; // index + 1
	uint16_t previous;
};

// Shares by how many they have, each level in the order in which they came to it.
struct tcp_held_level {
	uint16_t first; // index + 1
	uint16_t last;
};

// Invariant: levels[n] has every share with n connections, for n above 0; levels above `most` are
// empty. A count changes by one, so does `most`.
struct tcp_held {
	struct tcp_held_share shares[HELD_SHARES];
	struct tcp_held_level levels[HELD_SHARE_MAX + 1];
	uint32_t most;
	uint32_t count;
	uint32_t limit;
	uint32_t limit_source;
};

struct tcp_queue {
	uint32_t first;
	uint32_t last;
};

struct tcp_listener {
	struct ip_address address;
	uint64_t context;
	uint32_t chain;  // next in its bucket, TCP_NONE = last
	uint32_t number; // its own index; TCP_NONE: an offer, in no table
	be16 port;
	uint8_t profile;
	bool is_open;
	bool is_held; // of an offer
};

// Invariant: entry is NULL or an entry of the connection's queue that was sent, whose sequence
// number begins in the block.
struct tcp_index_slot {
	struct buffer *entry;
	uint32_t connection;
	uint32_t block;
};

#define TIME_WAIT_FLAGS                                                                            \
	(TCP_IS_PASSIVE | TCP_HAS_TIMESTAMPS | TCP_HAS_SACK | TCP_HAS_ECN | TCP_FIN_QUEUED |       \
		TCP_FIN_SENT | TCP_FIN_RECEIVED | TCP_FIN_KNOWN | TCP_NO_MORE_DATA)

struct tcp_engine {
	struct tcp_engine_config config;
	usec_t now;
	struct siphash_key key;       // of numbers that leave, of cookies, of the shares of resets
	struct siphash_key table_key; // of the connections' hash
	struct pool connections;
	struct memory buckets_memory;
	uint32_t *buckets;    // first connection, POOL_NONE = none
	uint32_t bucket_mask; // of both tables
	struct wheel wheel;
	// TIME-WAIT without a connection (time_wait.c).
	struct pool waits;
	struct memory wait_buckets_memory;
	uint32_t *wait_buckets; // first, index + 1
	struct wheel wait_wheel;
	uint32_t wait_oldest;
	uint32_t wait_newest;
	struct tcp_queue flush;
	struct tcp_queue events;
	struct tcp_list lists[LIST_COUNT];
	struct tcp_held held;
	struct rate resets[RESET_SOURCES];
	uint64_t random;      // of the trees of runs; never 0
	usec_t cookies_until; // until then acknowledgements may carry cookies
	uint32_t owned;       // by the user
	uint32_t listener_count;
	uint32_t listener_buckets[LISTENER_BUCKETS];
	struct tcp_listener listeners[LISTENERS_MAX];
	struct tcp_profile profiles[TCP_PROFILES_MAX];
	struct tcp_index_slot sent_index[INDEX_SLOTS];
	struct tcp_stats stats;
};

// A segment on its way in.
struct tcp_segment {
	const struct packet *packet;
	struct buffer *payload; // the frame, then its text; NULL once somebody took it
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t length; // text bytes
	uint32_t window; // unscaled
	uint32_t timestamp;
	uint32_t echo;
	uint8_t flags;
	uint8_t ecn; // low two bits of the traffic class
	bool has_timestamps;
	bool is_overtaken;       // a bare acknowledgement older than what came before it
	enum drop_reason reason; // why acknowledgement_input or cookie_accept went no further
};

struct tcp_sack_block {
	uint32_t start;
	uint32_t end;
};

enum {
	SACK_BLOCKS_MAX = 4
};

// What one acknowledgement told, for loss detection and congestion control.
struct tcp_ack {
	uint32_t acked;     // bytes by which SND.UNA moved
	uint32_t sacked;    // bytes newly reported by SACK
	uint32_t delivered; // both, counted once
	uint32_t lost;      // bytes newly marked lost
	uint32_t rtt_us;    // of a segment sent once, 0: none
	uint32_t prior_in_flight;
	uint32_t prior_una;
	uint32_t
		rate_delivered; // delivery rate sample (draft-cheng-iccrg-delivery-rate-estimation)
	uint32_t rate_us;
	uint32_t round_delivered; // connection.delivered when the newest delivered segment left
	bool rate_limited;        // the user had no more then
	bool original;            // something lost by timeout arrived though it was not sent again
	bool retransmitted; // what was acknowledged in order had in part been sent more than once
	bool dsack;
	bool ece;
};

static inline uint32_t engine_index(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return (uint32_t)(((const uint8_t *)c - e->connections.objects) / sizeof(*c));
}

static inline struct tcp_connection *engine_at(const struct tcp_engine *e, uint32_t index)
{
	return pool_at(&e->connections, index);
}

static inline const struct tcp_profile *profile_of(
	const struct tcp_engine *e, const struct tcp_connection *c)
{
	return &e->profiles[c->profile];
}

static inline uint32_t engine_tick(const struct tcp_engine *e)
{
	return (uint32_t)(e->now >> TICK_SHIFT);
}

static inline uint32_t engine_time(const struct tcp_engine *e)
{
	return (uint32_t)e->now;
}

// About seconds: ticks wrap within days, and RFC 7323 5.5 counts 24.
static inline uint32_t timestamp_age_time(const struct tcp_engine *e)
{
	return (uint32_t)(e->now >> TS_AGE_SHIFT);
}

#define tcp_count(e, name)        counter_add(&(e)->stats.name, 1)
#define tcp_count_by(e, name, by) counter_add(&(e)->stats.name, by)

// What small parts of divided buffers cost may double the bound of what is held, not more.
static inline bool can_divide(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return c->send_held / 2 < profile_of(e, c)->send_memory;
}

// Whether the path itself is short, by the best round trip seen: what a queue adds to those of
// late, the peer's own or one that our window fills, makes it no longer, but for more than queues
// of a short path have: then it has become another.
static inline bool is_near(const struct tcp_connection *c)
{
	uint32_t best = c->rack.minimum_us ? c->rack.minimum_us : c->srtt_us / 8;

	return best < SHORT_ROUND_TRIP_US && c->srtt_us / 8 < QUEUED_ROUND_TRIP_US;
}

static inline void quick_begin(struct tcp_connection *c, uint8_t count)
{
	if (c->quick < count)
		c->quick = count;
	c->manner &= (uint8_t)~TCP_TAKES_TURNS;
}

// Text up to `end` was not kept. It comes again in order, and from a sender that has timed out one
// segment at a time: each fills a gap (RFC 5681 4.2), and a wait for each would be a wait for all.
static inline void text_refused(struct tcp_connection *c, uint32_t end)
{
	if (c->quick != QUICK_ACKS_REFUSED || seq_before(c->refused_end, end))
		c->refused_end = end;
	quick_begin(c, QUICK_ACKS_REFUSED);
}

static inline bool is_v4(const struct tcp_connection *c)
{
	return ip_address_is_v4(&c->key.source);
}

static inline struct flow_key key_reverse(const struct flow_key *key)
{
	return (struct flow_key){.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol};
}

// profile.c
void profile_defaults(struct tcp_profile *profile);
// The window of a SYN, or of the answer to one, whose segments carry so much payload.
uint32_t profile_window(const struct tcp_profile *profile, uint32_t payload, bool answer);
// Whether packets are numbered; and answers to a SYN, too.
bool profile_counts_packets(const struct tcp_profile *profile);
bool profile_counts_answers(const struct tcp_profile *profile);

// table.c
// Of both tables.
uint32_t bucket_number(const struct tcp_engine *e, const struct flow_key *key);
struct tcp_connection *connection_find(const struct tcp_engine *e, const struct flow_key *key);
// bucket: what tcp_bucket_prefetch told of the key.
struct tcp_connection *connection_find_in(
	const struct tcp_engine *e, uint32_t bucket, const struct flow_key *key);
// A zeroed connection in the table, in state CLOSED; NULL when none is free.
struct tcp_connection *connection_new(
	struct tcp_engine *e, const struct flow_key *key, uint8_t profile);
// Gives all it holds back, and the connection.
void connection_free(struct tcp_engine *e, struct tcp_connection *c);
const struct tcp_listener *listener_find(const struct tcp_engine *e, const struct flow_key *key);
// Of an address, of IPv6 its /64: nobody outside can choose what collides.
uint64_t source_hash(const struct tcp_engine *e, const struct ip_address *source);

// queue.c
void flush_add(struct tcp_engine *e, struct tcp_connection *c);
struct tcp_connection *flush_take(struct tcp_engine *e);
void flush_remove(struct tcp_engine *e, struct tcp_connection *c);
void event_raise(struct tcp_engine *e, struct tcp_connection *c, uint16_t events);
void event_remove(struct tcp_engine *e, struct tcp_connection *c);
void list_add(struct tcp_engine *e, struct tcp_connection *c, enum tcp_list_name name);
void list_remove(struct tcp_engine *e, struct tcp_connection *c);

// held.c
void held_init(struct tcp_engine *e);
// Where connections from a peer's address are, by age.
struct tcp_list *held_list(struct tcp_engine *e, const struct tcp_connection *c);
// It came to its list, or left it.
void held_added(struct tcp_engine *e, const struct tcp_connection *c);
void held_removed(struct tcp_engine *e, const struct tcp_connection *c);
// One more may come from this source: another may fail with ETIMEDOUT for it.
void held_make_room(struct tcp_engine *e, const struct ip_address *source);

// state.c
void state_set(struct tcp_engine *e, struct tcp_connection *c, enum tcp_state state);
// Past the handshake, both ways still or half open.
bool state_is_synchronized(const struct tcp_connection *c);
// Whether the peer is owed a reset when the connection is given up.
bool state_takes_reset(const struct tcp_connection *c);
// Both sides have closed.
void connection_done(struct tcp_engine *e, struct tcp_connection *c);
void time_wait_enter(struct tcp_engine *e, struct tcp_connection *c);
// The connection is over for the user: told by an event, or freed if it is the engine's own.
void connection_fail(struct tcp_engine *e, struct tcp_connection *c, int error);
// The connection stays, and the user hears of what is in its way (RFC 9293 3.9.1.8).
void connection_trouble(struct tcp_engine *e, struct tcp_connection *c, int error);
// FIN has been acknowledged or received: the end of a connection that is the engine's own.
void life_update(struct tcp_engine *e, struct tcp_connection *c);
void life_expired(struct tcp_engine *e, struct tcp_connection *c);

// time_wait.c. -ENOMEM with nothing kept.
int time_waits_create(struct tcp_engine *e);
void time_waits_clear(struct tcp_engine *e);
void time_waits_destroy(struct tcp_engine *e);
const struct tcp_time_wait *time_wait_find(const struct tcp_engine *e, const struct flow_key *key);
// Makes a connection of one again. NULL when there is none, or no place for it.
struct tcp_connection *time_wait_restore(struct tcp_engine *e, const struct flow_key *key);
// Takes a connection in TIME-WAIT that is the engine's own; all of LIST_TIME_WAIT at a turn's end.
void time_wait_shrink(struct tcp_engine *e, struct tcp_connection *c);
void time_waits_shrink(struct tcp_engine *e);
// Ends those whose time is over, at most budget; how many.
uint32_t time_waits_run(struct tcp_engine *e, uint32_t budget);

// timers.c: deadlines of one connection; the wheel holds the earliest.
void timer_set(struct tcp_engine *e, struct tcp_connection *c, enum tcp_timer timer, usec_t delay);
void timer_clear(struct tcp_connection *c, enum tcp_timer timer);
// The wheel came to a connection: runs what is due and arms it for the rest.
void timers_due(struct tcp_engine *e, struct tcp_connection *c);
static inline bool timer_is_set(const struct tcp_connection *c, enum tcp_timer timer)
{
	return (c->timers & 1u << timer) != 0;
}

// isn.c
uint32_t isn_choose(const struct tcp_engine *e, const struct flow_key *key);
uint32_t timestamp_offset(const struct tcp_engine *e, const struct flow_key *key);
// Our timestamp clock: TIMESTAMP_STEP_US a step, from an offset of each connection.
static inline uint32_t timestamp_clock(const struct tcp_engine *e)
{
	return (uint32_t)(e->now / TIMESTAMP_STEP_US);
}

static inline uint32_t timestamp_now(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return timestamp_clock(e) + c->ts_offset;
}

// options.c: both write into `out` (40 bytes) and return the length, a multiple of four.
struct syn_options {
	uint16_t mss;
	int window_scale; // below 0: none
	uint8_t look;     // enum tcp_look
	bool sack;
	bool timestamps;
	uint32_t timestamp;
	uint32_t echo;
};
uint32_t options_write_syn(uint8_t *out, const struct syn_options *o);
uint32_t options_write_timestamps(
	const struct tcp_engine *e, const struct tcp_connection *c, uint8_t *out);
uint32_t options_write(
	const struct tcp_engine *e, struct tcp_connection *c, uint32_t room, uint8_t *out);
uint32_t options_read_sack(const struct packet *packet, struct tcp_sack_block *out);

// segment.c: what goes on the wire.
struct segment_out {
	uint32_t sequence;
	uint32_t length;      // payload bytes
	struct buffer *first; // entry where the payload begins
	uint8_t flags;
	bool is_retransmission;
};
// False when buffers ran out; nothing has left then.
bool segment_send(struct tcp_engine *e, struct tcp_connection *c, const struct segment_out *s);
bool segment_send_syn(struct tcp_engine *e, struct tcp_connection *c);
bool segment_send_ack(struct tcp_engine *e, struct tcp_connection *c);
// The reset that answers a segment of no connection (RFC 9293 3.10.7.1), rate limited.
void segment_refuse(struct tcp_engine *e, const struct tcp_segment *s);
// SYN-ACK without a connection.
void segment_send_cookie(struct tcp_engine *e, const struct flow_key *key,
	const struct tcp_segment *s, uint32_t sequence, const struct syn_options *options,
	const struct tcp_profile *profile);
// bare: without ACK and options.
void segment_send_reset(struct tcp_engine *e, struct tcp_connection *c, bool bare);
// The reset that answers a SYN.
void segment_send_refusal(struct tcp_engine *e, struct tcp_connection *c);
// Answers what RFC 5961 will not believe, within a rate.
void segment_challenge(struct tcp_engine *e, struct tcp_connection *c);

// output.c: sends what may be sent. False when buffers ran out.
bool output_run(struct tcp_engine *e, struct tcp_connection *c);
// Sends a byte beyond the window, or what is left in it (RFC 9293 3.8.6.1).
void output_probe_window(struct tcp_engine *e, struct tcp_connection *c);
// One segment from `b` again, whatever the windows say. False without buffers.
bool output_retransmit(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b);
// New data, one segment, for the tail loss probe. False when there is none.
bool output_send_one_new(struct tcp_engine *e, struct tcp_connection *c);

// send_queue.c
// Divides an entry behind its first n bytes; the entry of these, NULL when buffers ran out.
struct buffer *entry_divide(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, uint32_t n);
// Forgets what is acknowledged up to snd_una; fills *ack.
void send_queue_release(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack);
void send_queue_clear(struct tcp_engine *e, struct tcp_connection *c);
// To the end of the list by time of transmission.
void entry_sent(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b);
void entry_retransmitted(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b);
// What was taken for lost is not: it is in flight.
void entries_found(struct tcp_engine *e, struct tcp_connection *c);
// All that was sent and not reported there is lost, in order of sequence.
void entries_lost(struct tcp_connection *c, bool forget_sack);
void entry_mark_sacked(struct tcp_connection *c, struct buffer *b);
void entry_mark_lost(struct tcp_connection *c, struct buffer *b);
void entry_delivered(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct tcp_ack *ack);

// segments.c: of connections with TCP_KEEPS_SEGMENTS
// Divides a frame's text, s->payload, into the segments it was made of and marks where they end.
// Without buffers, or beyond the connection's memory, it is cut short, s->length with it; false
// when nothing is left (the payload stays).
bool segments_keep(struct tcp_engine *e, const struct tcp_connection *c, struct tcp_segment *s);
// Marks a chain as one segment.
void segments_begin(struct buffer *chain);
// Payload bytes of the segment that is to leave next, as it came or as much of it as fits one here;
// 0: none waits.
uint32_t segments_next(const struct tcp_connection *c);

// sent_index.c
// b is sent for the first time.
void sent_index_add(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b);
// b, the first of the queue and marked as indexed, goes.
void sent_index_remove(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b);
void sent_index_replace(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct buffer *new);
// A sent entry near a sequence number in flight, before or behind it.
struct buffer *sent_index_find(struct tcp_engine *e, struct tcp_connection *c, uint32_t sequence);

// receive_queue.c
// Takes s->payload (whatever happens) at its sequence number, which may lie ahead; the text is
// within the window. FIN counts as following it.
enum drop_reason receive_text(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s);
void receive_clear(struct tcp_engine *e, struct tcp_connection *c);

// runs.c: each run through its first buffer. All but the first cost the logarithm of the number of
// runs.
void run_touch(struct tcp_connection *c, struct buffer *run); // its SACK block comes first
void run_add(struct tcp_engine *e, struct tcp_connection *c, struct buffer *head,
	struct buffer *tail, uint32_t start, uint32_t end);
void run_remove(struct tcp_connection *c, struct buffer *run);
struct buffer *run_first(const struct tcp_connection *c);
struct buffer *run_last(const struct tcp_connection *c);
struct buffer *run_next(struct buffer *run);
// The last run that begins at or before start.
struct buffer *run_before(const struct tcp_connection *c, uint32_t start);

// urgent.c
// s has URG and is acceptable.
void urgent_input(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s);
// The user took something, with TCP_URGENT_IN.
void urgent_settle(struct tcp_connection *c);
// For a segment that begins at `sequence`, with TCP_URGENT_OUT; 0: without URG.
uint16_t urgent_pointer(struct tcp_connection *c, uint32_t sequence);

// window.c
uint32_t window_offer(struct tcp_engine *e, struct tcp_connection *c); // bytes, and moves the edge
uint8_t window_scale_choose(const struct tcp_profile *profile);
void window_tune(struct tcp_engine *e, struct tcp_connection *c, uint32_t taken);

// handshake.c
// after: SND.NXT of a connection in TIME-WAIT that gave way, NULL otherwise.
enum drop_reason handshake_listen(struct tcp_engine *e, const struct tcp_listener *l,
	struct tcp_segment *s, const uint32_t *after);
enum drop_reason handshake_syn_sent(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s);
// A segment of a connection that is held.
enum drop_reason handshake_held(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s);
// In a simultaneous open: the peer's SYN-ACK, which repeats the SYN that is known (RFC 9293 figure
// 7). True when s was one and the connection is established.
bool handshake_crossed(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s);
void handshake_complete(struct tcp_engine *e, struct tcp_connection *c);
void handshake_init(struct tcp_engine *e, struct tcp_connection *c, const uint32_t *after);
void handshake_round_trip(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s);
// What the peer's SYN said, limited by what was or will be offered.
struct tcp_options;
void handshake_adopt(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_options *o);

// cookie.c
void cookie_answer(struct tcp_engine *e, const struct tcp_listener *l, struct tcp_segment *s,
	const struct tcp_options *o);
// The connection that an acknowledgement with a valid cookie completes, NULL for any other and
// where none is free; s->reason says why if it was looked at.
struct tcp_connection *cookie_accept(
	struct tcp_engine *e, const struct tcp_listener *l, struct tcp_segment *s);

// acknowledgement.c: RFC 9293 3.10.7.4, fifth. False: s->reason says why nothing follows; the
// connection may be gone.
bool acknowledgement_input(struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s);

// sack.c
void sack_input(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s,
	struct tcp_ack *ack);

// rack.c
void rack_delivered(struct tcp_connection *c, struct buffer *b, uint32_t now);
// Marks what must be lost; arms the reordering timer where it is too early to tell.
void rack_detect(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack);
void rack_dsack(struct tcp_connection *c);
// Which timer guards what is in flight: probe, timeout or persist.
void loss_timer_arm(struct tcp_engine *e, struct tcp_connection *c);
void loss_timer_expired(struct tcp_engine *e, struct tcp_connection *c);

// rtt.c
void rtt_sample(struct tcp_engine *e, struct tcp_connection *c, uint32_t rtt_us);
usec_t rto_of(const struct tcp_engine *e, const struct tcp_connection *c);

// recovery.c
void recovery_acknowledged(struct tcp_engine *e, struct tcp_connection *c,
	const struct tcp_segment *s, struct tcp_ack *ack);
void recovery_timeout(struct tcp_engine *e, struct tcp_connection *c);
// How many bytes may leave now under the congestion window.
uint32_t recovery_allowance(const struct tcp_connection *c);

// path_mtu.c
void path_mtu_set(struct tcp_engine *e, struct tcp_connection *c, uint16_t mtu);
void path_mtu_timeout(struct tcp_engine *e, struct tcp_connection *c);
// Payload of a segment that would try a larger MTU now; 0: it is not the time.
uint32_t path_mtu_probe(const struct tcp_engine *e, struct tcp_connection *c);
void path_mtu_probe_sent(struct tcp_engine *e, struct tcp_connection *c);
// SND.UNA moved.
void path_mtu_acknowledged(struct tcp_engine *e, struct tcp_connection *c);
// [sequence, sequence + length) is sent again.
void path_mtu_retransmitted(
	struct tcp_engine *e, struct tcp_connection *c, uint32_t sequence, uint32_t length);
uint16_t mss_of_mtu(const struct tcp_connection *c, uint16_t mtu); // without options
