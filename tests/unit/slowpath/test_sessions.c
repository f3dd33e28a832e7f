// SPDX-License-Identifier: BSD-3-Clause
// Coming back to targets: sessions of both versions, whose they are, how many are kept and for how
// long, and tickets that are none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "certificate.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/handshake.h"
#include "slowpath/tls/sessions.h"
#include "tls13/record.h"

enum {
	ROOM = 16384,
};

static const char TARGET[] = "www.example.org:443";
static struct test_certificate files;
static struct tls13_library *library;
static SSL_CTX *servers[2]; // of TLS 1.2 and 1.3: OpenSSL's own
static char error[400];

static SSL_CTX *server_make(int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, files.certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, files.key, SSL_FILETYPE_PEM), 1);
	return context;
}

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org,IP:fd00:2::1", &files);
	servers[0] = server_make(TLS1_2_VERSION);
	servers[1] = server_make(TLS1_3_VERSION);
	return tls13_library_create(&library);
}

static int tear_down(void **state)
{
	tls13_library_destroy(library);
	SSL_CTX_free(servers[0]);
	SSL_CTX_free(servers[1]);
	test_certificate_remove(&files);
	return 0;
}

static struct tls_client_profile *profile_make(void)
{
	const struct tls_client_settings settings = {.name = "out", .roots = files.certificate};
	struct tls_client_profile *p;

	assert_int_equal(tls_client_profile_create(&settings, &p, error, sizeof(error)), 0);
	return p;
}

// What the server sent behind the handshake, record by record as a worker opens it and passes it
// on. How many records.
static uint32_t tickets_pass(void *profile, const char *target, const struct slow_keys *keys,
	uint8_t *bytes, size_t length)
{
	struct tls13_secret secret = {.suite = keys->suite, .length = keys->resumption_length};
	struct record_key key = {0};
	uint32_t count = 0;

	memcpy(secret.bytes, keys->in.secret, sizeof(secret.bytes));
	assert_true(record_key_set(library, false, &secret, &key));
	for (; length > 0; count++) {
		struct slow_ticket ticket = {
			.suite = keys->suite, .secret_length = keys->resumption_length};
		size_t content = (size_t)bytes[3] << 8 | bytes[4];
		size_t whole = RECORD_HEADER_BYTES + content;
		uint8_t type;

		assert_true(whole <= length);
		assert_int_equal(
			record_open(&key, bytes, bytes + RECORD_HEADER_BYTES, &content, &type),
			TLS13_OK);
		assert_int_equal(type, RECORD_HANDSHAKE);
		memcpy(ticket.secret, keys->resumption, sizeof(ticket.secret));
		snprintf(ticket.target, sizeof(ticket.target), "%s", target);
		memcpy(ticket.messages, bytes + RECORD_HEADER_BYTES, content);
		tls_client_kind.ticket(profile, &ticket, content, (int64_t)time(NULL) * 1000);
		bytes += whole;
		length -= whole;
	}
	record_key_clear(&key);
	return count;
}

// One connection to the target; *tickets: how many came. Whether it was resumed, -1: it failed.
static int visit(
	SSL_CTX *server, struct tls_client_profile *profile, const char *target, uint32_t *tickets)
{
	enum tls_handshake_state state = TLS_HANDSHAKE_GOES_ON;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = SSL_new(server);
	struct tls_handshake *h;
	struct slow_keys keys;
	uint8_t bytes[ROOM];
	uint64_t offset;
	int resumed = -1;
	size_t n;

	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	assert_int_equal(tls_handshake_connect(profile, target, &h), 0);
	for (int i = 0; i < 4 && !SSL_is_init_finished(ssl); i++) {
		while ((n = tls_handshake_output(h, bytes, sizeof(bytes))) > 0)
			assert_int_equal(BIO_write(in, bytes, (int)n), (int)n);
		(void)SSL_do_handshake(ssl);
		if (state == TLS_HANDSHAKE_DONE)
			break;
		n = (size_t)BIO_read(out, bytes, sizeof(bytes));
		state = tls_handshake_input(h, bytes, n);
	}
	// A client of TLS 1.2 that resumes has the last word.
	while ((n = tls_handshake_output(h, bytes, sizeof(bytes))) > 0)
		assert_int_equal(BIO_write(in, bytes, (int)n), (int)n);
	(void)SSL_do_handshake(ssl);
	*tickets = 0;
	if (state == TLS_HANDSHAKE_DONE) {
		assert_true(SSL_is_init_finished(ssl));
		tls_handshake_keys(h, &keys, &offset);
		n = BIO_ctrl_pending(out) > 0 ? (size_t)BIO_read(out, bytes, sizeof(bytes)) : 0;
		if (n > 0)
			*tickets = tickets_pass(profile, target, &keys, bytes, n);
		resumed = SSL_session_reused(ssl);
	}
	SSL_free(ssl);
	tls_handshake_destroy(h);
	return resumed;
}

