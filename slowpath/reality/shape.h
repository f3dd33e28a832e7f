// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a target's records are like, learned by a probe, by the name asked for and the kind of ALPN:
// where its flight ends, and what it sends behind a client's Finished.

#include "reality/admit.h"

enum {
	REALITY_SHAPE_RECORDS_MAX = 16,
};

// Lengths are those of record headers: without the header's own 5 bytes. Zeroed: nothing is known.
struct reality_shape {
	// Sealed records that end with the target's Finished.
	uint16_t flight[REALITY_SHAPE_RECORDS_MAX];
	uint8_t flight_count;
	// Behind them: the first `early` without waiting for the client's Finished.
	uint16_t after[REALITY_SHAPE_RECORDS_MAX];
	uint8_t after_count;
	uint8_t early;
};

// The shapes of one target. Any threads share one.
struct reality_shapes;

// For the names of a credential, which is borrowed. -ENOMEM; *out untouched then.
[[nodiscard]] int reality_shapes_create(
	const struct reality_credential *credential, struct reality_shapes **out);
void reality_shapes_destroy(struct reality_shapes *s);
// Replaces what is known of a name, which may be none of the credential's: nothing happens then.
void reality_shapes_learn(struct reality_shapes *s, const char *name, enum reality_alpn_class alpn,
	const struct reality_shape *shape);
// What is known; zeroed for nothing.
void reality_shapes_find(struct reality_shapes *s, const char *name, enum reality_alpn_class alpn,
	struct reality_shape *out);
