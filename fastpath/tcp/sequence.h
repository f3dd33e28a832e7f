// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Arithmetic modulo 2^32 for sequence numbers, timestamps and deadlines (RFC 9293 3.4): a value is
// before another if it is less than 2^31 behind it.

#include <stdbool.h>
#include <stdint.h>

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_at_or_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline uint32_t seq_later(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

static inline uint32_t seq_earlier(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? a : b;
}
