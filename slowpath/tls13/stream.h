// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A TLS 1.3 handshake over a byte stream, sans-IO: an engine and the records around it, until the
// keys go to whoever protects the rest (fastpath/tls). TCP's bytes go in as they come; bytes to
// send come out; at the end there are two secrets, their record numbers, and whatever bytes came
// behind the handshake, untouched.

#include "tls13/record.h"

struct tls13_stream;

// As tls13_create; of start->events the stream makes `send` and `secret` itself, and hands the
// others through.
[[nodiscard]] int tls13_stream_create(const struct tls13_config *config, bool is_client,
	const struct tls13_start *start, struct tls13_stream **out);
void tls13_stream_destroy(struct tls13_stream *s);

// A client's first flight into the output.
[[nodiscard]] enum tls13_verdict tls13_stream_begin(struct tls13_stream *s, int64_t now_ms);
// Takes bytes of TCP. *taken is all of them until the handshake is complete; from the record that
// completed it on, nothing more is taken. A fatal verdict has put its alert into the output; it
// stays.
[[nodiscard]] enum tls13_verdict tls13_stream_input(
	struct tls13_stream *s, const uint8_t *bytes, size_t length, int64_t now_ms, size_t *taken);
// Bytes to send; they stay until tls13_stream_sent says how many of them went.
size_t tls13_stream_output(const struct tls13_stream *s, const uint8_t **bytes);
void tls13_stream_sent(struct tls13_stream *s, size_t n);

bool tls13_stream_is_complete(const struct tls13_stream *s);
// The description of the alert behind TLS13_PEER_ALERT.
uint8_t tls13_stream_peer_alert(const struct tls13_stream *s);
// The engine, for its summary, exporters, and tickets that arrive later.
struct tls13 *tls13_stream_engine(struct tls13_stream *s);

// After completion: one direction's secret and the number of its next record.
struct tls13_stream_key {
	struct tls13_secret secret; // the caller wipes it
	uint64_t sequence;
};
void tls13_stream_keys(
	const struct tls13_stream *s, struct tls13_stream_key *in, struct tls13_stream_key *out);
