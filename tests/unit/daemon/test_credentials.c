// SPDX-License-Identifier: BSD-3-Clause
// Profiles that a configuration no longer wants: how long sessions that were accepted under them
// may still ask for them, by a clock of the test's.
#include "config/config_test.h"

#include <unistd.h>

#include "daemon/credentials.h"
#include "slowpath/certificate.h"
#include "slowpath/service_impl.h"

enum {
	START_S = 1000,
	// Twice the time of a handshake and what the slow path gives one beyond it.
	GRACE_S = 30,
};

static struct test_certificate first, second;
static struct daemon node;
static char error[400];

static struct config *configure(const char *more)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"ports = ( { name = \"lan\"; device = \"af_packet:eth1\";"
		" address = [\"10.1.0.2/24\"]; } );\n"
		"upstreams = ( { name = \"web\"; targets = [\"10.1.0.1:80\"]; } );\n"
		"listeners = ( { name = \"in\"; protocol = \"tcp\"; mode = \"terminate\";"
		" listen = \"10.1.0.2:443\"; upstream = \"web\";"
		" transport = { security = \"tls\"; credentials = [\"www\"]; }; } );\n"
		"credentials = ( { name = \"www\"; kind = \"tls\"; certificate = \"file:%s\";"
		" key = \"file:%s\"; } );\n"
		"management = { key_dir = \"%s\"; };\n%s",
		first.certificate, first.key, first.folder, more);
	return test_config(text);
}

static int set_up(void **state)
{
	struct slowpath_config config = {.workers = 1,
		.threads = 1,
		.admission = {
			.handshakes = 4, .handshakes_per_source = 4, .rate = 10, .burst = 10}};

	test_certificate_make("DNS:www.example.org", &first);
	test_certificate_make("DNS:www.example.org", &second);
	node = (struct daemon){0};
	node.config = configure("");
	if (credentials_create(&node, &node.credentials) != 0)
		return -1;
	return slowpath_create(&config, &node.slowpath, error, sizeof(error));
}

static int tear_down(void **state)
{
	credentials_destroy(node.credentials);
	slowpath_destroy(node.slowpath);
	config_destroy(node.config);
	test_certificate_remove(&first);
	test_certificate_remove(&second);
	return 0;
}

// The files are read and what they hold runs; the number of the listener's profile.
static uint32_t load(void)
{
	int status = credentials_prepare(&node, node.config, NULL, error, sizeof(error));

	if (status != 0)
		fail_msg("%s", error);
	credentials_commit(&node);
	return credentials_number(&node, config_listeners(node.config));
}

static void swap_files(void)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/other", first.folder);
	assert_int_equal(rename(first.certificate, name), 0);
	assert_int_equal(rename(second.certificate, first.certificate), 0);
	assert_int_equal(rename(name, second.certificate), 0);
	assert_int_equal(rename(first.key, name), 0);
	assert_int_equal(rename(second.key, first.key), 0);
	assert_int_equal(rename(name, second.key), 0);
}

// Whether a handshake may begin under it.
static bool serves(uint32_t number)
{
	struct slow_profile *p = slow_profile_get(node.slowpath, number);

	if (p != NULL)
		slow_profile_put(node.slowpath, p);
	return p != NULL;
}

static void a_replaced_profile_serves_for_its_grace(void **state)
{
	uint32_t old = load(), now;

	assert_int_equal(load(), old); // the files are the same
	swap_files();
	now = load();
	assert_int_not_equal(now, old);
	for (uint64_t s = START_S; s <= START_S + GRACE_S; s++) {
		credentials_sweep(&node, s);
		assert_true(serves(old) && serves(now));
	}
	credentials_sweep(&node, START_S + GRACE_S + 1);
	assert_false(serves(old));
	credentials_sweep(&node, START_S + 1000 * GRACE_S);
	assert_true(serves(now));
}

// What comes back in time is the same again, and its grace begins anew when it goes.
static void a_profile_that_comes_back_is_kept(void **state)
{
	uint32_t old = load(), other;

	swap_files();
	other = load();
	credentials_sweep(&node, START_S);
	credentials_sweep(&node, START_S + GRACE_S);
	swap_files();
	assert_int_equal(load(), old);
	credentials_sweep(&node, START_S + GRACE_S + 1);
	credentials_sweep(&node, START_S + 2 * GRACE_S + 1);
	assert_true(serves(old) && serves(other));
	swap_files();
	assert_int_equal(load(), other);
	credentials_sweep(&node, START_S + 2 * GRACE_S + 2);
	credentials_sweep(&node, START_S + 3 * GRACE_S + 2);
	assert_true(serves(old));
	credentials_sweep(&node, START_S + 3 * GRACE_S + 3);
	assert_false(serves(old));
	assert_true(serves(other));
	// By now it would be a new one.
	swap_files();
	assert_true(load() > other);
}

static void a_longer_handshake_has_a_longer_grace(void **state)
{
	uint32_t old;

	config_destroy(node.config);
	node.config = configure("slowpath = { handshake_timeout_s = 20; };\n");
	old = load();
	swap_files();
	(void)load();
	credentials_sweep(&node, START_S);
	credentials_sweep(&node, START_S + 50);
	assert_true(serves(old));
	credentials_sweep(&node, START_S + 51);
	assert_false(serves(old));
}

// Files that are refused change nothing.
static void refused_files_leave_what_runs(void **state)
{
	uint32_t old = load();

	assert_int_equal(rename(second.key, first.key), 0);
	assert_true(credentials_prepare(&node, node.config, NULL, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, first.key));
	assert_int_equal(credentials_number(&node, config_listeners(node.config)), old);
	for (uint64_t s = START_S; s <= START_S + 2 * GRACE_S; s += GRACE_S + 1)
		credentials_sweep(&node, s);
	assert_true(serves(old));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_replaced_profile_serves_for_its_grace),
		TEST(a_profile_that_comes_back_is_kept),
		TEST(a_longer_handshake_has_a_longer_grace),
		TEST(refused_files_leave_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
