// SPDX-License-Identifier: BSD-3-Clause

// The server's side of the opening handshake (RFC 6455 4.2).

#include <stdio.h>
#include <string.h>

#include "wire/ws/extensions.h"
#include "wire/ws/head_text.h"
#include "wire/ws/key.h"
#include "wire/ws/upgrade.h"

void nx_ws_request_init(struct nx_ws_request *request, const struct nx_http_limits *limits)
{
	*request = (struct nx_ws_request){0};
	nx_http_head_init(&request->head, NX_HTTP_REQUEST, limits, request->fields, NX_WS_FIELDS);
}

// Subprotocols are tokens and come once each (RFC 6455 4.1 item 10).
static enum nx_ws_handshake_verdict protocols_take(
	struct nx_ws_request *request, struct nx_http_slice value)
{
	struct words words = words_of(value);

	do {
		struct nx_http_slice token;

		nx_words_skip_space(&words);
		if (!nx_words_token(&words, &token))
			return NX_WS_HANDSHAKE_PROTOCOL_INVALID;
		if (request->protocol_count < NX_WS_PROTOCOLS)
			request->protocols[request->protocol_count++] = token;
	} while (nx_words_byte(&words, ','));
	return words.at == words.end ? NX_WS_HANDSHAKE_DONE : NX_WS_HANDSHAKE_PROTOCOL_INVALID;
}

// Offers that cannot be met are declined one by one (RFC 7692 5.1 and 7.1).
static enum nx_ws_handshake_verdict offers_take(
	struct nx_ws_request *request, struct nx_http_slice value)
{
	struct words words = words_of(value);
	struct nx_ws_deflate offer;
	enum extension found;

	while ((found = nx_extension_next(&words, true, &offer)) != EXTENSION_NONE) {
		if (found == EXTENSION_MALFORMED)
			return NX_WS_HANDSHAKE_EXTENSION_INVALID;
		if (found == EXTENSION_DEFLATE && request->offer_count < NX_WS_OFFERS)
			request->offers[request->offer_count++] = offer;
	}
	return NX_WS_HANDSHAKE_DONE;
}

// Calls take for each field of a name, which may be cut over several lines.
static enum nx_ws_handshake_verdict each_field(struct nx_ws_request *request, const char *name,
	enum nx_ws_handshake_verdict (*take)(struct nx_ws_request *, struct nx_http_slice))
{
	int i = -1;

	while ((i = nx_http_field_find(&request->head, request->bytes, name, i + 1)) >= 0) {
		enum nx_ws_handshake_verdict verdict = take(
			request, nx_http_span_of(request->bytes, request->head.fields[i].value));

		if (verdict != NX_WS_HANDSHAKE_DONE)
			return verdict;
	}
	return NX_WS_HANDSHAKE_DONE;
}

static enum nx_ws_handshake_verdict judge_key(struct nx_ws_request *request)
{
	unsigned int count;
	struct nx_http_slice key =
		nx_field_value(&request->head, request->bytes, "Sec-WebSocket-Key", &count);

	if (count == 0)
		return NX_WS_HANDSHAKE_KEY_MISSING;
	if (count > 1 || !nx_key_is_valid(key))
		return NX_WS_HANDSHAKE_KEY_INVALID;
	nx_ws_accept_of((const char *)key.data, request->accept);
	return NX_WS_HANDSHAKE_DONE;
}

static enum nx_ws_handshake_verdict judge_version(const struct nx_ws_request *request)
{
	unsigned int count;
	struct nx_http_slice version =
		nx_field_value(&request->head, request->bytes, "Sec-WebSocket-Version", &count);

	if (count == 0)
		return NX_WS_HANDSHAKE_VERSION_MISSING;
	return count == 1 && nx_http_same(version, "13") ? NX_WS_HANDSHAKE_DONE
							 : NX_WS_HANDSHAKE_VERSION_UNSUPPORTED;
}

static enum nx_ws_handshake_verdict judge(struct nx_ws_request *request)
{
	const struct nx_http_head *head = &request->head;
	enum nx_ws_handshake_verdict verdict;
	unsigned int origins;

	if (head->method != NX_HTTP_GET)
		return NX_WS_HANDSHAKE_METHOD_NOT_GET;
	if (head->minor == 0)
		return NX_WS_HANDSHAKE_HTTP_TOO_OLD;
	if (head->framing != NX_HTTP_NO_BODY)
		return NX_WS_HANDSHAKE_BODY_PRESENT;
	verdict = nx_judge_upgrade(head, request->bytes);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = judge_version(request);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = judge_key(request);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = each_field(request, "Sec-WebSocket-Protocol", protocols_take);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		verdict = each_field(request, "Sec-WebSocket-Extensions", offers_take);
	request->target = nx_http_span_of(request->bytes, head->target);
	request->host = nx_http_span_of(request->bytes, head->authority);
	request->origin = nx_field_value(head, request->bytes, "Origin", &origins);
	if (verdict == NX_WS_HANDSHAKE_DONE && origins > 1)
		return NX_WS_HANDSHAKE_ORIGIN_REPEATED;
	return verdict;
}

