// SPDX-License-Identifier: BSD-3-Clause
// Looks at a REALITY listener's target as the slow path's threads drive them, against OpenSSL's
// server: what is learned, and why a target is no mould.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <time.h>

#include "certificate.h"
#include "slowpath/reality/probe_engine.h"
#include "slowpath/service_impl.h"

static const char *const names[] = {"www.example.org", "other.example.org"};
static struct test_certificate files;
static struct reality_profile *profile;
static SSL_CTX *context;
static struct slow_message message;
static size_t early;   // bytes of a record that the target sends without waiting for a Finished
static size_t claimed; // what its header says, where that is something else
static uint8_t early_type, early_minor; // the header's

static int make_files(void **state)
{
	test_certificate_make("DNS:www.example.org", &files);
	return 0;
}

static int remove_files(void **state)
{
	test_certificate_remove(&files);
	return 0;
}

static int set_up(void **state)
{
	static const uint8_t ids[1][REALITY_SHORT_ID_BYTES];
	const struct reality_settings settings = {.private_key = {1},
		.names = names,
		.name_count = 2,
		.short_ids = ids,
		.short_id_count = 1};
	char error[200];

	early = claimed = 0;
	early_type = 23;
	early_minor = 3;
	context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate_chain_file(context, files.certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, files.key, SSL_FILETYPE_PEM), 1);
	return reality_profile_create(&settings, &profile, error, sizeof(error));
}

static int tear_down(void **state)
{
	SSL_CTX_free(context);
	reality_profile_destroy(profile);
	return 0;
}

static int64_t unix_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static SSL *server_new(void)
{
	SSL *ssl = SSL_new(context);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(ssl);
	return ssl;
}

// Until it waits, or has said its last word; its bytes go to the server.
static enum handshake_step told(void *h, SSL *server)
{
	enum handshake_step step;

	while (memset(&message, 0, sizeof(message)),
		(step = reality_probe_kind.next(h, &message)) == HANDSHAKE_ACTS) {
		assert_int_equal(message.kind, SLOW_SEND);
		if (message.length > 0)
			assert_int_equal(
				BIO_write(SSL_get_rbio(server), message.data, message.length),
				message.length);
	}
	return step;
}

static void *begin(uint32_t place)
{
	const struct slow_open open = {.place = place};
	void *h;

	assert_int_equal(reality_probe_kind.create(profile, &open, &h), 0);
	reality_probe_kind.begin(h, unix_ms());
	return h;
}

// What the server says to what it got.
static void answer(void *h, SSL *server)
{
	static uint8_t bytes[65536];
	int n;

	(void)SSL_do_handshake(server);
	while ((n = BIO_read(SSL_get_wbio(server), bytes, sizeof(bytes))) > 0)
		reality_probe_kind.input(h, SLOW_TARGET, bytes, (size_t)n, unix_ms());
}

static void look(uint32_t place)
{
	const size_t says = claimed > 0 ? claimed : early;
	const uint8_t more[] = {early_type, 3, early_minor, (uint8_t)(says >> 8), (uint8_t)says};
	const uint8_t body[255] = {0};
	SSL *server = server_new();
	void *h = begin(place);

	enum handshake_step step = told(h, server);

	assert_int_equal(step, HANDSHAKE_WAITS);
	answer(h, server);
	step = told(h, server);
	for (int i = 0; i < 2 && step == HANDSHAKE_WAITS; i++) {
		if (i == 0 && early > 0) {
			reality_probe_kind.input(h, SLOW_TARGET, more, sizeof(more), unix_ms());
			reality_probe_kind.input(h, SLOW_TARGET, body, early, unix_ms());
		}
		reality_probe_kind.silence(h);
		step = told(h, server);
		if (step == HANDSHAKE_WAITS)
			answer(h, server);
	}
	if (step == HANDSHAKE_WAITS) {
		reality_probe_kind.end(h, SLOW_TARGET);
		step = told(h, server);
	}
	assert_int_equal(step, HANDSHAKE_OVER);
	assert_int_equal(message.kind, SLOW_FAILED);
	reality_probe_kind.destroy(h);
	SSL_free(server);
}

