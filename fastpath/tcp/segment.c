// SPDX-License-Identifier: BSD-3-Clause
// Packets as they leave: IP and TCP headers in a buffer of their own, payload chained behind.
#include "tcp/engine_impl.h"

#include "pkt/checksum.h"

enum {
	TCP_FIXED = 20,
	OPTIONS_MAX = 40,
	ECN_ECT0 = 2,
	SPANS_MAX = 64,
};

// A packet under construction.
struct draft {
	struct flow_key key; // as it leaves
	struct buffer *head;
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t payload; // bytes
	uint16_t window;
	uint16_t urgent;       // with TCP_FLAG_URG
	uint16_t segment_size; // 0: one segment
	uint16_t packet_id;    // RFC 6864 4.1: says nothing where packets are never fragmented
	uint8_t flags;
	uint8_t hop_limit;
	uint8_t traffic_class; // codepoint and ECN
	uint8_t option_length;
	uint8_t options[OPTIONS_MAX];
};

// Summed up from the words that are written: what was stored just before, in a buffer that is
// seldom in the nearest cache, would have to be waited for.
static void write_ipv4(const struct draft *d, uint8_t *ip, uint32_t total)
{
	be32 first = be32_from_host(
		UINT32_C(0x45) << 24 | (uint32_t)d->traffic_class << 16 | (uint16_t)total);
	be32 second = be32_from_host((uint32_t)d->packet_id << 16 | 0x4000);
	be32 third = be32_from_host((uint32_t)d->hop_limit << 24 | IPPROTO_TCP << 16);
	be32 source = d->key.source.words[3];
	be32 destination = d->key.destination.words[3];

	be32_store(ip, first);
	be32_store(ip + 4, second);
	be32_store(ip + 8, third);
	be16_store(
		ip + 10, checksum_finish((uint64_t)first + second + third + source + destination));
	be32_store(ip + 12, source);
	be32_store(ip + 16, destination);
}

static void write_ipv6(const struct draft *d, uint8_t *ip, uint32_t total)
{
	be32_store(ip, be32_from_host(UINT32_C(6) << 28 | (uint32_t)d->traffic_class << 20));
	be16_store(ip + 4, be16_from_host((uint16_t)(total - 40)));
	ip[6] = IPPROTO_TCP;
	ip[7] = d->hop_limit;
	memcpy(ip + 8, d->key.source.bytes, 16);
	memcpy(ip + 24, d->key.destination.bytes, 16);
}

static void write_tcp(const struct draft *d, uint8_t *tcp, uint32_t header)
{
	be16_store(tcp, d->key.source_port);
	be16_store(tcp + 2, d->key.destination_port);
	be32_store(tcp + 4, be32_from_host(d->sequence));
	be32_store(tcp + 8, be32_from_host(d->acknowledgement));
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = d->flags;
	be16_store(tcp + 14, be16_from_host(d->window));
	be16_store(tcp + 16, 0);
	be16_store(tcp + 18, be16_from_host(d->urgent));
	memcpy(tcp + 20, d->options, d->option_length);
}

// The sum over the TCP header and what is chained to it.
static uint64_t payload_sum(const struct draft *d, const uint8_t *tcp, uint32_t bytes)
{
	struct checksum_span spans[SPANS_MAX];
	uint32_t n = 1;
	uint32_t offset = (uint32_t)(tcp - buffer_data(d->head));

	spans[0] = (struct checksum_span){.data = tcp, .length = d->head->length - offset};
	for (const struct buffer *b = d->head->next; b && n < SPANS_MAX; b = b->next)
		spans[n++] = (struct checksum_span){.data = buffer_data(b), .length = b->length};
	return checksum_spans(spans, n, 0, bytes, 0);
}

// Fills the checksum, or describes what the port is to fill, and hands the packet over.
static void draft_transmit(
	struct tcp_engine *e, const struct draft *d, uint32_t ip_length, uint32_t *way)
{
	uint32_t header = TCP_FIXED + d->option_length;
	uint32_t bytes = header + d->payload;
	bool v6 = ip_length == 40;
	uint8_t *tcp = buffer_data(d->head) + ip_length;
	uint64_t sum = checksum_pseudo(&d->key.source, &d->key.destination, IPPROTO_TCP, bytes);
	uint32_t none = 0;

	if (e->config.offload & TCP_OFFLOAD_CHECKSUM) {
		be16_store(tcp + 16, (be16)checksum_fold(sum));
		d->head->offload |= BUFFER_TX_CHECKSUM_TCP |
				    (v6 ? BUFFER_TX_IPV6 : BUFFER_TX_IPV4 | BUFFER_TX_IP_CHECKSUM) |
				    (d->segment_size != 0 ? BUFFER_TX_SEGMENT_TCP : 0);
	} else {
		be16_store(
			tcp + 16, checksum_finish(checksum_add(sum, payload_sum(d, tcp, bytes))));
	}
	d->head->transmit = buffer_transmit_word(0, ip_length, header, d->segment_size);
	tcp_count(e, segments_sent);
	e->config.transmit(e->config.context, d->head, &d->key, way ? way : &none);
}

