// SPDX-License-Identifier: BSD-3-Clause

#include "bench/mirror.h"

#include "core/chain.h"
#include "tcp/tcp.h"

enum {
	SEGMENT = 1200,
	WINDOW = 65535,
	FIRST_BYTES = REALITY_ID_OFFSET + REALITY_ID_BYTES, // that are looked at
	RECORD_HEADER = 5,
	HANDSHAKE_TYPE = 0x16,
};

enum end_state {
	END_GONE = 0,
	END_OPEN,
	END_ANSWERED,
	END_CLOSING,
};

static struct mirror *world; // peers' callback has no context

static void say(const struct mirror *m, struct mirror_end *e, uint8_t flags, const uint8_t *bytes,
	uint32_t n)
{
	struct frame frame = {
		.key = e->key,
		.tcp_flags = flags,
		.sequence = e->next,
		.acknowledgement = e->expected,
		.window = WINDOW,
		.payload = n,
		.content = bytes,
		.content_length = n,
	};

	peers_put(m->peers, BENCH_WAN, &frame);
	e->next += n + ((flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) != 0);
}

static void begin(struct mirror *m, struct mirror_end *e, const struct packet *in)
{
	*e = (struct mirror_end){
		.key = flow_key_reverse(&in->key),
		.next = bench_random(&m->peers->b, UINT32_MAX),
		.expected = be32_to_host(in->tcp_sequence) + 1,
		.state = END_OPEN,
	};
	m->begun++;
	say(m, e, TCP_FLAG_SYN | TCP_FLAG_ACK, NULL, 0);
}

static void close_end(const struct mirror *m, struct mirror_end *e)
{
	say(m, e, TCP_FLAG_FIN | TCP_FLAG_ACK, NULL, 0);
	e->state = END_CLOSING;
}

static void answer(struct mirror *m, struct mirror_end *e)
{
	static uint8_t flight[REALITY_FLIGHT_BYTES];
	uint32_t length = reality_peers_answer(m->side, e->id, flight);

	for (uint32_t at = 0, n; at < length; at += n) {
		n = u32_min(SEGMENT, length - at);
		say(m, e, TCP_FLAG_ACK | TCP_FLAG_PSH, flight + at, n);
	}
	e->state = END_ANSWERED;
	m->answered++;
}

// The first bytes of a hello come together, as a browser sends them.
static void take_bytes(struct mirror *m, struct mirror_end *e, const struct packet *in, uint32_t n)
{
	uint8_t first[FIRST_BYTES] = {0};

	if (e->received == 0) {
		chain_copy(in->buffer, in->payload, u32_min(n, sizeof(first)), first);
		e->hello = RECORD_HEADER + be16_to_host(be16_load(first + 3));
		memcpy(e->id, first + REALITY_ID_OFFSET, sizeof(e->id));
	}
	e->received += n;
	e->expected += n;
	if (first[0] != HANDSHAKE_TYPE && e->received == n)
		close_end(m, e);
	else if (e->state == END_OPEN && e->received >= e->hello)
		answer(m, e);
	else
		say(m, e, TCP_FLAG_ACK, NULL, 0);
}

static void take(struct peers *p, const struct packet *in)
{
	struct mirror *m = world;
	struct mirror_end *e = &m->ends[be16_to_host(in->key.source_port)];
	uint32_t n = packet_payload_length(in);

	if (in->tcp_flags == TCP_FLAG_SYN) {
		// One that is said again has its answer on its way.
		if (e->state != END_OPEN || e->expected != be32_to_host(in->tcp_sequence) + 1)
			begin(m, e, in);
		return;
	}
	if (in->tcp_flags & TCP_FLAG_RST)
		e->state = END_GONE;
	if (e->state == END_GONE || be32_to_host(in->tcp_sequence) != e->expected)
		return;
	if (n > 0)
		take_bytes(m, e, in, n);
	if (!(in->tcp_flags & TCP_FLAG_FIN))
		return;
	e->expected++;
	if (e->state == END_CLOSING)
		say(m, e, TCP_FLAG_ACK, NULL, 0);
	else
		say(m, e, TCP_FLAG_FIN | TCP_FLAG_ACK, NULL, 0);
	e->state = END_GONE;
}

struct mirror *mirror_create(struct peers *peers, const struct reality_peers *side)
{
	struct mirror *m = calloc(1, sizeof(*m));

	if (!m)
		bench_fail("out of memory for a target");
	m->peers = peers;
	m->side = side;
	world = m;
	peers->mirror = take;
	return m;
}

void mirror_destroy(struct mirror *m)
{
	if (!m)
		return;
	m->peers->mirror = NULL;
	free(m);
}
