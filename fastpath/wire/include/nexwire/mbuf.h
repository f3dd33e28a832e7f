// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Packet buffers of DPDK as nexwire sees them; header only, for programs that have DPDK, whose
// rte_mbuf_core.h they include before. Segments are borrowed: nothing here frees them.

#ifndef _RTE_MBUF_CORE_H_
#	error "include rte_mbuf_core.h before nexwire/mbuf.h"
#endif

#include "nexwire/buffer.h"

NX_BEGIN

// The bytes of a chain, from `skip` on, as at most `most` entries; returns how many. Empty segments
// give none.
static inline int nx_mbuf_iovec(
	const struct rte_mbuf *mbuf, size_t skip, struct iovec *iovec, int most)
{
	int n = 0;

	for (; mbuf != NULL && n < most; mbuf = mbuf->next) {
		uint8_t *data = (uint8_t *)mbuf->buf_addr + mbuf->data_off;

		if (skip >= mbuf->data_len) {
			skip -= mbuf->data_len;
			continue;
		}
		iovec[n].iov_base = data + skip;
		iovec[n++].iov_len = mbuf->data_len - skip;
		skip = 0;
	}
	return n;
}

// Copies a chain's bytes from `skip` on behind the unread data, as many as fit; returns how many.
static inline size_t nx_mbuf_feed(
	struct nx_read_buffer *buffer, const struct rte_mbuf *mbuf, size_t skip)
{
	size_t total = 0, fed;
	struct iovec piece;

	while (nx_mbuf_iovec(mbuf, skip + total, &piece, 1) == 1) {
		fed = nx_read_buffer_feed(buffer, piece.iov_base, piece.iov_len);
		total += fed;
		if (fed < piece.iov_len)
			break;
	}
	return total;
}

// A read buffer over a segment's own bytes, to be parsed where they lie: whole messages only, as
// nothing can be received into it. False when the segment has less than NX_READ_PADDING bytes of
// tailroom, or none of data.
static inline bool nx_mbuf_view(struct nx_read_buffer *buffer, struct rte_mbuf *mbuf)
{
	if (mbuf->data_len == 0 ||
		mbuf->buf_len < mbuf->data_off + (size_t)mbuf->data_len + NX_READ_PADDING ||
		nx_read_buffer_init(buffer, (uint8_t *)mbuf->buf_addr + mbuf->data_off,
			(size_t)mbuf->data_len + NX_READ_PADDING) != NX_BUFFER_OK)
		return false;
	buffer->tail = mbuf->data_len;
	return true;
}

NX_END
