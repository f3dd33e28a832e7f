// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the tests of the record layer share: one worker's context, chains from bytes and back.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls/record.h"

extern struct tls_context rig;
// Buffers that rig.buffers still gives; negative: without end.
extern int rig_buffers_left;
// As rig.buffers, where false, it has no `share`.
extern bool rig_can_share;
extern bool rig_can_spare; // large buffers

int rig_create(void **state);
int rig_destroy(void **state);

uint32_t rig_draw(uint32_t below);
uint32_t rig_hex(const char *hex, uint8_t *out);

// bytes in buffers of at most `most` each, a random size when cut is set, and some then with room
// behind.
struct buffer *rig_chain(const uint8_t *bytes, uint32_t length, uint32_t most, bool cut);
// Copies a chain out, checks its sums and gives it back.
uint32_t rig_read(struct buffer *chain, uint8_t *out);

// Two ends with each other's keys, secrets from a fixed pattern.
void rig_pair(
	uint16_t version, uint16_t suite, struct tls_records *client, struct tls_records *server);
// Seals bytes of one end; the records into out.
uint32_t rig_seal(struct tls_records *t, const uint8_t *bytes, uint32_t length, uint8_t *out);
// Pushes bytes and opens; expects data and then `after`. Returns the data's length.
uint32_t rig_open(
	struct tls_records *t, struct buffer *chain, uint8_t *out, enum tls_verdict after);
