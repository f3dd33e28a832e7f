// SPDX-License-Identifier: BSD-3-Clause
// What no honest peer sends: every fault has its verdict and alert, and nothing is read or kept
// past a bound.
#include "rig.h"

#include "tls13/hello.h"

static struct end client, server;

static void reset(void)
{
	rig_client(&client);
	rig_server(&server, RIG_P256);
	rig_open(&client, true);
	rig_open(&server, false);
}

static void done(void)
{
	rig_close(&client);
	rig_close(&server);
}

static enum tls13_verdict push(struct end *e, const uint8_t *bytes, size_t n)
{
	size_t taken;

	return tls13_stream_input(e->stream, bytes, n, RIG_NOW_MS, &taken);
}

static enum tls13_verdict push_hex(struct end *e, const char *hex)
{
	uint8_t bytes[512];

	return push(e, bytes, rig_hex(hex, bytes));
}

// The server's verdict on records, each from a fresh start.
static void server_says(const char *hex, enum tls13_verdict wanted)
{
	const uint8_t *out;
	size_t n;

	reset();
	assert_int_equal(push_hex(&server, hex), wanted);
	n = tls13_stream_output(server.stream, &out);
	if (tls13_verdict_alert(wanted) != TLS13_ALERT_NONE) {
		assert_in_range(n, 7, 7);
		assert_int_equal(out[6], tls13_verdict_alert(wanted));
	}
	// It stays, whatever comes.
	assert_int_equal(push_hex(&server, "1603030001 00"), wanted);
	done();
}

static void records_that_may_not_be_are_refused(void **state)
{
	server_says("1503030002 0228", TLS13_PEER_ALERT);
	server_says("1503030002 0100", TLS13_PEER_CLOSED);
	server_says("1503030001 02", TLS13_ALERT_BAD);
	server_says("1603030000", TLS13_RECORD_EMPTY);
	server_says("1703030001 00", TLS13_RECORD_TYPE);
	server_says("1403030001 01", TLS13_RECORD_TYPE); // before a hello
	server_says("1803030001 01", TLS13_RECORD_TYPE);
	server_says("4745542f20", TLS13_RECORD_TYPE); // HTTP
	server_says("1602030001", TLS13_RECORD_VERSION);
	server_says("1603034101", TLS13_RECORD_TOO_LONG);
	server_says("1603030004 02000000", TLS13_MESSAGE_UNEXPECTED);
	server_says("1603030004 14000000", TLS13_MESSAGE_UNEXPECTED);
	server_says("1603030004 01010001", TLS13_MESSAGE_TOO_LONG);
	server_says("1603030004 01000000", TLS13_MESSAGE_TRUNCATED);
	server_says("1603030002 0100 1503030002 0228", TLS13_RECORD_INTERLEAVED);
}

// A hello that is good but for what is changed in it.
static uint8_t hello[4096];
static size_t hello_length;

static void honest_hello(void)
{
	const uint8_t *out;

	reset();
	hello_length = tls13_stream_output(client.stream, &out);
	memcpy(hello, out, hello_length);
	done();
}

static void a_hello_cut_short_anywhere_is_no_hello(void **state)
{
	struct client_hello h;

	honest_hello();
	for (size_t n = 0; n < hello_length - 9; n++) {
		// In memory of its own size, so that a sanitizer sees a read past it.
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, hello + 9, n);
		enum tls13_verdict v = client_hello_parse(cursor_over(copy, n), &h);

		assert_true(v != TLS13_OK || !h.offers_tls13);
		free(copy);
	}
}

static void every_bit_of_a_hello_flipped_is_survived(void **state)
{
	honest_hello();
	for (size_t i = 9; i < hello_length; i += i < 200 ? 1 : 61) {
		for (int bit = 0; bit < 8; bit++) {
			struct end peer;

			rig_server(&peer, RIG_P256);
			rig_open(&peer, false);
			hello[i] ^= (uint8_t)(1 << bit);
			(void)push(&peer, hello, hello_length);
			hello[i] ^= (uint8_t)(1 << bit);
			rig_close(&peer);
		}
	}
}

