// SPDX-License-Identifier: BSD-3-Clause
// A response's head. First byte: the method that it answers and the size of the pieces.
#include "fuzz_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_reading whole;
	const struct nx_http_head *head = &whole.head;

	if (size == 0)
		return 0;
	fuzz_head(&whole, NX_HTTP_RESPONSE, data[0] % 10, data + 1, size - 1, 1 + data[0] / 10);
	if (whole.verdict != NX_HTTP_OK)
		return 0;
	nx_bug_on(head->status < 100 || head->status > 999);
	nx_bug_on(head->framing == NX_HTTP_LENGTH && head->body_length == 0);
	nx_bug_on(head->framing == NX_HTTP_UNTIL_CLOSE && (head->flags & NX_HTTP_PERSISTENT) != 0);
	nx_bug_on(data[0] % 10 == NX_HTTP_HEAD && head->framing != NX_HTTP_NO_BODY &&
		  head->status != 101);
	return 0;
}
