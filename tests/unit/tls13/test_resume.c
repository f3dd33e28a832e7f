// SPDX-License-Identifier: BSD-3-Clause
// Sessions between our own ends: kept, resumed, refused, and full handshakes where they are of no
// use; and early data, which is refused and passed over.
#include "rig.h"

static const uint8_t old_keys[1][TLS13_TICKET_KEY_BYTES] = {{1}};
static const uint8_t rotated[2][TLS13_TICKET_KEY_BYTES] = {{2}, {1}};
static const uint8_t replaced[1][TLS13_TICKET_KEY_BYTES] = {{3}};
static const uint16_t sha384 = 0x1302;

static struct end client, server;
static uint8_t session[4096];
static size_t session_length;

static void ends(const uint8_t (*keys)[TLS13_TICKET_KEY_BYTES], uint8_t count)
{
	rig_client(&client);
	rig_server(&server, RIG_P256);
	server.config.ticket_keys = keys;
	server.config.ticket_key_count = count;
	server.config.tickets = 2;
}

static void done(void)
{
	rig_close(&client);
	rig_close(&server);
}

// The records behind the handshake, opened with the client's key, to its engine.
static void take_tickets(void)
{
	struct tls13_stream_key in, out;
	struct record_key key = {0};
	const uint8_t *bytes;
	uint8_t type, copy[8192];
	size_t n = tls13_stream_output(server.stream, &bytes), at = 0, length;

	memcpy(copy, bytes, n);
	tls13_stream_keys(client.stream, &in, &out);
	assert_true(record_key_set(rig.library, false, &in.secret, &key));
	while (at < n) {
		length = (size_t)copy[at + 3] << 8 | copy[at + 4];
		size_t content = length;

		assert_int_equal(
			record_open(&key, copy + at, copy + at + 5, &content, &type), TLS13_OK);
		assert_int_equal(tls13_input(tls13_stream_engine(client.stream), TLS13_APPLICATION,
					 copy + at + 5, content, RIG_NOW_MS),
			TLS13_OK);
		at += 5 + length;
	}
	record_key_clear(&key);
}

