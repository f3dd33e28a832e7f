// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/congestion.h"

const struct tcp_congestion_ops *congestion_of(const struct tcp_connection *c)
{
	return c->congestion_kind == TCP_CONGESTION_RATE ? &tcp_congestion_rate
							 : &tcp_congestion_cubic;
}

void congestion_init(struct tcp_engine *e, struct tcp_connection *c, uint8_t kind)
{
	c->congestion_kind = kind;
	memset(c->congestion, 0, sizeof(c->congestion));
	congestion_of(c)->init(e, c);
}
