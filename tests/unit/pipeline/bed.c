// SPDX-License-Identifier: BSD-3-Clause
#include "bed.h"

#include <netinet/in.h>

#include "io/ring.h"
#include "pkt/checksum.h"

static uint8_t seen_bytes[FRAME_BYTES_MAX];

static const char *or_nothing(const char *text)
{
	return text ? text : "";
}

const char *bed_text(const struct bed *bed)
{
	static char text[4096];
	uint16_t queues = bed->queues ? bed->queues : 1;

	snprintf(text, sizeof(text),
		"workers = { cpus = \"%s\"; memory_mb = 64; sessions = 4096; };\n"
		"ports = ( { name = \"lan\"; device = \"ring\"; queues = %u; %s\n"
		"            address = [\"10.1.0.2/24\", \"fd00:1::2/64\"]; },\n"
		"          { name = \"wan\"; device = \"ring\"; queues = %u; %s\n"
		"            address = [\"10.2.0.2/24\", \"fd00:2::2/64\"]; } );\n"
		"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\", \"[fd00:2::1]:80\"]; },\n"
		"              { name = \"dns\"; targets = [\"10.2.0.1:53\", \"[fd00:2::1]:53\"]; } );\n"
		"listeners = ( { name = \"web-in\"; protocol = \"tcp\"; listen = \"*:%d\";\n"
		"                upstream = \"web\"; },\n"
		"              { name = \"dns-in\"; protocol = \"udp\"; listen = \"*:%d\";\n"
		"                upstream = \"dns\"; }%s );\n",
		bed->cpus, queues, or_nothing(bed->lan), queues, or_nothing(bed->wan), LISTENER_TCP,
		LISTENER_UDP, or_nothing(bed->listeners));
	return text;
}

void bed_create(struct rig *rig, const struct bed *bed)
{
	if (rig_create_with(rig, bed_text(bed), &bed->options) != 0)
		fail_msg("%s", rig->error);
}

void bed_destroy(struct rig *rig)
{
	if (rig_destroy(rig) != 0)
		fail_msg("%s", rig->error);
}

struct ip_address bed_address(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

uint64_t bed_wrong_worker(struct rig *rig)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node_worker_count(rig->node); i++)
		sum += counter_read(&node_worker_stats(rig->node, i)->wrong_worker);
	return sum;
}

uint64_t bed_handed_over(struct rig *rig)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node_worker_count(rig->node); i++)
		sum += counter_read(&node_worker_stats(rig->node, i)->handover_packets);
	return sum;
}

void bed_assert_no_drops_but(struct rig *rig, enum drop_reason but)
{
	for (int reason = DROP_NONE + 1; reason < DROP_COUNT; reason++) {
		if (reason != (int)but && rig_drops(rig, reason) != 0)
			fail_msg("%s: %lu", drop_reason_name(reason),
				(unsigned long)rig_drops(rig, reason));
	}
}

uint32_t bed_expect(struct rig *rig, uint16_t port, struct packet *out, uint8_t **bytes)
{
	uint32_t length = rig_receive(rig, port, seen_bytes);

	assert_int_not_equal(length, 0);
	assert_true(frame_read(seen_bytes, length, out));
	if (bytes)
		*bytes = seen_bytes;
	return length;
}

void bed_expect_nothing(struct rig *rig, uint16_t port)
{
	assert_int_equal(rig_receive(rig, port, seen_bytes), 0);
}

struct frame bed_datagram(const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
	return (struct frame){
		.key = {.source = bed_address(from),
			.destination = bed_address(to),
			.source_port = be16_from_host(from_port),
			.destination_port = be16_from_host(to_port),
			.protocol = IPPROTO_UDP},
		.payload = 64,
	};
}

void bed_put_partial(struct rig *rig, struct frame *f, uint16_t segment_size)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	struct packet p;
	uint32_t length;

	f->source_mac = rig_station_mac(LAN);
	f->destination_mac = rig_port_mac(rig, LAN);
	length = frame_write(f, bytes);
	assert_true(frame_read(bytes, length, &p));
	uint64_t sum =
		checksum_pseudo(&p.key.source, &p.key.destination, f->key.protocol, length - p.l4);

	be16_store(bytes + p.l4 + (p.kind == PACKET_TCP ? 16 : 6), (be16)~checksum_finish(sum));
	struct buffer *b = frame_buffer(rig->buffers, bytes, length);

	assert_non_null(b);
	b->offload = BUFFER_RX_CHECKSUM_PARTIAL | (segment_size ? BUFFER_RX_LRO : 0);
	b->transmit = buffer_transmit_word(
		p.l3, (uint32_t)p.l4 - p.l3, (uint32_t)p.payload - p.l4, segment_size);
	assert_int_equal(ring_port_far_transmit(node_port(rig->node, LAN), 0, &b, 1), 1);
}

static struct flow_key reversed(const struct flow_key *key)
{
	return (struct flow_key){
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};
}

struct frame bed_answer(const struct packet *seen)
{
	return (struct frame){.key = reversed(&seen->key), .payload = 40};
}

void stream_put(struct rig *rig, struct stream *s, uint16_t port, uint8_t flags, uint32_t payload)
{
	bool from_client = port == LAN;
	uint32_t *next = from_client ? &s->client_next : &s->target_next;
	struct frame f = {
		.key = from_client ? s->client : reversed(&s->target),
		.tcp_flags = flags,
		.sequence = *next,
		.acknowledgement = from_client ? s->target_next : s->client_next,
		.window = 60000,
		.payload = payload,
	};

	assert_true(rig_send(rig, port, &f));
	*next += payload + !!(flags & TCP_FLAG_SYN) + !!(flags & TCP_FLAG_FIN);
	rig_settle(rig);
}

struct packet stream_send(
	struct rig *rig, struct stream *s, uint16_t port, uint8_t flags, uint32_t payload)
{
	uint32_t sequence = port == LAN ? s->client_next : s->target_next;
	struct packet seen;

	stream_put(rig, s, port, flags, payload);
	bed_expect(rig, port == LAN ? WAN : LAN, &seen, NULL);
	assert_int_equal(seen.kind, PACKET_TCP);
	assert_int_equal(be32_to_host(seen.tcp_sequence), sequence);
	assert_int_equal(seen.tcp_flags, flags);
	assert_int_equal(packet_payload_length(&seen), payload);
	return seen;
}

void stream_open(
	struct rig *rig, struct stream *s, const char *client, uint16_t port, const char *listener)
{
	struct packet seen;

	*s = (struct stream){.client_next = 1000u * port, .target_next = 77u * port};
	s->client = bed_datagram(client, port, listener, LISTENER_TCP).key;
	s->client.protocol = IPPROTO_TCP;
	seen = stream_send(rig, s, LAN, TCP_FLAG_SYN, 0);
	s->target = seen.key;
	assert_int_equal(be16_to_host(seen.key.destination_port), 80);
	seen = stream_send(rig, s, WAN, TCP_FLAG_SYN | TCP_FLAG_ACK, 0);
	assert_memory_equal(&seen.key.source, &s->client.destination, 16);
	assert_memory_equal(&seen.key.destination, &s->client.source, 16);
	assert_int_equal(seen.key.destination_port, s->client.source_port);
	stream_send(rig, s, LAN, TCP_FLAG_ACK, 0);
}
