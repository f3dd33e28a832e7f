// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"
#include "pkt/rewrite.h"

static void rewrite(struct packet *p, const struct flow_key *from, const struct flow_key *to)
{
	struct flow_key answer = flow_key_reverse(to);

	packet_rewrite(p, &answer, rewrite_between(from, to));
}

static void randomise(struct flow_key *key, bool v6)
{
	struct ip_address *ends[2] = {&key->source, &key->destination};

	for (int i = 0; i < 2; i++) {
		if (!v6) {
			ends[i]->words[3] =
				be32_from_host(0x0a000000 | (uint32_t)random() % 0x1000000);
			continue;
		}
		for (int b = 1; b < 16; b++)
			ends[i]->bytes[b] = (uint8_t)random();
		ends[i]->bytes[0] = 0x20;
	}
	key->source_port = (be16)(random() % 65535 + 1);
	key->destination_port = (be16)(random() % 65535 + 1);
}

static struct frame_spec random_spec(void)
{
	return (struct frame_spec){.v6 = random() & 1,
		.vlan = random() & 1,
		.protocol = random() & 1 ? IPPROTO_TCP : IPPROTO_UDP,
		.payload = (uint16_t)(random() % 300)};
}

static void every_checksum_stays_right(void **state)
{
	for (int round = 0; round < 20000; round++) {
		struct frame_spec spec = random_spec();
		struct frame f = frame_make(&spec);
		struct flow_key to;
		struct packet p;
		struct packet again;

		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		to = p.key;
		randomise(&to, spec.v6);
		rewrite(&p, &p.key, &to);
		assert_int_equal(frame_parse(&f, 0, &again), PARSE_OK); // verifies IPv4's own
		assert_true(flow_key_equal(&again.key, &to));
		assert_int_equal(again.hop_limit, 63);
		assert_true(frame_checksum_is_right(&again));
		if (spec.protocol == IPPROTO_UDP)
			assert_int_not_equal(be16_load(f.bytes + f.l4 + 6), 0);
		frame_free(&f);
	}
}

// The identification takes the header's checksum through all its values, the one that wraps too.
static void every_header_checksum_stays_right(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .payload = 10};
	struct frame f = frame_make(&spec);
	struct flow_key to;
	struct packet p;

	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	for (uint32_t round = 0; round < 4; round++) {
		to = p.key;
		randomise(&to, false);
		for (uint32_t id = 0; id < 65536; id++) {
			struct packet again;
			uint8_t kept[34];

			be16_store(f.bytes + f.l3 + 4, (be16)id);
			frame_mend_ipv4(&f);
			memcpy(kept, f.bytes, sizeof(kept));
			rewrite(&p, &p.key, &to);
			assert_int_equal(frame_parse(&f, 0, &again), PARSE_OK);
			memcpy(f.bytes, kept, sizeof(kept));
		}
	}
	frame_free(&f);
}

static void there_and_back_gives_the_same_bytes(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct frame_spec spec = random_spec();
		struct frame f = frame_make(&spec);
		struct frame before = frame_make(&spec);
		struct flow_key to;
		struct packet p;

		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		to = p.key;
		randomise(&to, spec.v6);
		rewrite(&p, &p.key, &to);
		rewrite(&p, &to, &p.key);
		packet_hop_decrement(&p);
		assert_int_equal(f.bytes[f.l3 + (spec.v6 ? 7 : 8)], 61);
		f.bytes[f.l3 + (spec.v6 ? 7 : 8)] = 64;
		if (!spec.v6)
			frame_mend_ipv4(&f);
		assert_memory_equal(f.bytes, before.bytes, f.length);
		frame_free(&f);
		frame_free(&before);
	}
}

static void wrong_checksum_stays_wrong(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_TCP, .payload = 50};
	struct frame f = frame_make(&spec);
	struct flow_key to;
	struct packet p;

	f.bytes[f.length - 1] ^= 1;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	to = p.key;
	randomise(&to, false);
	rewrite(&p, &p.key, &to);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_false(frame_checksum_is_right(&p));
	frame_free(&f);
}

static void partial_checksum_follows_the_pseudo_header(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct frame_spec spec = random_spec();
		struct frame f = frame_make(&spec);
		struct checksum_span span = {f.bytes, f.length};
		unsigned field;
		struct flow_key to;
		struct packet p;

		assert_int_equal(frame_parse(&f, PARSE_L4_PARTIAL, &p), PARSE_OK);
		field = f.l4 + (p.kind == PACKET_TCP ? 16u : 6u);
		be16_store(f.bytes + field,
			checksum_fold(checksum_pseudo(&p.key.source, &p.key.destination,
				spec.protocol, f.length - f.l4)));
		to = p.key;
		randomise(&to, spec.v6);
		rewrite(&p, &p.key, &to);
		// What completes it adds the segment to the field and complements.
		assert_int_equal(be16_load(f.bytes + field),
			checksum_fold(checksum_pseudo(
				&to.source, &to.destination, spec.protocol, f.length - f.l4)));
		be16_store(f.bytes + field,
			checksum_finish(checksum_spans(&span, 1, f.l4, f.length - f.l4, 0)));
		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		assert_true(frame_checksum_is_right(&p));
		frame_free(&f);
	}
}

// In IPv4 none was made; in IPv6 it is wrong, and must not become right.
static void missing_udp_checksum_stays_missing(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame_spec spec = {.protocol = IPPROTO_UDP, .payload = 50, .v6 = v6};
		struct frame f = frame_make(&spec);
		struct flow_key to;
		struct packet p;

		be16_store(f.bytes + f.l4 + 6, 0);
		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		to = p.key;
		randomise(&to, v6);
		rewrite(&p, &p.key, &to);
		assert_int_equal(be16_load(f.bytes + f.l4 + 6), 0);
		frame_free(&f);
	}
}

// Searches ports for which the sum comes out as zero: it must be sent as 0xffff.
static void udp_zero_result_is_sent_as_ones(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .payload = 2};
	unsigned ones = 0;

	for (uint32_t port = 1; port < 65536; port++) {
		struct frame f = frame_make(&spec);
		struct flow_key to;
		struct packet p;

		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		to = p.key;
		to.source_port = be16_from_host((uint16_t)port);
		rewrite(&p, &p.key, &to);
		assert_int_not_equal(be16_load(f.bytes + f.l4 + 6), 0);
		ones += be16_load(f.bytes + f.l4 + 6) == 0xffff;
		frame_free(&f);
	}
	assert_int_equal(ones, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_checksum_stays_right),
		cmocka_unit_test(every_header_checksum_stays_right),
		cmocka_unit_test(there_and_back_gives_the_same_bytes),
		cmocka_unit_test(wrong_checksum_stays_wrong),
		cmocka_unit_test(partial_checksum_follows_the_pseudo_header),
		cmocka_unit_test(missing_udp_checksum_stays_missing),
		cmocka_unit_test(udp_zero_result_is_sent_as_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
