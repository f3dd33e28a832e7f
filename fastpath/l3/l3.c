// SPDX-License-Identifier: BSD-3-Clause
#include "l3/l3.h"

#include <netinet/in.h>

#include "l3/fragment.h"
#include "l3/state.h"
#include "pkt/checksum.h"
#include "pkt/icmp.h"

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	ICMP4_CODE_NET = 0,
	ICMP4_CODE_PROTOCOL = 2,
	ICMP_CODE_REASSEMBLY = 1,
	ICMP6_CODE_NO_ROUTE = 0,
	ICMP6_CODE_NEXT_HEADER = 1,
	IP6_NEXT_HEADER_AT = 6,
	// Half a second's worth may come at once, so that a short burst is answered whole.
	BURST_SHARE = 2,
};

static void init_rate(struct rate *r, uint32_t per_second)
{
	rate_init(r, per_second, per_second / BURST_SHARE);
}

static void neighbour_frame_out(void *context, uint16_t port, struct buffer *frame)
{
	struct l3 *l3 = context;

	l3->config.frame(l3->config.context, port, frame);
}

static void neighbour_resolved(void *context, uint32_t neighbour, struct buffer *buffer)
{
	struct l3 *l3 = context;

	l3->config.resolved(l3->config.context, neighbour, buffer);
}

static void neighbour_unreachable(
	void *context, uint16_t netif, uint16_t l3_offset, struct buffer *buffer)
{
	struct l3 *l3 = context;

	l3_host_unreachable(l3, netif, l3_offset, buffer);
	l3->config.buffers->put(l3->config.buffers, buffer);
}

static void announce_event(void *context, const struct worker_event *event)
{
	struct l3 *l3 = context;

	l3->config.event(l3->config.context, event);
}

// A first fragment whose others did not come (RFC 1122 section 3.3.2, RFC 8200 section 4.5).
static void fragment_expired(
	void *context, uint16_t netif, uint16_t l3_offset, struct buffer *frame)
{
	struct l3 *l3 = context;
	const uint8_t *ip = buffer_data(frame) + l3_offset;
	bool v6 = ip[0] >> 4 == 6;
	struct packet packet = {.buffer = frame,
		.data = buffer_data(frame),
		.length = frame->total_length,
		.l3 = l3_offset,
		.netif = netif,
		.kind = PACKET_FRAGMENT,
		.flags = (uint16_t)((v6 ? PACKET_IS_V6 : 0) |
				    (buffer_data(frame)[0] & 1 ? PACKET_L2_MULTICAST : 0))};
	struct l3_error error = {.type = v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED,
		.code = ICMP_CODE_REASSEMBLY};

	if (v6) {
		packet.key.source = ip_address_from_bytes(ip + 8);
		packet.key.destination = ip_address_from_bytes(ip + 24);
	} else {
		packet.key.source = ip_address_from_v4(be32_load(ip + 12));
		packet.key.destination = ip_address_from_v4(be32_load(ip + 16));
	}
	(void)l3_error(l3, l3->snapshot, &packet, &error, &l3->errors, l3->now);
	l3->config.buffers->put(l3->config.buffers, frame);
}

static int create_parts(struct l3 *l3, const struct l3_config *config)
{
	struct neighbour_owner_config neighbours = {.table = config->neighbours,
		.stats = config->stats,
		.buffers = config->buffers,
		.ports = config->ports,
		.context = l3,
		.frame = neighbour_frame_out,
		.resolved = neighbour_resolved,
		.unreachable = neighbour_unreachable};
	struct reassembly_config reassembly = {.seed = config->seed,
		.buffers = config->reassembly_buffers,
		.stats = config->stats,
		.source = config->buffers,
		.context = l3,
		.expired = fragment_expired};
	int rc = neighbour_owner_create(&neighbours, &l3->neighbours);

	if (rc != 0)
		return rc;
	rc = reassembly_create(&reassembly, &l3->reassembly);
	if (rc != 0)
		goto fail_neighbours;
	l3->announcer.ports = config->ports;
	l3->announcer.buffers = config->buffers;
	l3->announcer.stats = config->stats;
	l3->announcer.context = l3;
	l3->announcer.frame = neighbour_frame_out;
	l3->announcer.event = announce_event;
	rc = announcer_init(&l3->announcer);
	if (rc != 0)
		goto fail_reassembly;
	rc = mld_init(&l3->mld, config->seed + config->worker);
	if (rc != 0)
		goto fail_announcer;
	return 0;

fail_announcer:
	announcer_fini(&l3->announcer);
fail_reassembly:
	reassembly_destroy(l3->reassembly);
fail_neighbours:
	neighbour_owner_destroy(l3->neighbours);
	return rc;
}

