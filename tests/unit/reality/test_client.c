// SPDX-License-Identifier: BSD-3-Clause
// What our client makes of certificates that are not the server's, and the second signature.
#include "world.h"

#include "reality/admit.h"

static const uint8_t seed[REALITY_MLDSA_SEED_BYTES] = {1, 2, 3};

static void connect_once(void)
{
	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
}

static void a_trusted_certificate_is_the_targets(void **state)
{
	world_target(RIG_P256, NULL, NULL);
	w.client_config.short_id[0] ^= 1;
	connect_once();
	assert_int_equal(w.client_result, REALITY_CLIENT_REAL_CERTIFICATE);
	// The handshake is over, as a browser's would be.
	assert_true(SSL_is_init_finished(w.target));
	world_close();
	w.client_config.short_id[0] ^= 1;
	SSL_CTX_free(w.target_context);
}

// Answers our client's hello with a proof in which the year of both times is another, and tells of
// how many certificates X.509 was asked.
static size_t certificates_read(char year)
{
	uint8_t der[REALITY_CERTIFICATE_BYTES], *at;
	struct reality_client_config config = w.client_config;
	struct reality_admission admission;
	struct reality_proof proof = {.library = rig.library, .key = admission.key};
	struct tls13_summary summary;
	struct tls13_identity *made;
	struct reality_client *c;
	struct end server;
	const uint8_t *bytes;
	size_t n, taken;

	config.browser = &tls13_browser_plain;
	assert_int_equal(reality_client_create(&config, &c), 0);
	assert_int_equal(reality_client_begin(c, w.now_ms), REALITY_CLIENT_TALKING);
	n = tls13_stream_output(reality_client_stream(c), &bytes);
	assert_int_equal(
		reality_admit(w.credential, cursor_over(bytes + 5, n - 5), w.now_ms, &admission),
		REALITY_AUTHENTICATED);
	reality_certificate_write(w.credential->temporary_public, false, der);
	assert_true(reality_certificate_sign(&proof, w.credential->temporary_public, NULL, der));
	for (at = der; (at = memmem(at, sizeof(der) - (size_t)(at - der), "0001", 4)); at += 15)
		at[3] = (uint8_t)year;
	assert_int_equal(
		tls13_identity_create_raw(w.credential->temporary_key, der, sizeof(der), &made), 0);
	rig_server(&server, RIG_ED25519);
	server.identity = made;
	rig_open(&server, false);
	assert_int_equal(tls13_stream_input(server.stream, bytes, n, w.now_ms, &taken), TLS13_OK);
	n = tls13_stream_output(server.stream, &bytes);
	assert_int_equal(reality_client_input(c, bytes, n, w.now_ms, &taken), REALITY_CLIENT_OPEN);
	tls13_summary(tls13_stream_engine(reality_client_stream(c)), &summary);
	rig_close(&server);
	tls13_identity_destroy(made);
	reality_client_destroy(c);
	return summary.chain_count;
}

static void a_proof_in_other_bytes_than_ours_is_one_too(void **state)
{
	assert_int_equal(certificates_read('1'), 0);
	assert_int_equal(certificates_read('2'), 1);
}

static void any_other_is_a_forgery(void **state)
{
	static const char *const names[] = {"other.test", "example.test"};

	world_target(RIG_P256, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		w.client_config.short_id[0] ^= 1;
		w.client_config.roots = i == 0 ? NULL : rig.roots;
		w.client_config.name = names[i == 0];
		connect_once();
		assert_int_equal(w.client_result, REALITY_CLIENT_FOREIGN_CERTIFICATE);
		assert_int_equal(reality_client_verdict(w.client),
			i == 0 ? TLS13_CERTIFICATE_ISSUER : TLS13_CERTIFICATE_NAME);
		assert_false(SSL_is_init_finished(w.target));
		world_close();
		w.client_config.short_id[0] ^= 1;
	}
	w.client_config.name = "example.test";
	SSL_CTX_free(w.target_context);
}

static void a_target_that_retries_is_told_apart_too(void **state)
{
	world_target(RIG_P256, "P-384", NULL);
	connect_once();
	assert_int_equal(reality_server_result(w.server), REALITY_TARGET_SHAPE);
	assert_int_equal(w.client_result, REALITY_CLIENT_REAL_CERTIFICATE);
	world_close();
	SSL_CTX_free(w.target_context);
}

static void what_ends_early_has_failed(void **state)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
	size_t taken;

	world_target(RIG_P256, NULL, NULL);
	world_open();
	world_client(&tls13_browser_firefox);
	assert_int_equal(reality_client_input(w.client, alert, sizeof(alert), w.now_ms, &taken),
		REALITY_CLIENT_FAILED);
	assert_int_equal(reality_client_verdict(w.client), TLS13_PEER_ALERT);
	world_close();
	SSL_CTX_free(w.target_context);
}

