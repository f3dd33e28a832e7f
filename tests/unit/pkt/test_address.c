// SPDX-License-Identifier: BSD-3-Clause
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pkt/address.h"

static void addresses_print_as_rfc_5952_says(void **state)
{
	static const char *const pairs[][2] = {{"10.1.0.2", "10.1.0.2"},
		{"FD00:0:0::0001", "fd00::1"}, {"::", "::"}, {"::ffff:10.0.0.1", "10.0.0.1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct ip_address a;
		char text[IP_ADDRESS_TEXT_MAX];

		assert_true(ip_address_parse(pairs[i][0], &a));
		assert_string_equal(ip_address_print(&a, text), pairs[i][1]);
	}
}

// Groups are drawn from a few values, so that runs of zeros of every length and place come.
static void addresses_print_as_the_system_prints_them(void **state)
{
	static const uint16_t groups[] = {0, 0, 0, 1, 0xf, 0x10, 0xabc, 0xffff};
	uint32_t random = 1;

	for (uint32_t n = 0; n < 200000; n++) {
		struct ip_address a;
		char text[IP_ADDRESS_TEXT_MAX];
		char expected[INET6_ADDRSTRLEN];

		for (unsigned i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			unsigned group = groups[random >> 29];

			a.bytes[2 * i] = (uint8_t)(group >> 8);
			a.bytes[2 * i + 1] = (uint8_t)group;
		}
		if (n % 4 == 0) {
			random = random * 1664525 + 1013904223;
			a = ip_address_from_v4(random);
		}
		if (ip_address_is_v4(&a))
			inet_ntop(AF_INET, a.bytes + 12, expected, sizeof(expected));
		else
			inet_ntop(AF_INET6, a.bytes, expected, sizeof(expected));
		assert_string_equal(ip_address_print(&a, text), expected);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {"", "10.1.0", "10.1.0.256", "10.1.0.1 ", " 10.1.0.1",
		"10.1.0.1:80", "[::1]", "fd00::1%eth0", ":::", "1:2:3:4:5:6:7:8:9", "localhost"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ip_address a = {.bytes = {7}};

		assert_false(ip_address_parse(texts[i], &a));
		assert_int_equal(a.bytes[0], 7);
	}
}

static void prefixes_parse_contain_and_mask(void **state)
{
	struct ip_prefix p;
	struct ip_address a;
	char text[IP_PREFIX_TEXT_MAX];

	assert_true(ip_prefix_parse("10.1.200.7/20", &p));
	assert_int_equal(p.length, 116);
	assert_string_equal(ip_prefix_print(&p, text), "10.1.200.7/20");
	ip_prefix_mask(&p);
	assert_string_equal(ip_prefix_print(&p, text), "10.1.192.0/20");
	assert_true(ip_address_parse("10.1.207.255", &a) && ip_prefix_contains(&p, &a));
	assert_true(ip_address_parse("10.1.208.0", &a) && !ip_prefix_contains(&p, &a));
	assert_true(ip_prefix_parse("fd00::1", &p));
	assert_int_equal(p.length, 128);
	assert_true(ip_prefix_parse("::/0", &p));
	assert_true(ip_prefix_contains(&p, &a));
	assert_string_equal(ip_prefix_print(&p, text), "::/0");
	assert_true(ip_prefix_parse("0.0.0.0/0", &p));
	assert_string_equal(ip_prefix_print(&p, text), "0.0.0.0/0");
	assert_true(ip_prefix_contains(&p, &a));
	assert_true(ip_address_parse("fd00::1", &a) && !ip_prefix_contains(&p, &a));
}

static void what_is_no_prefix_is_refused(void **state)
{
	static const char *const texts[] = {"10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0/08", "10.0.0.0/8x", "10.0.0.0/99999999999", "/8", "10.0.0.0//8"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ip_prefix p = {.length = 77};

		assert_false(ip_prefix_parse(texts[i], &p));
		assert_int_equal(p.length, 77);
	}
}

static void mac_addresses_print(void **state)
{
	struct mac_address mac = {{2, 0xab, 0, 0, 0, 0xff}};
	char text[MAC_TEXT_MAX];

	assert_string_equal(mac_address_print(&mac, text), "02:ab:00:00:00:ff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_as_rfc_5952_says),
		cmocka_unit_test(addresses_print_as_the_system_prints_them),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(prefixes_parse_contain_and_mask),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(mac_addresses_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
