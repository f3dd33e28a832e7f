// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "nexwire/ws.h"

#include "bench.h"

enum {
	FRAMES = 16
};

static const char quote_text[] =
	"{\"s\":\"BTC-USD\",\"b\":67234.50,\"a\":67234.75,\"bs\":1.5,\"as\":2.3,\"t\":1700000000000}";
static const char order_text[] =
	"{\"s\":\"BTC-USD\",\"bids\":[[67234.50,1.5],[67234.25,2.0],[67234.00,0.5]],"
	"\"asks\":[[67234.75,1.0],[67235.00,3.25]],\"t\":1700000000000,\"u\":987654321012}";

struct feed {
	struct nx_read_buffer in;
	struct nx_ws_reader reader;
	size_t length;
	uint8_t wire[1 << 13];
	uint8_t input[1 << 14];
};

static void feed_make(struct feed *feed, const char *text, size_t n)
{
	struct nx_ws_reader_config config = {.role = NX_WS_CLIENT};

	feed->length = 0;
	for (int i = 0; i < FRAMES; i++) {
		feed->length += nx_ws_header(feed->wire + feed->length, 0x80 | NX_WS_TEXT, n);
		memcpy(feed->wire + feed->length, text, n);
		feed->length += n;
	}
	BUG_ON(nx_read_buffer_init(&feed->in, feed->input, sizeof(feed->input)) != NX_BUFFER_OK);
	BUG_ON(nx_ws_reader_init(&feed->reader, &feed->in, &config) != 0);
}

static void quotes_read(struct feed *feed)
{
	struct nx_ws_message message;
	struct quote quote;

	for (int i = 0; i < FRAMES; i++) {
		if (nx_ws_reader_next(&feed->reader, &message) != NX_WS_MESSAGE ||
			!quote_decode((const char *)message.data, message.length, &quote))
			__builtin_trap();
		keep(&quote);
	}
}

static void orders_read(struct feed *feed)
{
	struct nx_ws_message message;
	struct order order;

	for (int i = 0; i < FRAMES; i++) {
		if (nx_ws_reader_next(&feed->reader, &message) != NX_WS_MESSAGE ||
			!order_decode((const char *)message.data, message.length, &order))
			__builtin_trap();
		keep(&order);
	}
}

void bench_json(void)
{
	static struct feed feed;
	struct quote quote;
	struct order order;

	// What is timed is right.
	BUG_ON(!quote_decode(quote_text, sizeof(quote_text) - 1, &quote));
	BUG_ON(quote.bid != 67234.50 || quote.ask_size != 2.3 || quote.time != 1700000000000);
	BUG_ON(!order_decode(order_text, sizeof(order_text) - 1, &order));
	BUG_ON(order.bid_count != 3 || order.asks[1][1] != 3.25 || order.update != 987654321012);

	feed_make(&feed, quote_text, sizeof(quote_text) - 1);
	MEASURE("json-quote-77", SAMPLES, FRAMES,
		BUG_ON(nx_read_buffer_feed(&feed.in, feed.wire, feed.length) != feed.length),
		quotes_read(&feed));
	feed_make(&feed, order_text, sizeof(order_text) - 1);
	MEASURE("json-order-148", SAMPLES, FRAMES,
		BUG_ON(nx_read_buffer_feed(&feed.in, feed.wire, feed.length) != feed.length),
		orders_read(&feed));
}