int l3_create(const struct l3_config *config, struct l3 **out)
{
	struct memory memory;
	int rc = memory_map(sizeof(struct l3), false, &memory);

	if (rc != 0)
		return rc;
	struct l3 *l3 = memory.base;

	l3->memory = memory;
	l3->config = *config;
	l3_identifications_init(l3, config->seed, config->worker);
	init_rate(&l3->errors, L3_ERRORS_PER_SECOND);
	init_rate(&l3->echoes, L3_ECHO_PER_SECOND);
	init_rate(&l3->resets, L3_RESETS_PER_SECOND);
	for (unsigned int i = 0; i < L3_REFUSAL_SHARES; i++)
		init_rate(&l3->refusals[i], L3_REFUSALS_PER_SECOND);
	init_rate(&l3->unreachables, L3_UNREACHABLES_PER_SECOND);
	for (unsigned int port = 0; port < MAX_PORTS; port++)
		init_rate(&l3->neighbour_answers[port], L3_NEIGHBOUR_ANSWERS_PER_SECOND);
	rc = create_parts(l3, config);
	if (rc != 0) {
		memory_unmap(&memory);
		return rc;
	}
	*out = l3;
	return 0;
}

void l3_destroy(struct l3 *l3)
{
	struct memory memory = l3->memory;

	mld_fini(&l3->mld);
	announcer_fini(&l3->announcer);
	reassembly_destroy(l3->reassembly);
	neighbour_owner_destroy(l3->neighbours);
	memory_unmap(&memory);
}

void l3_put(struct l3 *l3, struct packet *packet)
{
	l3->config.buffers->put(l3->config.buffers, packet->buffer);
	packet->buffer = NULL;
}

void l3_drop(struct l3 *l3, struct packet *packet, enum drop_reason reason)
{
	packet->reason = (uint8_t)reason;
	stats_drop(l3->config.stats, reason);
	l3_put(l3, packet);
}

bool l3_is_own_on(const struct l3 *l3, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address)
{
	const struct snapshot_address *own = snapshot_address_find(snapshot, address);
	struct link_identity link;

	if (own)
		return own->netif == netif;
	if (!ip_address_is_link_local6(address) ||
		!link_identity_of(snapshot, &l3->config.ports, netif, &link))
		return false;
	struct ip_address local = nd_link_local(&link.mac);

	return ip_address_equal(&local, address);
}

bool l3_is_own(const struct l3 *l3, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address)
{
	return snapshot_address_find(snapshot, address) ||
	       l3_is_own_on(l3, snapshot, netif, address);
}

static uint32_t ip4_header(uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, uint32_t payload_bytes,
	uint32_t identification)
{
	memset(out, 0, IP4_BYTES);
	out[0] = 0x45;
	be16_store(out + 2, be16_from_host((uint16_t)(IP4_BYTES + payload_bytes)));
	be16_store(out + 4, be16_from_host((uint16_t)identification));
	out[8] = L3_HOP_LIMIT;
	out[9] = protocol;
	be32_store(out + 12, source->words[3]);
	be32_store(out + 16, destination->words[3]);
	be16_store(out + 10, checksum_finish(checksum_bytes(out, IP4_BYTES, 0)));
	return IP4_BYTES;
}

// IPv4 packets made here carry no DF: what is on their way may cut them, and each gets an
// identification of its own.
uint32_t l3_ip_header(struct l3 *l3, uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, uint32_t payload_bytes)
{
	if (ip_address_is_v4(source))
		return ip4_header(out, source, destination, protocol, payload_bytes,
			l3_identification(l3, source, destination));
	memset(out, 0, IP6_BYTES);
	out[0] = 0x60;
	be16_store(out + 4, be16_from_host((uint16_t)payload_bytes));
	out[6] = protocol;
	out[7] = L3_HOP_LIMIT;
	memcpy(out + 8, source->bytes, 16);
	memcpy(out + 24, destination->bytes, 16);
	return IP6_BYTES;
}

