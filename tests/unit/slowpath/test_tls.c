// SPDX-License-Identifier: BSD-3-Clause
// Profiles and handshakes against OpenSSL's own client, over memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "certificate.h"
#include "peer.h"

static struct test_certificate files[2];
static struct tls_profile *profile;
static char error[400];

static int set_up(void **state)
{
	static const char *const protocols[] = {"h2", "http/1.1"};
	struct tls_certificate certificates[2];

	test_certificate_make("DNS:www.example.org,DNS:*.example.net", &files[0]);
	test_certificate_make("DNS:shop.example.net", &files[1]);
	for (int i = 0; i < 2; i++)
		certificates[i] = (struct tls_certificate){
			.name = i ? "shop" : "www",
			.certificate = files[i].certificate,
			.key = files[i].key,
			.alpn = protocols,
			.alpn_count = 2,
			.min_version = i ? TLS1_2_VERSION : TLS1_3_VERSION,
		};
	return tls_profile_create(certificates, 2, NULL, &profile, error, sizeof(error));
}

static int tear_down(void **state)
{
	tls_profile_destroy(profile);
	test_certificate_remove(&files[0]);
	test_certificate_remove(&files[1]);
	return 0;
}

static void exact_names_go_before_wildcards(void **state)
{
	assert_int_equal(tls_profile_select(profile, "www.example.org"), 0);
	assert_int_equal(tls_profile_select(profile, "shop.example.net"), 1);
	assert_int_equal(tls_profile_select(profile, "SHOP.example.NET"), 1);
	assert_int_equal(tls_profile_select(profile, "other.example.net"), 0);
	assert_int_equal(tls_profile_select(profile, "example.net"), 0);
	assert_int_equal(tls_profile_select(profile, "nobody"), 0);
	assert_int_equal(tls_profile_select(profile, ""), 0);
	assert_int_equal(tls_profile_select(profile, NULL), 0);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
	struct tls_certificate c = {
		.name = "www", .certificate = files[0].certificate, .key = files[0].key};
	struct tls_profile *p = NULL;

	assert_int_equal(chmod(files[0].key, 0640), 0);
	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -EACCES);
	assert_non_null(strstr(error, "chmod 600"));
	assert_int_equal(chmod(files[0].key, 0600), 0);
	c.key = files[1].key;
	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, files[1].key));
	c.key = "/nonexistent/key";
	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -ENOENT);
	c.key = files[0].key;
	c.certificate = files[0].key;
	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), -EINVAL);
	assert_null(p);
}

static void one(int version, const char *suites, size_t piece, uint16_t suite)
{
	struct tls_handshake *h;
	struct slow_keys keys;
	struct peer p;
	uint64_t sent = 0, offset;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, version, suites, "shop.example.net", NULL);
	assert_int_equal(peer_shake(&p, h, piece, &sent), TLS_HANDSHAKE_DONE);
	tls_handshake_keys(h, &keys, &offset);
	assert_int_equal(keys.version, version);
	assert_int_equal(keys.suite, suite);
	assert_false(keys.is_client);
	assert_true(keys.is_itself);
	assert_string_equal(keys.names.server_name, "shop.example.net");
	assert_string_equal(keys.names.protocol, "");
	// TLS 1.3 sends two tickets; of TLS 1.2 the Finished was a record of the new keys.
	assert_int_equal(keys.out.sequence, version == TLS1_3_VERSION ? 2 : 1);
	assert_int_equal(keys.in.sequence, version == TLS1_3_VERSION ? 0 : 1);
	// The client's first data of TLS 1.3 came with its Finished, and is left alone.
	assert_true(offset < sent || version != TLS1_3_VERSION);
	assert_int_equal(SSL_version(p.ssl), version);
	assert_memory_not_equal(keys.in.secret, keys.out.secret, 16);
	peer_close(&p);
	tls_handshake_destroy(h);
}

// What the client asked for as it wrote it, with none of our names; and nothing where it did not.
static void the_worker_is_told_of_names(void **state)
{
	static const struct {
		const char *host, *offer, *protocol;
	} samples[] = {{"www.example.org", "\x08http/1.1\x02h2", "h2"},
		{"Unknown.example.com", "\x08http/1.1", "http/1.1"}, {NULL, NULL, ""}};

	for (size_t i = 0; i < nx_array_size(samples); i++) {
		const char *offer = samples[i].offer;
		struct tls_handshake *h;
		struct slow_keys keys;
		struct peer p;
		uint64_t sent = 0, offset;

		assert_int_equal(tls_handshake_create(profile, &h), 0);
		peer_open(&p, TLS1_3_VERSION, NULL, samples[i].host, NULL);
		assert_int_equal(SSL_set_alpn_protos(p.ssl, (const uint8_t *)offer,
					 offer ? (unsigned int)strlen(offer) : 0),
			0);
		assert_int_equal(peer_shake(&p, h, 4096, &sent), TLS_HANDSHAKE_DONE);
		tls_handshake_keys(h, &keys, &offset);
		assert_string_equal(keys.names.server_name, samples[i].host ? samples[i].host : "");
		assert_string_equal(keys.names.protocol, samples[i].protocol);
		peer_close(&p);
		tls_handshake_destroy(h);
	}
}

