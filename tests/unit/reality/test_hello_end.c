// SPDX-License-Identifier: BSD-3-Clause
// The worker sends a client's hello on before anybody has judged it, by its framing alone
// (fastpath/stream/hello.h): it must never hold for a hello's more than the server does.
#include "world.h"

#include "stream/hello.h"

enum {
	STREAM_MAX = 70000,
	BEHIND = 40000, // bytes that complete whatever record was begun
};

static uint8_t stream[STREAM_MAX + BEHIND];
static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

// A hello of this length in records of random sizes; returns the stream's.
static uint32_t cut(uint32_t length, uint32_t record_max)
{
	uint32_t at = 0, done = 0;

	while (done < length + 4) {
		uint32_t n = u32_min(1 + draw(record_max), length + 4 - done);

		memcpy(stream + at, (uint8_t[]){22, 3, 1, (uint8_t)(n >> 8), (uint8_t)n}, 5);
		at += 5;
		for (uint32_t i = 0; i < n; i++, done++) {
			uint8_t header[] = {1, 0, (uint8_t)(length >> 8), (uint8_t)length};

			stream[at++] = done < 4 ? header[done] : (uint8_t)draw(256);
		}
	}
	return at;
}

static uint32_t take(struct hello_frame *f, uint32_t length, uint32_t piece)
{
	uint32_t used = 0;

	for (uint32_t at = 0; at < length; at += piece)
		used += hello_take(f, stream + at, u32_min(piece, length - at));
	return used;
}

// What the server says of so much of the stream.
static enum reality_result judged(uint32_t length)
{
	const struct reality_server_config config = {.credential = w.credential};
	struct reality_server *server;
	enum reality_result result;

	assert_int_equal(reality_server_create(&config, &server), 0);
	reality_server_input(server, REALITY_CLIENT, stream, length, w.now_ms);
	result = reality_server_result(server);
	reality_server_destroy(server);
	return result;
}

static enum hello_verdict compare(uint32_t length)
{
	struct hello_frame f = {0}, slow = {0};
	uint32_t used = take(&f, length, STREAM_MAX), piece = 1 + draw(40);

	take(&slow, length, piece);
	assert_memory_equal(&f, &slow, sizeof(f));
	memset(stream + length, 0, BEHIND);
	// Zeros may be all that it lacked.
	if (f.verdict != HELLO_WHOLE) {
		slow = (struct hello_frame){0};
		used = take(&slow, length + BEHIND, STREAM_MAX);
	}
	if (slow.verdict == HELLO_WHOLE) {
		assert_int_equal(judged(used - 1), REALITY_UNDECIDED);
		assert_int_not_equal(judged(used), REALITY_UNDECIDED);
	} else {
		assert_int_equal(judged(length + BEHIND),
			slow.verdict == HELLO_NONE ? REALITY_VERSION : REALITY_UNDECIDED);
	}
	return f.verdict == HELLO_WHOLE ? HELLO_WHOLE : slow.verdict;
}

static void it_ends_where_the_server_says(void **state)
{
	uint32_t lengths[] = {0, 1, 3, 500, 1800, 16379, 16380, 16381, 16384};

	for (seed = 1; seed < 40; seed++) {
		uint32_t kept = seed;

		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
			uint32_t length = cut(lengths[i], i < 5 ? 1 + draw(600) : 16384);

			assert_int_equal(compare(length), HELLO_WHOLE);
		}
		seed = kept;
	}
	// Longer than any is.
	assert_int_equal(compare(cut(16385, 16384)), HELLO_NONE);
}

static void what_is_none_is_none_to_both(void **state)
{
	uint32_t seen[3] = {0};

	for (uint32_t i = 0; i < 20000; i++) {
		seed = i;
		uint32_t length = cut(draw(60), 1 + draw(30));

		for (uint32_t n = 1 + draw(2); n > 0; n--)
			stream[draw(draw(2) ? length : 10)] =
				(uint8_t)(draw(2) ? draw(256) : draw(6));
		seen[compare(draw(4) ? length : 1 + draw(length))]++;
	}
	// Each of them was tried.
	assert_true(seen[HELLO_WHOLE] > 1000 && seen[HELLO_NONE] > 1000);
}

// What a browser of ours says.
static void a_clients_is_whole(void **state)
{
	struct hello_frame f = {0};

	world_open();
	world_client(&tls13_browser_chrome);
	world_talk();
	assert_in_range(hello_take(&f, w.from_client.bytes, (uint32_t)w.from_client.length), 500,
		w.from_client.length - 1);
	assert_int_equal(f.verdict, HELLO_WHOLE);
	world_close();
}

static int create(void **state)
{
	if (world_create(state) != 0)
		return -1;
	world_target(RIG_P256, NULL, NULL);
	world_credential();
	return 0;
}

static int destroy(void **state)
{
	SSL_CTX_free(w.target_context);
	return world_destroy(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_where_the_server_says),
		cmocka_unit_test(what_is_none_is_none_to_both),
		cmocka_unit_test(a_clients_is_whole),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
