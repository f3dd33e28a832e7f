// SPDX-License-Identifier: BSD-3-Clause
// Our client and our server over real targets: what is agreed, and that all of it has the target's
// shape.
#include "world.h"

#include "reality/probe.h"

static const struct tls13_browser *const browsers[] = {
	&tls13_browser_plain, &tls13_browser_chrome, &tls13_browser_firefox};

static void expect_open(void)
{
	if (reality_server_result(w.server) != REALITY_AUTHENTICATED ||
		w.client_result != REALITY_CLIENT_OPEN)
		fail_msg("server: %s; client: %s: %s",
			reality_result_text(reality_server_result(w.server)),
			reality_client_result_text(w.client_result),
			tls13_verdict_text(reality_client_verdict(w.client)));
	assert_true(w.opened);
	assert_int_equal(w.end.client, w.from_client.length);
}

// Each record that the client got has the type and length of the target's.
static void expect_same_shape(void)
{
	struct seen ours[32], theirs[32];
	size_t n = world_records(w.to_client.bytes, w.to_client.length, ours, 32);

	assert_true(n >= 3);
	assert_true(world_records(w.from_target.bytes, w.from_target.length, theirs, 32) >= n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ours[i].type, theirs[i].type);
		assert_int_equal(ours[i].length, theirs[i].length);
	}
}

static void run(const struct tls13_browser *browser)
{
	world_open();
	world_client(browser);
	world_talk();
	expect_open();
	expect_same_shape();
	world_exchange();
	world_close();
}

static void every_browser_completes_over_every_suite_and_key(void **state)
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};

	for (size_t i = 0; i < 12; i++) {
		enum rig_kind kind = (enum rig_kind)(i % RIG_KINDS);

		// Browsers do not take it of a target.
		if (kind == RIG_ED25519 && i / 4 != 0)
			continue;
		world_target(kind, NULL, suites[i % 3]);
		run(browsers[i / 4]);
		SSL_CTX_free(w.target_context);
	}
}

static void flights_in_one_record_and_hybrid_groups_complete(void **state)
{
	static const uint16_t groups[] = {GROUP_X25519, GROUP_X25519MLKEM768};

	for (int i = 0; i < 4; i++) {
		world_own_target(i < 2 ? RIG_RSA : RIG_P256, groups[i & 1]);
		run(browsers[i % 3]);
	}
}

static void bytes_may_come_in_any_pieces(void **state)
{
	static const size_t steps[] = {1, 4, 5, 6, 100, 130};

	world_target(RIG_RSA, NULL, NULL);
	for (size_t i = 0; i < nx_array_size(steps); i++) {
		w.step = steps[i];
		run(&tls13_browser_firefox);
	}
	w.step = 0;
	SSL_CTX_free(w.target_context);
}

// A hello cut over two records.
static void hellos_may_be_in_several_records(void **state)
{
	static uint8_t cut[4000];
	size_t n, half;

	world_target(RIG_RSA, NULL, NULL);
	world_open();
	world_client(&tls13_browser_chrome);
	n = w.from_client.length - RECORD_HEADER_BYTES;
	half = n / 2;
	memcpy(cut, w.from_client.bytes + RECORD_HEADER_BYTES, n);
	w.from_client.length = 0;
	for (size_t at = 0; at < n; at += half) {
		size_t part = n - at < half ? n - at : half;
		uint8_t header[] = {22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part};

		tape_put(&w.from_client, header, sizeof(header));
		tape_put(&w.from_client, cut + at, part);
	}
	world_talk();
	expect_open();
	world_exchange();
	world_close();
	SSL_CTX_free(w.target_context);
}

static void carry_probe(struct reality_probe *p, size_t *given)
{
	const uint8_t *out;
	size_t n = reality_probe_output(p, &out);

	if (n != 0) {
		tape_put(&w.from_client, out, n);
		reality_probe_sent(p, n);
	}
	world_pump();
	n = w.to_client.length - *given;
	assert_int_equal(reality_probe_input(p, w.to_client.bytes + *given, n, w.now_ms), TLS13_OK);
	*given += n;
}

// What some targets send behind their flight without waiting for a client's Finished.
static const uint8_t early_record[5 + 50] = {23, 3, 3, 0, 50};

// By a connection to our own server, which does not know the probe and so hands it on.
static void learn(const struct tls13_browser *browser, enum reality_alpn_class alpn, bool early,
	struct reality_shape *shape)
{
	struct reality_probe_config config = {
		.library = rig.library, .browser = browser, .name = "example.test", .alpn = alpn};
	struct reality_probe *p;
	size_t given = 0;

	world_open();
	assert_int_equal(reality_probe_create(&config, &p), 0);
	assert_int_equal(reality_probe_begin(p, w.now_ms), TLS13_OK);
	carry_probe(p, &given);
	assert_true(reality_probe_is_complete(p));
	if (early)
		tape_put(&w.to_client, early_record, sizeof(early_record));
	carry_probe(p, &given);
	reality_probe_finish(p);
	carry_probe(p, &given);
	assert_int_equal(reality_probe_judge(p, false), REALITY_FIT);
	assert_int_equal(reality_probe_judge(p, true), REALITY_UNFIT_SHORT);
	reality_probe_shape(p, shape);
	reality_shapes_learn(w.shapes, "example.test", alpn, shape);
	reality_probe_destroy(p);
	world_close();
}

