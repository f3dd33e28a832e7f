// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the engine's files share: its state and the steps that both ends take.

#include "tls13/certificate.h"
#include "tls13/hello.h"
#include "tls13/schedule.h"
#include "tls13/signature.h"
#include "tls13/tls13.h"

// What is awaited.
enum state {
	STATE_BEGIN = 0, // client: tls13_begin
	STATE_SERVER_HELLO,
	STATE_ENCRYPTED_EXTENSIONS,
	STATE_REQUEST, // or Certificate
	STATE_CLIENT_HELLO,
	STATE_SECOND_HELLO,
	STATE_CERTIFICATE,
	STATE_CERTIFICATE_VERIFY,
	STATE_FINISHED,
	STATE_COMPLETE,
};

enum {
	CLIENT = 0,
	SERVER = 1,
	TICKET_BYTES_MAX = 2048, // of a ticket that a client keeps
};

// A session to resume: a client's, or one found in a ticket.
struct session {
	uint16_t suite;
	uint8_t psk[SECRET_BYTES_MAX];
	uint32_t age_add;
	uint32_t lifetime_s;
	int64_t made_ms;
	uint8_t ticket[TICKET_BYTES_MAX]; // client
	uint16_t ticket_length;           // 0: no session
};

struct message {
	uint8_t type;
	struct cursor body;
	const uint8_t *whole; // header included
	size_t length;
};

struct tls13 {
	const struct tls13_config *config;
	const struct tls13_events *events;
	const struct tls13_browser *browser;
	const struct tls13_mirror *mirror; // server; NULL: none
	bool is_client;
	enum state state;
	enum tls13_verdict ended; // TLS13_OK while going on
	enum tls13_level read_level;
	int64_t now_ms;
	struct writer in;  // handshake bytes not yet a message
	struct writer out; // the message under construction

	struct hasher hash;
	const struct suite *suite;
	struct schedule schedule;
	struct transcript transcript;
	uint8_t client_random[RANDOM_BYTES];
	// By CLIENT and SERVER.
	uint8_t handshake[2][SECRET_BYTES_MAX];
	uint8_t application[2][SECRET_BYTES_MAX];
	uint8_t exporter[SECRET_BYTES_MAX];
	uint8_t resumption[SECRET_BYTES_MAX];

	// A client's hello.
	struct hello_draw draw;
	struct hello_sent sent;
	struct group_key keys[HELLO_SHARES_MAX];
	size_t key_count;
	struct writer cookie;
	struct session session;
	uint16_t retry_suite;

	// A server's view of the client.
	uint16_t retry_group;
	uint8_t retry_hello[SECRET_BYTES_MAX]; // hash of what a second hello may not change
	uint8_t session_id[SESSION_ID_BYTES_MAX];
	uint8_t session_id_length;
	const struct tls13_identity *identity;
	uint16_t own_scheme;
	uint16_t packing; // compression of our Certificate, 0 for none
	bool wants_staple, takes_tickets, early_data;
	bool name_known; // the identity is for the name that was asked

	// The peer's certificate.
	struct chain chain;
	EVP_PKEY *peer_key;
	bool recognised; // without X.509: the key is peer_ed25519
	uint8_t peer_ed25519[ED25519_PUBLIC_BYTES];
	uint16_t peer_scheme;
	bool requested;      // a CertificateRequest was sent or taken
	bool sends_settings; // ALPS was agreed

	uint16_t group;
	bool retried, resumed;
	uint32_t tickets_sent;
	struct writer transport_parameters; // ours
	char name[TLS13_NAME_MAX + 1];
	char alpn[TLS13_ALPN_MAX + 1];
};

// engine.c: messages out. engine_open and what is written to t->out, then engine_send.
size_t engine_open(struct tls13 *t, uint8_t type);
[[nodiscard]] enum tls13_verdict engine_send(struct tls13 *t, size_t mark, enum tls13_level level);
void engine_secret(struct tls13 *t, enum tls13_level level, enum tls13_direction direction,
	const uint8_t *secret);
