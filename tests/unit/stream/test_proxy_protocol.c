// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base.h"
#include "stream/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static const struct proxy_protocol_header untouched = {.length = 0xdead, .version = 77};

// Reads from a block of exactly that size, so that a sanitizer sees a read beyond it; whatever is
// not done leaves the output alone.
static enum proxy_protocol_verdict read_block(
	const void *bytes, size_t length, struct proxy_protocol_header *out)
{
	struct proxy_protocol_header header = untouched;
	uint8_t *block = malloc(length + (length == 0));
	enum proxy_protocol_verdict verdict;

	assert_non_null(block);
	memcpy(block, bytes, length);
	verdict = proxy_protocol_read(block, length, &header);
	free(block);
	if (verdict != PROXY_PROTOCOL_DONE)
		assert_memory_equal(&header, &untouched, sizeof(header));
	*out = header;
	return verdict;
}

// The verdict on the whole, after every shorter prefix has said that more is to come or, with a
// faulty header, already the same.
static enum proxy_protocol_verdict verdict_of(
	const void *bytes, size_t length, struct proxy_protocol_header *out)
{
	enum proxy_protocol_verdict whole = read_block(bytes, length, out);
	size_t least = whole == PROXY_PROTOCOL_DONE ? out->length : length;
	struct proxy_protocol_header header;
	bool judged = false;

	for (size_t n = 0; n < least; n++) {
		enum proxy_protocol_verdict v = read_block(bytes, n, &header);

		if (judged || v != PROXY_PROTOCOL_MORE) {
			assert_int_not_equal(whole, PROXY_PROTOCOL_DONE);
			assert_int_equal(v, whole);
			judged = true;
		}
	}
	return whole;
}

#define VERDICT(bytes, out) verdict_of(bytes, sizeof(bytes) - 1, out)
#define EXPECT(bytes, verdict)                                                                     \
	do {                                                                                       \
		struct proxy_protocol_header ignored;                                              \
		assert_int_equal(VERDICT(bytes, &ignored), verdict);                               \
	} while (0)

static void expect_key(const struct proxy_protocol_header *header, const char *source,
	unsigned int source_port, const char *destination, unsigned int destination_port)
{
	char text[IP_ADDRESS_TEXT_MAX];

	assert_true(header->proxied);
	assert_string_equal(ip_address_print(&header->key.source, text), source);
	assert_string_equal(ip_address_print(&header->key.destination, text), destination);
	assert_int_equal(be16_to_host(header->key.source_port), source_port);
	assert_int_equal(be16_to_host(header->key.destination_port), destination_port);
}

static void expect_own(const struct proxy_protocol_header *header, size_t length)
{
	static const struct flow_key none;

	assert_false(header->proxied);
	assert_int_equal(header->length, length);
	assert_memory_equal(&header->key, &none, sizeof(none));
}

// The specification's own example, section 2.1, with the request behind it.
static void a_line_is_read_and_no_byte_behind_it(void **state)
{
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
				 "GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n",
				 &h),
		PROXY_PROTOCOL_DONE);
	expect_key(&h, "192.168.0.1", 56324, "192.168.0.11", 443);
	assert_int_equal(h.key.protocol, IPPROTO_TCP);
	assert_int_equal(h.length, 47);
	assert_int_equal(h.version, 1);
}

