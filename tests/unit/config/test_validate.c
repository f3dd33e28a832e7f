// SPDX-License-Identifier: BSD-3-Clause
// What keys say together: own addresses, gateways, routes, references, clashes, families, loops.
#include "config_test.h"

// The base with one piece replaced must be refused with `part`, or taken with one warning ("":
// none).
static void variant_refused(const char *from, const char *to, uint32_t line, const char *part)
{
	char *text = test_variant(from, to);

	assert_fault(text, line, part);
	test_free(text);
}

static void variant_warned(const char *from, const char *to, const char *part)
{
	char *text = test_variant(from, to);
	struct config *config = test_config(text);

	if (part[0])
		assert_true(test_has_fault(0, part));
	assert_int_equal(test_faults.count, part[0] ? 1 : 0);
	assert_int_equal(test_faults.errors, 0);
	config_destroy(config);
	test_free(text);
}

static void own_addresses_are_stations_and_do_not_overlap(void **state)
{
	variant_refused("10.1.0.2/24", "10.1.0.0/24", 2, "is the network itself");
	variant_refused("10.1.0.2/24", "10.1.0.255/24", 2, "broadcast address");
	variant_refused("10.1.0.2/24", "127.0.0.1/8", 2, "loopback");
	variant_refused("10.1.0.2/24", "224.0.0.1/24", 2, "no address of one station");
	variant_refused("10.1.0.2/24", "10.1.0.2/0", 2, "whole world");
	variant_refused(
		"10.1.0.2/24", "10.1.0.2", 2, "ports[0].address[0]: \"10.1.0.2\" has no length");
	variant_refused(
		"10.1.0.2/24", "10.2.0.9/24", 3, "overlaps with one on port \"lan\" (line 2)");
	variant_refused(
		"10.1.0.2/24", "10.2.0.2/32", 3, "10.2.0.2/24 stands twice, also on port \"lan\"");
	variant_refused("10.1.0.2/24", "10.0.0.9/8", 3, "overlaps");
	variant_refused("fd00:2::2/64", "fd00:1::9/48", 3, "overlaps");
	variant_refused("gateway = [",
		"vlans = ( { id = 5; address = [\"10.1.0.7/24\"]; } ); gateway = [", 4, "overlaps");
	variant_refused("gateway = [",
		"vlans = ( { id = 5; address = [\"10.5.0.7/24\"]; },\n{ id = 5; address = [\"10.6.0.7/24\"]; } ); gateway = [",
		5, "ports[1].vlans[1].id: VLAN 5 stands twice");
}

static void ports_have_their_own_names_and_devices(void **state)
{
	variant_refused(
		"name = \"wan\"", "name = \"lan\"", 3, "another port is called \"lan\" (line 2)");
	variant_refused("name = \"wan\"", "name = \"wan.7\"", 3, "holds a dot");
	variant_refused("af_packet:eth2", "af_packet:eth1", 3, "port \"lan\" has the same device");
}

static void gateways_and_routes_are_on_link(void **state)
{
	variant_refused(
		"[\"10.2.0.254\"]", "[\"10.1.0.254\"]", 4, "is in no network of this interface");
	variant_refused("[\"10.2.0.254\"]", "[\"10.2.0.2\"]", 4, "10.2.0.2 is an own address");
	variant_refused("[\"10.2.0.254\"]", "[\"10.2.0.254\", \"10.2.0.253\"]", 4,
		"a second default gateway");
	variant_refused(
		"via = \"10.2.0.253\"", "via = \"10.7.0.1\"", 5, "is in no network of a port");
	variant_refused("via = \"10.2.0.253\"", "via = \"10.2.0.2\"", 5, "is an own address");
	variant_refused("via = \"10.2.0.253\"", "via = \"fd00:2::1\"", 5, "not of the family");
	variant_refused("to = \"10.9.0.0/16\"", "to = \"10.9.0.1/16\"", 5, "write 10.9.0.0/16");
	variant_refused("to = \"10.9.0.0/16\"", "to = \"0.0.0.0/0\"", 5,
		"is the default, and a port has a gateway");
	variant_refused(
		"to = \"10.9.0.0/16\"", "to = \"10.1.0.0/24\"", 5, "own network of port \"lan\"");
	variant_refused("routes = ( ",
		"routes = ( { to = \"10.9.0.0/16\"; via = \"10.2.0.9\"; },\n", 6,
		"has a route already (line 5)");
}

