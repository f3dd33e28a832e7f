// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A WebSocket client on a stream in any drive (nexwire/stream.h), for ws:// and wss://. Pings are
// answered and a peer's close is confirmed, unless told otherwise; both are still given to the
// caller. One thread at a time.

#include "nexwire/stream.h"
#include "nexwire/ws_deflate.h"

NX_BEGIN

// Zero in a member means the default.
struct nx_ws_connection_config {
	const char *url;
	const char *origin;
	const char *const *protocols; // must live as long as the connection
	size_t protocol_count;
	const struct nx_ws_field *fields; // more of the request's
	size_t field_count;
	size_t message_limit; // largest message received, 0: 16 MiB
	bool answers_nothing; // pings and closes are the caller's to answer
	// permessage-deflate is offered, and messages are compressed where the server agrees:
	// nx_ws_compression_calls() of nexwire-deflate. NULL: it is not.
	const struct nx_ws_compression_calls *compression;
	const struct nx_ws_deflate
		*deflate; // what is offered, used as long as the texts; NULL: anything
	struct nx_stream_config stream;
};

struct nx_ws_connection {
	struct nx_stream stream;
	struct nx_ws_client handshake; // agreed protocol, and the response's head
	// Private from here.
	struct nx_ws_reader reader;
	struct nx_ws_writer writer;
	struct nx_ws_compression *compression; // NULL: none was agreed
	struct nx_ws_connection_config config;
	struct nx_url url;
	char *text; // URL, host and target
	size_t text_bytes;
	char *host;
	char *target;
	uint8_t phase;
	enum nx_ws_verdict fault;
	enum nx_ws_handshake_verdict refusal;
};

// Makes a connection, connects nothing; the config's URL is copied, its other texts are used until
// nx_ws_connect is done. The connection must not move.
NX_API NX_CHECKED enum nx_client_verdict nx_ws_connection_init(
	struct nx_ws_connection *connection, const struct nx_ws_connection_config *config);
NX_API void nx_ws_connection_fini(struct nx_ws_connection *connection);

// Connects and shakes hands; anew when the connection is over. NX_CLIENT_HANDSHAKE_REFUSED:
// connection->refusal says why.
NX_API NX_CHECKED enum nx_client_verdict nx_ws_connect(struct nx_ws_connection *connection);
// The same over a connected socket, or in carried drive over none (-1).
NX_API NX_CHECKED enum nx_client_verdict nx_ws_adopt(struct nx_ws_connection *connection, int fd);

// Writes a message and sends it. NX_CLIENT_AGAIN: it is taken, part of it still has to go: flush.
// NX_CLIENT_MESSAGE_REFUSED: it is not.
NX_API NX_CHECKED enum nx_client_verdict nx_ws_send(struct nx_ws_connection *connection,
	enum nx_ws_opcode opcode, const void *data, size_t length);
// The same, left in the output until something is sent: many messages, one system call.
NX_API NX_CHECKED enum nx_client_verdict nx_ws_queue(struct nx_ws_connection *connection,
	enum nx_ws_opcode opcode, const void *data, size_t length);
NX_API NX_CHECKED enum nx_client_verdict nx_ws_flush(struct nx_ws_connection *connection);
NX_API NX_CHECKED enum nx_client_verdict nx_ws_send_close(
	struct nx_ws_connection *connection, uint16_t code, const char *reason);

// The next message, borrowed until the next call. NX_CLIENT_CLOSED: the close frame was given
// before, or the peer ended without one. NX_CLIENT_MESSAGE_INVALID: connection->fault says how.
NX_API NX_CHECKED enum nx_client_verdict nx_ws_receive(
	struct nx_ws_connection *connection, struct nx_ws_message *message);

// A message that outlives the next call, in one piece of memory: free it with
// nx_ws_message_free. NULL without memory; allocator NULL: malloc.
NX_API struct nx_ws_message *nx_ws_message_own(
	const struct nx_ws_message *message, const struct nx_allocator *allocator);
NX_API void nx_ws_message_free(struct nx_ws_message *message, const struct nx_allocator *allocator);

NX_END
