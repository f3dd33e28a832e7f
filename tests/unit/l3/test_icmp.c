// SPDX-License-Identifier: BSD-3-Clause

// ICMP errors about sessions: whom they are about, and their translation, every checksum counted
// anew.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pkt/checksum.h"
#include "pkt/icmp.h"
#include "pkt/parse.h"
#include "rig.h"

struct error_case {
	bool v6;
	uint8_t type;
	uint8_t code;
	uint8_t protocol;
	size_t quoted; // bytes of the quoted transport
	uint32_t word;
};

// Right transport checksum over a quoted packet whose payload is all quoted.
static void sum_transport(uint8_t *l4, size_t n, const char *from, const char *to, uint8_t protocol)
{
	struct ip_address source = rig_address(from);
	struct ip_address destination = rig_address(to);
	uint8_t *field = l4 + (protocol == IPPROTO_TCP ? 16 : 6);

	if (n < (protocol == IPPROTO_TCP ? 18u : 8u))
		return;
	be16_store(field, 0);
	be16_store(field, checksum_finish_udp(checksum_bytes(l4, n,
				  checksum_pseudo(&source, &destination, protocol, (uint32_t)n))));
}

// A router tells our NAT address that a packet from it, port 30000, to the target, port 80, went no
// further. Returns the frame's length.
static size_t build(uint8_t *out, const struct error_case *c)
{
	const char *from = c->v6 ? "fd00:2::2" : "10.2.0.2";
	const char *to = c->v6 ? "fd00:2::1" : "10.2.0.1";
	const char *router = c->v6 ? "fd00:2::fe" : "10.2.0.254";
	uint8_t transport[64] = {0x75, 0x30, 0, 80, 0, 0, 0, 9};
	uint8_t quoted[200];
	uint8_t icmp[200] = {c->type, c->code};

	transport[12] = 0x50;
	sum_transport(transport, c->quoted, from, to, c->protocol);
	size_t n = rig_ip_frame(quoted, from, to, c->protocol, transport, c->quoted) - 14;

	be32_store(icmp + 4, be32_from_host(c->word));
	memcpy(icmp + 8, quoted + 14, n);
	struct ip_address a = rig_address(router);
	struct ip_address b = rig_address(from);

	be16_store(icmp + 2,
		checksum_finish(checksum_bytes(icmp, n + 8,
			c->v6 ? checksum_pseudo(&a, &b, IPPROTO_ICMPV6, (uint32_t)n + 8) : 0)));
	return rig_ip_frame(out, router, from, c->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, icmp, n + 8);
}

static void assert_icmp_sum(const struct packet *p)
{
	struct checksum_span span = {p->data, p->length};
	struct packet copy = *p;

	assert_int_equal(packet_checksum_verify(&copy, &span, 1, false), PARSE_OK);
}

static void translate_one(const struct error_case *c)
{
	uint8_t frame[512];
	size_t n = build(frame, c);
	struct buffer *b = rig_buffer(frame, n);
	struct packet p = {0};
	struct icmp_quote quote;
	struct flow_key inner = {
		.source = rig_address(c->v6 ? "fd00:1::9" : "10.1.0.9"),
		.destination = rig_address(c->v6 ? "fd00:1::2" : "10.1.0.2"),
		.source_port = be16_from_host(41000),
		.destination_port = be16_from_host(9000),
		.protocol = c->protocol,
	};

	rig_parse(&p, b, 0);
	assert_icmp_sum(&p);
	assert_int_equal(icmp_error_parse(&p, b->length, &quote), ICMP_ERROR_PARSED);
	assert_int_equal(be16_to_host(quote.key.source_port), 30000);
	assert_int_equal(be16_to_host(quote.key.destination_port), 80);
	assert_int_equal(quote.key.protocol, c->protocol);
	assert_int_equal(quote.tcp_sequence, c->protocol == IPPROTO_TCP ? 9 : 0);
	icmp_error_translate(&p, &quote, &inner, &inner.destination, &inner.source);
	// Everything is right again by itself: outer header, ICMP, quoted header, quoted transport.
	rig_parse(&p, b, 0);
	assert_icmp_sum(&p);
	assert_true(ip_address_equal(&p.key.source, &inner.destination));
	assert_true(ip_address_equal(&p.key.destination, &inner.source));
	assert_int_equal(icmp_error_parse(&p, b->length, &quote), ICMP_ERROR_PARSED);
	assert_memory_equal(&quote.key, &inner, sizeof(inner));
	if (!c->v6)
		assert_int_equal(checksum_finish(checksum_bytes(p.data + quote.l3, 20, 0)), 0);
	if (c->quoted >= 20) {
		uint64_t pseudo = checksum_pseudo(
			&inner.source, &inner.destination, c->protocol, (uint32_t)c->quoted);

		assert_int_equal(
			checksum_finish(checksum_bytes(p.data + quote.l4, c->quoted, pseudo)), 0);
	}
	buffer_heap_put(NULL, b);
}

