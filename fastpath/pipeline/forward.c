// SPDX-License-Identifier: BSD-3-Clause

// Stage 5: sessions. The flow engine judges and rewrites each packet in place; what it does not
// know is left in the vector for the local stage.

#include "pipeline/worker.h"

#include "pipeline/local.h"
#include "pkt/icmp.h"

// ARP, and neighbour solicitations and advertisements: a station that claims one of our addresses
// is to be heard, so that the conflict is seen.
static bool may_claim_address(const struct packet *p)
{
	return p->kind == PACKET_ARP ||
	       (p->kind == PACKET_ICMP6 && (p->icmp_type == ICMP6_NEIGHBOUR_SOLICITATION ||
						   p->icmp_type == ICMP6_NEIGHBOUR_ADVERTISEMENT));
}

// An address of our own cannot be another's source, unless we made the packet ourselves. Asked of
// packets without a session only: those of a session come from whom it was opened by.
static bool is_spoofed(const struct worker *w, const struct packet *p)
{
	if (nx_likely(!snapshot_address_find(w->snapshot, &p->key.source)) || may_claim_address(p))
		return false;
	return w->origin == VECTOR_RECEIVED || !handover_note(p->buffer)->is_ours;
}

static enum flow_verdict forward_one(struct worker *w, struct packet *p)
{
	if (nx_unlikely(p->session == PACKET_NO_SESSION && is_spoofed(w, p))) {
		p->reason = DROP_IP_SPOOFED;
		return FLOW_DROP;
	}
	switch (p->kind) {
	case PACKET_TCP:
	case PACKET_UDP:
		return flow_engine_forward(w->flow, w->snapshot, p, w->now);
	case PACKET_ICMP4:
	case PACKET_ICMP6:
		return flow_engine_icmp_error(w->flow, w->snapshot, p, w->now);
	default:
		return FLOW_LOCAL;
	}
}

// A packet on its own: what begins, ends or changes a session, belongs to none, or may not go on.
// True: it is left for the local stage.
static bool forward_single(struct worker *w, struct packet *p)
{
	switch (forward_one(w, p)) {
	case FLOW_FORWARD:
		worker_send(w, p);
		break;
	case FLOW_DROP:
		worker_drop(w, p, (enum drop_reason)p->reason);
		break;
	case FLOW_TOO_BIG:
		local_refuse(w->local, p, LOCAL_TOO_BIG);
		break;
	case FLOW_HOP_LIMIT:
		local_refuse(w->local, p, LOCAL_HOP_LIMIT);
		break;
	case FLOW_LOCAL:
		return true;
	}
	return false;
}

// Packets of live sessions go in runs, the others one by one between them: in the order in which
// they came. Returns how many are left for the local stage.
uint32_t stage_forward(struct worker *w, struct packet *packets, uint32_t n)
{
	uint32_t seen = 0;
	uint32_t left = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t run =
			flow_engine_forward_run(w->flow, w->snapshot, packets + i, n - i, w->now);

		worker_send_run(w, packets + i, run);
		seen += run;
		i += run;
		if (i < n && packets[i].buffer) {
			left += forward_single(w, &packets[i]);
			seen++;
		}
	}
	worker_charge(w, STAGE_FORWARD, seen);
	return left;
}
