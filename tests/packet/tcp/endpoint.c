// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint.h"

#include <netinet/in.h>

enum {
	TIMERS_A_TURN = 1000,
	EVENTS_A_TURN = 16,
	CHUNK = 1000,
};

static void keep_sent(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct endpoint *e = context;
	struct packet parsed;
	struct segment s;
	uint32_t position;

	e->ways += *way == 0;
	*way = 1;
	segment_wrap(packet, !ip_address_is_v4(&key->source));
	if (!segment_parse(packet, &parsed)) {
		e->fault = "a packet that does not parse, or with a wrong checksum, was sent";
	} else {
		segment_read(&parsed, &s);
		if (s.flags & TCP_FLAG_SYN) {
			e->base = s.sequence;
			e->has_base = true;
		}
		position = s.sequence - e->base - 1;
		if (s.length > 0 && !segment_payload_is(&parsed, position))
			e->fault = "bytes were sent that nobody gave";
		if (segment_fault(&parsed, &s))
			e->fault = segment_fault(&parsed, &s);
		if (!flow_key_equal(&s.key, &e->key))
			e->fault = "a segment of other addresses or ports was sent";
		if (s.has_timestamps)
			e->last_ts = s.timestamp;
		if (e->sent_count == ENDPOINT_SENT_MOST)
			e->fault = "too many segments were sent";
		else
			e->sent[(e->sent_first + e->sent_count++) % ENDPOINT_SENT_MOST] =
				(struct endpoint_sent){s, e->now};
	}
	buffer_heap_put(&buffer_heap_source, packet);
}

static struct flow_key key_of(bool v6)
{
	struct flow_key key = {.protocol = IPPROTO_TCP,
		.source_port = be16_from_host(80),
		.destination_port = be16_from_host(40000)};

	nx_bug_on(!ip_address_parse(v6 ? "fd00::2" : "10.0.0.2", &key.source));
	nx_bug_on(!ip_address_parse(v6 ? "fd00::1" : "10.0.0.1", &key.destination));
	return key;
}

struct endpoint *endpoint_create(const struct tcp_profile *profile, bool v6)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	struct tcp_engine_config config = {
		.connections = 64,
		.secret = "dialogue",
		.buffers = &buffer_heap_source,
		.context = e,
		.transmit = keep_sent,
		.now = 1000 * USEC_PER_SECOND,
	};

	if (!e)
		return NULL;
	e->now = config.now;
	e->key = key_of(v6);
	e->connection = TCP_NONE;
	if (tcp_engine_create(&config, &e->engine) != 0) {
		free(e);
		return NULL;
	}
	tcp_profile_set(e->engine, 0, profile);
	return e;
}

uint32_t endpoint_destroy(struct endpoint *e)
{
	uint32_t left = tcp_engine_destroy(e->engine);

	free(e);
	return left;
}

void endpoint_turn(struct endpoint *e)
{
	struct tcp_event events[EVENTS_A_TURN];
	uint32_t n;

	tcp_timers_run(e->engine, e->now, TIMERS_A_TURN);
	while ((n = tcp_events_take(e->engine, events, EVENTS_A_TURN)) > 0)
		for (uint32_t i = 0; i < n; i++) {
			e->connection = events[i].connection;
			e->events |= events[i].events;
			if (events[i].events & (TCP_EVENT_FAILED | TCP_EVENT_TROUBLE))
				e->error = events[i].error;
		}
	if (!tcp_flush(e->engine, e->now))
		e->fault = "the engine ran out of buffers";
}

void endpoint_pass(struct endpoint *e, usec_t until, bool stop_at_sent)
{
	for (;;) {
		usec_t next = tcp_timers_next(e->engine);

		if (next > until || (stop_at_sent && e->sent_count > 0))
			break;
		e->now = next > e->now ? next : e->now + 1;
		endpoint_turn(e);
	}
	if (stop_at_sent && e->sent_count > 0)
		return;
	e->now = until;
	endpoint_turn(e);
}

