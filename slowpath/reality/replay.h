// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Hellos that were here, for as long as their time would let them in again. Constant memory; any
// threads share one. Only hellos whose seal opened are kept, so strangers cannot fill it; where
// clients do, the oldest of those that share a set are forgotten: better that one of them may come
// twice than that a client is turned away.

#include "tls13/group.h"

struct reality_replay;

// For about `entries` hellos at a time (48 to 96 bytes each), each kept for keep_s. -EINVAL for
// zero of either, -ENOMEM; *out untouched then.
[[nodiscard]] int reality_replay_create(const struct tls13_library *library,
	const struct randomness *random, uint32_t entries, uint32_t keep_s,
	struct reality_replay **out);
void reality_replay_destroy(struct reality_replay *r);

// What stands for a hello.
struct reality_print {
	uint64_t words[2];
};
// False when libcrypto fails.
[[nodiscard]] bool reality_replay_print(const struct reality_replay *r, const uint8_t *hello,
	size_t length, struct reality_print *out);

// Takes a place for a hello; false when it has one. now_s: Unix time.
[[nodiscard]] bool reality_replay_claim(
	struct reality_replay *r, const struct reality_print *print, int64_t now_s);
// Gives a place back: the handshake came to nothing, and whoever sent a copy of somebody's hello
// first has not burnt it.
void reality_replay_release(struct reality_replay *r, const struct reality_print *print);
