// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where a client's hello ends in its stream: the framing of records and of the one message, whose
// content it does not look at. Sans-IO; part of the secured leg.

#include "core/base.h"

enum hello_verdict {
	HELLO_PART = 0, // more of it is to come
	HELLO_WHOLE,
	HELLO_NONE, // what came cannot be a hello, whatever follows
};

// All zero before the first byte.
struct hello_frame {
	uint32_t message_left; // bytes to come of the message behind its header
	uint16_t record_left;  // of the record under way behind its own
	uint8_t record_have;   // bytes of a record's header
	uint8_t message_have;  // of the message's
	uint8_t verdict;       // enum hello_verdict
};

// Takes the next n bytes of the stream, at least as strictly as slowpath/reality does: what is
// WHOLE here is so there, at the same byte, and what cannot be a hello there is NONE here, at that
// byte or before. Returns how many of them belong to the hello, or might: all, unless the verdict
// is no longer HELLO_PART. RFC 8446 4, 5.1.
uint32_t hello_take(struct hello_frame *f, const uint8_t *bytes, uint32_t n);
