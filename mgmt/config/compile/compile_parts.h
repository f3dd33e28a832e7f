// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The steps of compiling. Each fills its part of the snapshot; what it allocated is the snapshot's
// (or the map's) at once, so that whoever fails leaves nothing behind. Private to config/.

#include "config/compile/compile.h"
#include "config/compile/slot_table.h"
#include "config/validate/validate.h"

struct compiling {
	const struct compile_input *input;
	struct slot_map *slots; // the copy that is committed at the end
	struct snapshot *snapshot;
	struct own_addresses own;
	uint16_t *netif_slots; // of ports and VLANs in order: slot
	char *error;
	size_t error_size;
};

// Interfaces, own addresses, the address set (config/compile_network.c).
[[nodiscard]] int compile_netifs(struct compiling *c);
[[nodiscard]] int compile_routes(struct compiling *c);
// The links that ports emulate (config/compile_emulate.c).
[[nodiscard]] int compile_emulate(struct compiling *c);
// Targets, upstreams, listeners and what closes (config/compile_services.c).
[[nodiscard]] int compile_services(struct compiling *c);
// Which listener serves which port (config/compile_listen.c). After compile_services.
[[nodiscard]] int compile_listen(struct compiling *c);

[[nodiscard]] int compile_fail(struct compiling *c, int rc, const char *what);
