// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The one buffer type that engines see. On workers it overlays struct rte_mbuf and its private area
// (io/mbuf.h asserts every offset at compile time); tests and libraries use a heap twin
// (buffer_heap_create). No DPDK header is needed to read or write packets through it.
//
// Ownership: whoever holds the pointer owns one reference; buffer_put gives it back to its origin.

#include "core/base.h"

// Bits of buffer.offload; values are those of DPDK's ol_flags.
#define BUFFER_RX_CHECKSUM_BAD  (UINT64_C(1) << 3)
#define BUFFER_RX_IP_BAD        (UINT64_C(1) << 4)
#define BUFFER_RX_IP_GOOD       (UINT64_C(1) << 7)
#define BUFFER_RX_CHECKSUM_GOOD (UINT64_C(1) << 8)
#define BUFFER_RX_CHECKSUM_MASK (BUFFER_RX_CHECKSUM_BAD | BUFFER_RX_CHECKSUM_GOOD)
// Both bits: the checksum field holds the pseudo-header sum only.
#define BUFFER_RX_CHECKSUM_PARTIAL BUFFER_RX_CHECKSUM_MASK
#define BUFFER_RX_LRO              (UINT64_C(1) << 16)
#define BUFFER_TX_SEGMENT_UDP      (UINT64_C(1) << 42)
#define BUFFER_TX_SEGMENT_TCP      (UINT64_C(1) << 50)
#define BUFFER_TX_CHECKSUM_TCP     (UINT64_C(1) << 52)
#define BUFFER_TX_CHECKSUM_UDP     (UINT64_C(3) << 52)
#define BUFFER_TX_IP_CHECKSUM      (UINT64_C(1) << 54)
#define BUFFER_TX_IPV4             (UINT64_C(1) << 55)
#define BUFFER_TX_IPV6             (UINT64_C(1) << 56)
// The memory belongs to another buffer (made by buffer_source.share) or to somebody else.
#define BUFFER_SHARED_MEMORY (UINT64_C(3) << 61)

enum {
	BUFFER_HEADROOM = 128,
	BUFFER_SPARE_ROOM = 65535 - BUFFER_HEADROOM, // an mbuf counts its memory in 16 bits
	BUFFER_STATE_BYTES = 64
};

// Invariant: the span is [base + offset, base + offset + length); total_length sums the chain.
struct buffer {
	uint8_t *base;         // 0: start of the buffer's memory
	uint64_t iova;         // 8: DMA address, not touched here
	uint16_t offset;       // 16: data starts at base + offset
	uint16_t references;   // 18: only through buffer_* functions
	uint16_t segments;     // 20: buffers in this chain, head only
	uint16_t port;         // 22: port that received it
	uint64_t offload;      // 24: BUFFER_* bits
	uint32_t packet_type;  // 32
	uint32_t total_length; // 36: bytes of the whole chain, head only
	uint16_t length;       // 40: bytes in this buffer
	uint16_t vlan;         // 42
	uint64_t hash;         // 44..51 in the mbuf; not used through this type
	uint16_t vlan_outer;
	uint16_t capacity;   // 54: bytes of the memory at base
	void *pool;          // 56: origin: mempool, or the heap twin's marker
	struct buffer *next; // 64
	uint64_t transmit;   // 72: header lengths and segment size for offloads (io/mbuf.h)
	uint8_t other[48];   // 80..127: the mbuf's own
	uint8_t state[BUFFER_STATE_BYTES]; // 128..191: private area, for the engine that holds it
} __attribute__((packed, aligned(64), may_alias)); // may_alias: the same memory is read as an mbuf
static_assert(offsetof(struct buffer, offload) == 24);
static_assert(offsetof(struct buffer, length) == 40);
static_assert(offsetof(struct buffer, capacity) == 54);
static_assert(offsetof(struct buffer, next) == 64);
static_assert(offsetof(struct buffer, state) == 128);
static_assert(sizeof(struct buffer) == 192);

