// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One worker: a poll-mode loop that owns its queues, sessions, timers and rings, and shares nothing
// that it writes. A turn takes each receive source in order through the stages, each a file of its
// own:
//
//   receive.c -> parse.c -> steer.c -> (flow lookup) -> stream.c -> forward.c -> local.c ->
//   transmit.c
//
// then due timers, messages (messages.c), and every 256 turns housekeeping (loop.c, idle.c).

#include "core/clock.h"
#include "core/control.h"
#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "flow/engine.h"
#include "io/port.h"
#include "pipeline/nap.h"
#include "pipeline/spin.h"
#include "pkt/checksum.h"
#include "pkt/packet.h"

struct node;
struct local;
struct emulation;
struct http_record;
struct relay;
struct rte_ring;
struct rte_mempool;

enum {
	HANDOVER_RING = 1024,     // packets, per pair of workers
	TRANSMIT_RING = 1024,     // frames, per port and worker without a queue of its own
	CONTROL_RING = 64,        // requests
	EVENT_RING = 4096,        // records
	SESSION_LOG_RING = 16384, // records
	ACCESS_LOG_RING = 8192,   // likewise
	HOUSEKEEPING_TURNS = 256,
	MAX_SOURCES_READ = MAX_PORTS * MAX_QUEUES,
	MAX_CAPTURES = 4,
	EGRESS_WAYS = 8,         // interfaces remembered in a vector
	TIMER_BUDGET = 256,      // timers a turn
	REQUEST_BUDGET = 512,    // sessions walked a turn
	MAX_CHECKSUM_SPANS = 40, // buffers of a chain whose checksum software verifies
};

// A receive queue that this worker reads.
struct receive_source {
	struct port *port;
	uint16_t queue;
	bool spread; // the port has fewer queues than there are workers: flows are spread by hash
};

// Frames on their way out through one port. Without a queue of its own the worker hands frames to
// the queue's owner through `ring`. Frames that the port did not take wait for the next turn.
struct transmit_queue {
	struct port *port;
	struct rte_ring *ring;       // NULL: queue is this worker's own
	struct emulation *emulation; // NULL: none, or another worker's (then ring leads there)
	uint8_t owner;               // worker that drains ring
	uint16_t queue;
	uint16_t count;
	uint64_t bytes; // of the frames
	struct buffer *frames[2 * MAX_BURST];
};

// Rings of other workers that this worker drains into a queue of its own.
struct transmit_inlet {
	struct rte_ring *ring;
	uint16_t port;
};

// What the workers of a node read and write, by port: built by the control thread when ports are
// added, published like a snapshot, immutable.
struct port_map {
	uint64_t serial; // of this map among those of its node, from 1
	uint16_t port_count;
	struct port *ports[MAX_PORTS];
	uint8_t owner[MAX_PORTS]; // worker that reads queue 0
	struct rte_ring
		*transmit_rings[MAX_PORTS][MAX_WORKERS]; // by writing worker; NULL = own queue
	struct emulation *emulations[MAX_PORTS];         // NULL: none
};

// What all packets that leave by one interface share, found by its first packet of a vector and
// forgotten with the vector, so that what other threads change (links) is seen.
struct egress_way {
	uint64_t tag; // vector << 16 | interface
	struct transmit_queue *queue;
	// MAC of the port, as it lies in memory: behind six bytes for the neighbour's, and the
	// rest.
	uint64_t source_first;
	be32 source_rest;
	uint32_t largest;      // bytes of a frame
	uint16_t header_bytes; // 14 or 18
	be16 vlan;
	bool chains; // the port takes chains
};

// Where a vector comes from. Buffers of a received one carry no handover_note: their private area
// is not even touched.
enum vector_origin {
	VECTOR_RECEIVED = 0,
	VECTOR_HANDED,   // by another worker
	VECTOR_PUT_BACK, // by this worker's local stage
};

// Why a buffer is handed to another worker; kept in its private area.
enum handover_kind {
	HANDOVER_PACKET = 0, // parse again and go on
	HANDOVER_RESOLVE,    // waits for a neighbour that the receiver owns
};

struct handover_note {
	uint8_t kind;
	uint8_t ip_protocol;
	uint8_t kind_of_packet; // enum packet_kind
	bool is_ours;           // made here: its source may be an own address
	uint16_t largest;       // reassembled: largest fragment's IP length, 0 = was whole
	// HANDOVER_RESOLVE: the routed packet's descriptor, all that is needed to send it.
	uint32_t neighbour;
	uint32_t length;
	uint16_t egress;
	uint16_t segment_size;
	uint16_t l3;
	uint16_t l4;
	uint16_t payload;
	uint16_t flags;
};
static_assert(sizeof(struct handover_note) <= BUFFER_STATE_BYTES);

static inline struct handover_note *handover_note(struct buffer *b)
{
	return (struct handover_note *)(void *)b->state;
}

// What a worker tells the control thread of.
enum {
	BOX_EVENTS = 0, // struct worker_event
	BOX_SESSIONS,   // struct session_record
	BOX_ACCESSES,   // struct http_record
	BOX_COUNT
};

struct outbox {
	struct rte_ring *ring;
	counter_t lost; // what found no room
};