// Every byte of the server's flight changed in turn: no such handshake completes.
static void a_flight_that_was_changed_never_completes(void **state)
{
	uint8_t flight[4096];
	const uint8_t *out;
	size_t n;

	for (size_t i = 0; i < 4096; i += 13) {
		reset();
		n = tls13_stream_output(client.stream, &out);
		assert_int_equal(push(&server, out, n), TLS13_OK);
		n = tls13_stream_output(server.stream, &out);
		memcpy(flight, out, n);
		if (i >= n) {
			done();
			break;
		}
		flight[i] ^= 0x20;
		(void)push(&client, flight, n);
		// The version in a record's header is nobody's business, nor is it in one's
		// additional data while records are plain.
		assert_true(!tls13_stream_is_complete(client.stream) || i < 3);
		done();
	}
}

static void ccs_is_passed_over_and_counted(void **state)
{
	const uint8_t *out;
	size_t n;

	reset();
	n = tls13_stream_output(client.stream, &out);
	assert_int_equal(push(&server, out, n), TLS13_OK);
	for (int i = 0; i < 32; i++)
		assert_int_equal(push_hex(&server, "140303000101"), TLS13_OK);
	assert_int_equal(push_hex(&server, "140303000101"), TLS13_RECORD_FLOOD);
	done();
	reset();
	n = tls13_stream_output(client.stream, &out);
	assert_int_equal(push(&server, out, n), TLS13_OK);
	assert_int_equal(push_hex(&server, "140303000102"), TLS13_RECORD_TYPE);
	done();
}

static void no_common_ground_is_a_handshake_failure(void **state)
{
	static const uint16_t scheme = 0x0806;

	rig_client(&client);
	rig_server(&server, RIG_P256);
	server.config.schemes = (struct tls13_list){.values = &scheme, .count = 1};
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_PEER_ALERT, TLS13_SCHEME_NONE);
	assert_int_equal(tls13_stream_peer_alert(client.stream), TLS13_ALERT_HANDSHAKE_FAILURE);
	done();
}

static enum tls13_verdict refuse(void *user, X509 *const *chain, size_t count)
{
	return TLS13_CERTIFICATE_REVOKED;
}

static void a_verifier_of_the_callers_has_the_last_word(void **state)
{
	rig_client(&client);
	rig_server(&server, RIG_P256);
	client.config.verify = refuse;
	rig_open(&client, true);
	rig_open(&server, false);
	rig_talk(&client, &server, 0);
	rig_expect(&client, &server, TLS13_CERTIFICATE_REVOKED, TLS13_PEER_ALERT);
	assert_int_equal(tls13_stream_peer_alert(server.stream), TLS13_ALERT_CERTIFICATE_REVOKED);
	done();
}

// One message behind a handshake, to the engine of one end.
static void is_unexpected(bool to_client, const char *hex)
{
	uint8_t message[64];
	size_t n = rig_hex(hex, message);
	struct tls13 *engine;

	rig_client(&client);
	rig_server(&server, RIG_P256);
	// It could authenticate itself, if it had said that it would.
	client.identity = rig.identities[RIG_P256];
	client.config.identities = &client.identity;
	client.config.identity_count = 1;
	server.config.roots = rig.roots;
	rig_shake(&client, &server);
	engine = tls13_stream_engine(to_client ? client.stream : server.stream);
	assert_int_equal(tls13_input(engine, TLS13_APPLICATION, message, n, RIG_NOW_MS),
		TLS13_MESSAGE_UNEXPECTED);
	assert_false(tls13_is_complete(engine));
	done();
}