static inline uint8_t *buffer_data(const struct buffer *b)
{
	return b->base + b->offset;
}

static inline uint16_t buffer_headroom(const struct buffer *b)
{
	return b->offset;
}

static inline uint16_t buffer_tailroom(const struct buffer *b)
{
	return (uint16_t)(b->capacity - b->offset - b->length);
}

// The transmit word: bytes of the link, IP and transport headers, and the transport payload bytes
// of a segment. A received frame that carries many segments (BUFFER_RX_LRO) has its segment size
// here too.
enum {
	BUFFER_L3_SHIFT = 7,
	BUFFER_L4_SHIFT = 16,
	BUFFER_SEGMENT_SHIFT = 24,
	BUFFER_GSO_SHIFT =
		56, // eight bits that DPDK leaves free: modifiers of the virtio-net gso_type
};

static inline uint64_t buffer_transmit_word(
	uint32_t l2_length, uint32_t l3_length, uint32_t l4_length, uint32_t segment_size)
{
	return (uint64_t)l2_length | (uint64_t)l3_length << BUFFER_L3_SHIFT |
	       (uint64_t)l4_length << BUFFER_L4_SHIFT |
	       (uint64_t)segment_size << BUFFER_SEGMENT_SHIFT;
}

static inline uint16_t buffer_l2_length(const struct buffer *b)
{
	return b->transmit & 0x7f;
}

static inline uint16_t buffer_l3_length(const struct buffer *b)
{
	return b->transmit >> BUFFER_L3_SHIFT & 0x1ff;
}

static inline uint16_t buffer_l4_length(const struct buffer *b)
{
	return b->transmit >> BUFFER_L4_SHIFT & 0xff;
}

static inline uint16_t buffer_segment_size(const struct buffer *b)
{
	return (uint16_t)(b->transmit >> BUFFER_SEGMENT_SHIFT);
}

// One more reference to a single buffer (not to what is chained to it). Relaxed: whoever holds one
// already keeps the buffer alive; another worker may give its own back at the same time.
static inline void buffer_hold(struct buffer *b)
{
	__atomic_fetch_add(&b->references, 1, __ATOMIC_RELAXED);
}

// Whether what lies before and behind the span is ours to write: nobody else's span can be there.
static inline bool buffer_is_exclusive(const struct buffer *b)
{
	return __atomic_load_n(&b->references, __ATOMIC_RELAXED) == 1 &&
	       (b->offload & BUFFER_SHARED_MEMORY) == 0;
}

// Where new buffers come from: the worker's mbuf pool, or the heap in tests. get returns NULL when
// exhausted (the caller counts DROP_NO_BUFFER); room is the least data bytes after BUFFER_HEADROOM.
// share, where the source has it (else NULL): a buffer of its own whose span is that of the single
// buffer `from` over the same memory, which lives until both are given back; no headroom to write
// to. NULL when exhausted.
// spare, where the source has it (else NULL): an empty buffer of BUFFER_SPARE_ROOM bytes for who
// can do without; NULL while others may need what is left.
struct buffer_source {
	struct buffer *(*get)(struct buffer_source *source, uint32_t room);
	void (*put)(struct buffer_source *source, struct buffer *chain);
	struct buffer *(*share)(struct buffer_source *source, struct buffer *from);
	struct buffer *(*spare)(struct buffer_source *source);
};

// A buffer on the heap with the given room after the usual headroom, empty, one reference; NULL if
// memory is out. put by buffer_heap_put. Tests and libraries; not on workers.
struct buffer *buffer_heap_get(struct buffer_source *source, uint32_t room);
void buffer_heap_put(struct buffer_source *source, struct buffer *chain);
struct buffer *buffer_heap_share(struct buffer_source *source, struct buffer *from);
// How many heap buffers are alive: zero at the end of a test that leaks nothing.
size_t buffer_heap_alive(void);
extern struct buffer_source buffer_heap_source;
