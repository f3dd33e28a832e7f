// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Client hellos by table: what a browser sends, in its order. GREASE (wire.h) in a list stands for
// a value drawn for the connection.

#include "tls13/wire.h"

struct tls13_list {
	const uint16_t *values;
	size_t count;
};

enum {
	TLS13_EXTENSIONS_MAX = 32, // of a table
};

struct tls13_browser {
	const char *name;
	struct tls13_list suites;
	struct tls13_list groups;
	struct tls13_list shares; // groups with a key in the first hello
	struct tls13_list schemes;
	struct tls13_list versions;
	struct tls13_list compressions; // of certificates
	struct tls13_list delegated;    // schemes of delegated credentials
	// In order. pre_shared_key, cookie and transport parameters are appended when there is one
	// and the list does not name it; names, ALPN and transport parameters are left out without
	// one.
	struct tls13_list extensions;
	const char *const *alpn;
	uint8_t alpn_count;
	const char *alps; // the protocol of application settings
	// Ciphers by HPKE's numbers (RFC 9180 7.3) and lengths of the payload of a GREASE encrypted
	// client hello, both drawn from.
	struct tls13_list ech_ciphers;
	struct tls13_list ech_payloads;
	const uint8_t *trust_anchors; // whom it trusts, each with a byte of length in front
	size_t trust_anchors_length;
	uint16_t record_size_limit;
	bool shuffle;     // all extensions but GREASE and pre_shared_key are in a drawn order
	bool same_x25519; // one X25519 key in the hybrid and in the plain share
	bool session_id;  // 32 bytes, over TCP
};

// The least that a server needs, for peers that need no disguise and for QUIC.
extern const struct tls13_browser tls13_browser_plain;
// The same, and the server is asked for no staple (status_request).
extern const struct tls13_browser tls13_browser_unstapled;
// Chrome 156 on a CPU with AES and Firefox 159, over TCP.
extern const struct tls13_browser tls13_browser_chrome;
extern const struct tls13_browser tls13_browser_firefox;

// By the name of its table ("chrome", "firefox", "plain"); NULL for another.
const struct tls13_browser *tls13_browser_find(const char *name);
