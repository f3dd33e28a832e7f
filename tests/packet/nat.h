// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client, a target and a NAT between them, of either family: v6 is 0 or 1.

#include "world.h"

extern const char *const client_text[2];
extern const char *const local_text[2];
extern const char *const target_text[2];
extern const char *const source_text[2];

struct world *new_world(void);
struct world_packet from_client(int v6, uint8_t protocol, uint16_t port);
struct world_packet reply_to(const struct world_outcome *out, uint8_t protocol);
struct world_outcome send_ok(struct world *w, const struct world_packet *p);
// A TCP connection up to the client's acknowledgement; returns how the SYN left.
struct world_outcome connect_tcp(struct world *w, int v6, uint16_t port);
