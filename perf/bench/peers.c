// SPDX-License-Identifier: BSD-3-Clause

#include "bench/peers.h"

#include "core/chain.h"
#include "core/clock.h"
#include "io/pools.h"
#include "io/ring.h"
#include "pipeline/node_private.h"
#include "pkt/parse.h"
#include "rig/station.h"
#include "tcp/tcp.h"

enum {
	MTU = 1500,
	HEADERS_V4 = 40,
	HEADERS_V6 = 60,
	TIMESTAMPS_BYTES = 12,
	SYN_BYTES = 24,
	SCALE = 10,
	STEADY_WINDOW = 8192, // 8 MiB, scaled
	SYN_WINDOW = 65535,
	BURST = 64,
	PATTERN_BYTES = 65536 + 256,
	TURNS_MAX = 10000,
	OPTION_SCALE = 3,
	OPTION_TIMESTAMPS = 8,
	TCP_FIXED = 20,
	TARGET_PORTS = 65536,
};

static uint8_t pattern[PATTERN_BYTES];

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint32_t write_options(const struct peers *p, const struct peer *e, bool syn, uint8_t *out)
{
	uint32_t mss = MTU - (p->b.options.v6 ? HEADERS_V6 : HEADERS_V4);
	const uint8_t head[] = {
		2, 4, (uint8_t)(mss >> 8), (uint8_t)mss, 4, 2, 1, 1, 1, OPTION_SCALE, 3, SCALE};
	uint32_t at = 0;

	if (syn) {
		memcpy(out, head, sizeof(head));
		at = sizeof(head);
	}
	if (!p->timestamps)
		return at;
	memcpy(out + at, (const uint8_t[]){1, 1, OPTION_TIMESTAMPS, 10}, 4);
	be32_store(out + at + 4, be32_from_host((uint32_t)(p->b.rig.now / USEC_PER_MILLISECOND)));
	be32_store(out + at + 8, be32_from_host(e->echo));
	return at + TIMESTAMPS_BYTES;
}

// What a network card adds, where options.offload says that there is one.
void peers_put(struct peers *p, uint16_t port, struct frame *frame)
{
	static uint8_t bytes[FRAME_BYTES_MAX];

	frame->source_mac = rig_station_mac(port);
	frame->destination_mac = rig_port_mac(&p->b.rig, port);
	struct buffer *b = frame_buffer(p->b.rig.buffers, bytes, frame_write(frame, bytes));

	if (!b)
		bench_fail("no packet buffer left");
	if (p->b.options.offload == BENCH_OFFLOAD_ALL)
		b->offload = BUFFER_RX_CHECKSUM_GOOD | BUFFER_RX_IP_GOOD;
	if (ring_port_far_transmit(node_port(p->b.rig.node, port), 0, &b, 1) != 1)
		bench_fail("no room on port %u", port);
}

// content NULL: the stream's own bytes.
static void send_bytes(struct peers *p, uint16_t port, struct peer *e, uint8_t flags,
	uint32_t sequence, const uint8_t *content, uint32_t payload)
{
	bool syn = flags & TCP_FLAG_SYN;
	uint16_t window = port == BENCH_WAN ? p->target_window : STEADY_WINDOW;
	uint8_t options[SYN_BYTES];
	struct frame frame = {
		.key = e->key,
		.tcp_flags = flags,
		.sequence = sequence,
		.acknowledgement = e->expected,
		.window = syn && window ? SYN_WINDOW : window,
		.options = options,
		.options_length = (uint8_t)write_options(p, e, syn, options),
		.payload = payload,
		.seed = (uint8_t)(sequence - e->first),
		.content = content,
		.content_length = payload,
	};

	if (flags & TCP_FLAG_ACK)
		e->pending = 0;
	peers_put(p, port, &frame);
}

static void send_at(struct peers *p, uint16_t port, struct peer *e, uint8_t flags,
	uint32_t sequence, uint32_t payload)
{
	send_bytes(p, port, e, flags, sequence, NULL, payload);
}

static void send_now(
	struct peers *p, uint16_t port, struct peer *e, uint8_t flags, uint32_t payload)
{
	send_at(p, port, e, flags, e->next, payload);
	e->next += payload + ((flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) != 0);
}

uint32_t peers_send(struct peers *p, uint16_t port, uint32_t end, uint32_t bytes)
{
	struct peer *e = &p->ends[port][end];

	if (e->state != PEER_OPEN || is_before(e->edge, e->next + bytes))
		return 0;
	send_now(p, port, e, TCP_FLAG_ACK | TCP_FLAG_PSH, bytes);
	return bytes;
}

