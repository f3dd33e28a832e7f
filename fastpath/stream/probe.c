// SPDX-License-Identifier: BSD-3-Clause
// Connections to targets that are looked at. Each has at most SLOW_STREAM_BYTES of the target's
// stream handed over, and a time.
#include "stream/probe.h"

#include <errno.h>
#include <netinet/in.h>

#include "core/chain.h"
#include "stream/secure_impl.h"

// As long as a handshake, and the silences in it: the slow path forgets it a little later.
#define PROBE_SILENCES (4 * PROBE_SILENCE)
#define PROBE_TIMEOUT  (15 * USEC_PER_SECOND)
static_assert(PROBE_SILENCES < SLOW_FORGET);

enum {
	RETRY = USEC_PER_MILLISECOND, // where the ring to the slow path is full
};

static struct relay_probe *find_free(struct relay *r)
{
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		if (!r->probes.probes[i].is_live)
			return &r->probes.probes[i];
	return NULL;
}

static const struct snapshot_upstream *upstream_at(const struct relay *r, uint16_t slot)
{
	return slot < r->snapshot->upstream_limit ? r->snapshot->upstreams[slot] : NULL;
}

static void port_give(struct relay *r, const struct relay_probe *p, const struct flow_past *past)
{
	if (p->has_port)
		flow_lease_give(r->config.flow, &p->to, past, r->now);
}

// The source port and the SYN. DROP_NONE, or why there is none.
static enum drop_reason dial(
	struct relay *r, struct relay_probe *p, const struct snapshot_upstream *upstream)
{
	// The balance rule and the source address are chosen by it: each time another.
	const struct flow_key nobody = {
		.protocol = IPPROTO_TCP, .source_port = be16_from_host((uint16_t)r->probes.begun)};
	struct flow_lease lease;
	struct tcp_past past;
	enum drop_reason reason = flow_lease_take(
		r->config.flow, r->snapshot, upstream, &nobody, &nobody, SLOT_NONE, r->now, &lease);

	if (reason != DROP_NONE)
		return reason;
	past = (struct tcp_past){.sequence = lease.past.sequence,
		.timestamp = lease.past.timestamp,
		.has_timestamp = lease.past.has_timestamp};
	p->to = lease.key;
	p->has_port = lease.has_port;
	p->target = lease.target->slot;
	if (tcp_connect_after(r->tcp,
		    relay_profile(r,
			    &(struct relay_kind){
				    .mtu = r->snapshot->netifs[lease.target->netif].mtu,
				    .congestion = upstream->congestion,
				    .look = upstream->look,
			    }),
		    &lease.key, lease.past.target_waits ? &past : NULL, NULL,
		    CONTEXT_IS_PROBE | (uint64_t)(p - r->probes.probes), r->now,
		    &p->connection) == 0)
		return DROP_NONE;
	port_give(r, p, &lease.past);
	return DROP_TCP_CONNECTIONS_FULL;
}

bool relay_probe_begin(struct relay *relay, const struct snapshot *snapshot,
	const struct control_request *request, usec_t now)
{
	struct relay_probe *p = find_free(relay);
	const struct snapshot_upstream *upstream;
	const struct slow_links *slow = relay->config.slow;

	relay->snapshot = snapshot;
	relay->now = now;
	upstream = upstream_at(relay, request->probe.upstream);
	if (!p || !relay->secure || relay->draining || !upstream || upstream->closing)
		return false;
	*p = (struct relay_probe){.profile = request->probe.profile,
		.place = request->probe.place,
		.header = (uint8_t)upstream->proxy_protocol,
		.heard = now,
		.until = now + u64_min(slow->timeout + PROBE_SILENCES, PROBE_TIMEOUT),
		.name = (uint64_t)relay->probes.begun++ << 32 |
			(PROBE_NAMES + (uint32_t)(p - relay->probes.probes))};
	if (dial(relay, p, upstream) != DROP_NONE)
		return false;
	p->due = p->until;
	p->link = &slow->links[relay->config.worker * slow->threads +
			       relay->probes.begun % slow->threads];
	p->is_live = true;
	relay->probes.live++;
	return true;
}

