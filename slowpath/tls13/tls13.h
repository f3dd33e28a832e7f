// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A sans-IO TLS 1.3 handshake (RFC 8446), client and server, by encryption level: handshake bytes
// go in and come out per level and secrets come out by callback, so that records over TCP
// (record.h), REALITY and QUIC (RFC 9001) can carry it. TLS 1.2 is not spoken; early data is
// refused.
//
// One engine belongs to one thread at a time and allocates. The bytes it holds are bounded: a
// message by TLS13_MESSAGE_MAX, a chain by TLS13_CHAIN_MAX certificates. A peer can cause verdicts
// only. Callbacks run inside the call that causes them and must not call the engine.

#include <openssl/x509.h>

#include "tls13/browser.h"
#include "tls13/group.h"

enum {
	TLS13_MESSAGE_MAX = 131072,
	TLS13_CHAIN_MAX = 16,
	TLS13_NAME_MAX = 255,
	TLS13_ALPN_MAX = 255,
};

enum tls13_level {
	TLS13_INITIAL = 0, // plain records; QUIC Initial packets
	TLS13_HANDSHAKE,
	TLS13_APPLICATION,
};

enum tls13_direction {
	TLS13_READ = 0,
	TLS13_WRITE,
};

// A traffic secret; borrowed for the callback.
struct tls13_secret {
	uint16_t suite;
	uint8_t length; // 32 or 48
	uint8_t bytes[SECRET_BYTES_MAX];
};

// What an engine tells its driver. Those that may be NULL say so.
struct tls13_events {
	void *user;
	// One whole handshake message to be sent at that level, behind those before.
	void (*send)(void *user, enum tls13_level level, const uint8_t *message, size_t length);
	// From now on that direction is at that level, with this secret. Between the messages of
	// `send` in the order in which it takes effect.
	void (*secret)(void *user, enum tls13_level level, enum tls13_direction direction,
		const struct tls13_secret *secret);
	// Client, may be NULL: a session to resume later with tls13_start.session.
	void (*ticket)(void *user, const uint8_t *session, size_t length);
	// May be NULL: the peer's QUIC transport parameters, before ours are sent. False ends the
	// handshake.
	bool (*transport_parameters)(void *user, const uint8_t *bytes, size_t length);
	// NULL unless somebody debugs: secrets as NSS key log files name them. Whoever sets it must
	// say so loudly.
	void (*key_log)(void *user, const char *label, const uint8_t client_random[RANDOM_BYTES],
		const uint8_t *secret, size_t length);
	// Client, may be NULL: the finished hello may be changed in place, in its 32 bytes of
	// session id only. x25519 is its private key, of the plain share where there is one, else
	// of the hybrid's; borrowed for the call. False ends the handshake.
	bool (*seal_hello)(
		void *user, uint8_t *hello, size_t length, const uint8_t x25519[X25519_BYTES]);
};

// A certificate chain, leaf first, with its private key. Immutable; shared by any threads.
struct tls13_identity;

// Borrows everything, takes references of its own. staple: an OCSP response for clients that ask,
// NULL for none. -EINVAL for no or too many certificates, or a key that is not the leaf's or of no
// kind that signs here; -ENOMEM. *out untouched on failure.
[[nodiscard]] int tls13_identity_create(EVP_PKEY *key, X509 *const *chain, size_t count,
	const uint8_t *staple, size_t staple_length, struct tls13_identity **out);
void tls13_identity_destroy(struct tls13_identity *identity);

enum tls13_client_certificate {
	TLS13_CLIENT_CERTIFICATE_NONE = 0,
	TLS13_CLIENT_CERTIFICATE_OPTIONAL,
	TLS13_CLIENT_CERTIFICATE_REQUIRED,
};

enum {
	TLS13_TICKET_KEY_BYTES = 32,
	TLS13_TICKET_KEYS_MAX = 4,
};

// What engines share. Borrowed: it and all it points to outlives them and does not change.
struct tls13_config {
	const struct tls13_library *library;
	struct randomness random;
	// What this end takes, best first; empty lists are the defaults. A client offers what its
	// browser's table says and takes what is offered and known.
	struct tls13_list suites, groups, schemes;
	// Schemes that a server takes from a client; empty: as schemes.
	struct tls13_list accepted;
	// Application protocols, best first; a client's NULL: the browser's own.
	const char *const *alpn;
	uint8_t alpn_count;
	bool quic; // no session id; transport parameters and ALPN are needed
	const struct tls13_browser *browser; // client; NULL: tls13_browser_plain

	// Trust. roots for the peer's chain; verify instead of X.509, with the leaf first.
	// insecure: no verification at all, as the operator says by that name.
	X509_STORE *roots;
	enum tls13_verdict (*verify)(void *user, X509 *const *chain, size_t count);
	void *verify_user;
	bool insecure;
	// Client, may be NULL: whether the peer's whole chain, one certificate in DER, is known
	// without X.509, and then its Ed25519 key. False: all is as without this.
	bool (*recognise)(
		void *user, const uint8_t *der, size_t length, uint8_t key[ED25519_PUBLIC_BYTES]);
	void *recognise_user;
	// A client takes this scheme in CertificateVerify though its hello does not name it; 0:
	// none.
	uint16_t extra_scheme;

