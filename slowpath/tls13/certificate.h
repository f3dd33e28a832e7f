// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The Certificate message (RFC 8446 4.4.2): chains read, written and judged.

#include "tls13/extension.h"
#include "tls13/tls13.h"

struct chain {
	X509 *certificates[TLS13_CHAIN_MAX];
	size_t count;
};

// A chain in DER, of a message's bytes.
struct chain_entries {
	struct cursor der[TLS13_CHAIN_MAX];
	size_t count;
};

// Reads a Certificate's body. rule: what its entries' extensions may be. An empty chain is no fault
// here. *out is undefined on failure.
[[nodiscard]] enum tls13_verdict chain_parse(
	struct cursor body, const struct extension_rule *rule, struct chain_entries *out);
// *out is undefined on failure, with nothing to clear.
[[nodiscard]] enum tls13_verdict chain_decode(
	const struct chain_entries *entries, struct chain *out);
void chain_clear(struct chain *chain);

// X.509's answer for the peer's chain: roots, purpose, time and, of a server, the name (a host name
// or an address).
[[nodiscard]] enum tls13_verdict chain_verify(const struct tls13_config *config,
	const struct chain *chain, bool is_server, const char *name, int64_t now_s);

// Writes a Certificate's body: an empty context and the identity's chain; NULL: no certificate.
void identity_write(const struct tls13_identity *identity, bool with_staple, struct writer *w);
EVP_PKEY *identity_key(const struct tls13_identity *identity);
