// SPDX-License-Identifier: BSD-3-Clause
// Our key derivations inside OpenSSL against OpenSSL's own, and the secrets they note.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "certificate.h"
#include "peer.h"
#include "slowpath/tls/derivation.h"

enum {
	PARAMETERS = 12
};

static uint8_t noise[256]; // bytes to derive from

static bool derive(OSSL_LIB_CTX *library, const char *properties, const char *name,
	const OSSL_PARAM *params, uint8_t *out, size_t length)
{
	EVP_KDF *kdf = EVP_KDF_fetch(library, name, properties);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	bool made;

	assert_non_null(context);
	made = EVP_KDF_derive(context, out, length, params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return made;
}

static bool ours(const char *name, const OSSL_PARAM *params, uint8_t *out, size_t length)
{
	return derive(tls_library(), "provider=nexpath", name, params, out, length);
}

static void both_agree(const char *name, const OSSL_PARAM *params, size_t length)
{
	uint8_t a[256] = {1}, b[256] = {2};

	assert_true(ours(name, params, a, length));
	assert_true(derive(NULL, "provider=default", name, params, b, length));
	assert_memory_equal(a, b, length);
}

static OSSL_PARAM octets(const char *key, size_t from, size_t length)
{
	return OSSL_PARAM_construct_octet_string(key, noise + from, length);
}

static OSSL_PARAM text(const char *key, const char *value)
{
	return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)value, strlen(value));
}

static OSSL_PARAM digest(const char *name)
{
	return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)name, 0);
}

static const struct {
	const char *digest;
	size_t bytes;
} hashes[] = {{"SHA256", 32}, {"SHA2-256", 32}, {"SHA384", 48}, {"SHA2-384", 48}};

static void expanding_agrees_with_openssl(void **state)
{
	static const char *const labels[] = {"key", "iv", "finished", "c hs traffic", "res binder"};
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;

	for (size_t h = 0; h < nx_array_size(hashes); h++) {
		for (size_t l = 0; l < nx_array_size(labels); l++) {
			OSSL_PARAM with[PARAMETERS] = {
				OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
				digest(hashes[h].digest),
				octets(OSSL_KDF_PARAM_KEY, 7 * l, hashes[h].bytes),
				text(OSSL_KDF_PARAM_PREFIX, "tls13 "),
				text(OSSL_KDF_PARAM_LABEL, labels[l]),
				octets(OSSL_KDF_PARAM_DATA, 100, hashes[h].bytes),
				OSSL_PARAM_construct_end(),
			};

			for (size_t length = 1; length <= hashes[h].bytes; length++)
				both_agree("TLS13-KDF", with, length);
			with[5] = OSSL_PARAM_construct_end();
			both_agree("TLS13-KDF", with, 12);
		}
	}
}

static void extracting_agrees_with_openssl(void **state)
{
	int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;

	for (size_t h = 0; h < nx_array_size(hashes); h++) {
		// The first secret of a connection, with and without a pre-shared key; and those
		// that follow, of a key exchange and of none.
		for (int from = 0; from < 4; from++) {
			OSSL_PARAM params[PARAMETERS] = {
				OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
				digest(hashes[h].digest),
				text(OSSL_KDF_PARAM_PREFIX, "tls13 "),
				text(OSSL_KDF_PARAM_LABEL, "derived"),
			};
			size_t n = 4;

			if (from & 1)
				params[n++] = octets(
					OSSL_KDF_PARAM_KEY, 3, from == 3 ? 32 : hashes[h].bytes);
			if (from & 2)
				params[n++] = octets(OSSL_KDF_PARAM_SALT, 90, hashes[h].bytes);
			params[n] = OSSL_PARAM_construct_end();
			both_agree("TLS13-KDF", params, hashes[h].bytes);
		}
	}
}

static void the_prf_agrees_with_openssl(void **state)
{
	for (size_t h = 0; h < nx_array_size(hashes); h++) {
		for (size_t length = 1; length < 200; length += 13) {
			OSSL_PARAM params[PARAMETERS] = {
				digest(hashes[h].digest),
				octets(OSSL_KDF_PARAM_SECRET, 1, length < 100 ? 32 : 48),
				text(OSSL_KDF_PARAM_SEED, "master secret"),
				octets(OSSL_KDF_PARAM_SEED, 50, 32),
				octets(OSSL_KDF_PARAM_SEED, 82, 0),
				octets(OSSL_KDF_PARAM_SEED, 82, 32),
				OSSL_PARAM_construct_end(),
			};

			both_agree("TLS1-PRF", params, length);
		}
	}
}

