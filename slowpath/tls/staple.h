// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An OCSP response that a server sends along with its certificate (RFC 6066 8, RFC 6960), from a
// file in DER. It is sent until the time at which it says that a newer one exists.

#include <openssl/ssl.h>

#include "core/base.h"

struct staple;

enum staple_verdict {
	STAPLE_GOOD = 0,
	STAPLE_UNREADABLE, // no file, or no response in it
	STAPLE_UNSUCCESSFUL,
	STAPLE_OTHER,    // it is about other certificates
	STAPLE_UNSIGNED, // not by the certificate's issuer, nor by whom that delegated it to
	STAPLE_REVOKED,  // and so would clients be told
	STAPLE_OUTDATED, // or not valid yet
	STAPLE_NO_MEMORY,
};

// Reads the response about the context's certificate. *out only when STAPLE_GOOD. Signatures are
// checked where the issuer's certificate is in the chain.
enum staple_verdict staple_read(const char *path, SSL_CTX *context, struct staple **out);
const char *staple_verdict_sentence(enum staple_verdict verdict);
void staple_destroy(struct staple *staple); // NULL is allowed

// Lets the context answer clients that ask. staple outlives it.
void staple_use(SSL_CTX *context, struct staple *staple);
