// SPDX-License-Identifier: BSD-3-Clause
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <time.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "reality/client_engine.h"
#include "reality/engine.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"

static const char name[] = "www.example.org";
static char error[400];

static int64_t unix_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static struct meeting *meeting_new(
	const struct handshake_kind *client, const struct handshake_kind *server)
{
	struct memory memory;
	struct meeting *m;

	assert_int_equal(secret_map(sizeof(*m), &memory), 0);
	m = memory.base;
	m->client_kind = client;
	m->server_kind = server;
	return m;
}

static void begin(struct meeting *m)
{
	struct slow_open open = {0};

	snprintf(open.target, sizeof(open.target), "%s:443", name);
	assert_int_equal(m->client_kind->create(m->client_profile, &open, &m->client), 0);
	assert_int_equal(m->server_kind->create(m->server_profile, &open, &m->server), 0);
	if (m->client_kind->begin)
		m->client_kind->begin(m->client, unix_ms());
}

struct meeting *meeting_tls(const struct test_certificate *files, uint16_t version)
{
	struct meeting *m = meeting_new(&tls_client_kind, &tls_server_kind);
	struct tls_certificate server = {.name = "www",
		.certificate = files->certificate,
		.key = files->key,
		.min_version = TLS1_2_VERSION};
	struct tls_client_settings client = {
		.name = "out", .roots = files->certificate, .min_version = version};
	struct tls_client_profile *client_profile;
	struct tls_profile *server_profile;

	assert_int_equal(
		tls_profile_create(&server, 1, NULL, &server_profile, error, sizeof(error)), 0);
	assert_int_equal(
		tls_client_profile_create(&client, &client_profile, error, sizeof(error)), 0);
	m->server_profile = server_profile;
	m->client_profile = client_profile;
	begin(m);
	return m;
}

static void target_open(struct meeting *m, const struct test_certificate *files)
{
	SSL_CTX *x = m->target_context = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate_chain_file(x, files->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(x, files->key, SSL_FILETYPE_PEM), 1);
	m->target = SSL_new(x);
	SSL_set_bio(m->target, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(m->target);
}

struct meeting *meeting_reality(const struct test_certificate *files)
{
	static const char *const names[] = {name};
	static const uint8_t short_ids[][REALITY_SHORT_ID_BYTES] = {{1, 2, 3}};
	struct meeting *m = meeting_new(&reality_client_kind, &reality_server_kind);
	struct reality_settings server = {
		.names = names, .name_count = 1, .short_ids = short_ids, .short_id_count = 1};
	struct reality_client_settings client = {.credential = "out",
		.server_name = name,
		.browser = "chrome",
		.roots = files->certificate,
		.short_id = {1, 2, 3}};
	size_t length = sizeof(client.public_key);
	struct reality_client_profile *client_profile;
	struct reality_profile *server_profile;
	EVP_PKEY *key;

	memset(server.private_key, 7, sizeof(server.private_key));
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, server.private_key, 32);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, client.public_key, &length), 1);
	EVP_PKEY_free(key);
	assert_int_equal(reality_profile_create(&server, &server_profile, error, sizeof(error)), 0);
	assert_int_equal(
		reality_client_profile_create(&client, &client_profile, error, sizeof(error)), 0);
	m->server_profile = server_profile;
	m->client_profile = client_profile;
	target_open(m, files);
	begin(m);
	return m;
}

// The next message of one end. False: it waits, or had said its last before.
static bool told(struct meeting *m, const struct handshake_kind *kind, void *handshake, bool *done)
{
	enum handshake_step step;

	secret_wipe(&m->message, sizeof(m->message));
	if (*done)
		return false;
	step = kind->next(handshake, &m->message);
	*done = step == HANDSHAKE_DONE || step == HANDSHAKE_FAILED || step == HANDSHAKE_SPLICED;
	return step != HANDSHAKE_WAITS;
}

static void client_turn(struct meeting *m)
{
	const struct slow_message *out = &m->message;

	while (told(m, m->client_kind, m->client, &m->client_done)) {
		if (out->kind == SLOW_KEYS) {
			m->client_keys = out->keys;
			continue;
		}
		assert_int_equal(out->kind, SLOW_SEND);
		memcpy(m->from_client + m->sent, out->data, out->length);
		m->sent += out->length;
		m->server_kind->input(m->server, SLOW_CLIENT, out->data, out->length, unix_ms());
	}
}

static void forward(struct meeting *m, uint64_t until)
{
	int n = (int)(until - m->forwarded);

	assert_int_equal(BIO_write(SSL_get_rbio(m->target), m->from_client + m->forwarded, n), n);
	m->forwarded = until;
}

static void server_said(struct meeting *m)
{
	const struct slow_message *out = &m->message;

	assert_in_range(m->write_count, 0, MEETING_WRITES - 1);
	m->writes[m->write_count] += out->length;
	m->write_count += !out->is_part;
	if (!m->client_done)
		m->client_kind->input(m->client, SLOW_TARGET, out->data, out->length, unix_ms());
}

static void server_turn(struct meeting *m)
{
	const struct slow_message *out = &m->message;

	while (told(m, m->server_kind, m->server, &m->server_done)) {
		if (out->kind == SLOW_FORWARD)
			forward(m, out->offset);
		else if (out->kind == SLOW_SEND)
			server_said(m);
		else if (out->kind == SLOW_KEYS)
			m->server_keys = out->keys;
		else
			fail_msg("the server gave up with message %u", out->kind);
	}
}

static void target_turn(struct meeting *m)
{
	uint8_t bytes[16384];
	int n;

	if (!m->target)
		return;
	(void)SSL_do_handshake(m->target);
	n = BIO_read(SSL_get_wbio(m->target), bytes, sizeof(bytes));
	if (n > 0)
		m->server_kind->input(m->server, SLOW_TARGET, bytes, (size_t)n, unix_ms());
}

void meeting_talk(struct meeting *m)
{
	for (int i = 0; i < 20 && !(m->client_done && m->server_done); i++) {
		client_turn(m);
		server_turn(m);
		target_turn(m);
		server_turn(m);
	}
	secret_wipe(&m->message, sizeof(m->message));
	assert_int_not_equal(m->client_keys.version, 0);
	assert_int_equal(m->client_keys.version, m->server_keys.version);
}

void meeting_end(struct meeting *m)
{
	m->client_kind->destroy(m->client);
	m->server_kind->destroy(m->server);
	m->client_kind->profile_destroy(m->client_profile);
	m->server_kind->profile_destroy(m->server_profile);
	SSL_free(m->target);
	SSL_CTX_free(m->target_context);
}

void meeting_free(struct meeting *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct memory memory = {
		.base = m, .bytes = (sizeof(*m) + page - 1) / page * page, .huge = false};

	secret_unmap(&memory);
}
