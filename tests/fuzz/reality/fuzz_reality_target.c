// SPDX-License-Identifier: BSD-3-Clause
// A target that says anything, and a client that does, behind a hello that is admitted. The first
// two bytes say how many are the target's and in what pieces; each answers to the bytes of ours.
#include "world.h"

#include "reality/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The bytes of one hello, whose randomness is always the same.
static size_t make_hello(const uint8_t **out)
{
	static const uint16_t shares[] = {GROUP_X25519};
	static struct reality_client_config config;
	static struct tls13_browser browser;
	static struct reality_client *client;

	if (client == NULL) {
		browser = tls13_browser_plain;
		browser.shares = (struct tls13_list){.values = shares, .count = 1};
		config = (struct reality_client_config){.library = world()->library,
			.random = world()->config.random,
			.browser = &browser,
			.name = "example.test",
			.short_id = {1}};
		memcpy(config.public_key, world()->public_key, 32);
		world_restart();
		MUST(reality_client_create(&config, &client) == 0);
		MUST(reality_client_begin(client, WORLD_NOW_MS) == REALITY_CLIENT_TALKING);
	}
	return tls13_stream_output(reality_client_stream(client), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// A ServerHello that fits, in front of what the input says.
	static const uint8_t head[] = {22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3};
	static const uint8_t tail[] = {
		0x13, 1, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32};
	static uint8_t start[127];
	const uint8_t *hello;
	size_t n = make_hello(&hello), target, piece;
	struct reality_server *s;
	uint64_t sent = 0;

	if (size < 2)
		return 0;
	world_restart();
	target = (size - 2) * data[0] / 255;
	piece = (size_t)data[1] + 1;
	memcpy(start, head, sizeof(head));
	start[sizeof(head) + 32] = 32;
	memcpy(start + sizeof(head) + 33, hello + RECORD_HEADER_BYTES + REALITY_SESSION_ID_AT, 32);
	memcpy(start + sizeof(head) + 65, tail, sizeof(tail));
	MUST(reality_server_create(&world()->config, &s) == 0);
	world_feed(s, REALITY_CLIENT, hello, n, n, &sent);
	MUST(reality_server_result(s) == REALITY_UNDECIDED);
	if (piece % 2 == 0)
		world_feed(s, REALITY_TARGET, start, 127, 127, &sent);
	world_feed(s, REALITY_TARGET, data + 2, target, piece, &sent);
	world_feed(s, REALITY_CLIENT, data + 2 + target, size - 2 - target, piece, &sent);
	reality_server_destroy(s);
	return 0;
}
