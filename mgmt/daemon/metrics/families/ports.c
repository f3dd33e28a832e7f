// SPDX-License-Identifier: BSD-3-Clause

// Ports, as workers and as their devices count, and their emulated links.

#include "daemon/metrics/families/families.h"
#include "shape/link.h"

static uint16_t ports(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_port_count(daemon->node) : 0;
}

// A counter of each port, summed over the workers.
#define PORT_FAMILY(field)                                                                         \
	static void port_##field(struct metrics_output *out, const struct daemon *daemon)          \
	{                                                                                          \
		for (uint16_t p = 0; p < ports(daemon); p++) {                                     \
			struct port_stats_sum sum;                                                 \
                                                                                                   \
			port_stats_sum(daemon->node, p, &sum);                                     \
			metrics_series(out, (double)sum.field, port_name(daemon, p));              \
		}                                                                                  \
	}
PORT_FAMILY(receive_packets)
PORT_FAMILY(receive_bytes)
PORT_FAMILY(transmit_packets)
PORT_FAMILY(transmit_bytes)
PORT_FAMILY(transmit_dropped)

static void port_up(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint16_t p = 0; p < ports(daemon); p++)
		metrics_series(out, shared_word_load(&node_port(daemon->node, p)->up) != 0,
			port_name(daemon, p));
}

// A counter that the port itself keeps.
#define DEVICE_FAMILY(field)                                                                       \
	static void port_##field(struct metrics_output *out, const struct daemon *daemon)          \
	{                                                                                          \
		for (uint16_t p = 0; p < ports(daemon); p++)                                       \
			metrics_series(out,                                                        \
				(double)counter_read(&node_port(daemon->node, p)->field),          \
				port_name(daemon, p));                                             \
	}
DEVICE_FAMILY(oversized)
DEVICE_FAMILY(missed)
DEVICE_FAMILY(starved)
DEVICE_FAMILY(malformed)
DEVICE_FAMILY(refused)

static void port_emulated(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint16_t p = 0; p < ports(daemon); p++) {
		const struct shape_counters *c = node_emulation_counters(daemon->node, p);

		if (c == NULL)
			continue;
#define X(name, help)                                                                              \
	metrics_series(out, (double)counter_read(&c->name), port_name(daemon, p), #name);
		SHAPE_COUNTERS(X)
#undef X
	}
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_port_receive_packets_total", LABEL("port"), "frames received",
		port_receive_packets),
	COUNTER("nexpath_port_receive_bytes_total", LABEL("port"), "bytes received",
		port_receive_bytes),
	COUNTER("nexpath_port_transmit_packets_total", LABEL("port"), "frames sent",
		port_transmit_packets),
	COUNTER("nexpath_port_transmit_bytes_total", LABEL("port"), "bytes sent",
		port_transmit_bytes),
	COUNTER("nexpath_port_transmit_dropped_total", LABEL("port"),
		"frames that the port did not take", port_transmit_dropped),
	COUNTER("nexpath_port_oversized_total", LABEL("port"), "frames larger than the port takes",
		port_oversized),
	COUNTER("nexpath_port_missed_total", LABEL("port"),
		"frames that the device dropped before they were read", port_missed),
	COUNTER("nexpath_port_starved_total", LABEL("port"),
		"receive calls without a packet buffer; what that loses is in missed",
		port_starved),
	COUNTER("nexpath_port_malformed_total", LABEL("port"),
		"frames whose offload description makes no sense", port_malformed),
	COUNTER("nexpath_port_refused_total", LABEL("port"),
		"frames taken by the port that its device then refused to send", port_refused),
	COUNTER("nexpath_port_emulated_total", LABELS("port", "what"),
		"frames of the port's emulated link by what became of them, and sent_bytes",
		port_emulated),
	STATE("nexpath_port_up", LABEL("port"), "1 while the link is up", port_up),
};
const struct metrics_families metrics_ports_families = {FAMILIES, nx_array_size(FAMILIES)};
