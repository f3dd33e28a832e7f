// SPDX-License-Identifier: BSD-3-Clause
// Both ends of REALITY as threads of the slow path drive them, with a real target between them:
// what they tell their workers, and what a key log has of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "reality/client_engine.h"
#include "reality/engine.h"
#include "slowpath/key_log.h"

enum {
	STREAM = 65536,
	RANDOM_AT = 5 + 4 + 2, // of a hello in its record
	RANDOM = 32,
};

static const char name[] = "www.example.org";
static struct test_certificate files;
static char error[400];

struct stream {
	uint8_t bytes[STREAM];
	size_t length;
};

// A connection: a client, a server, the target that it mirrors.
static struct meeting {
	struct reality_client_profile *client_profile;
	struct reality_profile *server_profile;
	void *client, *server;
	SSL_CTX *target_context;
	SSL *target;
	struct stream from_client;
	uint64_t forwarded;
	struct slow_keys client_keys, server_keys;
	bool client_done, server_done;
} m;

static int64_t unix_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void profiles_make(void)
{
	static const char *const names[] = {name};
	static const uint8_t short_ids[][REALITY_SHORT_ID_BYTES] = {{1, 2, 3}};
	struct reality_settings server = {
		.names = names, .name_count = 1, .short_ids = short_ids, .short_id_count = 1};
	struct reality_client_settings client = {.credential = "out",
		.server_name = name,
		.browser = "chrome",
		.roots = files.certificate,
		.short_id = {1, 2, 3}};
	size_t length = sizeof(client.public_key);
	EVP_PKEY *key;

	memset(server.private_key, 7, sizeof(server.private_key));
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, server.private_key, 32);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, client.public_key, &length), 1);
	EVP_PKEY_free(key);
	assert_int_equal(
		reality_profile_create(&server, &m.server_profile, error, sizeof(error)), 0);
	assert_int_equal(
		reality_client_profile_create(&client, &m.client_profile, error, sizeof(error)), 0);
}

