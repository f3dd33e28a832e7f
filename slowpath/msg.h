// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The whole contract between a worker and a thread of the slow path: fixed-size messages over two
// bounded rings for each pair of them (core/ring.h). A message lies in its ring's slot and has one
// owner at a time; a full ring makes its writer wait with what it has, never drop it.
//
// A session has two byte streams, what its client sent and what its target sent, with offsets that
// count from each stream's first byte. The worker hands over bytes of a stream in order and keeps
// them until it hears what became of them. The slow path answers with what is to be done at which
// offset.
//
//   to the slow path                    to the worker
//   OPEN   a handshake begins           SEND    these bytes to the stream's peer, as they are; the
//   BYTES  received, from offset                other stream's before offset are done with
//   END    nothing follows on it        FORWARD the stream's bytes before offset go to the other
//   CLOSE  the session is over,                 stream's peer, as they came; of a client's hello
//          forget it                            it has them already
//   SILENCE nothing came on it          LEAVE   as FORWARD, and the client has given up: what the
//          for a while                          target says to that is not for it, nor what comes
//   ASK    whether anybody is there             behind a SPLICE; its own end goes on at once
//   TICKET what a server sent to        HERE    to ASK, of no session
//          be resumed with              KEYS    from offset on the stream is records: these keys
//                                               protect it; what was before is done with
//                                       SPLICE  from these offsets on both streams go to the other
//                                               one's peer, as they come
//                                       FAILED  no handshake: close when all is sent; the data is
//                                               a sentence that says why, where there is one
//
// A handshake has the stream that its OPEN names, or, to answer in another's likeness, both: the
// client's, for which it is opened, and the target's. Only the latter kind says FORWARD, LEAVE,
// SPLICE and done-with offsets in SEND. KEYS, SPLICE and FAILED are the last word: later BYTES are
// not read. A CLOSE may be lost: the slow path gives up on its own SLOW_FORGET after the time of a
// handshake, and says FAILED.
//
// A TICKET is of a session that has its keys: it has with it all that is to be known, for the slow
// path has forgotten the handshake. There is no answer, and it may be lost.
//
// A probe of a target (stream/probe.h) is a handshake without a session and without a client: the
// worker says SILENCE, once until it is answered, if only by a SEND of nothing, and the last word
// is always FAILED.
//
// A handshake whose time runs out on the worker may have had no answer because its peer said too
// little for one. So the worker asks, and what is told to operators (slowpath_silence) is that the
// thread does not answer that either.

#include <unistd.h>

#include "core/control.h"
#include "core/ring.h"

enum {
	SLOW_MESSAGE_BYTES = 2048,
	SLOW_DATA_BYTES = SLOW_MESSAGE_BYTES - 32,
	SLOW_RING = 64, // messages, each way, for each pair of a worker and a thread
	// Bytes of a stream that are handed over and not done with: no handshake of ours needs
	// more at once, and what comes behind them waits in the connection's window.
	SLOW_STREAM_BYTES = 32768,
	SLOW_SECRET_BYTES = 48,
	SLOW_NONCE_BYTES = 12,
	SLOW_TARGET_BYTES = 128,
	SLOW_THREADS_MAX = 64,
	SLOW_TICKET_BYTES = 1792, // of NewSessionTicket messages in one record
};

// Where nobody says how long a handshake may take; and how much later the slow path forgets one of
// which it hears no more.
#define SLOW_TIMEOUT (10 * USEC_PER_SECOND)
#define SLOW_FORGET  (5 * USEC_PER_SECOND)

enum slow_kind {
	SLOW_OPEN = 1,
	SLOW_BYTES,
	SLOW_END,
	SLOW_CLOSE,
	SLOW_SEND,
	SLOW_KEYS,
	SLOW_FAILED,
	SLOW_FORWARD,
	SLOW_SPLICE,
	SLOW_SILENCE,
	SLOW_LEAVE,
	SLOW_ASK,
	SLOW_HERE,
	SLOW_TICKET,
};

enum slow_stream {
	SLOW_CLIENT = 0,
	SLOW_TARGET
};