void endpoint_input(struct endpoint *e, struct segment *s)
{
	struct packet packet;
	struct buffer *frame;

	s->key = (struct flow_key){
		.source = e->key.destination,
		.destination = e->key.source,
		.source_port = e->key.destination_port,
		.destination_port = e->key.source_port,
		.protocol = e->key.protocol,
	};
	frame = segment_write(s);
	nx_bug_on(!segment_parse(frame, &packet));
	tcp_segment_input(e->engine, &packet, e->now);
}

bool endpoint_icmp(struct endpoint *e, const char *name, uint32_t sequence, uint32_t mtu)
{
	// Where IPv6 has no such error: one of the type for experiments (RFC 4443 2.1).
	static const struct {
		const char *name;
		uint8_t v4[2]; // type and code
		uint8_t v6[2];
	} errors[] = {
		{"net-unreachable", {ICMP4_UNREACHABLE, 0}, {ICMP6_UNREACHABLE, 0}},
		{"host-unreachable", {ICMP4_UNREACHABLE, 1}, {ICMP6_UNREACHABLE, 3}},
		{"protocol-unreachable", {ICMP4_UNREACHABLE, 2}, {ICMP6_PARAMETER_PROBLEM, 1}},
		{"port-unreachable", {ICMP4_UNREACHABLE, 3}, {ICMP6_UNREACHABLE, 4}},
		{"too-big", {ICMP4_UNREACHABLE, 4}, {ICMP6_TOO_BIG, 0}},
		{"route-failed", {ICMP4_UNREACHABLE, 5}, {ICMP6_UNREACHABLE, 2}},
		{"source-quench", {ICMP4_SOURCE_QUENCH, 0}, {100, 0}},
		{"time-exceeded", {ICMP4_TIME_EXCEEDED, 0}, {ICMP6_TIME_EXCEEDED, 0}},
		{"parameter-problem", {ICMP4_PARAMETER_PROBLEM, 0}, {ICMP6_PARAMETER_PROBLEM, 0}},
	};
	struct icmp_quote quote = {.key = e->key, .tcp_sequence = sequence, .next_hop_mtu = mtu};

	for (size_t i = 0; i < nx_array_size(errors); i++) {
		const uint8_t *error =
			ip_address_is_v4(&e->key.source) ? errors[i].v4 : errors[i].v6;

		if (strcmp(errors[i].name, name) != 0)
			continue;
		quote.type = error[0];
		quote.code = error[1];
		quote.is_too_big = strcmp(name, "too-big") == 0;
		tcp_icmp_error(e->engine, &quote, e->now);
		endpoint_turn(e);
		return true;
	}
	return false;
}

int endpoint_send(struct endpoint *e, uint32_t bytes)
{
	int status = 0;

	while (bytes > 0 && status == 0) {
		uint32_t n = u32_min(bytes, CHUNK);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		for (uint32_t i = 0; i < n; i++)
			buffer_data(b)[i] = segment_pattern(e->given + i);
		b->length = (uint16_t)n;
		b->total_length = n;
		e->given += n;
		bytes -= n;
		status = tcp_send(
			e->engine, e->connection, b, bytes > 0 ? TCP_SEND_MORE : 0, e->now);
	}
	endpoint_turn(e);
	return status;
}

static uint32_t take(struct endpoint *e, uint32_t most)
{
	uint64_t before = e->taken;
	struct buffer *chain = tcp_receive(e->engine, e->connection, most, e->now);

	for (const struct buffer *b = chain; b; b = b->next)
		for (uint32_t i = 0; i < b->length; i++)
			if (buffer_data(b)[i] != segment_pattern(e->taken++))
				e->fault = "bytes were received that the peer did not send";
	if (chain)
		buffer_heap_put(&buffer_heap_source, chain);
	return (uint32_t)(e->taken - before);
}

uint32_t endpoint_take(struct endpoint *e, uint32_t bytes)
{
	uint32_t taken = take(e, bytes);

	endpoint_turn(e);
	return taken;
}

uint32_t endpoint_receive(struct endpoint *e)
{
	uint32_t taken = 0;
	uint32_t more;

	while ((more = take(e, UINT32_MAX)) > 0)
		taken += more;
	endpoint_turn(e);
	return taken;
}