void peers_send_content(
	struct peers *p, uint16_t port, uint32_t end, const uint8_t *bytes, uint32_t n)
{
	struct peer *e = &p->ends[port][end];

	send_bytes(p, port, e, TCP_FLAG_ACK | TCP_FLAG_PSH, e->next, bytes, n);
	e->next += n;
}

static void say(struct peers *p, uint16_t port, uint32_t end)
{
	peers_send_content(
		p, port, end, (const uint8_t *)p->texts->said[port], p->texts->length[port]);
}

void peers_ask(struct peers *p, uint32_t client)
{
	const struct peer *e = &p->ends[BENCH_LAN][client];

	if (e->state != PEER_OPEN || is_before(e->edge, e->next + p->texts->length[BENCH_LAN]))
		bench_fail("client %u cannot ask", client);
	say(p, BENCH_LAN, client);
}

void peers_send_at(struct peers *p, uint16_t port, uint32_t end, uint32_t offset, uint32_t bytes)
{
	struct peer *e = &p->ends[port][end];

	send_at(p, port, e, TCP_FLAG_ACK | TCP_FLAG_PSH, e->next + offset, bytes);
}

void peers_connect(struct peers *p, uint32_t client, enum peers_script script)
{
	struct peer *e = &p->ends[BENCH_LAN][client];
	uint32_t sequence = e->next + 65536; // above what the same port had before (RFC 6528)
	struct bench_flow flow;

	bench_flow_key(&p->b, &flow, client);
	*e = (struct peer){.key = flow.in[0], .script = (uint8_t)script, .state = PEER_OPENING};
	e->first = sequence + 1;
	e->next = sequence;
	send_now(p, BENCH_LAN, e, TCP_FLAG_SYN, 0);
}

static void read_options(const struct packet *in, struct peer *e)
{
	const uint8_t *o = in->data + in->l4 + TCP_FIXED;
	const uint8_t *end = in->data + in->l4 + in->tcp_header_length;

	while (o < end && *o != 0) {
		uint32_t length = *o == 1 ? 1 : o[1];

		if (length == 0 || o + length > end)
			bench_fail("malformed options came out");
		if (*o == OPTION_TIMESTAMPS)
			e->echo = be32_to_host(be32_load(o + 2));
		else if (*o == OPTION_SCALE)
			e->scale = o[2];
		o += length;
	}
}

static uint32_t *target_slot(struct peers *p, const struct flow_key *key)
{
	uint32_t target = key->destination.bytes[15] % BENCH_TARGETS;

	return &p->by_port[target * TARGET_PORTS + be16_to_host(key->source_port)];
}

// Where a client's packets came from: bench_flow_key backwards.
static struct peer *client_of(struct peers *p, const struct flow_key *key)
{
	uint32_t address = key->destination.bytes[15] - 1u;
	uint32_t port = be16_to_host(key->destination_port) - BENCH_FIRST_CLIENT_PORT;
	uint32_t number = port * BENCH_CLIENTS + address;
	struct flow_key back = flow_key_reverse(key);

	if (address >= BENCH_CLIENTS || number >= p->capacity ||
		!flow_key_equal(&p->ends[BENCH_LAN][number].key, &back))
		return NULL;
	return &p->ends[BENCH_LAN][number];
}

static struct peer *end_of(struct peers *p, uint16_t port, const struct flow_key *key)
{
	if (port == BENCH_LAN)
		return client_of(p, key);
	uint32_t slot = *target_slot(p, key);

	return slot ? &p->ends[BENCH_WAN][slot - 1] : NULL;
}

static void take_syn_at_target(struct peers *p, const struct packet *in)
{
	uint32_t *slot = target_slot(p, &in->key);

	if (*slot == 0) {
		if (p->target_ends == p->capacity)
			bench_fail("more connections reach targets than were asked for");
		*slot = ++p->target_ends;
	}
	struct peer *e = &p->ends[BENCH_WAN][*slot - 1];
	uint32_t sequence = bench_random(&p->b, UINT32_MAX);

	// Said again by a node that had to wait for a CPU: its answer is on its way.
	if (e->state != PEER_CLOSED && e->other_first == be32_to_host(in->tcp_sequence) + 1)
		return;
	*e = (struct peer){.key = flow_key_reverse(&in->key), .state = PEER_OPENING};
	e->first = sequence + 1;
	e->next = sequence;
	e->other_first = e->expected = be32_to_host(in->tcp_sequence) + 1;
	read_options(in, e);
	send_now(p, BENCH_WAN, e, TCP_FLAG_SYN | TCP_FLAG_ACK, 0);
}

