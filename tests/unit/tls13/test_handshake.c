// SPDX-License-Identifier: BSD-3-Clause
// Both ends of ours with each other: every suite, group and key, and what they agree.
#include "rig.h"

#include "tls13/signature.h"

static struct end client, server;

static void ends(enum rig_kind kind)
{
	rig_client(&client);
	rig_server(&server, kind);
}

static void done(void)
{
	rig_close(&client);
	rig_close(&server);
}

static struct tls13_summary summary_of(struct end *e)
{
	struct tls13_summary s;

	tls13_summary(tls13_stream_engine(e->stream), &s);
	return s;
}

static void every_suite_completes(void **state)
{
	for (uint16_t suite = 0x1301; suite <= 0x1303; suite++) {
		ends(RIG_P256);
		server.config.suites = (struct tls13_list){.values = &suite, .count = 1};
		rig_shake(&client, &server);
		assert_int_equal(summary_of(&client).suite, suite);
		assert_int_equal(summary_of(&server).suite, suite);
		done();
	}
}

static void every_group_completes_and_those_without_a_share_by_a_retry(void **state)
{
	static const uint16_t groups[] = {
		GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256, GROUP_P384, GROUP_P521};

	for (size_t i = 0; i < nx_array_size(groups); i++) {
		ends(RIG_P256);
		server.config.groups = (struct tls13_list){.values = &groups[i], .count = 1};
		rig_shake(&client, &server);
		assert_int_equal(summary_of(&client).group, groups[i]);
		assert_int_equal(summary_of(&server).group, groups[i]);
		assert_int_equal(summary_of(&client).retried, i > 1);
		assert_int_equal(summary_of(&server).retried, i > 1);
		done();
	}
}

static void every_kind_of_key_signs(void **state)
{
	static const uint16_t schemes[RIG_KINDS] = {
		SCHEME_ECDSA_P256, SCHEME_ECDSA_P384, SCHEME_ED25519, SCHEME_PSS_SHA256};

	for (int kind = 0; kind < RIG_KINDS; kind++) {
		ends(kind);
		rig_shake(&client, &server);
		assert_int_equal(summary_of(&client).scheme, schemes[kind]);
		assert_int_equal(summary_of(&client).chain_count, 1);
		done();
	}
}

static void bytes_may_be_cut_anywhere(void **state)
{
	for (size_t step = 1; step < 40; step = step * 2 + 1) {
		ends(RIG_P256);
		rig_open(&client, true);
		rig_open(&server, false);
		rig_talk(&client, &server, step);
		rig_expect(&client, &server, TLS13_OK, TLS13_OK);
		assert_true(tls13_stream_is_complete(client.stream));
		assert_true(tls13_stream_is_complete(server.stream));
		done();
	}
}

static void protocols_and_names_are_agreed(void **state)
{
	static const char *const offered[] = {"h2", "http/1.1"}, *const taken[] = {
									 "spdy", "http/1.1"};

	ends(RIG_P256);
	client.config.alpn = offered;
	client.config.alpn_count = 2;
	server.config.alpn = taken;
	server.config.alpn_count = 2;
	rig_shake(&client, &server);
	assert_string_equal(summary_of(&client).alpn, "http/1.1");
	assert_string_equal(summary_of(&server).alpn, "http/1.1");
	assert_string_equal(summary_of(&server).name, "example.test");
	done();
	ends(RIG_P256);
	client.config.alpn = offered;
	client.config.alpn_count = 1;
	server.config.alpn = taken;
	server.config.alpn_count = 2;
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_PEER_ALERT, TLS13_ALPN_NONE);
	assert_int_equal(
		tls13_stream_peer_alert(client.stream), TLS13_ALERT_NO_APPLICATION_PROTOCOL);
	done();
}

static void exporters_agree_and_depend_on_label_and_context(void **state)
{
	uint8_t a[80], b[80], c[80];

	ends(RIG_P256);
	rig_open(&client, true);
	assert_int_equal(tls13_export(tls13_stream_engine(client.stream), "x", NULL, 0, a, 80),
		TLS13_MISUSE);
	rig_close(&client);
	rig_client(&client);
	rig_shake(&client, &server);
	struct tls13 *us = tls13_stream_engine(client.stream);
	struct tls13 *them = tls13_stream_engine(server.stream);

	assert_int_equal(tls13_export(us, "EXPERIMENTAL x", (const uint8_t *)"1", 1, a, 80), 0);
	assert_int_equal(tls13_export(them, "EXPERIMENTAL x", (const uint8_t *)"1", 1, b, 80), 0);
	assert_memory_equal(a, b, 80);
	assert_int_equal(tls13_export(us, "EXPERIMENTAL x", (const uint8_t *)"2", 1, c, 80), 0);
	assert_memory_not_equal(a, c, 80);
	assert_int_equal(tls13_export(us, "EXPERIMENTAL y", (const uint8_t *)"1", 1, c, 80), 0);
	assert_memory_not_equal(a, c, 80);
	done();
}

static void client_certificates_are_asked_for_and_shown(void **state)
{
	ends(RIG_P256);
	server.config.client_certificate = TLS13_CLIENT_CERTIFICATE_REQUIRED;
	server.config.roots = rig.roots;
	client.identity = rig.identities[RIG_ED25519];
	client.config.identities = &client.identity;
	client.config.identity_count = 1;
	rig_shake(&client, &server);
	assert_int_equal(summary_of(&server).scheme, SCHEME_ED25519);
	assert_int_equal(summary_of(&server).chain_count, 1);
	done();
	ends(RIG_P256);
	server.config.client_certificate = TLS13_CLIENT_CERTIFICATE_OPTIONAL;
	rig_shake(&client, &server);
	assert_int_equal(summary_of(&server).chain_count, 0);
	done();
	ends(RIG_P256);
	server.config.client_certificate = TLS13_CLIENT_CERTIFICATE_REQUIRED;
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	assert_int_equal(server.verdict, TLS13_CERTIFICATE_NEEDED);
	done();
}

