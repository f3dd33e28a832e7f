// SPDX-License-Identifier: BSD-3-Clause
// Certificates of clients: asked for or not, verified, and not forgotten by tickets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "certificate.h"
#include "peer.h"

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static struct test_certificate server, client, stranger;
static char error[400];

static uint64_t clock_of_test(void)
{
	return 1000;
}

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org", &server);
	test_certificate_make("DNS:client.example.org", &client);
	test_certificate_make("DNS:stranger.example.org", &stranger);
	return 0;
}

static int tear_down(void **state)
{
	test_certificate_remove(&server);
	test_certificate_remove(&client);
	test_certificate_remove(&stranger);
	return 0;
}

static struct tls_profile *profile_make(
	enum tls_client_certificate wanted, const char *authorities, struct ticket_keys *tickets)
{
	struct tls_certificate c = {
		.name = "www",
		.certificate = server.certificate,
		.key = server.key,
		.client_certificate = wanted,
		.client_ca = authorities,
	};
	struct tls_profile *p;

	assert_int_equal(tls_profile_create(&c, 1, tickets, &p, error, sizeof(error)), 0);
	return p;
}

// A client that has this certificate, or none. *session: what it comes back with, and then its
// newest; *resumed says whether it resumed. Both may be NULL.
static bool visit(const struct tls_profile *profile, int version,
	const struct test_certificate *own, SSL_SESSION **session, bool *resumed)
{
	struct tls_handshake *h;
	struct peer p;
	uint64_t sent = 0;
	bool done;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, version, NULL, "www.example.org", session ? *session : NULL);
	if (own) {
		assert_int_equal(
			SSL_use_certificate_file(p.ssl, own->certificate, SSL_FILETYPE_PEM), 1);
		assert_int_equal(SSL_use_PrivateKey_file(p.ssl, own->key, SSL_FILETYPE_PEM), 1);
	}
	done = peer_shake(&p, h, 4096, &sent) == TLS_HANDSHAKE_DONE;
	if (!done)
		assert_true(strlen(tls_handshake_reason(h)) > 0);
	if (resumed)
		*resumed = SSL_session_reused(p.ssl) == 1;
	if (done && session) {
		SSL_SESSION_free(*session);
		*session = version == TLS1_2_VERSION ? SSL_get1_session(p.ssl) : p.session;
		p.session = version == TLS1_2_VERSION ? p.session : NULL;
	}
	peer_close(&p);
	tls_handshake_destroy(h);
	return done;
}

static void each_kind_of_client(void **state)
{
	for (size_t i = 0; i < nx_array_size(VERSIONS); i++) {
		struct tls_profile *p =
			profile_make(TLS_CLIENT_CERTIFICATE_NONE, client.certificate, NULL);

		assert_true(visit(p, VERSIONS[i], NULL, NULL, NULL));
		// Nobody asks, nobody shows one.
		assert_true(visit(p, VERSIONS[i], &stranger, NULL, NULL));
		tls_profile_destroy(p);
		p = profile_make(TLS_CLIENT_CERTIFICATE_OPTIONAL, client.certificate, NULL);
		assert_true(visit(p, VERSIONS[i], NULL, NULL, NULL));
		assert_true(visit(p, VERSIONS[i], &client, NULL, NULL));
		assert_false(visit(p, VERSIONS[i], &stranger, NULL, NULL));
		tls_profile_destroy(p);
		p = profile_make(TLS_CLIENT_CERTIFICATE_REQUIRED, client.certificate, NULL);
		assert_false(visit(p, VERSIONS[i], NULL, NULL, NULL));
		assert_true(visit(p, VERSIONS[i], &client, NULL, NULL));
		assert_false(visit(p, VERSIONS[i], &stranger, NULL, NULL));
		tls_profile_destroy(p);
	}
}

