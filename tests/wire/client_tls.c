// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client_cases.h"

static struct nx_rest rest;

static enum nx_client_verdict open_with(
	struct nx_tls_config config, const char *url, enum nx_drive drive)
{
	struct nx_rest_config made = {.url = url, .stream = {.drive = drive}};
	enum nx_client_verdict verdict;

	made.stream.tls = tls_context(config);
	verdict = open_rest(&rest, &made);
	return verdict;
}

static void finish(void)
{
	struct nx_tls_context *tls = rest.stream.config.tls;

	nx_rest_fini(&rest);
	nx_tls_context_destroy(tls);
}

// The same server by its address, which its certificate does not name.
static const char *by_address(void)
{
	return url_of("https://127.0.0.1", strrchr(servers.https, ':'));
}

static void names_are_verified_unless_told_otherwise(void **state)
{
	assert_int_equal(open_with((struct nx_tls_config){0}, by_address(), NX_DRIVE_BLOCKING),
		NX_CLIENT_TLS_FAILED);
	assert_string_equal(nx_stream_why(&rest.stream), "IP address mismatch");
	finish();
	assert_int_equal(open_with((struct nx_tls_config){0}, by_address(), NX_DRIVE_READY),
		NX_CLIENT_TLS_FAILED);
	finish();
	assert_int_equal(open_with((struct nx_tls_config){.danger_no_verify = true}, by_address(),
				 NX_DRIVE_BLOCKING),
		NX_CLIENT_DONE);
	finish();
}

static void an_unknown_root_is_refused(void **state)
{
	struct nx_rest_config config = {.url = servers.https};
	struct nx_tls_config system_roots = {0};

	config.stream.tls = nx_tls_context_create(&system_roots, NULL, 0);
	assert_non_null(config.stream.tls);
	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_TLS_FAILED);
	assert_non_null(strstr(nx_stream_why(&rest.stream), "certificate"));
	finish();
}

static void alpn_and_version_are_agreed(void **state)
{
	static const char *const protocols[] = {"http/1.1"}, *const strange[] = {"strange"};

	assert_int_equal(open_with((struct nx_tls_config){.alpn = protocols,
					   .alpn_count = 1,
					   .alpn_required = true,
					   .tls13_only = true},
				 servers.https, NX_DRIVE_BLOCKING),
		NX_CLIENT_DONE);
	assert_string_equal(nx_tls_alpn(rest.stream.tls), "http/1.1");
	assert_string_equal(nx_tls_version(rest.stream.tls), "TLSv1.3");
	finish();
	assert_int_equal(open_with(
				 (struct nx_tls_config){
					 .alpn = strange, .alpn_count = 1, .alpn_required = true},
				 servers.https, NX_DRIVE_BLOCKING),
		NX_CLIENT_TLS_FAILED);
	finish();
}

static void tls13_only_refuses_an_older_server(void **state)
{
	assert_int_equal(open_with((struct nx_tls_config){0}, servers.old, NX_DRIVE_BLOCKING),
		NX_CLIENT_DONE);
	assert_string_equal(nx_tls_version(rest.stream.tls), "TLSv1.2");
	finish();
	assert_int_equal(open_with((struct nx_tls_config){.tls13_only = true}, servers.old,
				 NX_DRIVE_BLOCKING),
		NX_CLIENT_TLS_FAILED);
	finish();
}

static void contexts_say_what_is_wrong(void **state)
{
	const char *const none[] = {"/nonexistent.pem"};
	struct nx_tls_config config = {.root_files = none, .root_file_count = 1};
	struct iovec junk = {(char[]){"junk"}, 4};
	char why[128];

	assert_null(nx_tls_context_create(&config, why, sizeof(why)));
	assert_non_null(strstr(why, "/nonexistent.pem"));
	config = (struct nx_tls_config){.roots = &junk, .root_count = 1};
	assert_null(nx_tls_context_create(&config, why, sizeof(why)));
	assert_non_null(strstr(why, "DER"));
	config = (struct nx_tls_config){.role = NX_TLS_SERVER};
	assert_null(nx_tls_context_create(&config, why, sizeof(why)));
	assert_non_null(strstr(why, "certificate_file"));
}

static void large_bodies_cross_records(void **state)
{
	struct nx_rest_config config = {.url = servers.https, .body_limit = 1 << 20};
	struct nx_response response;

	config.stream.tls = tls_context((struct nx_tls_config){0});
	for (int i = 0; i < 6; i++) {
		config.stream.drive = (enum nx_drive)(i % 3);
		config.stream.receive_most_bytes = i < 3 ? 0 : 1000;
		assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
		nx_rest_begin(&rest, "GET", "/large");
		assert_true(nx_rest_send(&rest, NULL, 0) <= NX_CLIENT_AGAIN);
		assert_int_equal(UNTIL_DONE(&rest.stream, nx_rest_receive(&rest, &response)),
			NX_CLIENT_DONE);
		assert_int_equal(response.body.length, 300000);
		for (size_t n = 0; n < 300000; n++)
			assert_int_equal(response.body.data[n], 'a' + n % 26);
		nx_rest_fini(&rest);
	}
	nx_tls_context_destroy(config.stream.tls);
}

const struct CMUnitTest tls_cases[] = {
	cmocka_unit_test(names_are_verified_unless_told_otherwise),
	cmocka_unit_test(an_unknown_root_is_refused),
	cmocka_unit_test(alpn_and_version_are_agreed),
	cmocka_unit_test(tls13_only_refuses_an_older_server),
	cmocka_unit_test(contexts_say_what_is_wrong),
	cmocka_unit_test(large_bodies_cross_records),
};
const size_t tls_case_count = sizeof(tls_cases) / sizeof(tls_cases[0]);
