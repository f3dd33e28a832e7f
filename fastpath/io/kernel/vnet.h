// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The virtio-net header (virtio 1.2, section 5.1.6) that kernel ports put before each frame, to and
// from the offload words of a buffer. What arrives is hostile: another machine's guest may have
// written it.

#include <linux/virtio_net.h>

#include "core/buffer.h"

enum vnet_verdict {
	VNET_OK = 0,
	VNET_MALFORMED, // impossible offsets, or a kind of segmentation that cannot be described
};

// Describes frame (a received chain, lengths set, no offload bits yet) by header: BUFFER_RX_* bits,
// header lengths and segment size. inserted: bytes put into the frame since header was written
// (a VLAN tag). A partial checksum that belongs to no TCP or UDP header where the parser will look
// for one is completed here. The frame stays the caller's. Worker.
[[nodiscard]] enum vnet_verdict vnet_receive(
	const struct virtio_net_hdr *header, uint16_t inserted, struct buffer *frame);

// Writes the header that asks the kernel for what frame's BUFFER_TX_* bits and transmit word ask.
// Worker.
void vnet_transmit(const struct buffer *frame, struct virtio_net_hdr *header);
