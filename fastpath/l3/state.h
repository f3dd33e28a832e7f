// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of this folder share: the state behind struct l3, and what each of them offers the
// others. Private to l3/.

#include "core/rate.h"
#include "l3/announce.h"
#include "l3/l3.h"
#include "l3/mld.h"
#include "l3/reassembly.h"

enum {
	L3_IDENTIFICATIONS = 1024, // counters
	L3_REFUSAL_SHARES = 256,   // each for the sources that hash to it
};

struct l3 {
	struct l3_config config;
	struct memory memory;            // that this lies in
	const struct snapshot *snapshot; // of the call under way: for callbacks of the neighbours
	usec_t now;
	struct neighbour_owner *neighbours;
	struct announcer announcer;
	struct mld mld;
	struct reassembly *reassembly;
	struct rate errors;
	struct rate echoes;
	struct rate resets;
	struct rate refusals[L3_REFUSAL_SHARES];
	struct rate unreachables;
	struct rate neighbour_answers[MAX_PORTS]; // ARP and neighbour discovery
	uint64_t identification_keys[2];
	uint32_t identifications[L3_IDENTIFICATIONS];
};

// Gives a packet back and counts why.
void l3_drop(struct l3 *l3, struct packet *packet, enum drop_reason reason);
// Gives a packet that was answered back; reason NONE is not counted.
void l3_put(struct l3 *l3, struct packet *packet);

// Whether an address is ours on this netif: configured there, or its link-local.
bool l3_is_own_on(const struct l3 *l3, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address);
// Whether an address is ours at all.
bool l3_is_own(const struct l3 *l3, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address);

// ARP and neighbour discovery (resolve.c). Both take packet->buffer.
void l3_arp(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);
void l3_nd(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);

// Queries of multicast listener discovery (mld.c). Takes packet->buffer.
void l3_mld_query(
	struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);
// Answers that are due; returns how many.
uint32_t l3_mld_tick(struct l3 *l3, const struct snapshot *snapshot, usec_t now);

// Whether a packet may be answered with an error or a reset: by nothing that went to many, came
// from nobody, or is an error itself (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)).
bool l3_may_answer(
	const struct l3 *l3, const struct snapshot *snapshot, const struct packet *packet);

// A fresh packet of `bytes` after the IP header, on the way back to where packet came from: link
// and IP header written (checksum too), the rest for the caller, at *payload. NULL when no buffer
// or no interface is left (counted). *port: where to send it.
struct buffer *l3_answer(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *packet, const struct ip_address *source, uint8_t protocol,
	uint32_t bytes, uint8_t **payload, uint16_t *port);

// The identification of the next packet or datagram cut here between two addresses
// (identification.c); IPv4 takes the low 16 bits.
uint32_t l3_identification(
	struct l3 *l3, const struct ip_address *source, const struct ip_address *destination);
// Of an address, of IPv6 its /64: nobody outside can choose what collides.
uint32_t l3_source_hash(const struct l3 *l3, const struct ip_address *source);
void l3_identifications_init(struct l3 *l3, uint64_t seed, uint8_t worker);

// Writes an IP header without options: 20 or 40 bytes by family; returns how many.
uint32_t l3_ip_header(struct l3 *l3, uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, uint32_t payload_bytes);

// An ICMP error (icmp_error.c): word is the second 32-bit word of the message, in host order.
struct l3_error {
	uint8_t type;
	uint8_t code;
	uint32_t word;
};
enum l3_error_fate {
	L3_ERROR_SENT = 0,
	L3_ERROR_NOT_SENT,   // the packet may not be answered, or nothing is there to answer with
	L3_ERROR_ABOVE_RATE, // the rate did not allow it
};
// Sends an error about a packet if it may be answered and `rate` allows. Borrows the packet.
enum l3_error_fate l3_error(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *packet, const struct l3_error *error, struct rate *rate, usec_t now);
// Host unreachable for a packet that waited in vain: it carries the addresses of a session's other
// side, so the error goes through the stages again. Borrows the buffer.
void l3_host_unreachable(
	struct l3 *l3, uint16_t netif, uint16_t l3_offset, const struct buffer *buffer);

// Echo requests (icmp_echo.c), TCP and UDP without listener (refuse.c). Take packet->buffer.
void l3_echo(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);
void l3_no_listener(
	struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);
