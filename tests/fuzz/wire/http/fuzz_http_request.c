// SPDX-License-Identifier: BSD-3-Clause
// A request's head: every variant and every way of cutting it agree, and what is accepted can be
// written again and means the same. First byte: the size of the pieces.
#include "fuzz_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_writers_own(struct nx_http_slice name)
{
	return nx_http_same(name, "content-length") || nx_http_same(name, "transfer-encoding");
}

static void write_again(const struct fuzz_reading *r, const uint8_t *bytes)
{
	static uint8_t memory[8192];
	struct nx_write_buffer buffer;
	struct nx_http_writer writer;
	struct fuzz_reading again;

	nx_bug_on(nx_write_buffer_init(&buffer, memory, sizeof(memory), 0) != NX_BUFFER_OK);
	nx_http_write_request(&writer, &buffer, nx_http_span_of(bytes, r->head.method_name),
		NX_HTTP_TEXT(""), nx_http_span_of(bytes, r->head.target));
	for (unsigned i = 0; i < r->head.count; i++) {
		struct nx_http_slice name = nx_http_span_of(bytes, r->fields[i].name);

		if (!is_writers_own(name))
			nx_http_write_field(
				&writer, name, nx_http_span_of(bytes, r->fields[i].value));
	}
	if (r->head.framing == NX_HTTP_CHUNKED)
		nx_bug_on(nx_http_write_chunked(&writer) != NX_HTTP_OK);
	else
		nx_bug_on(nx_http_write_length(&writer, r->head.body_length) != NX_HTTP_OK);
	fuzz_read(&again, NX_HTTP_REQUEST, NX_HTTP_OTHER, nx_write_buffer_data(&buffer),
		nx_write_buffer_length(&buffer), SIZE_MAX);
	nx_bug_on(again.verdict == NX_HTTP_MORE);
	// A longer version or length line may pass a limit that the original kept; else they agree.
	if (again.verdict == NX_HTTP_HEAD_TOO_LARGE || again.verdict == NX_HTTP_FIELDS_TOO_MANY)
		return;
	nx_bug_on(again.verdict != NX_HTTP_OK);
	nx_bug_on(again.head.framing != r->head.framing);
	nx_bug_on(again.head.body_length != r->head.body_length);
	nx_bug_on(again.head.form != r->head.form);
	nx_bug_on(again.head.host.length != r->head.host.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_reading whole;

	if (size == 0)
		return 0;
	fuzz_head(&whole, NX_HTTP_REQUEST, NX_HTTP_OTHER, data + 1, size - 1, 1 + data[0] % 40);
	// What HTTP/1.0 allows, no Host among it, has no place in the writer's 1.1.
	if (whole.verdict == NX_HTTP_OK && whole.head.minor == 1)
		write_again(&whole, data + 1);
	return 0;
}