// RFC 8446 4.6.2: no hello of ours offers post_handshake_auth, so a request is answered so. The
// worker's record layer has the same test.
static void nothing_authenticates_itself_behind_the_handshake(void **state)
{
	is_unexpected(true, "0d00000c 01aa 0008 000d0004 00020403"); // CertificateRequest
	is_unexpected(true, "0b000004 00000000");
	is_unexpected(true, "08000002 0000");
	is_unexpected(false, "0b000004 00000000"); // Certificate
	is_unexpected(false, "0f000004 04030000");
	is_unexpected(false, "04000000");
	is_unexpected(false, "05000000"); // EndOfEarlyData
	assert_int_equal(
		tls13_verdict_alert(TLS13_MESSAGE_UNEXPECTED), TLS13_ALERT_UNEXPECTED_MESSAGE);
}

// QUIC's driver: one buffer a level, both ways.
struct crypto {
	uint8_t bytes[3][8192];
	size_t have[3];
	size_t read[3];
	uint32_t secrets;
	uint8_t parameters[8];
};

static void on_send(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	struct crypto *c = user;

	memcpy(c->bytes[level] + c->have[level], message, length);
	c->have[level] += length;
}

static void on_secret(void *user, enum tls13_level level, enum tls13_direction direction,
	const struct tls13_secret *secret)
{
	struct crypto *c = user;

	c->secrets++;
}

static bool on_parameters(void *user, const uint8_t *bytes, size_t length)
{
	struct crypto *c = user;

	assert_int_equal(length, 3);
	memcpy(c->parameters, bytes, length);
	return true;
}

// What a client says of a server's messages behind ServerHello, which are the test's.
static enum tls13_verdict says_of(
	const struct tls13_browser *browser, const uint8_t *messages, size_t length)
{
	struct crypto ends[2] = {0};
	struct tls13 *engines[2];
	const struct tls13_identity *identity = rig.identities[RIG_P256];
	struct tls13_config config = {.library = rig.library,
		.roots = rig.roots,
		.browser = browser,
		.identities = &identity,
		.identity_count = 1};
	struct tls13_events events[2];
	enum tls13_verdict v;

	for (int i = 0; i < 2; i++) {
		events[i] = (struct tls13_events){
			.user = &ends[i], .send = on_send, .secret = on_secret};
		struct tls13_start start = {
			.events = &events[i], .name = i == 0 ? "example.test" : NULL};

		assert_int_equal(tls13_create(&config, i == 0, &start, &engines[i]), 0);
	}
	assert_int_equal(tls13_begin(engines[0], RIG_NOW_MS), TLS13_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			tls13_input(engines[!i], TLS13_INITIAL, ends[i].bytes[TLS13_INITIAL],
				ends[i].have[TLS13_INITIAL], RIG_NOW_MS),
			TLS13_OK);
	v = tls13_input(engines[0], TLS13_HANDSHAKE, messages, length, RIG_NOW_MS);
	tls13_destroy(engines[0]);
	tls13_destroy(engines[1]);
	return v;
}

static void early_data_in_a_servers_extensions_was_never_asked_for(void **state)
{
	static const uint8_t taken[] = {8, 0, 0, 6, 0, 4, 0, 42, 0, 0};

	assert_int_equal(
		says_of(&tls13_browser_plain, taken, sizeof(taken)), TLS13_EXTENSION_UNASKED);
	assert_int_equal(
		says_of(&tls13_browser_chrome, taken, sizeof(taken)), TLS13_EXTENSION_UNASKED);
}

// A server may say which roots it has certificates of, and that its certificate is of one that was
// named, to whom names any, as Chrome does.
static void trust_anchors_are_heard_by_who_named_some(void **state)
{
	struct writer w = writer_with(4096);
	size_t message, list, entry;
	uint8_t *der = NULL;
	int n = i2d_X509(rig.leaves[RIG_P256], &der);

	assert_true(n > 0);
	writer_bytes(&w, "\x08\0\0\x0d\0\x0b\xca\x34\0\x07\0\x05\x04\xd6\x79\x09\x01", 17);
	writer_u8(&w, HANDSHAKE_CERTIFICATE);
	message = writer_open(&w, 3);
	writer_u8(&w, 0);
	list = writer_open(&w, 3);
	entry = writer_open(&w, 3);
	writer_bytes(&w, der, (size_t)n);
	writer_close(&w, entry, 3);
	writer_bytes(&w, "\0\4\xca\x34\0\0", 6);
	writer_close(&w, list, 3);
	writer_close(&w, message, 3);
	assert_int_equal(says_of(&tls13_browser_chrome, w.base, w.used), TLS13_OK);
	assert_int_equal(says_of(&tls13_browser_firefox, w.base, w.used), TLS13_EXTENSION_UNASKED);
	OPENSSL_free(der);
	writer_clear(&w);
}

