// SPDX-License-Identifier: BSD-3-Clause
// The slow path as a worker meets it: messages in, messages out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <time.h>

#include "certificate.h"
#include "slowpath/service.h"
#include "slowpath/service_impl.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile.h"

static struct test_certificate files;
static struct slowpath *service;
static uint32_t profile;
static counter_t wakes;
static char error[400];

static void wake(void *context, uint32_t worker)
{
	assert_int_equal(worker, 1);
	counter_add(&wakes, 1);
}

static int set_up(void **state)
{
	struct slowpath_config config = {
		.workers = 2,
		.threads = 1,
		.admission = {.handshakes = 16,
			.handshakes_per_source = 8,
			.rate = 10,
			.burst = 200},
	};
	struct tls_certificate certificate = {
		.name = "www", .certificate = files.certificate, .key = files.key};
	struct tls_profile *p;

	if (slowpath_create(&config, &service, error, sizeof(error)) != 0 ||
		tls_profile_create(&certificate, 1, NULL, &p, error, sizeof(error)) != 0)
		return -1;
	service->wake = wake;
	profile = slowpath_profile_add(service, &tls_server_kind, p);
	return profile != 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	slowpath_stop(service);
	slowpath_destroy(service);
	service = NULL;
	return 0;
}

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

static struct slow_link *link_1(void)
{
	return &slowpath_links(service)->links[1];
}

static void turn(void)
{
	bool blocked;

	while (slow_thread_turn(&service->threads[0], &blocked) && !blocked)
		;
}

static struct slow_message *put(enum slow_kind kind, uint64_t session, uint64_t offset)
{
	struct slow_message *m = ring_reserve(&link_1()->to_slow);

	assert_non_null(m);
	m->kind = (uint8_t)kind;
	m->stream = SLOW_CLIENT;
	m->session = session;
	m->offset = offset;
	m->length = 0;
	return m;
}

static void put_open_from(const char *source, uint64_t session, uint32_t number)
{
	struct slow_message *m = put(SLOW_OPEN, session, 0);

	assert_true(ip_address_parse(source, &m->open.source));
	m->open.profile = number;
	ring_publish(&link_1()->to_slow);
}

static void put_open(uint64_t session, uint32_t number)
{
	put_open_from("10.0.0.1", session, number);
}

static void put_bytes(uint64_t session, uint64_t offset, const void *bytes, size_t length)
{
	struct slow_message *m = put(SLOW_BYTES, session, offset);

	memcpy(m->data, bytes, length);
	m->length = (uint16_t)length;
	ring_publish(&link_1()->to_slow);
}

static void put_plain(enum slow_kind kind, uint64_t session)
{
	put(kind, session, 0);
	ring_publish(&link_1()->to_slow);
}

// The next answer, which must be of this kind and session.
static const struct slow_message *expect(enum slow_kind kind, uint64_t session)
{
	const struct slow_message *m = ring_peek(&link_1()->to_worker);

	assert_non_null(m);
	assert_int_equal(m->kind, kind);
	assert_int_equal(m->session, session);
	return m;
}

static void expect_failure(enum slow_failure failure, uint64_t session)
{
	assert_int_equal(expect(SLOW_FAILED, session)->failure, failure);
	ring_release(&link_1()->to_worker);
}

static void expect_nothing(void)
{
	assert_null(ring_peek(&link_1()->to_worker));
}

static struct slowpath_counts counts(void)
{
	struct slowpath_counts c;

	slowpath_count(service, &c);
	return c;
}

