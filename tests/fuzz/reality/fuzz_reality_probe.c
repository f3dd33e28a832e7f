// SPDX-License-Identifier: BSD-3-Clause
// A probed target that says anything, from the first byte on or behind as much of an honest flight
// as the input says: what is learned of it does not depend on how its stream was cut. The first
// three bytes are the pieces, the part of the flight, and where a silence comes.
#include "tests/fuzz/tls13/world.h"

#include "reality/flight.h"
#include "reality/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	HEAD_BYTES = 3,
	FLIGHT_MAX = 8192,
	BEHIND_MAX = 60000,
	ALL = 255, // of the flight
};

struct finding {
	bool complete;
	enum reality_fitness fitness;
	struct reality_shape shape;
};

// Our own server's answer to the probe's hello.
static size_t honest_flight(struct reality_probe *p, uint8_t out[FLIGHT_MAX])
{
	struct tls13_stream *server;
	const uint8_t *bytes;
	size_t n = reality_probe_output(p, &bytes), taken;

	MUST(tls13_stream_create(&world()->server, false, &world()->server_start, &server) == 0);
	MUST(tls13_stream_input(server, bytes, n, WORLD_NOW_MS, &taken) == TLS13_OK);
	reality_probe_sent(p, n);
	n = tls13_stream_output(server, &bytes);
	MUST(n <= FLIGHT_MAX);
	memcpy(out, bytes, n);
	tls13_stream_destroy(server);
	return n;
}

static bool give(struct reality_probe *p, const uint8_t *bytes, size_t length, size_t piece)
{
	bool goes_on = true;

	for (size_t at = 0; goes_on && at < length; at += piece) {
		size_t n = length - at < piece ? length - at : piece;

		goes_on = reality_probe_input(p, bytes + at, n, WORLD_NOW_MS) == TLS13_OK;
	}
	return goes_on;
}

static struct finding look(const uint8_t *data, size_t size, size_t piece)
{
	static uint8_t stream[FLIGHT_MAX + BEHIND_MAX];
	struct reality_probe_config config = {.library = world()->client.library,
		.random = world()->client.random,
		.browser = world()->client.browser,
		.name = "a.test",
		.alpn = REALITY_ALPN_H2};
	size_t behind = size - HEAD_BYTES, early = behind * data[2] / 255, n;
	struct reality_probe *p;
	struct finding f;
	bool goes_on;

	world_restart();
	MUST(reality_probe_create(&config, &p) == 0);
	MUST(reality_probe_begin(p, WORLD_NOW_MS) == TLS13_OK);
	n = honest_flight(p, stream) * data[1] / ALL;
	memcpy(stream + n, data + HEAD_BYTES, behind);
	goes_on = give(p, stream, n + early, piece);
	if (reality_probe_is_complete(p))
		reality_probe_finish(p);
	if (goes_on)
		(void)give(p, stream + n + early, behind - early, piece);
	f.complete = reality_probe_is_complete(p);
	f.fitness = reality_probe_judge(p, data[0] % 2 != 0);
	reality_probe_shape(p, &f.shape);
	reality_probe_destroy(p);
	return f;
}

static void check_lengths(const uint16_t *lengths, size_t count)
{
	MUST(count <= REALITY_SHAPE_RECORDS_MAX);
	for (size_t i = 0; i < count; i++)
		MUST(lengths[i] >= FLIGHT_LENGTH_MIN && lengths[i] <= RECORD_CIPHER_MAX);
}

static void check_shape(const struct finding *f)
{
	const struct reality_shape *s = &f->shape;

	MUST(s->early <= s->after_count);
	// Of any other target the shape counts for nothing.
	if (!f->complete || f->fitness == REALITY_UNFIT_RECORDS)
		return;
	check_lengths(s->flight, s->flight_count);
	check_lengths(s->after, s->after_count);
}

static bool is_same_shape(const struct reality_shape *a, const struct reality_shape *b)
{
	return a->flight_count == b->flight_count && a->after_count == b->after_count &&
	       a->early == b->early && memcmp(a->flight, b->flight, sizeof(a->flight)) == 0 &&
	       memcmp(a->after, b->after, sizeof(a->after)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct finding whole, cut;

	if (size < HEAD_BYTES || size > HEAD_BYTES + BEHIND_MAX)
		return 0;
	whole = look(data, size, FLIGHT_MAX + BEHIND_MAX);
	cut = look(data, size, (size_t)data[0] + 1);
	MUST(whole.complete == cut.complete && whole.fitness == cut.fitness);
	MUST(data[1] != ALL || whole.complete);
	check_shape(&whole);
	check_shape(&cut);
	if (whole.complete)
		MUST(is_same_shape(&whole.shape, &cut.shape));
	return 0;
}
