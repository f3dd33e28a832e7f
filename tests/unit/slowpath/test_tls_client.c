// SPDX-License-Identifier: BSD-3-Clause
// The client's side of a handshake against our own server's and against OpenSSL's, over memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "certificate.h"
#include "slowpath/tls/handshake.h"

static struct test_certificate server_files, client_files, late_files;
static char error[400];

static int set_up(void **state)
{
	test_certificate_make(
		"DNS:www.example.org,DNS:*.example.net,IP:10.2.0.1,IP:fd00:2::1", &server_files);
	test_certificate_make("DNS:client.example.org", &client_files);
	test_certificate_make_until("DNS:www.example.org", -1, &late_files);
	return 0;
}

static int tear_down(void **state)
{
	test_certificate_remove(&server_files);
	test_certificate_remove(&client_files);
	test_certificate_remove(&late_files);
	return 0;
}

static struct tls_client_settings trusting(const struct test_certificate *files)
{
	return (struct tls_client_settings){.name = "out", .roots = files->certificate};
}

static struct tls_client_profile *profile_of(const struct tls_client_settings *settings)
{
	struct tls_client_profile *p = NULL;

	if (tls_client_profile_create(settings, &p, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	return p;
}

// One server of OpenSSL, and what it sends and gets.
struct peer {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in;
	BIO *out;
};

static void peer_open(struct peer *p, const struct test_certificate *files, int version)
{
	p->context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(p->context, version);
	SSL_CTX_set_max_proto_version(p->context, version);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(p->context, files->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(p->context, files->key, SSL_FILETYPE_PEM), 1);
}

static void peer_start(struct peer *p)
{
	p->ssl = SSL_new(p->context);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_accept_state(p->ssl);
}

static void peer_close(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
}

// Carries the handshake on, `piece` bytes at a time towards us; *sent: all that the server sent.
static enum tls_handshake_state shake(
	struct tls_handshake *h, struct peer *p, size_t piece, uint64_t *sent)
{
	enum tls_handshake_state state = TLS_HANDSHAKE_GOES_ON;
	uint8_t bytes[8192];
	size_t out;
	int n;

	for (int i = 0; i < 20 && state == TLS_HANDSHAKE_GOES_ON; i++) {
		while ((out = tls_handshake_output(h, bytes, sizeof(bytes))) > 0)
			assert_int_equal(BIO_write(p->in, bytes, (int)out), (int)out);
		(void)SSL_do_handshake(p->ssl);
		n = BIO_read(p->out, bytes, sizeof(bytes));
		for (int at = 0; at < n; at += (int)piece) {
			size_t length = (size_t)(n - at) < piece ? (size_t)(n - at) : piece;

			*sent += length;
			state = tls_handshake_input(h, bytes + at, length);
		}
	}
	while ((out = tls_handshake_output(h, bytes, sizeof(bytes))) > 0)
		assert_int_equal(BIO_write(p->in, bytes, (int)out), (int)out);
	(void)SSL_do_handshake(p->ssl);
	return state;
}

static enum tls_handshake_state meet(const struct tls_client_settings *settings, const char *host,
	struct peer *p, struct tls_handshake **h)
{
	struct tls_client_profile *profile = profile_of(settings);
	enum tls_handshake_state state;
	uint64_t sent = 0;

	peer_start(p);
	assert_int_equal(tls_handshake_connect(profile, host, h), 0);
	state = shake(*h, p, 4096, &sent);
	// OpenSSL holds its own reference on what it needs.
	tls_client_profile_destroy(profile);
	return state;
}

static void one(int version, size_t piece)
{
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *profile = profile_of(&settings);
	struct tls_handshake *h;
	struct slow_keys keys;
	struct peer p;
	uint64_t sent = 0, offset;
	uint8_t bytes[200];

	peer_open(&p, &server_files, version);
	peer_start(&p);
	assert_int_equal(tls_handshake_connect(profile, "www.example.org", &h), 0);
	assert_int_equal(shake(h, &p, piece, &sent), TLS_HANDSHAKE_DONE);
	assert_true(SSL_is_init_finished(p.ssl));
	assert_string_equal(
		SSL_get_servername(p.ssl, TLSEXT_NAMETYPE_host_name), "www.example.org");
	tls_handshake_keys(h, &keys, &offset);
	assert_true(keys.is_client);
	assert_string_equal(keys.names.server_name, "www.example.org");
	assert_int_equal(keys.version, version);
	assert_int_equal(keys.out.sequence, version == TLS1_3_VERSION ? 0 : 1);
	assert_int_equal(keys.in.sequence, version == TLS1_3_VERSION ? 0 : 1);
	assert_int_equal(offset, sent);
	// Tickets come behind the handshake, and are the worker's.
	if (version == TLS1_3_VERSION) {
		int n = BIO_read(p.out, bytes, sizeof(bytes));

		assert_true(n > 0);
		assert_int_equal(tls_handshake_input(h, bytes, (size_t)n), TLS_HANDSHAKE_DONE);
		tls_handshake_keys(h, &keys, &offset);
		assert_int_equal(offset, sent);
	}
	peer_close(&p);
	tls_handshake_destroy(h);
	tls_client_profile_destroy(profile);
}

static void both_versions_give_keys_in_any_pieces(void **state)
{
	for (size_t piece = 1; piece < 8; piece++) {
		one(TLS1_2_VERSION, piece);
		one(TLS1_3_VERSION, piece);
	}
	one(TLS1_2_VERSION, 4096);
	one(TLS1_3_VERSION, 4096);
}

// Everything that `from` has for its peer; the state of the peer after.
static enum tls_handshake_state pass(struct tls_handshake *from, struct tls_handshake *to)
{
	enum tls_handshake_state state = TLS_HANDSHAKE_GOES_ON;
	uint8_t bytes[500];
	size_t n;

	while ((n = tls_handshake_output(from, bytes, sizeof(bytes))) > 0)
		state = tls_handshake_input(to, bytes, n);
	return state;
}

static void both_ends_of_ours_have_the_same_keys(void **state)
{
	struct tls_certificate c = {
		.name = "www", .certificate = server_files.certificate, .key = server_files.key};
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *out = profile_of(&settings);
	struct tls_profile *in = NULL;
	struct tls_handshake *client, *server;
	struct slow_keys ours, theirs;
	uint64_t offset;

	assert_int_equal(tls_profile_create(&c, 1, NULL, &in, error, sizeof(error)), 0);
	assert_int_equal(tls_handshake_create(in, &server), 0);
	assert_int_equal(tls_handshake_connect(out, "10.2.0.1", &client), 0);
	assert_int_equal(pass(client, server), TLS_HANDSHAKE_GOES_ON);
	assert_int_equal(pass(server, client), TLS_HANDSHAKE_DONE);
	assert_int_equal(pass(client, server), TLS_HANDSHAKE_DONE);
	tls_handshake_keys(client, &ours, &offset);
	tls_handshake_keys(server, &theirs, &offset);
	assert_int_equal(ours.version, TLS1_3_VERSION);
	assert_int_equal(ours.suite, theirs.suite);
	assert_memory_equal(ours.out.secret, theirs.in.secret, SLOW_SECRET_BYTES);
	assert_memory_equal(ours.in.secret, theirs.out.secret, SLOW_SECRET_BYTES);
	assert_memory_not_equal(ours.in.secret, ours.out.secret, 32);
	assert_int_equal(theirs.out.sequence, 2);
	tls_handshake_destroy(client);
	tls_handshake_destroy(server);
	tls_client_profile_destroy(out);
	tls_profile_destroy(in);
}

static void keys_of_1_2_differ_by_direction(void **state)
{
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_handshake *h;
	struct slow_keys keys;
	struct peer p;
	uint64_t offset;

	peer_open(&p, &server_files, TLS1_2_VERSION);
	assert_int_equal(meet(&settings, "a.example.net", &p, &h), TLS_HANDSHAKE_DONE);
	tls_handshake_keys(h, &keys, &offset);
	assert_memory_not_equal(keys.in.secret, keys.out.secret, 16);
	assert_memory_not_equal(keys.in.iv, keys.out.iv, 4);
	peer_close(&p);
	tls_handshake_destroy(h);
}

static void refused(const struct tls_client_settings *settings, const char *host,
	const struct test_certificate *files, const char *reason)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct tls_handshake *h;
		struct peer p;

		peer_open(&p, files, version);
		assert_int_equal(meet(settings, host, &p, &h), TLS_HANDSHAKE_FAILED);
		assert_true(tls_handshake_is_untrusted(h));
		assert_non_null(strstr(tls_handshake_reason(h), reason));
		// The server has heard of it.
		assert_false(SSL_is_init_finished(p.ssl));
		assert_int_equal(SSL_get_error(p.ssl, -1), SSL_ERROR_SSL);
		peer_close(&p);
		tls_handshake_destroy(h);
	}
}