static void emulated_links_make_sense(void **state)
{
	const char *from = "            gateway =";

	variant_refused(from, "emulate = { reorder = 0.1; }; gateway =", 4, "no delay to overtake");
	variant_refused(from, "emulate = { delay_us = 5; jitter_us = 6; }; gateway =", 4,
		"more than the delay");
	variant_refused(from, "emulate = { loss = 1; loss_burst = 2; }; gateway =", 4,
		"where everything is lost");
	variant_refused(from, "emulate = { loss = \"101%\"; }; gateway =", 4, "is no share");
	variant_refused(from, "emulate = { loss = -0.1; }; gateway =", 4, "is no share");
	variant_refused(
		from, "emulate = { loss = \"1 in 10\"; }; gateway =", 4, "no unit of a share");
	variant_refused(
		from, "emulate = { rate_bps = \"2000Gbit/s\"; }; gateway =", 4, "out of range");
	variant_refused(from, "emulate = { rate_bps = -1; }; gateway =", 4, "out of range");
	variant_refused(from, "emulate = { rate = 5; }; gateway =", 4, "did you mean rate_bps");
}

static void emulated_links_are_read_in_every_form(void **state)
{
	char *text = test_variant("            gateway =",
		"emulate = { rate_bps = \"1.5Gbit/s\"; delay_us = \"20ms\"; jitter_us = 20000; loss = \"0.001%\";"
		" reorder = 0.25; duplicate = 1; corrupt = \"7ppm\"; queue_bytes = \"64KiB\"; }; gateway =");
	struct config *config = test_config(text);
	const struct config_emulate *e = &config_ports(config)[1].emulate;

	assert_int_equal(e->rate_bps, 1500000000);
	assert_int_equal(e->delay_us, 20000);
	assert_int_equal(e->jitter_us, 20000);
	assert_int_equal(e->loss, 10000);
	assert_int_equal(e->reorder, 250000000);
	assert_int_equal(e->duplicate, 1000000000);
	assert_int_equal(e->corrupt, 7000);
	assert_int_equal(e->queue_bytes, 65536);
	assert_int_equal(e->seed, 1);
	assert_int_equal(config_ports(config)[0].emulate.rate_bps, 0);
	config_destroy(config);
	test_free(text);
}

