// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Writes pcapng (draft-ietf-opsawg-pcapng): one section with one interface, enhanced packet blocks,
// interface statistics at the end. In the byte order of this machine, as the format allows. Whether
// a write failed is seen on the FILE.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Section header and interface description. name is the interface's, at most 255 bytes are kept.
void pcapng_begin(FILE *out, uint16_t link_type, uint32_t snap_length, const char *name);

// One packet: captured bytes of `length` bytes on the wire, at time_us (Unix microseconds).
void pcapng_packet(
	FILE *out, uint64_t time_us, const uint8_t *bytes, uint32_t captured, uint32_t length);

// Interface statistics: packets delivered and missed.
void pcapng_end(FILE *out, uint64_t time_us, uint64_t packets, uint64_t missed);

// Decodes base64 (RFC 4648 section 4, padding required) into out, at most size bytes. Returns the
// length, or -1 where text is no base64 or too long.
ptrdiff_t base64_decode(const char *text, uint8_t *out, size_t size);