static void accepted(
	const struct tls_client_settings *settings, const char *host, const char *asked)
{
	struct tls_handshake *h;
	const char *got;
	struct peer p;

	peer_open(&p, &server_files, TLS1_3_VERSION);
	assert_int_equal(meet(settings, host, &p, &h), TLS_HANDSHAKE_DONE);
	assert_false(tls_handshake_is_untrusted(h));
	got = SSL_get_servername(p.ssl, TLSEXT_NAMETYPE_host_name);
	assert_int_equal(got == NULL, asked == NULL);
	if (asked)
		assert_string_equal(got, asked);
	peer_close(&p);
	tls_handshake_destroy(h);
}

static void the_certificate_must_be_for_the_host(void **state)
{
	struct tls_client_settings settings = trusting(&server_files);

	accepted(&settings, "www.example.org", "www.example.org");
	accepted(&settings, "any.example.net", "any.example.net");
	// An address is verified, and not sent.
	accepted(&settings, "10.2.0.1", NULL);
	accepted(&settings, "[fd00:2::1]:443", NULL);
	refused(&settings, "www.example.com", &server_files, "hostname mismatch");
	refused(&settings, "a.b.example.net", &server_files, "hostname mismatch");
	// A common name counts for nothing.
	refused(&settings, "test", &server_files, "hostname mismatch");
	refused(&settings, "10.2.0.2", &server_files, "IP address mismatch");
	settings.server_name = "any.example.net";
	accepted(&settings, "10.2.0.2", "any.example.net");
	settings.server_name = "shop.example.org";
	refused(&settings, "www.example.org", &server_files, "hostname mismatch");
}