static void what_no_suite_asks_for_is_refused(void **state)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, unknown = 7;
	uint8_t out[64];
	OSSL_PARAM good[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), digest("SHA256"),
		octets(OSSL_KDF_PARAM_KEY, 0, 32), text(OSSL_KDF_PARAM_LABEL, "key"),
		octets(OSSL_KDF_PARAM_DATA, 0, 32), OSSL_PARAM_construct_end()};
	const struct {
		size_t at;
		OSSL_PARAM instead;
	} wrong[] = {
		{0, OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &unknown)},
		{1, digest("SHA512")},
		{2, octets(OSSL_KDF_PARAM_KEY, 0, 31)},
		{2, octets(OSSL_KDF_PARAM_SALT, 0, 32)},
		{3, text(OSSL_KDF_PARAM_LABEL, "a label beyond TLS's")},
		{4, octets(OSSL_KDF_PARAM_DATA, 0, 49)},
	};

	assert_true(ours("TLS13-KDF", good, out, 32));
	assert_false(ours("TLS13-KDF", good, out, 33));
	for (size_t i = 0; i < nx_array_size(wrong); i++) {
		OSSL_PARAM params[nx_array_size(good)];

		memcpy(params, good, sizeof(good));
		params[wrong[i].at] = wrong[i].instead;
		assert_false(ours("TLS13-KDF", params, out, 16));
	}
	assert_false(ours("TLS1-PRF", good, out, 16));
}

static char logged_client[2 * TLS_TRAFFIC_SECRET_BYTES + 1];
static char logged_server[2 * TLS_TRAFFIC_SECRET_BYTES + 1];

static void on_line(const SSL *ssl, const char *line)
{
	sscanf(line, "CLIENT_TRAFFIC_SECRET_0 %*s %96s", logged_client);
	sscanf(line, "SERVER_TRAFFIC_SECRET_0 %*s %96s", logged_server);
}

static void hex_equal(const uint8_t *secret, const char *hex, size_t length)
{
	char text[2 * TLS_TRAFFIC_SECRET_BYTES + 1] = "";

	for (size_t i = 0; i < length; i++)
		sprintf(text + 2 * i, "%02x", secret[i]);
	assert_string_equal(text, hex);
}

// Two handshakes on one thread: each has its own secrets, those that its peer has.
static void secrets_go_to_the_handshake_under_way(void **state)
{
	static const char *const suites[] = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"};
	struct test_certificate files;
	struct tls_profile *profile;
	struct tls_handshake *h[2];
	struct slow_keys keys;
	struct peer p[2];
	char error[400];
	uint64_t offset, sent = 0;

	test_certificate_make("DNS:www.example.org", &files);
	assert_int_equal(tls_profile_create(&(struct tls_certificate){.name = "www",
						    .certificate = files.certificate,
						    .key = files.key},
				 1, NULL, &profile, error, sizeof(error)),
		0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tls_handshake_create(profile, &h[i]), 0);
		peer_open(&p[i], TLS1_3_VERSION, suites[i], "www.example.org", NULL);
		SSL_CTX_set_keylog_callback(p[i].context, on_line);
	}
	for (int i = 0; i < 2; i++) {
		size_t bytes = i == 0 ? 48 : 32;

		assert_int_equal(peer_shake(&p[i], h[i], 1000, &sent), TLS_HANDSHAKE_DONE);
		tls_handshake_keys(h[i], &keys, &offset);
		hex_equal(keys.in.secret, logged_client, bytes);
		hex_equal(keys.out.secret, logged_server, bytes);
	}
	for (int i = 0; i < 2; i++) {
		peer_close(&p[i]);
		tls_handshake_destroy(h[i]);
	}
	tls_profile_destroy(profile);
	test_certificate_remove(&files);
}

static void nothing_is_noted_where_nobody_watches(void **state)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	struct tls_secrets secrets = {};
	OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		digest("SHA256"), octets(OSSL_KDF_PARAM_KEY, 0, 32),
		text(OSSL_KDF_PARAM_LABEL, "c ap traffic"), octets(OSSL_KDF_PARAM_DATA, 0, 32),
		OSSL_PARAM_construct_end()};
	uint8_t out[32];

	assert_true(ours("TLS13-KDF", params, out, 32));
	derivation_watch(&secrets);
	assert_true(ours("TLS13-KDF", params, out, 32));
	derivation_watch(NULL);
	assert_true(secrets.has_client);
	assert_false(secrets.has_server || secrets.has_block);
	assert_memory_equal(secrets.client, out, 32);
	memset(&secrets, 0, sizeof(secrets));
	assert_true(ours("TLS13-KDF", params, out, 32));
	assert_false(secrets.has_client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expanding_agrees_with_openssl),
		cmocka_unit_test(extracting_agrees_with_openssl),
		cmocka_unit_test(the_prf_agrees_with_openssl),
		cmocka_unit_test(what_no_suite_asks_for_is_refused),
		cmocka_unit_test(secrets_go_to_the_handshake_under_way),
		cmocka_unit_test(nothing_is_noted_where_nobody_watches),
	};

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 151 + 7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