static void open_all(void)
{
	struct slow_open open = {0};

	m = (struct meeting){0};
	profiles_make();
	assert_int_equal(reality_client_kind.create(m.client_profile, &open, &m.client), 0);
	assert_int_equal(reality_server_kind.create(m.server_profile, &open, &m.server), 0);
	reality_client_kind.begin(m.client, unix_ms());
	m.target_context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(
		SSL_CTX_use_certificate_chain_file(m.target_context, files.certificate), 1);
	assert_int_equal(
		SSL_CTX_use_PrivateKey_file(m.target_context, files.key, SSL_FILETYPE_PEM), 1);
	m.target = SSL_new(m.target_context);
	SSL_set_bio(m.target, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(m.target);
}

static void close_all(void)
{
	reality_client_kind.destroy(m.client);
	reality_server_kind.destroy(m.server);
	reality_client_kind.profile_destroy(m.client_profile);
	reality_server_kind.profile_destroy(m.server_profile);
	SSL_free(m.target);
	SSL_CTX_free(m.target_context);
}

static void client_turn(void)
{
	struct slow_message out = {0};
	enum handshake_step step;

	while (!m.client_done &&
		(step = reality_client_kind.next(m.client, &out)) != HANDSHAKE_WAITS) {
		m.client_done = step != HANDSHAKE_ACTS;
		if (out.kind == SLOW_KEYS) {
			m.client_keys = out.keys;
			return;
		}
		assert_int_equal(out.kind, SLOW_SEND);
		memcpy(m.from_client.bytes + m.from_client.length, out.data, out.length);
		m.from_client.length += out.length;
		reality_server_kind.input(m.server, SLOW_CLIENT, out.data, out.length, unix_ms());
		memset(&out, 0, sizeof(out));
	}
}

static void forward(uint64_t until)
{
	int n = (int)(until - m.forwarded);

	assert_int_equal(
		BIO_write(SSL_get_rbio(m.target), m.from_client.bytes + m.forwarded, n), n);
	m.forwarded = until;
}

static void server_turn(void)
{
	struct slow_message out = {0};
	enum handshake_step step;

	while (!m.server_done &&
		(step = reality_server_kind.next(m.server, &out)) != HANDSHAKE_WAITS) {
		m.server_done = step != HANDSHAKE_ACTS;
		if (out.kind == SLOW_FORWARD)
			forward(out.offset);
		else if (out.kind == SLOW_SEND)
			reality_client_kind.input(
				m.client, SLOW_TARGET, out.data, out.length, unix_ms());
		else if (out.kind == SLOW_KEYS)
			m.server_keys = out.keys;
		else
			fail_msg("the server gave up with message %u", out.kind);
		memset(&out, 0, sizeof(out));
	}
}

static void target_turn(void)
{
	uint8_t bytes[16384];
	int n;

	(void)SSL_do_handshake(m.target);
	n = BIO_read(SSL_get_wbio(m.target), bytes, sizeof(bytes));
	if (n > 0)
		reality_server_kind.input(m.server, SLOW_TARGET, bytes, (size_t)n, unix_ms());
}

static void meet(void)
{
	open_all();
	for (int i = 0; i < 20 && !(m.client_done && m.server_done); i++) {
		client_turn();
		server_turn();
		target_turn();
		server_turn();
	}
	assert_int_equal(m.client_keys.version, 0x0304);
	assert_int_equal(m.server_keys.version, 0x0304);
}

static void both_ends_tell_of_the_name(void **state)
{
	meet();
	assert_int_equal(m.client_keys.suite, m.server_keys.suite);
	assert_memory_equal(m.client_keys.in.secret, m.server_keys.out.secret, SLOW_SECRET_BYTES);
	assert_string_equal(m.server_keys.names.server_name, name);
	assert_string_equal(m.client_keys.names.server_name, name);
	// The server's likeness of the target says nothing of protocols.
	assert_string_equal(m.server_keys.names.protocol, "");
	assert_string_equal(m.client_keys.names.protocol, "");
	close_all();
}

// How often text has this; from its next occurrence on.
static uint32_t count(const char *text, const char *what)
{
	uint32_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void hex_of(const uint8_t *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void log_read(const char *path, char text[8192])
{
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, 8191, file)] = '\0';
	fclose(file);
}

static void both_ends_write_the_key_log(void **state)
{
	static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
		"SERVER_TRAFFIC_SECRET_0"};
	char path[128], text[8192], random[2 * RANDOM + 1], line[256], secret[65];
	struct stat s;

	snprintf(path, sizeof(path), "%s/log", files.folder);
	assert_int_equal(key_log_open(path), 0);
	meet();
	assert_int_equal(key_log_open(NULL), 0);
	log_read(path, text);
	hex_of(m.from_client.bytes + RANDOM_AT, RANDOM, random);
	for (size_t i = 0; i < nx_array_size(labels); i++) {
		snprintf(line, sizeof(line), "%s %s ", labels[i], random);
		assert_int_equal(count(text, line), 2);
	}
	hex_of(m.client_keys.out.secret, 32, secret);
	snprintf(line, sizeof(line), "CLIENT_TRAFFIC_SECRET_0 %s %s", random, secret);
	assert_int_equal(count(text, line), 2);
	hex_of(m.server_keys.out.secret, 32, secret);
	snprintf(line, sizeof(line), "SERVER_TRAFFIC_SECRET_0 %s %s", random, secret);
	assert_int_equal(count(text, line), 2);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	close_all();
	// Off again: nothing is added.
	meet();
	close_all();
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_size, strlen(text));
	unlink(path);
}

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org", &files);
	return 0;
}

static int tear_down(void **state)
{
	test_certificate_remove(&files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_tell_of_the_name),
		cmocka_unit_test(both_ends_write_the_key_log),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