[[nodiscard]] enum tls13_verdict engine_transcript(const struct tls13 *t, uint8_t *out);
[[nodiscard]] enum tls13_verdict engine_add(struct tls13 *t, const struct message *m);

// keys.c: the steps of the key schedule.
// Fixes the suite, and with it the transcript's hash.
[[nodiscard]] enum tls13_verdict engine_set_suite(struct tls13 *t, uint16_t suite);
[[nodiscard]] enum tls13_verdict engine_handshake_keys(
	struct tls13 *t, const struct group_secret *shared);
// After the server's Finished.
[[nodiscard]] enum tls13_verdict engine_application_keys(struct tls13 *t);
// After the client's Finished.
[[nodiscard]] enum tls13_verdict engine_resumption_key(struct tls13 *t);

// authenticate.c: Certificate, CertificateVerify and Finished, both ways.
[[nodiscard]] enum tls13_verdict engine_send_certificate(struct tls13 *t);
[[nodiscard]] enum tls13_verdict engine_send_certificate_verify(struct tls13 *t);
[[nodiscard]] enum tls13_verdict engine_send_finished(struct tls13 *t);
// Certificate or CompressedCertificate.
[[nodiscard]] enum tls13_verdict engine_take_certificate(struct tls13 *t, const struct message *m);
[[nodiscard]] enum tls13_verdict engine_take_certificate_verify(
	struct tls13 *t, const struct message *m);
[[nodiscard]] enum tls13_verdict engine_take_finished(struct tls13 *t, const struct message *m);
// The first of our schemes that the key and the peer's list have; 0 for none.
uint16_t engine_pick_scheme(
	const struct tls13 *t, const struct tls13_identity *identity, struct cursor peer_list);

// client.c, server.c: a message for this end, in a state before completion.
[[nodiscard]] enum tls13_verdict client_take(struct tls13 *t, const struct message *m);
[[nodiscard]] enum tls13_verdict client_send_hello(struct tls13 *t);
[[nodiscard]] enum tls13_verdict server_take(struct tls13 *t, const struct message *m);

// mirror.c: a server in another's likeness. What a hello is answered with, and the ServerHello,
// which fixes the certificate.
[[nodiscard]] enum tls13_verdict mirror_pick(const struct tls13 *t, const struct client_hello *h,
	uint16_t *suite, uint16_t *group, struct cursor *share);
[[nodiscard]] enum tls13_verdict mirror_send_hello(
	struct tls13 *t, uint16_t group, struct cursor share, struct group_secret *shared);

// ticket.c: sessions.
// A client's session from what it was given; false when it is none.
bool session_restore(struct session *s, struct cursor bytes);
// Neither run out nor made in the future, but for what clocks differ.
bool session_is_alive(const struct session *s, int64_t now_ms);
// The client's binder over the hello so far, which has its place at the end.
[[nodiscard]] enum tls13_verdict session_bind(struct tls13 *t, uint8_t *hello, size_t length);
[[nodiscard]] enum tls13_verdict ticket_take(struct tls13 *t, const struct message *m);
// A server's: looks for a session among the hello's identities and checks its binder. *index is -1
// for none.
[[nodiscard]] enum tls13_verdict ticket_find(struct tls13 *t, const struct client_hello *h,
	const struct message *m, struct session *out, int *index);
[[nodiscard]] enum tls13_verdict ticket_send(struct tls13 *t);

// defaults.c: lists of the configuration, or what stands for empty ones.
struct tls13_list engine_suites(const struct tls13 *t);
struct tls13_list engine_groups(const struct tls13 *t);
struct tls13_list engine_schemes(const struct tls13 *t);
struct tls13_list engine_accepted(const struct tls13 *t);
bool engine_list_has(struct tls13_list list, uint16_t value);
