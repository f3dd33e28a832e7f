// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// struct packet: what the worker knows of one received packet while it moves through the stages.
// The descriptors live in a per-worker array that stays in the first-level cache; they never
// outlive the turn. What must wait (neighbour resolution, reassembly, hand-over) keeps the buffer
// alone and is parsed again when it comes back.

#include "pkt/address.h"

struct buffer;

// A flow as one direction shows it on the wire. Compared and hashed as five 64-bit words, so the
// padding is always zero.
struct flow_key {
	struct ip_address source;
	struct ip_address destination;
	be16 source_port;
	be16 destination_port;
	uint8_t protocol; // IPPROTO_TCP or IPPROTO_UDP
	uint8_t zero[3];
};
static_assert(sizeof(struct flow_key) == 40);

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

// The key of what answers.
static inline struct flow_key flow_key_reverse(const struct flow_key *key)
{
	return (struct flow_key){
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};
}

enum packet_kind {
	PACKET_NONE = 0, // not parsed, or refused by the parser
	PACKET_ARP,
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP4,
	PACKET_ICMP6,
	PACKET_FRAGMENT, // IPv4 fragment, or IPv6 with a fragment header: key has addresses only
	PACKET_IP_OTHER, // any other IP protocol
};

// Bits of packet.flags.
enum {
	PACKET_IS_V6 = 1u << 0,
	PACKET_L2_MULTICAST = 1u << 1,  // destination MAC has the group bit
	PACKET_CHECKSUM_GOOD = 1u << 2, // the port vouches for the TCP/UDP checksum
	// The TCP/UDP checksum field holds the (uncomplemented) pseudo-header sum only, and whoever
	// puts the packet on a wire completes it: VIRTIO_NET_HDR_F_NEEDS_CSUM.
	PACKET_CHECKSUM_PARTIAL = 1u << 3,
	PACKET_SEGMENTED =
		1u << 4, // a frame to be segmented at segment_size on transmit (TSO, USO)
	PACKET_IP_OPTIONS = 1u << 5, // IPv4 options or IPv6 extension headers before the transport
	PACKET_DONT_FRAGMENT = 1u << 6, // IPv4 DF, or IPv6
	PACKET_REASSEMBLED = 1u << 7,   // segment_size is the largest fragment's IP length received
};

enum {
	PACKET_NO_SESSION = UINT32_MAX,
	PACKET_NO_NEIGHBOUR = UINT32_MAX
};

// Invariant: all headers up to `payload` are contiguous in the first buffer, at data. Offsets count
// from data. l4 and payload are 0 where the kind has none. length is the frame from the first byte
// of the Ethernet header to the end of the IP datagram: Ethernet padding is cut by the parser. What
// is the same for all packets of a kind lies together: the parser writes it in a few wide stores.
struct packet {
	struct flow_key key;   // addresses for every IP packet; ports for TCP and UDP
	struct buffer *buffer; // owned by the stage that holds the packet
	uint8_t *data;         // first byte of the Ethernet header
	uint32_t length;       // bytes, at most 65,535 + 18
	uint16_t netif;        // ingress interface (snapshot index)
	uint16_t flags;        // PACKET_* bits above
	uint32_t hash;         // flow hash of key (flow/key.h)
	uint32_t session;      // session index, PACKET_NO_SESSION until looked up
	uint32_t neighbour;    // egress: neighbour table index
	uint16_t l3;           // offset of the IP header (14 or 18)
	uint16_t l4;           // offset of the transport header
	uint16_t egress;       // egress interface (snapshot index), set by who forwards
	uint16_t vlan;         // VLAN id on the wire, 0 = untagged
	uint8_t kind;          // enum packet_kind
	uint8_t direction;     // 0: from the client, 1: from the target
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t ip_protocol;   // last header's protocol number
	uint8_t reason;        // enum drop_reason once dropped
	uint16_t payload;      // offset of the first byte after the transport header
	uint8_t hop_limit;     // TTL or hop limit as received
	uint8_t tcp_flags;     // low eight flag bits
	uint16_t segment_size; // with PACKET_SEGMENTED: transport payload bytes a segment
	be32 tcp_sequence;
	be32 tcp_acknowledgement;
	be16 tcp_window;
	uint16_t tcp_header_length; // bytes, 20 to 60
};
static_assert(sizeof(struct packet) <= 128);

enum {
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
	TCP_FLAG_ECE = 0x40,
	TCP_FLAG_CWR = 0x80,
};

// Transport payload bytes (TCP data or UDP data).
static inline uint32_t packet_payload_length(const struct packet *p)
{
	return p->length - p->payload;
}