static void take_syn_ack(struct peers *p, const struct packet *in, struct peer *e)
{
	e->other_first = e->expected = be32_to_host(in->tcp_sequence) + 1;
	e->edge = e->next + be16_to_host(in->tcp_window); // unscaled: RFC 7323 2.2
	e->state = PEER_OPEN;
	p->opened++;
	send_now(p, BENCH_LAN, e, TCP_FLAG_ACK, 0);
	if (e->script == PEERS_ASK)
		send_now(p, BENCH_LAN, e, TCP_FLAG_ACK | TCP_FLAG_PSH, PEERS_REQUEST);
}

void peers_check(const uint8_t *bytes, uint32_t n, uint64_t at)
{
	if (memcmp(bytes, pattern + (uint8_t)at, n) != 0)
		bench_fail("a stream's bytes are not those that were sent");
}

static void check_text(const struct packet *in, uint32_t offset, uint32_t length)
{
	const struct buffer *b = in->buffer;
	uint32_t at = in->payload;

	for (; b && length > 0; b = b->next, at = 0) {
		uint32_t n = u32_min(b->length - at, length);

		if (at > b->length)
			bench_fail("a frame is shorter than it says");
		peers_check(buffer_data(b) + at, n, offset);
		offset += n;
		length -= n;
	}
	if (length > 0)
		bench_fail("a frame is shorter than it says");
}

// A request is answered; an answer is what the target sent, whatever its head says beside.
static void take_said(
	struct peers *p, uint16_t port, const struct packet *in, struct peer *e, uint32_t length)
{
	char text[MTU];

	if (length > sizeof(text))
		bench_fail("a text comes in pieces of %u bytes", length);
	if (chain_copy(in->buffer, in->payload, length, (uint8_t *)text) != length)
		bench_fail("a frame is shorter than it says");
	if (port == BENCH_WAN) {
		if (length < 8 || memcmp(text, "GET /", 5) != 0 ||
			memcmp(text + length - 4, "\r\n\r\n", 4) != 0)
			bench_fail("what a target got is no request: %.*s", (int)length, text);
		say(p, port, (uint32_t)(e - p->ends[port]));
		return;
	}
	const char *sent = p->texts->said[BENCH_WAN];
	const char *body = strstr(sent, "\r\n\r\n");
	uint32_t tail = p->texts->length[BENCH_WAN] - (uint32_t)(body - sent);

	if (length < tail || memcmp(text, sent, strcspn(sent, "\r")) != 0 ||
		memcmp(text + length - tail, body, tail) != 0)
		bench_fail("what a client got is not the answer: %.*s", (int)length, text);
	p->answered++;
}

// Looks at what came, up to e->expected. Returns how many payload bytes it was, or had the last
// ones of.
static uint32_t take_payload(struct peers *p, uint16_t port, const struct packet *in,
	const struct peer *e, uint32_t length)
{
	if (p->take[port])
		return p->take[port](
			p, (uint32_t)(e - p->ends[port]), in->buffer, in->payload, length);
	check_text(in, e->expected - length - e->other_first, length);
	return length;
}

// An acknowledgement for every two full segments, also where they came as one large frame.
static void take_text(
	struct peers *p, uint16_t port, const struct packet *in, struct peer *e, uint32_t length)
{
	uint32_t before = e->expected - e->pending, last = e->expected + length;

	// What is said in answer acknowledges all.
	e->expected = last;
	e->pending += length;
	if (p->texts) {
		take_said(p, port, in, e, length);
		return;
	}
	p->received[port] += take_payload(p, port, in, e, length);
	if (port == BENCH_WAN && p->silent_targets) {
		e->expected = before;
		e->pending = 0;
		return;
	}
	uint32_t owed = e->pending;

	e->expected -= owed;
	for (; owed >= 2 * p->segment; owed -= 2 * p->segment) {
		e->expected += 2 * p->segment;
		send_now(p, port, e, TCP_FLAG_ACK, 0);
	}
	e->expected = last;
	e->pending = owed;
}

static void take_end(struct peers *p, uint16_t port, struct peer *e)
{
	e->has_end = true;
	e->expected++;
	if (port == BENCH_WAN) {
		e->state = PEER_CLOSING;
		send_now(p, port, e, TCP_FLAG_FIN | TCP_FLAG_ACK, 0);
		return;
	}
	send_now(p, port, e, TCP_FLAG_ACK, 0);
	e->state = PEER_CLOSED;
	p->finished++;
}

