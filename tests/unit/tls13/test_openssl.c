// SPDX-License-Identifier: BSD-3-Clause
// Our handshake with OpenSSL's, both ways, and what follows it: application data through
// fastpath/tls with the keys that the handshake gave, key updates and tickets included.
#include "rig.h"

#include <openssl/ssl.h>

#include "tls/record.h"

static struct tls_context records;
static struct end us;
static SSL_CTX *ctx;
static SSL *ssl;
static uint8_t bytes[70000];

static int create(void **state)
{
	records.buffers = &buffer_heap_source;
	return rig_create(state) != 0 || crypto_manager_create(&records.crypto) != 0 ||
	       key_cache_create(records.crypto, 8, &records.keys) != 0;
}

static int destroy(void **state)
{
	key_cache_destroy(records.keys);
	crypto_manager_destroy(records.crypto);
	return rig_destroy(state);
}

static void peer(bool is_server, enum rig_kind kind)
{
	ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	if (is_server) {
		SSL_CTX_use_certificate(ctx, rig.leaves[kind]);
		SSL_CTX_use_PrivateKey(ctx, rig.keys[kind]);
	}
	SSL_CTX_set_cert_store(ctx, rig.roots);
	X509_STORE_up_ref(rig.roots);
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx), RIG_NOW_MS / 1000);
}

static void peer_open(bool is_server)
{
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (is_server) {
		SSL_set_accept_state(ssl);
		return;
	}
	SSL_set_tlsext_host_name(ssl, "example.test");
	SSL_set1_host(ssl, "example.test");
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_connect_state(ssl);
}

// Talks until nothing moves. What is behind the handshake stays in OpenSSL's output.
static void shake(void)
{
	const uint8_t *out;
	size_t n, taken;
	int got;

	for (int turn = 0; turn < 6; turn++) {
		SSL_do_handshake(ssl);
		while (!tls13_stream_is_complete(us.stream) && us.verdict == TLS13_OK &&
			(got = BIO_read(SSL_get_wbio(ssl), bytes, 500)) > 0) {
			us.verdict = tls13_stream_input(
				us.stream, bytes, (size_t)got, RIG_NOW_MS, &taken);
			// Behind the last record of the handshake: back in front of the rest.
			if (taken < (size_t)got) {
				int left = BIO_read(SSL_get_wbio(ssl), bytes + got, 60000);

				BIO_write(SSL_get_wbio(ssl), bytes + taken,
					(int)((size_t)got - taken) + (left > 0 ? left : 0));
			}
		}
		n = tls13_stream_output(us.stream, &out);
		BIO_write(SSL_get_rbio(ssl), out, (int)n);
		tls13_stream_sent(us.stream, n);
	}
	if (us.verdict != TLS13_OK)
		fail_msg("%s", tls13_verdict_text(us.verdict));
	assert_true(tls13_stream_is_complete(us.stream));
	assert_true(SSL_is_init_finished(ssl));
}

static void close_all(void)
{
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	rig_close(&us);
}

static void records_begin(bool is_client, struct tls_records *t)
{
	struct tls13_stream_key in, out;
	struct tls_secret from = {0}, to = {0};

	tls13_stream_keys(us.stream, &in, &out);
	memcpy(from.secret, in.secret.bytes, in.secret.length);
	memcpy(to.secret, out.secret.bytes, out.secret.length);
	from.sequence = in.sequence;
	to.sequence = out.sequence;
	assert_int_equal(tls_records_init(&records, is_client, TLS_VERSION_1_3, in.secret.suite,
				 &from, &to, t),
		0);
}

// What OpenSSL says to us: data is compared with what is expected, tickets go to the engine.
static void we_read(struct tls_records *t, const char *expected)
{
	struct buffer *chain;
	enum tls_verdict v;
	size_t have = 0;
	uint8_t got[200];
	int n = BIO_read(SSL_get_wbio(ssl), bytes, sizeof(bytes));

	assert_true(n > 0);
	for (int at = 0; at < n; at += 1000) {
		struct buffer *b = buffer_heap_get(&buffer_heap_source, 2000);
		int part = n - at < 1000 ? n - at : 1000;

		memcpy(buffer_data(b), bytes + at, (size_t)part);
		b->length = (uint16_t)part;
		b->total_length = (uint32_t)part;
		tls_push(&records, t, b);
	}
	while ((v = tls_next(&records, t, &chain)) == TLS_DATA || v == TLS_MESSAGE) {
		for (struct buffer *b = chain; b != NULL; b = b->next) {
			if (v == TLS_MESSAGE) {
				assert_int_equal(tls13_input(tls13_stream_engine(us.stream),
							 TLS13_APPLICATION, buffer_data(b),
							 b->length, RIG_NOW_MS),
					TLS13_OK);
				continue;
			}
			memcpy(got + have, buffer_data(b), b->length);
			have += b->length;
		}
		buffer_heap_put(&buffer_heap_source, chain);
	}
	assert_int_equal(v, TLS_WANT_MORE);
	assert_int_equal(have, strlen(expected));
	assert_memory_equal(got, expected, have);
}

