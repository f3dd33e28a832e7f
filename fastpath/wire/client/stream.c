// SPDX-License-Identifier: BSD-3-Clause
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_TIMEOUT_MS = 10000,
	TIMEOUT_MS = 30000,
	BUFFER_BYTES = 64 * 1024
};

enum nx_client_verdict nx_stream_init(
	struct nx_stream *stream, const struct nx_stream_config *config)
{
	size_t in = config->in_bytes ? config->in_bytes : BUFFER_BYTES;
	size_t out = config->out_bytes ? config->out_bytes : BUFFER_BYTES;

	memset(stream, 0, sizeof(*stream));
	stream->config = *config;
	stream->fd = -1;
	stream->over = NX_CLIENT_POISONED;
	if (config->connect_timeout_ms == 0)
		stream->config.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (config->timeout_ms == 0)
		stream->config.timeout_ms = TIMEOUT_MS;
	if (nx_read_buffer_create(&stream->in, in, config->allocator) != NX_BUFFER_OK)
		return NX_CLIENT_NO_MEMORY;
	if (nx_write_buffer_create(&stream->out, out, NX_WRITE_HEADROOM, config->allocator) !=
		NX_BUFFER_OK) {
		nx_read_buffer_fini(&stream->in);
		return NX_CLIENT_NO_MEMORY;
	}
	return NX_CLIENT_DONE;
}

void nx_stream_fini(struct nx_stream *stream)
{
	nx_stream_close(stream);
	nx_read_buffer_fini(&stream->in);
	nx_write_buffer_fini(&stream->out);
}

// The verdict that ends the stream; others pass through.
enum nx_client_verdict nx_stream_over(struct nx_stream *stream, enum nx_client_verdict verdict)
{
	if (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN &&
		stream->over == NX_CLIENT_DONE)
		stream->over = verdict;
	return verdict;
}

enum nx_client_verdict nx_stream_check_time(struct nx_stream *stream)
{
	return nx_stream_now_ms() > stream->deadline_ms ? NX_CLIENT_TIMED_OUT : NX_CLIENT_DONE;
}

// A call that would have to wait, or that has waited, past the deadline.
static enum nx_client_verdict in_time(struct nx_stream *stream, enum nx_client_verdict verdict)
{
	if (verdict == NX_CLIENT_AGAIN && nx_stream_check_time(stream) != NX_CLIENT_DONE)
		verdict = NX_CLIENT_TIMED_OUT;
	return nx_stream_over(stream, verdict);
}

static enum nx_client_verdict begin(struct nx_stream *stream, const struct nx_url *url)
{
	nx_stream_close(stream);
	stream->in.head = stream->in.tail = 0;
	nx_write_buffer_clear(&stream->out);
	stream->over = NX_CLIENT_DONE;
	stream->phase = STREAM_CONNECTING;
	stream->error = 0;
	stream->wants = POLLOUT;
	stream->fresh = stream->ended = stream->hears = stream->mute = false;
	stream->deadline_ms = nx_stream_now_ms() + stream->config.connect_timeout_ms;
	stream->connect_deadline_ms = stream->deadline_ms;
	nx_tls_destroy(stream->tls);
	stream->tls = NULL;
	return url->is_tls ? nx_secure_begin(stream, url) : NX_CLIENT_DONE;
}

// The socket is, if there is one: TLS has what is left of the time.
static void connected(struct nx_stream *stream)
{
	stream->phase = STREAM_SHAKING;
	stream->deadline_ms = stream->connect_deadline_ms;
	nx_socket_limit_time(stream);
}

enum nx_client_verdict nx_stream_connect(struct nx_stream *stream, const struct nx_url *url)
{
	enum nx_client_verdict verdict = begin(stream, url);

	if (verdict == NX_CLIENT_DONE)
		verdict = nx_socket_connect(stream, url);
	if (verdict != NX_CLIENT_DONE)
		return nx_stream_over(stream, verdict);
	connected(stream);
	return nx_stream_ready(stream);
}

enum nx_client_verdict nx_stream_adopt(struct nx_stream *stream, const struct nx_url *url, int fd)
{
	enum nx_client_verdict verdict = begin(stream, url);

	if (fd >= 0 && !nx_socket_set(stream, fd) && verdict == NX_CLIENT_DONE)
		verdict = NX_CLIENT_IO_FAILED;
	if (verdict != NX_CLIENT_DONE)
		return nx_stream_over(stream, verdict);
	if (stream->config.drive != NX_DRIVE_READY)
		connected(stream);
	return nx_stream_ready(stream);
}

static enum nx_client_verdict open_step(struct nx_stream *stream)
{
	enum nx_client_verdict verdict = NX_CLIENT_DONE;

