// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/ws_connection.h"

#include <string.h>
#include <sys/random.h>

enum ws_phase {
	WS_IDLE,
	WS_CONNECTING,
	WS_ASKED, // the handshake's request is written
	WS_OPEN
};

static bool draw(void *context, void *memory, size_t bytes)
{
	(void)context;
	return getrandom(memory, bytes, 0) == (ssize_t)bytes;
}

static const struct nx_allocator *allocator_of(const struct nx_ws_connection *connection)
{
	const struct nx_allocator *given = connection->config.stream.allocator;

	return given != NULL ? given : &nx_allocator_default;
}

static char *text_put(char *at, struct nx_http_slice slice)
{
	memcpy(at, slice.data, slice.length);
	at[slice.length] = 0;
	return at + slice.length + 1;
}

// One piece of memory holds the URL, and its host and target as the handshake wants them.
static enum nx_client_verdict url_take(struct nx_ws_connection *connection, const char *url)
{
	const struct nx_allocator *allocator = allocator_of(connection);
	size_t length = strlen(url);

	// The target may be a "/" that the URL does not have.
	connection->text_bytes = 2 * length + 5;
	connection->text = allocator->allocate(allocator->context, connection->text_bytes);
	if (connection->text == NULL)
		return NX_CLIENT_NO_MEMORY;
	memcpy(connection->text, url, length + 1);
	if (nx_url_parse(nx_http_text(connection->text), &connection->url) != NX_URL_OK ||
		!connection->url.is_websocket)
		return NX_CLIENT_URL_INVALID;
	connection->host = connection->text + length + 1;
	connection->target = text_put(connection->host, connection->url.authority);
	text_put(connection->target, connection->url.target);
	if (connection->url.is_tls && connection->config.stream.tls == NULL)
		return NX_CLIENT_TLS_CONTEXT_MISSING;
	return NX_CLIENT_DONE;
}

enum nx_client_verdict nx_ws_connection_init(
	struct nx_ws_connection *connection, const struct nx_ws_connection_config *config)
{
	enum nx_client_verdict verdict;

	memset(connection, 0, sizeof(*connection));
	connection->config = *config;
	verdict = nx_stream_init(&connection->stream, &config->stream);
	if (verdict != NX_CLIENT_DONE)
		return verdict;
	verdict = url_take(connection, config->url);
	if (verdict != NX_CLIENT_DONE)
		nx_ws_connection_fini(connection);
	return verdict;
}

static void frames_end(struct nx_ws_connection *connection)
{
	if (connection->compression != NULL)
		connection->config.compression->destroy(connection->compression);
	connection->compression = NULL;
	if (connection->phase == WS_OPEN)
		nx_ws_reader_fini(&connection->reader);
	connection->phase = WS_IDLE;
}

void nx_ws_connection_fini(struct nx_ws_connection *connection)
{
	const struct nx_allocator *allocator = allocator_of(connection);

	frames_end(connection);
	nx_stream_fini(&connection->stream);
	if (connection->text != NULL)
		allocator->release(allocator->context, connection->text, connection->text_bytes);
	connection->text = NULL;
}

static enum nx_client_verdict over(
	struct nx_ws_connection *connection, enum nx_client_verdict verdict)
{
	connection->stream.over = verdict;
	return verdict;
}

static enum nx_client_verdict ask(struct nx_ws_connection *connection)
{
	const struct nx_ws_connection_config *config = &connection->config;
	static const struct nx_ws_deflate anything = {.client_window_may_shrink = true};
	struct nx_ws_client_config handshake = {
		.host = connection->host,
		.target = connection->target,
		.origin = config->origin,
		.protocols = config->protocols,
		.protocol_count = config->protocol_count,
		.fields = config->fields,
		.field_count = config->field_count,
	};

	if (config->compression != NULL)
		handshake.deflate = config->deflate != NULL ? config->deflate : &anything;
	connection->refusal = nx_ws_client_ask(
		&connection->handshake, &handshake, draw, NULL, &connection->stream.out);
	if (connection->refusal != NX_WS_HANDSHAKE_DONE)
		return over(connection, NX_CLIENT_REQUEST_INVALID);
	connection->phase = WS_ASKED;
	return NX_CLIENT_DONE;
}

