// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Records on a socket on one side, plain bytes on the other, until one of them ends.

#include "tls13/record.h"

struct tunnel {
	int wire;
	int plain_in, plain_out;
	struct record_key open, seal;
	struct writer held; // of the wire, not yet opened
	bool plain_ended;
};

// Sets keys up; false when libcrypto fails.
[[nodiscard]] bool tunnel_init(struct tunnel *t, const struct tls13_library *library,
	const struct tls13_secret *in, uint64_t in_sequence, const struct tls13_secret *out,
	uint64_t out_sequence);
// What came of the wire already.
void tunnel_hold(struct tunnel *t, const uint8_t *bytes, size_t length);
// 0 at an orderly end, -1 for a record that does not open.
int tunnel_run(struct tunnel *t);

// Writes all; false at an error.
[[nodiscard]] bool write_all(int fd, const uint8_t *bytes, size_t length);