// A target answers a whole request; a client closes when it has the answer.
static void follow_script(struct peers *p, uint16_t port, struct peer *e)
{
	uint32_t got = e->expected - e->other_first;

	if (port == BENCH_LAN && e->script == PEERS_ASK && e->state == PEER_OPEN &&
		got == PEERS_ANSWER) {
		e->state = PEER_CLOSING;
		send_now(p, port, e, TCP_FLAG_FIN | TCP_FLAG_ACK, 0);
		if (p->done)
			p->done(p, (uint32_t)(e - p->ends[BENCH_LAN]));
	} else if (port == BENCH_WAN && p->answers && got == PEERS_REQUEST && e->next == e->first) {
		send_now(p, port, e, TCP_FLAG_ACK | TCP_FLAG_PSH, PEERS_ANSWER);
	}
}

static void take_segment(struct peers *p, uint16_t port, const struct packet *in, struct peer *e)
{
	uint32_t sequence = be32_to_host(in->tcp_sequence);
	uint32_t length = packet_payload_length(in);

	read_options(in, e);
	if (in->tcp_flags & TCP_FLAG_SYN) {
		if (port == BENCH_LAN && e->state == PEER_OPENING)
			take_syn_ack(p, in, e);
		return;
	}
	if (e->state == PEER_OPENING)
		e->state = PEER_OPEN;
	e->edge = be32_to_host(in->tcp_acknowledgement) +
		  ((uint32_t)be16_to_host(in->tcp_window) << e->scale);
	if (sequence != e->expected) {
		p->out_of_order += length > 0;
		if (length > 0 && !(port == BENCH_WAN && p->silent_targets))
			send_now(p, port, e, TCP_FLAG_ACK, 0);
		return;
	}
	if (length > 0) {
		take_text(p, port, in, e, length);
		if (!p->texts)
			follow_script(p, port, e);
	}
	if ((in->tcp_flags & TCP_FLAG_FIN) && !e->has_end)
		take_end(p, port, e);
}

static void take_packet(struct peers *p, uint16_t port, const struct packet *in)
{
	struct peer *e;

	if (in->kind != PACKET_TCP)
		return;
	if (port == BENCH_WAN && p->mirror && in->key.destination.bytes[15] == BENCH_MIRROR) {
		p->mirror(p, in);
		return;
	}
	if (port == BENCH_WAN && in->tcp_flags == TCP_FLAG_SYN) {
		take_syn_at_target(p, in);
		return;
	}
	e = end_of(p, port, &in->key);
	if (!e && port == BENCH_LAN && p->stranger)
		p->stranger(p, in);
	else if (!e || e->state == PEER_CLOSED)
		p->strangers++;
	else if (in->tcp_flags & TCP_FLAG_RST)
		p->resets++;
	else
		take_segment(p, port, in, e);
}

// A frame that the port would still complete or cut carries no sum to look at.
static void take_frame(struct peers *p, uint16_t port, struct buffer *b)
{
	struct parse_context context = {
		.data = buffer_data(b), .contiguous = b->length, .frame = b->total_length};
	struct checksum_span spans[64];
	struct packet in = {.buffer = b};
	uint32_t n = 0;

	if (station_answer(&p->b.rig, port, buffer_data(b), b->length))
		return;
	if (packet_parse(&in, &context) != PARSE_OK)
		bench_fail("a malformed frame came out of port %u", port);
	for (struct buffer *at = b; at && n < nx_array_size(spans); at = at->next)
		spans[n++] = (struct checksum_span){buffer_data(at), at->length};
	if (!(b->offload & (BUFFER_RX_CHECKSUM_MASK | BUFFER_RX_LRO)) &&
		packet_checksum_verify(&in, spans, n, false) != PARSE_OK)
		bench_fail("a frame with a wrong checksum came out of port %u", port);
	take_packet(p, port, &in);
}

static void receive(struct peers *p)
{
	struct buffer *frames[BURST];

	for (uint16_t port = 0; port < 2; port++) {
		struct port *far = node_port(p->b.rig.node, port);
		uint16_t n;

		while ((n = ring_port_far_receive(far, 0, frames, BURST)) > 0) {
			for (uint16_t i = 0; i < n; i++) {
				take_frame(p, port, frames[i]);
				p->b.rig.buffers->put(p->b.rig.buffers, frames[i]);
			}
		}
	}
}

void peers_turn(struct peers *p)
{
	bench_tell_time(&p->b);
	uint64_t start = clock_cycles();

	bool did = rig_turn(&p->b.rig) > 0;
	uint64_t took = clock_cycles() - start;

	p->b.cycles += took;
	p->busy += did ? took : 0;
	receive(p);
	if (p->tls)
		peers_tls_turn(p->tls);
}

