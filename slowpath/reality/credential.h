// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A REALITY server's credential: who is let in, and the temporary certificate's key. Immutable once
// made; any number of threads may use one.

#include "core/memory.h"
#include "reality/proof.h"
#include "tls13/group.h"

// Which key shares a hello must have.
enum reality_share_rule {
	// X25519, alone or inside X25519MLKEM768: Xray up to 26.7, sing-box.
	REALITY_SHARES_ANY = 0,
	// X25519MLKEM768 once, and X25519 at most once behind it: Xray's rule since 26.9.8.
	REALITY_SHARES_HYBRID_FIRST,
};

enum {
	REALITY_VERSION_MAX = 0xffffff, // x.y.z as 0xxyyzz
};

// As configured. Borrowed for reality_credential_create.
struct reality_settings {
	uint8_t private_key[32];
	const char *const *names; // compared byte for byte
	size_t name_count;
	const uint8_t (*short_ids)[REALITY_SHORT_ID_BYTES];
	size_t short_id_count;
	uint32_t min_version, max_version; // both inclusive; max 0: none
	uint32_t max_time_diff_s;          // 0: the clock does not count
	enum reality_share_rule share_rule;
	const uint8_t *mldsa65_seed; // REALITY_MLDSA_SEED_BYTES; NULL: no ML-DSA-65
	// 32 bytes of a key that lets in too, of clients that have not heard of the new one; NULL:
	// none.
	const uint8_t *previous_key;
};

// Private keys of X25519.
struct reality_private_keys {
	uint8_t current[X25519_BYTES];
	uint8_t previous[X25519_BYTES];
};

struct reality_credential {
	const struct tls13_library *library; // borrowed
	struct memory memory;                // of the keys: for secrets
	struct reality_private_keys *keys;
	bool has_previous_key;
	EVP_PKEY *temporary_key;
	EVP_PKEY *mldsa_key; // NULL: none
	uint8_t temporary_public[REALITY_PUBLIC_BYTES];
	char **names;
	size_t name_count;
	uint8_t (*short_ids)[REALITY_SHORT_ID_BYTES];
	size_t short_id_count;
	uint32_t min_version, max_version, max_time_diff_s;
	enum reality_share_rule share_rule;
};

// -EINVAL without a name or a short id, -ENOTSUP when ML-DSA-65 is wanted and libcrypto has none,
// or as secret_map; *out untouched then.
[[nodiscard]] int reality_credential_create(const struct tls13_library *library,
	const struct randomness *random, const struct reality_settings *settings,
	struct reality_credential **out);
void reality_credential_destroy(struct reality_credential *c);
