// SPDX-License-Identifier: BSD-3-Clause
// Who is not let in, why, and that such a peer sees the target and nothing else.
#include "world.h"

static struct reality_settings usual;

static void open_again(void)
{
	world_credential();
	world_open();
}

// All that either side sent has come to the other, as it was.
static void expect_only_the_target(enum reality_result result)
{
	assert_string_equal(reality_result_label(reality_server_result(w.server)),
		reality_result_label(result));
	assert_true(w.spliced);
	assert_int_equal(w.to_client.length, w.from_target.length);
	assert_memory_equal(w.to_client.bytes, w.from_target.bytes, w.to_client.length);
	assert_int_equal(w.to_target.length, w.from_client.length);
	assert_memory_equal(w.to_target.bytes, w.from_client.bytes, w.to_target.length);
}

static void refuse(enum reality_result result)
{
	open_again();
	world_client(&tls13_browser_plain);
	world_talk();
	expect_only_the_target(result);
	// The target's certificate is real, so that a client knows that it was not let in.
	assert_int_equal(w.client_result, REALITY_CLIENT_REAL_CERTIFICATE);
	assert_true(tls13_stream_is_complete(reality_client_stream(w.client)));
	world_close();
	w.settings = usual;
}

static int create(void **state)
{
	if (world_create(state) != 0)
		return -1;
	usual = w.settings;
	world_target(RIG_P256, NULL, NULL);
	return 0;
}

static int destroy(void **state)
{
	SSL_CTX_free(w.target_context);
	return world_destroy(state);
}

static void names_that_are_not_listed(void **state)
{
	w.settings.name_count = 1;
	refuse(REALITY_SNI);
}

static void clients_of_another_key(void **state)
{
	w.settings.private_key[0] ^= 0x10;
	refuse(REALITY_KEY_SHARE);
}

// Who has the public key of the one before is let in, and proved to, until it is taken out.
static void clients_of_the_key_before_come_in(void **state)
{
	uint8_t before[32];

	memcpy(before, w.settings.private_key, sizeof(before));
	w.settings.private_key[0] ^= 0x10;
	w.settings.previous_key = before;
	open_again();
	world_client(&tls13_browser_plain);
	world_talk();
	assert_int_equal(w.client_result, REALITY_CLIENT_OPEN);
	assert_int_equal(reality_server_result(w.server), REALITY_AUTHENTICATED);
	world_close();
	// The other way round: the new one's clients.
	memcpy(w.settings.private_key, before, sizeof(before));
	before[0] ^= 0x10;
	open_again();
	world_client(&tls13_browser_plain);
	world_talk();
	assert_int_equal(w.client_result, REALITY_CLIENT_OPEN);
	world_close();
	w.settings.private_key[0] ^= 0x20;
	refuse(REALITY_KEY_SHARE);
}

static void short_ids_that_are_not_listed(void **state)
{
	w.settings.short_id_count = 1;
	refuse(REALITY_SHORT_ID);
}

static void versions_out_of_the_window(void **state)
{
	w.settings.min_version = REALITY_CLIENT_VERSION + 1;
	refuse(REALITY_VERSION);
	w.settings.max_version = REALITY_CLIENT_VERSION - 1;
	refuse(REALITY_VERSION);
}

static void clocks_that_are_off(void **state)
{
	struct reality_admission a;
	struct cursor hello;

	open_again();
	world_client(&tls13_browser_plain);
	hello = cursor_over(w.from_client.bytes + RECORD_HEADER_BYTES,
		w.from_client.length - RECORD_HEADER_BYTES);
	for (int sign = -1; sign <= 1; sign += 2) {
		assert_int_equal(
			reality_admit(w.credential, hello, w.now_ms + INT64_C(120000) * sign, &a),
			REALITY_AUTHENTICATED);
		assert_int_equal(
			reality_admit(w.credential, hello, w.now_ms + INT64_C(121000) * sign, &a),
			REALITY_TIME);
	}
	w.credential->max_time_diff_s = 0;
	assert_int_equal(
		reality_admit(w.credential, hello, w.now_ms + 1000000, &a), REALITY_AUTHENTICATED);
	world_close();
	// Certificates in memory know the time too: the client's clock is the one that is off.
	open_again();
	w.now_ms -= 121000;
	world_client(&tls13_browser_plain);
	w.now_ms += 121000;
	world_talk();
	expect_only_the_target(REALITY_TIME);
	world_close();
}

// One browser without the hybrid's share, one with it behind.
static const uint16_t share_lists[][2] = {{GROUP_X25519, 0}, {GROUP_X25519, GROUP_X25519MLKEM768}};