static void references_must_hold(void **state)
{
	variant_refused(
		"upstream = \"web\"", "upstream = \"wbe\"", 7, "there is no upstream \"wbe\"");
	variant_refused("listen = \"10.1.0.2:9000\"", "listen = \"10.1.0.3:9000\"", 7,
		"listener \"in\": 10.1.0.3 is not an own address");
	assert_int_equal(test_faults.items[0].kind, FAULT_TCP_BIND);
	variant_refused("protocol = \"tcp\"; listen = \"10.1.0.2:9000\"",
		"protocol = \"udp\"; listen = \"10.1.0.3:9000\"", 7, "is not an own address");
	assert_int_equal(test_faults.items[0].kind, FAULT_UDP_BIND);
	variant_refused("\"10.9.0.3:80 weight=2\"", "\"10.2.0.1:80 weight=2\"", 6,
		"\"10.2.0.1:80\" stands twice");
	variant_refused("weight=2", "weight=0", 6, "weight that is not between 1 and 256");
	variant_refused("weight=2", "weight=257", 6, "weight");
	variant_refused(
		"weight=2", "weight=2 weight=3", 6, "something else than weight=N or drained");
	variant_refused("10.2.0.1:80", "10.2.0.1", 6, "is not HOST:PORT");
	variant_refused("10.2.0.1:80", "10.2.0.1:0", 6, "no port between");
	variant_refused("10.2.0.1:80", "10.2.0.1:65536", 6, "no port between");
	variant_refused("10.2.0.1:80", "10.2.0.300:80", 6, "neither an address nor a host");
	variant_refused("10.2.0.1:80", "fd00::1:80", 6, "is not HOST:PORT");
	variant_refused("10.2.0.1:80", "224.0.0.1:80", 6, "no address of one station");
	variant_refused("10.2.0.1:80", "0.0.0.0:80", 6, "no address of one station");
	variant_refused("10.2.0.1:80", "255.255.255.255:80", 6, "no address of one station");
	variant_refused("10.2.0.1:80", "10.1.0.255:80", 6, "no address of one station");
	variant_refused("10.2.0.1:80", "10.1.0.0:80", 6, "no address of one station");
	variant_warned("10.2.0.1:80", "10.1.0.254:80", "");
	variant_refused("targets = [\"10.2.0.1:80\", \"10.9.0.3:80 weight=2\"]", "targets = []", 6,
		"has 0 entries");
	variant_refused("targets =", "source = [\"10.2.0.77\"]; targets =", 6,
		"10.2.0.77 is not an own address");
	variant_refused("targets =", "source = [\"fd00:2::2\"]; targets =", 6,
		"no source is of the targets' family");
	variant_refused("listeners = ( ",
		"listeners = ( { name = \"in\"; protocol = \"udp\"; listen = \"*:1\"; upstream = \"web\"; },\n",
		8, "another listener is called \"in\"");
	variant_refused("upstreams = ( ",
		"upstreams = ( { name = \"web\"; targets = [\"10.2.0.9:1\"]; },\n", 7,
		"another upstream is called \"web\" (line 6)");
	variant_refused("workers = { cpus = \"0\"; }",
		"workers = { cpus = \"0\"; }; slowpath = { cpus = \"0\"; }", 1,
		"slowpath.cpus: CPU 0 is a worker's");
	variant_refused("upstream = \"web\"",
		"upstream = \"web\"; transport = { outer = \"udp\"; }", 7,
		"does not carry listener \"in\" (tcp)");
}

static void direct_mode_keeps_the_family(void **state)
{
	variant_refused("10.1.0.2:9000", "[fd00:1::2]:9000", 7, "has no IPv6 target");
	assert_true(test_has_fault(7, "mode = \"terminate\""));

	char *text = test_variant("\"10.2.0.1:80\"", "\"app.example:80\"");
	struct config *config = test_config(text);

	config_destroy(config);
	test_free(text);
	text = test_variant("10.1.0.2:9000", "*:9000");
	config = test_config(text);
	config_destroy(config);
	test_free(text);
}

static void terminate_takes_any_family(void **state)
{
	char *text = test_variant("10.1.0.2:9000\"", "[fd00:1::2]:9000\"; mode = \"terminate\"");
	struct config *config = test_config(text);

	config_destroy(config);
	test_free(text);
	variant_refused("listeners = ( ",
		"listeners = ( { name = \"u\"; protocol = \"udp\"; listen = \"10.1.0.2:80\"; upstream = \"web\"; mode = \"terminate\"; },\n",
		7, "listeners[0].mode: only TCP has connections to end here");
}

static void transparent_needs_connections_that_end_here(void **state)
{
	char *text = test_variant("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; transparent = true");
	struct config *config = test_config(text);

	assert_int_equal(config_listeners(config)[0].transparent, 1);
	config_destroy(config);
	test_free(text);
	variant_refused("upstream = \"web\"", "upstream = \"web\"; transparent = true", 7,
		"listeners[0].transparent: in mode direct every packet passes as it came");
	variant_refused("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; transparent = true; proxy_protocol = \"required\"",
		7, "before the client may send a PROXY protocol header");
	variant_warned("upstream = \"web\"", "upstream = \"web\"; transparent = false", "");
	variant_refused("upstream = \"web\"", "upstream = \"web\"; tcp_profile = \"linux\"", 7,
		"listeners[0].tcp_profile: in mode direct the target's own answer passes");
}

