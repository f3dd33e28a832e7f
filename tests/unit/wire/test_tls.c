// SPDX-License-Identifier: BSD-3-Clause

// The codec's own records against OpenSSL's.

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "wire/tls/codec.h"

static struct nx_tls_context *context;
static struct nx_tls *client;
static SSL_CTX *server_context;
static SSL *server;

static void identity_make(SSL_CTX *of)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	assert_true(X509_set_pubkey(certificate, key));
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(of, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(of, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

// Carries what both have to say.
static void carry(void)
{
	struct nx_write_buffer *out = nx_tls_output(client);
	size_t n = nx_write_buffer_length(out), room;
	uint8_t *space;
	int got;

	if (n > 0)
		assert_int_equal(
			BIO_write(SSL_get_rbio(server), nx_write_buffer_data(out), (int)n), (int)n);
	assert_int_equal(nx_write_buffer_sent(out, n), NX_BUFFER_OK);
	space = nx_read_buffer_space(nx_tls_input(client), &room);
	got = BIO_read(SSL_get_wbio(server), space, (int)room);
	assert_int_equal(nx_read_buffer_filled(nx_tls_input(client), got > 0 ? (size_t)got : 0),
		NX_BUFFER_OK);
}

static int set_up(void **state)
{
	const struct nx_tls_config config = {.danger_no_verify = true, .tls13_only = true};
	enum nx_tls_verdict verdict = NX_TLS_MORE;

	server_context = SSL_CTX_new(TLS_server_method());
	identity_make(server_context);
	server = SSL_new(server_context);
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	context = nx_tls_context_create(&config, NULL, 0);
	client = nx_tls_create(context, "localhost", 0);
	for (int i = 0; i < 4; i++) {
		verdict = nx_tls_handshake(client);
		carry();
		(void)!SSL_do_handshake(server);
		carry();
	}
	return verdict == NX_TLS_DONE ? 0 : -1;
}

static int tear_down(void **state)
{
	nx_tls_destroy(client);
	nx_tls_context_destroy(context);
	SSL_free(server);
	SSL_CTX_free(server_context);
	return 0;
}

static void ping_pong(void)
{
	char text[16] = "";
	size_t n;

	assert_int_equal(nx_tls_write(client, "ping", 4, &n), NX_TLS_DONE);
	carry();
	assert_int_equal(SSL_read(server, text, sizeof(text)), 4);
	assert_int_equal(SSL_write(server, "pong", 4), 4);
	carry();
	assert_int_equal(nx_tls_read(client, text, sizeof(text), &n), NX_TLS_DONE);
	assert_int_equal(n, 4);
	assert_memory_equal(text, "pong", 4);
}

static void keys_are_updated_both_ways(void **state)
{
	for (int i = 0; i < 3; i++) {
		ping_pong();
		assert_int_equal(SSL_key_update(server, SSL_KEY_UPDATE_REQUESTED), 1);
	}
	ping_pong();
}

static void a_small_destination_takes_a_record_in_parts(void **state)
{
	char text[3];
	size_t n;

	assert_int_equal(SSL_write(server, "12345", 5), 5);
	carry();
	assert_int_equal(nx_tls_read(client, text, 3, &n), NX_TLS_DONE);
	assert_int_equal(n, 3);
	assert_int_equal(nx_tls_read(client, text, 3, &n), NX_TLS_DONE);
	assert_int_equal(n, 2);
	assert_int_equal(nx_tls_read(client, text, 3, &n), NX_TLS_MORE);
}

static void a_record_taken_in_parts_may_move_meanwhile(void **state)
{
	char text[5];
	size_t n;

	ping_pong();
	assert_int_equal(SSL_write(server, "12345", 5), 5);
	assert_int_equal(SSL_write(server, "67890", 5), 5);
	carry();
	assert_int_equal(nx_tls_read(client, text, 5, &n), NX_TLS_DONE);
	assert_int_equal(nx_tls_read(client, text, 3, &n), NX_TLS_DONE);
	nx_read_buffer_compact(nx_tls_input(client));
	assert_int_equal(SSL_write(server, "abcde", 5), 5);
	carry();
	assert_int_equal(nx_tls_read(client, text + 3, 2, &n), NX_TLS_DONE);
	assert_memory_equal(text, "67890", 5);
}

// Seals for the client what no server of OpenSSL's would send.
static void forge(struct records *forger, uint8_t type, const void *content, size_t length)
{
	uint8_t memory[100];
	struct nx_write_buffer out;
	size_t n = length + RECORD_HEADER + 1 + RECORD_TAG;

	assert_int_equal(nx_write_buffer_init(&out, memory, sizeof(memory), 0), NX_BUFFER_OK);
	assert_true(nx_record_seal(forger, &out, type, content, length));
	assert_int_equal(nx_read_buffer_feed(nx_tls_input(client), memory, n), n);
}

static void data_inside_of_a_message_is_refused_by_any_destination(void **state)
{
	static const uint8_t ticket[] = {4, 0, 0, 9, 1, 2};
	static struct records forger;
	char text[16];
	size_t n;

	for (size_t room = 1; room <= sizeof(text); room += sizeof(text) - 1) {
		assert_int_equal(room > 1 ? set_up(state) : 0, 0);
		ping_pong(); // the server's tickets are out of the way
		forger = client->records;
		forger.out = forger.in;
		forge(&forger, RECORD_HANDSHAKE, ticket, sizeof(ticket));
		forge(&forger, RECORD_DATA, "data", 4);
		assert_int_equal(nx_tls_read(client, text, room, &n), NX_TLS_FAILED);
		assert_string_equal(nx_tls_why(client), "data inside of a handshake message");
		if (room == 1)
			tear_down(state);
	}
}

static void a_forged_record_ends_the_connection(void **state)
{
	char text[16];
	size_t n;

	ping_pong();
	assert_int_equal(SSL_write(server, "12345", 5), 5);
	carry();
	nx_read_buffer_data(nx_tls_input(client))[8] ^= 1;
	assert_int_equal(nx_tls_read(client, text, sizeof(text), &n), NX_TLS_FAILED);
	assert_int_equal(nx_tls_read(client, text, sizeof(text), &n), NX_TLS_FAILED);
}

static void both_ends_may_close(void **state)
{
	char text[16];
	size_t n;

	assert_int_equal(nx_tls_close(client), NX_TLS_DONE);
	assert_int_equal(nx_tls_write(client, "x", 1, &n), NX_TLS_FAILED);
	carry();
	assert_int_equal(SSL_read(server, text, sizeof(text)), 0);
	assert_int_equal(SSL_get_shutdown(server), SSL_RECEIVED_SHUTDOWN);
	SSL_shutdown(server);
	carry();
	assert_int_equal(nx_tls_read(client, text, sizeof(text), &n), NX_TLS_CLOSED);
}

static void an_end_without_close_is_told(void **state)
{
	char text[16];
	size_t n;

	ping_pong();
	nx_tls_end_of_input(client);
	assert_int_equal(nx_tls_read(client, text, sizeof(text), &n), NX_TLS_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_are_updated_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_small_destination_takes_a_record_in_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_record_taken_in_parts_may_move_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			data_inside_of_a_message_is_refused_by_any_destination, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_forged_record_ends_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(both_ends_may_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_without_close_is_told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
