// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a hello's sender is one of ours.

#include "reality/credential.h"
#include "reality/result.h"

// Targets answer hellos of different kinds with different records behind the handshake.
enum reality_alpn_class {
	REALITY_ALPN_NONE = 0,
	REALITY_ALPN_OTHER,
	REALITY_ALPN_H2, // first in the hello's list
	REALITY_ALPN_CLASSES,
};

struct reality_admission {
	uint8_t key[REALITY_KEY_BYTES]; // the caller wipes it
	struct reality_tag tag;
	const char *name; // the credential's
	enum reality_alpn_class alpn;
};

// hello: the whole message, header included, of any length and content. REALITY_AUTHENTICATED, or
// the first check that failed; *out is then undefined. Replays are not looked for. A library
// failure counts as a seal that does not open.
[[nodiscard]] enum reality_result reality_admit(const struct reality_credential *c,
	struct cursor hello, int64_t now_ms, struct reality_admission *out);
