// SPDX-License-Identifier: BSD-3-Clause
// TCP options on any bytes. First two bytes: the MSS limit; then options, up to 40 bytes.
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "pkt/parse.h"
#include "pkt/tcp_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A parsed IPv4 SYN whose options are the input, in a block of exactly its size.
static uint8_t *make_syn(const uint8_t *options, size_t length, struct packet *p)
{
	uint16_t header = (uint16_t)(20 + (length + 3) / 4 * 4);
	uint8_t *block = calloc(1, 34u + header);
	struct checksum_span span = {block, 34u + header};

	*p = (struct packet){.data = block,
		.length = 34u + header,
		.l3 = 14,
		.l4 = 34,
		.payload = (uint16_t)(34 + header),
		.kind = PACKET_TCP,
		.ip_protocol = IPPROTO_TCP,
		.tcp_header_length = header};
	memcpy(block + 54, options, length);
	packet_checksum_fill(p, &span, 1);
	return block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_options before = {0};
	struct tcp_options after = {0};
	struct packet p;
	uint8_t *block;
	struct checksum_span span;
	uint32_t value = 0;
	uint32_t echo = 0;
	uint16_t limit;
	enum tcp_options_verdict verdict;
	bool changed;

	if (size < 2 || size > 42)
		return 0;
	limit = (uint16_t)(data[0] << 8 | data[1]);
	block = make_syn(data + 2, size - 2, &p);
	span = (struct checksum_span){block, p.length};
	verdict = tcp_options_parse(&p, &before);
	if (tcp_timestamps_read(&p, &value, &echo) && verdict == TCP_OPTIONS_OK &&
		before.has_timestamps)
		assert(value == before.timestamp && echo == before.timestamp_echo);
	changed = tcp_mss_clamp(&p, limit);
	assert(tcp_options_parse(&p, &after) == verdict);
	if (verdict == TCP_OPTIONS_OK && before.has_mss)
		assert(after.mss == (changed ? limit : before.mss) &&
			(limit == 0 || after.mss <= limit));
	assert(packet_checksum_verify(&p, &span, 1, false) == PARSE_OK);
	free(block);
	return 0;
}
