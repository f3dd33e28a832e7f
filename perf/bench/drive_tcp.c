// SPDX-License-Identifier: BSD-3-Clause

// Connections from the first SYN to the last acknowledgement, at a rate. The target keeps no state:
// its sequence numbers follow from the client's.

#include "bench/drive.h"

#include "core/clock.h"
#include "flow/session.h"

enum {
	TAIL_MS = 1000,
	SEQUENCE_STEP = 65536
};

static const uint32_t target_offset = 0x10000000;
static const uint8_t syn_options[] = {2, 4, 0x05, 0xb4, 1, 1, 4, 2};

static void send_segment(struct drive *d, unsigned side, const struct flow_key *key, uint8_t flags,
	uint32_t sequence, uint32_t acknowledgement)
{
	struct frame frame = {
		.key = *key,
		.tcp_flags = flags,
		.sequence = sequence,
		.acknowledgement = acknowledgement,
		.window = 65535,
		.options = syn_options,
		.options_length = flags & TCP_FLAG_SYN ? sizeof(syn_options) : 0,
	};

	if (!drive_send(d, side, &frame))
		bench_fail("no packet buffer left");
	d->sent++;
}

static void take_at_target(struct drive *d, const struct packet *p)
{
	struct flow_key key = flow_key_reverse(&p->key);
	uint32_t sequence = be32_to_host(p->tcp_sequence);

	if (p->tcp_flags & TCP_FLAG_SYN)
		send_segment(d, DRIVE_TARGET, &key, TCP_FLAG_SYN | TCP_FLAG_ACK,
			sequence + target_offset, sequence + 1);
	else if (p->tcp_flags & TCP_FLAG_FIN)
		send_segment(d, DRIVE_TARGET, &key, TCP_FLAG_FIN | TCP_FLAG_ACK,
			sequence + target_offset, sequence + 1);
}

static void take_at_client(struct drive *d, const struct packet *p)
{
	uint32_t flow = drive_flow(d, p);
	struct flow_key key = flow_key_reverse(&p->key);

	if (flow >= d->flows || d->connections[flow].started == 0)
		return;
	struct drive_connection *c = &d->connections[flow];
	uint32_t theirs = be32_to_host(p->tcp_sequence) + 1;

	if (p->tcp_flags == (TCP_FLAG_SYN | TCP_FLAG_ACK) && !c->is_open) {
		histogram_add(
			&d->latency, (clock_cycles() - c->started) * 1000 / (d->hz / 1000000));
		c->is_open = true;
		send_segment(d, DRIVE_CLIENT, &key, TCP_FLAG_ACK, c->sequence + 1, theirs);
		send_segment(d, DRIVE_CLIENT, &key, TCP_FLAG_FIN | TCP_FLAG_ACK, c->sequence + 1,
			theirs);
	} else if (p->tcp_flags == (TCP_FLAG_FIN | TCP_FLAG_ACK) && c->is_open) {
		send_segment(d, DRIVE_CLIENT, &key, TCP_FLAG_ACK, c->sequence + 2, theirs);
		c->started = 0;
		d->done++;
	}
}

static void take(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes)
{
	if (p->kind != PACKET_TCP)
		return;
	d->received++;
	if (side == DRIVE_TARGET)
		take_at_target(d, p);
	else
		take_at_client(d, p);
}

// Each time a client port comes again, its sequence numbers are above its last ones.
static void begin(struct drive *d)
{
	uint32_t flow = (uint32_t)(d->begun % d->flows);
	struct drive_connection *c = &d->connections[flow];
	struct flow_key key = drive_key(d, flow);

	c->started = clock_cycles();
	c->sequence += SEQUENCE_STEP;
	c->is_open = false;
	d->begun++;
	send_segment(d, DRIVE_CLIENT, &key, TCP_FLAG_SYN, c->sequence, 0);
}

void drive_tcp_trial(struct drive *d, uint64_t rate)
{
	uint64_t began = clock_cycles();
	uint64_t end = began + d->options->seconds * d->hz;
	uint64_t now = began;

	for (uint32_t i = 0; i < d->flows; i++)
		d->connections[i].started = 0;
	while (now < end) {
		uint64_t due = (uint64_t)((double)(now - began) / (double)d->hz * (double)rate);

		for (uint32_t i = 0; i < DRIVE_BURST && d->begun < due; i++)
			begin(d);
		drive_receive(d, take);
		now = clock_cycles();
	}
	while (now < end + d->hz * TAIL_MS / 1000 && d->done < d->begun) {
		drive_receive(d, take);
		now = clock_cycles();
	}
}
