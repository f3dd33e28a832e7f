// SPDX-License-Identifier: BSD-3-Clause

// The codec with OpenSSL's TLS: every suite in either role, with bytes that come in every way.

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tls_ends.h"

enum {
	TEXT = 20000, // more than a record's
	ROOM = RECORD_CONTENT + 256
};

struct suite {
	const char *name;
	bool is_tls12;
	bool is_ours; // its records are
};

static const struct suite suites[] = {
	{"TLS_AES_128_GCM_SHA256", false, true},
	{"TLS_AES_256_GCM_SHA384", false, true},
	{"TLS_CHACHA20_POLY1305_SHA256", false, false},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", true, false},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", true, false},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", true, false},
	{"ECDHE-ECDSA-AES128-SHA256", true, false},
};

static uint8_t text[TEXT];

static void peer_to_us(struct tls_ends *ends, const struct feed_way *way, size_t length)
{
	static uint8_t got[16 + ROOM];
	// Records are opened to where they are wanted, or, with too little room there, where they
	// lie.
	size_t room = way->piece > 3 && way->piece < ROOM ? way->piece : ROOM, n;

	assert_int_equal(SSL_write(ends->peer, text, (int)length), length);
	for (size_t at = 0; at < length; at += n) {
		assert_int_equal(tls_ends_read(ends, got + way->shift, room, &n), NX_TLS_DONE);
		assert_in_range(n, 1, room < length - at ? room : length - at);
		assert_memory_equal(got + way->shift, text + at, n);
	}
	assert_int_equal(tls_ends_read(ends, got, ROOM, &n), NX_TLS_MORE);
}

static void us_to_peer(struct tls_ends *ends, const struct feed_way *way, size_t length)
{
	static uint8_t got[TEXT];
	uint8_t *shifted = malloc(way->shift + length);
	size_t arrived = 0, n;

	memcpy(shifted + way->shift, text, length);
	for (size_t at = 0; at < length; at += n) {
		assert_int_equal(
			nx_tls_write(ends->ours, shifted + way->shift + at, length - at, &n),
			NX_TLS_DONE);
		tls_ends_send(ends);
	}
	while (SSL_read_ex(ends->peer, got + arrived, TEXT - arrived, &n))
		arrived += n;
	assert_int_equal(SSL_get_error(ends->peer, 0), SSL_ERROR_WANT_READ);
	assert_int_equal(arrived, length);
	assert_memory_equal(got, text, length);
	free(shifted);
}

static void close_both(struct tls_ends *ends, const struct feed_way *way)
{
	uint8_t byte;
	size_t n;

	assert_int_equal(nx_tls_close(ends->ours), NX_TLS_DONE);
	tls_ends_send(ends);
	assert_int_equal(SSL_read(ends->peer, &byte, 1), 0);
	assert_int_equal(SSL_get_shutdown(ends->peer), SSL_RECEIVED_SHUTDOWN);
	// Who has closed may not write, and still reads.
	assert_int_equal(nx_tls_write(ends->ours, "x", 1, &n), NX_TLS_FAILED);
	peer_to_us(ends, way, 77);
	SSL_shutdown(ends->peer);
	assert_int_equal(tls_ends_read(ends, &byte, 1, &n), NX_TLS_CLOSED);
}

static void converse(const struct suite *suite, bool is_server, int i)
{
	static const size_t lengths[] = {1, 77, RECORD_CONTENT, TEXT};
	struct tls_ends_config config = {.is_server = is_server,
		.is_tls12 = suite->is_tls12,
		.suite = suite->name,
		.way = feed_way(i, NX_TLS_BUFFER_MIN)};
	struct tls_ends ends;

	tls_ends_begin(&ends, &config);
	assert_int_equal(tls_ends_shake(&ends), NX_TLS_DONE);
	assert_string_equal(SSL_get_cipher(ends.peer), suite->name);
	assert_string_equal(nx_tls_version(ends.ours), suite->is_tls12 ? "TLSv1.2" : "TLSv1.3");
	assert_int_equal(ends.ours->has_records, suite->is_ours);
	for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
		peer_to_us(&ends, &config.way, lengths[j]);
		us_to_peer(&ends, &config.way, lengths[j]);
		if (!suite->is_tls12)
			assert_true(SSL_key_update(ends.peer, SSL_KEY_UPDATE_REQUESTED));
	}
	close_both(&ends, &config.way);
	tls_ends_end(&ends);
}

// A record of theirs that was changed on its way ends the connection, whoever opens it.
static void spoil(const struct suite *suite, bool is_server)
{
	struct tls_ends_config config = {.is_server = is_server,
		.is_tls12 = suite->is_tls12,
		.suite = suite->name,
		.way = feed_way(1, NX_TLS_BUFFER_MIN)};
	struct tls_ends ends;
	uint8_t byte;
	size_t n;

	tls_ends_begin(&ends, &config);
	assert_int_equal(tls_ends_shake(&ends), NX_TLS_DONE);
	assert_int_equal(SSL_write(ends.peer, text, 9), 9);
	tls_ends_receive_all(&ends);
	nx_read_buffer_data(
		nx_tls_input(ends.ours))[nx_read_buffer_length(nx_tls_input(ends.ours)) - 1] ^= 1;
	for (int i = 0; i < 3; i++)
		assert_int_equal(nx_tls_read(ends.ours, &byte, 1, &n), NX_TLS_FAILED);
	assert_string_not_equal(nx_tls_why(ends.ours), "");
	tls_ends_end(&ends);
}

static void a_changed_record_is_refused_for_good_in_every_suite(void **state)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		spoil(&suites[i], false);
		spoil(&suites[i], true);
	}
}

static void every_suite_works_in_either_role_however_bytes_come(void **state)
{
	for (size_t i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (int way = 0; way < FEED_WAYS; way++) {
			converse(&suites[i], false, way);
			converse(&suites[i], true, way);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_works_in_either_role_however_bytes_come),
		cmocka_unit_test(a_changed_record_is_refused_for_good_in_every_suite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