	if (stream->phase == STREAM_CONNECTING) {
		verdict = nx_socket_connected(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		connected(stream);
	}
	if (stream->phase == STREAM_SHAKING) {
		if (stream->tls != NULL)
			verdict = nx_secure_shake(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		stream->phase = STREAM_OPEN;
		stream->wants = POLLIN;
		if (stream->config.drive == NX_DRIVE_BLOCKING)
			nx_socket_set_timeout(stream);
	}
	return NX_CLIENT_DONE;
}

enum nx_client_verdict nx_stream_ready(struct nx_stream *stream)
{
	enum nx_client_verdict verdict;

	if (stream->over != NX_CLIENT_DONE)
		return NX_CLIENT_POISONED;
	if (stream->phase == STREAM_OPEN)
		return NX_CLIENT_DONE;
	verdict = open_step(stream);
	return in_time(stream, verdict);
}

void nx_stream_begin(struct nx_stream *stream)
{
	stream->deadline_ms = nx_stream_now_ms() + stream->config.timeout_ms;
}

enum nx_client_verdict nx_stream_send(struct nx_stream *stream, struct nx_write_buffer *out)
{
	enum nx_client_verdict verdict;
	size_t n;

	if (stream->mute)
		nx_write_buffer_clear(out);
	if (stream->config.drive == NX_DRIVE_CARRIED)
		return nx_write_buffer_length(out) == 0 ? NX_CLIENT_DONE : NX_CLIENT_AGAIN;
	while (nx_write_buffer_length(out) > 0) {
		verdict = nx_socket_send(
			stream, nx_write_buffer_data(out), nx_write_buffer_length(out), &n);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		if (nx_write_buffer_sent(out, n) != NX_BUFFER_OK)
			return NX_CLIENT_IO_FAILED;
	}
	return NX_CLIENT_DONE;
}

static enum nx_client_verdict plain_fill(struct nx_stream *stream)
{
	enum nx_client_verdict verdict;
	uint8_t *space;
	size_t room, n;

	if (stream->config.drive == NX_DRIVE_CARRIED) {
		verdict = stream->fresh   ? NX_CLIENT_DONE
			  : stream->ended ? NX_CLIENT_CLOSED
					  : NX_CLIENT_AGAIN;
		stream->fresh = false;
		return verdict;
	}
	space = nx_read_buffer_space(&stream->in, &room);
	verdict = nx_socket_receive(stream, space, room, &n);
	if (verdict != NX_CLIENT_DONE)
		return verdict;
	if (n == 0)
		return NX_CLIENT_CLOSED;
	return nx_read_buffer_filled(&stream->in, n) == NX_BUFFER_OK ? NX_CLIENT_DONE
								     : NX_CLIENT_IO_FAILED;
}

enum nx_client_verdict nx_stream_flush(struct nx_stream *stream)
{
	if (stream->over != NX_CLIENT_DONE)
		return NX_CLIENT_POISONED;
	return in_time(stream, stream->tls != NULL ? nx_secure_flush(stream)
						   : nx_stream_send(stream, &stream->out));
}

enum nx_client_verdict nx_stream_fill(struct nx_stream *stream)
{
	if (stream->over != NX_CLIENT_DONE && stream->over != NX_CLIENT_CLOSED)
		return NX_CLIENT_POISONED;
	// A peer that sends a byte now and then is late too.
	if (nx_stream_check_time(stream) != NX_CLIENT_DONE)
		return nx_stream_over(stream, NX_CLIENT_TIMED_OUT);
	stream->wants = POLLIN;
	if (nx_read_buffer_length(&stream->in) == stream->in.capacity)
		return nx_stream_over(stream, NX_CLIENT_BODY_TOO_LARGE);
	return in_time(stream, stream->tls != NULL ? nx_secure_fill(stream) : plain_fill(stream));
}

enum nx_client_verdict nx_stream_hear(struct nx_stream *stream)
{
	if (nx_read_buffer_length(&stream->in) == stream->in.capacity)
		return NX_CLIENT_AGAIN;
	return nx_stream_over(
		stream, stream->tls != NULL ? nx_secure_fill(stream) : plain_fill(stream));
}

void nx_stream_mute(struct nx_stream *stream)
{
	nx_write_buffer_clear(&stream->out);
	// A record that is out in part cannot be followed by another.
	if (stream->tls != NULL)
		nx_write_buffer_clear(nx_tls_output(stream->tls));
	stream->mute = true;
}

bool nx_stream_is_stale(struct nx_stream *stream)
{
	uint8_t byte;

	if (stream->over != NX_CLIENT_DONE || nx_read_buffer_length(&stream->in) > 0)
		return true;
	if (stream->fd < 0)
		return stream->ended;
	if (recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (stream->tls == NULL || stream->config.drive == NX_DRIVE_CARRIED)
		return true;
	// What came may be no more than a session ticket.
	return nx_secure_take_idle(stream) != NX_CLIENT_AGAIN;
}

void nx_stream_close(struct nx_stream *stream)
{
	if (stream->over == NX_CLIENT_DONE && stream->phase == STREAM_OPEN && stream->tls != NULL)
		nx_secure_farewell(stream);
	if (stream->fd >= 0)
		close(stream->fd);
	nx_socket_forget_addresses(stream);
	nx_tls_destroy(stream->tls);
	stream->tls = NULL;
	stream->fd = -1;
	stream->phase = STREAM_IDLE;
	if (stream->over == NX_CLIENT_DONE)
		stream->over = NX_CLIENT_POISONED;
}
