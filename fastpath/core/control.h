// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The bounded control ring of a worker: list, kill, capture. The control thread owns a request from
// its creation until it sends it, and again once the worker has set `done`; in between the worker
// owns it and works on it a bounded number of sessions a turn. Nobody waits: the control thread
// looks at `done` from its own loop. A request is never freed while a worker owns it.

#include "core/atomic.h"
#include "core/limits.h"

enum session_state {
	SESSION_FREE = 0,
	SESSION_NEW,           // UDP without a reply, TCP SYN sent on
	SESSION_SYN_RECEIVED,  // SYN and SYN-ACK seen
	SESSION_ESTABLISHED,   // TCP handshake done; UDP answered
	SESSION_CLIENT_CLOSED, // FIN from the client
	SESSION_TARGET_CLOSED, // FIN from the target
	SESSION_CLOSING,       // FIN from both, last acknowledgement outstanding
	SESSION_TIME_WAIT,
	SESSION_RESET, // reset seen, entry kept shortly
	SESSION_STATE_COUNT,
};

const char *session_state_name(enum session_state state); // "new", "syn_received", ...

// Why a session ended; for the session log and session show.
enum session_end {
	SESSION_END_NONE = 0,
	SESSION_END_CLOSED,     // FIN both ways
	SESSION_END_RESET,      // a peer reset it
	SESSION_END_IDLE,       // idle timeout
	SESSION_END_UNANSWERED, // the target never answered
	SESSION_END_REFUSED,    // the target refused: reset or unreachable to the first packet
	SESSION_END_KILLED,     // operator
	SESSION_END_DRAINED,    // its listener was removed and the drain time passed
	SESSION_END_EVICTED,
	SESSION_END_SHUTDOWN,
	SESSION_END_UNTRUSTED, // the target did not prove who it is
	SESSION_END_COUNT,
};

const char *session_end_name(enum session_end end);

// What the handshake of a secured leg agreed.
struct session_security {
	uint16_t version; // as on the wire; 0: the leg is raw, or its handshake goes on
	uint16_t suite;
};

enum {
	SESSION_NAME_BYTES = 256,
};

// What it named, as the peers wrote it; "" for none.
struct session_names {
	char server_name[SESSION_NAME_BYTES]; // SNI (RFC 6066 3)
	char protocol[SESSION_NAME_BYTES];    // ALPN (RFC 7301), the one agreed on
};

// What list and show tell of one session, and what the session log writes at its end.
struct session_record {
	// worker << 56 | generation << 32 | index. The generation counts the uses of an index
	// modulo 2^24: an id may come again after so many, never with the same `opened`.
	uint64_t id;
	uint8_t protocol;
	uint8_t state; // enum session_state
	uint8_t end;   // enum session_end
	uint8_t worker;
	uint16_t listener; // slots
	uint16_t upstream;
	uint16_t target;
	struct ip_address client; // leg 0: client -> listener
	struct ip_address local;
	struct ip_address source; // leg 1: source -> target
	struct ip_address target_address;
	uint16_t client_port; // host order
	uint16_t local_port;
	uint16_t source_port;
	uint16_t target_port;
	usec_t opened;
	usec_t last_packet;
	uint64_t packets[2]; // [0] from the client, [1] from the target
	uint64_t bytes[2];   // transport payload
	uint32_t retransmissions[2];
	uint32_t round_trip_us;              // of the handshake, 0 = unknown
	uint32_t idle_timeout_s;             // 0 = never
	struct session_security security[2]; // by leg
};

// All conditions must hold; a zero or SLOT_NONE field asks nothing.
struct session_filter {
	uint16_t listener;
	uint16_t target;
	uint8_t state;
	uint8_t protocol;
	bool by_client;
	struct ip_prefix client;
	usec_t older_than; // age at least
	uint64_t id;
};

enum control_kind {
	CONTROL_LIST = 1, // fill records with matching sessions
	CONTROL_COUNT,    // count matching sessions
	CONTROL_KILL,     // end matching sessions, resets to both sides
	CONTROL_CAPTURE,  // start copying packets into capture
	CONTROL_CAPTURE_STOP,
	CONTROL_PROBE, // look at the target of a REALITY listener
};

// Whose target, and for what profile of the slow path (slowpath/reality/probe_engine.h).
struct control_probe {
	uint16_t upstream; // slot of the target's upstream
	uint32_t profile;
	uint32_t place; // of the profile's shapes
};

struct capture;

struct control_request {
	enum control_kind kind;
	struct session_filter filter;
	enum session_end why; // of a kill
	uint32_t cursor;      // in and out: session index to go on from
	uint32_t limit;       // records at most
	uint32_t count;       // out: records filled, sessions counted or killed, probes begun
	bool more;            // out: the table was not walked to its end
	struct session_record *records; // limit entries, owned by the sender
	struct session_names *names;    // two for each, by leg, zeroed; NULL: not asked for
	struct capture *capture;        // pipeline/capture.h
	struct control_probe probe;
	shared_word_t done; // 1 once the worker has let go
};
