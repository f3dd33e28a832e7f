// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What one worker's HTTP listeners count. One writer, any reader.

#include "core/atomic.h"
#include "http/reason.h"

enum {
	HTTP_CLASSES = 6,
};

struct http_stats {
	counter_t requests;
	counter_t
		responses[HTTP_CLASSES]; // by the status' first digit, ours too; [0]: none was sent
	counter_t answers[HTTP_REASON_COUNT];
	counter_t reused; // requests on a connection that had one before
	counter_t retried;
	counter_t upgrades;
};
