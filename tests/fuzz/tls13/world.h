// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the fuzz targets of the handshake engine share: one certificate, configurations, and
// randomness that is the same for every input.

#include "tests/fuzz/must.h"
#include "tls13/stream.h"

#define WORLD_NOW_MS INT64_C(1800000000000)

struct world {
	struct tls13_config client, server;
	struct tls13_events events;
	struct tls13_start client_start, server_start;
};

// Made once.
struct world *world(void);
// Begins a run: randomness from its start again.
void world_restart(void);