struct nx_aligned_line worker {
	struct node *node;
	uint8_t index;
	uint8_t count; // workers of the node
	uint16_t burst;
	const struct snapshot *snapshot; // this turn's
	const struct port_map *ports;    // this turn's
	uint64_t laid_out;         // serial of the map that sources and queues were laid out for
	uint16_t port_count;       // of that map
	usec_t now;                // this turn's time
	enum vector_origin origin; // of the vector in the stages
	uint64_t mark;             // TSC at the last stage boundary
	struct flow_engine *flow;
	struct relay *relay;   // connections that end here
	bool relay_is_active;  // this turn: there are such connections, or listeners for them
	uint16_t stream_netif; // where the packet came from that the relay looks at
	struct local *local;   // ARP, ND, ICMP, reassembly
	struct worker_stats *stats;
	struct buffer_source *buffers; // small buffers
	struct clock clock;
	uint64_t turns;
	uint64_t vector;                     // counts vectors, from 1
	struct egress_way ways[EGRESS_WAYS]; // by the low bits of the interface
	bool moved;                          // something happened this turn
	bool draining;

	uint16_t source_count;
	uint16_t inlet_count;
	uint16_t capture_count;
	struct receive_source sources[MAX_SOURCES_READ];
	uint16_t emulation_count;
	struct transmit_inlet inlets[2 * MAX_PORTS * MAX_WORKERS];
	struct emulation *emulations[MAX_PORTS];    // whose owner this worker is
	struct rte_ring *handover_in[MAX_WORKERS];  // by sender
	struct rte_ring *handover_out[MAX_WORKERS]; // by receiver
	uint64_t wake_mask;                         // workers to wake at the end of the turn
	struct rte_ring *control;                   // requests from the control thread
	struct outbox boxes[BOX_COUNT];
	counter_t log_level; // w: control, r: worker
	uint8_t log_level_set;
	struct control_request *request; // being worked on over several turns
	struct capture *captures[MAX_CAPTURES];

	// Idling (idle.c)
	int epoll_fd;
	int wake_fd;
	shared_word_t asleep; // w: worker, r: whoever hands it something
	struct spin spin;
	struct nap nap;
	uint32_t wary;       // short sleeps before it blocks again
	bool can_block;      // every source has a wake-up descriptor
	bool waits_by_ms;    // there is no epoll_pwait2
	shared_word_t stop;  // w: control
	shared_word_t drain; // w: control
	counter_t heartbeat; // turn time, for the stall watchdog
	// Most packet buffers of the node that its housekeeping found out: small, large.
	counter_t buffers_high[2];
	counter_t lcore; // w: itself; 0: none or the main one
	int16_t cpu;
	bool running;
	unsigned long thread;

	struct buffer *received[MAX_BURST];
	struct packet packets[MAX_BURST];
	struct transmit_queue transmit[MAX_PORTS];
};

// The stages. Each takes the worker's current vector; a packet that leaves the vector has its
// buffer cleared to NULL.
void stage_receive(struct worker *w);
void stage_parse(
	struct worker *w, struct buffer *const *buffers, struct packet *packets, uint32_t n);
void stage_steer(struct worker *w, struct packet *packets, uint32_t n);
uint32_t stage_forward(struct worker *w, struct packet *packets, uint32_t n);
void stage_local(struct worker *w, struct packet *packets, uint32_t n);
void stage_transmit(struct worker *w);
void stage_messages(struct worker *w);

// Takes n buffers through parse to local (receive.c).
void worker_run_vector(
	struct worker *w, struct buffer **buffers, uint32_t n, enum vector_origin origin);

// Counts the reason and gives the packet's buffer back.
void worker_drop(struct worker *w, struct packet *p, enum drop_reason reason);
void worker_drop_buffer(struct worker *w, struct buffer *b, enum drop_reason reason);

// Queues a routed packet (egress, neighbour set) for its port: link header, offloads (transmit.c).
void worker_send(struct worker *w, struct packet *p);
// The same for n packets in a row.
void worker_send_run(struct worker *w, struct packet *packets, uint32_t n);
// Queues a finished frame on a port. Takes the frame.
void worker_send_frame(struct worker *w, uint16_t port, struct buffer *frame);

// The pieces of a chain for a checksum over it; at most MAX_CHECKSUM_SPANS, more are left out.
static inline uint32_t packet_spans(const struct buffer *b, struct checksum_span *spans)
{
	uint32_t n = 0;

	for (; b && n < MAX_CHECKSUM_SPANS; b = b->next)
		spans[n++] = (struct checksum_span){buffer_data(b), b->length};
	return n;
}

// Hands a buffer to another worker (steer.c). Takes the buffer.
void worker_hand_over(struct worker *w, uint8_t to, struct buffer *b);

// Puts a record on the event ring, counting it lost when full.
void worker_event(struct worker *w, const struct worker_event *event);

// Puts a record on the session log's ring, counting it lost when full. The engines' callback:
// context is the worker.
void worker_session_log(void *context, const struct session_record *record);
void worker_access_log(void *context, const struct http_record *record);

// Lays out sources and transmit queues after the port map changed (layout.c).
void worker_layout(struct worker *w);

// One turn (loop.c); the thread's body; what follows a turn without work and one with (idle.c).
uint32_t worker_turn(struct worker *w, usec_t now);
// Takes the snapshot and the port map that are current for the turn that begins.
void worker_take_configuration(struct worker *w);
void *worker_main(void *worker);
void worker_idle(struct worker *w);
void worker_work_came(struct worker *w);
void worker_wake(struct worker *w); // any thread: makes a sleeping worker turn

// Cycle accounting: charges what passed since the last boundary to a stage.
static inline void worker_charge(struct worker *w, enum stage stage, uint64_t packets)
{
	uint64_t now = clock_cycles();
	struct stage_stats *s = &w->stats->stages[stage];

	counter_add(&s->calls, 1);
	counter_add(&s->packets, packets);
	counter_add(&s->cycles, now - w->mark);
	w->mark = now;
}
