// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// ClientHello: read by a server, written by a client from a browser's table.

#include "tls13/browser.h"
#include "tls13/extension.h"
#include "tls13/group.h"

// A hello as received; everything is borrowed from the message.
struct client_hello {
	const uint8_t *random;
	struct cursor session_id;
	struct cursor suites;
	struct cursor compressions; // the legacy ones
	struct extensions extensions;
	// Inside their extensions; empty where there is none.
	struct cursor groups;
	struct cursor shares;
	struct cursor schemes;
	struct cursor alpn;
	struct cursor certificate_compressions;
	struct cursor name;
	struct cursor psk_modes;
	struct cursor psk_identities;
	struct cursor psk_binders;
	const uint8_t *binders_at; // the length field of psk_binders
	bool offers_tls13;
};

// body: without the 4 bytes of header.
[[nodiscard]] enum tls13_verdict client_hello_parse(struct cursor body, struct client_hello *out);
// The share of one group; false when there is none.
bool client_hello_share(const struct client_hello *h, uint16_t group, struct cursor *out);

enum {
	HELLO_SHARES_MAX = 4,
	HELLO_ECH_PAYLOAD_MAX = 256,
};

// The values that a client's table leaves open, drawn once, so that a second hello is the first one
// but for what the retry changes.
struct hello_draw {
	uint8_t random[RANDOM_BYTES];
	uint8_t session_id[SESSION_ID_BYTES_MAX];
	uint16_t grease_suite, grease_group, grease_version, grease_scheme, grease_extension[2];
	uint16_t order[TLS13_EXTENSIONS_MAX]; // the table's extensions as they are sent
	uint16_t ech_cipher;
	uint8_t ech_config;
	uint8_t ech_key[X25519_BYTES];
	uint8_t ech_payload[HELLO_ECH_PAYLOAD_MAX];
	uint16_t ech_payload_length;
};

[[nodiscard]] enum tls13_verdict hello_draw_make(
	const struct tls13_browser *b, const struct randomness *r, struct hello_draw *out);

// What a hello is made of.
struct hello_parts {
	const struct tls13_browser *browser;
	const struct hello_draw *draw;
	const char *name;
	const char *const *alpn;
	size_t alpn_count;
	const struct group_key *keys;
	size_t key_count;
	bool is_retry; // one share, no GREASE share
	bool is_quic;  // no session id
	struct cursor cookie;
	struct cursor transport_parameters;
	// A pre-shared key's identity; binder_bytes zeros stand for its binder, at the very end.
	struct cursor ticket;
	uint32_t ticket_age;
	uint8_t binder_bytes;
};

// Types that were sent, for extension_rule.
struct hello_sent {
	uint16_t types[TLS13_EXTENSIONS_MAX + 4];
	size_t count;
};

// Writes the whole message, header included.
void client_hello_write(const struct hello_parts *parts, struct writer *w, struct hello_sent *sent);