static void keepalive_needs_connections_that_end_here(void **state)
{
	char *text = test_variant("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; keepalive_s = \"10min\"");
	struct config *config = test_config(text);

	assert_int_equal(config_listeners(config)[0].keepalive_s, 600);
	config_destroy(config);
	test_free(text);
	variant_refused("upstream = \"web\"", "upstream = \"web\"; keepalive_s = 60", 7,
		"listeners[0].keepalive_s: in mode direct nothing but the ends' own packets is sent");
	variant_refused("name = \"web\"", "name = \"web\"; keepalive_s = 60", 7,
		"targets of \"web\" are to be probed");
	variant_warned("upstream = \"web\"", "upstream = \"web\"; keepalive_s = 0", "");
	variant_refused("upstream = \"web\"", "upstream = \"web\"; close_timeout_s = 0", 7, "");
}

static void timeouts_need_connections_that_end_here(void **state)
{
	char *text = test_variant("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; close_timeout_s = 7; user_timeout_s = \"2min\"");
	struct config *config = test_config(text);

	assert_int_equal(config_listeners(config)[0].close_timeout_s, 7);
	assert_int_equal(config_listeners(config)[0].user_timeout_s, 120);
	config_destroy(config);
	test_free(text);
	variant_refused("upstream = \"web\"", "upstream = \"web\"; close_timeout_s = 30", 7,
		"listeners[0].close_timeout_s: in mode direct the ends' own clocks decide");
	variant_refused("upstream = \"web\"", "upstream = \"web\"; user_timeout_s = 60", 7,
		"listeners[0].user_timeout_s: in mode direct the ends' own clocks decide");
	variant_refused("name = \"web\"", "name = \"web\"; user_timeout_s = 60", 7,
		"targets of \"web\" are to be given up (user_timeout_s)");
}

static void ecn_and_memory_need_connections_that_end_here(void **state)
{
	char *text = test_variant("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; ecn = true; memory_bytes = \"48MiB\"");
	struct config *config = test_config(text);

	assert_int_equal(config_listeners(config)[0].ecn, 1);
	assert_int_equal(config_listeners(config)[0].memory_bytes, 48 << 20);
	config_destroy(config);
	test_free(text);
	variant_refused("upstream = \"web\"", "upstream = \"web\"; ecn = true", 7,
		"listeners[0].ecn: in mode direct the ends agree on it themselves");
	variant_warned("upstream = \"web\"", "upstream = \"web\"; ecn = false", "");
	variant_refused("name = \"web\"", "name = \"web\"; ecn = true", 7,
		"targets of \"web\" are to be of a kind (ecn)");
	variant_refused("upstream = \"web\"", "upstream = \"web\"; memory_bytes = 65536", 7,
		"listeners[0].memory_bytes: in mode direct nothing is held");
	variant_refused("name = \"web\"", "name = \"web\"; memory_bytes = 65536", 7,
		"targets of \"web\" are to be of a kind (memory_bytes)");
	variant_refused("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; memory_bytes = 65535", 7, "");
	variant_refused("upstream = \"web\"",
		"upstream = \"web\"; mode = \"terminate\"; memory_bytes = \"65MiB\"", 7, "");
}

#define CREDENTIAL(more)                                                                                      \
	"credentials = ( { name = \"c\"; kind = \"tls\"; certificate = \"file:/c\"; key = \"file:/k\"; " more \
	" } );\nlisteners = ( "
#define SECURED(more) "upstream = \"web\"; transport = { security = \"tls\"; " more " }"

