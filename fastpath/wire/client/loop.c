// SPDX-License-Identifier: BSD-3-Clause

// What a stream tells the loop that drives it, and the bytes that such a loop carries.

#include <poll.h>
#include <string.h>

#include "stream.h"

int nx_stream_fd(const struct nx_stream *stream)
{
	return stream->fd;
}

short nx_stream_wants(const struct nx_stream *stream)
{
	return stream->wants;
}

int nx_stream_wait_ms(const struct nx_stream *stream)
{
	uint64_t now = nx_stream_now_ms();

	// One more than what is left: the call must come when time is over, not just before.
	return now > stream->deadline_ms ? 0 : (int)(stream->deadline_ms - now) + 1;
}

static struct nx_read_buffer *input_of(struct nx_stream *stream)
{
	return stream->tls != NULL ? nx_tls_input(stream->tls) : &stream->in;
}

static struct nx_write_buffer *output_of(struct nx_stream *stream)
{
	return stream->tls != NULL ? nx_tls_output(stream->tls) : &stream->out;
}

struct iovec nx_stream_receive_to(struct nx_stream *stream)
{
	struct iovec to = {0};

	if (stream->phase == STREAM_CONNECTING)
		return to;
	to.iov_base = nx_read_buffer_space(input_of(stream), &to.iov_len);
	to.iov_len = nx_stream_receive_most(stream, to.iov_len);
	return to;
}

void nx_stream_received(struct nx_stream *stream, size_t n)
{
	if (n == 0 || nx_read_buffer_filled(input_of(stream), n) != NX_BUFFER_OK) {
		stream->ended = true;
		if (stream->tls != NULL)
			nx_tls_end_of_input(stream->tls);
	}
	stream->fresh = n > 0 || stream->tls != NULL;
}

struct iovec nx_stream_send_from(struct nx_stream *stream)
{
	enum nx_client_verdict verdict;
	struct nx_write_buffer *out;

	if (stream->tls != NULL && stream->phase == STREAM_OPEN &&
		!nx_secure_encrypt(stream, &verdict))
		nx_stream_over(stream, verdict);
	out = output_of(stream);
	if (stream->mute)
		nx_write_buffer_clear(out);
	return (struct iovec){nx_write_buffer_data(out), nx_write_buffer_length(out)};
}

void nx_stream_sent(struct nx_stream *stream, size_t n)
{
	// What was under way when the rest was given up.
	if (stream->mute)
		return;
	if (nx_write_buffer_sent(output_of(stream), n) != NX_BUFFER_OK)
		nx_stream_over(stream, NX_CLIENT_IO_FAILED);
}

const char *nx_stream_why(const struct nx_stream *stream)
{
	if (stream->tls != NULL && nx_tls_why(stream->tls)[0] != 0)
		return nx_tls_why(stream->tls);
	return stream->error != 0 ? strerrordesc_np(stream->error) : "";
}
