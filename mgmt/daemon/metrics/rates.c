// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/metrics/rates.h"

void port_stats_sum(const struct node *node, uint16_t port, struct port_stats_sum *out)
{
	*out = (struct port_stats_sum){0};
	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct port_stats *s = &node_worker_stats(node, w)->ports[port];

		out->receive_packets += counter_read(&s->receive_packets);
		out->receive_bytes += counter_read(&s->receive_bytes);
		out->transmit_packets += counter_read(&s->transmit_packets);
		out->transmit_bytes += counter_read(&s->transmit_bytes);
		out->transmit_dropped += counter_read(&s->transmit_dropped);
	}
}

uint64_t drop_sum(const struct node *node, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < node_worker_count(node); w++)
		sum += counter_read(&node_worker_stats(node, w)->drops[reason]);
	return sum;
}

static void sample_take(const struct node *node, struct rate_sample *out)
{
	uint16_t ports = node_port_count(node);

	*out = (struct rate_sample){0};
	for (uint16_t p = 0; p < ports; p++)
		port_stats_sum(node, p, &out->ports[p]);
	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct worker_stats *s = node_worker_stats(node, w);

		out->workers[w].busy = counter_read(&s->busy_cycles);
		out->workers[w].idle = counter_read(&s->idle_cycles);
		out->workers[w].sleep = counter_read(&s->sleep_cycles);
		out->workers[w].turns = counter_read(&s->turns);
		for (uint16_t p = 0; p < ports; p++)
			out->workers[w].packets += counter_read(&s->ports[p].receive_packets);
		out->sessions_total += counter_read(&s->sessions_total);
	}
	for (int r = 0; r < DROP_COUNT; r++)
		out->drops[r] = drop_sum(node, r);
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static void worker_rate(struct worker_rates *out, const struct rate_sample *now,
	const struct rate_sample *before, uint16_t w, double seconds)
{
	double busy = rate(now->workers[w].busy, before->workers[w].busy, 1);
	double idle = rate(now->workers[w].idle, before->workers[w].idle, 1);
	double sleep = rate(now->workers[w].sleep, before->workers[w].sleep, 1);
	double all = busy + idle + sleep;

	out->load = all > 0 ? busy / all : 0;
	out->sleep = all > 0 ? sleep / all : 0;
	out->turns_per_s = rate(now->workers[w].turns, before->workers[w].turns, seconds);
	out->packets_per_s = rate(now->workers[w].packets, before->workers[w].packets, seconds);
}

void rates_sample(struct rates *rates, const struct node *node, usec_t now)
{
	static struct rate_sample sample;
	double seconds = (double)(now - rates->sampled) / USEC_PER_SECOND;
	const struct rate_sample *before = &rates->last;

	sample_take(node, &sample);
	if (rates->sampled != 0 && seconds > 0) {
		for (uint16_t p = 0; p < node_port_count(node); p++) {
			const struct port_stats_sum *a = &sample.ports[p], *b = &before->ports[p];
			struct port_rates *r = &rates->ports[p];

			r->receive_packets_per_s =
				rate(a->receive_packets, b->receive_packets, seconds);
			r->receive_bps = 8 * rate(a->receive_bytes, b->receive_bytes, seconds);
			r->transmit_packets_per_s =
				rate(a->transmit_packets, b->transmit_packets, seconds);
			r->transmit_bps = 8 * rate(a->transmit_bytes, b->transmit_bytes, seconds);
		}
		for (uint16_t w = 0; w < node_worker_count(node); w++)
			worker_rate(&rates->workers[w], &sample, before, w, seconds);
		for (int r = 0; r < DROP_COUNT; r++)
			rates->drops_per_s[r] = rate(sample.drops[r], before->drops[r], seconds);
		rates->sessions_per_s =
			rate(sample.sessions_total, before->sessions_total, seconds);
	}
	rates->last = sample;
	rates->sampled = now;
}
