// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The keys that protect session tickets (RFC 5077, RFC 8446 4.6.1): one set for all listeners and
// all threads, in secret memory, so that a session resumes whichever thread it comes to and however
// often certificates were read again. A new key seals after TICKET_ROTATION_S; a key opens as long
// as a ticket that it sealed is good. Any thread, unless said otherwise.

#include <openssl/ssl.h>

#include "core/base.h"

enum {
	TICKET_ROTATION_S = 4 * 3600,
	TICKET_LIFETIME_S = 12 * 3600, // of a ticket
	TICKET_NAME_BYTES = 16,
};

struct ticket_key {
	uint8_t name[TICKET_NAME_BYTES]; // sent with the ticket
	uint8_t cipher[32];              // AES-256-CBC
	uint8_t mac[32];                 // HMAC-SHA-256
};

enum ticket_key_age {
	TICKET_KEY_UNKNOWN = 0, // never ours, or forgotten
	TICKET_KEY_OLD,         // opens, but a newer one seals
	TICKET_KEY_NEWEST,
};

struct ticket_keys;

// clock: seconds that only grow; called by any thread. -ENOMEM, or as secret_map. Control thread.
[[nodiscard]] int ticket_keys_create(uint64_t (*clock)(void), struct ticket_keys **out);
// Wipes them. No SSL_CTX may be left that uses them. NULL is allowed. Control thread.
void ticket_keys_destroy(struct ticket_keys *keys);

// A copy of the key that seals now; the caller wipes it. False: there is no randomness.
bool ticket_keys_newest(struct ticket_keys *keys, struct ticket_key *out);
// A copy of the key of this name where it still opens; the caller wipes it.
enum ticket_key_age ticket_keys_find(
	struct ticket_keys *keys, const uint8_t name[TICKET_NAME_BYTES], struct ticket_key *out);

// Lets the context seal and open its tickets with these. keys outlives it. Control thread.
[[nodiscard]] bool ticket_keys_use(SSL_CTX *context, struct ticket_keys *keys);