static struct reality_shape_status status_of(uint32_t place)
{
	struct reality_shape_status status;

	reality_shapes_status(profile->shapes, place, &status);
	return status;
}

static struct reality_shape shape_of(enum reality_alpn_class alpn)
{
	struct reality_shape shape;

	reality_shapes_find(profile->shapes, names[0], alpn, &shape);
	return shape;
}

static void tickets_are_learned(void **state)
{
	struct reality_shape shape;

	for (uint32_t tickets = 0; tickets < 3; tickets++) {
		SSL_CTX_set_num_tickets(context, tickets);
		look(tickets); // each a place of its own
		assert_int_equal(status_of(tickets).fitness, REALITY_FIT);
		assert_int_equal(status_of(tickets).probes, 1);
		shape = shape_of((enum reality_alpn_class)tickets);
		assert_int_equal(shape.flight_count, 4);
		assert_int_equal(shape.after_count, tickets);
		assert_int_equal(status_of(tickets).after_count, tickets);
		assert_int_equal(shape.early, 0);
	}
	assert_true(shape.after[0] > 100);
	assert_int_equal(shape.after[0], shape.after[1]);
}

static void what_comes_without_our_finished_is_early(void **state)
{
	struct reality_shape shape;

	early = 70;
	look(REALITY_ALPN_H2);
	shape = shape_of(REALITY_ALPN_H2);
	assert_int_equal(shape.after_count, 3);
	assert_int_equal(shape.early, 1);
	assert_int_equal(shape.after[0], 70);
}

// An alert in the clear or under its key, or what is of no TLS 1.3: no more than the tickets.
static void what_is_no_sealed_data_is_not_learned(void **state)
{
	static const struct {
		uint8_t type, minor;
		size_t length;
	} cases[] = {{21, 3, 2}, {23, 1, 70}, {20, 3, 1}, {23, 3, 19}};

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		early_type = cases[i].type;
		early_minor = cases[i].minor;
		early = cases[i].length;
		look(REALITY_ALPN_H2);
		assert_int_equal(status_of(REALITY_ALPN_H2).fitness, REALITY_FIT);
		assert_int_equal(shape_of(REALITY_ALPN_H2).after_count, 2);
		assert_int_equal(shape_of(REALITY_ALPN_H2).early, 0);
	}
}

static int staple(SSL *ssl, void *unused)
{
	const size_t length = 500;

	SSL_set_tlsext_status_ocsp_resp(ssl, OPENSSL_zalloc(length), (long)length);
	return SSL_TLSEXT_ERR_OK;
}

// A target that staples has a longer certificate's record for who asks for a staple.
static void hellos_of_each_kind_are_answered_by_their_own(void **state)
{
	const uint8_t chrome = reality_kind(REALITY_HELLO_CHROME, REALITY_ALPN_H2);
	struct reality_shape shape, usual;
	uint8_t kind;

	SSL_CTX_set_tlsext_status_cb(context, staple);
	look(chrome);
	reality_shapes_find(profile->shapes, names[0], chrome, &usual);
	for (uint32_t place = 2 * REALITY_ALPN_CLASSES;
		place < reality_shapes_places(profile->shapes); place++) {
		if (strcmp(reality_shapes_place(profile->shapes, place, &kind), names[0]) != 0 ||
			kind % REALITY_ALPN_CLASSES != REALITY_ALPN_H2)
			continue;
		assert_false(status_of(place).is_wanted);
		reality_shapes_find(profile->shapes, names[0], kind, &shape);
		assert_true(status_of(place).is_wanted);
		assert_false(status_of(place).is_known);
		assert_memory_equal(&shape, &usual, sizeof(shape));
		look(place);
		assert_int_equal(status_of(place).fitness, REALITY_FIT);
		reality_shapes_find(profile->shapes, names[0], kind, &shape);
		if (kind == reality_kind(REALITY_HELLO_UNSTAPLED, REALITY_ALPN_H2))
			assert_int_equal(shape.flight[1], usual.flight[1] - 508);
		else
			assert_int_equal(shape.flight[1], usual.flight[1]);
		assert_int_equal(shape.after_count, 2);
	}
	assert_true(status_of(20).is_known);
}

