// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the fuzz targets of REALITY share: a credential, and a relay that holds a session to its
// promises.

#include "reality/server.h"
#include "tests/fuzz/must.h"

#define WORLD_NOW_MS INT64_C(1800000000000)

struct world {
	struct tls13_library *library;
	struct reality_credential *credential;
	struct reality_server_config config;
	uint8_t public_key[32];
};

// What the credential is made of.
extern const struct reality_settings world_settings;

// Made once.
struct world *world(void);
// Randomness from its start again.
void world_restart(void);
// The seal that a client of ours would put into a hello; false where it has no place or share.
bool world_seal(uint8_t *hello, size_t length);

// Gives a session bytes of one side in pieces, and checks what it says. sent counts what went to
// the client, in and out.
void world_feed(struct reality_server *s, enum reality_side side, const uint8_t *bytes,
	size_t length, size_t piece, uint64_t *sent);
