// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One standard TLS handshake (1.2 or 1.3), sans-IO, by OpenSSL over memory: bytes of the peer go
// in, bytes for the peer come out, and at its end the keys with which a worker carries on. It is
// fed one record at a time, so that nothing behind the handshake's last record is ever read. One
// thread at a time.

#include "slowpath/msg.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/profile.h"

struct tls_handshake;

enum tls_handshake_state {
	TLS_HANDSHAKE_GOES_ON = 0,
	TLS_HANDSHAKE_DONE,
	TLS_HANDSHAKE_FAILED, // what tls_handshake_output has is the alert
};

// The server's side. profile outlives it. -ENOMEM.
[[nodiscard]] int tls_handshake_create(
	const struct tls_profile *profile, struct tls_handshake **out);
// The client's side, with its hello ready as output. target: "host:port" or "[address]:port". The
// host is a name or an address, which the profile's server name stands in for; it goes out as SNI
// if it is a name, and is what the server's certificate must be for. Comes back with a session of
// the target that the profile has. profile outlives the handshake. -EINVAL without a host, -ENOMEM.
[[nodiscard]] int tls_handshake_connect(
	const struct tls_client_profile *profile, const char *target, struct tls_handshake **out);
// Wipes and frees. NULL is allowed.
void tls_handshake_destroy(struct tls_handshake *h);

// Takes length more bytes of the peer's stream, at most SLOW_STREAM_BYTES in all. What lies behind
// the handshake's last record is left alone. States other than GOES_ON stay.
enum tls_handshake_state tls_handshake_input(
	struct tls_handshake *h, const uint8_t *bytes, size_t length);

// Nothing follows: a handshake that goes on has failed.
void tls_handshake_end(struct tls_handshake *h);
enum tls_handshake_state tls_handshake_state(const struct tls_handshake *h);

// Moves up to size bytes for the peer to out; how many.
size_t tls_handshake_output(struct tls_handshake *h, uint8_t *out, size_t size);

// Once DONE: the keys, and how many bytes of the peer's stream the handshake was.
void tls_handshake_keys(const struct tls_handshake *h, struct slow_keys *keys, uint64_t *offset);

// A sentence about a failure: what OpenSSL says. Never freed.
const char *tls_handshake_reason(const struct tls_handshake *h);
bool tls_handshake_is_client(const struct tls_handshake *h);
// Once a client's FAILED: whether it was because the certificate is not to be trusted.
bool tls_handshake_is_untrusted(const struct tls_handshake *h);
