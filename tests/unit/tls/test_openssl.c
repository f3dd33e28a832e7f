// SPDX-License-Identifier: BSD-3-Clause
// Our records against OpenSSL's: it makes the handshake with itself in memory, then we take the
// place of one end with the keys that its key log tells.
#include "rig.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static uint8_t plain[100000], wire[200000], opened[100000];
static char key_log[4096];

static void key_log_line(const SSL *ssl, const char *line)
{
	size_t used = strlen(key_log);

	snprintf(key_log + used, sizeof(key_log) - used, "%s\n", line);
}

// The last field of the key log's line that begins with label.
static void key_log_find(const char *label, uint8_t *out)
{
	const char *at = strstr(key_log, label);
	char hex[200];

	assert_non_null(at);
	assert_int_equal(sscanf(at, "%*s %*s %199s", hex), 1);
	rig_hex(hex, out);
}

static void certify(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

struct pair {
	SSL_CTX *client_ctx, *server_ctx;
	SSL *client, *server;
};

static SSL *end_new(SSL_CTX *ctx, bool is_client)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (is_client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

static void carry(SSL *from, SSL *to)
{
	int n;

	while ((n = BIO_read(SSL_get_wbio(from), wire, sizeof(wire))) > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(to), wire, n), n);
}

struct kind {
	uint16_t version, suite;
	const char *name;
};

static const struct kind kinds[] = {
	{TLS_VERSION_1_3, 0x1301, "TLS_AES_128_GCM_SHA256"},
	{TLS_VERSION_1_3, 0x1302, "TLS_AES_256_GCM_SHA384"},
	{TLS_VERSION_1_3, 0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
	{TLS_VERSION_1_2, 0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS_VERSION_1_2, 0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{TLS_VERSION_1_2, 0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"},
};

// After it what the server sent behind the handshake (tickets) is still in its output.
static void pair_shake(struct pair *p, const struct kind *kind, int tickets)
{
	p->client_ctx = SSL_CTX_new(TLS_client_method());
	p->server_ctx = SSL_CTX_new(TLS_server_method());
	key_log[0] = 0;
	certify(p->server_ctx);
	SSL_CTX_set_keylog_callback(p->server_ctx, key_log_line);
	SSL_CTX_set_num_tickets(p->server_ctx, (size_t)tickets);
	SSL_CTX_set_min_proto_version(p->server_ctx, kind->version);
	SSL_CTX_set_max_proto_version(p->server_ctx, kind->version);
	if (kind->version == TLS_VERSION_1_3)
		assert_int_equal(SSL_CTX_set_ciphersuites(p->server_ctx, kind->name), 1);
	else
		assert_int_equal(SSL_CTX_set_cipher_list(p->server_ctx, kind->name), 1);
	p->client = end_new(p->client_ctx, true);
	p->server = end_new(p->server_ctx, false);
	for (int turn = 0; turn < 4 && !SSL_is_init_finished(p->server); turn++) {
		SSL_do_handshake(p->client);
		carry(p->client, p->server);
		SSL_do_handshake(p->server);
		if (!SSL_is_init_finished(p->client))
			carry(p->server, p->client);
	}
	if (!SSL_is_init_finished(p->client))
		SSL_do_handshake(p->client);
	assert_true(SSL_is_init_finished(p->client));
	assert_true(SSL_is_init_finished(p->server));
}

static void pair_free(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
	SSL_CTX_free(p->client_ctx);
	SSL_CTX_free(p->server_ctx);
}

// RFC 5246 6.3: keys, then IVs, the client's first.
static void key_block(const struct pair *p, const struct kind *kind, struct tls_secret *up,
	struct tls_secret *down)
{
	EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(algorithm);
	uint8_t master[48], seed[13 + 64] = "key expansion", block[88], *at = block;
	char digest[] = "SHA256", digest_384[] = "SHA384";
	bool is_128 = kind->suite == 0xc02b, is_chacha = kind->suite == 0xcca9;
	size_t key = is_128 ? 16 : 32, iv = is_chacha ? 12 : 4;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, kind->suite == 0xc02c ? digest_384 : digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof(master)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
		OSSL_PARAM_construct_end(),
	};

	key_log_find("CLIENT_RANDOM", master);
	SSL_get_server_random(p->server, seed + 13, 32);
	SSL_get_client_random(p->server, seed + 45, 32);
	assert_int_equal(EVP_KDF_derive(ctx, block, sizeof(block), params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(algorithm);
	memcpy(up->secret, at, key);
	memcpy(down->secret, at += key, key);
	memcpy(up->iv, at += key, iv);
	memcpy(down->iv, at + iv, iv);
	up->sequence = 1; // Finished was 0
	down->sequence = 1;
}

static void take_place(
	const struct pair *p, const struct kind *kind, bool is_client, struct tls_records *t)
{
	struct tls_secret up = {0}, down = {0};

	if (kind->version == TLS_VERSION_1_3) {
		key_log_find("CLIENT_TRAFFIC_SECRET_0", up.secret);
		key_log_find("SERVER_TRAFFIC_SECRET_0", down.secret);
	} else {
		key_block(p, kind, &up, &down);
	}
	assert_int_equal(tls_records_init(&rig, is_client, kind->version, kind->suite,
				 is_client ? &down : &up, is_client ? &up : &down, t),
		0);
}

static void to_us(SSL *peer, struct tls_records *t)
{
	int n = BIO_read(SSL_get_wbio(peer), wire, sizeof(wire));

	if (n > 0)
		tls_push(&rig, t,
			rig_chain(
				wire, (uint32_t)n, rig_draw(3) ? 1 + rig_draw(3000) : 40000, true));
}

static void peer_writes(SSL *peer, struct tls_records *t)
{
	uint32_t length = 1 + rig_draw(rig_draw(3) ? 3000 : 60000), got = 0;
	struct buffer *data;
	enum tls_verdict v;

	for (uint32_t i = 0; i < length; i++)
		plain[i] = (uint8_t)rig_draw(256);
	assert_int_equal(SSL_write(peer, plain, (int)length), length);
	to_us(peer, t);
	while ((v = tls_next(&rig, t, &data)) == TLS_DATA)
		got += rig_read(data, opened + got);
	assert_int_equal(v, TLS_WANT_MORE);
	assert_int_equal(got, length);
	assert_memory_equal(opened, plain, length);
}

static void to_peer(SSL *peer, struct buffer *records)
{
	uint32_t n = rig_read(records, wire);

	if (n > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(peer), wire, (int)n), n);
}

static void we_write(SSL *peer, struct tls_records *t)
{
	uint32_t length = 1 + rig_draw(60000), got = 0;
	struct buffer *data, *sealed;

	for (uint32_t i = 0; i < length; i++)
		plain[i] = (uint8_t)rig_draw(256);
	data = rig_chain(plain, length, 1 + rig_draw(50000), true);
	assert_int_equal(tls_seal(&rig, t, 1000 + rig_draw(9000), 0, &data, &sealed), TLS_SEALED);
	to_peer(peer, sealed);
	while (got < length) {
		int n = SSL_read(peer, opened + got, (int)(length - got));

		assert_true(n > 0);
		got += (uint32_t)n;
	}
	assert_memory_equal(opened, plain, length);
}

static void update_some_key(SSL *peer, struct tls_records *t)
{
	switch (rig_draw(5)) {
	case 0:
		assert_int_equal(SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED), 1);
		break;
	case 1:
		assert_int_equal(SSL_key_update(peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		break;
	case 2:
		assert_true(tls_update_key(t, rig_draw(2)));
		break;
	default:
		break;
	}
}

// Half closes, the peer's first.
static void close_both(SSL *peer, struct tls_records *t)
{
	struct buffer *data, *sealed;

	assert_int_equal(SSL_shutdown(peer), 0);
	to_us(peer, t);
	assert_int_equal(tls_next(&rig, t, &data), TLS_CLOSED);
	data = rig_chain(plain, 100, 100, false);
	assert_int_equal(tls_seal(&rig, t, 1460, 0, &data, &sealed), TLS_SEALED);
	to_peer(peer, sealed);
	assert_int_equal(SSL_read(peer, opened, sizeof(opened)), 100);
	assert_int_equal(tls_close(&rig, t, &sealed), TLS_SEALED);
	to_peer(peer, sealed);
	assert_int_equal(SSL_read(peer, opened, sizeof(opened)), 0);
	assert_int_equal(SSL_get_error(peer, 0), SSL_ERROR_ZERO_RETURN);
}

static void run(const struct kind *kind, bool is_client)
{
	bool is_13 = kind->version == TLS_VERSION_1_3;
	struct tls_records t;
	struct buffer *data;
	struct pair p;
	SSL *peer;
	int tickets = is_client && is_13 ? 2 : 0;

	pair_shake(&p, kind, tickets);
	peer = is_client ? p.server : p.client;
	take_place(&p, kind, is_client, &t);
	if (is_13)
		SSL_set_block_padding(peer, rig_draw(2) ? 512 : 0);
	to_us(peer, &t);
	for (int i = 0; i < tickets; i++) {
		assert_int_equal(tls_next(&rig, &t, &data), TLS_MESSAGE);
		rig_read(data, opened);
		assert_int_equal(opened[0], 4);
	}
	assert_int_equal(tls_next(&rig, &t, &data), TLS_WANT_MORE);
	for (int turn = 0; turn < 30; turn++) {
		if (is_13)
			update_some_key(peer, &t);
		peer_writes(peer, &t);
		we_write(peer, &t);
	}
	close_both(peer, &t);
	tls_records_fini(&rig, &t);
	pair_free(&p);
	assert_int_equal(buffer_heap_alive(), 0);
}

static void openssl_understands_us_and_we_it_as_its_client(void **state)
{
	for (uint32_t i = 0; i < nx_array_size(kinds); i++)
		run(&kinds[i], true);
}

static void openssl_understands_us_and_we_it_as_its_server(void **state)
{
	for (uint32_t i = 0; i < nx_array_size(kinds); i++)
		run(&kinds[i], false);
}

static void our_fatal_alert_is_the_error_openssl_reports(void **state)
{
	for (uint32_t i = 0; i < nx_array_size(kinds); i++) {
		struct buffer *sealed;
		struct tls_records t;
		struct pair p;

		pair_shake(&p, &kinds[i], 0);
		take_place(&p, &kinds[i], true, &t);
		assert_int_equal(
			tls_send_alert(&rig, &t, TLS_ALERT_BAD_RECORD_MAC, &sealed), TLS_SEALED);
		to_peer(p.server, sealed);
		int n = SSL_read(p.server, opened, 1);

		assert_true(n <= 0);
		assert_int_equal(SSL_get_error(p.server, n), SSL_ERROR_SSL);
		tls_records_fini(&rig, &t);
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_understands_us_and_we_it_as_its_client),
		cmocka_unit_test(openssl_understands_us_and_we_it_as_its_server),
		cmocka_unit_test(our_fatal_alert_is_the_error_openssl_reports),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
