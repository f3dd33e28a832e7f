// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "nexwire/rest.h"

#include "bench.h"
#include "request.h"

#define ORDER                                                                                      \
	"{\"symbol\":\"BTCUSDT\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\","     \
	"\"quantity\":\"0.001\",\"price\":\"67234.50\"}"
#define KEY       "abcdef1234567890abcdef1234567890abcdef1234567890abcdef1234567890"
#define SIGNATURE "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"orderId\":123}";

enum {
	REQUESTS = 16
};

// One request written, sent to nowhere, and its response received from memory.
static void post(struct nx_rest *rest)
{
	struct nx_response response;
	struct iovec out, in;

	nx_rest_begin(rest, "POST", "/api/v3/order");
	nx_rest_field(rest, "X-MBX-TIMESTAMP", "1700000000000");
	nx_rest_field(rest, "X-MBX-SIGNATURE", SIGNATURE);
	if (nx_rest_send(rest, ORDER, sizeof(ORDER) - 1) > NX_CLIENT_AGAIN)
		__builtin_trap();
	out = nx_stream_send_from(&rest->stream);
	keep(out.iov_base);
	nx_stream_sent(&rest->stream, out.iov_len);
	in = nx_stream_receive_to(&rest->stream);
	memcpy(in.iov_base, answer, sizeof(answer) - 1);
	nx_stream_received(&rest->stream, sizeof(answer) - 1);
	if (nx_rest_receive(rest, &response) != NX_CLIENT_DONE || response.status != 200)
		__builtin_trap();
	keep(&response);
}

void bench_rest(void)
{
	const struct nx_rest_field fields[] = {
		{"X-MBX-APIKEY", KEY}, {"Content-Type", "application/json"}};
	struct nx_rest_config config = {.url = "http://api.binance.com",
		.fields = fields,
		.field_count = 2,
		.stream = {.drive = NX_DRIVE_CARRIED}};
	static struct nx_rest rest;

	BUG_ON(nx_rest_init(&rest, &config) != NX_CLIENT_DONE);
	BUG_ON(nx_rest_adopt(&rest, -1) != NX_CLIENT_DONE);
	MEASURE("post-build-write-parse", SAMPLES * 5, REQUESTS, , ({
		for (int i = 0; i < REQUESTS; i++)
			post(&rest);
	}));
	nx_rest_fini(&rest);
}

void bench_heads(void)
{
	struct nx_http_field fields[32];
	struct nx_http_head head;

	nx_http_head_init(&head, NX_HTTP_REQUEST, NULL, fields, 32);
	MEASURE("request-head-703", SAMPLES, REQUESTS, , ({
		for (int i = 0; i < REQUESTS; i++) {
			nx_http_head_reset(&head, NX_HTTP_OTHER);
			if (nx_http_head_read(&head, (const uint8_t *)request,
				    sizeof(request) - 1) != NX_HTTP_OK)
				__builtin_trap();
			keep(&head);
		}
	}));
}
