// SPDX-License-Identifier: BSD-3-Clause
#include "cli/live/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint32_t word(const char *bytes, size_t at)
{
	uint32_t value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

// An ARP request, 42 bytes: who has 10.0.0.2, tell 10.0.0.1.
static const uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8,
	0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

static void blocks_are_whole_and_aligned(void **state)
{
	char *bytes = NULL;
	size_t size = 0;
	size_t at = 0;
	FILE *out = open_memstream(&bytes, &size);
	static const uint32_t types[] = {0x0a0d0d0a, 1, 6, 6, 5};

	pcapng_begin(out, 1, 262144, "lan");
	pcapng_packet(out, UINT64_C(0x0001020304050607), arp, 42, 1500);
	pcapng_packet(out, 0, arp, 0, 0);
	pcapng_end(out, 1, 2, 3);
	fclose(out);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint32_t total = word(bytes, at + 4);

		assert_int_equal(word(bytes, at), types[i]);
		assert_int_equal(total % 4, 0);
		assert_int_equal(word(bytes, at + total - 4), total);
		if (i == 0) {
			assert_int_equal(word(bytes, at + 8), 0x1a2b3c4d);
			assert_int_equal(word(bytes, at + 12), 1); // version 1.0
		} else if (i == 1) {
			assert_int_equal(word(bytes, at + 8), 1); // Ethernet
			assert_int_equal(word(bytes, at + 12), 262144);
			assert_memory_equal(bytes + at + 16, "\2\0\3\0lan\0\0\0\0\0", 12);
		} else if (i == 2) {
			assert_int_equal(word(bytes, at + 12), 0x00010203);
			assert_int_equal(word(bytes, at + 16), 0x04050607);
			assert_int_equal(word(bytes, at + 20), 42);
			assert_int_equal(word(bytes, at + 24), 1500);
			assert_memory_equal(bytes + at + 28, arp, 42);
			assert_int_equal(total, 32 + 44);
		}
		at += total;
	}
	assert_int_equal(at, size);
	free(bytes);
}

static void names_are_cut(void **state)
{
	char name[300];
	char *bytes = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&bytes, &size);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	pcapng_begin(out, 1, 100, name);
	fclose(out);
	assert_int_equal(size % 4, 0);
	free(bytes);
}

// What the tools that people use make of a file; skipped where none is installed.
static void read_by(const char *command, const char *expected)
{
	char path[] = "/tmp/nexpath-test-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	char line[200];
	char printed[400] = "";
	FILE *reader;

	assert_non_null(file);
	pcapng_begin(file, 1, 262144, "lan");
	pcapng_packet(file, UINT64_C(1763699785123456), arp, sizeof(arp), sizeof(arp));
	pcapng_packet(file, UINT64_C(1763699785123457), arp, 20, sizeof(arp));
	pcapng_end(file, UINT64_C(1763699785123457), 2, 1);
	fclose(file);
	snprintf(line, sizeof(line), command, path);
	reader = popen(line, "r");
	assert_non_null(reader);
	printed[fread(printed, 1, sizeof(printed) - 1, reader)] = '\0';
	assert_int_equal(pclose(reader), 0);
	unlink(path);
	assert_non_null(strstr(printed, expected));
}

static void tcpdump_reads_it(void **state)
{
	if (system("command -v tcpdump >/dev/null 2>&1") != 0) {
		skip();
	}
	read_by("tcpdump -n -tt -r %s 2>/dev/null",
		"1763699785.123456 ARP, Request who-has 10.0.0.2 tell 10.0.0.1");
}

static void tshark_reads_it(void **state)
{
	if (system("command -v tshark >/dev/null 2>&1") != 0) {
		skip();
	}
	read_by("tshark -n -r %s -T fields -e frame.interface_name -e frame.len -e frame.cap_len 2>/dev/null",
		"lan\t42\t42\nlan\t42\t20\n");
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = {"A", "AA", "AAA", "A===", "====", "=AAA", "AA=A", "A=AA",
		"AAA\n", "AA A", "AAA-", "AAAA====", "QUJDRA==QUJD"};
	uint8_t out[16];

	assert_int_equal(base64_decode("", out, sizeof(out)), 0);
	assert_int_equal(base64_decode("QQ==", out, sizeof(out)), 1);
	assert_int_equal(base64_decode("QUI=", out, sizeof(out)), 2);
	assert_int_equal(base64_decode("QUJDREVG", out, sizeof(out)), 6);
	assert_memory_equal(out, "ABCDEF", 6);
	assert_int_equal(base64_decode("+/+/", out, sizeof(out)), 3);
	assert_memory_equal(out, "\xfb\xff\xbf", 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(base64_decode(bad[i], out, sizeof(out)), -1);
	}
	assert_int_equal(base64_decode("QUJDREVG", out, 5), -1);
	assert_int_equal(base64_decode("QUJDREVG", out, 6), 6);
	assert_int_equal(base64_decode("QQ==", out, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_whole_and_aligned),
		cmocka_unit_test(names_are_cut),
		cmocka_unit_test(tcpdump_reads_it),
		cmocka_unit_test(tshark_reads_it),
		cmocka_unit_test(base64_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
