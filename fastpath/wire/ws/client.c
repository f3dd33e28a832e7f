// SPDX-License-Identifier: BSD-3-Clause

// The client's side of the opening handshake (RFC 6455 4.1).

#include <string.h>

#include "wire/ws/extensions.h"
#include "wire/ws/head_text.h"
#include "wire/ws/key.h"
#include "wire/ws/upgrade.h"

static void put_protocols(struct head_text *text, const struct nx_ws_client_config *config)
{
	if (config->protocol_count == 0)
		return;
	nx_head_text_put(text, "Sec-WebSocket-Protocol: ");
	for (size_t i = 0; i < config->protocol_count; i++) {
		struct nx_http_slice protocol = nx_slice_of(config->protocols[i]);

		if (!nx_is_token(protocol))
			text->fault = NX_WS_HANDSHAKE_ARGUMENT_INVALID;
		nx_head_text_put(text, i > 0 ? ", " : "");
		nx_head_text_word(text, protocol);
	}
	nx_head_text_put(text, "\r\n");
}

enum nx_ws_handshake_verdict nx_ws_client_ask(struct nx_ws_client *client,
	const struct nx_ws_client_config *config, nx_random random, void *context,
	struct nx_write_buffer *buffer)
{
	struct head_text text = nx_head_text_begin(buffer);
	uint8_t bytes[KEY_BYTES];
	char key[NX_WS_KEY + 1];
	char extension[192];

	if (!random(context, bytes, sizeof(bytes)))
		return NX_WS_HANDSHAKE_RANDOM_FAILED;
	*client = (struct nx_ws_client){.protocol = -1,
		.protocols = config->protocols,
		.protocol_count = config->protocol_count,
		.offered = config->deflate != NULL};
	nx_http_head_init(
		&client->head, NX_HTTP_RESPONSE, config->limits, client->fields, NX_WS_FIELDS);
	nx_http_head_reset(&client->head, NX_HTTP_GET);
	nx_key_text(bytes, key);
	nx_ws_accept_of(key, client->accept);
	nx_head_text_put(&text, "GET ");
	nx_head_text_word(&text, nx_slice_of(config->target));
	nx_head_text_put(&text, " HTTP/1.1\r\nHost: ");
	nx_head_text_word(&text, nx_slice_of(config->host));
	nx_head_text_put(&text, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
	nx_head_text_field(&text, "Sec-WebSocket-Key", key);
	nx_head_text_field(&text, "Sec-WebSocket-Version", "13");
	if (config->origin != NULL)
		nx_head_text_field(&text, "Origin", config->origin);
	put_protocols(&text, config);
	if (config->deflate != NULL) {
		client->offer = *config->deflate;
		nx_extension_text(config->deflate, true, extension);
		nx_head_text_field(&text, "Sec-WebSocket-Extensions", extension);
	}
	nx_head_text_fields(&text, config->fields, config->field_count);
	return nx_head_text_end(&text);
}

static enum nx_ws_handshake_verdict judge_accept(
	const struct nx_ws_client *client, const uint8_t *bytes)
{
	unsigned int count;
	struct nx_http_slice accept =
		nx_field_value(&client->head, bytes, "Sec-WebSocket-Accept", &count);

	if (count == 0)
		return NX_WS_HANDSHAKE_ACCEPT_MISSING;
	if (count > 1 || accept.length != NX_WS_ACCEPT ||
		memcmp(accept.data, client->accept, NX_WS_ACCEPT) != 0)
		return NX_WS_HANDSHAKE_ACCEPT_WRONG;
	return NX_WS_HANDSHAKE_DONE;
}

static enum nx_ws_handshake_verdict judge_protocol(
	struct nx_ws_client *client, const uint8_t *bytes)
{
	unsigned int count;
	struct nx_http_slice chosen =
		nx_field_value(&client->head, bytes, "Sec-WebSocket-Protocol", &count);

	if (count == 0)
		return NX_WS_HANDSHAKE_DONE;
	if (count > 1 || !nx_is_token(chosen))
		return NX_WS_HANDSHAKE_PROTOCOL_INVALID;
	// Names of subprotocols are compared with their case.
	for (size_t i = 0; i < client->protocol_count; i++)
		if (chosen.length == strlen(client->protocols[i]) &&
			memcmp(chosen.data, client->protocols[i], chosen.length) == 0)
			client->protocol = (int)i;
	return client->protocol < 0 ? NX_WS_HANDSHAKE_PROTOCOL_NOT_OFFERED : NX_WS_HANDSHAKE_DONE;
}

// RFC 7692 7.1: what the server says must be an answer to what was offered.
static bool answers(const struct nx_ws_deflate *offer, const struct nx_ws_deflate *agreed)
{
	if (offer->server_no_context_takeover && !agreed->server_no_context_takeover)
		return false;
	if (offer->server_max_window_bits != 0 &&
		(agreed->server_max_window_bits == 0 ||
			agreed->server_max_window_bits > offer->server_max_window_bits))
		return false;
	if (agreed->client_max_window_bits == 0)
		return true;
	if (offer->client_max_window_bits != 0)
		return agreed->client_max_window_bits <= offer->client_max_window_bits;
	return offer->client_window_may_shrink;
}

static enum nx_ws_handshake_verdict judge_extension(
	struct nx_ws_client *client, struct nx_http_slice value)
{
	struct words words = words_of(value);

	for (;;) {
		switch (nx_extension_next(&words, false, &client->agreed)) {
		case EXTENSION_NONE:
			return NX_WS_HANDSHAKE_DONE;
		case EXTENSION_DEFLATE:
			if (!client->offered || client->compression)
				return NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED;
			if (!answers(&client->offer, &client->agreed))
				return NX_WS_HANDSHAKE_EXTENSION_INVALID;
			client->compression = true;
			break;
		case EXTENSION_OTHER:
			return NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED;
		default:
			return NX_WS_HANDSHAKE_EXTENSION_INVALID;
		}
	}
}

static enum nx_ws_handshake_verdict judge_extensions(
	struct nx_ws_client *client, const uint8_t *bytes)
{
	enum nx_ws_handshake_verdict verdict = NX_WS_HANDSHAKE_DONE;
	int i = -1;

	while (verdict == NX_WS_HANDSHAKE_DONE && (i = nx_http_field_find(&client->head, bytes,
							   "Sec-WebSocket-Extensions", i + 1)) >= 0)
		verdict = judge_extension(
			client, nx_http_span_of(bytes, client->head.fields[i].value));
	return verdict;
}

enum nx_ws_handshake_verdict nx_ws_client_read(
	struct nx_ws_client *client, struct nx_read_buffer *buffer)
{
	const uint8_t *bytes = nx_read_buffer_data(buffer);
	enum nx_ws_handshake_verdict verdict = nx_read_head(&client->head, buffer, &client->http);

	if (verdict != NX_WS_HANDSHAKE_DONE)
		return verdict;
	if (client->head.status != 101)
		return NX_WS_HANDSHAKE_STATUS_NOT_101;
	verdict = nx_judge_upgrade(&client->head, bytes);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = judge_accept(client, bytes);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = judge_protocol(client, bytes);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = judge_extensions(client, bytes);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		buffer->head += client->head.length;
	return verdict;
}