static void judge_shares(size_t count, uint16_t target_group)
{
	struct tls13_browser browser = tls13_browser_plain;
	bool retried = count == 1 && target_group == GROUP_X25519MLKEM768;

	browser.shares = (struct tls13_list){.values = share_lists[count - 1], .count = count};
	for (int rule = 0; rule < 2; rule++) {
		w.settings.share_rule = (enum reality_share_rule)rule;
		open_again();
		world_client(&browser);
		world_talk();
		if (rule != REALITY_SHARES_ANY)
			expect_only_the_target(REALITY_KEY_SHARE);
		else if (retried)
			expect_only_the_target(REALITY_TARGET_SHAPE);
		else
			assert_int_equal(w.client_result, REALITY_CLIENT_OPEN);
		world_close();
	}
	w.settings = usual;
}

// The target's group is its own choice, whatever the order of the shares: of one that it has to ask
// for in a HelloRetryRequest there is no likeness.
static void key_shares_by_the_newer_rule(void **state)
{
	struct tls13_browser browser = tls13_browser_plain;

	SSL_CTX_free(w.target_context);
	world_target(RIG_P256, "X25519", NULL);
	judge_shares(1, GROUP_X25519);
	judge_shares(2, GROUP_X25519);
	SSL_CTX_free(w.target_context);
	world_own_target(RIG_P256, GROUP_X25519MLKEM768);
	judge_shares(1, GROUP_X25519MLKEM768);
	judge_shares(2, GROUP_X25519MLKEM768);
	browser.shares =
		(struct tls13_list){.values = (const uint16_t[]){GROUP_X25519MLKEM768}, .count = 1};
	w.settings.share_rule = REALITY_SHARES_HYBRID_FIRST;
	open_again();
	world_client(&browser);
	world_talk();
	assert_int_equal(w.client_result, REALITY_CLIENT_OPEN);
	world_close();
	w.settings = usual;
	world_target(RIG_P256, NULL, NULL);
}

static void strangers(void **state)
{
	struct reality_client_config config = w.client_config;

	memset(w.client_config.public_key, 9, 32);
	refuse(REALITY_KEY_SHARE);
	w.client_config = config;
}

static void hellos_that_were_here(void **state)
{
	static uint8_t hello[4000];
	size_t n;

	open_again();
	world_client(&tls13_browser_plain);
	n = w.from_client.length;
	memcpy(hello, w.from_client.bytes, n);
	world_talk();
	assert_int_equal(reality_server_result(w.server), REALITY_AUTHENTICATED);
	world_close();
	for (int i = 0; i < 2; i++) {
		world_open();
		tape_put(&w.from_client, hello, n);
		world_pump();
		expect_only_the_target(REALITY_REPLAY);
		world_close();
	}
}

// Whoever sends a copy first has not burnt it, but two at a time are one too many.
static void hellos_that_came_to_nothing_may_come_again(void **state)
{
	static uint8_t hello[4000];
	struct reality_server *first;
	size_t n;

	open_again();
	world_client(&tls13_browser_plain);
	n = w.from_client.length;
	memcpy(hello, w.from_client.bytes, n);
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	first = w.server;
	assert_int_equal(reality_server_create(&w.config, &w.server), 0);
	reality_server_input(w.server, REALITY_CLIENT, hello, n, w.now_ms);
	assert_int_equal(reality_server_result(w.server), REALITY_REPLAY);
	reality_server_end(first);
	assert_int_equal(reality_server_result(first), REALITY_BAD_FINISHED);
	reality_server_destroy(first);
	reality_server_destroy(w.server);
	assert_int_equal(reality_server_create(&w.config, &w.server), 0);
	reality_server_input(w.server, REALITY_CLIENT, hello, n, w.now_ms);
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	world_close();
}

// One that says it is longer than any client's is not waited for.
static void long_hellos_are_the_targets(void **state)
{
	uint8_t header[] = {22, 3, 1, 0, 4, 1, 0, 0x40, 0};

	for (int more = 0; more < 2; more++) {
		header[8] = (uint8_t)more;
		open_again();
		reality_server_input(w.server, REALITY_CLIENT, header, sizeof(header), w.now_ms);
		assert_int_equal(reality_server_result(w.server),
			more ? REALITY_VERSION : REALITY_UNDECIDED);
		world_close();
	}
}

static void replays_are_remembered_in_bounded_memory(void **state)
{
	struct randomness random = {0};
	struct reality_print print;
	struct reality_replay *r;

	assert_int_equal(reality_replay_create(rig.library, &random, 0, 1, &r), -EINVAL);
	assert_int_equal(reality_replay_create(rig.library, &random, 1, 0, &r), -EINVAL);
	assert_int_equal(reality_replay_create(rig.library, &random, 64, 10, &r), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(reality_replay_print(r, (uint8_t *)&i, sizeof(i), &print));
		assert_true(reality_replay_claim(r, &print, 100)); // full: others are forgotten
		assert_false(reality_replay_claim(r, &print, 110));
	}
	assert_true(reality_replay_claim(r, &print, 111));
	assert_false(reality_replay_claim(r, &print, 121));
	reality_replay_release(r, &print);
	assert_true(reality_replay_claim(r, &print, 112));
	reality_replay_destroy(r);
}

