// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who comes to a listener that serves TLS while it is flooded: strangers whose handshakes come to
// nothing, from 200 networks, and now and then a client in earnest, by OpenSSL. Each has a TCP
// connection of the simplest kind, for links that lose nothing. One thread.

#include "bench/peers.h"
#include "bench/reality_peers.h"
#include "bench/tls_side.h"

enum {
	STRANGERS_HELD = 4000, // at once: whoever is one more has the oldest reset its connection
	CLIENTS_HELD = 64,     // in earnest, at once
};

struct caller {
	struct flow_key key; // as the node receives it
	uint32_t next;       // sequence to send next
	uint32_t expected;   // of the node
	uint8_t state;       // enum caller_state
	uint8_t says;        // of a stranger
	usec_t began;
	struct tls_end *end; // of a client in earnest, else NULL
};

struct stranger_hello {
	uint32_t length;
	uint8_t bytes[REALITY_HELLO_BYTES];
};

struct strangers {
	struct peers *peers;
	const struct stranger_hello *hellos;
	uint32_t hello_count;
	uint32_t hello_next;
	struct tls_side *side;
	uint64_t made;     // strangers
	uint64_t answered; // of them, with a SYN-ACK
	uint64_t resets;   // of the node
	uint64_t begun;    // clients in earnest
	uint64_t done;
	uint64_t lost; // clients that waited longer than patience, or were turned away
	usec_t patience;
	usec_t slowest;
	struct caller held[STRANGERS_HELD];
	struct caller clients[CLIENTS_HELD];
};

// Takes peers' strangers from here on. Some say one of these hellos, in turn, and no more.
void strangers_init(struct strangers *s, struct peers *peers, struct tls_side *side,
	const struct stranger_hello *hellos, uint32_t hello_count);
void strangers_fini(struct strangers *s);
// One more stranger: a hello, half a hello, another protocol, nothing, or noise, in turn; for a
// REALITY listener also a hello that is not let in.
void strangers_come(struct strangers *s);
// One more client in earnest, from a network of its own.
void strangers_connect(struct strangers *s);
// Counts clients whose second is over.
void strangers_give_up(struct strangers *s);