// Writes the headers into d->head, whose payload, copied or chained, is there already.
static void draft_finish(struct tcp_engine *e, struct draft *d, uint32_t *way)
{
	bool v6 = !ip_address_is_v4(&d->key.source);
	uint32_t ip_length = v6 ? 40 : 20;
	uint32_t header = TCP_FIXED + d->option_length;
	uint32_t total = ip_length + header + d->payload;
	uint8_t *ip;

	// The headers' place was left free by draft_begin.
	d->head->offset = (uint16_t)(d->head->offset - ip_length - header);
	d->head->length = (uint16_t)(d->head->length + ip_length + header);
	d->head->total_length = total;
	ip = buffer_data(d->head);
	if (v6)
		write_ipv6(d, ip, total);
	else
		write_ipv4(d, ip, total);
	write_tcp(d, ip + ip_length, header);
	draft_transmit(e, d, ip_length, way);
}

// A header buffer with room for `copied` payload bytes behind the longest headers.
static bool draft_begin(struct tcp_engine *e, struct draft *d, uint32_t copied)
{
	d->head = e->config.buffers->get(e->config.buffers, HEADER_ROOM + copied);
	if (d->head == NULL) {
		tcp_count(e, no_buffer);
		return false;
	}
	d->head->offset = (uint16_t)(d->head->offset + HEADER_ROOM);
	d->head->length = 0;
	return true;
}

static struct buffer *piece_share(
	struct tcp_engine *e, struct buffer *b, uint32_t skip, uint32_t length)
{
	struct buffer_source *source = e->config.buffers;
	struct buffer *piece = source->share(source, b);

	if (piece == NULL)
		return NULL;
	piece->offset = (uint16_t)(piece->offset + skip);
	piece->length = (uint16_t)length;
	piece->total_length = length;
	return piece;
}

// Chains payload of the send queue behind the header. The last piece may be the queue's own buffer,
// held once more; others are shared copies, for their `next` differs.
static bool payload_chain(
	struct tcp_engine *e, struct draft *d, struct buffer *b, uint32_t skip, uint32_t length)
{
	struct buffer *tail = d->head;

	while (length > 0) {
		uint32_t n = u32_min(length, b->length - skip);
		struct buffer *piece = b;

		if (skip == 0 && n == length && n == b->length)
			buffer_hold(b);
		else
			piece = piece_share(e, b, skip, n);
		if (piece == NULL)
			return false;
		tail->next = piece;
		tail = piece;
		d->head->segments++;
		length -= n;
		skip = 0;
		b = tcp_entry(b)->next;
	}
	return true;
}

static void payload_copy(struct draft *d, struct buffer *b, uint32_t skip, uint32_t length)
{
	uint8_t *out = buffer_data(d->head);

	d->head->length = (uint16_t)length;
	while (length > 0) {
		uint32_t n = u32_min(length, b->length - skip);

		memcpy(out, buffer_data(b) + skip, n);
		out += n;
		length -= n;
		skip = 0;
		b = tcp_entry(b)->next;
	}
}

static bool payload_attach(struct tcp_engine *e, struct draft *d, const struct segment_out *s)
{
	struct buffer *b = s->first;
	uint32_t skip = s->length ? s->sequence - tcp_entry(b)->sequence : 0;
	bool whole = s->length && skip == 0 && s->length == b->length;
	bool copy = s->length <= COPY_MAX || (!whole && e->config.buffers->share == NULL);

	d->payload = s->length;
	if (!draft_begin(e, d, copy ? s->length : 0))
		return false;
	if (copy) {
		payload_copy(d, b, skip, s->length);
		return true;
	}
	if (payload_chain(e, d, b, skip, s->length))
		return true;
	tcp_count(e, no_buffer);
	e->config.buffers->put(e->config.buffers, d->head);
	return false;
}

// What an acknowledgement, alone or with data, settles.
static void acknowledged(struct tcp_engine *e, struct tcp_connection *c)
{
	c->last_ack_sent = c->rcv_nxt;
	c->unacknowledged = 0;
	c->flags &= ~(uint32_t)(TCP_ACK_NOW | TCP_DSACK_DUE);
	timer_clear(c, TCP_TIMER_ACK);
}

