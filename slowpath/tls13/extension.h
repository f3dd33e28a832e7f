// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The extension block of any message (RFC 8446 4.2): split into bodies, and checked for what may
// stand there.

#include "tls13/wire.h"

// The extensions that the engine reads, by their place in struct extensions.
enum extension_place {
	AT_SERVER_NAME = 0,
	AT_STATUS_REQUEST,
	AT_GROUPS,
	AT_SCHEMES,
	AT_ALPN,
	AT_SCT,
	AT_COMPRESSIONS,
	AT_RECORD_SIZE_LIMIT,
	AT_PSK,
	AT_EARLY_DATA,
	AT_VERSIONS,
	AT_COOKIE,
	AT_PSK_MODES,
	AT_AUTHORITIES,
	AT_SCHEMES_CERT,
	AT_SHARES,
	AT_TRANSPORT,
	AT_APPLICATION_SETTINGS,
	AT_ECH,
	AT_TRUST_ANCHORS,
	EXTENSION_PLACES,
};

#define AT_BIT(place) (UINT32_C(1) << (place))

// Where each may stand (RFC 8446 4.2's table; 8879, 8449, 9001 for theirs).
enum {
	IN_SERVER_HELLO = AT_BIT(AT_PSK) | AT_BIT(AT_VERSIONS) | AT_BIT(AT_SHARES),
	IN_RETRY = AT_BIT(AT_VERSIONS) | AT_BIT(AT_SHARES) | AT_BIT(AT_COOKIE) | AT_BIT(AT_ECH),
	IN_ENCRYPTED_EXTENSIONS = AT_BIT(AT_SERVER_NAME) | AT_BIT(AT_GROUPS) | AT_BIT(AT_ALPN) |
				  AT_BIT(AT_RECORD_SIZE_LIMIT) | AT_BIT(AT_EARLY_DATA) |
				  AT_BIT(AT_TRANSPORT) | AT_BIT(AT_APPLICATION_SETTINGS) |
				  AT_BIT(AT_ECH) | AT_BIT(AT_TRUST_ANCHORS),
	IN_CERTIFICATE = AT_BIT(AT_STATUS_REQUEST) | AT_BIT(AT_SCT) | AT_BIT(AT_TRUST_ANCHORS),
	IN_REQUEST = AT_BIT(AT_STATUS_REQUEST) | AT_BIT(AT_SCHEMES) | AT_BIT(AT_SCT) |
		     AT_BIT(AT_AUTHORITIES) | AT_BIT(AT_SCHEMES_CERT) | AT_BIT(AT_COMPRESSIONS),
};

// Bodies are borrowed from the message.
struct extensions {
	struct cursor body[EXTENSION_PLACES];
	uint32_t have;      // AT_BITs
	uint16_t last;      // the last one's type
	const uint8_t *end; // of the last one
};

static inline bool extensions_have(const struct extensions *e, enum extension_place place)
{
	return (e->have & AT_BIT(place)) != 0;
}

// What an answer is checked against: the types that were sent, and what may stand in it.
struct extension_rule {
	const uint16_t *sent;
	size_t sent_count;
	uint32_t allowed; // AT_BITs
};

// Splits the block. rule NULL: a message that asks, in which unknown types are passed over. Else
// every type must have been sent and be allowed.
[[nodiscard]] enum tls13_verdict extensions_parse(
	struct cursor block, const struct extension_rule *rule, struct extensions *out);
