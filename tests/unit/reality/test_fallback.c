// SPDX-License-Identifier: BSD-3-Clause
// A peer whose hello is authenticated and who then does something else, as one with a stolen hello
// must: what it sees agrees, record by record, with what the target shows to the same bytes.
#include "world.h"

enum {
	HELLO_BYTES_MAX = 4000,
	SEEN_MAX = 64,
};

static uint8_t hello[HELLO_BYTES_MAX];
static size_t hello_length;
static uint8_t payload[40000];

static size_t repeat(const char *bytes, size_t length, size_t times)
{
	for (size_t i = 0; i < times; i++)
		memcpy(payload + i * length, bytes, length);
	return length * times;
}

// The attack table: what is sent behind the server's flight.
static size_t attack(int which)
{
	static const char ccs[] = {20, 3, 3, 0, 1, 1};
	static const uint8_t sealed[] = {23, 3, 3, 0, 53};
	size_t n = 0;

	memset(payload, 0x5a, sizeof(payload));
	switch (which) {
	case 0: // a Finished of nobody's
		n = repeat(ccs, 6, 1);
		memcpy(payload + n, sealed, sizeof(sealed));
		return n + sizeof(sealed) + 53;
	case 1:
		return repeat(ccs, 6, 16) + 10;
	case 2:
		return repeat(ccs, 6, 32);
	case 3:
		return repeat(ccs, 6, 33);
	case 4:
		return repeat(ccs, 6, 100);
	case 5:
		return repeat("\x15\x03\x03\x00\x02\x02\x28", 7, 1);
	case 6:
		return repeat("\x15\x03\x03\x00\x02\x01\x00", 7, 1);
	case 7:
		return repeat("\x17\x03\x03\x00\x00", 5, 1);
	case 8:
		return repeat("\x17\x03\x03\x00\x10", 5, 1) + 16;
	case 9: // 16641 bytes
		return repeat("\x17\x03\x03\x41\x01", 5, 1) + 16641;
	case 10:
		return repeat("\x17\x03\x03\x41\x00", 5, 1) + 16640;
	case 11:
		return repeat("\x17\x02\x03\x00\x35", 5, 1) + 53;
	case 12:
		return repeat("\x63\x03\x03\x00\x35", 5, 1) + 53;
	case 13:
		return repeat("\x14\x03\x03\x00\x02\x01\x01", 7, 1);
	case 14:
		return repeat("\x14\x03\x03\x00\x01\x02", 6, 1);
	case 15:
		return repeat("\x16\x03\x03\x00\x04\x14\x00\x00\x00", 9, 1);
	case 16:
		return repeat("GET / HTTP/1.1\r\n\r\n", 18, 1);
	case 17:
		return 20;
	case 18: // a part of a record
		return repeat("\x17\x03\x03\x00\x35", 5, 1) + 10;
	default:
		return 0;
	}
}

static size_t see(struct seen *out)
{
	return world_records(w.to_client.bytes, w.to_client.length, out, SEEN_MAX);
}

// The same bytes to the target: through a server that knows nobody of this key.
static size_t directly(size_t n, struct seen *out)
{
	size_t count;

	w.settings.private_key[0] ^= 0x10;
	world_credential();
	world_open();
	tape_put(&w.from_client, hello, hello_length);
	world_pump();
	tape_put(&w.from_client, payload, n);
	world_pump();
	assert_true(w.spliced);
	assert_int_equal(reality_server_result(w.server), REALITY_KEY_SHARE);
	count = see(out);
	world_close();
	w.settings.private_key[0] ^= 0x10;
	world_credential();
	return count;
}

static void compare(int which)
{
	struct seen target[SEEN_MAX], ours[SEEN_MAX];
	size_t n, count, got;

	world_open();
	world_client(&tls13_browser_chrome);
	hello_length = w.from_client.length;
	memcpy(hello, w.from_client.bytes, hello_length);
	world_close();
	n = attack(which);
	count = directly(n, target);

	world_open();
	tape_put(&w.from_client, hello, hello_length);
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	assert_int_equal(w.to_target.length, hello_length);
	tape_put(&w.from_client, payload, n);
	world_pump();
	// The target has all of it as it was sent, a part of a record, too.
	assert_int_equal(w.to_target.length, w.from_client.length);
	assert_memory_equal(w.to_target.bytes, w.from_client.bytes, w.to_target.length);
	got = see(ours);
	if (got != count)
		fail_msg("attack %d: %zu records, the target has %zu", which, got, count);
	for (size_t i = 0; i < got; i++) {
		assert_int_equal(ours[i].type, target[i].type);
		assert_int_equal(ours[i].length, target[i].length);
	}
	assert_int_not_equal(reality_server_result(w.server), REALITY_AUTHENTICATED);
	// Its end brings all that is held of the target's.
	reality_server_end(w.server);
	world_pump();
	assert_int_equal(w.to_client.length, w.from_target.length);
	world_close();
}

