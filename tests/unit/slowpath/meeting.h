// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client and a server of ours as threads of the slow path drive them, and between them, for kinds
// that mirror one, a real target. All that is secret of it lies in secret memory.

#include <openssl/ssl.h>

#include "certificate.h"
#include "slowpath/handshake.h"

enum {
	MEETING_STREAM = 65536,
	MEETING_WRITES = 32,
};

struct meeting {
	const struct handshake_kind *client_kind, *server_kind;
	void *client_profile, *server_profile;
	void *client, *server;
	SSL_CTX *target_context; // NULL: there is no target
	SSL *target;
	uint8_t from_client[MEETING_STREAM];
	size_t sent; // of these
	uint64_t forwarded;
	struct slow_message message; // the last one of either
	struct slow_keys client_keys, server_keys;
	bool client_done, server_done;
	size_t writes[MEETING_WRITES]; // bytes that the server has leave as one
	uint32_t write_count;
};

// One of standard TLS and one of REALITY, for www.example.org, with certificate and target from
// these files.
struct meeting *meeting_tls(const struct test_certificate *files, uint16_t version);
struct meeting *meeting_reality(const struct test_certificate *files);
// Until both have keys, which a test fails without.
void meeting_talk(struct meeting *m);
// Ends both handshakes and what they were made of; what was told of them stays.
void meeting_end(struct meeting *m);
void meeting_free(struct meeting *m);
