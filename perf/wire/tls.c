// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "nexwire/tls.h"
#include "nexwire/ws.h"

#include "bench.h"

enum {
	RECORDS = 8,
	TLS_SAMPLES = SAMPLES / 2
};

static const char quote_text[] =
	"{\"s\":\"BTC-USD\",\"b\":67234.50,\"a\":67234.75,\"bs\":1.5,\"as\":2.3,\"t\":1700000000000}";

struct pair {
	struct nx_tls *client, *server;
	struct nx_read_buffer in;
	struct nx_ws_reader reader;
	uint8_t input[1 << 16];
};

static void carry(struct nx_tls *from, struct nx_tls *to)
{
	struct nx_write_buffer *out = nx_tls_output(from);
	size_t n = nx_write_buffer_length(out);

	BUG_ON(nx_read_buffer_feed(nx_tls_input(to), nx_write_buffer_data(out), n) != n);
	BUG_ON(nx_write_buffer_sent(out, n) != NX_BUFFER_OK);
}

static void pair_make(
	struct pair *pair, struct nx_tls_context *client, struct nx_tls_context *server)
{
	struct nx_ws_reader_config config = {.role = NX_WS_CLIENT};
	enum nx_tls_verdict a = NX_TLS_MORE, b = NX_TLS_MORE;

	pair->client = nx_tls_create(client, "localhost", 0);
	pair->server = nx_tls_create(server, NULL, 0);
	BUG_ON(pair->client == NULL || pair->server == NULL);
	while (a == NX_TLS_MORE || b == NX_TLS_MORE) {
		a = nx_tls_handshake(pair->client);
		carry(pair->client, pair->server);
		b = nx_tls_handshake(pair->server);
		carry(pair->server, pair->client);
	}
	BUG_ON(a != NX_TLS_DONE || b != NX_TLS_DONE);
	BUG_ON(nx_read_buffer_init(&pair->in, pair->input, sizeof(pair->input)) != NX_BUFFER_OK);
	BUG_ON(nx_ws_reader_init(&pair->reader, &pair->in, &config) != 0);
}

// Seals a record of one frame each, as a server that sends at once does.
static void records_make(struct pair *pair, const uint8_t *frame, size_t length)
{
	size_t taken;

	nx_write_buffer_clear(nx_tls_output(pair->server));
	for (int i = 0; i < RECORDS; i++)
		BUG_ON(nx_tls_write(pair->server, frame, length, &taken) != NX_TLS_DONE);
}

// Received one by one.
static void records_read(struct pair *pair, bool decodes)
{
	struct nx_write_buffer *out = nx_tls_output(pair->server);
	size_t size = nx_write_buffer_length(out) / RECORDS, room, n;
	struct nx_ws_message message;
	struct quote quote;
	uint8_t *space;

	for (int i = 0; i < RECORDS; i++) {
		if (nx_read_buffer_feed(nx_tls_input(pair->client),
			    nx_write_buffer_data(out) + (size_t)i * size, size) != size)
			__builtin_trap();
		space = nx_read_buffer_space(&pair->in, &room);
		if (nx_tls_read(pair->client, space, room, &n) != NX_TLS_DONE ||
			nx_read_buffer_filled(&pair->in, n) != NX_BUFFER_OK ||
			nx_ws_reader_next(&pair->reader, &message) != NX_WS_MESSAGE)
			__builtin_trap();
		if (decodes && !quote_decode((const char *)message.data, message.length, &quote))
			__builtin_trap();
		keep(&message);
		keep(&quote);
	}
}

static void bench_frames(struct pair *pair, const char *name, enum nx_ws_opcode opcode,
	const void *payload, size_t length, bool decodes)
{
	uint8_t frame[NX_WS_HEADER_MAX + 256];
	size_t header = nx_ws_header(frame, (uint8_t)(0x80 | opcode), length);

	memcpy(frame + header, payload, length);
	MEASURE(name, TLS_SAMPLES, RECORDS, records_make(pair, frame, header + length),
		records_read(pair, decodes));
}

void bench_tls(const char *certificate, const char *key)
{
	struct nx_tls_config server = {
		.role = NX_TLS_SERVER, .certificate_file = certificate, .key_file = key};
	struct nx_tls_config client = {.danger_no_verify = true, .tls13_only = true};
	struct nx_tls_context *clients = nx_tls_context_create(&client, NULL, 0);
	struct nx_tls_context *servers = nx_tls_context_create(&server, NULL, 0);
	static struct pair pair;
	uint8_t payload[128];

	BUG_ON(clients == NULL || servers == NULL);
	memset(payload, 'x', sizeof(payload));
	pair_make(&pair, clients, servers);
	bench_frames(&pair, "tls-parse-40", NX_WS_BINARY, payload, 40, false);
	bench_frames(&pair, "tls-parse-128", NX_WS_BINARY, payload, 128, false);
	bench_frames(&pair, "tls-json-77", NX_WS_TEXT, quote_text, sizeof(quote_text) - 1, true);
	nx_tls_destroy(pair.client);
	nx_tls_destroy(pair.server);
	nx_tls_context_destroy(clients);
	nx_tls_context_destroy(servers);
}
