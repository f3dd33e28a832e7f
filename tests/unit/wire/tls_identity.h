// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Certificates of a run, with their keys.

#include <openssl/x509.h>

struct tls_identity {
	X509 *certificate;
	EVP_PKEY *key;
	int file; // PEM of both, in memory
	char path[32];
};

// For a DNS name, signed by `issuer`, or by itself: then it is a root. Ends the process when
// OpenSSL or the kernel will not.
void tls_identity_make(
	struct tls_identity *identity, const char *name, const struct tls_identity *issuer);
void tls_identity_free(struct tls_identity *identity);
