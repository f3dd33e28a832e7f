// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Packet captures that clients asked for: started on every worker, drained into notifications,
// stopped by count, time, request, or with their client. Control thread.

#include "daemon/daemon.h"

enum {
	CAPTURES_MAX = 8,
	CAPTURE_COUNT_DEFAULT = 10000,
	CAPTURE_COUNT_MAX = 1000000000,
	CAPTURE_SECONDS_DEFAULT = 60
};

struct capture_wish {
	const char *filter; // pcap-filter, "" = everything
	uint16_t port;      // UINT16_MAX: all
	uint32_t snap;
	uint64_t count;
	uint32_t seconds;
};

[[nodiscard]] int captures_create(struct daemon *daemon, struct captures **out);
void captures_destroy(struct captures *captures); // after the node; NULL is allowed

// Starts one for a client; *id is set. Negative errno with a line in error.
[[nodiscard]] int capture_begin(struct captures *captures, struct rpc_client *client,
	const struct capture_wish *wish, uint64_t *id, char *error, size_t error_size);
// Ends a capture of that client: false when there is none of that id.
bool capture_end(struct captures *captures, struct rpc_client *client, uint64_t id,
	uint64_t *packets, uint64_t *lost);
// Ends all of a client's.
void captures_forget(struct captures *captures, struct rpc_client *client);
// Sends what workers have copied, ends what is due. Each tick.
void captures_pump(struct captures *captures);