static void attacks_show_the_target(void **state)
{
	static const enum rig_kind kinds[] = {RIG_RSA};

	for (size_t k = 0; k < nx_array_size(kinds); k++) {
		world_target(kinds[k], NULL, NULL);
		for (int which = 0; which <= 19; which++) {
			compare(which);
			w.step = 7;
			compare(which);
			w.step = 0;
		}
		SSL_CTX_free(w.target_context);
	}
	world_own_target(RIG_RSA, GROUP_X25519);
	for (int which = 0; which <= 19; which++)
		compare(which);
}

// The ServerHello alone to our client, which so has its handshake's key.
static void almost(struct tls13_secret *secret)
{
	struct tls13_stream_key in, out;
	size_t n = RECORD_HEADER_BYTES + (size_t)be16_to_host(be16_load(w.to_client.bytes + 3)),
	       taken;

	assert_int_equal(reality_client_input(w.client, w.to_client.bytes, n, w.now_ms, &taken),
		REALITY_CLIENT_TALKING);
	tls13_stream_keys(reality_client_stream(w.client), &in, &out);
	*secret = out.secret;
}

// Client and target up to the target's flight, and then a record under the client's key.
static void say_sealed(uint8_t type, const uint8_t *content, size_t length)
{
	struct writer record = writer_with(1000);
	struct record_key key = {0};
	struct tls13_secret secret;

	almost(&secret);
	assert_true(record_key_set(rig.library, true, &secret, &key));
	record_write_plain(&record, 20, 0x0303, (uint8_t[]){1}, 1);
	assert_true(record_seal(&key, &record, type, content, length, 0));
	tape_put(&w.from_client, record.base, record.used);
	writer_clear(&record);
	record_key_clear(&key);
}

// Ones that hold the keys: our client, which sends what is no Finished under them, of which the
// target makes what it makes of a stranger's.
static void clients_that_say_no_finished_get_the_targets_answer(void **state)
{
	static const struct {
		uint8_t type, content[4];
		size_t length;
	} said[] = {{23, {'x'}, 1}, {22, {20, 0, 0, 0}, 4}, {22, {0}, 0}, {21, {2}, 1},
		{21, {2, 42, 0}, 3}};
	struct seen ours[SEEN_MAX];
	size_t before;

	world_target(RIG_RSA, NULL, NULL);
	for (size_t i = 0; i < nx_array_size(said); i++) {
		world_open();
		world_client(&tls13_browser_chrome);
		world_pump();
		before = see(ours);
		say_sealed(said[i].type, said[i].content, said[i].length);
		world_pump();
		assert_int_equal(reality_server_result(w.server), REALITY_BAD_FINISHED);
		assert_int_equal(w.to_target.length, w.from_client.length);
		assert_memory_equal(w.to_target.bytes, w.from_client.bytes, w.to_target.length);
		assert_int_equal(see(ours), before + 1);
		assert_int_equal(ours[before].length, 19);
		world_close();
	}
	SSL_CTX_free(w.target_context);
}

// How many bytes a target sends to a client of its own behind that one's alert.
static size_t said_to_an_alert(const uint8_t alert[2])
{
	size_t before, said;

	w.settings.private_key[0] ^= 0x10;
	world_credential();
	world_open();
	world_client(&tls13_browser_chrome);
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_KEY_SHARE);
	before = w.to_client.length;
	say_sealed(21, alert, 2);
	world_pump();
	said = w.to_client.length - before;
	world_close();
	w.settings.private_key[0] ^= 0x10;
	world_credential();
	return said;
}

// The target cannot read an alert of our client's and says so, which it would not say to a client
// of its own. The end that it makes of it is passed on.
static void clients_that_give_up_see_what_the_targets_own_see(void **state)
{
	static const uint8_t alerts[][2] = {{2, 48}, {2, 42}, {1, 0}, {1, 90}};
	size_t before;

	world_target(RIG_RSA, NULL, NULL);
	for (size_t i = 0; i < 3 * nx_array_size(alerts); i++) {
		assert_int_equal(said_to_an_alert(alerts[i / 3]), 0);
		world_open();
		world_client(&tls13_browser_chrome);
		w.step = i % 3;
		world_pump();
		before = w.to_client.length;
		say_sealed(21, alerts[i / 3], 2);
		// Whatever is behind it.
		tape_put(&w.from_client, payload, i % 3);
		world_pump();
		reality_server_client_end(w.server);
		world_pump();
		assert_true(w.left && w.spliced);
		assert_int_equal(reality_server_result(w.server), REALITY_BAD_FINISHED);
		assert_int_equal(w.to_target.length, w.from_client.length);
		assert_memory_equal(w.to_target.bytes, w.from_client.bytes, w.to_target.length);
		assert_int_equal(w.to_client.length, before);
		assert_int_equal(w.from_target.length, before + 24);
		world_close();
	}
	w.step = 0;
	SSL_CTX_free(w.target_context);
}

