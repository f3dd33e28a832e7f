// SPDX-License-Identifier: BSD-3-Clause
// A REALITY client as the slow path's threads drive it, against servers that are none of ours. That
// it opens with one that is, tests/lab and tests/interop/xray show.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <time.h>

#include "certificate.h"
#include "slowpath/reality/client_engine.h"

static struct test_certificate files, others;
static char error[400];

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org", &files);
	test_certificate_make("DNS:www.example.org", &others);
	return 0;
}

static int tear_down(void **state)
{
	test_certificate_remove(&files);
	test_certificate_remove(&others);
	return 0;
}

static struct reality_client_settings settings_of(const struct test_certificate *roots)
{
	return (struct reality_client_settings){.credential = "out",
		.server_name = "www.example.org",
		.browser = "chrome",
		.roots = roots->certificate,
		.public_key = {9},
		.short_id = {1, 2}};
}

static int64_t unix_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static struct slow_message message;

// The handshake of a profile, begun.
static void *begin(const struct reality_client_settings *settings, void **profile)
{
	struct reality_client_profile *p;
	struct slow_open open = {0};
	void *h;

	assert_int_equal(reality_client_profile_create(settings, &p, error, sizeof(error)), 0);
	assert_int_equal(reality_client_kind.create(p, &open, &h), 0);
	reality_client_kind.begin(h, unix_ms());
	*profile = p;
	return h;
}

static void finish(void *h, void *profile)
{
	reality_client_kind.destroy(h);
	reality_client_kind.profile_destroy(profile);
}

// A TLS server with the files' certificate; the last step of the client with it.
static enum handshake_step meet(const struct reality_client_settings *settings, SSL *server)
{
	uint8_t bytes[16384];
	void *profile, *h = begin(settings, &profile);
	enum handshake_step step = HANDSHAKE_WAITS;
	int n;

	for (int i = 0; i < 20 && step == HANDSHAKE_WAITS; i++) {
		while (memset(&message, 0, sizeof(message)),
			(step = reality_client_kind.next(h, &message)) == HANDSHAKE_ACTS) {
			assert_int_equal(message.kind, SLOW_SEND);
			assert_int_equal(
				BIO_write(SSL_get_rbio(server), message.data, message.length),
				message.length);
		}
		(void)SSL_do_handshake(server);
		n = BIO_read(SSL_get_wbio(server), bytes, sizeof(bytes));
		if (n > 0 && step == HANDSHAKE_WAITS)
			reality_client_kind.input(h, SLOW_TARGET, bytes, (size_t)n, unix_ms());
	}
	finish(h, profile);
	return step;
}

static SSL *server_new(SSL_CTX **context)
{
	SSL *ssl;

	*context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate_chain_file(*context, files.certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(*context, files.key, SSL_FILETYPE_PEM), 1);
	ssl = SSL_new(*context);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(ssl);
	return ssl;
}

static void the_real_certificate_ends_it_as_a_browser_would(void **state)
{
	struct reality_client_settings settings = settings_of(&files);
	SSL_CTX *context;
	SSL *server = server_new(&context);
	uint8_t byte;

	assert_int_equal(meet(&settings, server), HANDSHAKE_FAILED);
	assert_int_equal(message.kind, SLOW_FAILED);
	assert_int_equal(message.failure, SLOW_FAILURE_REAL);
	assert_non_null(memmem(message.data, message.length, "in the middle", 13));
	// The handshake is complete, and nothing follows it but close_notify.
	assert_true(SSL_is_init_finished(server));
	assert_int_equal(SSL_read(server, &byte, 1), 0);
	assert_int_equal(SSL_get_error(server, 0), SSL_ERROR_ZERO_RETURN);
	SSL_free(server);
	SSL_CTX_free(context);
}

static void a_foreign_certificate_is_an_alert(void **state)
{
	struct reality_client_settings settings = settings_of(&others);
	SSL_CTX *context;
	SSL *server = server_new(&context);

	settings.browser = "firefox";
	assert_int_equal(meet(&settings, server), HANDSHAKE_FAILED);
	assert_int_equal(message.failure, SLOW_FAILURE_FOREIGN);
	assert_false(SSL_is_init_finished(server));
	SSL_free(server);
	SSL_CTX_free(context);
}

static enum handshake_step told(void *h)
{
	enum handshake_step step;

	do
		memset(&message, 0, sizeof(message));
	while ((step = reality_client_kind.next(h, &message)) == HANDSHAKE_ACTS);
	return step;
}

static void what_is_no_handshake_fails(void **state)
{
	static const uint8_t garbage[] = "SSH-2.0-OpenSSH_9.2\r\n";
	struct reality_client_settings settings = settings_of(&files);
	void *profile, *h = begin(&settings, &profile);

	assert_int_equal(told(h), HANDSHAKE_WAITS);
	reality_client_kind.input(h, SLOW_TARGET, garbage, sizeof(garbage), unix_ms());
	assert_int_equal(told(h), HANDSHAKE_FAILED);
	assert_int_equal(message.failure, SLOW_FAILURE_HANDSHAKE);
	assert_true(message.length > 0);
	finish(h, profile);
	h = begin(&settings, &profile);
	reality_client_kind.end(h, SLOW_TARGET);
	assert_int_equal(told(h), HANDSHAKE_FAILED);
	assert_int_equal(message.failure, SLOW_FAILURE_HANDSHAKE);
	finish(h, profile);
}

static void the_hello_is_a_browsers_and_asks_for_the_name(void **state)
{
	struct reality_client_settings settings = settings_of(&files);
	void *profile, *h = begin(&settings, &profile);

	memset(&message, 0, sizeof(message));
	assert_int_equal(reality_client_kind.next(h, &message), HANDSHAKE_ACTS);
	assert_int_equal(message.data[0], 22);
	assert_non_null(memmem(message.data, message.length, "www.example.org", 15));
	finish(h, profile);
}

static void bad_settings_are_named(void **state)
{
	struct reality_client_settings settings = settings_of(&files);
	struct reality_client_profile *p = NULL;

	settings.browser = "lynx";
	assert_int_equal(
		reality_client_profile_create(&settings, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "fingerprint"));
	settings = settings_of(&files);
	settings.roots = files.key;
	assert_int_equal(
		reality_client_profile_create(&settings, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "roots"));
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hello_is_a_browsers_and_asks_for_the_name),
		cmocka_unit_test(the_real_certificate_ends_it_as_a_browser_would),
		cmocka_unit_test(a_foreign_certificate_is_an_alert),
		cmocka_unit_test(what_is_no_handshake_fails),
		cmocka_unit_test(bad_settings_are_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
