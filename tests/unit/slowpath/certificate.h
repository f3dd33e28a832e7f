// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Certificates for a test, self-signed but for those that say otherwise, each in a folder that goes
// with it.

#include "slowpath/tls/profile.h"

struct test_certificate {
	char folder[64];
	char certificate[96];
	char key[96];
};

// P-256, for these subjectAltNames ("DNS:a,DNS:*.b").
void test_certificate_make(const char *names, struct test_certificate *out);
// The same, but its time ends then; below 0: it has ended.
void test_certificate_make_until(
	const char *names, int seconds_from_now, struct test_certificate *out);
// The same, signed with the issuer's key.
void test_certificate_issue(
	const char *names, const struct test_certificate *issuer, struct test_certificate *out);
void test_certificate_remove(struct test_certificate *c);