static void every_suite_gives_keys(void **state)
{
	one(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 4096, 0x1301);
	one(TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", 4096, 0x1302);
	one(TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", 4096, 0x1303);
	one(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 4096, 0xc02b);
	one(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", 4096, 0xc02c);
	one(TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", 4096, 0xcca9);
}

static void bytes_may_come_in_any_pieces(void **state)
{
	for (size_t piece = 1; piece < 9; piece++) {
		one(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", piece, 0x1301);
		one(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", piece, 0xc02b);
	}
}

static enum tls_handshake_state outcome(int version, const char *host)
{
	enum tls_handshake_state state;
	struct tls_handshake *h;
	struct peer p;
	uint64_t sent = 0;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, version, NULL, host, NULL);
	state = peer_shake(&p, h, 4096, &sent);
	peer_close(&p);
	tls_handshake_destroy(h);
	return state;
}

static void the_least_version_is_that_of_the_name(void **state)
{
	// The first credential asks for 1.3, the other for 1.2.
	assert_int_equal(outcome(TLS1_2_VERSION, "www.example.org"), TLS_HANDSHAKE_FAILED);
	assert_int_equal(outcome(TLS1_2_VERSION, "nobody.example.com"), TLS_HANDSHAKE_FAILED);
	assert_int_equal(outcome(TLS1_2_VERSION, NULL), TLS_HANDSHAKE_FAILED);
	assert_int_equal(outcome(TLS1_2_VERSION, "Shop.example.net"), TLS_HANDSHAKE_DONE);
	assert_int_equal(outcome(TLS1_3_VERSION, "www.example.org"), TLS_HANDSHAKE_DONE);
	assert_int_equal(outcome(TLS1_3_VERSION, "shop.example.net"), TLS_HANDSHAKE_DONE);
	assert_int_equal(outcome(TLS1_3_VERSION, NULL), TLS_HANDSHAKE_DONE);
}

static void no_common_suite_is_an_alert(void **state)
{
	struct tls_handshake *h;
	struct peer p;
	uint64_t sent = 0;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", "shop.example.net", NULL);
	assert_int_equal(peer_shake(&p, h, 4096, &sent), TLS_HANDSHAKE_FAILED);
	assert_true(strlen(tls_handshake_reason(h)) > 0);
	assert_true(SSL_do_handshake(p.ssl) <= 0);
	assert_int_equal(SSL_get_error(p.ssl, -1), SSL_ERROR_SSL);
	peer_close(&p);
	tls_handshake_destroy(h);
}

static void what_is_no_record_fails_at_once(void **state)
{
	static const uint8_t samples[][5] = {"GET /", {22, 2, 3, 0, 9}, {22, 3, 1, 0, 0},
		{22, 3, 1, 0x41, 1}, {24, 3, 3, 0, 9}, {0}};

	for (size_t i = 0; i < nx_array_size(samples); i++) {
		struct tls_handshake *h;

		assert_int_equal(tls_handshake_create(profile, &h), 0);
		assert_int_equal(tls_handshake_input(h, samples[i], 4), TLS_HANDSHAKE_GOES_ON);
		assert_int_equal(tls_handshake_input(h, samples[i] + 4, 1), TLS_HANDSHAKE_FAILED);
		assert_int_equal(tls_handshake_input(h, samples[i], 5), TLS_HANDSHAKE_FAILED);
		tls_handshake_destroy(h);
	}
}

static void a_handshake_without_end_is_cut(void **state)
{
	// A ClientHello that announces 16 MiB, in records of 16 KiB.
	uint8_t record[5 + 16384] = {22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, 3, 3};
	struct tls_handshake *h;
	int records = 0;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	while (tls_handshake_input(h, record, sizeof(record)) == TLS_HANDSHAKE_GOES_ON)
		assert_true(++records < 4);
	tls_handshake_destroy(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_names_go_before_wildcards),
		cmocka_unit_test(a_key_that_others_can_read_is_refused),
		cmocka_unit_test(every_suite_gives_keys),
		cmocka_unit_test(the_worker_is_told_of_names),
		cmocka_unit_test(bytes_may_come_in_any_pieces),
		cmocka_unit_test(the_least_version_is_that_of_the_name),
		cmocka_unit_test(no_common_suite_is_an_alert),
		cmocka_unit_test(what_is_no_record_fails_at_once),
		cmocka_unit_test(a_handshake_without_end_is_cut),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
