// SPDX-License-Identifier: BSD-3-Clause
// The packet parser on any bytes, any offload bits and any split between first buffer and rest.
// First byte: offload bits; second: how many bytes of the frame are not contiguous.
#include <assert.h>
#include <stdlib.h>

#include "pkt/plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct packet *p, const struct parse_context *c)
{
	assert(p->length <= c->frame);
	assert(p->kind == PACKET_ARP || p->l3 == 14 || p->l3 == 18);
	if (p->kind == PACKET_TCP || p->kind == PACKET_UDP) {
		assert(p->l4 > p->l3 && p->payload > p->l4);
		assert(p->payload <= p->length && p->payload <= c->contiguous);
		assert(p->key.destination_port != 0);
	}
	assert((p->key.zero[0] | p->key.zero[1] | p->key.zero[2]) == 0);
	assert(ip_address_is_v4(&p->key.source) == ip_address_is_v4(&p->key.destination) ||
		p->kind == PACKET_ARP);
}

// What the plain way takes, the parser proper takes with the same result, checksums included.
static void check_plain(const struct parse_context *c, const struct packet *parsed,
	const struct checksum_span spans[2])
{
	struct packet p;
	struct packet verified = *parsed;

	memset(&p, 0xa5, sizeof(p));
	if ((c->data[0] & 1) || !packet_parse_plain(&p, c))
		return;
	assert(memcmp(&p, parsed, sizeof(p)) == 0);
	assert(packet_checksum_verify(&verified, spans, 2, false) == PARSE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parse_context c = {0};
	struct checksum_span spans[2];
	uint8_t *first;
	struct packet p;

	if (size < 2)
		return 0;
	c.offload = data[0];
	c.frame = (uint32_t)size - 2;
	c.contiguous = c.frame > data[1] ? c.frame - data[1] : 0;
	// A block of exactly the contiguous bytes: the sanitizer sees what is read beyond.
	first = malloc(c.contiguous + (c.contiguous == 0));
	memcpy(first, data + 2, c.contiguous);
	c.data = first;
	memset(&p, 0xa5, sizeof(p));
	if (packet_parse(&p, &c) == PARSE_OK) {
		check(&p, &c);
		spans[0] = (struct checksum_span){first, c.contiguous};
		spans[1] = (struct checksum_span){data + 2 + c.contiguous, c.frame - c.contiguous};
		check_plain(&c, &p, spans);
		(void)packet_checksum_verify(&p, spans, 2, data[0] & 0x80);
	} else {
		assert(p.kind == PACKET_NONE);
		assert(c.contiguous == 0 || (first[0] & 1) || !packet_parse_plain(&p, &c));
	}
	free(first);
	return 0;
}
