// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What one worker's connections of HTTP/2 count. One writer, any reader.

#include "core/atomic.h"
#include "http2/ending.h"

struct h2_stats {
	counter_t connections; // begun
	counter_t streams;     // begun
	counter_t refused;     // streams, for want of room
	counter_t resets;      // of streams, by clients or for what they did
	counter_t ends[H2_ENDING_COUNT];
};