static void configurations_that_carry_no_seal_are_refused(void **state)
{
	static const uint16_t shares[] = {GROUP_P256};
	struct tls13_browser browser = tls13_browser_plain;
	struct reality_client_config config = w.client_config;
	struct reality_client *c;

	config.browser = &browser;
	browser.session_id = false;
	assert_int_equal(reality_client_create(&config, &c), -EINVAL);
	browser = tls13_browser_plain;
	browser.shares = (struct tls13_list){.values = shares, .count = 1};
	assert_int_equal(reality_client_create(&config, &c), -EINVAL);
	config.browser = NULL;
	assert_int_equal(reality_client_create(&config, &c), -EINVAL);
	config = w.client_config;
	config.name = NULL;
	assert_int_equal(reality_client_create(&config, &c), -EINVAL);
	// A key for which no secret exists.
	config = w.client_config;
	memset(config.public_key, 0, sizeof(config.public_key));
	assert_int_equal(reality_client_create(&config, &c), 0);
	assert_int_equal(reality_client_begin(c, w.now_ms), REALITY_CLIENT_FAILED);
	reality_client_destroy(c);
}

static EVP_PKEY *public_of(const uint8_t from[REALITY_MLDSA_SEED_BYTES])
{
	EVP_PKEY *pair = reality_mldsa_from_seed(from), *key;
	uint8_t raw[REALITY_MLDSA_PUBLIC_BYTES];
	size_t n = sizeof(raw);

	assert_int_equal(EVP_PKEY_get_raw_public_key(pair, raw, &n), 1);
	EVP_PKEY_free(pair);
	key = reality_mldsa_from_public(raw, n);
	assert_non_null(key);
	return key;
}

// A chain as long as the second signature wants.
static void long_target(int certificates)
{
	world_target(RIG_RSA, NULL, NULL);
	SSL_CTX_set_mode(w.target_context, SSL_MODE_NO_AUTO_CHAIN);
	for (int i = 0; i < certificates; i++)
		SSL_CTX_add1_chain_cert(w.target_context, rig.root);
}

static void the_second_signature_is_made_and_verified(void **state)
{
	static const uint8_t other[REALITY_MLDSA_SEED_BYTES] = {4};

	if (!reality_mldsa_is_there()) {
		struct randomness random = {0};
		struct reality_credential *c;
		struct reality_settings settings = w.settings;

		settings.mldsa65_seed = seed;
		assert_int_equal(
			reality_credential_create(rig.library, &random, &settings, &c), -ENOTSUP);
		skip();
	}
	w.settings.mldsa65_seed = seed;
	world_credential();
	for (int i = 0; i < 3; i++) {
		w.client_config.mldsa_key = i == 0 ? NULL : public_of(i == 1 ? seed : other);
		long_target(12);
		w.step = i == 1 ? 50 : 0;
		connect_once();
		assert_int_equal(w.client_result,
			i == 2 ? REALITY_CLIENT_FOREIGN_CERTIFICATE : REALITY_CLIENT_OPEN);
		if (i != 2)
			world_exchange();
		world_close();
		EVP_PKEY_free(w.client_config.mldsa_key);
		SSL_CTX_free(w.target_context);
	}
	w.step = 0;
	w.client_config.mldsa_key = NULL;
	w.settings.mldsa65_seed = NULL;
	world_credential();
}

// What has no room in a target's flight is not sent; the target's own patience ends it.
static void a_chain_that_is_too_short_completes_nothing(void **state)
{
	if (!reality_mldsa_is_there())
		skip();
	w.settings.mldsa65_seed = seed;
	world_credential();
	long_target(1);
	connect_once();
	assert_int_equal(w.client_result, REALITY_CLIENT_TALKING);
	assert_int_equal(w.to_client.length, w.from_target.length);
	reality_server_end(w.server);
	assert_int_equal(reality_server_result(w.server), REALITY_BAD_FINISHED);
	world_close();
	SSL_CTX_free(w.target_context);
	w.settings.mldsa65_seed = NULL;
	world_credential();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trusted_certificate_is_the_targets),
		cmocka_unit_test(a_proof_in_other_bytes_than_ours_is_one_too),
		cmocka_unit_test(any_other_is_a_forgery),
		cmocka_unit_test(a_target_that_retries_is_told_apart_too),
		cmocka_unit_test(what_ends_early_has_failed),
		cmocka_unit_test(configurations_that_carry_no_seal_are_refused),
		cmocka_unit_test(the_second_signature_is_made_and_verified),
		cmocka_unit_test(a_chain_that_is_too_short_completes_nothing),
	};

	return cmocka_run_group_tests(tests, world_create, world_destroy);
}
