// SPDX-License-Identifier: BSD-3-Clause

// Echoes every message of Autobahn's fuzzing server, a connection a case, with permessage-deflate
// where that agrees.
//   autobahn-client ws://127.0.0.1:9001 FIRST LAST

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws_connection.h"

enum {
	MESSAGE_MOST = 17 << 20 // the largest case sends 16 MiB
};

// Connects to a path and sends back what comes until the server closes. False: no connection.
static bool echo(const char *url)
{
	struct nx_ws_connection_config config = {
		.url = url,
		.message_limit = MESSAGE_MOST,
		.compression = nx_ws_compression_calls(),
		.stream = {.out_bytes = MESSAGE_MOST + NX_WS_HEADER_MAX, .timeout_ms = 20000},
	};
	static struct nx_ws_connection connection;
	enum nx_client_verdict verdict = nx_ws_connection_init(&connection, &config);
	struct nx_ws_message message;
	bool is_connected;

	if (verdict == NX_CLIENT_DONE)
		verdict = nx_ws_connect(&connection);
	is_connected = verdict == NX_CLIENT_DONE;
	while (verdict == NX_CLIENT_DONE) {
		verdict = nx_ws_receive(&connection, &message);
		if (verdict == NX_CLIENT_DONE && message.opcode < NX_WS_CLOSE)
			verdict = nx_ws_send(
				&connection, message.opcode, message.data, message.length);
	}
	nx_ws_connection_fini(&connection);
	return is_connected;
}

int main(int argc, char **argv)
{
	char url[256];

	if (argc != 4)
		return 2;
	for (long i = strtol(argv[2], NULL, 10); i <= strtol(argv[3], NULL, 10); i++) {
		snprintf(url, sizeof(url), "%s/runCase?case=%ld&agent=nexpath", argv[1], i);
		if (!echo(url))
			return 1;
	}
	snprintf(url, sizeof(url), "%s/updateReports?agent=nexpath", argv[1]);
	return !echo(url);
}
