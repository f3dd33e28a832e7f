// SPDX-License-Identifier: BSD-3-Clause
// What the target gets before the client's payload: a PROXY protocol header where its upstream asks
// for one, and what the client sent behind a header of its own.
#include "core/chain.h"
#include "stream/proxy_protocol.h"
#include "stream/relay_impl.h"

// Joins two chains; either may be NULL.
static struct buffer *chain_join(struct buffer *first, struct buffer *second)
{
	struct buffer *last = first;

	if (!first || !second)
		return first ? first : second;
	while (last->next)
		last = last->next;
	last->next = second;
	first->segments = (uint16_t)(first->segments + second->segments);
	first->total_length += second->total_length;
	return first;
}

void relay_preface_clear(struct relay *r, struct relay_session *s)
{
	if (s->preface)
		r->config.buffers->put(r->config.buffers, s->preface);
	s->preface = NULL;
}

enum preface_verdict relay_preface_read(
	struct relay *r, struct relay_session *s, struct flow_key *announced)
{
	uint8_t head[PROXY_PROTOCOL_READ_MAX];
	struct proxy_protocol_header header;
	uint32_t length = s->preface ? s->preface->total_length : 0;
	struct buffer *chain;

	// No more than a header may have is held here: the rest stays with the connection.
	while (length < sizeof(head) &&
		(chain = tcp_receive(r->tcp, s->connection[LEG_CLIENT], 1, r->now)) != NULL) {
		s->preface = chain_join(s->preface, chain);
		length = s->preface->total_length;
	}
	if (length == 0)
		return PREFACE_WAIT;
	length = chain_copy(s->preface, 0, sizeof(head), head);
	switch (proxy_protocol_read(head, length, &header)) {
	case PROXY_PROTOCOL_DONE:
		s->preface = chain_skip(s->preface, header.length, r->config.buffers);
		if (header.proxied) {
			*announced = header.key;
			s->flags |= RELAY_IS_NAMED;
			r->names[session_index(r, s)] = (struct relay_name){
				.address = header.key.source, .port = header.key.source_port};
		}
		return PREFACE_READY;
	case PROXY_PROTOCOL_MORE:
		return PREFACE_WAIT;
	default:
		return PREFACE_BAD;
	}
}

bool relay_preface_write(struct relay *r, struct relay_session *s, unsigned int version,
	const struct flow_key *announced)
{
	struct buffer *b;

	if (version == 0)
		return true;
	b = r->config.buffers->get(r->config.buffers, PROXY_PROTOCOL_WRITE_MAX);
	if (!b)
		return false;
	b->length = (uint16_t)proxy_protocol_write(version, announced, buffer_data(b));
	b->total_length = b->length;
	s->header = (uint8_t)b->length;
	s->preface = chain_join(b, s->preface);
	return true;
}