	// Who this end is. A server takes the first whose key signs by a scheme of the client, or
	// what choose says (NULL: refuse the name). A client answers a request with the first.
	const struct tls13_identity *const *identities;
	size_t identity_count;
	const struct tls13_identity *(*choose)(void *user, const char *name);
	void *choose_user;
	enum tls13_client_certificate client_certificate; // server
	// A server packs its certificate by the first of these that the client takes; empty: never.
	struct tls13_list compressions;

	// Server: tickets are sealed with the first key and opened with any; none: no tickets.
	const uint8_t (*ticket_keys)[TLS13_TICKET_KEY_BYTES];
	uint8_t ticket_key_count;
	uint8_t tickets;            // sent after each handshake
	uint32_t ticket_lifetime_s; // 0: 7200
};

// A certificate of one key, already encoded, for which nothing is parsed or checked: for a
// certificate that is made for one connection. Borrows der. -ENOMEM; *out untouched then.
[[nodiscard]] int tls13_identity_create_raw(
	EVP_PKEY *key, const uint8_t *der, size_t length, struct tls13_identity **out);

// A server that answers with the bytes of another server's ServerHello, in which only the key share
// is its own; with empty EncryptedExtensions, and with an Ed25519 certificate whatever schemes the
// client names. Borrowed for the engine's life, `hello` until a hello is answered.
struct tls13_mirror {
	const uint8_t *hello; // the whole message
	size_t length;
	// The identity, given the ServerHello as it is sent; NULL ends the handshake. It stays
	// until the engine is destroyed.
	const struct tls13_identity *(*certify)(void *user, const uint8_t *hello, size_t length);
	void *user;
};

// What one handshake has of its own. Borrowed for tls13_create, events for the engine's life.
struct tls13_start {
	const struct tls13_events *events;
	const char *name;       // client: the server's, for SNI and verification; NULL: neither
	const uint8_t *session; // client: what events.ticket gave; NULL: none
	size_t session_length;
	const uint8_t *transport_parameters; // QUIC
	size_t transport_parameters_length;
	const struct tls13_mirror *mirror; // server; NULL: its own ServerHello
};

struct tls13;

// -ENOMEM; -EINVAL for a name or parameters over their bounds, or a server without an identity
// or a mirror.
// *out untouched then.
[[nodiscard]] int tls13_create(const struct tls13_config *config, bool is_client,
	const struct tls13_start *start, struct tls13 **out);
// Wipes and frees; NULL is fine.
void tls13_destroy(struct tls13 *t);

// A client's first flight. Once, before any input. now_ms: Unix time.
[[nodiscard]] enum tls13_verdict tls13_begin(struct tls13 *t, int64_t now_ms);
// Takes handshake bytes of one level, in order, cut anywhere. TLS13_OK, or what ended the handshake
// (the same again from then on): send tls13_verdict_alert of it. After completion it takes tickets
// and key updates of TLS13_APPLICATION.
[[nodiscard]] enum tls13_verdict tls13_input(struct tls13 *t, enum tls13_level level,
	const uint8_t *bytes, size_t length, int64_t now_ms);

// Whether the peer's Finished has verified and ours was sent.
bool tls13_is_complete(const struct tls13 *t);
// Whether a handshake message is held in part: records of other types may not come between.
bool tls13_is_inside_message(const struct tls13 *t);
// Server: whether the client sent early data behind its hello, which the driver must skip.
bool tls13_early_data_follows(const struct tls13 *t);

// A key update of our sending key (RFC 8446 4.6.3), after completion; request asks for the peer's
// too. TLS13_MISUSE in QUIC, which has its own.
[[nodiscard]] enum tls13_verdict tls13_update_key(struct tls13 *t, bool request);
// Keying material for the application (RFC 8446 7.5), after completion. TLS13_MISUSE before it.
[[nodiscard]] enum tls13_verdict tls13_export(const struct tls13 *t, const char *label,
	const uint8_t *context, size_t context_length, uint8_t *out, size_t length);

// What was agreed; from its message on.
struct tls13_summary {
	uint16_t suite;
	uint16_t group;
	uint16_t scheme;  // of the peer's CertificateVerify; 0: none
	bool retried;     // a HelloRetryRequest was needed
	bool resumed;     // with a ticket, without certificates
	const char *alpn; // "" for none
	const char *name; // SNI, "" for none
	X509 *const
		*chain; // the peer's, leaf first; borrowed. None was read where it was recognised
	size_t chain_count;
};
void tls13_summary(const struct tls13 *t, struct tls13_summary *out);
