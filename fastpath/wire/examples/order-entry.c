// SPDX-License-Identifier: BSD-3-Clause

// Places orders over REST with a pool of warm connections, and prints what the exchange says.
// cc order-entry.c $(pkg-config --cflags --libs nexwire-client) -o order-entry
// ./order-entry https://exchange.example/api/v3 KEY ORDERS [ROOTS.pem]

#include <stdio.h>
#include <stdlib.h>

#include "nexwire/pool.h"

// The body is written where it is sent from; its length is filled in.
static enum nx_client_verdict place(struct nx_rest *rest, long number)
{
	enum nx_client_verdict verdict;
	struct nx_response response;
	uint8_t *body;
	size_t room;
	int length;

	nx_rest_begin(rest, "POST", "/order");
	nx_rest_field(rest, "Content-Type", "application/json");
	verdict = nx_rest_body_open(rest, &body, &room);
	if (verdict != NX_CLIENT_DONE)
		return verdict;
	length = snprintf((char *)body, room,
		"{\"symbol\":\"BTC-USD\",\"side\":\"buy\",\"quantity\":\"0.1\",\"id\":%ld}",
		number);
	verdict = nx_rest_body_close(rest, (size_t)length);
	if (verdict == NX_CLIENT_DONE)
		verdict = nx_rest_receive(rest, &response);
	if (verdict == NX_CLIENT_DONE)
		printf("%u %.*s\n", response.status, (int)response.body.length,
			(const char *)response.body.data);
	return verdict;
}

int main(int argc, char **argv)
{
	struct nx_tls_config trust = {.alpn = (const char *const[]){"http/1.1"}, .alpn_count = 1};
	struct nx_rest_field fields[] = {{"X-API-Key", argc > 2 ? argv[2] : ""}};
	struct nx_pool_config config = {
		.rest = {.fields = fields, .field_count = 1, .stream = {.timeout_ms = 2000}},
		.connections = 2,
	};
	enum nx_client_verdict verdict;
	struct nx_pool *pool;
	struct nx_rest *rest;
	char why[256];

	if (argc < 4)
		return 2;
	trust.root_files = (const char *const *)&argv[4];
	trust.root_file_count = argc > 4;
	config.rest.url = argv[1];
	config.rest.stream.tls = nx_tls_context_create(&trust, why, sizeof(why));
	if (config.rest.stream.tls == NULL)
		return fprintf(stderr, "order-entry: %s\n", why), 1;
	verdict = nx_pool_create(&config, &pool);
	if (verdict != NX_CLIENT_DONE)
		return fprintf(stderr, "order-entry: %s\n", nx_client_verdict_text(verdict)), 1;
	for (long n = 0; n < strtol(argv[3], NULL, 10) && verdict == NX_CLIENT_DONE; n++) {
		verdict = nx_pool_acquire(pool, 1000, &rest);
		if (verdict != NX_CLIENT_DONE)
			break;
		verdict = place(rest, n);
		nx_pool_release(pool, rest);
	}
	if (verdict != NX_CLIENT_DONE)
		fprintf(stderr, "order-entry: %s\n", nx_client_verdict_text(verdict));
	nx_pool_destroy(pool);
	nx_tls_context_destroy(config.rest.stream.tls);
	return verdict != NX_CLIENT_DONE;
}