static void what_is_learned_is_imitated(void **state)
{
	struct reality_shape shape;
	struct seen got[32];
	size_t n;

	world_target(RIG_RSA, NULL, NULL);
	learn(&tls13_browser_chrome, REALITY_ALPN_H2, false, &shape);
	assert_int_equal(shape.flight_count, 4);
	assert_int_equal(shape.after_count, 2); // OpenSSL's tickets
	assert_int_equal(shape.early, 0);
	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
	expect_open();
	n = world_records(w.to_client.bytes, w.to_client.length, got, 32);
	assert_int_equal(n, 2 + 4 + 2);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(got[2 + i].length, shape.flight[i]);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(got[6 + i].length, shape.after[i]);
	// Each by itself, as OpenSSL writes them.
	assert_int_equal(w.extras, 2);
	assert_int_equal(w.end.out.sequence, 2);
	world_exchange();
	world_close();
	// Nothing is known of the other kinds.
	reality_shapes_find(w.shapes, "example.test", REALITY_ALPN_NONE, &shape);
	assert_int_equal(shape.flight_count + shape.after_count, 0);
	reality_shapes_find(w.shapes, "unknown.test", REALITY_ALPN_H2, &shape);
	assert_int_equal(shape.flight_count, 0);
	world_credential();
	SSL_CTX_free(w.target_context);
}

static void what_comes_early_is_not_imitated_again(void **state)
{
	struct reality_shape shape;
	struct seen got[32];
	size_t n;

	world_target(RIG_RSA, NULL, NULL);
	learn(&tls13_browser_chrome, REALITY_ALPN_H2, true, &shape);
	assert_int_equal(shape.flight_count, 4);
	assert_int_equal(shape.after_count, 3);
	assert_int_equal(shape.early, 1);
	// Once it comes in time, once the client is quicker.
	for (int i = 0; i < 2; i++) {
		world_open();
		world_client(&tls13_browser_chrome);
		world_pump();
		if (i == 0)
			tape_put(&w.from_target, early_record, sizeof(early_record));
		world_talk();
		expect_open();
		n = world_records(w.to_client.bytes, w.to_client.length, got, 32);
		assert_int_equal(n, 2 + 4 + 3);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(got[6 + k].length, shape.after[k]);
		world_exchange();
		world_close();
	}
	world_credential();
	SSL_CTX_free(w.target_context);
}

static bool is_doubted(void)
{
	struct reality_shape_status status;
	bool doubted = false;

	for (uint32_t i = 0; i < reality_shapes_places(w.shapes); i++) {
		reality_shapes_status(w.shapes, i, &status);
		doubted |= status.is_doubted;
	}
	return doubted;
}

// Its certificate is another one, so that the flight is not as learned; what follows the client's
// Finished is imitated all the same, and a probe asked for.
static void a_target_that_changed_is_imitated_as_far_as_it_is_known(void **state)
{
	struct reality_shape shape;
	struct seen got[32];
	size_t n;

	world_target(RIG_RSA, NULL, NULL);
	learn(&tls13_browser_chrome, REALITY_ALPN_H2, false, &shape);
	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
	expect_open();
	world_close();
	assert_false(is_doubted());
	SSL_CTX_free(w.target_context);
	world_target(RIG_P256, NULL, NULL);
	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
	expect_open();
	n = world_records(w.to_client.bytes, w.to_client.length, got, 32);
	assert_int_equal(n, 2 + 4 + 2);
	assert_true(got[3].length + 8 < shape.flight[1]);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(got[6 + i].length, shape.after[i]);
	assert_true(is_doubted());
	world_exchange();
	world_close();
	world_credential();
	SSL_CTX_free(w.target_context);
}

// What a target's records go by is told from the hello.
static void hellos_are_of_a_kind(void **state)
{
	static const struct tls13_browser *const kinds[] = {&tls13_browser_chrome,
		&tls13_browser_firefox, &tls13_browser_plain, &tls13_browser_unstapled};
	struct reality_admission admission;

	world_target(RIG_RSA, NULL, NULL);
	for (uint32_t i = 0; i < nx_array_size(kinds); i++) {
		world_open();
		world_client(kinds[i]);
		assert_int_equal(reality_admit(w.credential,
					 cursor_over(w.from_client.bytes + RECORD_HEADER_BYTES,
						 w.from_client.length - RECORD_HEADER_BYTES),
					 w.now_ms, &admission),
			REALITY_AUTHENTICATED);
		assert_int_equal(admission.kind,
			reality_kind((enum reality_hello_class)i,
				kinds[i]->alpn_count ? REALITY_ALPN_H2 : REALITY_ALPN_NONE));
		world_close();
	}
	SSL_CTX_free(w.target_context);
}

static void the_summary_says_who_came(void **state)
{
	struct reality_summary summary;

	world_target(RIG_RSA, "X25519", "TLS_AES_256_GCM_SHA384");
	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
	expect_open();
	reality_server_summary(w.server, &summary);
	assert_string_equal(summary.name, "example.test");
	assert_int_equal(summary.suite, 0x1302);
	assert_int_equal(summary.group, GROUP_X25519);
	assert_int_equal(summary.tag.version, REALITY_CLIENT_VERSION);
	assert_int_equal(summary.tag.short_id[7], 8);
	world_close();
	SSL_CTX_free(w.target_context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_browser_completes_over_every_suite_and_key),
		cmocka_unit_test(flights_in_one_record_and_hybrid_groups_complete),
		cmocka_unit_test(bytes_may_come_in_any_pieces),
		cmocka_unit_test(hellos_may_be_in_several_records),
		cmocka_unit_test(what_is_learned_is_imitated),
		cmocka_unit_test(what_comes_early_is_not_imitated_again),
		cmocka_unit_test(a_target_that_changed_is_imitated_as_far_as_it_is_known),
		cmocka_unit_test(hellos_are_of_a_kind),
		cmocka_unit_test(the_summary_says_who_came),
	};

	return cmocka_run_group_tests(tests, world_create, world_destroy);
}
