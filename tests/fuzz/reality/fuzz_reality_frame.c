// SPDX-License-Identifier: BSD-3-Clause
// A client's stream of any content: the worker (fastpath/stream/hello.h) holds for a hello's the
// very bytes that the server does, however they are cut.
#include "world.h"

#include "stream/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STREAM_MAX = 60000,
	BEHIND = 40000, // zeros that complete whatever record was begun
};

static uint32_t take(struct hello_frame *f, const uint8_t *bytes, uint32_t n, uint32_t piece)
{
	uint32_t used = 0;

	for (uint32_t at = 0; at < n; at += piece)
		used += hello_take(f, bytes + at, u32_min(piece, n - at));
	return used;
}

// What the server says of so much of a stream.
static enum reality_result judged(const uint8_t *stream, uint32_t n)
{
	struct reality_server *s;
	enum reality_result result;

	MUST(reality_server_create(&world()->config, &s) == 0);
	reality_server_input(s, REALITY_CLIENT, stream, n, WORLD_NOW_MS);
	result = reality_server_result(s);
	reality_server_destroy(s);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t stream[STREAM_MAX + BEHIND];
	uint32_t n = (uint32_t)size + BEHIND;
	struct hello_frame whole = {0}, cut = {0};
	uint32_t used;

	if (size > STREAM_MAX)
		return 0;
	world_restart();
	memcpy(stream, data, size);
	memset(stream + size, 0, BEHIND);
	used = take(&whole, stream, n, n);
	MUST(take(&cut, stream, n, 1 + (uint32_t)size % 7) == used && cut.verdict == whole.verdict);
	if (whole.verdict == HELLO_WHOLE)
		MUST(judged(stream, used - 1) == REALITY_UNDECIDED &&
			judged(stream, used) != REALITY_UNDECIDED);
	else
		MUST(judged(stream, n) ==
			(whole.verdict == HELLO_NONE ? REALITY_VERSION : REALITY_UNDECIDED));
	return 0;
}
