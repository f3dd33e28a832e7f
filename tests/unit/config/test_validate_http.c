// SPDX-License-Identifier: BSD-3-Clause
// What listeners of protocol http say of their routes and upstreams.
#include "config_test.h"

enum {
	LINE = 7, // of the listener in the base
};

// The base with its listener of protocol http; `rest` follows the upstream's key.
static char *http_text(const char *rest)
{
	static const char from[] =
		"protocol = \"tcp\"; listen = \"10.1.0.2:9000\"; upstream = \"web\";";
	char to[1024];

	snprintf(to, sizeof(to), "protocol = \"http\"; listen = \"10.1.0.2:9000\"; %s", rest);
	return test_variant(from, to);
}

static void taken(const char *rest)
{
	char *text = http_text(rest);
	struct config *config = test_config(text);

	assert_int_equal(config_listeners(config)[0].mode, MODE_TERMINATE);
	config_destroy(config);
	test_free(text);
}

static void refused(const char *rest, const char *part)
{
	char *text = http_text(rest);

	assert_fault(text, LINE, part);
	test_free(text);
}

#define ROUTE(keys) "http = { routes = ( { " keys " } ); };"

static void a_listener_serves_something(void **state)
{
	taken("upstream = \"web\";");
	taken(ROUTE("upstream = \"web\";"));
	refused("", "has neither routes nor an upstream");
	refused(ROUTE("upstream = \"none\";"), "there is no upstream \"none\"");
	refused(ROUTE("path = \"/a\";"), "either an upstream or a redirection");
	refused("mode = \"direct\"; upstream = \"web\";", "connections end here");
}

static void hosts_are_names_or_addresses(void **state)
{
	static const char *const bad[] = {"[]", "[::1", "*.[::1]", "[:::1]", "[10.1.0.2]", "[",
		"a..b", ".a", "a.", "a:80", "*.", "a b"};
	static const char *const good[] = {
		"[::1]", "[2001:db8::7]", "10.1.0.2", "a", "*.a.example", "_x.Example"};
	char rest[256];

	for (uint32_t i = 0; i < nx_array_size(bad); i++) {
		snprintf(rest, sizeof(rest), ROUTE("host = \"%s\"; upstream = \"web\";"), bad[i]);
		refused(rest, "is no host");
	}
	for (uint32_t i = 0; i < nx_array_size(good); i++) {
		snprintf(rest, sizeof(rest), ROUTE("host = \"%s\"; upstream = \"web\";"), good[i]);
		taken(rest);
	}
}

static void what_is_left_of_a_prefix_needs_a_path(void **state)
{
	taken(ROUTE("path = \"/a\"; redirect = \"/b\"; strip_prefix = true;"));
	taken(ROUTE("path = \"/a\"; redirect = \"/b\"; keep_path = false;"));
	refused(ROUTE("path = \"/a\"; redirect = \"/b\"; strip_prefix = true; keep_path = false;"),
		"http.routes[0].strip_prefix: the redirection goes on without the path");
}

static void one_route_covers_what_no_other_does(void **state)
{
	taken("upstream = \"web\";" ROUTE("path = \"/a\"; upstream = \"web\";"));
	taken("upstream = \"web\";" ROUTE("host = \"a\"; path = \"/\"; upstream = \"web\";"));
	refused("upstream = \"web\";" ROUTE("path = \"/\"; redirect = \"https\";"),
		"the listener's upstream \"web\" serves what no route covers");
	refused("http = { routes = ( { path = \"/a\"; upstream = \"web\"; }, { path = \"/a/\"; "
		"upstream = \"web\"; } ); };",
		"another route has this host and path");
}

// The base with a listener of protocol http whose upstream has these keys too.
static void upstream_text(char *text, size_t size, const char *keys)
{
	static const char from[] = "name = \"web\"; ";
	char *base = http_text(ROUTE("upstream = \"web\";"));
	char *at = strstr(base, from);

	assert_non_null(at);
	snprintf(text, size, "%.*s%s %s", (int)(at - base + sizeof(from) - 1), base, keys,
		at + sizeof(from) - 1);
	test_free(base);
}

static void a_clients_own_port_serves_one_connection(void **state)
{
	char text[2048];

	upstream_text(text, sizeof(text), "source = \"client\";");
	assert_fault(text, 6, "upstreams[0].source: listener \"in\" connects to a target again");
}

static void none_lies_idle_for_others_that_is_one_clients(void **state)
{
	static const struct {
		const char *keys;
		uint32_t count;
	} good[] = {{"idle_connections = 7;", 7},
		{"balance = \"maglev\"; idle_connections = 0;", 0}, {"balance = \"maglev\";", 512}};
	static const char *const bad[] = {"balance = \"source-hash\"; idle_connections = 7;",
		"proxy_protocol = \"v2\"; idle_connections = 7;"};
	char text[2048];

	for (uint32_t i = 0; i < nx_array_size(good); i++) {
		struct config *config;

		upstream_text(text, sizeof(text), good[i].keys);
		config = test_config(text);
		assert_int_equal(config_upstreams(config)[0].idle_connections, good[i].count);
		config_destroy(config);
	}
	for (uint32_t i = 0; i < nx_array_size(bad); i++) {
		upstream_text(text, sizeof(text), bad[i]);
		assert_fault(text, 6, "upstreams[0].idle_connections: each connection is one");
	}
	upstream_text(text, sizeof(text), "idle_connections = 1025;");
	assert_fault(text, 6, "upstreams[0].idle_connections");
}

// What a listener's certificates promise is what it speaks.
static void handshakes_promise_what_is_spoken(void **state)
{
	static const struct {
		const char *alpn;
		const char *fault;
	} cases[] = {{"\"h2\", \"http/1.1\"", NULL}, {"\"http/1.1\"", NULL},
		{"\"h3\"", "speaks HTTP/2 and HTTP/1.1"},
		{"\"h2\", \"http/1.0\"", "speaks HTTP/2 and HTTP/1.1"}};
	char *http = http_text("upstream = \"web\"; transport = { security = \"tls\"; "
			       "credentials = [\"c\"]; };");
	char *listeners = strstr(http, "listeners = (");
	char text[8192];

	assert_non_null(listeners);
	for (uint32_t i = 0; i < nx_array_size(cases); i++) {
		snprintf(text, sizeof(text),
			"%.*scredentials = ( { name = \"c\"; kind = \"tls\"; certificate = "
			"\"file:/c\"; key = \"file:/k\"; alpn = [%s]; } );\n%s",
			(int)(listeners - http), http, cases[i].alpn, listeners);
		if (cases[i].fault)
			assert_fault(text, LINE + 1, cases[i].fault);
		else
			config_destroy(test_config(text));
	}
	test_free(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_serves_something),
		cmocka_unit_test(hosts_are_names_or_addresses),
		cmocka_unit_test(what_is_left_of_a_prefix_needs_a_path),
		cmocka_unit_test(one_route_covers_what_no_other_does),
		cmocka_unit_test(a_clients_own_port_serves_one_connection),
		cmocka_unit_test(none_lies_idle_for_others_that_is_one_clients),
		cmocka_unit_test(handshakes_promise_what_is_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
