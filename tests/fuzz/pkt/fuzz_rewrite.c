// SPDX-License-Identifier: BSD-3-Clause
// Parse, rewrite, parse again: a packet that was right stays right, a wrong one stays wrong, and
// the new flow is what was asked for. First 36 bytes: new addresses and ports; then a frame.
#include <assert.h>
#include <stdlib.h>

#include "pkt/parse.h"
#include "pkt/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CONTROL = 36
};

static bool is_right(struct packet *p)
{
	struct checksum_span span = {p->data, p->length};

	return packet_checksum_verify(p, &span, 1, false) == PARSE_OK;
}

// Any key of the packet's family that the parser lets in again.
static struct flow_key key_from(const uint8_t *bytes, const struct packet *p)
{
	struct flow_key to = p->key;

	if (p->flags & PACKET_IS_V6) {
		to.source = ip_address_from_bytes(bytes);
		to.destination = ip_address_from_bytes(bytes + 16);
		to.source.bytes[0] = 0x20;
		to.destination.bytes[0] = 0x20;
	} else {
		to.source.words[3] = be32_load(bytes);
		to.destination.words[3] = be32_load(bytes + 16);
		to.source.bytes[12] = 10;
	}
	to.source_port = be16_load(bytes + 32) | htobe16(1);
	to.destination_port = be16_load(bytes + 34) | htobe16(1);
	return to;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parse_context c = {0};
	struct flow_key to;
	struct flow_key answer;
	struct packet before;
	struct packet after;
	bool was_right;

	if (size <= CONTROL)
		return 0;
	c.frame = (uint32_t)size - CONTROL;
	c.contiguous = c.frame;
	c.data = malloc(c.frame);
	memcpy(c.data, data + CONTROL, c.frame);
	if (packet_parse(&before, &c) != PARSE_OK || before.hop_limit < 2 ||
		(before.kind != PACKET_TCP && before.kind != PACKET_UDP))
		goto done;
	was_right = is_right(&before);
	to = key_from(data, &before);
	answer = flow_key_reverse(&to);
	packet_rewrite(&before, &answer, rewrite_between(&before.key, &to));
	assert(packet_parse(&after, &c) == PARSE_OK);
	assert(flow_key_equal(&after.key, &to));
	assert(after.hop_limit == before.hop_limit - 1);
	assert(is_right(&after) == was_right);
done:
	free(c.data);
	return 0;
}
