// SPDX-License-Identifier: BSD-3-Clause
#include "incoming.h"

enum {
	ASKS_UPGRADE = 0x80,
	SAYS_CLOSE = 0x40,
	METHOD = 0x3f
};

void nx_http_client_init(struct nx_http_client *client, const struct nx_http_limits *limits,
	struct nx_http_field *fields, uint16_t capacity)
{
	nx_http_incoming_init(&client->in, NX_HTTP_RESPONSE, limits, fields, capacity);
	client->first = 0;
	client->in_flight = 0;
	client->interims = 0;
	client->last_sent = false;
	client->closing = false;
	client->switched = false;
}

void nx_http_client_request(struct nx_http_client *client, struct nx_http_writer *writer,
	struct nx_write_buffer *buffer, struct nx_http_slice method, struct nx_http_slice base,
	struct nx_http_slice target)
{
	nx_http_write_request(writer, buffer, method, base, target);
	if (client->closing || client->last_sent || client->in.phase == HTTP_IN_FAULT)
		writer->fault = NX_HTTP_WRITE_CONNECTION_OVER;
	else if (client->in_flight == NX_HTTP_IN_FLIGHT)
		writer->fault = NX_HTTP_WRITE_TOO_MANY_IN_FLIGHT;
}

enum nx_http_verdict nx_http_client_requested(
	struct nx_http_client *client, const struct nx_http_writer *writer)
{
	uint8_t asked = writer->method;

	if (writer->fault != NX_HTTP_OK)
		return (enum nx_http_verdict)writer->fault;
	if (client->in_flight == NX_HTTP_IN_FLIGHT)
		return NX_HTTP_WRITE_TOO_MANY_IN_FLIGHT;
	if (writer->asks_upgrade)
		asked |= ASKS_UPGRADE;
	if (writer->says_close)
		asked |= SAYS_CLOSE;
	client->asked[(client->first + client->in_flight) % NX_HTTP_IN_FLIGHT] = asked;
	client->in_flight++;
	// What would follow these belongs to another protocol, or to nobody.
	client->last_sent =
		writer->says_close || writer->asks_upgrade || writer->method == NX_HTTP_CONNECT;
	return NX_HTTP_OK;
}

static void response_over(struct nx_http_client *client)
{
	uint8_t asked = client->asked[client->first];

	client->first = (uint8_t)((client->first + 1) % NX_HTTP_IN_FLIGHT);
	client->in_flight--;
	client->interims = 0;
	if (client->switched)
		return;
	if ((client->in.head.flags & NX_HTTP_PERSISTENT) == 0 || (asked & SAYS_CLOSE) != 0)
		client->closing = true;
	// A refused upgrade or tunnel leaves the connection as it was.
	if ((asked & ASKS_UPGRADE) != 0 || (asked & METHOD) == NX_HTTP_CONNECT)
		client->last_sent = false;
}

// What a response's head means to the connection.
static enum nx_http_event take_head(struct nx_http_client *client)
{
	struct nx_http_incoming *in = &client->in;
	uint8_t asked = client->asked[client->first];

	if (in->head.status == 101 && (asked & ASKS_UPGRADE) == 0)
		return nx_http_incoming_fault(in, NX_HTTP_UPGRADE_UNASKED);
	if (in->head.framing == NX_HTTP_OPAQUE) {
		client->switched = true;
		return NX_HTTP_EVENT_HEAD;
	}
	if (in->head.status >= 200)
		return NX_HTTP_EVENT_HEAD;
	if (++client->interims > NX_HTTP_INTERIMS)
		return nx_http_incoming_fault(in, NX_HTTP_INTERIMS_TOO_MANY);
	in->phase = HTTP_IN_ENDED;
	return NX_HTTP_EVENT_INTERIM;
}

enum nx_http_event nx_http_client_read(struct nx_http_client *client, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	struct nx_http_incoming *in = &client->in;
	enum nx_http_event event;

	*consumed = 0;
	*piece = (struct nx_http_slice){bytes, 0};
	if (client->closing) {
		*consumed = length;
		return NX_HTTP_EVENT_CLOSED;
	}
	if (in->phase == HTTP_IN_ENDED) {
		if (client->switched)
			return NX_HTTP_EVENT_SWITCHED;
		nx_http_incoming_next(in, NX_HTTP_OTHER);
	}
	if (in->phase == HTTP_IN_HEAD && in->head.position == 0) {
		if (length == 0)
			return NX_HTTP_EVENT_NONE;
		if (client->in_flight == 0)
			return nx_http_incoming_fault(in, NX_HTTP_RESPONSE_UNASKED);
		in->head.asked = client->asked[client->first] & METHOD;
	}
	event = nx_http_incoming_read(in, bytes, length, consumed, piece);
	if (event == NX_HTTP_EVENT_HEAD)
		return take_head(client);
	if (event == NX_HTTP_EVENT_END)
		response_over(client);
	return event;
}

enum nx_http_event nx_http_client_end_of_input(struct nx_http_client *client)
{
	struct nx_http_incoming *in = &client->in;

	if (client->closing)
		return NX_HTTP_EVENT_CLOSED;
	if (client->switched)
		return NX_HTTP_EVENT_SWITCHED;
	switch ((enum http_incoming_phase)in->phase) {
	case HTTP_IN_FAULT:
		return NX_HTTP_EVENT_FAULT;
	case HTTP_IN_TO_CLOSE:
		in->phase = HTTP_IN_ENDED;
		response_over(client);
		return NX_HTTP_EVENT_END;
	case HTTP_IN_HEAD:
		if (in->head.position > 0)
			return nx_http_incoming_fault(in, NX_HTTP_TRUNCATED);
		break;
	case HTTP_IN_ENDED:
		break;
	default:
		return nx_http_incoming_fault(in, NX_HTTP_TRUNCATED);
	}
	if (client->in_flight > 0)
		return nx_http_incoming_fault(in, NX_HTTP_UNANSWERED);
	client->closing = true;
	return NX_HTTP_EVENT_CLOSED;
}

bool nx_http_client_is_cut_short(
	const struct nx_http_client *client, const uint8_t *bytes, size_t length)
{
	// Reading writes what it finds to the same fields, where reading in earnest puts it again.
	struct nx_http_client ahead = *client;
	enum nx_http_event event;
	size_t at = 0;

	do {
		struct nx_http_slice piece;
		size_t consumed;

		event = nx_http_client_read(&ahead, bytes + at, length - at, &consumed, &piece);
		at += consumed;
	} while (event == NX_HTTP_EVENT_INTERIM);
	if (event != NX_HTTP_EVENT_HEAD)
		return event == NX_HTTP_EVENT_FAULT;
	return ahead.in.head.status >= 300 ||
	       (!ahead.switched && (ahead.in.head.flags & NX_HTTP_PERSISTENT) == 0);
}

void nx_http_client_cut_short(struct nx_http_client *client)
{
	if (client->in_flight > 0)
		client->asked[(client->first + client->in_flight - 1) % NX_HTTP_IN_FLIGHT] |=
			SAYS_CLOSE;
	client->last_sent = true;
}

bool nx_http_client_is_reusable(const struct nx_http_client *client)
{
	return !client->closing && !client->last_sent && !client->switched &&
	       client->in_flight < NX_HTTP_IN_FLIGHT && client->in.phase != HTTP_IN_FAULT;
}
