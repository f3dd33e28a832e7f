// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// DPDK's environment for tests that need mbufs: no hugepages, no devices, nothing left in the file
// system.

#include <rte_eal.h>

#include "io/mbuf.h"
#include "io/pools.h"
#include "io/port.h"

static struct pools pools;

static inline int eal_start(void)
{
	static char program[] = "test", no_huge[] = "--no-huge", no_conf[] = "--no-shconf",
		    no_pci[] = "--no-pci", no_telemetry[] = "--no-telemetry",
		    log[] = "--log-level=error", cores[] = "--lcores=0", memory[] = "-m",
		    mb[] = "96";
	static char *arguments[] = {
		program, no_huge, no_conf, no_pci, no_telemetry, log, cores, memory, mb};
	char error[256];

	if (rte_eal_init((int)nx_array_size(arguments), arguments) < 0)
		return -1;
	return pools_create(4096, 512, &pools, error, sizeof(error));
}

static inline bool pools_are_full(void)
{
	return pools_small_used(&pools) == 0 && pools_large_used(&pools) == 0;
}

static inline struct port_request request_for(const char *device, uint16_t queues)
{
	struct port_request request = {
		.mtu = 1500,
		.queues = queues,
		.transmit_queues = queues,
		.small = pools.small,
		.large = pools.large,
	};

	snprintf(request.device, sizeof(request.device), "%s", device);
	return request;
}

// A buffer or chain of the pools with these bytes, as a port would deliver them.
// Not inlined: gcc 14 would warn of a second piece in callers whose bytes fit the first.
__attribute__((noinline, unused)) static struct buffer *pool_frame(
	const uint8_t *bytes, uint32_t length)
{
	uint32_t head = u32_min(length, POOL_SMALL_ROOM);
	struct buffer *b = pool_buffer_get(pools.small);

	memcpy(buffer_data(b), bytes, head);
	b->length = (uint16_t)head;
	b->total_length = length;
	if (head == length)
		return b;
	b->next = pool_buffer_get(pools.large);
	b->segments = 2;
	b->next->length = (uint16_t)(length - head);
	memcpy(buffer_data(b->next), bytes + head, length - head);
	return b;
}