static void tls_needs_credentials_and_connections_that_end_here(void **state)
{
	char *with = test_variant("listeners = ( ", CREDENTIAL(""));
	char *listener = strstr(with, "upstream = \"web\"");
	char text[4096];
	struct config *config;

	snprintf(text, sizeof(text), "%.*s%s; mode = \"terminate\"%s", (int)(listener - with), with,
		SECURED("credentials = [\"c\"];"), listener + strlen("upstream = \"web\""));
	config = test_config(text);
	assert_int_equal(config_listeners(config)[0].transport.security, SECURITY_TLS);
	assert_ptr_equal(config_credential_find(config, "c"), config_credentials(config));
	assert_string_equal(config_file_path(config_credentials(config)[0].key), "/k");
	config_destroy(config);
	test_free(with);
	variant_refused("upstream = \"web\"", SECURED("credentials = [\"c\"];"), 7,
		"there is no credential \"c\"");
	variant_refused("upstream = \"web\"", SECURED(""), 7, "serves tls without a credential");
	variant_refused("upstream = \"web\"", SECURED("credentials = [\"c\"];"), 7,
		"tls ends the client's connection here; write mode = \"terminate\"");
	variant_refused("upstream = \"web\"",
		SECURED("credentials = [\"c\"];") "; mode = \"terminate\"; transparent = true", 7,
		"tls leaves nothing as it came");
	variant_refused("upstream = \"web\"",
		"upstream = \"web\"; transport = { credentials = [\"c\"]; }", 7,
		"raw takes no credentials");
	variant_refused("listeners = ( ", CREDENTIAL("names = [\"*.*.x\"];"), 7, "is no host name");
	variant_refused("listeners = ( ", CREDENTIAL("alpn = [\"\"];"), 7, "has 0 characters");
	variant_refused("listeners = ( ",
		"credentials = ( { name = \"c\"; kind = \"tls\"; certificate = \"file:/c\"; key = \"not a file\"; } );\nlisteners = ( ",
		7, "credentials[0].key: does not name a file; write \"file:/PATH\"");
}

#define KEY32                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define ONE_CREDENTIAL(text) "credentials = ( { name = \"c\"; " text " } );\nlisteners = ( "
#define REALITY(more)                                                                              \
	ONE_CREDENTIAL("kind = \"reality\"; target = \"www.example.org:443\"; server_names = "     \
		       "[\"www.example.org\"]; " more)
#define REALITY_CLIENT(more)                                                                       \
	ONE_CREDENTIAL("kind = \"reality-client\"; server_name = \"www.example.org\"; " more)

static void each_kind_of_credential_has_its_own_keys(void **state)
{
	const struct config_credential *credential;
	char *text = test_variant("listeners = ( ",
		REALITY("private_key = \"" KEY32 "\"; short_ids = [\"\", \"0a\"]; "
			"limit_fallback_upload = { after_bytes = 1024; bytes_per_s = \"1KiB\"; };"));
	struct config *config = test_config(text);

	credential = config_credential_find(config, "c");
	assert_int_equal(credential->kind, CREDENTIAL_REALITY);
	assert_string_equal(credential->target.host, "www.example.org");
	assert_int_equal(credential->target.port, 443);
	assert_int_equal(credential->max_time_diff_s, 120);
	assert_int_equal(credential->short_ids.count, 2);
	assert_int_equal(credential->limit_fallback_upload.bytes_per_s, 1024);
	assert_string_equal(credential->mldsa65_seed, "");
	config_destroy(config);
	test_free(text);
	variant_refused("listeners = ( ", REALITY("short_ids = [\"\"];"), 7,
		"credentials[0].private_key: is missing: kind reality needs it");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"" KEY32 "A\"; short_ids = [\"\"];"), 7,
		"credentials[0].private_key: is no key of 32 bytes");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"" KEY32 "\"; previous_private_key = \"" KEY32
			"A\"; short_ids = [\"\"];"),
		7, "credentials[0].previous_private_key: is no key of 32 bytes");
	variant_refused("listeners = ( ",
		ONE_CREDENTIAL(
			"kind = \"reality\"; target = \"10.1.0.255:443\"; server_names = [\"a.example\"]; "
			"private_key = \"" KEY32 "\"; short_ids = [\"\"];"),
		7, "credentials[0].target: is no address of one station");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"abc\"];"), 7,
		"credentials[0].short_ids[0]: is no short id");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"\"]; min_client_version = "
			"\"26.10.1\"; max_client_version = \"26.9.300\";"),
		7, "credentials[0].max_client_version: is no version");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"\"]; min_client_version = "
			"\"26.10.1\"; max_client_version = \"26.9.8\";"),
		7, "credentials[0].max_client_version: is below min_client_version");
	variant_refused("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"\"]; certificate = \"file:/c\";"),
		7, "credentials[0].certificate: is no key of kind reality; it is one of tls");
	variant_refused("listeners = ( ",
		REALITY_CLIENT("public_key = \"" KEY32 "\"; short_id = \"0\";"), 7,
		"credentials[0].short_id: is no short id");
	variant_refused(
		"listeners = ( ", REALITY_CLIENT(""), 7, "credentials[0].public_key: is missing");
	variant_refused("listeners = ( ",
		ONE_CREDENTIAL("kind = \"tls-client\"; key = \"file:/k\";"), 7,
		"credentials[0].key: is half of a client's certificate");
	variant_refused("listeners = ( ",
		ONE_CREDENTIAL("kind = \"tls-client\"; roots = \"nobody\";"), 7,
		"credentials[0].roots: names no authorities");
}

