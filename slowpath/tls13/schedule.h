// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The key schedule (RFC 8446 7.1): one running secret that takes in the pre-shared key, then the
// key exchange, then zeros; traffic secrets, Finished keys and exporters hang off it. And the
// transcript hash (4.4.1) that binds them to the messages.

#include "tls13/crypto.h"

struct schedule {
	struct hasher hash;
	uint8_t secret[SECRET_BYTES_MAX];
};

// All calls return false when libcrypto fails.

// Begins with the pre-shared key, or zeros where psk is NULL. The hasher is borrowed.
[[nodiscard]] bool schedule_early(
	struct schedule *s, const struct hasher *hash, const uint8_t *psk, size_t length);
// On to the handshake secret with the shared secret of the key exchange, then to the master secret.
[[nodiscard]] bool schedule_handshake(struct schedule *s, const uint8_t *shared, size_t length);
[[nodiscard]] bool schedule_master(struct schedule *s);
// Derive-Secret: transcript is a hash, NULL that of no message.
[[nodiscard]] bool schedule_derive(
	const struct schedule *s, const char *label, const uint8_t *transcript, uint8_t *out);

// verify_data of Finished, and of a binder, under a base secret (RFC 8446 4.4.4).
[[nodiscard]] bool schedule_finished(
	const struct hasher *h, const uint8_t *base, const uint8_t *transcript, uint8_t *out);
// The next generation of a traffic secret (7.2), in place.
[[nodiscard]] bool schedule_update(const struct hasher *h, uint8_t *secret);
// Exporters (7.5): label and context as the application wants them.
[[nodiscard]] bool schedule_export(const struct hasher *h, const uint8_t *exporter,
	const char *label, const uint8_t *context, size_t context_length, uint8_t *out,
	size_t length);

// The messages so far: kept whole until the suite names the hash, hashed from then on.
struct transcript {
	struct writer messages;
	EVP_MD_CTX *running; // NULL until transcript_begin
};

[[nodiscard]] bool transcript_add(struct transcript *t, const uint8_t *message, size_t length);
[[nodiscard]] bool transcript_begin(struct transcript *t, const struct hasher *h);
// The hash of all so far; of all so far and `more` where that is not NULL.
[[nodiscard]] bool transcript_hash(const struct transcript *t, const struct hasher *h,
	const uint8_t *more, size_t length, uint8_t *out);
// Replaces the first hello by its message_hash before a HelloRetryRequest is added (4.4.1).
[[nodiscard]] bool transcript_retry(struct transcript *t, const struct hasher *h);
void transcript_fini(struct transcript *t);
