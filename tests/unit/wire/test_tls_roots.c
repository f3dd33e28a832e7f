// SPDX-License-Identifier: BSD-3-Clause

// Whom a client trusts: roots in DER, and the name it asked for.

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "nexwire/tls.h"
#include "tls_identity.h"

static struct tls_identity root, other, server;

static void carry(struct nx_tls *from, struct nx_tls *to)
{
	struct nx_write_buffer *out = nx_tls_output(from);
	size_t n = nx_write_buffer_length(out);

	assert_int_equal(nx_read_buffer_feed(nx_tls_input(to), nx_write_buffer_data(out), n), n);
	assert_int_equal(nx_write_buffer_sent(out, n), NX_BUFFER_OK);
}

// Shakes hands with the server as a client that trusts these roots; *why is the client's.
static enum nx_tls_verdict shake(
	const struct tls_identity *const *roots, size_t count, const char *host, char why[100])
{
	struct nx_tls_config of_server = {
		.role = NX_TLS_SERVER, .certificate_file = server.path, .key_file = server.path};
	struct iovec der[2];
	struct nx_tls_config config = {.roots = der, .root_count = count};
	struct nx_tls_context *contexts[2];
	struct nx_tls *ends[2];
	enum nx_tls_verdict verdict = NX_TLS_MORE;

	for (size_t i = 0; i < count; i++) {
		unsigned char *bytes = NULL;

		der[i].iov_len = (size_t)i2d_X509(roots[i]->certificate, &bytes);
		der[i].iov_base = bytes;
	}
	contexts[0] = nx_tls_context_create(&config, NULL, 0);
	contexts[1] = nx_tls_context_create(&of_server, NULL, 0);
	// They are the context's own now.
	for (size_t i = 0; i < count; i++) {
		memset(der[i].iov_base, 0, der[i].iov_len);
		OPENSSL_free(der[i].iov_base);
	}
	ends[0] = nx_tls_create(contexts[0], host, 0);
	ends[1] = nx_tls_create(contexts[1], NULL, 0);
	for (int turn = 0; turn < 4 && verdict == NX_TLS_MORE; turn++) {
		verdict = nx_tls_handshake(ends[0]);
		strncpy(why, nx_tls_why(ends[0]), 99);
		carry(ends[0], ends[1]);
		(void)!nx_tls_handshake(ends[1]);
		carry(ends[1], ends[0]);
	}
	for (int i = 0; i < 2; i++) {
		nx_tls_destroy(ends[i]);
		nx_tls_context_destroy(contexts[i]);
	}
	return verdict;
}

static void a_root_in_der_vouches_for_the_server(void **state)
{
	const struct tls_identity *roots[] = {&other, &root};
	char why[100] = "";

	assert_int_equal(shake(roots + 1, 1, "server.test", why), NX_TLS_DONE);
	assert_string_equal(why, "");
	assert_int_equal(shake(roots, 2, "server.test", why), NX_TLS_DONE);
}

static void another_root_does_not(void **state)
{
	const struct tls_identity *roots[] = {&other};
	char why[100] = "";

	assert_int_equal(shake(roots, 1, "server.test", why), NX_TLS_UNVERIFIED);
	assert_string_equal(why, "unable to get local issuer certificate");
}

static void no_root_vouches_for_another_name(void **state)
{
	const struct tls_identity *roots[] = {&root};
	char why[100] = "";

	assert_int_equal(shake(roots, 1, "other.test", why), NX_TLS_UNVERIFIED);
	assert_string_equal(why, "hostname mismatch");
}

static int set_up(void **state)
{
	tls_identity_make(&root, "root.test", NULL);
	tls_identity_make(&other, "other.test", NULL);
	tls_identity_make(&server, "server.test", &root);
	return 0;
}

static int tear_down(void **state)
{
	tls_identity_free(&root);
	tls_identity_free(&other);
	tls_identity_free(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_in_der_vouches_for_the_server),
		cmocka_unit_test(another_root_does_not),
		cmocka_unit_test(no_root_vouches_for_another_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
