// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One connection to a REALITY server, sans-IO: it stands between a client and the target, is shown
// copies of the bytes of both, and says at stream offsets what becomes of them. Until the client's
// Finished has verified, each byte that a client gets answers to one byte of the target, so that
// the connection can become the target's at any time, without a seam.
//
// One session belongs to one thread at a time and allocates; what it holds is bounded by about 200
// KB. A peer can cause results only. It never fails: what goes wrong ends in REALITY_SPLICE.

#include "reality/replay.h"
#include "reality/result.h"
#include "reality/shape.h"
#include "tls13/record.h"

// What sessions share. Borrowed: all of it outlives them.
struct reality_server_config {
	const struct reality_credential *credential;
	struct randomness random;
	struct reality_replay *replay; // NULL: hellos may be replayed
	struct reality_shapes *shapes; // NULL: nothing is learned
	// NULL unless somebody debugs: secrets as NSS key log files name them (tls13/tls13.h).
	void (*key_log)(const char *label, const uint8_t client_random[RANDOM_BYTES],
		const uint8_t *secret, size_t length);
};

enum reality_side {
	REALITY_CLIENT = 0,
	REALITY_TARGET,
};

enum reality_action_kind {
	// The client's bytes before `client` go to the target, as they came.
	REALITY_FORWARD = 0,
	// The same, and the client has given up with an alert that the target cannot read: what the
	// target says to that, from which on nothing is sent in its place, is not for the client.
	REALITY_LEAVE,
	// `bytes` go to the client; the target's bytes before `target` are done with.
	REALITY_SEND,
	// The last action: the client's bytes from `client` on and the target's from `target` on go
	// to the other side as they come, and so do ends and resets of the streams.
	REALITY_SPLICE,
	// The last action: the handshake is complete. The client's bytes from `client` on are
	// records under `in`, what it is sent from now on are records under `out`; the target's
	// connection has done its duty.
	REALITY_OPEN,
};

// A traffic secret and the number of the next record under it.
struct reality_traffic {
	struct tls13_secret secret;
	uint64_t sequence;
};

struct reality_action {
	enum reality_action_kind kind;
	uint64_t client, target;        // offsets from the streams' first bytes
	struct cursor bytes;            // borrowed until the next call
	struct reality_traffic in, out; // the caller wipes them
};

struct reality_server;

// -ENOMEM; *out untouched then.
[[nodiscard]] int reality_server_create(
	const struct reality_server_config *config, struct reality_server **out);
void reality_server_destroy(struct reality_server *s);

// The next bytes of one side, in order, cut anywhere. now_ms: Unix time.
void reality_server_input(struct reality_server *s, enum reality_side side, const uint8_t *bytes,
	size_t length, int64_t now_ms);
// One side has ended or was reset, or the time that a handshake may take is over: what is not
// complete becomes a splice.
void reality_server_end(struct reality_server *s);
// The client has ended. Behind its alert that is no news: the target's answer comes first.
void reality_server_client_end(struct reality_server *s);

// The next thing to do; false for none now. To be asked after each of the calls above until there
// is none.
[[nodiscard]] bool reality_server_next(struct reality_server *s, struct reality_action *out);

// REALITY_UNDECIDED until the last action.
enum reality_result reality_server_result(const struct reality_server *s);

// Who came, with REALITY_AUTHENTICATED.
struct reality_summary {
	const char *name; // SNI
	struct reality_tag tag;
	uint16_t suite, group;
};
void reality_server_summary(const struct reality_server *s, struct reality_summary *out);