// It closes its side at once: what the target says to the alert is kept from it all the same.
static void an_end_behind_an_alert_waits_for_the_target(void **state)
{
	struct reality_action a;
	size_t n;

	world_target(RIG_RSA, NULL, NULL);
	world_open();
	world_client(&tls13_browser_chrome);
	world_pump();
	say_sealed(21, (const uint8_t[]){2, 48}, 2);
	n = w.to_target.length;
	reality_server_input(w.server, REALITY_CLIENT, w.from_client.bytes + n,
		w.from_client.length - n, w.now_ms);
	reality_server_client_end(w.server);
	assert_true(reality_server_next(w.server, &a));
	assert_int_equal(a.kind, REALITY_LEAVE);
	assert_int_equal(a.client, w.from_client.length);
	assert_false(reality_server_next(w.server, &a));
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	reality_server_end(w.server);
	assert_true(reality_server_next(w.server, &a));
	assert_int_equal(a.kind, REALITY_SPLICE);
	assert_int_equal(reality_server_result(w.server), REALITY_BAD_FINISHED);
	world_close();
	SSL_CTX_free(w.target_context);
}

// A target that goes on with what nothing of ours can answer to: its own bytes follow.
static void targets_that_turn_strange_are_followed(void **state)
{
	static const uint8_t strange[][7] = {{21, 3, 3, 0, 2, 2, 40}, {23, 3, 3, 0, 16, 0, 0},
		{23, 3, 3, 0x41, 1, 0, 0}, {23, 3, 3, 0, 17, 0, 0}, {20, 3, 3, 0, 2, 1, 1},
		{22, 3, 3, 0, 2, 1, 1}};
	struct reality_action a;
	size_t first, n;

	world_target(RIG_RSA, NULL, NULL);
	for (size_t i = 0; i < nx_array_size(strange); i++) {
		world_open();
		world_client(&tls13_browser_plain);
		n = w.from_client.length;
		world_pump();
		first = RECORD_HEADER_BYTES +
			(size_t)be16_to_host(be16_load(w.from_target.bytes + 3));
		reality_server_destroy(w.server);
		assert_int_equal(reality_server_create(&w.config, &w.server), 0);
		reality_server_input(w.server, REALITY_CLIENT, w.from_client.bytes, n, w.now_ms);
		reality_server_input(
			w.server, REALITY_TARGET, w.from_target.bytes, first, w.now_ms);
		reality_server_input(w.server, REALITY_TARGET, strange[i], 7, w.now_ms);
		assert_int_equal(reality_server_result(w.server), REALITY_TARGET_SHAPE);
		assert_true(reality_server_next(w.server, &a));
		assert_int_equal(a.kind, REALITY_SEND);
		assert_int_equal(cursor_left(&a.bytes), first);
		assert_true(reality_server_next(w.server, &a));
		assert_int_equal(a.kind, REALITY_SPLICE);
		assert_int_equal(a.client, 0); // all of it, in one piece
		assert_int_equal(a.target, first);
		assert_false(reality_server_next(w.server, &a));
		world_close();
	}
	SSL_CTX_free(w.target_context);
}

// Each goes on by itself: they must not be many.
static void change_cipher_specs_have_an_end(void **state)
{
	static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};

	world_target(RIG_RSA, NULL, NULL);
	world_open();
	world_client(&tls13_browser_chrome);
	world_pump();
	for (int i = 0; i < 32; i++) {
		assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
		tape_put(&w.from_client, ccs, sizeof(ccs));
		world_pump();
	}
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	tape_put(&w.from_client, ccs, sizeof(ccs));
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_BAD_FINISHED);
	assert_true(w.spliced);
	assert_int_equal(w.to_target.length, w.from_client.length);
	world_close();
	SSL_CTX_free(w.target_context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(change_cipher_specs_have_an_end),
		cmocka_unit_test(attacks_show_the_target),
		cmocka_unit_test(clients_that_say_no_finished_get_the_targets_answer),
		cmocka_unit_test(clients_that_give_up_see_what_the_targets_own_see),
		cmocka_unit_test(an_end_behind_an_alert_waits_for_the_target),
		cmocka_unit_test(targets_that_turn_strange_are_followed),
	};

	return cmocka_run_group_tests(tests, world_create, world_destroy);
}