static void without_a_host_nobody_is_verified(void **state)
{
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *profile = profile_of(&settings);
	struct tls_handshake *h = NULL;

	assert_int_equal(tls_handshake_connect(profile, "", &h), -EINVAL);
	assert_int_equal(tls_handshake_connect(profile, ":443", &h), -EINVAL);
	assert_null(h);
	tls_client_profile_destroy(profile);
}

static void the_certificate_must_be_trusted(void **state)
{
	struct tls_client_settings settings = trusting(&client_files);

	refused(&settings, "www.example.org", &server_files, "self-signed certificate");
	settings.roots = NULL; // the system's know it neither
	refused(&settings, "www.example.org", &server_files, "self-signed certificate");
	settings = trusting(&late_files);
	refused(&settings, "www.example.org", &late_files, "expired");
}

static void insecure_takes_whoever_answers(void **state)
{
	struct tls_client_settings settings = {.name = "out", .insecure = true};

	accepted(&settings, "www.example.com", "www.example.com");
	settings.server_name = "front.example.org";
	accepted(&settings, "10.2.0.9", "front.example.org");
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *length,
	const unsigned char *offered, unsigned int offered_bytes, void *context)
{
	static const unsigned char h2[] = "\2h2";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, length, h2, 3, offered, offered_bytes) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void protocols_are_offered(void **state)
{
	static const char *const both[] = {"http/1.1", "h2"};
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_handshake *h;
	const unsigned char *chosen;
	unsigned int length;
	struct peer p;

	settings.alpn = both;
	settings.alpn_count = 2;
	peer_open(&p, &server_files, TLS1_3_VERSION);
	SSL_CTX_set_alpn_select_cb(p.context, choose_h2, NULL);
	assert_int_equal(meet(&settings, "www.example.org", &p, &h), TLS_HANDSHAKE_DONE);
	SSL_get0_alpn_selected(p.ssl, &chosen, &length);
	assert_int_equal(length, 2);
	assert_memory_equal(chosen, "h2", 2);
	peer_close(&p);
	tls_handshake_destroy(h);
	// Nothing in common: the server's alert ends it, and it was not about a certificate.
	settings.alpn_count = 1;
	peer_open(&p, &server_files, TLS1_3_VERSION);
	SSL_CTX_set_alpn_select_cb(p.context, choose_h2, NULL);
	assert_int_equal(meet(&settings, "www.example.org", &p, &h), TLS_HANDSHAKE_FAILED);
	assert_false(tls_handshake_is_untrusted(h));
	assert_non_null(strstr(tls_handshake_reason(h), "no application protocol"));
	peer_close(&p);
	tls_handshake_destroy(h);
}

static void a_client_certificate_is_shown(void **state)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (int have = 0; have < 2; have++) {
			struct tls_client_settings settings = trusting(&server_files);
			struct tls_handshake *h;
			struct peer p;

			if (have) {
				settings.certificate = client_files.certificate;
				settings.key = client_files.key;
			}
			peer_open(&p, &server_files, version);
			assert_int_equal(SSL_CTX_load_verify_locations(
						 p.context, client_files.certificate, NULL),
				1);
			SSL_CTX_set_verify(
				p.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
			enum tls_handshake_state s = meet(&settings, "www.example.org", &p, &h);

			// Of TLS 1.3 the client is done before the server has seen it.
			if (have || version == TLS1_2_VERSION)
				assert_int_equal(
					s, have ? TLS_HANDSHAKE_DONE : TLS_HANDSHAKE_FAILED);
			assert_int_equal(SSL_is_init_finished(p.ssl), have);
			peer_close(&p);
			tls_handshake_destroy(h);
		}
}

