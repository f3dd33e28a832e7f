// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_parts.h"
#include "shape/link.h"

static struct shape_config shape_of(const struct config_emulate *e)
{
	return (struct shape_config){
		.rate_bps = e->rate_bps,
		.queue_bytes = e->queue_bytes,
		.mark_bytes = e->mark_bytes,
		.delay_us = e->delay_us,
		.jitter_us = e->jitter_us,
		.jitter = e->jitter_kind,
		.loss = e->loss,
		.loss_burst = e->loss_burst,
		.reorder = e->reorder,
		.duplicate = e->duplicate,
		.corrupt = e->corrupt,
		.seed = e->seed,
		.frame = SHAPE_FRAME_ETHERNET,
	};
}

int compile_emulate(struct compiling *c)
{
	const struct config *config = c->input->config;
	struct snapshot *s = c->snapshot;

	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];
		struct shape_config shape = shape_of(&port->emulate);
		uint16_t index = c->input->port_index(c->input->context, port->name);

		if (index >= MAX_PORTS || !shape_config_is_active(&shape))
			continue;
		if (!s->emulate)
			s->emulate = calloc(MAX_PORTS, sizeof(*s->emulate));
		if (!s->emulate)
			return compile_fail(c, -ENOMEM, "");
		s->emulate[index] = shape;
	}
	return 0;
}