static bool compression_begin(struct nx_ws_connection *connection)
{
	const struct nx_ws_client *handshake = &connection->handshake;
	struct nx_ws_compression_config compression = {
		.message_limit = connection->config.message_limit,
		.allocator = connection->config.stream.allocator,
	};

	return !handshake->compression ||
	       connection->config.compression->create(NX_WS_CLIENT, &handshake->agreed,
		       &compression, &connection->compression) == 0;
}

static enum nx_client_verdict frames_begin(struct nx_ws_connection *connection)
{
	struct nx_ws_reader_config reader = {
		.role = NX_WS_CLIENT,
		.compression = connection->handshake.compression,
		.frame_limit = connection->config.message_limit,
		.message_limit = connection->config.message_limit,
		.allocator = connection->config.stream.allocator,
	};

	if (nx_ws_reader_init(&connection->reader, &connection->stream.in, &reader) != 0 ||
		nx_ws_writer_init(&connection->writer, NX_WS_CLIENT, draw, NULL, NX_SIMD_WIDEST) !=
			0)
		return over(connection, NX_CLIENT_NO_MEMORY);
	connection->phase = WS_OPEN;
	return compression_begin(connection) ? NX_CLIENT_DONE
					     : over(connection, NX_CLIENT_NO_MEMORY);
}

static enum nx_client_verdict answer_read(struct nx_ws_connection *connection)
{
	enum nx_client_verdict verdict;

	for (;;) {
		connection->refusal =
			nx_ws_client_read(&connection->handshake, &connection->stream.in);
		if (connection->refusal == NX_WS_HANDSHAKE_DONE)
			return frames_begin(connection);
		if (connection->refusal != NX_WS_HANDSHAKE_NEED_MORE)
			return over(connection, NX_CLIENT_HANDSHAKE_REFUSED);
		verdict = nx_stream_fill(&connection->stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
	}
}

static enum nx_client_verdict open_on(
	struct nx_ws_connection *connection, enum nx_client_verdict verdict)
{
	if (verdict == NX_CLIENT_DONE && connection->phase == WS_CONNECTING)
		verdict = ask(connection);
	if (verdict == NX_CLIENT_DONE)
		verdict = nx_stream_flush(&connection->stream);
	if (verdict == NX_CLIENT_DONE)
		verdict = answer_read(connection);
	return verdict;
}

enum nx_client_verdict nx_ws_connect(struct nx_ws_connection *connection)
{
	if (connection->stream.over == NX_CLIENT_DONE) {
		if (connection->phase == WS_OPEN)
			return NX_CLIENT_DONE;
		if (connection->phase != WS_IDLE)
			return open_on(connection, nx_stream_ready(&connection->stream));
	}
	frames_end(connection);
	connection->phase = WS_CONNECTING;
	return open_on(connection, nx_stream_connect(&connection->stream, &connection->url));
}

enum nx_client_verdict nx_ws_adopt(struct nx_ws_connection *connection, int fd)
{
	frames_end(connection);
	connection->phase = WS_CONNECTING;
	return open_on(connection, nx_stream_adopt(&connection->stream, &connection->url, fd));
}

static enum nx_ws_write_verdict write_once(struct nx_ws_connection *connection,
	enum nx_ws_opcode opcode, const void *data, size_t length)
{
	struct nx_write_buffer *out = &connection->stream.out;

	if (connection->compression != NULL && opcode < NX_WS_CLOSE)
		return connection->config.compression->write(
			connection->compression, &connection->writer, out, opcode, data, length);
	return nx_ws_write(&connection->writer, out, opcode, data, length);
}

// Room is made by sending what is there.
static enum nx_ws_write_verdict write_message(struct nx_ws_connection *connection,
	enum nx_ws_opcode opcode, const void *data, size_t length)
{
	struct nx_write_buffer *out = &connection->stream.out;
	enum nx_ws_write_verdict written = write_once(connection, opcode, data, length);