static uint8_t ecn_flags(struct tcp_connection *c, uint8_t flags, bool new_data)
{
	if (!(c->flags & TCP_HAS_ECN) || (flags & TCP_FLAG_SYN))
		return 0;
	uint8_t bits = c->flags & TCP_ECN_ECHO ? TCP_FLAG_ECE : 0;

	if (new_data && (c->flags & TCP_ECN_REDUCED)) {
		c->flags &= ~(uint32_t)TCP_ECN_REDUCED;
		bits |= TCP_FLAG_CWR;
	}
	return bits;
}

static uint8_t dscp_class(const struct tcp_connection *c)
{
	return (uint8_t)(c->dscp << 2);
}

static uint16_t window_field(struct tcp_engine *e, struct tcp_connection *c)
{
	return (uint16_t)u32_min(window_offer(e, c) >> c->receive_scale, UINT16_MAX);
}

// The numbers of the packets that a segment or frame of many becomes.
static uint16_t packet_id_take(
	const struct tcp_engine *e, struct tcp_connection *c, uint32_t payload)
{
	uint16_t id = c->packet_id;

	if (!profile_counts_packets(profile_of(e, c)))
		return 0;
	c->packet_id += payload > c->mss ? (uint16_t)((payload + c->mss - 1) / c->mss) : 1;
	return id;
}

// c->mss leaves room for timestamps only: blocks ride where there is room to spare.
static uint32_t option_room(const struct tcp_connection *c, uint32_t length)
{
	if (length + OPTIONS_MAX - 4 <= c->mss)
		return OPTIONS_MAX;
	return c->flags & TCP_HAS_TIMESTAMPS ? 12 : 0;
}

bool segment_send(struct tcp_engine *e, struct tcp_connection *c, const struct segment_out *s)
{
	struct draft d = {.key = key_reverse(&c->key),
		.sequence = s->sequence,
		.flags = s->flags,
		.traffic_class = dscp_class(c),
		.hop_limit = profile_of(e, c)->hop_limit};
	bool new_data = s->length > 0 && !s->is_retransmission;

	if (!payload_attach(e, &d, s))
		return false;
	d.option_length = (uint8_t)options_write(e, c, option_room(c, s->length), d.options);
	d.acknowledgement = c->rcv_nxt;
	d.window = window_field(e, c);
	d.packet_id = packet_id_take(e, c, s->length);
	d.flags |= ecn_flags(c, s->flags, new_data);
	// RFC 3168 6.1.5, 6.1.4: not on retransmissions or pure acknowledgements.
	if (new_data && (c->flags & TCP_HAS_ECN))
		d.traffic_class |= ECN_ECT0;
	if (c->flags & TCP_URGENT_OUT) {
		d.urgent = urgent_pointer(c, s->sequence);
		d.flags |= d.urgent ? TCP_FLAG_URG : 0;
	}
	if (s->length > c->mss)
		d.segment_size = c->mss;
	tcp_count_by(e, bytes_sent, s->length);
	acknowledged(e, c);
	draft_finish(e, &d, &c->way);
	return true;
}

bool segment_send_ack(struct tcp_engine *e, struct tcp_connection *c)
{
	return segment_send(
		e, c, &(struct segment_out){.sequence = c->snd_nxt, .flags = TCP_FLAG_ACK});
}

// RFC 5961 7, each connection for itself: a common rate would tell others what draws a challenge
// (CVE-2016-5696), and let one noisy peer take them from all.
void segment_challenge(struct tcp_engine *e, struct tcp_connection *c)
{
	if (engine_tick(e) - c->challenged_at >= (uint32_t)(USEC_PER_SECOND >> TICK_SHIFT)) {
		c->challenged_at = engine_tick(e);
		c->challenges = 0;
	}
	if (c->challenges >= CHALLENGES_PER_SECOND) {
		tcp_count(e, challenge_acks_limited);
		return;
	}
	c->challenges++;
	tcp_count(e, challenge_acks);
	segment_send_ack(e, c);
}

