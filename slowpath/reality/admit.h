// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a hello's sender is one of ours.

#include "reality/credential.h"
#include "reality/result.h"

// Targets answer hellos of different kinds with different records: those behind the handshake may
// go by the protocol, the certificate's by how it may be compressed and by whether a staple is
// asked for (status_request), which is in its message.
enum reality_alpn_class {
	REALITY_ALPN_NONE = 0,
	REALITY_ALPN_OTHER,
	REALITY_ALPN_H2, // first in the hello's list
	REALITY_ALPN_CLASSES,
};

enum reality_hello_class {
	REALITY_HELLO_CHROME = 0, // compressed by brotli alone
	REALITY_HELLO_FIREFOX,    // in other ways, too
	REALITY_HELLO_PLAIN,      // not compressed
	REALITY_HELLO_UNSTAPLED,  // no staple is asked for
	REALITY_HELLO_CLASSES,
};

enum {
	REALITY_KINDS = REALITY_HELLO_CLASSES * REALITY_ALPN_CLASSES
};

static inline uint8_t reality_kind(enum reality_hello_class hello, enum reality_alpn_class alpn)
{
	return (uint8_t)(hello * REALITY_ALPN_CLASSES + alpn);
}

struct reality_admission {
	uint8_t key[REALITY_KEY_BYTES]; // the caller wipes it
	struct reality_tag tag;
	const char *name; // the credential's
	uint8_t kind;     // reality_kind
};

// hello: the whole message, header included, of any length and content. REALITY_AUTHENTICATED, or
// the first check that failed; *out is then undefined. Replays are not looked for. A library
// failure counts as a seal that does not open.
[[nodiscard]] enum reality_result reality_admit(const struct reality_credential *c,
	struct cursor hello, int64_t now_ms, struct reality_admission *out);
