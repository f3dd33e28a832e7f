// SPDX-License-Identifier: BSD-3-Clause
// Hellos by table: their fingerprints are the browsers' known ones, their keys are right, and a
// session id that is sealed is what is sent. test_browsers.c has their bytes.
#include "rig.h"

#include "tls13/hello.h"

static struct end client;
static uint8_t hello[4096];

// A first hello's message, without its record header.
static size_t make(const struct tls13_browser *browser)
{
	const uint8_t *bytes;
	size_t n;

	rig_client(&client);
	client.config.browser = browser;
	rig_open(&client, true);
	n = tls13_stream_output(client.stream, &bytes) - 5;
	assert_in_range(n, 100, sizeof(hello));
	memcpy(hello, bytes + 5, n);
	rig_close(&client);
	return n;
}

static void parse(size_t n, struct client_hello *h)
{
	assert_int_equal(client_hello_parse(cursor_over(hello + 4, n - 4), h), TLS13_OK);
}

static int ascending(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

// The first 12 digits of SHA-256 of a list of numbers in hexadecimal, sorted, GREASE left out, and
// of what follows them.
static void digest(uint16_t *values, size_t count, const char *behind, char out[13])
{
	char text[1024] = "";
	uint8_t hash[32];
	size_t used = 0;

	qsort(values, count, sizeof(*values), ascending);
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%04x", used ? "," : "", values[i]);
	}
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", behind);
	EVP_Digest(text, used, hash, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 6; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", hash[i]);
}

static size_t numbers(struct cursor list, uint16_t *out)
{
	size_t n = 0;
	uint16_t value;

	while (cursor_take_u16(&list, &value)) {
		if (!is_grease(value))
			out[n++] = value;
	}
	return n;
}

// Types of the extensions in the order they stand in.
static size_t types(size_t n, uint16_t *out)
{
	struct cursor c = cursor_over(hello + 4, n - 4), list = {0}, body;
	size_t count = 0;

	assert_true(cursor_skip(&c, 34) && cursor_take_vector(&c, 1, &body) &&
		    cursor_take_vector(&c, 2, &body) && cursor_take_vector(&c, 1, &body) &&
		    cursor_take_vector(&c, 2, &list));
	while (cursor_take_u16(&list, &out[count]) && cursor_take_vector(&list, 2, &body))
		count++;
	return count;
}

// The two hashes of JA4, which leaves SNI and ALPN out of the second.
static void fingerprint(size_t n, char suites[13], char extensions[13])
{
	uint16_t values[64], kept[64];
	char schemes[256] = "_";
	struct client_hello h;
	size_t count, used = 1, k = 0;

	parse(n, &h);
	digest(values, numbers(h.suites, values), "", suites);
	count = numbers(h.schemes, values);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(
			schemes + used, sizeof(schemes) - used, "%s%04x", i ? "," : "", values[i]);
	count = types(n, values);
	for (size_t i = 0; i < count; i++) {
		if (!is_grease(values[i]) && values[i] != EXTENSION_SERVER_NAME &&
			values[i] != EXTENSION_ALPN)
			kept[k++] = values[i];
	}
	digest(kept, k, schemes, extensions);
}

static void fingerprints_are_the_browsers_known_ones(void **state)
{
	char suites[13], extensions[13];

	fingerprint(make(&tls13_browser_chrome), suites, extensions);
	assert_string_equal(suites, "8daaf6152771");
	assert_string_equal(extensions, "cb7bf5808d99");
	fingerprint(make(&tls13_browser_firefox), suites, extensions);
	assert_string_equal(suites, "8daaf6152771");
	assert_string_equal(extensions, "3cbfd9057e0d");
}

static void no_table_offers_early_data_or_authentication_behind_the_handshake(void **state)
{
	enum {
		POST_HANDSHAKE_AUTH = 49,
	};
	static const struct tls13_browser *const tables[] = {&tls13_browser_plain,
		&tls13_browser_unstapled, &tls13_browser_chrome, &tls13_browser_firefox};
	uint16_t sent[32];

	for (size_t i = 0; i < nx_array_size(tables); i++) {
		size_t n = types(make(tables[i]), sent);

		for (size_t k = 0; k < n; k++) {
			assert_int_not_equal(sent[k], EXTENSION_EARLY_DATA);
			assert_int_not_equal(sent[k], POST_HANDSHAKE_AUTH);
		}
	}
}

static void firefox_has_one_x25519_key_in_two_shares_and_chrome_two(void **state)
{
	struct client_hello h;
	struct cursor hybrid, plain;

	parse(make(&tls13_browser_firefox), &h);
	assert_true(client_hello_share(&h, GROUP_X25519MLKEM768, &hybrid));
	assert_true(client_hello_share(&h, GROUP_X25519, &plain));
	assert_int_equal(cursor_left(&hybrid), 1216);
	assert_memory_equal(hybrid.end - 32, plain.p, 32);
	assert_true(client_hello_share(&h, GROUP_P256, &plain));
	parse(make(&tls13_browser_chrome), &h);
	assert_true(client_hello_share(&h, GROUP_X25519MLKEM768, &hybrid));
	assert_true(client_hello_share(&h, GROUP_X25519, &plain));
	assert_memory_not_equal(hybrid.end - 32, plain.p, 32);
}

static bool seal(void *user, uint8_t *message, size_t length, const uint8_t x25519[X25519_BYTES])
{
	uint8_t *key = user;

	memcpy(key, x25519, X25519_BYTES);
	memset(message + 39, 0xa5, 32);
	return true;
}

static void a_sealed_session_id_is_what_goes_out_and_into_the_transcript(void **state)
{
	uint8_t key[X25519_BYTES], public_key[32], sealed[32];
	size_t length = 32;
	struct client_hello h;
	struct cursor share;
	struct end server;
	const uint8_t *bytes;
	size_t n;
	EVP_PKEY *pair;

	rig_client(&client);
	client.config.browser = &tls13_browser_chrome;
	client.events.seal_hello = seal;
	client.events.user = key;
	client.events.ticket = NULL;
	rig_server(&server, RIG_P256);
	rig_open(&client, true);
	n = tls13_stream_output(client.stream, &bytes) - 5;
	memcpy(hello, bytes + 5, n);
	memset(sealed, 0xa5, sizeof(sealed));
	assert_memory_equal(hello + 39, sealed, 32);
	parse(n, &h);
	assert_true(client_hello_share(&h, GROUP_X25519, &share));
	pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, sizeof(key));
	EVP_PKEY_get_raw_public_key(pair, public_key, &length);
	assert_memory_equal(share.p, public_key, 32);
	EVP_PKEY_free(pair);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_OK, TLS13_OK);
	assert_true(tls13_stream_is_complete(client.stream));
	rig_close(&client);
	rig_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints_are_the_browsers_known_ones),
		cmocka_unit_test(no_table_offers_early_data_or_authentication_behind_the_handshake),
		cmocka_unit_test(firefox_has_one_x25519_key_in_two_shares_and_chrome_two),
		cmocka_unit_test(a_sealed_session_id_is_what_goes_out_and_into_the_transcript),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