// Somebody's on the way: none of the target's is so long or so short, or only half there.
static void what_is_no_record_is_not_learned(void **state)
{
	static const struct {
		size_t bytes, claimed;
	} cases[] = {{70, 65535}, {70, 16641}, {16, 0}};
	struct reality_shape shape;

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		early = cases[i].bytes;
		claimed = cases[i].claimed;
		look(REALITY_ALPN_H2);
		assert_int_equal(status_of(REALITY_ALPN_H2).fitness, REALITY_UNFIT_RECORDS);
		assert_false(status_of(REALITY_ALPN_H2).is_known);
	}
	// As long as one can be, but never all there.
	early = 70;
	claimed = 16640;
	look(REALITY_ALPN_H2);
	shape = shape_of(REALITY_ALPN_H2);
	assert_int_equal(shape.after_count, 0);
}

// News of what comes behind the Finished are believed when they are heard twice in a row.
static void news_are_confirmed(void **state)
{
	look(0);
	assert_int_equal(shape_of(0).after_count, 2);
	reality_shapes_doubt(profile->shapes, names[0], 0);
	assert_true(status_of(0).is_doubted);
	SSL_CTX_set_num_tickets(context, 0);
	look(0);
	assert_true(status_of(0).is_unconfirmed);
	assert_false(status_of(0).is_doubted);
	assert_int_equal(shape_of(0).after_count, 2);
	SSL_CTX_set_num_tickets(context, 1);
	look(0);
	assert_true(status_of(0).is_unconfirmed);
	assert_int_equal(shape_of(0).after_count, 2);
	look(0);
	assert_false(status_of(0).is_unconfirmed);
	assert_int_equal(shape_of(0).after_count, 1);
	// One that is as before takes the doubt away.
	SSL_CTX_set_num_tickets(context, 2);
	look(0);
	SSL_CTX_set_num_tickets(context, 1);
	look(0);
	assert_false(status_of(0).is_unconfirmed);
	assert_int_equal(shape_of(0).after_count, 1);
}

static void reasons_are_told_apart(void **state)
{
	static uint8_t long_record[5 + SLOW_STREAM_BYTES] = {22, 3, 3, 0, 0};
	SSL *server = server_new();
	void *h = begin(0);

	// What is known stays.
	look(0);
	reality_probe_kind.end(h, SLOW_TARGET);
	assert_int_equal(told(h, server), HANDSHAKE_OVER);
	reality_probe_kind.destroy(h);
	assert_int_equal(status_of(0).fitness, REALITY_UNFIT_SILENT);
	assert_int_equal(shape_of(0).after_count, 2);
	SSL_free(server);
	// The second name is not in the certificate.
	look(REALITY_ALPN_CLASSES);
	assert_int_equal(status_of(REALITY_ALPN_CLASSES).fitness, REALITY_UNFIT_NAME);
	assert_false(status_of(REALITY_ALPN_CLASSES).is_known);
	assert_int_equal(SSL_CTX_set1_groups_list(context, "P-521:P-384"), 1);
	look(1);
	assert_int_equal(status_of(1).fitness, REALITY_UNFIT_RETRY);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	look(2);
	assert_int_equal(status_of(2).fitness, REALITY_UNFIT_INCOMPLETE);
	h = begin(3);
	server = server_new();
	(void)told(h, server);
	// Records of a handshake that goes on and on.
	for (size_t at = 0; at + 1005 <= sizeof(long_record); at += 1005) {
		static const uint8_t header[] = {22, 3, 3, 1000 >> 8, 1000 & 0xff};

		memcpy(long_record + at, header, sizeof(header));
	}
	memcpy(long_record + 5, (uint8_t[]){2, 0xff, 0xff, 0xff}, 4);
	reality_probe_kind.input(h, SLOW_TARGET, long_record, SLOW_STREAM_BYTES, unix_ms());
	reality_probe_kind.end(h, SLOW_TARGET);
	assert_int_equal(told(h, server), HANDSHAKE_OVER);
	assert_int_equal(status_of(3).fitness, REALITY_UNFIT_LONG);
	reality_probe_kind.destroy(h);
	SSL_free(server);
}

