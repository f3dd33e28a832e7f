// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a node needs of the outside for handshakes in earnest: the threads of the slow path with a
// server's and a client's profile, as nexpathd runs them, and far ends that speak TLS 1.3 by
// OpenSSL over memory. A far end moves bytes only; peers.c and strangers.c have its connection.
// Control thread.

#include "bench/bench.h"

struct reality_peers;
struct tls_side;
struct tls_end;

enum tls_role {
	TLS_ROLE_CLIENT,
	TLS_ROLE_SERVER,
};

// What is not as nexpathd has it when its configuration says nothing: 0 = that is.
struct tls_side_options {
	uint32_t source_rate; // handshakes a second that a source may begin
	uint32_t seconds;     // that a handshake may take
	// Listeners serve it, and far clients speak it. NULL = TLS.
	struct reality_peers *reality;
};

// NULL: no options. The slow path is pinned to another CPU than the caller's, where there is one.
// Exits with a line.
struct tls_side *tls_side_create(const struct tls_side_options *options);
// After the node has stopped; far ends first.
void tls_side_destroy(struct tls_side *side);
// What a rig is created with: listeners have profile RIG_LISTENER_PROFILE of it, upstreams
// RIG_UPSTREAM_PROFILE.
const struct slow_links *tls_side_links(const struct tls_side *side);
// What the slow path counted, as JSON.
json_t *tls_side_counts(const struct tls_side *side);

struct tls_end *tls_end_create(struct tls_side *side, enum tls_role role);
void tls_end_destroy(struct tls_end *end); // NULL is allowed
// Bytes that came from the node. False when they are not TLS.
bool tls_end_take(struct tls_end *end, const uint8_t *bytes, uint32_t length);
// Up to room bytes for the node: how many there were.
uint32_t tls_end_give(struct tls_end *end, uint8_t *bytes, uint32_t room);
// Goes on with the handshake as far as it can. True once it is done.
bool tls_end_is_secured(struct tls_end *end);
// Says something under TLS, once it is secured.
void tls_end_write(struct tls_end *end, const uint8_t *bytes, uint32_t length);
// Up to room bytes of what was said under TLS.
uint32_t tls_end_read(struct tls_end *end, uint8_t *bytes, uint32_t room);
