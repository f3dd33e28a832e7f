// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The key derivations that OpenSSL's TLS asks its providers for, by the key schedule of
// slowpath/tls13: TLS13-KDF (RFC 8446 7.1) and TLS1-PRF (RFC 5246 5) over SHA-256 and SHA-384. They
// take all their parameters in one call, as libssl gives them. For library.c.

#include <openssl/core.h>

#include "slowpath/tls/library.h"

extern const OSSL_DISPATCH derivation_1_3[];
extern const OSSL_DISPATCH derivation_1_2[];

// Once, before all else. False: libcrypto lacks a hash.
[[nodiscard]] bool derivation_begin(void);

// Where this thread's derivations leave the secrets of application data from now on; NULL: nowhere.
void derivation_watch(struct tls_secrets *secrets);