static void a_ticket_is_no_way_around_a_certificate(void **state)
{
	struct ticket_keys *tickets;

	assert_int_equal(ticket_keys_create(clock_of_test, &tickets), 0);
	for (size_t i = 0; i < nx_array_size(VERSIONS); i++) {
		struct tls_profile *open =
			profile_make(TLS_CLIENT_CERTIFICATE_NONE, client.certificate, tickets);
		struct tls_profile *strict =
			profile_make(TLS_CLIENT_CERTIFICATE_REQUIRED, client.certificate, tickets);
		struct tls_profile *other = profile_make(
			TLS_CLIENT_CERTIFICATE_REQUIRED, stranger.certificate, tickets);
		SSL_SESSION *session = NULL;
		bool resumed;

		assert_true(visit(open, VERSIONS[i], NULL, &session, NULL));
		assert_false(visit(strict, VERSIONS[i], NULL, &session, NULL));
		SSL_SESSION_free(session);
		session = NULL;
		assert_true(visit(strict, VERSIONS[i], &client, &session, &resumed));
		assert_false(resumed);
		assert_true(visit(strict, VERSIONS[i], &client, &session, &resumed));
		assert_true(resumed);
		// The authorities have changed.
		assert_false(visit(other, VERSIONS[i], &client, &session, NULL));
		SSL_SESSION_free(session);
		tls_profile_destroy(open);
		tls_profile_destroy(strict);
		tls_profile_destroy(other);
	}
	ticket_keys_destroy(tickets);
}

static void what_is_asked_for_is_by_name(void **state)
{
	struct tls_certificate c[2] = {
		{.name = "www", .certificate = server.certificate, .key = server.key},
		{.name = "inside",
			.certificate = stranger.certificate,
			.key = stranger.key,
			.client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED,
			.client_ca = client.certificate},
	};
	static const char *const name[] = {"www.example.org"};
	struct tls_profile *p;

	assert_int_equal(tls_profile_create(c, 2, NULL, &p, error, sizeof(error)), 0);
	assert_true(visit(p, TLS1_3_VERSION, NULL, NULL, NULL));
	tls_profile_destroy(p);
	// The same name is the other's now.
	c[0].names = (const char *const[]){"elsewhere.example.org"};
	c[1].names = name;
	c[0].name_count = c[1].name_count = 1;
	assert_int_equal(tls_profile_create(c, 2, NULL, &p, error, sizeof(error)), 0);
	assert_false(visit(p, TLS1_2_VERSION, NULL, NULL, NULL));
	assert_false(visit(p, TLS1_3_VERSION, NULL, NULL, NULL));
	assert_true(visit(p, TLS1_2_VERSION, &client, NULL, NULL));
	assert_true(visit(p, TLS1_3_VERSION, &client, NULL, NULL));
	tls_profile_destroy(p);
}

// An authority that is signed by another one is trusted as it stands, by whatever credential: how
// chains are judged is not the first's matter.
static void chains_are_judged_alike_by_every_credential(void **state)
{
	struct test_certificate issued;
	struct tls_certificate c[2] = {
		{.name = "www",
			.certificate = server.certificate,
			.key = server.key,
			.names = (const char *const[]){"elsewhere.example.org"},
			.name_count = 1},
		{.name = "inside",
			.certificate = server.certificate,
			.key = server.key,
			.names = (const char *const[]){"www.example.org"},
			.name_count = 1,
			.client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED},
	};
	struct tls_profile *p;

	test_certificate_issue("DNS:issued.example.org", &stranger, &issued);
	c[1].client_ca = issued.certificate;
	for (size_t i = 0; i < nx_array_size(VERSIONS); i++) {
		for (uint32_t first = 0; first < 2; first++) {
			assert_int_equal(tls_profile_create(&c[first], 2 - first, NULL, &p, error,
						 sizeof(error)),
				0);
			assert_true(visit(p, VERSIONS[i], &issued, NULL, NULL));
			assert_false(visit(p, VERSIONS[i], &stranger, NULL, NULL));
			tls_profile_destroy(p);
		}
	}
	test_certificate_remove(&issued);
}

static void a_file_without_authorities_is_refused(void **state)
{
	struct tls_certificate c = {
		.name = "www",
		.certificate = server.certificate,
		.key = server.key,
		.client_certificate = TLS_CLIENT_CERTIFICATE_OPTIONAL,
		.client_ca = server.key,
	};
	struct tls_profile *p;

	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, server.key));
	c.client_ca = "/nonexistent";
	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "/nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_client),
		cmocka_unit_test(a_ticket_is_no_way_around_a_certificate),
		cmocka_unit_test(what_is_asked_for_is_by_name),
		cmocka_unit_test(chains_are_judged_alike_by_every_credential),
		cmocka_unit_test(a_file_without_authorities_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
