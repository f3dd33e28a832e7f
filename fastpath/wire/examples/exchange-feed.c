// SPDX-License-Identifier: BSD-3-Clause

// Subscribes to an exchange's feed and prints what comes; connects anew when the feed ends.
// cc exchange-feed.c $(pkg-config --cflags --libs nexwire-client) -o exchange-feed
// ./exchange-feed wss://exchange.example/ws '{"subscribe":"trades"}' [MESSAGES [ROOTS.pem]]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nexwire/ws_connection.h"

// Prints up to *left messages. What ended the connection.
static enum nx_client_verdict follow(
	struct nx_ws_connection *feed, const char *subscription, long *left)
{
	enum nx_client_verdict verdict = nx_ws_connect(feed);
	struct nx_ws_message message;

	if (verdict == NX_CLIENT_DONE)
		verdict = nx_ws_send(feed, NX_WS_TEXT, subscription, strlen(subscription));
	while (verdict == NX_CLIENT_DONE && *left != 0) {
		verdict = nx_ws_receive(feed, &message);
		if (verdict != NX_CLIENT_DONE || message.opcode != NX_WS_TEXT)
			continue;
		// message.data lies where it was received, and is void with the next call.
		printf("%.*s\n", (int)message.length, (const char *)message.data);
		--*left;
	}
	return verdict;
}

int main(int argc, char **argv)
{
	struct nx_tls_config trust = {.tls13_only = true};
	struct nx_ws_connection_config config = {.stream = {.in_bytes = 1 << 20}};
	static struct nx_ws_connection feed;
	enum nx_client_verdict verdict;
	long left = argc > 3 ? strtol(argv[3], NULL, 10) : -1;
	char why[256];

	if (argc < 3)
		return 2;
	trust.root_files = (const char *const *)&argv[4];
	trust.root_file_count = argc > 4;
	config.url = argv[1];
	config.stream.tls = nx_tls_context_create(&trust, why, sizeof(why));
	if (config.stream.tls == NULL)
		return fprintf(stderr, "exchange-feed: %s\n", why), 1;
	verdict = nx_ws_connection_init(&feed, &config);
	if (verdict != NX_CLIENT_DONE)
		return fprintf(stderr, "exchange-feed: %s\n", nx_client_verdict_text(verdict)), 1;
	for (unsigned int pause = 1; left != 0; pause = pause < 32 ? pause * 2 : 32) {
		long before = left;

		verdict = follow(&feed, argv[2], &left);
		if (left == before)
			fprintf(stderr, "exchange-feed: %s %s\n", nx_client_verdict_text(verdict),
				nx_stream_why(&feed.stream));
		else
			pause = 1;
		if (left != 0)
			sleep(pause);
	}
	nx_ws_connection_fini(&feed);
	nx_tls_context_destroy(config.stream.tls);
	return 0;
}
