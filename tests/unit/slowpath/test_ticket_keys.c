// SPDX-License-Identifier: BSD-3-Clause
// Keys of session tickets in a time of the test's own, and sessions that resume by them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "certificate.h"
#include "peer.h"

static uint64_t now_s;
static struct ticket_keys *keys;
static struct test_certificate files;
static char error[400];

static uint64_t clock_of_test(void)
{
	return now_s;
}

static int set_up(void **state)
{
	now_s = 1000;
	return ticket_keys_create(clock_of_test, &keys);
}

static int tear_down(void **state)
{
	ticket_keys_destroy(keys);
	return 0;
}

static void a_key_seals_for_a_rotation_and_opens_for_a_lifetime_more(void **state)
{
	struct ticket_key first, second, found;

	assert_true(ticket_keys_newest(keys, &first));
	now_s += TICKET_ROTATION_S - 1;
	assert_true(ticket_keys_newest(keys, &second));
	assert_memory_equal(&first, &second, sizeof(first));
	assert_int_equal(ticket_keys_find(keys, first.name, &found), TICKET_KEY_NEWEST);
	now_s++;
	// No key is newer yet, but the next ticket gets one.
	assert_int_equal(ticket_keys_find(keys, first.name, &found), TICKET_KEY_OLD);
	assert_true(ticket_keys_newest(keys, &second));
	assert_memory_not_equal(&first, &second, sizeof(first));
	assert_memory_not_equal(first.name, second.name, TICKET_NAME_BYTES);
	assert_int_equal(ticket_keys_find(keys, first.name, &found), TICKET_KEY_OLD);
	assert_memory_equal(&first, &found, sizeof(first));
	assert_int_equal(ticket_keys_find(keys, second.name, &found), TICKET_KEY_NEWEST);
	now_s = 1000 + TICKET_ROTATION_S + TICKET_LIFETIME_S - 1;
	assert_int_equal(ticket_keys_find(keys, first.name, &found), TICKET_KEY_OLD);
	now_s++;
	assert_int_equal(ticket_keys_find(keys, first.name, &found), TICKET_KEY_UNKNOWN);
	assert_int_equal(ticket_keys_find(keys, second.name, &found), TICKET_KEY_OLD);
}

static void every_key_of_a_busy_node_opens_for_its_time(void **state)
{
	enum {
		ROTATIONS = 20,
		LIVES = (TICKET_ROTATION_S + TICKET_LIFETIME_S) / TICKET_ROTATION_S
	};
	struct ticket_key made[ROTATIONS], found;

	for (int i = 0; i < ROTATIONS; i++, now_s += TICKET_ROTATION_S) {
		assert_true(ticket_keys_newest(keys, &made[i]));
		for (int k = 0; k <= i; k++)
			assert_int_equal(ticket_keys_find(keys, made[k].name, &found),
				k == i          ? TICKET_KEY_NEWEST
				: i - k < LIVES ? TICKET_KEY_OLD
						: TICKET_KEY_UNKNOWN);
	}
}

static void a_name_that_is_not_ours_is_unknown(void **state)
{
	static const uint8_t zeros[TICKET_NAME_BYTES];
	struct ticket_key found;

	assert_int_equal(ticket_keys_find(keys, zeros, &found), TICKET_KEY_UNKNOWN);
	assert_true(ticket_keys_newest(keys, &found));
	assert_int_equal(ticket_keys_find(keys, zeros, &found), TICKET_KEY_UNKNOWN);
}

static struct tls_profile *profile_make(const char *name)
{
	struct tls_certificate c = {
		.name = name, .certificate = files.certificate, .key = files.key};
	struct tls_profile *p;

	assert_int_equal(tls_profile_create(&c, 1, keys, &p, error, sizeof(error)), 0);
	return p;
}

// Whether a client of this session resumed; its new ticket in *session.
static bool visit(const struct tls_profile *profile, int version, SSL_SESSION **session)
{
	struct tls_handshake *h;
	struct peer p;
	uint64_t sent = 0;
	bool resumed;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, version, NULL, "www.example.org", *session);
	assert_int_equal(peer_shake(&p, h, 4096, &sent), TLS_HANDSHAKE_DONE);
	resumed = SSL_session_reused(p.ssl) == 1;
	// TLS 1.2 renews a session's ticket in the session itself.
	SSL_SESSION *next = version == TLS1_2_VERSION ? SSL_get_session(p.ssl) : p.session;

	if (next) {
		SSL_SESSION_up_ref(next);
		SSL_SESSION_free(*session);
		*session = next;
	}
	peer_close(&p);
	tls_handshake_destroy(h);
	return resumed;
}

static void sessions_resume_across_reload_and_rotation(void **state)
{
	static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	test_certificate_make("DNS:www.example.org", &files);
	for (size_t i = 0; i < nx_array_size(VERSIONS); i++) {
		struct tls_profile *p = profile_make("www");
		SSL_SESSION *session = NULL;

		assert_false(visit(p, VERSIONS[i], &session));
		assert_non_null(session);
		assert_true(visit(p, VERSIONS[i], &session));
		// The files are read again.
		tls_profile_destroy(p);
		p = profile_make("www");
		assert_true(visit(p, VERSIONS[i], &session));
		// Two rotations, with other clients between them; the old ticket is renewed.
		now_s += TICKET_ROTATION_S;
		SSL_SESSION *other = NULL;
		assert_false(visit(p, VERSIONS[i], &other));
		SSL_SESSION_free(other);
		now_s += TICKET_ROTATION_S;
		assert_true(visit(p, VERSIONS[i], &session));
		now_s += TICKET_LIFETIME_S;
		assert_true(visit(p, VERSIONS[i], &session));
		// Its key is forgotten: a whole handshake, and no failure.
		now_s += TICKET_ROTATION_S + TICKET_LIFETIME_S;
		assert_false(visit(p, VERSIONS[i], &session));
		assert_true(visit(p, VERSIONS[i], &session));
		// Another credential takes no tickets of this one.
		tls_profile_destroy(p);
		p = profile_make("shop");
		assert_false(visit(p, VERSIONS[i], &session));
		tls_profile_destroy(p);
		SSL_SESSION_free(session);
	}
	test_certificate_remove(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_key_seals_for_a_rotation_and_opens_for_a_lifetime_more, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			every_key_of_a_busy_node_opens_for_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_name_that_is_not_ours_is_unknown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			sessions_resume_across_reload_and_rotation, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
