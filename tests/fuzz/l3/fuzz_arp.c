// SPDX-License-Identifier: BSD-3-Clause
// The ARP parser on any bytes; what it accepts, the builder writes again byte by byte.
#include <assert.h>
#include <stdlib.h>

#include "pkt/arp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// A block of exactly these bytes: the sanitizer sees what is read beyond.
	uint8_t *bytes = malloc(size + (size == 0));
	uint8_t again[ARP_BYTES];
	struct arp_message m;

	if (size > 0)
		memcpy(bytes, data, size);
	if (arp_parse(bytes, size, &m) == ARP_PARSED) {
		assert(size >= ARP_BYTES);
		arp_build(again, &m);
		assert(memcmp(again, bytes, ARP_BYTES) == 0);
	}
	free(bytes);
	return 0;
}
