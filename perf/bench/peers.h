// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// TCP clients and targets around a node that terminates: scripted endpoints which keep what a real
// one must (sequence numbers, the node's window, timestamps) and acknowledge every second full
// segment, as RFC 9293 3.8.6.3 wants. Links lose nothing, so they send nothing twice. Byte i of a
// stream is i modulo 256, and every byte that comes out of the node is looked at. With options.tls
// what targets receive are records, which are opened. One thread.

#include "bench/bench.h"
#include "bench/peers_tls.h"

enum {
	PEERS_REQUEST = 100,
	PEERS_ANSWER = 200,
	PEERS_BURST = 64, // data frames offered before a turn
};

// What a session does once it is open.
enum peers_script {
	PEERS_STREAM, // what peers_send gives it
	PEERS_ASK,    // a request, an answer, and the client closes
};

// What clients and targets say in place of a pattern, where the node speaks HTTP. An answer passes
// in one piece and ends as it was sent; of a request so much is looked at.
struct peers_texts {
	const char *said[2]; // by port: the requests of clients, the answers of targets
	uint32_t length[2];
};

enum peer_state {
	PEER_CLOSED = 0,
	PEER_OPENING,
	PEER_OPEN,
	PEER_CLOSING, // its FIN is out
};

// One end of a session, outside the node.
struct peer {
	struct flow_key key;  // as the node receives it
	uint32_t first;       // sequence of its stream's byte 0
	uint32_t next;        // to send next
	uint32_t edge;        // up to where the node's window lets it send
	uint32_t other_first; // of the node's stream
	uint32_t expected;    // of the node
	uint32_t pending;     // bytes received and not acknowledged
	uint32_t echo;        // the node's last timestamp
	uint8_t scale;        // the node's
	uint8_t state;        // enum peer_state
	uint8_t script;       // enum peers_script
	bool has_end;         // the node's FIN came
};

struct peers {
	struct bench b;
	uint32_t capacity;    // sessions, and targets' ends at most
	struct peer *ends[2]; // by port: clients by their number, targets' ends as they came
	uint32_t *by_port;    // targets' ends + 1, by target and the node's port
	uint32_t target_ends;
	uint32_t segment;       // payload bytes of a full one
	uint64_t received[2];   // stream bytes that came in order to the ends on a port
	uint64_t opened;        // clients
	uint64_t finished;      // clients that have sent and received their FIN
	uint64_t resets;        // that the node sent
	uint64_t out_of_order;  // segments, duplicates included
	uint64_t busy;          // cycles of turns that had something to do
	uint64_t strangers;     // packets to nobody here
	uint16_t target_window; // announced by targets, unscaled
	bool silent_targets;    // acknowledge nothing but the handshake
	bool answers;           // targets answer requests
	bool timestamps;        // in all segments
	uint32_t slow_seconds;  // how long peers_turn_until waits in real time; 0 = one
	struct peers_tls *tls;  // what targets speak; NULL = as clients do
	void (*done)(struct peers *p, uint32_t client); // its answer is there; NULL = nobody asks
	// What a segment brought an end on a port, in its order: returns how many stream bytes it
	// was. NULL = the stream as it is.
	uint32_t (*take[2])(struct peers *p, uint32_t end, const struct buffer *chain,
		uint32_t from, uint32_t length);
	// A packet on port wan to the target of a REALITY listener. NULL = there is none.
	void (*mirror)(struct peers *p, const struct packet *in);
	// A packet on port lan to none of the clients. NULL = counted only.
	void (*stranger)(struct peers *p, const struct packet *in);

	const struct peers_texts *texts; // NULL = patterns
	uint64_t answered;               // requests among texts
};

// A rig under the bench's configuration whose TCP listener terminates, with ends for so many
// sessions. options.offload says what the ports do about checksums and segmentation.
void peers_create(struct peers *p, const struct bench_options *options, uint32_t capacity);
void peers_destroy(struct peers *p);

// Clients [first, first + n) connect; peers_open runs turns until they are served.
void peers_connect(struct peers *p, uint32_t client, enum peers_script script);
void peers_open(struct peers *p, uint32_t first, uint32_t n);
// So many payload bytes from the end on a port, as far as the node's window lets: how many left.
uint32_t peers_send(struct peers *p, uint16_t port, uint32_t end, uint32_t bytes);
// Bytes of their own instead of the stream's, at most a segment.
void peers_send_content(
	struct peers *p, uint16_t port, uint32_t end, const uint8_t *bytes, uint32_t n);
// A frame as it is, but for its MAC addresses.
void peers_put(struct peers *p, uint16_t port, struct frame *frame);
// Compares a stream's bytes from `at` on with what was sent. Exits with a line where they differ.
void peers_check(const uint8_t *bytes, uint32_t n, uint64_t at);
// The client's request among texts, in one segment. Its window has room.
void peers_ask(struct peers *p, uint32_t client);
// One segment at an offset from what is next, whatever the order; next stays where it is.
void peers_send_at(struct peers *p, uint16_t port, uint32_t end, uint32_t offset, uint32_t bytes);
// Time, one turn of the node (its cycles are added to b.cycles), what came out taken and answered.
void peers_turn(struct peers *p);
// Turns until the condition holds; exits with a line if it does not in time, or in 10,000 turns of
// virtual time.
void peers_turn_until(struct peers *p, bool (*holds)(const struct peers *p), const char *what);
// Acknowledges what ends still owe, as a delayed acknowledgement does.
void peers_acknowledge(struct peers *p);

// The node's packet buffers, all touched once: resident memory grows by tables from here on.
void peers_touch_buffers(struct peers *p);
// Packet buffers in use, and what one takes of the pool.
uint32_t peers_buffers(const struct peers *p);
enum {
	PEERS_BUFFER_BYTES = 2048 + BUFFER_HEADROOM + sizeof(struct buffer)
};

// The measurements that use them.
json_t *bench_terminate(const struct bench_options *options);
json_t *bench_gateway(const struct bench_options *options);
json_t *bench_requests(const struct bench_options *options);
json_t *bench_terminate_memory(const struct bench_options *options);
json_t *bench_secured_memory(const struct bench_options *options);
json_t *bench_small_segments(const struct bench_options *options);
json_t *bench_terminate_flood(const struct bench_options *options);
json_t *bench_handshake_flood(const struct bench_options *options);