static void untrusted(enum tls13_verdict wanted)
{
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, wanted, TLS13_PEER_ALERT);
	assert_int_equal(tls13_stream_peer_alert(server.stream), tls13_verdict_alert(wanted));
	done();
}

static void certificates_are_verified_unless_named_insecure(void **state)
{
	X509_STORE *nobody = X509_STORE_new();

	ends(RIG_P256);
	client.config.roots = nobody;
	untrusted(TLS13_CERTIFICATE_ISSUER);
	ends(RIG_P256);
	client.config.roots = NULL;
	untrusted(TLS13_CERTIFICATE_ISSUER);
	ends(RIG_P256);
	client.start.name = "other.test";
	untrusted(TLS13_CERTIFICATE_NAME);
	ends(RIG_P256);
	client.start.name = "192.0.2.2";
	untrusted(TLS13_CERTIFICATE_NAME);
	ends(RIG_P256);
	client.start.name = "192.0.2.1";
	rig_shake(&client, &server);
	assert_string_equal(summary_of(&server).name, "");
	done();
	ends(RIG_P256);
	client.start.name = "other.test";
	client.config.insecure = true;
	rig_shake(&client, &server);
	done();
	X509_STORE_free(nobody);
}

static void time_is_the_callers(void **state)
{
	size_t taken, n;
	const uint8_t *bytes;

	ends(RIG_P256);
	rig_open(&client, true);
	rig_open(&server, false);
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(tls13_stream_input(server.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
	n = tls13_stream_output(server.stream, &bytes);
	assert_int_equal(tls13_stream_input(client.stream, bytes, n,
				 RIG_NOW_MS + INT64_C(90000) * 1000, &taken),
		TLS13_CERTIFICATE_TIME);
	done();
}

static void browsers_complete_with_packed_certificates(void **state)
{
	static const struct tls13_browser *const browsers[] = {
		&tls13_browser_plain, &tls13_browser_chrome, &tls13_browser_firefox};
	static const uint16_t packings[] = {1, 2, 3};

	for (size_t b = 0; b < nx_array_size(browsers); b++) {
		for (size_t i = 0; i < nx_array_size(packings); i++) {
			ends(RIG_RSA);
			client.config.browser = browsers[b];
			server.config.compressions =
				(struct tls13_list){.values = &packings[i], .count = 1};
			rig_shake(&client, &server);
			assert_int_equal(summary_of(&client).group, GROUP_X25519MLKEM768);
			done();
		}
	}
}

static void key_updates_change_the_keys_and_are_answered(void **state)
{
	struct tls13_stream_key in, out, before;
	const uint8_t *bytes;

	ends(RIG_P256);
	rig_shake(&client, &server);
	tls13_stream_keys(client.stream, &in, &before);
	assert_int_equal(tls13_update_key(tls13_stream_engine(client.stream), true), TLS13_OK);
	tls13_stream_keys(client.stream, &in, &out);
	assert_memory_not_equal(&before.secret, &out.secret, sizeof(out.secret));
	// The peer's engine: update_requested.
	static const uint8_t update[] = {24, 0, 0, 1, 1};

	assert_int_equal(tls13_input(tls13_stream_engine(server.stream), TLS13_APPLICATION, update,
				 sizeof(update), RIG_NOW_MS),
		TLS13_OK);
	tls13_stream_keys(server.stream, &in, &before);
	assert_memory_equal(&in.secret, &out.secret, sizeof(out.secret));
	// Its answer waits in its output, once it is asked to settle.
	size_t taken;

	assert_int_equal(
		tls13_stream_input(server.stream, (const uint8_t *)"", 0, RIG_NOW_MS, &taken),
		TLS13_OK);
	assert_int_equal(tls13_stream_output(server.stream, &bytes), 5 + 5 + 1 + 16);
	done();
}

static void log_line(
	void *user, const char *label, const uint8_t *random, const uint8_t *secret, size_t length)
{
	struct end *e = user;

	strncat(e->key_log, label, sizeof(e->key_log) - strlen(e->key_log) - 1);
	strncat(e->key_log, "\n", sizeof(e->key_log) - strlen(e->key_log) - 1);
}

static void the_key_log_is_silent_unless_asked_for(void **state)
{
	ends(RIG_P256);
	client.events.key_log = log_line;
	rig_shake(&client, &server);
	assert_string_equal(client.key_log,
		"CLIENT_HANDSHAKE_TRAFFIC_SECRET\nSERVER_HANDSHAKE_TRAFFIC_SECRET\n"
		"CLIENT_TRAFFIC_SECRET_0\nSERVER_TRAFFIC_SECRET_0\nEXPORTER_SECRET\n");
	assert_string_equal(server.key_log, "");
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_completes),
		cmocka_unit_test(every_group_completes_and_those_without_a_share_by_a_retry),
		cmocka_unit_test(every_kind_of_key_signs),
		cmocka_unit_test(bytes_may_be_cut_anywhere),
		cmocka_unit_test(protocols_and_names_are_agreed),
		cmocka_unit_test(exporters_agree_and_depend_on_label_and_context),
		cmocka_unit_test(client_certificates_are_asked_for_and_shown),
		cmocka_unit_test(certificates_are_verified_unless_named_insecure),
		cmocka_unit_test(time_is_the_callers),
		cmocka_unit_test(browsers_complete_with_packed_certificates),
		cmocka_unit_test(key_updates_change_the_keys_and_are_answered),
		cmocka_unit_test(the_key_log_is_silent_unless_asked_for),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
