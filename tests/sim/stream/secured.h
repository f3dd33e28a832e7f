// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Clients of the rig, and targets where those are wanted too, that speak TLS records, and a thread
// of the slow path that plays a handshake of nine bytes each way, so that all that the worker does
// with the rings and the records is run in virtual time. (Real handshakes over the same rings:
// tests/unit/slowpath.)

#include "rig.h"
#include "slowpath/msg.h"
#include "tls/record.h"

enum {
	SECURED_HELLO = 9, // bytes, each way: a client's is framed as a hello is
	SECURED_THREADS = 2,
	SECURED_RESUMPTION = 0x5a,     // each byte of the secret to come back with
	SECURED_PEERS = 2 * RIG_USERS, // by number the clients, behind them the targets
};

// What its handshakes name.
#define SECURED_NAME     "www.example.org"
#define SECURED_PROTOCOL "h2"

struct rig_secured {
	struct slow_gate gates[SECURED_THREADS];
	struct slow_link link[SECURED_THREADS * 4]; // the relay is worker 3
	struct slow_links links;
	uint8_t *slots;
	struct tls_context tls;
	struct tls_records records[SECURED_PEERS];
	bool greeted[SECURED_PEERS]; // a client's hello is sent
	bool open[SECURED_PEERS];
	bool closed[SECURED_PEERS]; // the relay's close_notify came
	uint8_t alert[SECURED_PEERS];
	bool stalled[SECURED_THREADS];  // the thread does nothing
	bool mute[SECURED_THREADS];     // all that it says is lost
	bool speechless[SECURED_PEERS]; // clients that say nothing of themselves, and do not listen
	bool padded;                    // each record of a client is a byte of payload
	bool cuts;                      // clients end without close_notify
	bool raw;                       // clients speak no TLS, and the thread tells strangers
	bool mirrored;                  // handshakes are over both streams
	bool unfinished;                // a thread answers and gives no keys
	uint32_t flight;                // whole messages before its answer
	bool leaves;                    // and behind its hello a client says that it gives up
	bool has_targets;               // targets are secured, but for the first raw_targets
	uint32_t raw_targets;
	uint32_t refusals; // handshakes with targets that the thread will refuse, each twice
	uint64_t refused;  // the last one's name, to be refused again
	bool resumes;      // handshakes with targets may be come back from
	uint32_t tickets;  // that were passed to the threads
	struct slow_ticket ticket; // the last one
	uint32_t ticket_bytes;
	bool spliced;             // a stranger was
	struct ip_address source; // that the last handshake was opened for
	uint64_t session;         // its name
	struct slow_link *told;   // where
	uint32_t opens[SECURED_THREADS];
	uint32_t closes;
	uint16_t suite;                          // that handshakes agree upon
	enum tls_verdict verdict[SECURED_PEERS]; // of the last fault
};

// As rig_open, with a listener whose clients are to be secured, `legs` of them at once.
void rig_open_secured(struct rig *rig, uint32_t sessions, uint32_t legs);
extern const uint8_t secured_hello[SECURED_HELLO];
void secured_create(struct rig *rig, struct relay_config *config);
void secured_destroy(struct rig *rig);
// The threads' turn.
void secured_turn(struct rig *rig);
// More that the last handshake's peer is to have in the place of nothing.
void secured_say_more(struct rig *rig, uint32_t length, bool is_part);
// An answer that nobody asked for, of random bytes, some of them likely ones, about a session.
void secured_garble(struct rig *rig, uint32_t thread, uint64_t session, uint32_t random);
// Targets are to be spoken to by TLS, but for the first raw_targets that are connected to.
void secured_targets(struct rig *rig, uint32_t raw_targets);

// What the worker says of the thread: since when it has not answered, and how many handshakes ran
// out of time since.
usec_t secured_silence(const struct rig *rig, uint32_t thread, uint64_t *unanswered);

static inline uint32_t secured_peer(enum rig_host host, uint32_t user)
{
	return host == RIG_TARGET ? RIG_USERS + user : user;
}
bool secured_is(const struct rig *rig, enum rig_host host, uint32_t user);
// Payload of a peer as what its connection carries, and back. NULL: nothing of the kind.
struct buffer *secured_seal(struct rig *rig, uint32_t peer, struct buffer *payload);
void secured_push(struct rig *rig, uint32_t peer, struct buffer *chain);
struct buffer *secured_next(struct rig *rig, uint32_t peer);
// Whether the peer may send payload; a client says its hello when its connection is there.
bool secured_ready(struct rig *rig, uint32_t peer);
// The peer's close_notify.
void secured_close(struct rig *rig, uint32_t peer);
// One record with a session ticket of a target's: content bytes of it, all the same.
void secured_ticket(struct rig *rig, uint32_t peer, uint8_t content, uint32_t bytes);
// Bytes of a user, by a record where it speaks TLS; none where its connection is gone.
void secured_tell(
	struct rig *rig, enum rig_host host, uint32_t user, const void *bytes, uint32_t length);
// Any record's bytes, as they are to be sent.
void secured_say(struct rig *rig, uint32_t peer, struct buffer *records);