static void the_longest_lines_are_read(void **state)
{
	static const char v4[] = "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
	static const char v6[] = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				 "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF 65535 65535\r\n";
	static const char unknown[] = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
	struct proxy_protocol_header h;

	assert_int_equal(sizeof(v4) - 1, 56);
	assert_int_equal(VERDICT(v4, &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "255.255.255.255", 65535, "255.255.255.255", 65535);
	assert_int_equal(sizeof(v6) - 1, 104);
	assert_int_equal(VERDICT(v6, &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	assert_int_equal(sizeof(unknown) - 1, PROXY_PROTOCOL_LINE_MAX);
	assert_int_equal(VERDICT(unknown, &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, PROXY_PROTOCOL_LINE_MAX);
}

static void ipv6_lines_in_every_form(void **state)
{
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT("PROXY TCP6 :: 2001:db8::1 0 1\r\n", &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "::", 0, "2001:db8::1", 1);
	// HAProxy prints a client of IPv4 before a server of IPv6 so.
	assert_int_equal(
		VERDICT("PROXY TCP6 ::ffff:10.1.0.1 fd00::2 5 6\r\n", &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "10.1.0.1", 5, "fd00::2", 6);
}

static void unknown_lines_are_skipped(void **state)
{
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT("PROXY UNKNOWN\r\n", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 15);
	assert_int_equal(
		VERDICT("PROXY UNKNOWN \1\2\0\377 what not\r\nmore", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 29);
	EXPECT("PROXY UNKNOWNS\r\n", PROXY_PROTOCOL_BAD_LINE);
}

static void lines_outside_the_grammar(void **state)
{
	EXPECT("PROXY \r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_LINE);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", PROXY_PROTOCOL_LINE_UNENDED);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", PROXY_PROTOCOL_LINE_UNENDED);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rGET", PROXY_PROTOCOL_LINE_UNENDED);
	EXPECT("PROXY UNKNOWN a\nb\r\n", PROXY_PROTOCOL_LINE_UNENDED);
}

static void addresses_of_lines_are_judged(void **state)
{
	EXPECT("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP4 0x1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP4 ::1 ::2 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP4 ::ffff:1.2.3.4 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 1.2.3.4 ::1 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 ::1 1.2.3.4 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 1::2::3 ::1 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 12345::1 ::1 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 fe80::1%lo ::1 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
	EXPECT("PROXY TCP6 [::1] ::1 1 2\r\n", PROXY_PROTOCOL_BAD_ADDRESS);
}

static void ports_of_lines_are_judged(void **state)
{
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 99999 2\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 01\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 00 1\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 1 a\r\n", PROXY_PROTOCOL_BAD_PORT);
	EXPECT("PROXY TCP4 1.2.3.4 1.2.3.4 123456 1\r\n", PROXY_PROTOCOL_BAD_LINE);
}

static void a_line_that_does_not_end_is_given_up(void **state)
{
	struct proxy_protocol_header h;
	char line[200];

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	assert_int_equal(read_block(line, PROXY_PROTOCOL_LINE_MAX - 1, &h), PROXY_PROTOCOL_MORE);
	assert_int_equal(
		read_block(line, PROXY_PROTOCOL_LINE_MAX, &h), PROXY_PROTOCOL_LINE_UNENDED);
	// Its end comes one byte too late.
	memcpy(line + PROXY_PROTOCOL_LINE_MAX - 1, "\r\n", 2);
	assert_int_equal(read_block(line, sizeof(line), &h), PROXY_PROTOCOL_LINE_UNENDED);
	memcpy(line + PROXY_PROTOCOL_LINE_MAX - 2, "\r\n", 2);
	assert_int_equal(read_block(line, sizeof(line), &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, PROXY_PROTOCOL_LINE_MAX);
}

static void what_is_neither_version_is_refused_at_its_first_wrong_byte(void **state)
{
	EXPECT("GET / HTTP/1.1\r\n", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("\x16\x03\x01", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("PROXX", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("PROXYTCP4", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("proxy TCP4", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("\r\n\r\n\0\r\nQUIT\r", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("\r\n\r\nGET", PROXY_PROTOCOL_NO_SIGNATURE);
	EXPECT("", PROXY_PROTOCOL_MORE);
}

static void blocks_of_every_family(void **state)
{
	static const char v4[] = SIGNATURE "\x21\x11\0\x0c\x0a\1\0\1\x0a\2\0\1\x80\1\1\xbbrest";
	static const char v6[] = SIGNATURE "\x21\x22\0\x24"
					   "\xfd\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1"
					   "\xfd\0\0\2\0\0\0\0\0\0\0\0\0\0\0\2"
					   "\0\x35\xff\xff";
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT(v4, &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "10.1.0.1", 32769, "10.2.0.1", 443);
	assert_int_equal(h.key.protocol, IPPROTO_TCP);
	assert_int_equal(h.length, 28);
	assert_int_equal(h.version, 2);
	assert_int_equal(h.tlvs, 0);
	assert_int_equal(VERDICT(v6, &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "fd00:1::1", 53, "fd00:2::2", 65535);
	assert_int_equal(h.key.protocol, IPPROTO_UDP);
	assert_int_equal(h.length, 52);
}

static void a_block_of_unix_addresses_is_skipped(void **state)
{
	struct proxy_protocol_header h;
	uint8_t block[16 + 216 + 3] = SIGNATURE "\x21\x31\0\xdb";

	memset(block + 16, 'x', 216);
	memcpy(block + 16 + 216, "\4\0\0", 3);
	assert_int_equal(verdict_of(block, sizeof(block), &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, sizeof(block));
	assert_int_equal(h.tlvs, 1);
	block[15] = 215;
	assert_int_equal(verdict_of(block, 16 + 215, &h), PROXY_PROTOCOL_TOO_SHORT);
}

static void local_and_unspecified_blocks_are_skipped(void **state)
{
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT(SIGNATURE "\x20\0\0\0data", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 16);
	// LOCAL ignores the family, known or not, and whatever the block holds.
	assert_int_equal(VERDICT(SIGNATURE "\x20\x11\0\2xy", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 18);
	assert_int_equal(VERDICT(SIGNATURE "\x20\xff\0\3xyz", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 19);
	assert_int_equal(VERDICT(SIGNATURE "\x21\0\0\3xyz", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 19);
	assert_int_equal(VERDICT(SIGNATURE "\x21\x01\0\0", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 16);
	assert_int_equal(VERDICT(SIGNATURE "\x21\x10\0\4abcd", &h), PROXY_PROTOCOL_DONE);
	expect_own(&h, 20);
}

static void blocks_that_no_sender_may_send(void **state)
{
	EXPECT(SIGNATURE "\x11\x11\0\x0c", PROXY_PROTOCOL_BAD_VERSION);
	EXPECT(SIGNATURE "\x31\x11\0\x0c", PROXY_PROTOCOL_BAD_VERSION);
	EXPECT(SIGNATURE "\x22\x11\0\x0c", PROXY_PROTOCOL_BAD_COMMAND);
	EXPECT(SIGNATURE "\x2f\x11\0\x0c", PROXY_PROTOCOL_BAD_COMMAND);
	EXPECT(SIGNATURE "\x21\x41\0\x0c", PROXY_PROTOCOL_BAD_FAMILY);
	EXPECT(SIGNATURE "\x21\x13\0\x0c", PROXY_PROTOCOL_BAD_FAMILY);
	EXPECT(SIGNATURE "\x21\xff\0\x0c", PROXY_PROTOCOL_BAD_FAMILY);
	EXPECT(SIGNATURE "\x21\x11\0\x0b", PROXY_PROTOCOL_TOO_SHORT);
	EXPECT(SIGNATURE "\x21\x12\0\0", PROXY_PROTOCOL_TOO_SHORT);
	EXPECT(SIGNATURE "\x21\x21\0\x23", PROXY_PROTOCOL_TOO_SHORT);
	EXPECT(SIGNATURE "\x21\x32\0\xd7", PROXY_PROTOCOL_TOO_SHORT);
	EXPECT(SIGNATURE "\x21\x11\2\x09", PROXY_PROTOCOL_TOO_LONG);
	EXPECT(SIGNATURE "\x20\0\xff\xff", PROXY_PROTOCOL_TOO_LONG);
}

static void the_longest_block_is_read(void **state)
{
	uint8_t block[PROXY_PROTOCOL_READ_MAX + 4] = SIGNATURE "\x21\x11\2\x08";
	struct proxy_protocol_header h;

	// 508 bytes of options: one of 507 - 3 and nothing, no room for another.
	memcpy(block + 28, "\4\1\xf9", 3);
	assert_int_equal(verdict_of(block, sizeof(block), &h), PROXY_PROTOCOL_DONE);
	assert_int_equal(h.length, PROXY_PROTOCOL_READ_MAX);
	assert_int_equal(h.tlvs, 1);
	// As many as go in: 169 empty ones, and one byte that begins another.
	memset(block + 28, 0, 508);
	assert_int_equal(verdict_of(block, PROXY_PROTOCOL_READ_MAX, &h), PROXY_PROTOCOL_BAD_TLV);
	block[15] = 7;
	assert_int_equal(verdict_of(block, PROXY_PROTOCOL_READ_MAX, &h), PROXY_PROTOCOL_DONE);
	assert_int_equal(h.tlvs, 169);
}

#define ADDRESSES "\1\2\3\4\5\6\7\x08\0\x09\0\x0a"

static void options_stay_inside_the_header(void **state)
{
	struct proxy_protocol_header h;

	assert_int_equal(
		VERDICT(SIGNATURE "\x21\x11\0\x15" ADDRESSES "\1\0\2h2\xe0\0\1xand so on", &h),
		PROXY_PROTOCOL_DONE);
	assert_int_equal(h.tlvs, 2);
	assert_int_equal(h.length, 37);
	EXPECT(SIGNATURE "\x21\x11\0\x0d" ADDRESSES "\4", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x0e" ADDRESSES "\4\0", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x0f" ADDRESSES "\4\0\1", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x10" ADDRESSES "\4\0\2x", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x10" ADDRESSES "\4\xff\xffx", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x12" ADDRESSES "\3\0\3abc", PROXY_PROTOCOL_BAD_TLV);
}

// What HAProxy 2.6 sent with send-proxy, send-proxy-v2 and proxy-v2-options crc32c,unique-id.
static void headers_that_haproxy_sends(void **state)
{
	static const uint8_t v4[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
		0x54, 0x0a, 0x21, 0x11, 0x00, 0x16, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01,
		0x8e, 0x00, 0xbb, 0x81, 0x03, 0x00, 0x04, 0x66, 0x93, 0x32, 0x29, 0x05, 0x00, 0x00,
		'h', 'i'};
	static const uint8_t v6[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
		0x54, 0x0a, 0x21, 0x21, 0x00, 0x2b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xd4, 0xe2, 0xbb, 0x82, 0x03, 0x00,
		0x04, 0x94, 0x8d, 0x4e, 0x0a, 'h', 'i'};
	struct proxy_protocol_header h;

	assert_int_equal(VERDICT("PROXY TCP4 127.0.0.1 127.0.0.1 58554 48003\r\nhi", &h),
		PROXY_PROTOCOL_DONE);
	expect_key(&h, "127.0.0.1", 58554, "127.0.0.1", 48003);
	assert_int_equal(verdict_of(v4, sizeof(v4), &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "127.0.0.1", 36352, "127.0.0.1", 48001);
	assert_int_equal(h.tlvs, 2);
	assert_int_equal(h.length, sizeof(v4) - 2);
	assert_int_equal(verdict_of(v6, sizeof(v6), &h), PROXY_PROTOCOL_DONE);
	expect_key(&h, "::1", 54498, "::1", 48002);
	assert_int_equal(h.tlvs, 1);
}

static void every_damaged_bit_under_a_checksum_is_found(void **state)
{
	static const uint8_t good[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
		0x54, 0x0a, 0x21, 0x11, 0x00, 0x16, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01,
		0x8e, 0x00, 0xbb, 0x81, 0x03, 0x00, 0x04, 0x66, 0x93, 0x32, 0x29, 0x05, 0x00, 0x00};
	struct proxy_protocol_header h;

	for (size_t bit = 16 * 8; bit < sizeof(good) * 8; bit++) {
		uint8_t bad[sizeof(good)];

		// Without its type the option is no checksum, only one that nobody knows.
		if (bit / 8 == 28)
			continue;
		memcpy(bad, good, sizeof(bad));
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(verdict_of(bad, sizeof(bad), &h), PROXY_PROTOCOL_DONE);
	}
	// Two checksums cannot both be right.
	EXPECT(SIGNATURE "\x21\x11\0\x1a" ADDRESSES "\3\0\4abcd\3\0\4abcd", PROXY_PROTOCOL_BAD_TLV);
	EXPECT(SIGNATURE "\x21\x11\0\x13" ADDRESSES "\3\0\4abcd", PROXY_PROTOCOL_BAD_CHECKSUM);
}

static void every_verdict_has_a_name(void **state)
{
	for (unsigned int i = 0; i < PROXY_PROTOCOL_VERDICTS; i++)
		assert_non_null(proxy_protocol_verdict_name((enum proxy_protocol_verdict)i));
	assert_string_equal(proxy_protocol_verdict_name(PROXY_PROTOCOL_VERDICTS), "unknown");
}

static struct flow_key key_of(const char *source, unsigned int source_port, const char *destination,
	unsigned int destination_port)
{
	struct flow_key key = {.source_port = be16_from_host((uint16_t)source_port),
		.destination_port = be16_from_host((uint16_t)destination_port),
		.protocol = IPPROTO_TCP};

	assert_true(ip_address_parse(source, &key.source));
	assert_true(ip_address_parse(destination, &key.destination));
	return key;
}

static void expect_written(
	unsigned int version, const struct flow_key *key, const void *bytes, size_t n)
{
	uint8_t out[PROXY_PROTOCOL_WRITE_MAX];

	assert_int_equal(proxy_protocol_length(version, key), n);
	assert_int_equal(proxy_protocol_write(version, key, out), n);
	assert_memory_equal(out, bytes, n);
}

#define WRITTEN(version, key, bytes) expect_written(version, key, bytes, sizeof(bytes) - 1)

static void lines_as_the_specification_has_them(void **state)
{
	struct flow_key k = key_of("192.168.0.1", 56324, "192.168.0.11", 443);

	WRITTEN(1, &k, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
	k = key_of("255.255.255.255", 65535, "0.0.0.0", 0);
	WRITTEN(1, &k, "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n");
	k = key_of("1:0:0:2::3", 1, "::", 10);
	WRITTEN(1, &k, "PROXY TCP6 1:0:0:2::3 :: 1 10\r\n");
	k = key_of("1:2:3:4:5:6:7::", 100, "::2:3:4:5:6:7:8", 1000);
	WRITTEN(1, &k, "PROXY TCP6 1:2:3:4:5:6:7:0 0:2:3:4:5:6:7:8 100 1000\r\n");
	k = key_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	assert_int_equal(proxy_protocol_length(1, &k), PROXY_PROTOCOL_WRITE_MAX);
	// One family in a line: the IPv4 address is mapped, in digits that the grammar has.
	k = key_of("10.1.0.1", 7, "fd00::1", 8);
	WRITTEN(1, &k, "PROXY TCP6 ::ffff:a01:1 fd00::1 7 8\r\n");
	k.protocol = IPPROTO_UDP;
	WRITTEN(1, &k, "PROXY UNKNOWN\r\n");
	WRITTEN(1, NULL, "PROXY UNKNOWN\r\n");
}

static void blocks_as_the_specification_has_them(void **state)
{
	struct flow_key k = key_of("10.1.0.1", 32769, "10.2.0.1", 443);

	WRITTEN(2, &k, SIGNATURE "\x21\x11\0\x0c\x0a\1\0\1\x0a\2\0\1\x80\1\1\xbb");
	k.protocol = IPPROTO_UDP;
	WRITTEN(2, &k, SIGNATURE "\x21\x12\0\x0c\x0a\1\0\1\x0a\2\0\1\x80\1\1\xbb");
	k = key_of("10.1.0.1", 1, "fd00:2::2", 2);
	WRITTEN(2, &k,
		SIGNATURE "\x21\x21\0\x24"
			  "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\0\1"
			  "\xfd\0\0\2\0\0\0\0\0\0\0\0\0\0\0\2"
			  "\0\1\0\2");
	WRITTEN(2, NULL, SIGNATURE "\x20\0\0\0");
}

// A small generator of its own: the same keys in every run.
static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

// Of any family, with zero groups at any place.
static struct ip_address random_address(uint64_t *seed)
{
	struct ip_address a = {0};
	uint32_t groups = next_random(seed);

	if (groups & 0x100)
		return ip_address_from_v4(next_random(seed));
	for (unsigned int i = 0; i < 16; i++)
		a.bytes[i] = groups >> i / 2 & 1 ? (uint8_t)next_random(seed) : 0;
	return a;
}

static void what_is_written_is_read_back(void **state)
{
	uint8_t out[PROXY_PROTOCOL_WRITE_MAX];
	struct proxy_protocol_header h;
	uint64_t seed = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int version = 1 + (i & 1);
		struct flow_key key = {.source = random_address(&seed),
			.destination = random_address(&seed),
			.source_port = (be16)next_random(&seed),
			.destination_port = (be16)next_random(&seed),
			.protocol = version == 2 && i & 2 ? IPPROTO_UDP : IPPROTO_TCP};
		size_t n = proxy_protocol_write(version, &key, out);

		assert_int_equal(read_block(out, n - 1, &h), PROXY_PROTOCOL_MORE);
		assert_int_equal(read_block(out, n, &h), PROXY_PROTOCOL_DONE);
		assert_int_equal(h.length, n);
		assert_int_equal(h.version, version);
		assert_true(h.proxied);
		assert_memory_equal(&h.key, &key, sizeof(key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_and_no_byte_behind_it),
		cmocka_unit_test(the_longest_lines_are_read),
		cmocka_unit_test(ipv6_lines_in_every_form),
		cmocka_unit_test(unknown_lines_are_skipped),
		cmocka_unit_test(lines_outside_the_grammar),
		cmocka_unit_test(addresses_of_lines_are_judged),
		cmocka_unit_test(ports_of_lines_are_judged),
		cmocka_unit_test(a_line_that_does_not_end_is_given_up),
		cmocka_unit_test(what_is_neither_version_is_refused_at_its_first_wrong_byte),
		cmocka_unit_test(blocks_of_every_family),
		cmocka_unit_test(a_block_of_unix_addresses_is_skipped),
		cmocka_unit_test(local_and_unspecified_blocks_are_skipped),
		cmocka_unit_test(blocks_that_no_sender_may_send),
		cmocka_unit_test(the_longest_block_is_read),
		cmocka_unit_test(options_stay_inside_the_header),
		cmocka_unit_test(headers_that_haproxy_sends),
		cmocka_unit_test(every_damaged_bit_under_a_checksum_is_found),
		cmocka_unit_test(every_verdict_has_a_name),
		cmocka_unit_test(lines_as_the_specification_has_them),
		cmocka_unit_test(blocks_as_the_specification_has_them),
		cmocka_unit_test(what_is_written_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
