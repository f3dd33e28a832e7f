// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the tests of the handshake engine share: keys and certificates made on the spot, a client's
// and a server's configuration, and two streams that talk to each other.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls13/stream.h"

enum rig_kind {
	RIG_P256 = 0,
	RIG_P384,
	RIG_ED25519,
	RIG_RSA,
	RIG_KINDS,
};

// The time of every test, inside the certificates'.
#define RIG_NOW_MS INT64_C(1800000000000)

struct rig {
	struct tls13_library *library;
	EVP_PKEY *root_key;
	X509 *root;
	X509_STORE *roots;
	EVP_PKEY *keys[RIG_KINDS];
	X509 *leaves[RIG_KINDS]; // for example.test and *.example.test
	struct tls13_identity *identities[RIG_KINDS];
};
extern struct rig rig;

int rig_create(void **state);
int rig_destroy(void **state);
uint32_t rig_hex(const char *hex, uint8_t *out);
// A private key of P-256 without its public one.
EVP_PKEY *rig_p256(const uint8_t *private_key, size_t length);

// One end: its configuration may be changed before rig_open.
struct end {
	struct tls13_config config;
	struct tls13_start start;
	struct tls13_events events;
	const struct tls13_identity *identity;
	struct tls13_stream *stream;
	enum tls13_verdict verdict;
	uint8_t session[4096];
	size_t session_length;
	uint32_t tickets;
	char key_log[2048];
};

// A client that wants example.test and trusts the rig's root; a server with that kind of key.
void rig_client(struct end *e);
void rig_server(struct end *e, enum rig_kind kind);
void rig_open(struct end *e, bool is_client);
void rig_close(struct end *e);
// Lets both talk until nothing moves; at most `step` bytes a push, 0: all.
void rig_talk(struct end *client, struct end *server, size_t step);
// Both complete, with each other's keys; or the client's, the server's verdict.
void rig_expect(struct end *client, struct end *server, enum tls13_verdict client_says,
	enum tls13_verdict server_says);
// Opens, talks, and expects completion.
void rig_shake(struct end *client, struct end *server);
