// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The order-entry exchange of the rows that cross a TCP: one request, and the server's answer.

#include <stdbool.h>
#include <stddef.h>

#include "nexwire/rest.h"

#include "bench.h"

static const char order_answer[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 36\r\nX-RateLimit-Remaining: 1200\r\n\r\n"
	"{\"orderId\":123456,\"status\":\"FILLED\"}";

// Whether what came ends a request: its body ends with "}".
static inline bool order_is_whole(const void *bytes, size_t length)
{
	return length > 0 && ((const char *)bytes)[length - 1] == '}';
}

static inline enum nx_client_verdict order_send(struct nx_rest *rest)
{
	static const char order[] =
		"{\"symbol\":\"BTCUSDT\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"quantity\":\"0.001\"}";

	nx_rest_begin(rest, "POST", "/api/v3/order");
	nx_rest_field(rest, "X-MBX-TIMESTAMP", "1700000000000");
	return nx_rest_send(rest, order, sizeof(order) - 1);
}

static inline void order_check(enum nx_client_verdict verdict, const struct nx_response *response)
{
	BUG_ON(verdict != NX_CLIENT_DONE || response->status != 200 || response->body.length != 36);
}
