// SPDX-License-Identifier: BSD-3-Clause
// A client that says anything, records and all, to our server. The first byte asks for a client's
// certificate; the rest is cut into pieces of its size.
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = world();
	struct tls13_stream *s;
	const uint8_t *out;
	size_t taken, piece;

	if (size < 1)
		return 0;
	world_restart();
	w->server.client_certificate = (enum tls13_client_certificate)(data[0] % 3);
	piece = data[0] / 3 + 1;
	MUST(tls13_stream_create(&w->server, false, &w->server_start, &s) == 0);
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece * 16 ? size - at : piece * 16;
		enum tls13_verdict v = tls13_stream_input(s, data + at, n, WORLD_NOW_MS, &taken);

		MUST(taken <= n);
		piece = n;
		if (v != TLS13_OK)
			break;
	}
	// Nobody completes without our keys.
	MUST(!tls13_stream_is_complete(s));
	MUST(tls13_stream_output(s, &out) < 200000);
	tls13_stream_destroy(s);
	return 0;
}