// The way back is the station that the packet came from: no route and no neighbour is needed, so
// strangers cannot fill tables with the answers they provoke.
struct buffer *l3_answer(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *packet, const struct ip_address *source, uint8_t protocol,
	uint32_t bytes, uint8_t **payload, uint16_t *port)
{
	struct buffer_source *buffers = l3->config.buffers;
	bool v6 = packet->flags & PACKET_IS_V6;
	struct link_identity link;
	struct mac_address to;

	if (!link_identity_of(snapshot, &l3->config.ports, packet->netif, &link))
		return NULL;
	struct buffer *b = buffers->get(buffers, LINK_HEADER_MAX + IP6_BYTES + bytes);

	if (!b) {
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
		return NULL;
	}
	uint8_t *out = buffer_data(b);

	memcpy(to.bytes, packet->data + 6, 6);
	uint32_t at = link_header_write(out, &link, &to, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);

	at += l3_ip_header(l3, out + at, source, &packet->key.source, protocol, bytes);
	b->length = (uint16_t)(at + bytes);
	b->total_length = b->length;
	*payload = out + at;
	*port = link.port;
	return b;
}

static void icmp_input(struct l3 *l3, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	bool v6 = p->flags & PACKET_IS_V6;

	if (p->icmp_type == (v6 ? ICMP6_ECHO : ICMP4_ECHO))
		l3_echo(l3, snapshot, p, now);
	else
		l3_drop(l3, p,
			icmp_type_is_error(v6, p->icmp_type) ? DROP_ICMP_NO_SESSION
							     : DROP_ICMP_IGNORED);
}

static void fragment_input(struct l3 *l3, struct packet *p, usec_t now)
{
	uint16_t largest;
	struct buffer *frame = reassembly_input(l3->reassembly, p, now, &largest);

	if (frame)
		l3->config.again(l3->config.context, frame, largest);
}

static void unknown_protocol(
	struct l3 *l3, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	struct l3_error error = {.type = ICMP4_UNREACHABLE, .code = ICMP4_CODE_PROTOCOL};

	if (p->flags & PACKET_IS_V6)
		error = (struct l3_error){.type = ICMP6_PARAMETER_PROBLEM,
			.code = ICMP6_CODE_NEXT_HEADER,
			.word = IP6_NEXT_HEADER_AT};
	// The offending field of a packet with extension headers lies elsewhere: no answer.
	if (!((p->flags & PACKET_IS_V6) && (p->flags & PACKET_IP_OPTIONS)))
		(void)l3_error(l3, snapshot, p, &error, &l3->errors, now);
	l3_drop(l3, p, DROP_IP_UNKNOWN_PROTOCOL);
}

static bool is_nd(const struct packet *p)
{
	return p->kind == PACKET_ICMP6 && (p->icmp_type == ICMP6_NEIGHBOUR_SOLICITATION ||
						  p->icmp_type == ICMP6_NEIGHBOUR_ADVERTISEMENT);
}

static void own_input(struct l3 *l3, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	switch (p->kind) {
	case PACKET_ICMP4:
	case PACKET_ICMP6:
		icmp_input(l3, snapshot, p, now);
		break;
	case PACKET_TCP:
	case PACKET_UDP:
		l3_no_listener(l3, snapshot, p, now);
		break;
	case PACKET_FRAGMENT:
		fragment_input(l3, p, now);
		break;
	default:
		unknown_protocol(l3, snapshot, p, now);
		break;
	}
}

static bool is_to_many(const struct packet *p)
{
	return ip_address_is_multicast(&p->key.destination) ||
	       (!(p->flags & PACKET_IS_V6) && p->key.destination.words[3] == UINT32_MAX);
}

static void note(struct l3 *l3, const struct snapshot *snapshot, usec_t now)
{
	l3->snapshot = snapshot;
	l3->now = now;
}

