// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a TLS listener shows its clients: certificates with their names, protocols (ALPN), versions
// and ticket keys. Made by the control thread from files, read by handshakes on any thread, never
// changed.

#include "slowpath/tls/ticket_keys.h"

struct tls_profile;

enum tls_client_certificate {
	TLS_CLIENT_CERTIFICATE_NONE = 0, // not asked for
	TLS_CLIENT_CERTIFICATE_OPTIONAL, // a client may show one, but none that does not verify
	TLS_CLIENT_CERTIFICATE_REQUIRED,
};

// One certificate. Strings are borrowed for the call.
struct tls_certificate {
	const char *name;        // of the credential, for messages
	const char *certificate; // path: the chain in PEM, our own first
	const char *key;         // path: the private key in PEM
	const char *const
		*names; // host names it is for, exact or "*.example.org"; none: those in it
	uint32_t name_count;
	const char *const
		*alpn; // protocols we speak, the one we like best first; none: not answered
	uint32_t alpn_count;
	uint16_t min_version;       // as on the wire; 0: TLS 1.2
	uint8_t client_certificate; // enum tls_client_certificate
	const char *client_ca;      // path: who signs those, in PEM; NULL where none is asked for
	const char *ocsp;           // path: an OCSP response in DER (tls/staple.h); NULL: none
};

// Reads the files of count certificates, the first of which serves clients that name none of them.
// tickets, which outlives the profile, protects session tickets; NULL: keys that go with it.
// -EINVAL with a line in error that says which file and what is wrong with it; -EACCES for a key
// that others than its owner can read; -ENOMEM.
[[nodiscard]] int tls_profile_create(const struct tls_certificate *certificates, uint32_t count,
	struct ticket_keys *tickets, struct tls_profile **out, char *error, size_t error_size);
// What of the certificate of this number is not served, a sentence: an OCSP response that is not to
// be sent. "" when all is.
const char *tls_profile_note(const struct tls_profile *profile, uint32_t number);
// NULL is allowed. Handshakes that use it must be over.
void tls_profile_destroy(struct tls_profile *profile);

// Which certificate a client that names this host gets (exact names before wildcards, RFC 6125
// 6.4.3): its number as given to tls_profile_create. Case does not matter. NULL: the first.
uint32_t tls_profile_select(const struct tls_profile *profile, const char *host);

// A key file must be a regular file that group and others can neither read nor write. 0, or
// negative errno with a line in error that names the command to mend it.
[[nodiscard]] int tls_key_file_check(const char *path, char *error, size_t error_size);
