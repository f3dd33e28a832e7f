// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// struct buffer is struct rte_mbuf plus 64 bytes of private area, seen without DPDK's headers.
// Every offset and bit that the two share is asserted here, so that a DPDK that moves one does not
// build.

#include <rte_mbuf.h>

#include "core/buffer.h"

#define MBUF_SAME(member, field)                                                                   \
	static_assert(offsetof(struct buffer, member) == offsetof(struct rte_mbuf, field),         \
		"struct buffer does not overlay struct rte_mbuf")

MBUF_SAME(base, buf_addr);
MBUF_SAME(iova, buf_iova);
MBUF_SAME(offset, data_off);
MBUF_SAME(references, refcnt);
MBUF_SAME(segments, nb_segs);
MBUF_SAME(port, port);
MBUF_SAME(offload, ol_flags);
MBUF_SAME(packet_type, packet_type);
MBUF_SAME(total_length, pkt_len);
MBUF_SAME(length, data_len);
MBUF_SAME(vlan, vlan_tci);
MBUF_SAME(hash, hash);
MBUF_SAME(vlan_outer, vlan_tci_outer);
MBUF_SAME(capacity, buf_len);
MBUF_SAME(pool, pool);
MBUF_SAME(next, next);
MBUF_SAME(transmit, tx_offload);
#undef MBUF_SAME

static_assert(offsetof(struct buffer, state) == sizeof(struct rte_mbuf));
static_assert(sizeof(struct buffer) == sizeof(struct rte_mbuf) + BUFFER_STATE_BYTES);
static_assert(BUFFER_HEADROOM == RTE_PKTMBUF_HEADROOM);

static_assert(BUFFER_SHARED_MEMORY == (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL));
static_assert(BUFFER_RX_CHECKSUM_BAD == RTE_MBUF_F_RX_L4_CKSUM_BAD);
static_assert(BUFFER_RX_CHECKSUM_GOOD == RTE_MBUF_F_RX_L4_CKSUM_GOOD);
static_assert(BUFFER_RX_CHECKSUM_PARTIAL == RTE_MBUF_F_RX_L4_CKSUM_NONE);
static_assert(BUFFER_RX_IP_BAD == RTE_MBUF_F_RX_IP_CKSUM_BAD);
static_assert(BUFFER_RX_IP_GOOD == RTE_MBUF_F_RX_IP_CKSUM_GOOD);
static_assert(BUFFER_RX_LRO == RTE_MBUF_F_RX_LRO);
static_assert(BUFFER_TX_SEGMENT_TCP == RTE_MBUF_F_TX_TCP_SEG);
static_assert(BUFFER_TX_SEGMENT_UDP == RTE_MBUF_F_TX_UDP_SEG);
static_assert(BUFFER_TX_CHECKSUM_TCP == RTE_MBUF_F_TX_TCP_CKSUM);
static_assert(BUFFER_TX_CHECKSUM_UDP == RTE_MBUF_F_TX_UDP_CKSUM);
static_assert(BUFFER_TX_IP_CHECKSUM == RTE_MBUF_F_TX_IP_CKSUM);
static_assert(BUFFER_TX_IPV4 == RTE_MBUF_F_TX_IPV4);
static_assert(BUFFER_TX_IPV6 == RTE_MBUF_F_TX_IPV6);

static_assert((int)RTE_MBUF_L2_LEN_OFS == 0);
static_assert((int)RTE_MBUF_L3_LEN_OFS == (int)BUFFER_L3_SHIFT);
static_assert((int)RTE_MBUF_L4_LEN_OFS == (int)BUFFER_L4_SHIFT);
static_assert((int)RTE_MBUF_TSO_SEGSZ_OFS == (int)BUFFER_SEGMENT_SHIFT);
static_assert((int)RTE_MBUF_TXOFLD_UNUSED_OFS == (int)BUFFER_GSO_SHIFT);

// The bits of offload that ask the device for something on transmit.
#define BUFFER_TX_MASK                                                                             \
	(BUFFER_TX_SEGMENT_UDP | BUFFER_TX_SEGMENT_TCP | BUFFER_TX_CHECKSUM_UDP |                  \
		BUFFER_TX_IP_CHECKSUM | BUFFER_TX_IPV4 | BUFFER_TX_IPV6)

static inline struct rte_mbuf *mbuf_of(struct buffer *b)
{
	return (struct rte_mbuf *)(void *)b;
}

static inline struct buffer *buffer_of(struct rte_mbuf *m)
{
	return (struct buffer *)(void *)m;
}

// Gives a chain back to its pools: one reference of each segment. Any thread.
static inline void mbuf_chain_put(struct buffer *chain)
{
	rte_pktmbuf_free(mbuf_of(chain));
}