// A first handshake, whose last ticket is kept.
static void first(void)
{
	const uint8_t *bytes;
	size_t n, taken;

	rig_open(&client, true);
	rig_open(&server, false);
	// By hand: what the server sends at the end is for after the handshake.
	for (int i = 0; i < 2; i++) {
		n = tls13_stream_output(client.stream, &bytes);
		assert_int_equal(
			tls13_stream_input(server.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
		tls13_stream_sent(client.stream, n);
		if (i == 1)
			break;
		n = tls13_stream_output(server.stream, &bytes);
		assert_int_equal(
			tls13_stream_input(client.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
		tls13_stream_sent(server.stream, n);
	}
	take_tickets();
	assert_int_equal(client.tickets, server.config.tickets);
	memcpy(session, client.session, client.session_length);
	session_length = client.session_length;
	done();
}

static bool again(void)
{
	struct tls13_summary a, b;

	client.start.session = session;
	client.start.session_length = session_length;
	rig_shake(&client, &server);
	tls13_summary(tls13_stream_engine(client.stream), &a);
	tls13_summary(tls13_stream_engine(server.stream), &b);
	assert_int_equal(a.resumed, b.resumed);
	assert_int_equal(a.chain_count, a.resumed ? 0 : 1);
	done();
	return a.resumed;
}

static void sessions_are_resumed_also_after_a_rotation(void **state)
{
	ends(old_keys, 1);
	first();
	ends(old_keys, 1);
	assert_true(again());
	ends(rotated, 2);
	assert_true(again());
}

static void a_retry_resumes_too(void **state)
{
	static const uint16_t only = GROUP_P256;

	ends(old_keys, 1);
	first();
	ends(old_keys, 1);
	server.config.groups = (struct tls13_list){.values = &only, .count = 1};
	assert_true(again());
}

static void sessions_of_no_use_make_full_handshakes(void **state)
{
	ends(old_keys, 1);
	first();
	ends(replaced, 1);
	assert_false(again());
	ends(NULL, 0);
	assert_false(again());
	ends(old_keys, 1); // another name than the session's
	client.start.name = "www.example.test";
	assert_false(again());
	ends(old_keys, 1); // another hash than the session's
	server.config.suites = (struct tls13_list){.values = &sha384, .count = 1};
	assert_false(again());
	ends(old_keys, 1);
	server.config.client_certificate = TLS13_CLIENT_CERTIFICATE_OPTIONAL;
	server.config.roots = rig.roots;
	assert_false(again());
	session[3] ^= 1; // the secret: binders fail
	ends(old_keys, 1);
	client.start.session = session;
	client.start.session_length = session_length;
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_PEER_ALERT, TLS13_BINDER_BAD);
	assert_int_equal(tls13_stream_peer_alert(client.stream), TLS13_ALERT_DECRYPT_ERROR);
	done();
	for (size_t n = 0; n < session_length; n += 7) { // cut short
		ends(old_keys, 1);
		session_length -= 7;
		assert_false(again());
	}
}

static size_t hello_bytes(int64_t now_ms)
{
	const uint8_t *bytes;
	size_t length;

	ends(old_keys, 1);
	client.start.session = session;
	client.start.session_length = session_length;
	assert_int_equal(
		tls13_stream_create(&client.config, true, &client.start, &client.stream), 0);
	assert_int_equal(tls13_stream_begin(client.stream, now_ms), TLS13_OK);
	length = tls13_stream_output(client.stream, &bytes);
	rig_close(&client);
	return length;
}

static void old_sessions_are_not_offered(void **state)
{
	size_t with, without;

	ends(old_keys, 1);
	server.config.ticket_lifetime_s = 10;
	first();
	with = hello_bytes(RIG_NOW_MS);
	without = hello_bytes(RIG_NOW_MS + 10000);
	assert_true(with > without + 100);
	assert_int_equal(hello_bytes(RIG_NOW_MS + 9999), with);
	// Clocks differ a little, not by an hour.
	assert_int_equal(hello_bytes(RIG_NOW_MS - 50000), with);
	assert_int_equal(hello_bytes(RIG_NOW_MS - 3600000), without);
}

// When a session was made is for whoever kept it to say.
static void sessions_of_another_age_are_not_offered(void **state)
{
	static const uint8_t firsts[] = {0x7f, 0x80, 0xff};
	size_t with, at;

	ends(old_keys, 1);
	first();
	with = hello_bytes(RIG_NOW_MS);
	// Behind the format, the suite, its secret, what is added to the age, and the lifetime.
	at = 1 + 2 + (session[2] == 2 ? 48 : 32) + 4 + 4;
	for (size_t i = 0; i < nx_array_size(firsts); i++) {
		memset(session + at, 0xff, 8);
		session[at] = firsts[i];
		assert_true(hello_bytes(RIG_NOW_MS) + 100 < with);
	}
}

enum {
	SKIPPED_MAX = 16384, // headers and all
};

// The plain table with early_data.
static const struct tls13_browser *early_table(void)
{
	static uint16_t extensions[TLS13_EXTENSIONS_MAX];
	static struct tls13_browser table;

	table = tls13_browser_plain;
	memcpy(extensions, table.extensions.values, table.extensions.count * 2);
	extensions[table.extensions.count++] = EXTENSION_EARLY_DATA;
	table.extensions.values = extensions;
	return &table;
}

// A client offers a session, and with it early data, to a server that has these keys; its answer
// is not read yet.
static void offer(const uint8_t (*keys)[TLS13_TICKET_KEY_BYTES], const struct tls13_list *groups)
{
	const uint8_t *bytes;
	size_t n, taken;

	ends(old_keys, 1);
	first();
	ends(keys, 1);
	if (groups != NULL)
		server.config.groups = *groups;
	client.config.browser = early_table();
	client.start.session = session;
	client.start.session_length = session_length;
	rig_open(&client, true);
	rig_open(&server, false);
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(tls13_stream_input(server.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
	tls13_stream_sent(client.stream, n);
}

// A record that the server has no key for, of that many bytes with its header.
static enum tls13_verdict push_early(size_t total)
{
	uint8_t record[SKIPPED_MAX + 1];
	size_t taken;

	assert_in_range(total, 6, sizeof(record));
	memset(record, 0x5a, total);
	record[0] = RECORD_APPLICATION_DATA;
	record[1] = record[2] = 3;
	record[3] = (uint8_t)((total - 5) >> 8);
	record[4] = (uint8_t)(total - 5);
	return tls13_stream_input(server.stream, record, total, RIG_NOW_MS, &taken);
}

static void early_data_is_passed_over_up_to_its_bound_and_the_handshake_goes_on(void **state)
{
	struct tls13_summary summary;

	for (int known = 0; known < 2; known++) {
		offer(known ? old_keys : replaced, NULL);
		for (size_t total = 0; total < SKIPPED_MAX; total += 4096)
			assert_int_equal(push_early(4096), TLS13_OK);
		rig_talk(&client, &server, 0);
		rig_expect(&client, &server, TLS13_OK, TLS13_OK);
		assert_true(tls13_stream_is_complete(client.stream));
		assert_true(tls13_stream_is_complete(server.stream));
		tls13_summary(tls13_stream_engine(server.stream), &summary);
		assert_int_equal(summary.resumed, known);
		done();
	}
}

static void more_early_data_than_the_bound_is_a_bad_record(void **state)
{
	const uint8_t *bytes;
	size_t before;

	for (int at_once = 0; at_once < 2; at_once++) {
		offer(old_keys, NULL);
		before = tls13_stream_output(server.stream, &bytes);
		if (!at_once)
			assert_int_equal(push_early(SKIPPED_MAX), TLS13_OK);
		assert_int_equal(push_early(at_once ? SKIPPED_MAX + 1 : 22), TLS13_RECORD_BAD);
		assert_int_equal(tls13_verdict_alert(TLS13_RECORD_BAD), TLS13_ALERT_BAD_RECORD_MAC);
		// The alert, sealed.
		assert_int_equal(tls13_stream_output(server.stream, &bytes), before + 24);
		done();
	}
}

static void early_data_that_nobody_offered_is_a_bad_record(void **state)
{
	const uint8_t *bytes;
	size_t n, taken;

	ends(old_keys, 1);
	rig_open(&client, true);
	rig_open(&server, false);
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(tls13_stream_input(server.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
	assert_int_equal(push_early(22), TLS13_RECORD_BAD);
	done();
}

// Behind a HelloRetryRequest nothing is sealed yet; the second hello may not offer it again (RFC
// 8446 4.1.2).
static void early_data_before_a_retry_has_the_same_bound(void **state)
{
	static const uint16_t only = GROUP_P256;
	static const struct tls13_list groups = {.values = &only, .count = 1};
	static const uint8_t unexpected[] = {0x15, 3, 3, 0, 2, 2, TLS13_ALERT_UNEXPECTED_MESSAGE};
	const uint8_t *bytes;
	size_t n;

	offer(old_keys, &groups);
	assert_int_equal(push_early(SKIPPED_MAX), TLS13_OK);
	assert_int_equal(push_early(6), TLS13_RECORD_TYPE);
	n = tls13_stream_output(server.stream, &bytes);
	assert_memory_equal(bytes + n - sizeof(unexpected), unexpected, sizeof(unexpected));
	done();
	offer(old_keys, &groups);
	assert_int_equal(push_early(SKIPPED_MAX), TLS13_OK);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_PEER_ALERT, TLS13_PARAMETER_BAD);
	assert_int_equal(tls13_stream_peer_alert(client.stream), TLS13_ALERT_ILLEGAL_PARAMETER);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_resumed_also_after_a_rotation),
		cmocka_unit_test(a_retry_resumes_too),
		cmocka_unit_test(sessions_of_no_use_make_full_handshakes),
		cmocka_unit_test(old_sessions_are_not_offered),
		cmocka_unit_test(sessions_of_another_age_are_not_offered),
		cmocka_unit_test(
			early_data_is_passed_over_up_to_its_bound_and_the_handshake_goes_on),
		cmocka_unit_test(more_early_data_than_the_bound_is_a_bad_record),
		cmocka_unit_test(early_data_that_nobody_offered_is_a_bad_record),
		cmocka_unit_test(early_data_before_a_retry_has_the_same_bound),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