static void a_target_of_1_3_is_come_back_to_once_with_each_ticket(void **state)
{
	struct tls_client_profile *profile = profile_make();
	uint32_t tickets;

	assert_int_equal(visit(servers[1], profile, TARGET, &tickets), 0);
	assert_int_equal(tickets, 2);
	// OpenSSL gives one for the one that was used.
	for (int i = 0; i < 5; i++) {
		assert_int_equal(visit(servers[1], profile, TARGET, &tickets), 1);
		assert_int_equal(tickets, 1);
	}
	tls_client_profile_destroy(profile);
}

static void a_target_of_1_2_is_come_back_to(void **state)
{
	struct tls_client_profile *profile = profile_make();
	uint32_t tickets;

	assert_int_equal(visit(servers[0], profile, TARGET, &tickets), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(visit(servers[0], profile, TARGET, &tickets), 1);
	assert_int_equal(tickets, 0);
	tls_client_profile_destroy(profile);
}

static void a_session_is_of_its_target_and_profile(void **state)
{
	for (size_t i = 0; i < nx_array_size(servers); i++) {
		struct tls_client_profile *profile = profile_make(), *other = profile_make();
		uint32_t tickets;

		assert_int_equal(visit(servers[i], profile, TARGET, &tickets), 0);
		assert_int_equal(visit(servers[i], profile, "www.example.org:444", &tickets), 0);
		assert_int_equal(visit(servers[i], profile, "[fd00:2::1]:443", &tickets), 0);
		assert_int_equal(visit(servers[i], other, TARGET, &tickets), 0);
		assert_int_equal(visit(servers[i], profile, TARGET, &tickets), 1);
		assert_int_equal(visit(servers[i], profile, "[fd00:2::1]:443", &tickets), 1);
		tls_client_profile_destroy(profile);
		tls_client_profile_destroy(other);
	}
}

static void a_server_that_has_forgotten_shakes_hands_in_full(void **state)
{
	for (size_t i = 0; i < nx_array_size(servers); i++) {
		struct tls_client_profile *profile = profile_make();
		SSL_CTX *anew = server_make(i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
		uint32_t tickets;

		assert_int_equal(visit(servers[i], profile, TARGET, &tickets), 0);
		assert_int_equal(visit(anew, profile, TARGET, &tickets), 0);
		assert_int_equal(visit(anew, profile, TARGET, &tickets), 1);
		// Nor does the other version's mind.
		assert_int_equal(visit(servers[!i], profile, TARGET, &tickets), 0);
		SSL_CTX_free(anew);
		tls_client_profile_destroy(profile);
	}
}

// RFC 7627 5.3: one that has changed its mind about the master secret must not go on.
static void a_session_that_failed_is_not_offered_again(void **state)
{
	struct tls_client_profile *profile = profile_make();
	SSL_CTX *before = server_make(TLS1_2_VERSION), *after = server_make(TLS1_2_VERSION);
	uint8_t keys[80];
	uint32_t tickets;

	assert_int_equal(SSL_CTX_get_tlsext_ticket_keys(before, keys, sizeof(keys)), 1);
	assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(after, keys, sizeof(keys)), 1);
	SSL_CTX_set_options(after, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_int_equal(visit(before, profile, TARGET, &tickets), 0);
	assert_int_equal(visit(before, profile, TARGET, &tickets), 1);
	assert_int_equal(visit(after, profile, TARGET, &tickets), -1);
	assert_int_equal(visit(after, profile, TARGET, &tickets), 0);
	assert_int_equal(visit(after, profile, TARGET, &tickets), 1);
	SSL_CTX_free(before);
	SSL_CTX_free(after);
	tls_client_profile_destroy(profile);
}

// A NewSessionTicket (RFC 8446 4.6.1) of a ticket that is one byte, many times.
static size_t message_write(uint8_t *at, uint32_t lifetime, uint8_t byte, size_t length)
{
	const uint8_t head[] = {4, 0, (uint8_t)((length + 14) >> 8), (uint8_t)(length + 14),
		(uint8_t)(lifetime >> 24), (uint8_t)(lifetime >> 16), (uint8_t)(lifetime >> 8),
		(uint8_t)lifetime, 0xff, 0xee, 0xdd, 0xcc, 1, 7, (uint8_t)(length >> 8),
		(uint8_t)length};

	memcpy(at, head, sizeof(head));
	memset(at + sizeof(head), byte, length);
	memset(at + sizeof(head) + length, 0, 2);
	return sizeof(head) + length + 2;
}

static struct slow_ticket ticket_for(const char *target)
{
	struct slow_ticket t = {.suite = 0x1301, .secret_length = 32};

	snprintf(t.target, sizeof(t.target), "%s", target);
	return t;
}

static void keep(struct tls_sessions *s, const char *target, uint32_t lifetime, int64_t now)
{
	struct slow_ticket t = ticket_for(target);

	tls_sessions_ticket(s, &t, message_write(t.messages, lifetime, 9, 100), now);
}

static bool has(struct tls_sessions *s, const char *target, int64_t now)
{
	SSL_SESSION *session = tls_sessions_take(s, target, now);

	SSL_SESSION_free(session);
	return session != NULL;
}

static struct tls_sessions *sessions_make(void)
{
	struct tls_sessions *s;

	assert_int_equal(tls_sessions_create(&s), 0);
	return s;
}

// The function of OpenSSL 3.0 is deprecated from 3.4 on, which brought the other.
static int64_t time_of(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_PREREQ(3, 4)
	return SSL_SESSION_get_time_ex(session);
#else
	return SSL_SESSION_get_time(session);
#endif
}

static void a_ticket_says_what_the_session_is(void **state)
{
	static const size_t lengths[] = {1, 90, 100, 200, 1700}; // either side of DER's steps
	struct tls_sessions *s = sessions_make();

	for (size_t i = 0; i < nx_array_size(lengths); i++) {
		struct slow_ticket t = ticket_for(TARGET);
		const uint8_t *ticket;
		SSL_SESSION *session;
		size_t length;

		tls_sessions_ticket(s, &t, message_write(t.messages, 600, 9, lengths[i]), 5000);
		session = tls_sessions_take(s, TARGET, 5001);
		assert_non_null(session);
		SSL_SESSION_get0_ticket(session, &ticket, &length);
		assert_int_equal(length, lengths[i]);
		assert_int_equal(ticket[length - 1], 9);
		assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session), 600);
		assert_int_equal(time_of(session), 5000);
		assert_int_equal(SSL_SESSION_get_protocol_version(session), TLS1_3_VERSION);
		assert_int_equal(
			SSL_CIPHER_get_protocol_id(SSL_SESSION_get0_cipher(session)), 0x1301);
		assert_true(SSL_SESSION_is_resumable(session));
		assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
		SSL_SESSION_free(session);
	}
	tls_sessions_destroy(s);
}

