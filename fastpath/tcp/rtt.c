// SPDX-License-Identifier: BSD-3-Clause
// Round-trip time and retransmission timeout (RFC 6298). Samples come from segments sent once
// (Karn) or from an echoed timestamp; srtt_us is kept times 8, rttvar_us times 4.
#include "tcp/engine_impl.h"

void rtt_sample(struct tcp_engine *e, struct tcp_connection *c, uint32_t rtt_us)
{
	const struct tcp_profile *p = profile_of(e, c);
	uint32_t rtt = rtt_us == 0 ? 1 : u32_min(rtt_us, RTT_MAX);

	if (!(c->flags & TCP_RTT_KNOWN)) {
		c->flags |= TCP_RTT_KNOWN;
		c->srtt_us = rtt * 8;
		c->rttvar_us = rtt * 2;
	} else {
		uint32_t srtt = c->srtt_us / 8;
		uint32_t deviation = srtt > rtt ? srtt - rtt : rtt - srtt;

		c->rttvar_us += deviation - c->rttvar_us / 4;
		c->srtt_us += rtt - srtt;
	}
	// The variation counts for at least the minimum: a path without jitter must not time out on
	// the peer's delayed acknowledgement.
	uint32_t variation = c->rttvar_us > p->rto_min_us ? c->rttvar_us : p->rto_min_us;

	c->rto_us = u32_min(c->srtt_us / 8 + variation, RTO_MAX);
}

// RFC 6298 5.5: doubled at each expiry.
usec_t rto_of(const struct tcp_engine *e, const struct tcp_connection *c)
{
	(void)e;
	return u64_min((usec_t)c->rto_us << c->backoff, RTO_MAX);
}
