// SPDX-License-Identifier: BSD-3-Clause
#include "incoming.h"

// Where the reply to the request read last stands.
enum reply {
	REPLY_NOT_DUE,
	REPLY_DUE,
	REPLY_BEGUN
};

void nx_http_server_init(struct nx_http_server *server, const struct nx_http_limits *limits,
	struct nx_http_field *fields, uint16_t capacity)
{
	nx_http_incoming_init(&server->in, NX_HTTP_REQUEST, limits, fields, capacity);
	server->reply = REPLY_NOT_DUE;
	server->closing = false;
	server->switching = false;
	server->continued = false;
}

enum nx_http_event nx_http_server_read(struct nx_http_server *server, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece)
{
	struct nx_http_incoming *in = &server->in;
	enum nx_http_event event;

	*consumed = 0;
	*piece = (struct nx_http_slice){bytes, 0};
	if (server->closing) {
		*consumed = length;
		return NX_HTTP_EVENT_CLOSED;
	}
	// One request at a time: the next is read when this one has its reply, so that replies
	// cannot overtake each other and an accepted upgrade finds its bytes unread.
	if (in->phase == HTTP_IN_ENDED) {
		if (server->reply != REPLY_NOT_DUE)
			return NX_HTTP_EVENT_WAIT;
		if (server->switching)
			return NX_HTTP_EVENT_SWITCHED;
		nx_http_incoming_next(in, NX_HTTP_OTHER);
	}
	event = nx_http_incoming_read(in, bytes, length, consumed, piece);
	if (event == NX_HTTP_EVENT_HEAD) {
		server->reply = REPLY_DUE;
		server->continued = (in->head.flags & NX_HTTP_EXPECTS_CONTINUE) == 0 ||
				    in->head.framing == NX_HTTP_NO_BODY;
	} else if (event == NX_HTTP_EVENT_CONTENT) {
		server->continued = true;
	}
	return event;
}

enum nx_http_event nx_http_server_end_of_input(struct nx_http_server *server)
{
	struct nx_http_incoming *in = &server->in;

	if (server->closing)
		return NX_HTTP_EVENT_CLOSED;
	if (in->phase == HTTP_IN_FAULT)
		return NX_HTTP_EVENT_FAULT;
	if (in->phase == HTTP_IN_ENDED || in->phase == HTTP_IN_LAST) {
		if (server->reply != REPLY_NOT_DUE)
			return NX_HTTP_EVENT_WAIT;
		if (server->switching)
			return NX_HTTP_EVENT_SWITCHED;
	} else if (in->phase != HTTP_IN_HEAD || in->head.position > 0) {
		return nx_http_incoming_fault(in, NX_HTTP_TRUNCATED);
	}
	server->closing = true;
	return NX_HTTP_EVENT_CLOSED;
}

static bool is_interim(unsigned status)
{
	return status >= 100 && status < 200 && status != 101;
}

static unsigned reply_flags(const struct nx_http_server *server, unsigned status)
{
	const struct nx_http_head *head = &server->in.head;
	unsigned flags = 0;

	if (head->method == NX_HTTP_HEAD)
		flags |= NX_HTTP_WRITE_NO_CONTENT;
	if (head->method == NX_HTTP_CONNECT && status / 100 == 2)
		return flags | NX_HTTP_WRITE_TUNNEL;
	if (head->minor == 0)
		flags |= NX_HTTP_WRITE_OLD_PEER;
	// A client that waits for 100 and gets its answer may send the content or not: nobody
	// could tell where the next request begins (RFC 9110 10.1.1).
	// Nor could anybody tell after a refused CONNECT whether the client had begun with the
	// tunnel.
	if ((head->flags & NX_HTTP_PERSISTENT) == 0 || !server->continued ||
		head->method == NX_HTTP_CONNECT)
		flags |= NX_HTTP_WRITE_CLOSE;
	else if (head->minor == 0)
		flags |= NX_HTTP_WRITE_KEEP;
	return flags;
}

void nx_http_server_reply(struct nx_http_server *server, struct nx_http_writer *writer,
	struct nx_write_buffer *buffer, unsigned status, const char *reason)
{
	const struct nx_http_head *head = &server->in.head;

	nx_http_write_response(writer, buffer, status, reason, reply_flags(server, status));
	if (server->reply != REPLY_DUE)
		writer->fault = NX_HTTP_WRITE_OUT_OF_ORDER;
	else if (status == 101 && (head->flags & NX_HTTP_ASKS_UPGRADE) == 0)
		writer->fault = NX_HTTP_WRITE_STATUS_INVALID;
	else if (status < 200 && head->minor == 0)
		writer->fault = NX_HTTP_WRITE_STATUS_INVALID;
	else if (!is_interim(status))
		server->reply = REPLY_BEGUN;
}

enum nx_http_verdict nx_http_server_replied(
	struct nx_http_server *server, const struct nx_http_writer *writer)
{
	if (writer->fault != NX_HTTP_OK) {
		// Nothing of it is in the buffer: another may be written.
		if (server->reply == REPLY_BEGUN)
			server->reply = REPLY_DUE;
		return (enum nx_http_verdict)writer->fault;
	}
	if (!nx_http_writer_is_done(writer) || server->reply == REPLY_NOT_DUE)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (is_interim(writer->status)) {
		server->continued |= writer->status == 100;
		return NX_HTTP_OK;
	}
	server->reply = REPLY_NOT_DUE;
	server->switching = writer->status == 101 || (writer->flags & NX_HTTP_WRITE_TUNNEL) != 0;
	server->closing = !server->switching && writer->says_close;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_server_refuse(
	struct nx_http_server *server, struct nx_write_buffer *buffer)
{
	int status = nx_http_verdict_status((enum nx_http_verdict)server->in.fault);
	struct nx_http_writer writer;
	enum nx_http_verdict verdict;

	if (server->closing || server->in.phase != HTTP_IN_FAULT || server->reply == REPLY_BEGUN ||
		status == 0)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	nx_http_write_response(&writer, buffer, (unsigned)status, NULL, NX_HTTP_WRITE_CLOSE);
	verdict = nx_http_write_end(&writer);
	if (verdict != NX_HTTP_OK)
		return verdict;
	server->reply = REPLY_NOT_DUE;
	server->closing = true;
	return NX_HTTP_OK;
}