static void hellos_in_which_any_byte_is_another(void **state)
{
	struct reality_admission a;
	uint8_t *hello;
	size_t n;

	open_again();
	world_client(&tls13_browser_chrome);
	hello = w.from_client.bytes + RECORD_HEADER_BYTES;
	n = w.from_client.length - RECORD_HEADER_BYTES;
	assert_int_equal(reality_admit(w.credential, cursor_over(hello, n), w.now_ms, &a),
		REALITY_AUTHENTICATED);
	for (size_t i = 0; i < n; i++) {
		hello[i] ^= 0x20;
		assert_int_not_equal(
			reality_admit(w.credential, cursor_over(hello, n), w.now_ms, &a),
			REALITY_AUTHENTICATED);
		hello[i] ^= 0x20;
		assert_int_not_equal(
			reality_admit(w.credential, cursor_over(hello, i), w.now_ms, &a),
			REALITY_AUTHENTICATED);
	}
	world_close();
}

// What is no hello: the target gets each byte as it comes, and answers.
static void what_is_no_hello(void **state)
{
	static const char *const texts[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x00",
		"\x16\x02\x01", "\x16\x03\x01\x40\x01", "\x16\x03\x01\x00\x04\x02\x00\x00\x00",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x00\x00", "\x16\x03\x01\x00\x04\x01\x01\x00\x01",
		"\x15\x03\x01\x00\x02\x02\x28"};
	static const size_t lengths[] = {18, 5, 3, 5, 9, 10, 9, 7};

	for (size_t i = 0; i < nx_array_size(texts); i++) {
		open_again();
		tape_put(&w.from_client, (const uint8_t *)texts[i], lengths[i]);
		world_pump();
		expect_only_the_target(REALITY_VERSION);
		world_close();
	}
	// A part of one, and then the end.
	open_again();
	tape_put(&w.from_client, (const uint8_t *)"\x16\x03\x01\x02\x00\x01", 6);
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_UNDECIDED);
	assert_int_equal(w.to_target.length, 6);
	reality_server_end(w.server);
	world_pump();
	assert_int_equal(reality_server_result(w.server), REALITY_VERSION);
	world_close();
}

static void targets_that_are_no_mould(void **state)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};

	// One that wants another hello.
	SSL_CTX_free(w.target_context);
	world_target(RIG_P256, "P-384", NULL);
	open_again();
	world_client(&tls13_browser_plain);
	world_talk();
	expect_only_the_target(REALITY_TARGET_SHAPE);
	world_close();
	// One of TLS 1.2.
	SSL_CTX_free(w.target_context);
	world_target(RIG_P256, NULL, NULL);
	SSL_CTX_set_max_proto_version(w.target_context, TLS1_2_VERSION);
	open_again();
	world_client(&tls13_browser_chrome);
	world_pump();
	expect_only_the_target(REALITY_TARGET_SHAPE);
	world_close();
	SSL_CTX_set_max_proto_version(w.target_context, 0);
	// One that refuses, one that speaks first, one that closes.
	for (int i = 0; i < 3; i++) {
		struct reality_action a;

		open_again();
		if (i != 1) {
			world_client(&tls13_browser_plain);
			reality_server_input(w.server, REALITY_CLIENT, w.from_client.bytes,
				w.from_client.length, w.now_ms);
		}
		if (i == 2)
			reality_server_end(w.server);
		else
			reality_server_input(
				w.server, REALITY_TARGET, alert, sizeof(alert), w.now_ms);
		assert_int_equal(reality_server_result(w.server), REALITY_TARGET_SHAPE);
		while (reality_server_next(w.server, &a))
			assert_int_not_equal(a.kind, REALITY_SEND);
		assert_int_equal(a.target, 0);
		world_close();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_are_not_listed),
		cmocka_unit_test(clients_of_another_key),
		cmocka_unit_test(clients_of_the_key_before_come_in),
		cmocka_unit_test(short_ids_that_are_not_listed),
		cmocka_unit_test(versions_out_of_the_window),
		cmocka_unit_test(clocks_that_are_off),
		cmocka_unit_test(key_shares_by_the_newer_rule),
		cmocka_unit_test(strangers),
		cmocka_unit_test(hellos_that_were_here),
		cmocka_unit_test(hellos_that_came_to_nothing_may_come_again),
		cmocka_unit_test(long_hellos_are_the_targets),
		cmocka_unit_test(replays_are_remembered_in_bounded_memory),
		cmocka_unit_test(hellos_in_which_any_byte_is_another),
		cmocka_unit_test(what_is_no_hello),
		cmocka_unit_test(targets_that_are_no_mould),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
