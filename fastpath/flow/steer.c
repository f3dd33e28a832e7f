// SPDX-License-Identifier: BSD-3-Clause
#include "core/buffer.h"
#include "flow/engine.h"
#include "flow/key.h"
#include "flow/port_pool.h"
#include "pkt/icmp.h"

static uint8_t endpoint_owner(
	const struct ip_address *address, be16 port, uint64_t seed, uint8_t worker_count)
{
	uint64_t hash = flow_endpoint_hash(address, port, seed);

	return (uint8_t)((hash * worker_count) >> 32);
}

static bool keeps_client(const struct snapshot *snapshot, const struct snapshot_listener *listener)
{
	return listener->upstream < snapshot->upstream_limit &&
	       snapshot->upstreams[listener->upstream] &&
	       snapshot->upstreams[listener->upstream]->source_client;
}

static uint8_t key_owner(const struct snapshot *snapshot, const struct flow_key *key, uint64_t seed,
	uint8_t worker_count, uint8_t self, bool hash_steered)
{
	uint16_t port = be16_to_host(key->destination_port);
	const struct snapshot_listener *listener;

	// To an address that is not ours: a target's reply to a client that kept its own.
	if (!snapshot_address_find(snapshot, &key->destination))
		return endpoint_owner(&key->destination, key->destination_port, seed, worker_count);
	listener = snapshot_listener_find_any(snapshot, key->protocol, &key->destination, port);
	if (!listener)
		return port >= PORT_FIRST ? port_worker(port, worker_count) : self;
	// A port that was lent as a source before a listener got it: what comes from a target still
	// belongs to the session that has the port. A target that calls the listener from its own
	// service's port is steered so too, alike for as long as it is a target
	// (docs/architecture.md, known limits).
	if (port >= PORT_FIRST && !keeps_client(snapshot, listener) &&
		snapshot_is_target(snapshot, &key->source, key->source_port))
		return port_worker(port, worker_count);
	// Where the port spreads clients itself, each stays where it came; but a reply to a
	// client's own address can be told by its hash alone.
	if (!hash_steered && !keeps_client(snapshot, listener))
		return self;
	return endpoint_owner(&key->source, key->source_port, seed, worker_count);
}

uint8_t flow_owner(const struct snapshot *snapshot, const struct packet *packet, uint64_t seed,
	uint8_t worker_count, uint8_t self, bool hash_steered)
{
	struct icmp_quote quote;
	struct flow_key arriving;
	uint32_t contiguous;

	if (worker_count == 1)
		return 0;
	if (packet->kind == PACKET_TCP || packet->kind == PACKET_UDP)
		return key_owner(snapshot, &packet->key, seed, worker_count, self, hash_steered);
	if (packet->kind != PACKET_ICMP4 && packet->kind != PACKET_ICMP6)
		return self;
	contiguous =
		(uint32_t)(buffer_data(packet->buffer) + packet->buffer->length - packet->data);
	if (icmp_error_parse(packet, contiguous, &quote) != ICMP_ERROR_PARSED)
		return self;
	arriving = (struct flow_key){
		.source = quote.key.destination,
		.destination = quote.key.source,
		.source_port = quote.key.destination_port,
		.destination_port = quote.key.source_port,
		.protocol = quote.key.protocol,
	};
	return key_owner(snapshot, &arriving, seed, worker_count, self, hash_steered);
}