void l3_input(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	note(l3, snapshot, now);
	if (packet->kind == PACKET_ARP)
		l3_arp(l3, snapshot, packet, now);
	else if (is_nd(packet))
		l3_nd(l3, snapshot, packet, now);
	else if (packet->kind == PACKET_ICMP6 && packet->icmp_type == MLD_QUERY)
		l3_mld_query(l3, snapshot, packet, now);
	else if (is_to_many(packet))
		l3_drop(l3, packet, DROP_MULTICAST_IGNORED);
	else if (!l3_is_own(l3, snapshot, packet->netif, &packet->key.destination))
		l3_drop(l3, packet,
			packet->flags & PACKET_L2_MULTICAST ? DROP_MULTICAST_IGNORED
							    : DROP_IP_NOT_OURS);
	else
		own_input(l3, snapshot, packet, now);
}

struct refusal {
	struct l3_error v4;
	struct l3_error v6;
	enum drop_reason reason;
};

static const struct refusal refusals[] = {
	[L3_REFUSE_TOO_BIG] = {{ICMP4_UNREACHABLE, ICMP4_CODE_TOO_BIG, 0}, {ICMP6_TOO_BIG, 0, 0},
		DROP_IP_TOO_BIG},
	[L3_REFUSE_HOP_LIMIT] = {{ICMP4_TIME_EXCEEDED, 0, 0}, {ICMP6_TIME_EXCEEDED, 0, 0},
		DROP_IP_HOP_LIMIT},
	[L3_REFUSE_NO_ROUTE] = {{ICMP4_UNREACHABLE, ICMP4_CODE_NET, 0},
		{ICMP6_UNREACHABLE, ICMP6_CODE_NO_ROUTE, 0}, DROP_IP_NO_ROUTE},
	[L3_REFUSE_ADMIN] = {{ICMP4_UNREACHABLE, ICMP4_CODE_ADMIN, 0},
		{ICMP6_UNREACHABLE, ICMP6_CODE_ADMIN, 0}, DROP_IP_NOT_OURS},
};

void l3_refuse(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet,
	enum l3_refusal refusal, uint32_t mtu, usec_t now)
{
	const struct refusal *r = &refusals[refusal];
	struct l3_error error = packet->flags & PACKET_IS_V6 ? r->v6 : r->v4;

	note(l3, snapshot, now);
	if (refusal == L3_REFUSE_TOO_BIG)
		error.word = mtu;
	bool is_answered =
		l3_error(l3, snapshot, packet, &error, &l3->errors, now) != L3_ERROR_ABOVE_RATE;

	l3_drop(l3, packet, is_answered ? r->reason : DROP_ICMP_RATE);
}

void l3_wait(struct l3 *l3, const struct snapshot *snapshot, uint16_t netif, uint32_t neighbour,
	uint16_t l3_offset, struct buffer *buffer, usec_t now)
{
	note(l3, snapshot, now);
	neighbour_owner_wait(l3->neighbours, snapshot, netif, neighbour, l3_offset, buffer, now);
}

void l3_port_up(struct l3 *l3, const struct snapshot *snapshot, uint16_t port, usec_t now)
{
	note(l3, snapshot, now);
	neighbour_owner_port_up(l3->neighbours, snapshot, port, now);
	announcer_port_up(&l3->announcer, snapshot, port, now);
}

uint32_t l3_tick(struct l3 *l3, const struct snapshot *snapshot, usec_t now)
{
	if (!snapshot)
		return 0;
	note(l3, snapshot, now);
	return announcer_tick(&l3->announcer, snapshot, now) + l3_mld_tick(l3, snapshot, now) +
	       neighbour_owner_tick(l3->neighbours, snapshot, now) +
	       reassembly_tick(l3->reassembly, now);
}

usec_t l3_next(const struct l3 *l3)
{
	return u64_min(u64_min(l3->announcer.earliest, l3->mld.earliest),
		u64_min(neighbour_owner_next(l3->neighbours), reassembly_next(l3->reassembly)));
}

bool l3_pool(const struct l3 *l3, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water)
{
	switch (index) {
	case 0:
		*name = "neighbour-waiting";
		*used = neighbour_owner_waiting(l3->neighbours);
		*high_water = neighbour_owner_waiting_most(l3->neighbours);
		*capacity = NEIGHBOUR_WAITING_TOTAL;
		return true;
	case 1:
		*name = "fragment-buffers";
		*used = reassembly_buffers(l3->reassembly);
		*high_water = reassembly_buffers_most(l3->reassembly);
		*capacity = l3->config.reassembly_buffers;
		return true;
	default:
		return false;
	}
}