static void quic_carries_parameters_and_no_session_id(void **state)
{
	static const char *const h3[] = {"h3"};
	struct crypto ends[2] = {0};
	struct tls13 *engines[2];
	const struct tls13_identity *identity = rig.identities[RIG_P256];
	struct tls13_config config = {.library = rig.library,
		.roots = rig.roots,
		.identities = &identity,
		.identity_count = 1,
		.quic = true,
		.alpn = h3,
		.alpn_count = 1};
	struct tls13_events events[2];
	static const uint8_t update[] = {24, 0, 0, 1, 0};

	for (int i = 0; i < 2; i++) {
		events[i] = (struct tls13_events){.user = &ends[i],
			.send = on_send,
			.secret = on_secret,
			.transport_parameters = on_parameters};
		struct tls13_start start = {.events = &events[i],
			.name = i == 0 ? "example.test" : NULL,
			.transport_parameters = (const uint8_t *)(i == 0 ? "abc" : "xyz"),
			.transport_parameters_length = 3};

		assert_int_equal(tls13_create(&config, i == 0, &start, &engines[i]), 0);
	}
	assert_int_equal(tls13_begin(engines[0], RIG_NOW_MS), TLS13_OK);
	assert_int_equal(ends[0].bytes[0][38], 0); // the session id's length
	for (int turn = 0; turn < 4; turn++) {
		struct crypto *from = &ends[turn & 1];

		for (int level = 0; level < 3; level++) {
			size_t n = from->have[level] - from->read[level];

			if (n == 0)
				continue;
			assert_int_equal(
				tls13_input(engines[!(turn & 1)], (enum tls13_level)level,
					from->bytes[level] + from->read[level], n, RIG_NOW_MS),
				TLS13_OK);
			from->read[level] += n;
		}
	}
	assert_true(tls13_is_complete(engines[0]));
	assert_true(tls13_is_complete(engines[1]));
	assert_int_equal(ends[0].secrets, 4);
	assert_int_equal(ends[1].secrets, 4);
	assert_memory_equal(ends[0].parameters, "xyz", 3);
	assert_memory_equal(ends[1].parameters, "abc", 3);
	assert_int_equal(tls13_update_key(engines[0], false), TLS13_MISUSE);
	assert_int_equal(tls13_input(engines[0], TLS13_APPLICATION, update, sizeof(update), 0),
		TLS13_MESSAGE_UNEXPECTED);
	tls13_destroy(engines[0]);
	tls13_destroy(engines[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_that_may_not_be_are_refused),
		cmocka_unit_test(a_hello_cut_short_anywhere_is_no_hello),
		cmocka_unit_test(every_bit_of_a_hello_flipped_is_survived),
		cmocka_unit_test(a_flight_that_was_changed_never_completes),
		cmocka_unit_test(ccs_is_passed_over_and_counted),
		cmocka_unit_test(no_common_ground_is_a_handshake_failure),
		cmocka_unit_test(a_verifier_of_the_callers_has_the_last_word),
		cmocka_unit_test(nothing_authenticates_itself_behind_the_handshake),
		cmocka_unit_test(early_data_in_a_servers_extensions_was_never_asked_for),
		cmocka_unit_test(trust_anchors_are_heard_by_who_named_some),
		cmocka_unit_test(quic_carries_parameters_and_no_session_id),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
