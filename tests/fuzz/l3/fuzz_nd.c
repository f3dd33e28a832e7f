// SPDX-License-Identifier: BSD-3-Clause
// The parsers of neighbour discovery and of multicast listener queries on any bytes; what it
// accepts, it accepts again as the builder writes it. First byte: offset of the ICMPv6 header
// beyond 40; its top bit: the checksum is made right first, else the fuzzer would seldom get past
// it.
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "pkt/checksum.h"
#include "pkt/mld.h"
#include "pkt/nd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_checksum(uint8_t *ip, size_t length, size_t l4)
{
	if (l4 + 4 > length)
		return;
	struct ip_address source = ip_address_from_bytes(ip + 8);
	struct ip_address destination = ip_address_from_bytes(ip + 24);
	uint32_t bytes = (uint32_t)(length - l4);

	be16_store(ip + l4 + 2, 0);
	be16_store(ip + l4 + 2,
		checksum_finish(checksum_bytes(ip + l4, bytes,
			checksum_pseudo(&source, &destination, IPPROTO_ICMPV6, bytes))));
}

static void write_again(const struct nd_message *m)
{
	uint8_t out[ND_PACKET_MAX];
	struct nd_message again;
	size_t length = nd_build(out, m);

	assert(nd_parse(out, length, 40, &again) == ND_PARSED);
	assert(ip_address_equal(&again.target, &m->target));
	assert(ip_address_equal(&again.source, &m->source));
	assert(ip_address_equal(&again.destination, &m->destination));
	assert(again.advertisement == m->advertisement && again.has_link == m->has_link);
	assert(again.solicited == m->solicited && again.override == m->override);
	assert(!m->has_link || memcmp(&again.link, &m->link, sizeof(m->link)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_message m;
	struct mld_query query;

	if (size < 1 || size > 2048)
		return 0;
	size_t length = size - 1;
	size_t l4 = 40 + (data[0] & 0x7fu);
	uint8_t *ip = malloc(length + (length == 0));

	if (length > 0)
		memcpy(ip, data + 1, length);
	if (data[0] & 0x80)
		mend_checksum(ip, length, l4);
	if (nd_parse(ip, length, l4, &m) == ND_PARSED)
		write_again(&m);
	if (mld_query_parse(ip, length, l4, &query) == MLD_PARSED)
		assert(query.delay_ms <= MLD_DELAY_MAX_MS &&
			(ip_address_is_unspecified(&query.group) || query.group.bytes[0] == 0xff));
	free(ip);
	return 0;
}
