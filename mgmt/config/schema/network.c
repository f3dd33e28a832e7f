// SPDX-License-Identifier: BSD-3-Clause
// Ports with their addresses, emulated links and VLANs, and routes.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"ports", .type = SCHEMA_GROUPS, .effect = EFFECT_RESTART, RANGE(0, MAX_PORTS),
		IN(config, ports), .size = sizeof(struct config_port),
		.sentence = "The interfaces that carry traffic. Adding one is live."},
	{"ports[].name", .type = SCHEMA_NAME, .effect = EFFECT_RESTART, RANGE(1, 32),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_port, name),
		.sentence = "Name of the port."},
	{"ports[].device", .type = SCHEMA_STRING, .effect = EFFECT_RESTART, RANGE(1, 255),
		.flags = SCHEMA_REQUIRED, IN(config_port, device),
		.sentence = "A PCI address, af_packet:IF, tap:IF, af_xdp:IF, memif:SOCKET, "
			    "pcap:IN[,OUT], null, ring, or vdev:ARGS for any other DPDK device."},
	{"ports[].address", .type = SCHEMA_PREFIXES, .effect = EFFECT_RESTART, RANGE(0, 256),
		IN(config_port, address),
		.sentence = "Own addresses, each with the length of its network."},
	{"ports[].gateway", .type = SCHEMA_ADDRESSES, .effect = EFFECT_RESTART, RANGE(0, 2),
		IN(config_port, gateway),
		.sentence = "Default gateways on this port, at most one of each family in all."},
	{"ports[].mtu", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES, .fallback = "1500",
		.effect = EFFECT_RESTART, RANGE(1280, 9600), IN(config_port, mtu),
		.sentence = "Largest IP datagram sent."},
	{"ports[].queues", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_RESTART,
		RANGE(1, MAX_QUEUES), IN(config_port, queues),
		.sentence = "Receive queues; more than one spreads a port over workers."},
	{"ports[].emulate", .type = SCHEMA_GROUP, .effect = EFFECT_LIVE, IN(config_port, emulate),
		.sentence =
			"A link that all frames pass on their way out of the port, whatever queue they use; "
			"for both directions both ports have one."},
	{"ports[].emulate.rate_bps", .type = SCHEMA_RATE, .unit = UNIT_BITS_PER_SECOND,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 1000000),
		IN(config_emulate, rate_bps),
		.sentence =
			"Bits a second, Ethernet headers included, preamble and checksum not; 0 "
			"for no limit."},
	{"ports[].emulate.queue_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES,
		.fallback = "1048576", .effect = EFFECT_LIVE, RANGE(0, 1u << 30),
		IN(config_emulate, queue_bytes),
		.sentence =
			"Bytes that may wait for the rate, the newest are dropped beyond; 0 for as "
			"many as memory holds."},
	{"ports[].emulate.mark_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES, .fallback = "0",
		.effect = EFFECT_LIVE, RANGE(0, 1u << 30), IN(config_emulate, mark_bytes),
		.sentence =
			"Bytes waiting from which ECN-capable packets are marked (RFC 3168); 0 for "
			"never."},
	{"ports[].emulate.delay_us", .type = SCHEMA_INTEGER, .unit = UNIT_MICROSECONDS,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 60000000),
		IN(config_emulate, delay_us), .sentence = "Time on the way."},
	{"ports[].emulate.jitter_us", .type = SCHEMA_INTEGER, .unit = UNIT_MICROSECONDS,
		.fallback = "0", .effect = EFFECT_LIVE, RANGE(0, 60000000),
		IN(config_emulate, jitter_us),
		.sentence = "How much the delay varies; frames keep their order."},
	{"ports[].emulate.jitter_kind", .type = SCHEMA_WORD, .words = "uniform|normal",
		.fallback = "uniform", .effect = EFFECT_LIVE, IN(config_emulate, jitter_kind),
		.sentence =
			"uniform: up to jitter_us more or less; normal: jitter_us is the standard "
			"deviation."},
	{"ports[].emulate.loss", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, loss),
		.sentence = "Share of frames that is lost."},
	{"ports[].emulate.loss_burst", .type = SCHEMA_INTEGER, .fallback = "1",
		.effect = EFFECT_LIVE, RANGE(1, 100000), IN(config_emulate, loss_burst),
		.sentence = "Mean number of frames lost in a row, the share remaining the same."},
	{"ports[].emulate.reorder", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, reorder),
		.sentence = "Share of frames that takes only a random part of delay_us, and so "
			    "overtakes."},
	{"ports[].emulate.duplicate", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, duplicate),
		.sentence = "Share of frames that arrives twice."},
	{"ports[].emulate.corrupt", .type = SCHEMA_SHARE, .unit = UNIT_SHARE, .fallback = "0",
		.effect = EFFECT_LIVE, IN(config_emulate, corrupt),
		.sentence = "Share of IP packets that arrives with one bit flipped."},
	{"ports[].emulate.seed", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_LIVE,
		RANGE(0, UINT32_MAX), IN(config_emulate, seed),
		.sentence =
			"Where chance begins: the same frames at the same times fare the same."},
	{"ports[].vlans", .type = SCHEMA_GROUPS, .effect = EFFECT_RESTART, RANGE(0, 1000),
		IN(config_port, vlans), .size = sizeof(struct config_vlan),
		.sentence = "Tagged networks on the port."},
	{"ports[].vlans[].id", .type = SCHEMA_INTEGER, .effect = EFFECT_RESTART, RANGE(1, 4094),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_vlan, id),
		.sentence = "VLAN id."},
	{"ports[].vlans[].address", .type = SCHEMA_PREFIXES, .effect = EFFECT_RESTART,
		RANGE(1, 256), .flags = SCHEMA_REQUIRED, IN(config_vlan, address),
		.sentence = "Own addresses in the VLAN."},
	{"ports[].vlans[].gateway", .type = SCHEMA_ADDRESSES, .effect = EFFECT_RESTART, RANGE(0, 2),
		IN(config_vlan, gateway), .sentence = "Default gateways in the VLAN."},

	{"routes", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS, RANGE(0, 2000),
		IN(config, routes), .size = sizeof(struct config_route),
		.sentence = "Networks behind other gateways than the default one."},
	{"routes[].to", .type = SCHEMA_PREFIX, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_route, to),
		.sentence = "The network."},
	{"routes[].via", .type = SCHEMA_ADDRESS, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_route, via),
		.sentence = "Its gateway, in a network of a port."},
};
const struct schema_rows schema_network_rows = {KEYS, nx_array_size(KEYS)};
