// SPDX-License-Identifier: BSD-3-Clause
// The parsers alone, by the first byte: a client hello, a certificate, an extension block, packed
// bytes, a session.
#include "world.h"

#include "tls13/compress.h"
#include "tls13/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hello(struct cursor c)
{
	struct client_hello h;
	struct cursor share;

	if (client_hello_parse(c, &h) != TLS13_OK)
		return;
	for (const uint8_t *p = h.name.p; p != h.name.end; p++)
		MUST(*p != 0);
	MUST(cursor_left(&h.session_id) <= SESSION_ID_BYTES_MAX);
	if (client_hello_share(&h, GROUP_X25519, &share))
		MUST(share.p >= c.p && share.end <= c.end);
}

static void certificate(struct cursor c)
{
	static const uint16_t sent[] = {EXTENSION_STATUS_REQUEST};
	struct extension_rule rule = {.sent = sent, .sent_count = 1, .allowed = IN_CERTIFICATE};
	struct chain_entries entries;
	struct chain chain;

	if (chain_parse(c, &rule, &entries) == TLS13_OK &&
		chain_decode(&entries, &chain) == TLS13_OK)
		chain_clear(&chain);
}

static void extensions(struct cursor c)
{
	static const uint16_t sent[] = {EXTENSION_ALPN, EXTENSION_SERVER_NAME, EXTENSION_KEY_SHARE};
	struct extension_rule rule = {
		.sent = sent, .sent_count = 3, .allowed = IN_ENCRYPTED_EXTENSIONS};
	struct extensions e;

	if (extensions_parse(c, &rule, &e) == TLS13_OK)
		MUST((e.have & ~(uint32_t)IN_ENCRYPTED_EXTENSIONS) == 0);
}

static void packed(struct cursor c)
{
	uint8_t algorithm;
	uint16_t length;
	uint8_t *out;

	if (!cursor_take_u8(&c, &algorithm) || !cursor_take_u16(&c, &length) || length == 0)
		return;
	out = malloc(length);
	(void)compression_unpack(algorithm % 4, c, out, length);
	free(out);
}

static void session(struct cursor c)
{
	struct session s = {0};

	if (session_restore(&s, c) && session_is_alive(&s, WORLD_NOW_MS))
		MUST(s.ticket_length != 0 && s.ticket_length <= TICKET_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct cursor) = {
		hello, certificate, extensions, packed, session};

	if (size != 0)
		parsers[data[0] % nx_array_size(parsers)](cursor_over(data + 1, size - 1));
	return 0;
}
