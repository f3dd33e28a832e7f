// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The client's end of REALITY, sans-IO: a browser's hello with a sealed session id, and a server
// that proves itself by a temporary certificate instead of an authority's.

#include "reality/proof.h"
#include "tls13/stream.h"

enum {
	// What is claimed to be: the first Xray whose rule for key shares the hellos here keep.
	REALITY_CLIENT_VERSION = 0x1a0908,
};

// Shared by any number of connections and threads. Borrowed: all of it outlives them.
struct reality_client_config {
	const struct tls13_library *library;
	struct randomness random;
	const struct tls13_browser *browser; // with an X25519 share and a session id
	uint8_t public_key[32];              // the server's, which is the access secret
	uint8_t short_id[REALITY_SHORT_ID_BYTES];
	const char *name;    // SNI: one of the server's
	uint32_t version;    // as in reality_tag; 0: REALITY_CLIENT_VERSION
	EVP_PKEY *mldsa_key; // ML-DSA-65, must have signed too; NULL: need not
	X509_STORE *roots;   // to tell a real certificate from a forged one; NULL: none is real
	// NULL unless somebody debugs: secrets as NSS key log files name them (tls13/tls13.h).
	void (*key_log)(const char *label, const uint8_t client_random[RANDOM_BYTES],
		const uint8_t *secret, size_t length);
};

enum reality_client_result {
	REALITY_CLIENT_TALKING = 0,
	// The server has proved itself: the keys may be used.
	REALITY_CLIENT_OPEN,
	// The handshake is complete, with the target itself or whoever has its certificate: the
	// keys here are wrong, or somebody is in the middle. Nothing secret may be sent; a browser
	// would go on with a request or close with close_notify.
	REALITY_CLIENT_REAL_CERTIFICATE,
	// A certificate that is neither the server's nor to be trusted: a forgery. The alert that a
	// browser sends is in the output.
	REALITY_CLIENT_FOREIGN_CERTIFICATE,
	// TLS failed otherwise; reality_client_verdict says how.
	REALITY_CLIENT_FAILED,
};
const char *reality_client_result_text(enum reality_client_result result);

struct reality_client;

// -EINVAL for a public key that is none or a browser that cannot carry the seal, -ENOMEM; *out
// untouched then.
[[nodiscard]] int reality_client_create(
	const struct reality_client_config *config, struct reality_client **out);
void reality_client_destroy(struct reality_client *c);

// The hello into the output; its time is now_ms, Unix time.
enum reality_client_result reality_client_begin(struct reality_client *c, int64_t now_ms);
// As tls13_stream_input: behind the handshake nothing is taken.
enum reality_client_result reality_client_input(struct reality_client *c, const uint8_t *bytes,
	size_t length, int64_t now_ms, size_t *taken);
enum tls13_verdict reality_client_verdict(const struct reality_client *c);
// For output, keys and summary.
struct tls13_stream *reality_client_stream(struct reality_client *c);
