// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The rows of the table of keys (config/schema.h), a list for each part of the configuration. One
// line a key: the struct and member that hold it say where parsing puts it.

#include "config/schema.h"

#define IN(type, member) .offset = offsetof(struct type, member)
#define RANGE(low, high) .minimum = (low), .maximum = (high)
// From the first window that is offered to what fills 1 Gbit/s at 50 ms in spite of loss.
#define MEMORY .unit = UNIT_BYTES, .fallback = "4194304", RANGE(64 << 10, 64 << 20)
// In the order of enum tcp_look (tcp/tcp.h), whose table says what each is.
#define TCP_PROFILE_WORDS "default|linux|freebsd|windows"

struct schema_rows {
	const struct schema_key *keys;
	uint32_t count;
};

extern const struct schema_rows schema_threads_rows;
extern const struct schema_rows schema_management_rows;
extern const struct schema_rows schema_credentials_rows;
extern const struct schema_rows schema_network_rows;
extern const struct schema_rows schema_upstreams_rows;
extern const struct schema_rows schema_listeners_rows;
extern const struct schema_rows schema_http_rows;