static void a_reality_listener_has_companions(void **state)
{
	char *text = test_variant("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"\"];") "{ name = \"r\"; protocol = \"tcp\"; listen = \"10.1.0.2:443\"; upstream = \"web\"; "
									  "mode = \"terminate\"; transport = { security = \"reality\"; credentials = [\"c\"]; }; },\n");
	struct config *config = test_config(text);

	assert_true(test_has_fault(8, "none serves TCP port 80 as its target does"));
	assert_true(test_has_fault(8, "none serves UDP port 443 as its target does"));
	config_destroy(config);
	test_free(text);
	text = test_variant("listeners = ( ",
		REALITY("private_key = \"file:/k\"; short_ids = [\"\"];") "{ name = \"r\"; protocol = \"tcp\"; listen = \"10.1.0.2:443\"; upstream = \"web\"; "
									  "mode = \"terminate\"; transport = { security = \"reality\"; credentials = [\"c\"]; }; },\n"
									  "{ name = \"q\"; protocol = \"udp\"; listen = \"*:440-450\"; upstream = \"web\"; },\n"
									  "{ name = \"h\"; protocol = \"tcp\"; listen = \"10.1.0.2:80\"; upstream = \"web\"; },\n");
	config = test_config(text);
	assert_false(test_has_fault(8, "as its target does"));
	config_destroy(config);
	test_free(text);
}

static void targets_that_are_ours_are_loops(void **state)
{
	variant_refused(
		"10.2.0.1:80", "10.1.0.2:9000", 7, "is our own listener \"in\" (line 7), a loop");
	variant_warned(
		"10.2.0.1:80", "10.1.0.2:9001", "is an own address on which nothing listens");
	// Another wire protocol is no loop.
	variant_warned("listeners = ( ",
		"listeners = ( { name = \"u\"; protocol = \"udp\"; listen = \"10.1.0.2:80\"; upstream = \"web\"; },\n",
		"");
}

static void warnings_do_not_refuse(void **state)
{
	variant_warned("gateway = [\"10.2.0.254\"];", "", "");
	variant_warned("10.9.0.3:80", "[2001:db8::1]:80", "has no route");
	variant_warned("targets =", "source = [\"10.2.0.2\"]; targets =", "");
	variant_warned("name = \"in\";", "max_sessions = 1000000; name = \"in\";", "");

	char *text = test_variant("targets =", "source = [\"10.2.0.2\"]; targets =");
	char *more = test_malloc(strlen(text) + 64);
	char *at = strstr(text, "name = \"in\"");
	struct config *config;

	sprintf(more, "%.*smax_sessions = 1000000; %s", (int)(at - text), text, at);
	config = test_config(more);
	assert_true(test_has_fault(
		7, "warning: 1000000 sessions are expected, and 1 sources x 2 targets x 64512"));
	config_destroy(config);
	test_free(text);
	test_free(more);
}

