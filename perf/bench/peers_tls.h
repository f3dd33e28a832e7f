// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Targets that speak TLS 1.3, AES-128-GCM, with keys that need no handshake: the bench is the slow
// path, and gives them to whoever opens one. What targets receive is opened by their own ends of
// the record layer, over buffers of the heap. One thread.

#include "core/buffer.h"

struct peers_tls;
struct slow_links;

// For so many targets' ends. Exits with a line on failure.
struct peers_tls *peers_tls_create(uint32_t ends);
void peers_tls_destroy(struct peers_tls *tls); // after the node; NULL is allowed
const struct slow_links *peers_tls_links(const struct peers_tls *tls);
// Answers what the node asked for.
void peers_tls_turn(struct peers_tls *tls);
// length bytes that an end received, from byte `from` of the chain on. Returns how many payload
// bytes of its stream are open since, which are i modulo 256.
uint32_t peers_tls_take(struct peers_tls *tls, uint32_t end, const struct buffer *chain,
	uint32_t from, uint32_t length);