enum nx_ws_handshake_verdict nx_ws_request_read(
	struct nx_ws_request *request, struct nx_read_buffer *buffer)
{
	enum nx_ws_handshake_verdict verdict = nx_read_head(&request->head, buffer, &request->http);

	if (verdict != NX_WS_HANDSHAKE_DONE)
		return verdict;
	request->bytes = nx_read_buffer_data(buffer);
	verdict = judge(request);
	if (verdict == NX_WS_HANDSHAKE_DONE)
		buffer->head += request->head.length;
	return verdict;
}

enum nx_ws_handshake_verdict nx_ws_accept(const struct nx_ws_request *request,
	struct nx_write_buffer *buffer, int protocol, const struct nx_ws_deflate *deflate,
	const struct nx_ws_field *fields, size_t count)
{
	struct head_text text = nx_head_text_begin(buffer);
	char extension[192];

	if (protocol >= (int)request->protocol_count)
		return NX_WS_HANDSHAKE_ARGUMENT_INVALID;
	nx_head_text_put(&text, "HTTP/1.1 101 Switching Protocols\r\n"
				"Upgrade: websocket\r\n"
				"Connection: Upgrade\r\n");
	nx_head_text_field(&text, "Sec-WebSocket-Accept", request->accept);
	if (protocol >= 0) {
		nx_head_text_put(&text, "Sec-WebSocket-Protocol: ");
		nx_head_text_word(&text, request->protocols[protocol]);
		nx_head_text_put(&text, "\r\n");
	}
	if (deflate != NULL) {
		nx_extension_text(deflate, false, extension);
		nx_head_text_field(&text, "Sec-WebSocket-Extensions", extension);
	}
	nx_head_text_fields(&text, fields, count);
	return nx_head_text_end(&text);
}

static const char *status_of(
	const struct nx_ws_request *request, enum nx_ws_handshake_verdict verdict)
{
	if (verdict == NX_WS_HANDSHAKE_METHOD_NOT_GET)
		return "405 Method Not Allowed";
	if (verdict == NX_WS_HANDSHAKE_HTTP_TOO_OLD)
		return "505 HTTP Version Not Supported";
	if (verdict == NX_WS_HANDSHAKE_UPGRADE_MISSING ||
		verdict == NX_WS_HANDSHAKE_VERSION_UNSUPPORTED)
		return "426 Upgrade Required";
	if (verdict != NX_WS_HANDSHAKE_HEAD_INVALID)
		return "400 Bad Request";
	switch (nx_http_verdict_status(request->http)) {
	case 413:
		return "413 Content Too Large";
	case 414:
		return "414 URI Too Long";
	case 417:
		return "417 Expectation Failed";
	case 431:
		return "431 Request Header Fields Too Large";
	case 501:
		return "501 Not Implemented";
	case 505:
		return "505 HTTP Version Not Supported";
	default:
		return "400 Bad Request";
	}
}

enum nx_ws_handshake_verdict nx_ws_refuse(const struct nx_ws_request *request,
	struct nx_write_buffer *buffer, enum nx_ws_handshake_verdict verdict)
{
	struct head_text text = nx_head_text_begin(buffer);
	const char *reason = verdict == NX_WS_HANDSHAKE_HEAD_INVALID
				     ? nx_http_verdict_text(request->http)
				     : nx_ws_handshake_verdict_text(verdict);
	char length[24];
	enum nx_ws_handshake_verdict written;

	if (verdict < NX_WS_HANDSHAKE_HEAD_INVALID || verdict >= NX_WS_HANDSHAKE_STATUS_NOT_101)
		return NX_WS_HANDSHAKE_ARGUMENT_INVALID;
	snprintf(length, sizeof(length), "%zu", strlen(reason) + 1);
	nx_head_text_put(&text, "HTTP/1.1 ");
	nx_head_text_put(&text, status_of(request, verdict));
	nx_head_text_put(&text, "\r\n");
	if (verdict == NX_WS_HANDSHAKE_METHOD_NOT_GET)
		nx_head_text_field(&text, "Allow", "GET");
	// RFC 6455 4.4 and RFC 9110 15.5.22: what would be accepted.
	if (verdict == NX_WS_HANDSHAKE_VERSION_UNSUPPORTED)
		nx_head_text_field(&text, "Sec-WebSocket-Version", "13");
	if (verdict == NX_WS_HANDSHAKE_UPGRADE_MISSING ||
		verdict == NX_WS_HANDSHAKE_VERSION_UNSUPPORTED)
		nx_head_text_put(&text, "Upgrade: websocket\r\nConnection: Upgrade, close\r\n");
	else
		nx_head_text_put(&text, "Connection: close\r\n");
	nx_head_text_field(&text, "Content-Type", "text/plain");
	nx_head_text_field(&text, "Content-Length", length);
	written = nx_head_text_end(&text);
	if (written != NX_WS_HANDSHAKE_DONE)
		return written;
	if (nx_write_buffer_room(buffer) <= strlen(reason)) {
		buffer->tail = text.begin;
		return NX_WS_HANDSHAKE_NO_ROOM;
	}
	nx_head_text_put(&text, reason);
	nx_head_text_put(&text, "\n");
	return NX_WS_HANDSHAKE_DONE;
}