static void an_older_server_is_refused(void **state)
{
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_handshake *h;
	struct peer p;

	settings.min_version = TLS1_3_VERSION;
	peer_open(&p, &server_files, TLS1_2_VERSION);
	assert_int_equal(meet(&settings, "www.example.org", &p, &h), TLS_HANDSHAKE_FAILED);
	assert_false(tls_handshake_is_untrusted(h));
	assert_true(strlen(tls_handshake_reason(h)) > 0);
	peer_close(&p);
	tls_handshake_destroy(h);
}

static void what_is_no_record_fails_at_once(void **state)
{
	static const uint8_t samples[][5] = {
		"SSH-2", {22, 2, 3, 0, 9}, {22, 3, 3, 0, 0}, {22, 3, 3, 0x41, 1}, {24, 3, 3, 0, 9}};
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *profile = profile_of(&settings);

	for (size_t i = 0; i < nx_array_size(samples); i++) {
		struct tls_handshake *h;

		assert_int_equal(tls_handshake_connect(profile, "www.example.org", &h), 0);
		assert_int_equal(tls_handshake_input(h, samples[i], 5), TLS_HANDSHAKE_FAILED);
		assert_string_equal(tls_handshake_reason(h), "not a TLS record");
		tls_handshake_destroy(h);
	}
	tls_client_profile_destroy(profile);
}

static void garbage_in_a_record_is_an_alert(void **state)
{
	static const uint8_t garbage[] = {22, 3, 3, 0, 6, 2, 0, 0, 2, 9, 9};
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *profile = profile_of(&settings);
	struct tls_handshake *h;
	uint8_t bytes[2048];

	assert_int_equal(tls_handshake_connect(profile, "www.example.org", &h), 0);
	assert_true(tls_handshake_output(h, bytes, sizeof(bytes)) > 100);
	assert_int_equal(tls_handshake_input(h, garbage, sizeof(garbage)), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_output(h, bytes, sizeof(bytes)), 7);
	assert_int_equal(bytes[0], 21);
	tls_handshake_destroy(h);
	// To the peer's alert there is no answer.
	assert_int_equal(tls_handshake_connect(profile, "www.example.org", &h), 0);
	assert_true(tls_handshake_output(h, bytes, sizeof(bytes)) > 100);
	assert_int_equal(tls_handshake_input(h, alert, sizeof(alert)), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_output(h, bytes, sizeof(bytes)), 0);
	assert_non_null(strstr(tls_handshake_reason(h), "handshake failure"));
	tls_handshake_destroy(h);
	tls_client_profile_destroy(profile);
}

static void bad_files_are_named(void **state)
{
	struct tls_client_settings settings = trusting(&server_files);
	struct tls_client_profile *p = NULL;

	settings.roots = server_files.key;
	assert_int_equal(tls_client_profile_create(&settings, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, server_files.key));
	settings = trusting(&server_files);
	settings.certificate = client_files.certificate;
	settings.key = server_files.key;
	assert_int_equal(tls_client_profile_create(&settings, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "no private key of the certificate"));
	settings.key = client_files.key;
	assert_int_equal(chmod(client_files.key, 0644), 0);
	assert_int_equal(tls_client_profile_create(&settings, &p, error, sizeof(error)), -EACCES);
	assert_int_equal(chmod(client_files.key, 0600), 0);
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_give_keys_in_any_pieces),
		cmocka_unit_test(both_ends_of_ours_have_the_same_keys),
		cmocka_unit_test(keys_of_1_2_differ_by_direction),
		cmocka_unit_test(the_certificate_must_be_for_the_host),
		cmocka_unit_test(without_a_host_nobody_is_verified),
		cmocka_unit_test(the_certificate_must_be_trusted),
		cmocka_unit_test(insecure_takes_whoever_answers),
		cmocka_unit_test(protocols_are_offered),
		cmocka_unit_test(a_client_certificate_is_shown),
		cmocka_unit_test(an_older_server_is_refused),
		cmocka_unit_test(what_is_no_record_fails_at_once),
		cmocka_unit_test(garbage_in_a_record_is_an_alert),
		cmocka_unit_test(bad_files_are_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