static void errors_are_translated_with_all_their_checksums(void **state)
{
	static const uint8_t types[2][4][2] = {
		{{3, 1}, {3, 3}, {3, 4}, {11, 0}}, {{1, 0}, {1, 4}, {2, 0}, {3, 0}}};
	static const size_t quoted[] = {8, 9, 18, 20, 28, 41};

	for (uint32_t v6 = 0; v6 < 2; v6++) {
		for (uint32_t t = 0; t < 8; t++) {
			for (size_t q = 0; q < nx_array_size(quoted); q++)
				translate_one(&(struct error_case){.v6 = v6,
					.type = types[v6][t / 2][0],
					.code = types[v6][t / 2][1],
					.protocol = t & 1 ? IPPROTO_TCP : IPPROTO_UDP,
					.quoted = quoted[q],
					.word = 1280});
		}
	}
}

static void udp_without_checksum_stays_without(void **state)
{
	struct error_case c = {.type = 3, .code = 3, .protocol = IPPROTO_UDP, .quoted = 20};
	uint8_t frame[512];
	size_t n = build(frame, &c);
	struct packet p = {0};
	struct icmp_quote quote;

	// The quoted checksum, out of the ICMP checksum too.
	be16 was = be16_load(frame + 14 + 20 + 8 + 20 + 6);

	be16_store(frame + 14 + 20 + 8 + 20 + 6, 0);
	be16_store(frame + 36, checksum_update16(be16_load(frame + 36), was, 0));
	struct buffer *b = rig_buffer(frame, n);

	rig_parse(&p, b, 0);
	assert_icmp_sum(&p);
	assert_int_equal(icmp_error_parse(&p, b->length, &quote), ICMP_ERROR_PARSED);
	struct flow_key inner = quote.key;

	inner.source_port = be16_from_host(1);
	icmp_error_translate(&p, &quote, &inner, &p.key.source, &p.key.destination);
	assert_icmp_sum(&p);
	assert_int_equal(be16_load(p.data + quote.l4 + 6), 0);
	buffer_heap_put(NULL, b);
}

static void next_hop_mtu_is_read_and_written(void **state)
{
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		struct error_case c = {.v6 = v6,
			.type = v6 ? 2 : 3,
			.code = v6 ? 0 : 4,
			.protocol = IPPROTO_TCP,
			.quoted = 8,
			.word = 1400};
		uint8_t frame[512];
		struct buffer *b = rig_buffer(frame, build(frame, &c));
		struct packet p = {0};
		struct icmp_quote quote;

		rig_parse(&p, b, 0);
		assert_int_equal(icmp_error_parse(&p, b->length, &quote), ICMP_ERROR_PARSED);
		assert_true(quote.is_too_big);
		assert_int_equal(quote.next_hop_mtu, 1400);
		icmp_error_set_mtu(&p, 1280);
		assert_icmp_sum(&p);
		assert_int_equal(icmp_error_parse(&p, b->length, &quote), ICMP_ERROR_PARSED);
		assert_int_equal(quote.next_hop_mtu, 1280);
		buffer_heap_put(NULL, b);
	}
}

static enum icmp_error_verdict verdict_of(const uint8_t *frame, size_t n)
{
	struct buffer *b = rig_buffer(frame, n);
	struct icmp_quote quote = {.l3 = 0x5555};
	struct packet p = {.buffer = b,
		.data = buffer_data(b),
		.length = (uint32_t)n,
		.l3 = 14,
		.l4 = 34,
		.kind = PACKET_ICMP4};
	enum icmp_error_verdict verdict = icmp_error_parse(&p, b->length, &quote);

	if (verdict != ICMP_ERROR_PARSED)
		assert_int_equal(quote.l3, 0x5555);
	buffer_heap_put(NULL, b);
	return verdict;
}

static void every_truncation_is_refused(void **state)
{
	struct error_case c = {.type = 3, .code = 1, .protocol = IPPROTO_TCP, .quoted = 8};
	uint8_t frame[512];
	size_t n = build(frame, &c);

	assert_int_equal(verdict_of(frame, n), ICMP_ERROR_PARSED);
	for (size_t cut = 35; cut < n; cut++)
		assert_int_equal(verdict_of(frame, cut), ICMP_ERROR_TRUNCATED);
}

static void damaged_quotes_are_refused(void **state)
{
	struct error_case c = {.type = 3, .code = 1, .protocol = IPPROTO_TCP, .quoted = 8};
	static const struct {
		size_t at;
		uint8_t value;
		enum icmp_error_verdict verdict;
	} damage[] = {
		{34, 5, ICMP_ERROR_IS_NOT_ONE},         // redirect
		{34, 8, ICMP_ERROR_IS_NOT_ONE},         // echo
		{42, 0x65, ICMP_ERROR_QUOTE_MALFORMED}, // version 6
		{42, 0x44, ICMP_ERROR_QUOTE_MALFORMED}, // header of 16 bytes
		{42, 0x4f, ICMP_ERROR_TRUNCATED},       // header of 60 bytes
		{49, 1, ICMP_ERROR_QUOTE_HAS_NO_PORTS}, // later fragment
		{51, IPPROTO_ICMP, ICMP_ERROR_QUOTE_HAS_NO_PORTS},
	};

	for (size_t i = 0; i < nx_array_size(damage); i++) {
		uint8_t frame[512];
		size_t n = build(frame, &c);

		frame[damage[i].at] = damage[i].value;
		assert_int_equal(verdict_of(frame, n), damage[i].verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_translated_with_all_their_checksums),
		cmocka_unit_test(udp_without_checksum_stays_without),
		cmocka_unit_test(next_hop_mtu_is_read_and_written),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(damaged_quotes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
