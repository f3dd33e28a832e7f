// SPDX-License-Identifier: BSD-3-Clause

// What contexts ask for, between two ends of ours: roots in DER, a name, and protocols.

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

// Two ends, a client's and a server's, that have shaken hands as far as they can.
struct pair {
	struct nx_tls_context *contexts[2];
	struct nx_tls *ends[2];
	enum nx_tls_verdict verdicts[2];
	char why[100]; // of the client's
};

static void shake(struct pair *pair, const struct nx_tls_config *client,
	struct nx_tls_config of_server, const char *host)
{
	of_server.role = NX_TLS_SERVER;
	of_server.certificate_file = of_server.key_file = server.path;
	pair->contexts[0] = nx_tls_context_create(client, NULL, 0);
	pair->contexts[1] = nx_tls_context_create(&of_server, NULL, 0);
	pair->ends[0] = nx_tls_create(pair->contexts[0], host, 0);
	pair->ends[1] = nx_tls_create(pair->contexts[1], NULL, 0);
	for (int turn = 0; turn < 4; turn++) {
		pair->verdicts[0] = nx_tls_handshake(pair->ends[0]);
		carry(pair->ends[0], pair->ends[1]);
		pair->verdicts[1] = nx_tls_handshake(pair->ends[1]);
		carry(pair->ends[1], pair->ends[0]);
	}
	strncpy(pair->why, nx_tls_why(pair->ends[0]), sizeof(pair->why) - 1);
}

static void part(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		nx_tls_destroy(pair->ends[i]);
		nx_tls_context_destroy(pair->contexts[i]);
	}
}

// The verdict of a client that trusts these roots.
static enum nx_tls_verdict verify(
	const struct tls_identity *const *roots, size_t count, const char *host, char why[100])
{
	struct iovec der[2];
	struct nx_tls_config config = {.roots = der, .root_count = count};
	struct pair pair = {.why = ""};

	for (size_t i = 0; i < count; i++) {
		unsigned char *bytes = NULL;

		der[i].iov_len = (size_t)i2d_X509(roots[i]->certificate, &bytes);
		der[i].iov_base = bytes;
	}
	shake(&pair, &config, (struct nx_tls_config){0}, host);
	for (size_t i = 0; i < count; i++)
		OPENSSL_free(der[i].iov_base);
	part(&pair);
	memcpy(why, pair.why, sizeof(pair.why));
	return pair.verdicts[0];
}

static void a_root_in_der_vouches_for_the_server(void **state)
{
	const struct tls_identity *roots[] = {&other, &root};
	char why[100] = "";

	assert_int_equal(verify(roots + 1, 1, "server.test", why), NX_TLS_DONE);
	assert_string_equal(why, "");
	assert_int_equal(verify(roots, 2, "server.test", why), NX_TLS_DONE);
}

static void another_root_does_not(void **state)
{
	const struct tls_identity *roots[] = {&other};
	char why[100] = "";

	assert_int_equal(verify(roots, 1, "server.test", why), NX_TLS_UNVERIFIED);
	assert_string_equal(why, "unable to get local issuer certificate");
}

static void no_root_vouches_for_another_name(void **state)
{
	const struct tls_identity *roots[] = {&root};
	char why[100] = "";

	assert_int_equal(verify(roots, 1, "other.test", why), NX_TLS_UNVERIFIED);
	assert_string_equal(why, "hostname mismatch");
}

static void the_servers_first_choice_of_the_offered_is_agreed(void **state)
{
	static const char *const offered[] = {"http/1.1", "h2", "other"};
	static const char *const chosen[] = {"strange", "h2", "http/1.1"};
	struct nx_tls_config client = {
		.danger_no_verify = true, .alpn = offered, .alpn_count = 3, .alpn_required = true};
	struct pair pair;

	shake(&pair, &client, (struct nx_tls_config){.alpn = chosen, .alpn_count = 3}, "h");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pair.verdicts[i], NX_TLS_DONE);
		assert_string_equal(nx_tls_alpn(pair.ends[i]), "h2");
	}
	part(&pair);
}

static void a_server_refuses_what_it_does_not_speak(void **state)
{
	static const char *const offered[] = {"h2"}, *const chosen[] = {"http/1.1"};
	struct nx_tls_config client = {.danger_no_verify = true, .alpn = offered, .alpn_count = 1};
	struct pair pair;

	shake(&pair, &client, (struct nx_tls_config){.alpn = chosen, .alpn_count = 1}, "h");
	assert_int_equal(pair.verdicts[0], NX_TLS_FAILED);
	assert_int_equal(pair.verdicts[1], NX_TLS_FAILED);
	assert_non_null(strstr(pair.why, "no application protocol"));
	part(&pair);
}

// Not only the first time, and for reading and writing too.
static void a_client_goes_nowhere_without_the_protocol_it_requires(void **state)
{
	static const char *const offered[] = {"h2"};
	struct nx_tls_config client = {
		.danger_no_verify = true, .alpn = offered, .alpn_count = 1, .alpn_required = true};
	struct pair pair;
	char byte;
	size_t n;

	shake(&pair, &client, (struct nx_tls_config){0}, "h");
	assert_int_equal(pair.verdicts[0], NX_TLS_ALPN_REFUSED);
	assert_int_equal(nx_tls_read(pair.ends[0], &byte, 1, &n), NX_TLS_ALPN_REFUSED);
	assert_int_equal(nx_tls_write(pair.ends[0], "x", 1, &n), NX_TLS_ALPN_REFUSED);
	part(&pair);
	client.alpn_required = false;
	shake(&pair, &client, (struct nx_tls_config){0}, "h");
	assert_int_equal(pair.verdicts[0], NX_TLS_DONE);
	assert_null(nx_tls_alpn(pair.ends[0]));
	part(&pair);
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
		cmocka_unit_test(the_servers_first_choice_of_the_offered_is_agreed),
		cmocka_unit_test(a_server_refuses_what_it_does_not_speak),
		cmocka_unit_test(a_client_goes_nowhere_without_the_protocol_it_requires),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