	if (written != NX_WS_WRITE_NO_ROOM || nx_write_buffer_length(out) == 0)
		return written;
	if (nx_stream_flush(&connection->stream) == NX_CLIENT_AGAIN)
		nx_write_buffer_compact(out);
	return write_once(connection, opcode, data, length);
}

enum nx_client_verdict nx_ws_queue(struct nx_ws_connection *connection, enum nx_ws_opcode opcode,
	const void *data, size_t length)
{
	if (connection->phase != WS_OPEN || connection->stream.over != NX_CLIENT_DONE)
		return NX_CLIENT_POISONED;
	return write_message(connection, opcode, data, length) == NX_WS_WRITTEN
		       ? NX_CLIENT_DONE
		       : NX_CLIENT_MESSAGE_REFUSED;
}

enum nx_client_verdict nx_ws_flush(struct nx_ws_connection *connection)
{
	return nx_stream_flush(&connection->stream);
}

enum nx_client_verdict nx_ws_send(struct nx_ws_connection *connection, enum nx_ws_opcode opcode,
	const void *data, size_t length)
{
	enum nx_client_verdict verdict;

	nx_stream_begin(&connection->stream);
	verdict = nx_ws_queue(connection, opcode, data, length);
	return verdict == NX_CLIENT_DONE ? nx_stream_flush(&connection->stream) : verdict;
}

enum nx_client_verdict nx_ws_send_close(
	struct nx_ws_connection *connection, uint16_t code, const char *reason)
{
	if (connection->phase != WS_OPEN || connection->stream.over != NX_CLIENT_DONE)
		return NX_CLIENT_POISONED;
	nx_stream_begin(&connection->stream);
	if (nx_ws_write_close(&connection->writer, &connection->stream.out, code, reason,
		    reason != NULL ? strlen(reason) : 0) != NX_WS_WRITTEN)
		return NX_CLIENT_MESSAGE_REFUSED;
	return nx_stream_flush(&connection->stream);
}

// A failed answer shows when the next message is asked for.
static void answer(struct nx_ws_connection *connection, const struct nx_ws_message *message)
{
	struct nx_write_buffer *out = &connection->stream.out;
	enum nx_ws_write_verdict written;

	if (message->opcode == NX_WS_PING)
		written = nx_ws_write(
			&connection->writer, out, NX_WS_PONG, message->data, message->length);
	else
		written = nx_ws_write_close(&connection->writer, out, message->close_code, NULL, 0);
	if (written == NX_WS_WRITTEN)
		(void)!nx_stream_flush(&connection->stream);
}

static enum nx_client_verdict end_of_messages(
	struct nx_ws_connection *connection, enum nx_ws_verdict verdict)
{
	if (verdict == NX_WS_CLOSED)
		return over(connection, NX_CLIENT_CLOSED);
	connection->fault = verdict;
	if (!connection->config.answers_nothing &&
		nx_ws_write_close(&connection->writer, &connection->stream.out,
			nx_ws_close_code_for(verdict), NULL, 0) == NX_WS_WRITTEN)
		(void)!nx_stream_flush(&connection->stream);
	return over(connection, NX_CLIENT_MESSAGE_INVALID);
}

enum nx_client_verdict nx_ws_receive(
	struct nx_ws_connection *connection, struct nx_ws_message *message)
{
	if (connection->phase != WS_OPEN || connection->stream.over != NX_CLIENT_DONE)
		return connection->stream.over == NX_CLIENT_CLOSED ? NX_CLIENT_CLOSED
								   : NX_CLIENT_POISONED;
	for (bool has_waited = false;;) {
		enum nx_ws_verdict verdict = nx_ws_reader_next(&connection->reader, message);
		enum nx_client_verdict filled;

		if (verdict == NX_WS_MESSAGE && connection->compression != NULL)
			verdict = connection->config.compression->inflate(
				connection->compression, message);
		if (verdict == NX_WS_MESSAGE) {
			if (message->opcode >= NX_WS_CLOSE && message->opcode != NX_WS_PONG &&
				!connection->config.answers_nothing)
				answer(connection, message);
			return NX_CLIENT_DONE;
		}
		if (verdict != NX_WS_NEED_MORE)
			return end_of_messages(connection, verdict);
		if (!has_waited)
			nx_stream_begin(&connection->stream);
		has_waited = true;
		filled = nx_stream_fill(&connection->stream);
		if (filled != NX_CLIENT_DONE)
			return filled;
	}
}

struct nx_ws_message *nx_ws_message_own(
	const struct nx_ws_message *message, const struct nx_allocator *allocator)
{
	struct nx_ws_message *owned;

	if (allocator == NULL)
		allocator = &nx_allocator_default;
	owned = allocator->allocate(allocator->context, sizeof(*owned) + message->length);
	if (owned == NULL)
		return NULL;
	*owned = *message;
	owned->data = memcpy(owned + 1, message->data, message->length);
	return owned;
}

void nx_ws_message_free(struct nx_ws_message *message, const struct nx_allocator *allocator)
{
	if (allocator == NULL)
		allocator = &nx_allocator_default;
	if (message != NULL)
		allocator->release(allocator->context, message, sizeof(*message) + message->length);
}
