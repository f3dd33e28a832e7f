// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a REALITY listener needs of the outside: a credential, clients that know its key, and the
// target's flight, which comes from memory. Bytes only; strangers.c and mirror.c have the
// connections. Control thread.

#include "bench/bench.h"
#include "slowpath/reality/engine.h"

struct reality_peers;
struct reality_end;

enum {
	REALITY_HELLO_BYTES = 4096,
	REALITY_FLIGHT_BYTES = 8192,
	REALITY_ID_BYTES = 32,
	REALITY_ID_OFFSET = 44, // of a hello's first byte, and of an answer's
};

// Exits with a line.
struct reality_peers *reality_peers_create(void);
void reality_peers_destroy(struct reality_peers *peers); // after the slow path
// The server's profile, for whoever destroys it.
struct reality_profile *reality_peers_profile(struct reality_peers *peers);

// A hello that the server lets in, once. Returns its length.
uint32_t reality_peers_hello(const struct reality_peers *peers, uint8_t out[REALITY_HELLO_BYTES]);
// The target's answer to any hello with this session id. Returns its length.
uint32_t reality_peers_answer(const struct reality_peers *peers, const uint8_t id[REALITY_ID_BYTES],
	uint8_t out[REALITY_FLIGHT_BYTES]);

// A client in earnest, as struct tls_end (tls_side.h).
struct reality_end *reality_end_create(const struct reality_peers *peers);
void reality_end_destroy(struct reality_end *end);
bool reality_end_take(struct reality_end *end, const uint8_t *bytes, uint32_t length);
uint32_t reality_end_give(struct reality_end *end, uint8_t *bytes, uint32_t room);
bool reality_end_is_secured(const struct reality_end *end);
void reality_end_write(struct reality_end *end, const uint8_t *bytes, uint32_t length);
uint32_t reality_end_read(struct reality_end *end, uint8_t *bytes, uint32_t room);
