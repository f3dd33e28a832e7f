// SPDX-License-Identifier: BSD-3-Clause

#include "bench/drive.h"

#include <netinet/in.h>

#include <rte_ethdev.h>

#include "core/clock.h"
#include "pkt/parse.h"

enum {
	SMALL_BUFFERS = 16384,
	LARGE_BUFFERS = 256,
	LINK_WAIT_S = 5,
	ETHERNET_BYTES = 14,
};

uint32_t drive_random(struct drive *d, uint32_t below)
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return (uint32_t)(((d->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) * below) >> 32);
}

static void wait_for_link(struct drive *d, struct port *port)
{
	uint64_t until = clock_cycles() + LINK_WAIT_S * d->hz;
	uint64_t speed;
	bool up = false;

	while (!up && clock_cycles() < until)
		port->ops->link(port, &up, &speed);
	if (!up)
		bench_fail("%s: the link is down", port->device);
}

static void open_side(struct drive *d, unsigned side, const char *device)
{
	struct port_request request = {
		.mtu = 1500,
		.queues = 1,
		.transmit_queues = 1,
		.huge = d->options->huge,
		.small = d->pools.small,
		.large = d->pools.large,
	};
	char error[512];

	if (!device)
		bench_fail("drive needs --tx PORT and --rx PORT");
	snprintf(request.name, sizeof(request.name), "%s", side == DRIVE_CLIENT ? "tx" : "rx");
	snprintf(request.device, sizeof(request.device), "%s", device);
	if (port_open(&request, &d->sides[side].port, error, sizeof(error)) != 0)
		bench_fail("%s", error);
	d->sides[side].port->index = (uint16_t)side;
}

void drive_open(struct drive *d)
{
	char error[512];

	if (pools_create(SMALL_BUFFERS, LARGE_BUFFERS, &d->pools, error, sizeof(error)) != 0)
		bench_fail("%s", error);
	pool_source_init(&d->buffers, &d->pools);
	open_side(d, DRIVE_CLIENT, d->options->tx);
	open_side(d, DRIVE_TARGET, d->options->rx);
	wait_for_link(d, d->sides[DRIVE_CLIENT].port);
	wait_for_link(d, d->sides[DRIVE_TARGET].port);
}

json_t *drive_port(const struct drive *d, unsigned side)
{
	struct port *port = d->sides[side].port;
	struct rte_eth_dev_info info = {0};
	const char *driver = port->ops->kind;
	uint64_t speed = 0;
	bool up;

	if (strcmp(driver, "ethdev") == 0 && rte_eth_dev_info_get(port->dpdk_port, &info) == 0)
		driver = info.driver_name;
	port->ops->link(port, &up, &speed);
	return json_pack("{s:s, s:s, s:i, s:I}", "device", port->device, "driver", driver, "mtu",
		(int)port->mtu, "speed_bps", (json_int_t)speed);
}

void drive_close(struct drive *d)
{
	port_close(d->sides[DRIVE_CLIENT].port);
	port_close(d->sides[DRIVE_TARGET].port);
	pools_destroy(&d->pools);
}

void drive_flush(struct drive *d, unsigned side)
{
	struct drive_side *s = &d->sides[side];
	uint16_t sent = s->count ? port_transmit(s->port, 0, s->out, s->count) : 0;

	for (uint16_t i = sent; i < s->count; i++) {
		d->buffers.source.put(&d->buffers.source, s->out[i]);
		s->refused++;
	}
	s->count = 0;
}

bool drive_send_bytes(struct drive *d, unsigned side, const uint8_t *bytes, uint32_t length)
{
	struct drive_side *s = &d->sides[side];
	struct buffer *b = frame_buffer(&d->buffers.source, bytes, length);

	if (!b)
		return false;
	s->out[s->count++] = b;
	if (s->count == DRIVE_BURST)
		drive_flush(d, side);
	return true;
}

bool drive_send(struct drive *d, unsigned side, struct frame *frame)
{
	static uint8_t bytes[FRAME_BYTES_MAX];

	frame->source_mac = d->sides[side].port->mac;
	frame->destination_mac = d->next[side];
	return drive_send_bytes(d, side, bytes, frame_write(frame, bytes));
}

// Frames on a virtual link may carry a sum that is not complete yet: the port says so.
static bool is_right(const struct buffer *b, struct packet *p)
{
	struct checksum_span span = {buffer_data(b), b->length};
	struct parse_context context = {
		.data = buffer_data(b), .contiguous = b->length, .frame = b->total_length};

	if (packet_parse(p, &context) != PARSE_OK)
		return false;
	if (b->offload & BUFFER_RX_CHECKSUM_GOOD)
		return true; // partial counts as good here: GOOD and BAD together
	return b->segments > 1 || packet_checksum_verify(p, &span, 1, true) == PARSE_OK;
}

static void take_frame(struct drive *d, unsigned side, struct buffer *b,
	void (*take)(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes))
{
	const uint8_t *bytes = buffer_data(b);
	struct packet p;

	if (drive_take_neighbour(d, side, bytes, b->length))
		return;
	if (b->length < ETHERNET_BYTES || memcmp(bytes, d->sides[side].port->mac.bytes, 6) != 0)
		return; // what the host on the other end tells everybody
	if (!is_right(b, &p)) {
		d->damaged++;
		return;
	}
	if (side == DRIVE_TARGET && !d->known[side]) {
		memcpy(d->next[side].bytes, bytes + 6, 6);
		d->known[side] = true;
	}
	if (p.kind == PACKET_UDP || p.kind == PACKET_TCP)
		take(d, side, &p, bytes);
}

void drive_receive(struct drive *d,
	void (*take)(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes))
{
	struct buffer *in[2 * DRIVE_BURST];

	for (unsigned side = 0; side < 2; side++) {
		uint16_t n = port_receive(d->sides[side].port, 0, in, 2 * DRIVE_BURST);

		for (uint16_t i = 0; i < n; i++) {
			take_frame(d, side, in[i], take);
			d->buffers.source.put(&d->buffers.source, in[i]);
		}
	}
	drive_flush(d, DRIVE_CLIENT);
	drive_flush(d, DRIVE_TARGET);
}

uint32_t drive_client(const struct drive *d, const struct ip_address *address)
{
	uint32_t number = be32_to_host(address->words[3]) - be32_to_host(d->client.words[3]);

	if (memcmp(address->bytes, d->client.bytes, 12) != 0 || number >= d->clients)
		return UINT32_MAX;
	return number;
}

struct flow_key drive_key(const struct drive *d, uint32_t flow)
{
	struct flow_key key = {
		.source = d->client,
		.destination = d->service,
		.source_port = be16_from_host((uint16_t)(DRIVE_FIRST_PORT + flow % DRIVE_PORTS)),
		.destination_port = d->service_port,
		.protocol = d->options->protocol == BENCH_TCP ? IPPROTO_TCP : IPPROTO_UDP,
	};

	key.source.words[3] = be32_from_host(be32_to_host(d->client.words[3]) + flow / DRIVE_PORTS);
	return key;
}

uint32_t drive_flow(const struct drive *d, const struct packet *p)
{
	uint32_t client = drive_client(d, &p->key.destination);
	uint32_t port = be16_to_host(p->key.destination_port) - DRIVE_FIRST_PORT;

	if (client == UINT32_MAX || port >= DRIVE_PORTS)
		return UINT32_MAX;
	return client * DRIVE_PORTS + port;
}