// Why there are no keys.
enum slow_failure {
	SLOW_FAILURE_HANDSHAKE = 1, // the peer's doing: no common ground, an alert, no TLS at all
	SLOW_FAILURE_REFUSED,       // admission control: too many, or too many of this source
	SLOW_FAILURE_CROWDED,       // it gave way, having said too little for too long
	SLOW_FAILURE_LOCAL,         // no such profile any more, or memory is out
	// Of a client's handshake, and no reason to try another target:
	SLOW_FAILURE_UNTRUSTED, // the certificate is not to be trusted, or for another name
	SLOW_FAILURE_REAL,      // of REALITY: the certificate is the real one of the name
	SLOW_FAILURE_FOREIGN,   // of REALITY: it is neither that nor our server's
};

struct slow_open {
	uint32_t profile;         // who we are: slowpath_profile_add
	uint32_t place;           // of a probe: what it is to find out (reality/shape.h)
	struct ip_address source; // the session's client, for admission control
	// Of a client's handshake: the peer as configured, "www.example.org:443".
	char target[SLOW_TARGET_BYTES];
};

// One direction, as struct tls_secret (tls/record.h) has it.
struct slow_secret {
	uint8_t secret[SLOW_SECRET_BYTES];
	uint8_t iv[SLOW_NONCE_BYTES];
	uint64_t sequence; // of the next record
};

struct slow_keys {
	uint16_t version; // as on the wire
	uint16_t suite;
	uint8_t is_client; // which end we are: 0 the server, else the client
	uint8_t is_itself; // nobody is imitated: our records may have lengths that others' have not
	// Of a client of TLS 1.3 that may come back: the resumption master secret, 0 bytes: it may
	// not.
	uint8_t resumption_length;
	uint8_t resumption[SLOW_SECRET_BYTES];
	struct slow_secret in;
	struct slow_secret out;
	struct session_names names;
};

struct slow_splice {
	uint64_t client;
	uint64_t target;
};

struct slow_ticket {
	uint32_t profile;      // of the handshake
	uint16_t suite;        // that it agreed on
	uint8_t secret_length; // the suite's hash's
	uint8_t secret[SLOW_SECRET_BYTES];
	char target[SLOW_TARGET_BYTES];
	uint8_t messages[SLOW_TICKET_BYTES]; // as many as the message's length says
};

struct slow_message {
	uint64_t session; // the worker's name for it, back in every answer
	uint64_t offset;  // of data's first byte in the stream; otherwise see above
	uint8_t kind;     // enum slow_kind
	uint8_t stream;   // enum slow_stream
	uint8_t failure;  // enum slow_failure
	uint8_t is_part;  // of SEND: the next has the rest of what one peer's write would be
	uint16_t length;  // bytes of data
	union {
		struct slow_open open;
		struct slow_keys keys;
		struct slow_splice splice;
		struct slow_ticket ticket;
		uint8_t data[SLOW_DATA_BYTES];
	};
};
static_assert(sizeof(struct slow_message) <= SLOW_MESSAGE_BYTES);

// How a thread of the slow path is woken.
struct slow_gate {
	shared_word_t asleep; // w: the thread
	int wake_fd;
};

// One worker and one thread.
struct slow_link {
	struct ring to_slow;
	struct ring to_worker;
	struct slow_gate *gate;
	// w: the worker, and only when a handshake's time runs out and at the first answer behind
	// that: since when, by its clock, there has been none of any kind, 0: there was one; how
	// many handshakes have run out of time since.
	shared_word_t silent_since;
	counter_t unanswered;
	usec_t asked; // the worker's alone
};

// All links of a node: that of a worker and a thread is links[worker * threads + thread].
struct slow_links {
	uint32_t threads;
	usec_t timeout;  // a handshake that is not done by then fails on the worker
	uint64_t key[2]; // which source is which thread's is nobody's to know
	struct slow_link *links;
};

// After what was put on link->to_slow: makes a sleeping thread look. One system call where it
// sleeps, none where it runs. Worker thread.
static inline void slow_link_wake(const struct slow_link *link)
{
	uint64_t one = 1;

	shared_fence();
	if (!shared_word_load(&link->gate->asleep))
		return;
	if (write(link->gate->wake_fd, &one, sizeof(one)) < 0)
		return; // the counter is full: the thread is being woken already
}
