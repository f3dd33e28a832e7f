// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// REST clients of one server, made at once and lent out: the one given back last is lent first, as
// its connection is the warmest. Connections that ended are found when they are lent, and replaced
// then, with pauses that grow between failures, also those of TCP or TLS that the borrower's own
// loop meets. Any drive; with `threads`, any thread.

#include "nexwire/rest.h"

NX_BEGIN

// Zero in a member means the default.
struct nx_pool_config {
	struct nx_rest_config rest;
	unsigned int connections;   // 4; at most 65,535
	bool threads;               // lent to and given back by any thread
	unsigned int attempts;      // of a reconnection before it fails, in blocking drive; 3
	unsigned int pause_ms;      // after a failure, doubled by each; 100
	unsigned int pause_most_ms; // 5,000
	unsigned int idle_ms;       // a connection idle for longer is replaced; 0: none is
};

struct nx_pool;

struct nx_pool_counts {
	unsigned int connections;
	unsigned int lent;
	// Where the borrower's loop goes on connecting, both are counted when the client is given
	// back.
	uint64_t connects; // that succeeded
	uint64_t failures; // to connect
	uint64_t stale;    // connections that had ended when they were to be lent
};

// Makes all clients, connects none. Verdicts as of nx_rest_init.
NX_API NX_CHECKED enum nx_client_verdict nx_pool_create(
	const struct nx_pool_config *config, struct nx_pool **pool);

// Every client must be back. NULL is allowed.
NX_API void nx_pool_destroy(struct nx_pool *pool);

// Lends a client that is connected, connecting it first where need be; *rest is the caller's until
// it is given back. In blocking drive it waits up to wait_ms for one that is lent (only with
// `threads`: nobody else could give one back), and connects up to `attempts` times. In the others
// it waits for nothing: it begins to connect, once, and at NX_CLIENT_AGAIN the caller goes on with
// nx_rest_connect until NX_CLIENT_DONE, and gives the client back if that fails.
// NX_CLIENT_BUSY: all are lent, or the pause after a failure lasts longer than wait_ms; in drives
// other than the blocking one, come again after nx_pool_wait_ms.
NX_API NX_CHECKED enum nx_client_verdict nx_pool_acquire(
	struct nx_pool *pool, unsigned int wait_ms, struct nx_rest **rest);

// For the caller's loop: milliseconds until nx_pool_acquire can lend a client. 0: one is idle; else
// the shortest pause after a failure; -1: all are lent.
NX_API int nx_pool_wait_ms(struct nx_pool *pool);

// Gives it back, in whatever state: one that failed to connect, in the borrower's hands or before,
// pauses; one that is connecting still goes on when it is lent again.
NX_API void nx_pool_release(struct nx_pool *pool, struct nx_rest *rest);

NX_API struct nx_pool_counts nx_pool_count(struct nx_pool *pool);

NX_END