static void let_go(struct relay *r, struct relay_probe *p, bool reset)
{
	struct flow_past past = {0}; // a reset leaves none
	struct tcp_info info;

	if (p->held)
		r->config.buffers->put(r->config.buffers, p->held);
	if (reset) {
		tcp_abort(r->tcp, p->connection, r->now);
	} else {
		tcp_info_get(r->tcp, p->connection, &info);
		past = (struct flow_past){.sequence = info.send_next,
			.timestamp = info.timestamp,
			.has_timestamp = info.timestamps,
			.target_waits = true};
		secure_discard(r, p->connection);
		tcp_close(r->tcp, p->connection, r->now);
	}
	port_give(r, p, &past);
	p->is_live = false;
	r->probes.live--;
}

static struct slow_message *message_begin(const struct relay_probe *p, enum slow_kind kind)
{
	struct slow_message *m = ring_reserve(&p->link->to_slow);

	if (!m)
		return NULL;
	m->session = p->name;
	m->kind = (uint8_t)kind;
	m->stream = SLOW_TARGET;
	m->offset = p->passed;
	m->failure = 0;
	m->length = 0;
	return m;
}

static void message_send(struct relay *r, const struct relay_probe *p)
{
	ring_publish(&p->link->to_slow);
	r->secure->wake[(uint32_t)(p->link - r->config.slow->links) % r->config.slow->threads] =
		true;
}

static bool open_send(struct relay *r, struct relay_probe *p)
{
	const struct snapshot_target *target = snapshot_target_at(r->snapshot, p->target);
	struct slow_message *m = p->is_opened ? NULL : message_begin(p, SLOW_OPEN);

	if (!m)
		return p->is_opened;
	// Bounded like a source of sessions, one that is us.
	m->open = (struct slow_open){
		.profile = p->profile, .place = p->place, .source = p->to.source};
	if (target)
		memcpy(m->open.target, target->text, sizeof(m->open.target));
	message_send(r, p);
	p->is_opened = true;
	return true;
}

// The next piece of what is received. False: the ring is full.
static bool piece_send(struct relay *r, struct relay_probe *p)
{
	struct slow_message *m = message_begin(p, SLOW_BYTES);
	uint32_t n = u32_min(SLOW_DATA_BYTES, SLOW_STREAM_BYTES - p->passed);

	if (!m)
		return false;
	n = u32_min(n, p->held->total_length - p->skip);
	m->length = (uint16_t)chain_copy(p->held, p->skip, n, m->data);
	message_send(r, p);
	p->passed += n;
	p->skip += n;
	if (p->skip < p->held->total_length)
		return true;
	r->config.buffers->put(r->config.buffers, p->held);
	p->held = NULL;
	p->skip = 0;
	return true;
}

static bool hold(struct relay *r, struct relay_probe *p)
{
	if (!p->held)
		p->held = tcp_receive(r->tcp, p->connection, SLOW_STREAM_BYTES - p->passed, r->now);
	return p->held;
}

// Hands over what came. False: the ring is full.
static bool pass(struct relay *r, struct relay_probe *p)
{
	while (p->passed < SLOW_STREAM_BYTES && hold(r, p)) {
		if (!piece_send(r, p))
			return false;
		p->heard = r->now;
	}
	// Nobody looks at more of it.
	p->input_ended |= p->passed == SLOW_STREAM_BYTES;
	return true;
}

// The target has said all that is heard of it: so the slow path comes to its verdict, which needs
// no answer.
static void conclude(struct relay *r, struct relay_probe *p, bool reset)
{
	if (!open_send(r, p) || !message_begin(p, SLOW_END)) {
		p->due = r->now + RETRY;
		// A thread that has not read for so long has forgotten it.
		if (r->now >= p->until + SLOW_FORGET)
			let_go(r, p, true);
		return;
	}
	message_send(r, p);
	let_go(r, p, reset);
}

// The target has all that we said: a silence before that may be a lost segment of ours.
static bool is_heard(const struct relay *r, const struct relay_probe *p)
{
	struct tcp_info info;

	tcp_info_get(r->tcp, p->connection, &info);
	return info.send_queued == 0;
}

// What comes behind it waits for the answer: only then it is known what it came without.
static bool silence_send(struct relay *r, struct relay_probe *p)
{
	if (p->passed > 0 && !is_heard(r, p))
		p->heard = r->now;
	if (p->passed == 0 || r->now < p->heard + PROBE_SILENCE)
		return true;
	if (!message_begin(p, SLOW_SILENCE))
		return false;
	message_send(r, p);
	p->awaits_answer = true;
	return true;
}