bool segment_send_syn(struct tcp_engine *e, struct tcp_connection *c)
{
	const struct tcp_profile *p = profile_of(e, c);
	bool answer = c->state == TCP_SYN_RECEIVED;
	struct draft d = {.key = key_reverse(&c->key),
		.sequence = c->iss,
		.acknowledgement = answer ? c->rcv_nxt : 0,
		.traffic_class = dscp_class(c),
		.hop_limit = p->hop_limit,
		.flags = TCP_FLAG_SYN | (answer ? TCP_FLAG_ACK : 0)};
	struct syn_options o = {.mss = mss_of_mtu(c, p->mtu),
		.window_scale = c->window_scaled ? c->receive_scale : -1,
		.look = p->look,
		.sack = c->flags & TCP_HAS_SACK,
		.timestamps = c->flags & TCP_HAS_TIMESTAMPS,
		.timestamp = timestamp_now(e, c),
		.echo = answer ? c->ts_recent : 0};

	if (p->mss_max != 0 && o.mss > p->mss_max)
		o.mss = p->mss_max;
	if (c->mss_terms != 0 && o.mss > c->mss_terms)
		o.mss = c->mss_terms;
	if (p->look != TCP_LOOK_DEFAULT)
		c->receive_limit =
			profile_window(p, o.mss - (answer && o.timestamps ? 12u : 0), answer);
	if (!draft_begin(e, &d, 0))
		return false;
	// RFC 3168 6.1.1.1: not on a SYN that may have been lost for it.
	if (c->flags & TCP_HAS_ECN && c->backoff == 0)
		d.flags |= answer ? TCP_FLAG_ECE : TCP_FLAG_ECE | TCP_FLAG_CWR;
	d.option_length = (uint8_t)options_write_syn(d.options, &o);
	if (!answer || profile_counts_answers(p))
		d.packet_id = packet_id_take(e, c, 0);
	// Never scaled (RFC 7323 2.2).
	d.window = (uint16_t)u32_min(window_offer(e, c), UINT16_MAX);
	acknowledged(e, c);
	draft_finish(e, &d, &c->way);
	return true;
}

void segment_send_cookie(struct tcp_engine *e, const struct flow_key *key,
	const struct tcp_segment *s, uint32_t sequence, const struct syn_options *options,
	const struct tcp_profile *profile)
{
	struct draft d = {.key = key_reverse(key),
		.sequence = sequence,
		.acknowledgement = s->sequence + 1,
		.traffic_class = (uint8_t)(profile->dscp << 2),
		.hop_limit = profile->hop_limit,
		.window = (uint16_t)u32_min(
			profile_window(
				profile, options->mss - (options->timestamps ? 12u : 0), true),
			UINT16_MAX),
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK};

	if (!draft_begin(e, &d, 0))
		return;
	d.option_length = (uint8_t)options_write_syn(d.options, options);
	draft_finish(e, &d, NULL);
}

void segment_send_reset(struct tcp_engine *e, struct tcp_connection *c, bool bare)
{
	struct draft d = {.key = key_reverse(&c->key),
		.sequence = c->snd_nxt,
		.acknowledgement = bare ? 0 : c->rcv_nxt,
		.traffic_class = dscp_class(c),
		.hop_limit = profile_of(e, c)->hop_limit,
		.flags = bare ? TCP_FLAG_RST : TCP_FLAG_RST | TCP_FLAG_ACK};

	if (!draft_begin(e, &d, 0))
		return;
	tcp_count(e, resets_sent);
	// RFC 7323 3.2: or a middle box that tracks them takes it for a forged one.
	if (!bare) {
		d.option_length = (uint8_t)options_write_timestamps(e, c, d.options);
		d.packet_id = packet_id_take(e, c, 0);
	}
	draft_finish(e, &d, &c->way);
}

void segment_send_refusal(struct tcp_engine *e, struct tcp_connection *c)
{
	struct draft d = {.key = key_reverse(&c->key),
		.acknowledgement = c->irs + 1,
		.traffic_class = dscp_class(c),
		.hop_limit = profile_of(e, c)->hop_limit,
		.flags = TCP_FLAG_RST | TCP_FLAG_ACK};

	if (!draft_begin(e, &d, 0))
		return;
	tcp_count(e, resets_sent);
	draft_finish(e, &d, &c->way);
}

// Who sends segments of no connection without end uses up the resets of few others: each address,
// of IPv6 each /64, has one rate of many. The sum of them bounds what a flood with made-up sources
// can have sent, one short segment for each of its own.
static bool may_refuse(struct tcp_engine *e, const struct ip_address *source)
{
	return rate_take(&e->resets[source_hash(e, source) % RESET_SOURCES], e->now);
}

void segment_refuse(struct tcp_engine *e, const struct tcp_segment *s)
{
	struct draft d = {.key = key_reverse(&s->packet->key), .hop_limit = 64};

	if (s->flags & TCP_FLAG_RST)
		return;
	if (!may_refuse(e, &s->packet->key.source)) {
		tcp_count(e, resets_limited);
		return;
	}
	if (s->flags & TCP_FLAG_ACK) {
		d.sequence = s->acknowledgement;
		d.flags = TCP_FLAG_RST;
	} else {
		d.acknowledgement = s->sequence + s->length + ((s->flags & TCP_FLAG_SYN) != 0) +
				    ((s->flags & TCP_FLAG_FIN) != 0);
		d.flags = TCP_FLAG_RST | TCP_FLAG_ACK;
	}
	if (!draft_begin(e, &d, 0))
		return;
	tcp_count(e, resets_sent);
	draft_finish(e, &d, NULL);
}