static void we_write(struct tls_records *t, const char *text)
{
	struct buffer *data = buffer_heap_get(&buffer_heap_source, 2000), *out;
	char got[200];

	memcpy(buffer_data(data), text, strlen(text));
	data->length = (uint16_t)strlen(text);
	data->total_length = data->length;
	assert_int_equal(tls_seal(&records, t, 1400, 0, &data, &out), TLS_SEALED);
	for (struct buffer *b = out; b != NULL; b = b->next)
		BIO_write(SSL_get_rbio(ssl), buffer_data(b), b->length);
	buffer_heap_put(&buffer_heap_source, out);
	assert_int_equal(SSL_read(ssl, got, sizeof(got)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void talk(bool is_client)
{
	struct tls_records t;

	records_begin(is_client, &t);
	we_write(&t, "up");
	assert_int_equal(SSL_write(ssl, "down", 4), 4);
	we_read(&t, "down");
	SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
	assert_int_equal(SSL_write(ssl, "below", 5), 5);
	we_read(&t, "below");
	we_write(&t, "after");
	tls_records_fini(&records, &t);
}

static const char *const suites[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
// OpenSSL's macro takes what it reads for writable.
static char groups[][8] = {"X25519", "P-256", "P-384", "P-521"};

static void our_client_completes_with_every_suite_group_and_key(void **state)
{
	for (int i = 0; i < 4; i++) {
		peer(true, (enum rig_kind)i);
		SSL_CTX_set_ciphersuites(ctx, suites[i % 3]);
		SSL_CTX_set1_groups_list(ctx, groups[i]);
		peer_open(true);
		rig_client(&us);
		rig_open(&us, true);
		shake();
		talk(true);
		assert_int_equal(us.tickets, 2);
		close_all();
	}
}

static void our_server_completes_with_every_suite_group_and_key(void **state)
{
	for (int i = 0; i < 4; i++) {
		peer(false, RIG_P256);
		SSL_CTX_set_ciphersuites(ctx, suites[i % 3]);
		SSL_CTX_set1_groups_list(ctx, groups[i]);
		peer_open(false);
		rig_server(&us, (enum rig_kind)i);
		rig_open(&us, false);
		shake();
		talk(false);
		close_all();
	}
}

static void our_server_asks_openssl_for_another_group_and_its_certificate(void **state)
{
	static const uint16_t only = GROUP_P256;

	peer(false, RIG_P256);
	SSL_CTX_use_certificate(ctx, rig.leaves[RIG_RSA]);
	SSL_CTX_use_PrivateKey(ctx, rig.keys[RIG_RSA]);
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
	peer_open(false);
	rig_server(&us, RIG_ED25519);
	us.config.groups = (struct tls13_list){.values = &only, .count = 1};
	us.config.client_certificate = TLS13_CLIENT_CERTIFICATE_REQUIRED;
	us.config.roots = rig.roots;
	rig_open(&us, false);
	shake();
	talk(false);
	close_all();
}

static void browsers_complete_with_openssl(void **state)
{
	static const struct tls13_browser *const browsers[] = {
		&tls13_browser_chrome, &tls13_browser_firefox};

	for (int i = 0; i < 4; i++) {
		peer(true, RIG_RSA);
		// The second time it retries with a group that no share came for.
		SSL_CTX_set1_groups_list(ctx, i < 2 ? "X25519" : "P-384");
		peer_open(true);
		rig_client(&us);
		us.config.browser = browsers[i & 1];
		rig_open(&us, true);
		shake();
		talk(true);
		close_all();
	}
}

// RFC 8446 7.5: no context is an empty one.
static void export_both(
	const char *label, const uint8_t *context, size_t context_length, size_t length)
{
	static uint8_t a[255 * 48], b[255 * 48];

	memset(a, 1, length);
	memset(b, 2, length);
	assert_int_equal(tls13_export(tls13_stream_engine(us.stream), label, context,
				 context_length, a, length),
		TLS13_OK);
	assert_int_equal(SSL_export_keying_material(ssl, b, length, label, strlen(label), context,
				 context_length, context != NULL),
		1);
	assert_memory_equal(a, b, length);
}

static void export_all(void)
{
	static const char longest[] = // 249 characters
		"EXPORTER-23456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901";
	static const uint8_t context[300] = {1, 2, 3};
	uint8_t none;

	assert_int_equal(strlen(longest), 249);
	export_both("EXPORTER-some-long-label", context, 3, 50);
	export_both("EXPORTER-Channel-Binding", NULL, 0, 32);
	export_both("EXPORTER-Channel-Binding", context, 0, 32);
	export_both("EXPORTER-Channel-Binding", context, sizeof(context), 1);
	export_both("x", context, 1, 255 * 32);
	export_both(longest, context, 3, 64);
	assert_int_equal(tls13_export(tls13_stream_engine(us.stream), longest, context, 3, &none,
				 (size_t)255 * 48 + 1),
		TLS13_LIBRARY);
}

static void exporters_are_openssls(void **state)
{
	uint8_t early;

	for (unsigned int i = 0; i < 2 * nx_array_size(suites); i++) {
		bool is_client = i & 1;

		peer(is_client, RIG_P256);
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suites[i / 2]), 1);
		peer_open(is_client);
		if (is_client)
			rig_client(&us);
		else
			rig_server(&us, RIG_P256);
		rig_open(&us, is_client);
		assert_int_equal(
			tls13_export(tls13_stream_engine(us.stream), "x", NULL, 0, &early, 1),
			TLS13_MISUSE);
		shake();
		export_all();
		close_all();
	}
}

static void sessions_of_openssls_tickets_are_resumed(void **state)
{
	struct tls13_summary summary;
	struct tls_records t;
	uint8_t session[4096];
	SSL_CTX *kept;
	size_t n;

	peer(true, RIG_P256);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"x", 1);
	peer_open(true);
	rig_client(&us);
	rig_open(&us, true);
	shake();
	records_begin(true, &t);
	we_read(&t, "");
	tls_records_fini(&records, &t);
	n = us.session_length;
	assert_in_range(n, 1, sizeof(session));
	memcpy(session, us.session, n);
	SSL_free(ssl);
	rig_close(&us);
	kept = ctx;
	peer_open(true);
	rig_client(&us);
	us.start.session = session;
	us.start.session_length = n;
	rig_open(&us, true);
	shake();
	tls13_summary(tls13_stream_engine(us.stream), &summary);
	assert_true(summary.resumed);
	assert_true(SSL_session_reused(ssl));
	talk(true);
	assert_ptr_equal(kept, ctx);
	close_all();
}

static void openssl_resumes_from_our_tickets(void **state)
{
	static const uint8_t keys[1][TLS13_TICKET_KEY_BYTES] = {{1, 2, 3}};
	struct tls13_summary summary;
	SSL_SESSION *session;
	char got[10];
	const uint8_t *out;
	size_t n;

	for (int round = 0; round < 2; round++) {
		if (round == 0) {
			peer(false, RIG_P256);
			SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
		}
		peer_open(false);
		if (round == 1)
			assert_int_equal(SSL_set_session(ssl, session), 1);
		rig_server(&us, RIG_P256);
		us.config.ticket_keys = keys;
		us.config.ticket_key_count = 1;
		us.config.tickets = 2;
		rig_open(&us, false);
		shake();
		n = tls13_stream_output(us.stream, &out);
		BIO_write(SSL_get_rbio(ssl), out, (int)n);
		assert_true(SSL_read(ssl, got, sizeof(got)) < 0);
		tls13_summary(tls13_stream_engine(us.stream), &summary);
		assert_int_equal(summary.resumed, round == 1);
		assert_int_equal(SSL_session_reused(ssl), round == 1);
		talk(false);
		if (round == 0) {
			session = SSL_get1_session(ssl);
			// Else OpenSSL takes the session for one that was cut off.
			SSL_set_quiet_shutdown(ssl, 1);
			SSL_shutdown(ssl);
			SSL_free(ssl);
			rig_close(&us);
		}
	}
	SSL_SESSION_free(session);
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_client_completes_with_every_suite_group_and_key),
		cmocka_unit_test(our_server_completes_with_every_suite_group_and_key),
		cmocka_unit_test(our_server_asks_openssl_for_another_group_and_its_certificate),
		cmocka_unit_test(browsers_complete_with_openssl),
		cmocka_unit_test(exporters_are_openssls),
		cmocka_unit_test(sessions_of_openssls_tickets_are_resumed),
		cmocka_unit_test(openssl_resumes_from_our_tickets),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