// A client of OpenSSL at the other end of the worker. True once KEYS came.
static bool client_turn(SSL *ssl, uint64_t session, uint64_t *sent, uint64_t *offset)
{
	uint8_t bytes[SLOW_DATA_BYTES];
	const struct slow_message *m;
	int n;

	SSL_do_handshake(ssl);
	while ((n = BIO_read(SSL_get_wbio(ssl), bytes, sizeof(bytes))) > 0) {
		put_bytes(session, *sent, bytes, (size_t)n);
		*sent += (uint64_t)n;
	}
	if (!service->threads[0].running)
		turn();
	while ((m = ring_peek(&link_1()->to_worker)) != NULL) {
		bool done = m->kind == SLOW_KEYS;

		if (m->kind == SLOW_FAILED && m->session != session) {
			assert_int_equal(m->failure, SLOW_FAILURE_CROWDED);
			ring_release(&link_1()->to_worker);
			continue;
		}
		assert_int_equal(m->session, session);
		assert_true(done || m->kind == SLOW_SEND);
		*offset = m->offset;
		if (!done)
			BIO_write(SSL_get_rbio(ssl), m->data, m->length);
		ring_release(&link_1()->to_worker);
		if (done)
			return true;
	}
	return false;
}

static void handshake_from(const char *source, uint64_t session)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	uint64_t sent = 0, offset = 0;
	bool done = false;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	put_open_from(source, session, profile);
	for (int i = 0; i < 2000 && !done; i++) {
		done = client_turn(ssl, session, &sent, &offset);
		slow_link_wake(link_1());
		if (!done && service->threads[0].running)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	assert_true(done);
	assert_int_equal(offset, sent);
	assert_int_equal(SSL_is_init_finished(ssl), 1);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void handshake(uint64_t session)
{
	handshake_from("10.0.0.1", session);
}

static void a_handshake_gives_keys(void **state)
{
	handshake(7);
	handshake(7);
	assert_int_equal(counts().done, 2);
	assert_int_equal(counts().in_flight, 0);
	assert_true(counter_read(&wakes) > 0);
}

static void threads_serve_by_themselves(void **state)
{
	assert_int_equal(slowpath_start(service, NULL, wake, error, sizeof(error)), 0);
	for (uint64_t i = 0; i < 20; i++)
		handshake(i);
	assert_int_equal(counts().done, 20);
	assert_true(slowpath_stalled(service, 0) < USEC_PER_SECOND);
}

static void an_unknown_profile_is_refused(void **state)
{
	put_open(1, profile + 1);
	turn();
	expect_failure(SLOW_FAILURE_LOCAL, 1);
	slowpath_profile_remove(service, profile);
	put_open(2, profile);
	turn();
	expect_failure(SLOW_FAILURE_LOCAL, 2);
	assert_int_equal(counts().in_flight, 0);
}

static void a_removed_profile_serves_what_has_begun(void **state)
{
	put_open(1, profile);
	turn();
	slowpath_profile_remove(service, profile);
	assert_int_equal(counts().in_flight, 1);
	put_bytes(1, 0, "GET / HTTP/1.1\r\n", 16);
	turn();
	expect_failure(SLOW_FAILURE_HANDSHAKE, 1);
	assert_int_equal(counts().in_flight, 0);
}

// Nobody is kept out by what others began and do not go on with.
static void the_oldest_gives_way(void **state)
{
	char source[16];

	for (uint64_t i = 0; i < 9; i++)
		put_open(i, profile);
	turn();
	expect_failure(SLOW_FAILURE_CROWDED, 0);
	expect_nothing();
	assert_int_equal(counts().in_flight, 8);
	for (uint64_t i = 9; i < 17; i++) {
		snprintf(source, sizeof(source), "10.0.1.%u", (unsigned)i);
		put_open_from(source, i, profile);
	}
	turn();
	expect_nothing();
	assert_int_equal(counts().in_flight, 16);
	handshake_from("10.0.2.1", 17);
	assert_int_equal(counts().in_flight, 15);
	assert_int_equal(counts().crowded, 2);
	assert_int_equal(counts().forgotten, 0);
	put_plain(SLOW_CLOSE, 3);
	turn();
	assert_int_equal(counts().forgotten, 1);
}

// By age, whether or not its worker still knows it: one that does need not wait any longer.
static void what_is_forgotten_is_told(void **state)
{
	put_open(1, profile);
	put_bytes(1, 0, "\x16\x03\x01\x02", 4);
	turn();
	expect_nothing();
	TAILQ_FIRST(&service->threads[0].ages)->begun -= SLOW_TIMEOUT + SLOW_FORGET;
	turn();
	expect_failure(SLOW_FAILURE_CROWDED, 1);
	expect_nothing();
	assert_int_equal(counts().forgotten, 1);
	assert_int_equal(counts().in_flight, 0);
}

// A source may begin so many a second; one that begins more makes nobody give way.
static void a_source_in_a_hurry_is_refused(void **state)
{
	for (uint64_t i = 0; i < 300; i++) {
		put_open(i, profile);
		turn();
		while (ring_peek(&link_1()->to_worker) && i < 299)
			ring_release(&link_1()->to_worker);
	}
	expect_failure(SLOW_FAILURE_REFUSED, 299);
	assert_true(counts().refused > 0);
	assert_int_equal(counts().in_flight, 8);
}

static void a_stream_that_ends_early_fails(void **state)
{
	put_open(1, profile);
	put_bytes(1, 0, "\x16\x03\x01\x02", 4);
	put_plain(SLOW_END, 1);
	turn();
	expect_failure(SLOW_FAILURE_HANDSHAKE, 1);
	expect_nothing();
}

static void a_name_that_comes_again_is_a_new_handshake(void **state)
{
	put_open(1, profile);
	put_bytes(1, 0, "\x16\x03\x01\x02", 4);
	turn();
	assert_int_equal(counts().in_flight, 1);
	handshake(1);
	assert_int_equal(counts().forgotten, 1);
}

// Nothing is lost while the worker does not read its ring: the thread waits.
static void a_full_ring_makes_the_thread_wait(void **state)
{
	bool blocked;

	for (uint64_t i = 0; i < SLOW_RING; i++)
		put_open(i, profile + 1);
	turn();
	assert_true(ring_is_empty(&link_1()->to_slow));
	put_open(100, profile + 1);
	slow_thread_turn(&service->threads[0], &blocked);
	assert_false(ring_is_empty(&link_1()->to_slow));
	for (uint64_t i = 0; i < SLOW_RING; i++)
		expect_failure(SLOW_FAILURE_LOCAL, i);
	turn();
	expect_failure(SLOW_FAILURE_LOCAL, 100);
}

static int terse_create(void *own, const struct slow_open *open, void **out)
{
	*out = service;
	return 0;
}

static void terse_destroy(void *own)
{
}

static enum handshake_step terse_next(void *handshake, struct slow_message *out)
{
	out->kind = SLOW_KEYS;
	return HANDSHAKE_DONE;
}

// What a kind of handshake says nothing of is nothing, whatever lay in the slot before: the flags
// and secrets of another session's keys.
static void an_answer_has_nothing_of_the_one_before_it(void **state)
{
	static const struct handshake_kind terse = {.create = terse_create,
		.destroy = terse_destroy,
		.next = terse_next,
		.profile_destroy = terse_destroy};
	const struct slow_message empty = {.session = 1, .kind = SLOW_KEYS};

	for (uint32_t i = 0; i < SLOW_RING; i++) {
		memset(ring_reserve(&link_1()->to_worker), 0xff, sizeof(empty));
		ring_publish(&link_1()->to_worker);
		ring_release(&link_1()->to_worker);
	}
	put_open(1, slowpath_profile_add(service, &terse, service));
	turn();
	assert_memory_equal(expect(SLOW_KEYS, 1), &empty, sizeof(empty));
}

static void bytes_out_of_place_are_left_alone(void **state)
{
	struct slow_message *m;

	put_bytes(1, 0, "x", 1);
	put_open(1, profile);
	put_bytes(1, 5, "x", 1);
	m = put(SLOW_BYTES, 1, 0);
	m->length = UINT16_MAX;
	ring_publish(&link_1()->to_slow);
	put_plain(99, 1);
	turn();
	expect_nothing();
	assert_int_equal(counts().in_flight, 1);
}

// Whoever has handshakes under way or none.
static void who_asks_is_answered(void **state)
{
	put_plain(SLOW_ASK, 7);
	turn();
	expect(SLOW_HERE, 7);
	ring_release(&link_1()->to_worker);
	expect_nothing();
	assert_int_equal(counts().in_flight, 0);
}

// Of all workers, the one that has waited for longest.
static void a_silence_is_of_any_worker(void **state)
{
	struct slow_link *links = slowpath_links(service)->links;
	uint64_t unanswered;

	assert_int_equal(slowpath_silence(service, 0, &unanswered), 0);
	assert_int_equal(unanswered, 0);
	counter_set(&links[0].unanswered, 5);
	counter_set(&links[1].unanswered, 3);
	shared_word_store(&links[1].silent_since, 2000);
	assert_int_equal(slowpath_silence(service, 0, &unanswered), 2000);
	assert_int_equal(unanswered, 3);
	shared_word_store(&links[0].silent_since, 1000);
	assert_int_equal(slowpath_silence(service, 0, &unanswered), 1000);
	assert_int_equal(unanswered, 8);
}

static uint32_t add_client(void)
{
	struct tls_client_settings settings = {.name = "out", .roots = files.certificate};
	struct tls_client_profile *p;

	assert_int_equal(tls_client_profile_create(&settings, &p, error, sizeof(error)), 0);
	return slowpath_profile_add(service, &tls_client_kind, p);
}

static void put_open_target(uint64_t session, uint32_t number, const char *target)
{
	struct slow_message *m = put(SLOW_OPEN, session, 0);

	m->stream = SLOW_TARGET;
	assert_true(ip_address_parse("10.0.0.1", &m->open.source));
	m->open.profile = number;
	snprintf(m->open.target, sizeof(m->open.target), "%s", target);
	ring_publish(&link_1()->to_slow);
}

static void put_target_bytes(uint64_t session, const void *bytes, size_t length)
{
	struct slow_message *m = put(SLOW_BYTES, session, 0);

	m->stream = SLOW_TARGET;
	memcpy(m->data, bytes, length);
	m->length = (uint16_t)length;
	ring_publish(&link_1()->to_slow);
}

// Whether the hello that was sent asks for this name (RFC 6066 3).
static bool hello_names(const struct slow_message *m, const char *name)
{
	return memmem(m->data, m->length, name, strlen(name)) != NULL;
}

static void a_client_speaks_first_and_asks_for_its_target(void **state)
{
	static const struct {
		const char *target, *name;
	} of[] = {{"www.example.org:443", "www.example.org"}, {"10.2.0.1:443", NULL},
		{"[fd00:2::1]:443", NULL}};
	uint32_t number = add_client();
	const struct slow_message *m;

	for (uint64_t i = 0; i < nx_array_size(of); i++) {
		put_open_target(i, number, of[i].target);
		turn();
		m = expect(SLOW_SEND, i);
		assert_int_equal(m->stream, SLOW_TARGET);
		assert_int_equal(m->data[0], 22);
		assert_int_equal(
			hello_names(m, of[i].name ? of[i].name : "10.2"), of[i].name != NULL);
		ring_release(&link_1()->to_worker);
		expect_nothing();
	}
}

// Our own hello settles nothing: targets that stay silent give way before clients of whom there are
// fewer, and those before a client that was answered.
static void silent_targets_give_way_first(void **state)
{
	uint32_t number = add_client();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	uint64_t sent = 0, offset = 0;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	put_open_from("10.0.0.9", 50, profile);
	assert_false(client_turn(ssl, 50, &sent, &offset));
	for (uint64_t i = 0; i < 8; i++) {
		put_open_target(i, number, "www.example.org:443");
		turn();
		expect(SLOW_SEND, i);
		ring_release(&link_1()->to_worker);
	}
	for (uint64_t i = 10; i < 17; i++)
		put_open_from("10.0.0.2", i, profile);
	turn();
	assert_int_equal(counts().in_flight, 16);
	expect_nothing();
	for (unsigned int i = 0; i < 15; i++) {
		const struct slow_message *m;
		char source[16];

		snprintf(source, sizeof(source), "10.0.3.%u", i);
		put_open_from(source, 20 + i, profile);
		turn();
		m = ring_peek(&link_1()->to_worker);
		assert_non_null(m);
		expect_failure(SLOW_FAILURE_CROWDED, i == 0 ? 0 : m->session);
		expect_nothing();
	}
	assert_true(client_turn(ssl, 50, &sent, &offset));
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void a_failure_with_a_target_is_reported_once(void **state)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
	uint32_t number = add_client();
	struct slowpath_report report;
	const struct slow_message *m;

	for (uint64_t i = 0; i < 5; i++) {
		put_open_target(i, number, "www.example.org:443");
		turn();
		expect(SLOW_SEND, i);
		ring_release(&link_1()->to_worker);
		put_target_bytes(i, alert, sizeof(alert));
		turn();
		m = expect(SLOW_FAILED, i);
		assert_int_equal(m->failure, SLOW_FAILURE_HANDSHAKE);
		assert_true(m->length > 0);
		ring_release(&link_1()->to_worker);
	}
	assert_true(slowpath_report_take(service, &report));
	assert_int_equal(report.profile, number);
	assert_int_equal(report.count, 5);
	assert_string_equal(report.target, "www.example.org:443");
	assert_non_null(strstr(report.reason, "handshake failure"));
	assert_false(slowpath_report_take(service, &report));
	// Of a client that fails with us there is none.
	put_open(9, profile);
	put_bytes(9, 0, "GET / HTTP/1.1", 14);
	turn();
	expect_failure(SLOW_FAILURE_HANDSHAKE, 9);
	assert_false(slowpath_report_take(service, &report));
}

static void a_report_returns_after_its_interval(void **state)
{
	struct slow_message m = {.failure = SLOW_FAILURE_UNTRUSTED, .length = 3, .data = "why"};
	struct slow_reports *r = &service->reports;
	struct slowpath_report report;
	usec_t now = 100 * USEC_PER_SECOND;

	slow_reports_add(r, 1, "a:1", &m);
	slow_reports_add(r, 1, "b:1", &m);
	slow_reports_add(r, 1, "a:1", &m);
	assert_true(slow_reports_take(r, now, &report));
	assert_int_equal(report.count, 2);
	assert_string_equal(report.reason, "why");
	assert_true(slow_reports_take(r, now, &report));
	assert_string_equal(report.target, "b:1");
	assert_false(slow_reports_take(r, now, &report));
	slow_reports_add(r, 1, "a:1", &m);
	assert_false(slow_reports_take(r, now + USEC_PER_SECOND, &report));
	assert_true(slow_reports_take(r, now + 10 * USEC_PER_SECOND, &report));
	assert_int_equal(report.count, 1);
	// What stays away is forgotten, and told at once when it comes back. More than there are
	// places for are not told.
	assert_false(slow_reports_take(r, now + 30 * USEC_PER_SECOND, &report));
	for (uint32_t i = 0; i < 2 * REPORTS; i++)
		slow_reports_add(r, 100 + i, "c:1", &m);
	for (uint32_t i = 0; i < REPORTS; i++)
		assert_true(slow_reports_take(r, now + 31 * USEC_PER_SECOND, &report));
	assert_false(slow_reports_take(r, now + 31 * USEC_PER_SECOND, &report));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_handshake_gives_keys),
		TEST(threads_serve_by_themselves),
		TEST(an_unknown_profile_is_refused),
		TEST(a_removed_profile_serves_what_has_begun),
		TEST(the_oldest_gives_way),
		TEST(what_is_forgotten_is_told),
		TEST(a_source_in_a_hurry_is_refused),
		TEST(a_stream_that_ends_early_fails),
		TEST(a_name_that_comes_again_is_a_new_handshake),
		TEST(a_full_ring_makes_the_thread_wait),
		TEST(an_answer_has_nothing_of_the_one_before_it),
		TEST(bytes_out_of_place_are_left_alone),
		TEST(who_asks_is_answered),
		TEST(a_silence_is_of_any_worker),
		cmocka_unit_test_setup_teardown(
			a_client_speaks_first_and_asks_for_its_target, set_up, tear_down),
		TEST(silent_targets_give_way_first),
		cmocka_unit_test_setup_teardown(
			a_failure_with_a_target_is_reported_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_report_returns_after_its_interval, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