static void places_that_are_none_are_refused(void **state)
{
	const struct slow_open open = {.place = 2 * REALITY_KINDS};
	void *h;

	assert_int_equal(reality_shapes_places(profile->shapes), 2 * REALITY_KINDS);
	assert_int_equal(reality_probe_kind.create(profile, &open, &h), -EINVAL);
	reality_shapes_note(profile->shapes, open.place, REALITY_FIT, NULL);
}

static void what_a_predecessor_knew_is_taken_over(void **state)
{
	struct reality_profile *old = profile;

	look(0);
	SSL_CTX_free(context);
	(void)set_up(NULL);
	reality_shapes_adopt(profile->shapes, old->shapes);
	assert_int_equal(shape_of(0).after_count, 2);
	assert_int_equal(shape_of(1).flight_count, 0);
	assert_int_equal(status_of(0).probes, 0);
	reality_profile_destroy(old);
}

static void wake(void *unused, uint32_t worker)
{
}

static void message_put(struct slow_link *link, enum slow_kind kind, const uint8_t *bytes, size_t n)
{
	struct slow_message *m = ring_reserve(&link->to_slow);

	assert_non_null(m);
	memset(m, 0, sizeof(*m));
	m->session = 9;
	m->kind = (uint8_t)kind;
	m->stream = SLOW_TARGET;
	m->length = (uint16_t)n;
	if (n > 0)
		memcpy(m->data, bytes, n);
	ring_publish(&link->to_slow);
}

static uint8_t next_kind(struct slow_link *link)
{
	const struct slow_message *m = ring_peek(&link->to_worker);
	uint8_t kind = m != NULL ? m->kind : 0;

	if (m != NULL)
		ring_release(&link->to_worker);
	return kind;
}

// A silence is answered, and a probe is counted as such: it is no failed handshake of a client's.
static void threads_carry_probes(void **state)
{
	const struct slowpath_config config = {.workers = 1,
		.threads = 1,
		.admission = {
			.handshakes = 4, .handshakes_per_source = 4, .rate = 10, .burst = 10}};
	struct slowpath_counts counts;
	struct slow_message *open;
	struct slowpath *service;
	struct slow_link *link;
	char error[200];
	bool blocked;

	assert_int_equal(slowpath_create(&config, &service, error, sizeof(error)), 0);
	service->wake = wake;
	link = &slowpath_links(service)->links[0];
	assert_int_equal(
		slowpath_profile_add(service, &reality_probe_kind, reality_profile_share(profile)),
		1);
	message_put(link, SLOW_OPEN, NULL, 0);
	open = ring_peek(&link->to_slow);
	open->open.profile = 1;
	while (slow_thread_turn(&service->threads[0], &blocked))
		;
	assert_int_equal(next_kind(link), SLOW_SEND);
	while (next_kind(link) != 0)
		;
	message_put(link, SLOW_BYTES, (const uint8_t *)"\x16", 1);
	message_put(link, SLOW_SILENCE, NULL, 0);
	while (slow_thread_turn(&service->threads[0], &blocked))
		;
	assert_int_equal(next_kind(link), SLOW_SEND);
	assert_int_equal(next_kind(link), 0);
	message_put(link, SLOW_END, NULL, 0);
	while (slow_thread_turn(&service->threads[0], &blocked))
		;
	assert_int_equal(next_kind(link), SLOW_FAILED);
	slowpath_count(service, &counts);
	assert_int_equal(counts.probes, 1);
	assert_int_equal(counts.failed + counts.done + counts.spliced + counts.in_flight, 0);
	assert_int_equal(status_of(0).fitness, REALITY_UNFIT_INCOMPLETE);
	slowpath_profile_remove(service, 1);
	slowpath_stop(service);
	slowpath_destroy(service);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tickets_are_learned),
		TEST(what_comes_without_our_finished_is_early),
		TEST(what_is_no_record_is_not_learned),
		TEST(what_is_no_sealed_data_is_not_learned),
		TEST(hellos_of_each_kind_are_answered_by_their_own),
		TEST(news_are_confirmed),
		TEST(reasons_are_told_apart),
		TEST(places_that_are_none_are_refused),
		TEST(what_a_predecessor_knew_is_taken_over),
		TEST(threads_carry_probes),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