// Two listeners, and whether they may stand together.
static void listeners_clash_over_address_port_and_wire_protocol(void **state)
{
	static const struct {
		const char *first;
		const char *second;
		const char *protocols; // one letter each
		bool clash;
	} cases[] = {
		{"10.1.0.2:80", "10.1.0.2:80", "tt", true},
		{"10.1.0.2:80", "10.1.0.2:80", "uu", true},
		{"10.1.0.2:80", "10.1.0.2:80", "tu", false},
		{"10.1.0.2:80", "10.1.0.2:81", "tt", false},
		{"10.1.0.2:80", "10.2.0.2:80", "tt", false},
		{"*:80", "10.1.0.2:80", "tt", true},
		{"10.1.0.2:80", "*:80", "uu", true},
		{"*:80", "*:80", "tt", true},
		{"*:80", "[fd00:1::2]:80", "tt", true},
		{"*:80", "[fd00:1::2]:80", "tu", false},
		{"[fd00:1::2]:80", "10.1.0.2:80", "tt", false},
		{"10.1.0.2:70-90", "10.1.0.2:80", "tt", true},
		{"10.1.0.2:70-90", "10.1.0.2:90-95", "tt", true},
		{"10.1.0.2:70-90", "10.1.0.2:91-95", "tt", false},
		{"*:1-65535", "10.2.0.2:7", "uu", true},
		{"10.1.0.2:70-90", "*:60-70", "tt", true},
		{"10.1.0.2:70-90", "10.2.0.2:60-95", "tt", false},
	};

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		char text[4096];
		const char *base_end = strstr(test_base, "upstreams");
		struct config *config = NULL;
		int rc;

		snprintf(text, sizeof(text),
			"%.*supstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\", \"[fd00:2::1]:80\"]; } );\n"
			"listeners = ( { name = \"one\"; protocol = \"%s\"; listen = \"%s\"; upstream = \"web\"; },\n"
			"{ name = \"two\"; protocol = \"%s\"; listen = \"%s\"; upstream = \"web\"; } );",
			(int)(base_end - test_base), test_base,
			cases[i].protocols[0] == 't' ? "tcp" : "udp", cases[i].first,
			cases[i].protocols[1] == 't' ? "tcp" : "udp", cases[i].second);
		rc = test_parse(text, &config);
		config_destroy(config);
		if (rc != (cases[i].clash ? -EINVAL : 0))
			fail_msg("%s and %s (%s): %d", cases[i].first, cases[i].second,
				cases[i].protocols, rc);
		if (cases[i].clash)
			assert_true(test_has_fault(8, "listeners[1].listen: listener \"two\""));
		if (cases[i].clash)
			assert_true(test_has_fault(8, "clashes with \"one\""));
		if (cases[i].clash)
			assert_int_equal(test_faults.items[0].kind, FAULT_PORT_CONFLICT);
	}
}

static void listen_forms_are_refused_with_their_reason(void **state)
{
	static const char *const bad[] = {"10.1.0.2", "10.1.0.2:", "10.1.0.2:0", "10.1.0.2:70000",
		"10.1.0.2:9-8", "10.1.0.2:1-", "10.1.0.2:1-70000", "fd00:1::2:80", "[fd00:1::2",
		"[fd00:1::2]", "[fd00:1::2]80", ":80", "*", "**:80", "host:80", "10.1.0.2:80x",
		"10.1.0.2:8 0", "[10.1.0.2:80"};

	for (size_t i = 0; i < nx_array_size(bad); i++) {
		char *text = test_variant("10.1.0.2:9000", bad[i]);

		assert_fault(text, 7, "listeners[0].listen: \"");
		test_free(text);
	}
}