void peers_turn_until(struct peers *p, bool (*holds)(const struct peers *p), const char *what)
{
	uint64_t start = clock_cycles();
	uint64_t patience = p->b.hz * (p->slow_seconds ? p->slow_seconds : 1);

	for (uint32_t turns = 0; !holds(p); turns++) {
		if (p->b.options.virtual_time ? turns > TURNS_MAX
					      : clock_cycles() - start > patience)
			bench_fail("%s", what);
		peers_turn(p);
	}
}

void peers_acknowledge(struct peers *p)
{
	for (uint16_t port = 0; port < 2; port++) {
		uint32_t n = port == BENCH_LAN ? p->b.options.flows : p->target_ends;

		for (uint32_t i = 0; i < n; i++)
			if (p->ends[port][i].pending > 0)
				send_now(p, port, &p->ends[port][i], TCP_FLAG_ACK, 0);
	}
}

static uint64_t wanted_open; // by peers_open

static bool are_open(const struct peers *p)
{
	return p->opened >= wanted_open;
}

static bool are_connected(const struct peers *p)
{
	return counter_read(&node_tcp_stats(p->b.rig.node, 0)->states[TCP_ESTABLISHED]) >=
	       2 * wanted_open;
}

void peers_open(struct peers *p, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n;) {
		// The first go one by one: their packets wait for next hops.
		uint32_t batch =
			i < BENCH_TARGETS + BENCH_CLIENTS ? 1 : u32_min(PEERS_BURST, first + n - i);

		wanted_open = p->opened + batch;
		for (uint32_t k = 0; k < batch; k++)
			peers_connect(p, i + k, PEERS_STREAM);
		peers_turn_until(p, are_open, "a client's connection is not accepted");
		wanted_open = i + batch;
		peers_turn_until(p, are_connected, "a target's connection is not established");
		i += batch;
	}
}

static uint32_t take_records(
	struct peers *p, uint32_t end, const struct buffer *chain, uint32_t from, uint32_t length)
{
	return peers_tls_take(p->tls, end, chain, from, length);
}

void peers_create(struct peers *p, const struct bench_options *options, uint32_t capacity)
{
	struct bench_options o = *options;

	*p = (struct peers){.capacity = capacity,
		.target_window = STEADY_WINDOW,
		.timestamps = !o.tls,
		.tls = o.tls && !o.slow ? peers_tls_create(capacity) : NULL};
	o.protocol = BENCH_TCP;
	o.terminate = true;
	if (p->tls) {
		o.slow = peers_tls_links(p->tls);
		o.tls_targets = true;
		p->take[BENCH_WAN] = take_records;
	}
	bench_create(&p->b, &o);
	for (uint16_t i = 0; o.offload == BENCH_OFFLOAD_NONE && i < 2; i++)
		ring_port_set_capabilities(node_port(p->b.rig.node, i), PORT_TX_CHAINS);
	for (uint32_t i = 0; i < PATTERN_BYTES; i++)
		pattern[i] = (uint8_t)i;
	p->segment =
		MTU - (p->timestamps ? TIMESTAMPS_BYTES : 0) - (o.v6 ? HEADERS_V6 : HEADERS_V4);
	p->ends[0] = malloc(capacity * sizeof(struct peer));
	p->ends[1] = malloc(capacity * sizeof(struct peer));
	p->by_port = malloc(BENCH_TARGETS * TARGET_PORTS * sizeof(*p->by_port));
	if (!p->ends[0] || !p->ends[1] || !p->by_port)
		bench_fail("out of memory for %u sessions", capacity);
	// Written, so that resident memory has them from the start.
	memset(p->ends[0], 0, capacity * sizeof(struct peer));
	memset(p->ends[1], 0, capacity * sizeof(struct peer));
	memset(p->by_port, 0, BENCH_TARGETS * TARGET_PORTS * sizeof(*p->by_port));
}

void peers_destroy(struct peers *p)
{
	bench_destroy(&p->b);
	peers_tls_destroy(p->tls);
	free(p->ends[0]);
	free(p->ends[1]);
	free(p->by_port);
}

void peers_touch_buffers(struct peers *p)
{
	struct buffer_source *source = p->b.rig.buffers;
	struct buffer *all = NULL;
	struct buffer *b;

	while ((b = source->get(source, POOL_SMALL_ROOM)) != NULL) {
		memset(buffer_data(b), 0, POOL_SMALL_ROOM);
		b->next = all;
		all = b;
	}
	while ((b = all) != NULL) {
		all = b->next;
		b->next = NULL;
		source->put(source, b);
	}
}

uint32_t peers_buffers(const struct peers *p)
{
	return pools_small_used(&p->b.rig.node->pools);
}
