// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of the client share.

#include "nexwire/stream.h"

enum stream_phase {
	STREAM_IDLE,
	STREAM_CONNECTING,
	STREAM_SHAKING, // hands, for TLS
	STREAM_OPEN
};

enum nx_client_verdict nx_stream_over(struct nx_stream *stream, enum nx_client_verdict verdict);
enum nx_client_verdict nx_stream_check_time(struct nx_stream *stream);
uint64_t nx_stream_now_ms(void);
// Takes what has come into `in`, without waiting in any drive: while `hears` is set.
enum nx_client_verdict nx_stream_hear(struct nx_stream *stream);
// Gives up what has not been sent, for ever.
void nx_stream_mute(struct nx_stream *stream);
// Sends what out holds; a carried stream has sent it when its caller has taken it all.
enum nx_client_verdict nx_stream_send(struct nx_stream *stream, struct nx_write_buffer *out);

// Of the room there is, what one receive may fill.
static inline size_t nx_stream_receive_most(const struct nx_stream *stream, size_t room)
{
	size_t most = stream->config.receive_most_bytes;

	return most > 0 && most < room ? most : room;
}

// The socket.
enum nx_client_verdict nx_socket_connect(struct nx_stream *stream, const struct nx_url *url);
// After NX_CLIENT_AGAIN: is it connected? Goes on to the next address where one has failed.
enum nx_client_verdict nx_socket_connected(struct nx_stream *stream);
void nx_socket_forget_addresses(struct nx_stream *stream);
bool nx_socket_set(struct nx_stream *stream, int fd);
// Blocking calls end at the deadline.
void nx_socket_limit_time(struct nx_stream *stream);
// Waits until it may send, receive or has ended, or the deadline has come.
void nx_socket_wait(struct nx_stream *stream, short events);
// NX_CLIENT_DONE: *n bytes went or came, 0: the peer sends no more.
enum nx_client_verdict nx_socket_send(
	struct nx_stream *stream, const uint8_t *data, size_t length, size_t *n);
enum nx_client_verdict nx_socket_receive(
	struct nx_stream *stream, uint8_t *data, size_t room, size_t *n);

// From the connect timeout to that of operations.
void nx_socket_set_timeout(struct nx_stream *stream);
// What is there now, without waiting in any drive.
enum nx_client_verdict nx_socket_receive_now(
	struct nx_stream *stream, uint8_t *data, size_t room, size_t *n);

// TLS over it.
enum nx_client_verdict nx_secure_begin(struct nx_stream *stream, const struct nx_url *url);
enum nx_client_verdict nx_secure_shake(struct nx_stream *stream);
enum nx_client_verdict nx_secure_fill(struct nx_stream *stream);
enum nx_client_verdict nx_secure_flush(struct nx_stream *stream);
// Encrypts what fits; false at a fault, which *verdict says.
bool nx_secure_encrypt(struct nx_stream *stream, enum nx_client_verdict *verdict);
// What an idle connection received: NX_CLIENT_AGAIN when it was for TLS alone.
enum nx_client_verdict nx_secure_take_idle(struct nx_stream *stream);
// Tries to send close_notify; nothing comes of it when that would wait.
void nx_secure_farewell(struct nx_stream *stream);
