// SPDX-License-Identifier: BSD-3-Clause

// TLS between a stream's plain buffers and its transport.

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "stream.h"

enum nx_client_verdict nx_secure_begin(struct nx_stream *stream, const struct nx_url *url)
{
	char host[256];

	if (stream->config.tls == NULL)
		return NX_CLIENT_TLS_CONTEXT_MISSING;
	if (url->host.length >= sizeof(host))
		return NX_CLIENT_URL_INVALID;
	memcpy(host, url->host.data, url->host.length);
	host[url->host.length] = 0;
	stream->tls = nx_tls_create(stream->config.tls, host, 0);
	return stream->tls != NULL ? NX_CLIENT_DONE : NX_CLIENT_NO_MEMORY;
}

static enum nx_client_verdict verdict_of(enum nx_tls_verdict verdict)
{
	switch (verdict) {
	case NX_TLS_DONE:
		return NX_CLIENT_DONE;
	case NX_TLS_MORE:
	case NX_TLS_NO_ROOM:
		return NX_CLIENT_AGAIN;
	case NX_TLS_CLOSED:
		return NX_CLIENT_CLOSED;
	default:
		return NX_CLIENT_TLS_FAILED;
	}
}

// Sends the encrypted bytes that are there.
static enum nx_client_verdict output_send(struct nx_stream *stream)
{
	return nx_stream_send(stream, nx_tls_output(stream->tls));
}

// Receives encrypted bytes.
static enum nx_client_verdict input_receive(struct nx_stream *stream)
{
	struct nx_read_buffer *in = nx_tls_input(stream->tls);
	enum nx_client_verdict verdict;
	uint8_t *space;
	size_t room, n;

	if (stream->config.drive == NX_DRIVE_CARRIED) {
		verdict = stream->fresh ? NX_CLIENT_DONE : NX_CLIENT_AGAIN;
		stream->fresh = false;
		stream->wants = POLLIN;
		return verdict;
	}
	space = nx_read_buffer_space(in, &room);
	verdict = nx_socket_receive(stream, space, room, &n);
	if (verdict != NX_CLIENT_DONE)
		return verdict;
	if (n == 0)
		nx_tls_end_of_input(stream->tls);
	return nx_read_buffer_filled(in, n) == NX_BUFFER_OK ? NX_CLIENT_DONE : NX_CLIENT_IO_FAILED;
}

enum nx_client_verdict nx_secure_shake(struct nx_stream *stream)
{
	for (;;) {
		enum nx_tls_verdict shaken = nx_tls_handshake(stream->tls);
		enum nx_client_verdict verdict = output_send(stream);

		// An alert that says why goes out first.
		if (shaken != NX_TLS_DONE && shaken != NX_TLS_MORE && shaken != NX_TLS_NO_ROOM)
			return NX_CLIENT_TLS_FAILED;
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		if (shaken == NX_TLS_DONE)
			return NX_CLIENT_DONE;
		verdict = input_receive(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		verdict = nx_stream_check_time(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
	}
}

enum nx_client_verdict nx_secure_fill(struct nx_stream *stream)
{
	for (;;) {
		size_t room, n = 0;
		uint8_t *space = nx_read_buffer_space(&stream->in, &room);
		enum nx_client_verdict verdict =
			verdict_of(nx_tls_read(stream->tls, space, room, &n));

		if (verdict == NX_CLIENT_DONE && nx_read_buffer_filled(&stream->in, n) != 0)
			verdict = NX_CLIENT_IO_FAILED;
		if (verdict != NX_CLIENT_AGAIN)
			return verdict;
		// Reading may owe an answer: to a KeyUpdate.
		verdict = output_send(stream);
		// Who hears while he sends need not have sent first.
		if (verdict == NX_CLIENT_DONE || stream->hears)
			verdict = input_receive(stream);
		if (verdict == NX_CLIENT_DONE)
			verdict = nx_stream_check_time(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
	}
}

bool nx_secure_encrypt(struct nx_stream *stream, enum nx_client_verdict *verdict)
{
	struct nx_write_buffer *plain = &stream->out;
	enum nx_tls_verdict written;
	size_t taken;

	while (nx_write_buffer_length(plain) > 0) {
		written = nx_tls_write(stream->tls, nx_write_buffer_data(plain),
			nx_write_buffer_length(plain), &taken);
		*verdict = verdict_of(written);
		if (written == NX_TLS_NO_ROOM || written == NX_TLS_MORE)
			return true;
		if (written != NX_TLS_DONE || nx_write_buffer_sent(plain, taken) != NX_BUFFER_OK)
			return false;
	}
	*verdict = NX_CLIENT_DONE;
	return true;
}

enum nx_client_verdict nx_secure_flush(struct nx_stream *stream)
{
	enum nx_client_verdict encrypted, verdict;

	do {
		if (!nx_secure_encrypt(stream, &encrypted))
			return encrypted;
		verdict = output_send(stream);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
	} while (encrypted == NX_CLIENT_AGAIN);
	return NX_CLIENT_DONE;
}

enum nx_client_verdict nx_secure_take_idle(struct nx_stream *stream)
{
	struct nx_read_buffer *in = nx_tls_input(stream->tls);
	enum nx_client_verdict verdict;
	size_t room, n = 0;
	uint8_t *space = nx_read_buffer_space(in, &room);

	verdict = nx_socket_receive_now(stream, space, room, &n);
	if (verdict != NX_CLIENT_DONE || n == 0 || nx_read_buffer_filled(in, n) != NX_BUFFER_OK)
		return NX_CLIENT_CLOSED;
	space = nx_read_buffer_space(&stream->in, &room);
	return verdict_of(nx_tls_read(stream->tls, space, room, &n));
}

void nx_secure_farewell(struct nx_stream *stream)
{
	struct nx_write_buffer *out = nx_tls_output(stream->tls);

	if (!stream->mute && nx_tls_close(stream->tls) == NX_TLS_DONE && stream->fd >= 0)
		(void)!send(stream->fd, nx_write_buffer_data(out), nx_write_buffer_length(out),
			MSG_NOSIGNAL | MSG_DONTWAIT);
}