static void sessions_run_out(void **state)
{
	struct tls_sessions *s = sessions_make();

	keep(s, TARGET, 0, 1000);
	assert_false(has(s, TARGET, 1000));
	keep(s, TARGET, 60, 1000);
	assert_false(has(s, TARGET, 1060));
	keep(s, TARGET, 60, 1000);
	assert_true(has(s, TARGET, 1059));
	// A week, says the server.
	keep(s, TARGET, 604800, 1000);
	assert_false(has(s, TARGET, 1000 + TLS_SESSION_LIFETIME_S));
	tls_sessions_destroy(s);
}

static void few_are_kept(void **state)
{
	struct tls_sessions *s = sessions_make();
	char target[SLOW_TARGET_BYTES];

	keep(s, "first:1", 600, 1000);
	for (int i = 0; i < 2 * TLS_SESSIONS_OF_TARGET; i++)
		keep(s, TARGET, 600, 1000);
	for (int i = 0; i < TLS_SESSIONS_OF_TARGET; i++)
		assert_true(has(s, TARGET, 1001));
	assert_false(has(s, TARGET, 1001));
	for (int i = 0; i < TLS_SESSIONS; i++) {
		snprintf(target, sizeof(target), "many:%d", i);
		keep(s, target, 600, 1000);
	}
	// The oldest has gone, and no other.
	assert_false(has(s, "first:1", 1001));
	assert_true(has(s, "many:0", 1001));
	tls_sessions_destroy(s);
}

static void what_is_no_ticket_is_passed_over(void **state)
{
	struct tls_sessions *s = sessions_make();
	struct slow_ticket good = ticket_for(TARGET);
	size_t length = message_write(good.messages, 600, 9, 100);

	// Cut anywhere, or a byte too long.
	for (size_t n = 0; n < length; n++) {
		tls_sessions_ticket(s, &good, n, 1000);
		assert_false(has(s, TARGET, 1000));
	}
	for (size_t at = 0; at < 4; at++) {
		struct slow_ticket t = good;

		t.messages[at] ^= 1;
		tls_sessions_ticket(s, &t, length, 1000);
		assert_false(has(s, TARGET, 1000));
	}
	good.secret_length = 33;
	tls_sessions_ticket(s, &good, length, 1000);
	assert_false(has(s, TARGET, 1000));
	// One behind the other is two.
	good.secret_length = 48;
	tls_sessions_ticket(
		s, &good, length + message_write(good.messages + length, 600, 9, 50), 1000);
	assert_true(has(s, TARGET, 1000));
	assert_true(has(s, TARGET, 1000));
	assert_false(has(s, TARGET, 1000));
	tls_sessions_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_of_1_3_is_come_back_to_once_with_each_ticket),
		cmocka_unit_test(a_target_of_1_2_is_come_back_to),
		cmocka_unit_test(a_session_is_of_its_target_and_profile),
		cmocka_unit_test(a_server_that_has_forgotten_shakes_hands_in_full),
		cmocka_unit_test(a_session_that_failed_is_not_offered_again),
		cmocka_unit_test(a_ticket_says_what_the_session_is),
		cmocka_unit_test(sessions_run_out),
		cmocka_unit_test(few_are_kept),
		cmocka_unit_test(what_is_no_ticket_is_passed_over),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
