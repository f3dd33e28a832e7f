// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Own addresses on the ports of one worker: looked for duplicates when they appear (RFC 5227
// section 2.1, RFC 4862 section 5.4), announced (RFC 5227 section 2.3, RFC 4861 section 7.2.6), and
// defended (RFC 5227 section 2.4 (b)). An appliance keeps an address that its operator gave it: a
// conflict is an event and a defence, never a retreat. An address answers about a second after it
// appears. Worker thread only, but for _create and _destroy.

#include "core/event.h"
#include "core/memory.h"
#include "core/stats.h"
#include "io/neighbour/neighbour_frame.h"

enum {
	ANNOUNCE_PROBES = 3,
	ANNOUNCE_TIMES = 3
};
#define ANNOUNCE_PROBE_INTERVAL  (300 * USEC_PER_MILLISECOND)
#define ANNOUNCE_SOLICIT_WAIT    (1 * USEC_PER_SECOND)
#define ANNOUNCE_INTERVAL        (2 * USEC_PER_SECOND)
#define ANNOUNCE_DEFEND_INTERVAL (10 * USEC_PER_SECOND)

enum announce_state {
	ANNOUNCE_FREE = 0,
	ANNOUNCE_PROBING,
	ANNOUNCE_ANNOUNCING,
	ANNOUNCE_DONE
};

struct announced {
	struct ip_address address;
	uint16_t netif;
	uint8_t state;      // enum announce_state
	uint8_t sent;       // in this state
	uint32_t conflicts; // since the last event
	usec_t due;
	usec_t defended; // when; 0 = never
};

// Open addressed, rebuilt whole when a snapshot brings other addresses.
struct announce_table {
	struct memory memory;
	struct announced *entries;
	uint32_t mask;
	uint32_t count;
};

struct announcer {
	struct link_ports ports;
	struct buffer_source *buffers;
	struct worker_stats *stats;
	void *context;
	void (*frame)(void *context, uint16_t port, struct buffer *frame);
	void (*event)(void *context, const struct worker_event *event);
	uint64_t generation; // of the snapshot that the table was built for
	usec_t earliest;
	struct announce_table now;
	struct announce_table next;
};

// The caller has set ports, buffers, stats, context and the callbacks, and zeroed the rest.
[[nodiscard]] int announcer_init(struct announcer *a);
void announcer_fini(struct announcer *a);

// Whether an address is still being probed here: then it does not answer.
bool announcer_is_tentative(
	const struct announcer *a, uint16_t netif, const struct ip_address *address);

// Another station showed that it uses, or wants, our address.
void announcer_conflict(struct announcer *a, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address, const struct mac_address *other, usec_t now);

// Probes and announces the addresses of a port from the start.
void announcer_port_up(
	struct announcer *a, const struct snapshot *snapshot, uint16_t port, usec_t now);

uint32_t announcer_tick(struct announcer *a, const struct snapshot *snapshot, usec_t now);
