// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors of any bytes: what is parsed can be translated, shows the new tuple when it is parsed
// again, and has an ICMP checksum as right or as wrong as before. First byte: family and how the
// new tuple looks.
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "pkt/checksum.h"
#include "pkt/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_sum_right(const struct packet *p)
{
	bool v6 = p->kind == PACKET_ICMP6;
	const uint8_t *ip = p->data + p->l3;
	uint32_t bytes = p->length - p->l4;
	struct ip_address source = ip_address_from_bytes(ip + 8);
	struct ip_address destination = v6 ? ip_address_from_bytes(ip + 24) : source;
	uint64_t sum = v6 ? checksum_pseudo(&source, &destination, IPPROTO_ICMPV6, bytes) : 0;

	return checksum_fold(checksum_bytes(p->data + p->l4, bytes, sum)) % 0xffff == 0;
}

static struct ip_address address_of(bool v6, uint8_t seed)
{
	struct ip_address a;

	memset(a.bytes, seed ^ 0x20, sizeof(a.bytes));
	return v6 ? a : ip_address_from_v4(a.words[0]);
}

static void translate(struct packet *p, const struct icmp_quote *quote, uint8_t seed)
{
	bool v6 = p->kind == PACKET_ICMP6;
	struct flow_key inner = {.source = address_of(v6, seed),
		.destination = address_of(v6, (uint8_t)(seed + 1)),
		.source_port = (be16)(seed * 257),
		.destination_port = (be16)(seed * 31),
		.protocol = quote->key.protocol};
	struct icmp_quote again;
	bool was_right = is_sum_right(p);

	assert(quote->l4 + 8u <= quote->end && quote->end <= p->length);
	icmp_error_translate(p, quote, &inner, &inner.destination, &inner.source);
	assert(is_sum_right(p) == was_right);
	assert(icmp_error_parse(p, p->length, &again) == ICMP_ERROR_PARSED);
	assert(flow_key_equal(&again.key, &inner));
	if (quote->is_too_big) {
		icmp_error_set_mtu(p, 1280);
		assert(is_sum_right(p) == was_right);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool v6 = size > 0 && (data[0] & 1);
	uint16_t l4 = v6 ? 54 : 34;
	struct icmp_quote quote;

	if (size < 1u + l4 || size > 4096)
		return 0;
	uint8_t *frame = malloc(size - 1);
	struct packet p = {.data = frame,
		.length = (uint32_t)size - 1,
		.l3 = 14,
		.l4 = l4,
		.kind = v6 ? PACKET_ICMP6 : PACKET_ICMP4};

	memcpy(frame, data + 1, size - 1);
	if (icmp_error_parse(&p, p.length, &quote) == ICMP_ERROR_PARSED)
		translate(&p, &quote, data[0]);
	free(frame);
	return 0;
}