// All that can be done now, and when there is more.
static void go_on(struct relay *r, struct relay_probe *p)
{
	bool passed;

	if (r->now >= p->until) {
		conclude(r, p, true);
		return;
	}
	if (!open_send(r, p)) {
		p->due = r->now + RETRY;
		return;
	}
	if (p->awaits_answer) {
		p->due = p->until;
		return;
	}
	passed = pass(r, p);
	if (passed && p->input_ended) {
		conclude(r, p, false);
		return;
	}
	passed = passed && silence_send(r, p);
	p->due = passed && (p->awaits_answer || p->passed == 0)
			 ? p->until
			 : u64_min(p->until, passed ? p->heard + PROBE_SILENCE : r->now + RETRY);
}

static bool bytes_send(
	struct relay *r, const struct relay_probe *p, const void *bytes, uint16_t length)
{
	struct buffer *b = r->config.buffers->get(r->config.buffers, length);

	if (!b)
		return false;
	memcpy(buffer_data(b), bytes, length);
	b->length = length;
	b->total_length = length;
	(void)tcp_send(r->tcp, p->connection, b, 0, r->now);
	return true;
}

// As who checks whether a server lives, not for a client (the PROXY protocol's LOCAL, and UNKNOWN).
static bool header_send(struct relay *r, const struct relay_probe *p)
{
	static const char first[] = "PROXY UNKNOWN\r\n";
	static const uint8_t second[] = {
		'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n', 0x20, 0, 0, 0};
	const void *bytes = p->header == 1 ? (const void *)first : second;
	uint16_t length = p->header == 1 ? sizeof(first) - 1 : sizeof(second);

	return p->header == 0 || bytes_send(r, p, bytes, length);
}

void relay_probe_event(struct relay *r, const struct tcp_event *event)
{
	struct relay_probe *p = &r->probes.probes[event->context & ~CONTEXT_IS_PROBE];
	bool is_out_of_reach;

	p->is_connected |= (event->events & TCP_EVENT_CONNECTED) != 0;
	// An error on the way to a target that has not answered is word enough (RFC 5461 4).
	is_out_of_reach = (event->events & TCP_EVENT_TROUBLE) && !p->is_connected &&
			  event->error == EHOSTUNREACH;
	if ((event->events & TCP_EVENT_FAILED) || is_out_of_reach) {
		p->until = r->now;
		conclude(r, p, true);
		return;
	}
	if ((event->events & TCP_EVENT_CONNECTED) && !header_send(r, p)) {
		conclude(r, p, true);
		return;
	}
	p->input_ended |= (event->events & TCP_EVENT_END) != 0;
	if (event->events & (TCP_EVENT_CONNECTED | TCP_EVENT_READABLE | TCP_EVENT_END))
		go_on(r, p);
}

bool relay_probe_answer(struct relay *r, const struct slow_message *m)
{
	uint32_t number = (uint32_t)m->session - PROBE_NAMES;
	struct relay_probe *p = &r->probes.probes[number % PROBES_MAX];
	uint32_t length = u32_min(m->length, SLOW_DATA_BYTES);

	if ((uint32_t)m->session < PROBE_NAMES)
		return false;
	if (number >= PROBES_MAX || !p->is_live || p->name != m->session)
		return true;
	if (m->kind != SLOW_SEND) {
		let_go(r, p, false);
		return true;
	}
	if (length > 0 && !bytes_send(r, p, m->data, (uint16_t)length)) {
		conclude(r, p, true);
		return true;
	}
	p->awaits_answer = false;
	p->heard = r->now;
	go_on(r, p);
	return true;
}

void relay_probes_tick(struct relay *r)
{
	for (uint32_t i = 0; i < PROBES_MAX && r->probes.live > 0; i++) {
		struct relay_probe *p = &r->probes.probes[i];

		if (p->is_live && r->now >= p->due)
			go_on(r, p);
	}
}

usec_t relay_probes_next(const struct relay *r)
{
	usec_t next = UINT64_MAX;

	for (uint32_t i = 0; i < PROBES_MAX && r->probes.live > 0; i++)
		if (r->probes.probes[i].is_live)
			next = u64_min(next, r->probes.probes[i].due);
	return next;
}

void relay_probes_end(struct relay *r)
{
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		if (r->probes.probes[i].is_live)
			let_go(r, &r->probes.probes[i], true);
}
