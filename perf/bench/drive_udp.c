// SPDX-License-Identifier: BSD-3-Clause

// Datagrams from clients to the target, each with the moment it left.

#include "bench/drive.h"

#include <netinet/in.h>

#include "core/clock.h"
#include "flow/session.h"

enum {
	OPEN_ROUNDS = 20,
	TAIL_MS = 300,
	HEADERS_V4 = 42,
	HEADERS_V6 = 62
};

// First bytes of a payload; the rest is the pattern that frame_write makes.
struct stamp {
	uint32_t magic;
	uint32_t trial; // 0: opens its session, and is answered
	uint64_t left;  // TSC
};

static const uint32_t stamp_magic = 0x6e786264;
static uint32_t trial_now;

static bool send_stamped(struct drive *d, uint32_t flow, uint32_t trial)
{
	struct stamp stamp = {.magic = stamp_magic, .trial = trial, .left = clock_cycles()};
	uint32_t headers = ip_address_is_v4(&d->service) ? HEADERS_V4 : HEADERS_V6;
	struct frame frame = {
		.key = drive_key(d, flow),
		.payload = d->options->size > headers + sizeof(stamp) ? d->options->size - headers
								      : (uint32_t)sizeof(stamp),
		.content = (const uint8_t *)&stamp,
		.content_length = sizeof(stamp),
	};

	return drive_send(d, DRIVE_CLIENT, &frame);
}

static void take(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes)
{
	struct stamp stamp;

	if (p->kind != PACKET_UDP || packet_payload_length(p) < sizeof(stamp))
		return;
	memcpy(&stamp, bytes + p->payload, sizeof(stamp));
	if (stamp.magic != stamp_magic)
		return;
	if (side == DRIVE_CLIENT) {
		uint32_t flow = drive_flow(d, p);

		if (flow < d->flows && !d->answered[flow]) {
			d->answered[flow] = 1;
			d->answered_count++;
		}
		return;
	}
	if (stamp.trial == 0) {
		struct frame frame = {
			.key = flow_key_reverse(&p->key),
			.payload = sizeof(stamp),
			.content = (const uint8_t *)&stamp,
			.content_length = sizeof(stamp),
		};

		drive_send(d, DRIVE_TARGET, &frame);
	} else if (stamp.trial == trial_now) {
		d->received++;
		histogram_add(
			&d->latency, (clock_cycles() - stamp.left) * 1000 / (d->hz / 1000000));
	}
}

void drive_udp_open(struct drive *d)
{
	for (int round = 0; round < OPEN_ROUNDS && d->answered_count < d->flows; round++) {
		for (uint32_t i = 0; i < d->flows; i++) {
			if (d->answered[i])
				continue;
			send_stamped(d, i, 0);
			if (i % DRIVE_BURST == 0)
				drive_receive(d, take);
		}
		uint64_t until = clock_cycles() + d->hz / 10;

		while (clock_cycles() < until && d->answered_count < d->flows)
			drive_receive(d, take);
	}
	if (d->answered_count < d->flows)
		bench_fail("only %u of %u flows came through and back; is there a UDP listener at "
			   "--target, with --server as its target?",
			d->answered_count, d->flows);
}

void drive_udp_trial(struct drive *d, uint64_t rate)
{
	uint64_t began = clock_cycles();
	uint64_t end = began + d->options->seconds * d->hz;
	uint64_t now = began;
	uint64_t refused = d->sides[DRIVE_CLIENT].refused;
	uint64_t tried = 0;

	trial_now++;
	while (now < end) {
		uint64_t due = (uint64_t)((double)(now - began) / (double)d->hz * (double)rate);

		for (uint32_t i = 0; i < DRIVE_BURST && tried < due; i++, tried++)
			d->sent += send_stamped(d, drive_random(d, d->flows), trial_now);
		drive_receive(d, take);
		now = clock_cycles();
	}
	while (now < end + d->hz * TAIL_MS / 1000 && d->received < d->sent) {
		drive_receive(d, take);
		now = clock_cycles();
	}
	d->sent -= d->sides[DRIVE_CLIENT].refused - refused;
}