static void bounds_over_several_lists_hold(void **state)
{
	enum {
		SIZE = 1 << 20
	};
	char *text = test_malloc(SIZE);
	size_t used = (size_t)sprintf(text, "ports = (\n");
	struct config *config = NULL;

	for (int port = 0; port < 5; port++) {
		used += (size_t)sprintf(text + used,
			"%s{ name = \"p%d\"; device = \"null\"; address = [", port ? ",\n" : "",
			port);
		for (int i = 0; i < 250; i++)
			used += (size_t)sprintf(
				text + used, "%s\"10.%d.%d.1/24\"", i ? ", " : "", port, i);
		used += (size_t)sprintf(text + used, "]; }");
	}
	sprintf(text + used, ");");
	assert_int_equal(test_parse(text, &config), -EINVAL);
	assert_true(test_has_fault(1, "ports: 1250 own addresses in all; at most 1024"));
	used = (size_t)sprintf(text, "upstreams = (\n");
	for (int upstream = 0; upstream < 3; upstream++) {
		used += (size_t)sprintf(text + used, "%s{ name = \"u%d\"; targets = [",
			upstream ? ",\n" : "", upstream);
		for (int i = 0; i < 3000; i++)
			used += (size_t)sprintf(
				text + used, "%s\"10.0.0.1:%d\"", i ? ", " : "", i + 1);
		used += (size_t)sprintf(text + used, "]; }");
	}
	sprintf(text + used, ");");
	assert_int_equal(test_parse(text, &config), -EINVAL);
	assert_true(test_has_fault(1, "upstreams: 9000 targets in all; at most 8192"));
	test_free(text);
}

static void thousands_of_clashes_are_counted(void **state)
{
	enum {
		SIZE = 1 << 20,
		LISTENERS = 2000
	};
	char *text = test_malloc(SIZE);
	size_t used = (size_t)sprintf(text,
		"upstreams = ( { name = \"u\"; targets = [\"10.0.0.1:1\"]; } );\nlisteners = (\n");
	struct config *config = NULL;

	for (int i = 0; i < LISTENERS; i++)
		used += (size_t)sprintf(text + used,
			"%s{ name = \"l%d\"; protocol = \"udp\"; listen = \"*:1-9\"; upstream = \"u\"; }",
			i ? ",\n" : "", i);
	sprintf(text + used, ");");
	assert_int_equal(test_parse(text, &config), -EINVAL);
	assert_int_equal(test_faults.count, FAULTS_MAX);
	assert_int_equal(test_faults.errors, LISTENERS * (LISTENERS - 1) / 2);
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_addresses_are_stations_and_do_not_overlap),
		cmocka_unit_test(ports_have_their_own_names_and_devices),
		cmocka_unit_test(gateways_and_routes_are_on_link),
		cmocka_unit_test(emulated_links_make_sense),
		cmocka_unit_test(emulated_links_are_read_in_every_form),
		cmocka_unit_test(references_must_hold),
		cmocka_unit_test(direct_mode_keeps_the_family),
		cmocka_unit_test(terminate_takes_any_family),
		cmocka_unit_test(transparent_needs_connections_that_end_here),
		cmocka_unit_test(keepalive_needs_connections_that_end_here),
		cmocka_unit_test(timeouts_need_connections_that_end_here),
		cmocka_unit_test(ecn_and_memory_need_connections_that_end_here),
		cmocka_unit_test(tls_needs_credentials_and_connections_that_end_here),
		cmocka_unit_test(each_kind_of_credential_has_its_own_keys),
		cmocka_unit_test(a_reality_listener_has_companions),
		cmocka_unit_test(targets_that_are_ours_are_loops),
		cmocka_unit_test(warnings_do_not_refuse),
		cmocka_unit_test(listeners_clash_over_address_port_and_wire_protocol),
		cmocka_unit_test(listen_forms_are_refused_with_their_reason),
		cmocka_unit_test(bounds_over_several_lists_hold),
		cmocka_unit_test(thousands_of_clashes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
