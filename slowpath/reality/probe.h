// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Learns the shape of a target's records by a handshake with it, as a client that has nothing to
// hide: sans-IO, the driver has the connection and the clock.
//
// The driver sends the output and gives what comes until reality_probe_is_complete; waits until the
// target has been silent for a moment, since what comes then comes before any Finished; then calls
// reality_probe_finish and sends the output; and takes the shape when nothing more came for some
// seconds, or the target closed.

#include "reality/shape.h"
#include "tls13/stream.h"

struct reality_probe_config {
	const struct tls13_library *library;
	struct randomness random;
	const struct tls13_browser *browser; // whose hellos are learned for
	const char *name;                    // SNI; copied
	enum reality_alpn_class alpn;
};

struct reality_probe;

// -EINVAL for a name over its bound, -ENOMEM; *out untouched then. config: for its life.
[[nodiscard]] int reality_probe_create(
	const struct reality_probe_config *config, struct reality_probe **out);
void reality_probe_destroy(struct reality_probe *p);

// Both: TLS13_OK, or why this is no fit target. now_ms: Unix time.
[[nodiscard]] enum tls13_verdict reality_probe_begin(struct reality_probe *p, int64_t now_ms);
[[nodiscard]] enum tls13_verdict reality_probe_input(
	struct reality_probe *p, const uint8_t *bytes, size_t length, int64_t now_ms);
bool reality_probe_is_complete(const struct reality_probe *p);
void reality_probe_finish(struct reality_probe *p);
// Bytes to send; reality_probe_sent takes them off.
size_t reality_probe_output(const struct reality_probe *p, const uint8_t **bytes);
void reality_probe_sent(struct reality_probe *p, size_t n);

// By what came so far; with_mldsa: whether a certificate with ML-DSA-65 has to find its place.
enum reality_fitness reality_probe_judge(const struct reality_probe *p, bool with_mldsa);
// What was learned so far.
void reality_probe_shape(const struct reality_probe *p, struct reality_shape *out);
