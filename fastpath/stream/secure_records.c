// SPDX-License-Identifier: BSD-3-Clause
// A secured leg after its handshake: records in, records out, and the ends of both ways.
#include "stream/secure_impl.h"

static void break_leg(struct secure_leg *l, enum tls_verdict why)
{
	l->broken = (uint8_t)why;
	l->session->flags |= RELAY_BROKEN;
}

static void queue_sealed(
	struct relay *r, struct secure_leg *l, struct buffer *records, uint32_t flags)
{
	if (records)
		(void)tcp_send(r->tcp, l->session->connection[l->leg], records, flags, r->now);
}

bool secure_records_begin(struct relay *r, struct secure_leg *l, const struct slow_keys *keys)
{
	struct tls_secret in = {.sequence = keys->in.sequence};
	struct tls_secret out = {.sequence = keys->out.sequence};
	struct tcp_info info;
	int error;

	static_assert(sizeof(in.secret) == SLOW_SECRET_BYTES && sizeof(in.iv) == SLOW_NONCE_BYTES,
		"the message has what the record layer takes");
	memcpy(in.secret, keys->in.secret, sizeof(in.secret));
	memcpy(out.secret, keys->out.secret, sizeof(out.secret));
	memcpy(in.iv, keys->in.iv, sizeof(in.iv));
	memcpy(out.iv, keys->out.iv, sizeof(out.iv));
	error = tls_records_init(&r->secure->tls, keys->is_client != 0, keys->version, keys->suite,
		&in, &out, &l->records);
	secret_wipe(&in, sizeof(in));
	secret_wipe(&out, sizeof(out));
	if (error)
		return false;
	l->records.out.ends_with_buffers = keys->is_itself != 0;
	tcp_info_get(r->tcp, l->session->connection[l->leg], &info);
	l->mss = info.mss;
	l->agreed = (struct session_security){keys->version, keys->suite};
	l->names = leg_names_take(r->secure->names, &keys->names);
	l->state = SECURE_OPEN;
	counter_add(&r->config.stats->tls_handshakes_done[l->leg][secure_version_index(l)], 1);
	counter_add(&r->config.stats->tls_legs[l->leg][secure_version_index(l)], 1);
	return true;
}

// Seals *data, NULL for a key update alone. What finds no buffer waits.
static void seal(struct relay *r, struct secure_leg *l, struct buffer *data, uint32_t flags)
{
	struct buffer *records = NULL;
	enum tls_verdict v =
		tls_seal(&r->secure->tls, &l->records, l->mss, r->now, &data, &records);

	queue_sealed(r, l, records, flags);
	if (v == TLS_NO_BUFFER) {
		l->unsent = data;
		secure_defer(r, l);
		return;
	}
	if (data)
		r->config.buffers->put(r->config.buffers, data);
	if (v == TLS_KEY_SPENT)
		break_leg(l, v);
}

static void close_output(struct relay *r, struct secure_leg *l)
{
	struct buffer *records = NULL;

	if (tls_close(&r->secure->tls, &l->records, &records) == TLS_NO_BUFFER) {
		secure_defer(r, l);
		return;
	}
	l->shut_wanted = false;
	queue_sealed(r, l, records, 0);
	tcp_shutdown(r->tcp, l->session->connection[l->leg], r->now);
}

void secure_catch_up(struct relay *r, struct secure_leg *l)
{
	struct buffer *unsent = l->unsent;

	l->unsent = NULL;
	if (unsent || tls_seal_due(&l->records))
		seal(r, l, unsent, 0);
	if (l->shut_wanted && !l->unsent)
		close_output(r, l);
}

void secure_send(struct relay *r, struct relay_session *s, unsigned int leg, struct buffer *chain,
	uint32_t flags)
{
	struct secure_leg *l = secure_at(r, s, leg);

	secure_work_done(r, u32_max(chain->total_length, RECORD_COST / 4));
	seal(r, l, chain, flags);
}

// What waits for a buffer goes first: nothing else is taken until it has left.
uint32_t secure_room(struct relay *r, struct relay_session *s, unsigned int leg)
{
	const struct secure_leg *l = secure_at(r, s, leg);

	return l->state != SECURE_OPEN || l->unsent ? 0 : tcp_send_room(r->tcp, s->connection[leg]);
}

void secure_shutdown(struct relay *r, struct relay_session *s, unsigned int leg)
{
	struct secure_leg *l = secure_at(r, s, leg);

	l->shut_wanted = true;
	if (!l->unsent)
		close_output(r, l);
}

void secure_connection_end(struct relay *r, struct relay_session *s, unsigned int leg)
{
	secure_at(r, s, leg)->input_ended = true;
}

// More of the connection's bytes for the record layer. False: there are none now.
static bool feed(struct relay *r, struct secure_leg *l, uint32_t max)
{
	struct buffer *chain = tcp_receive(r->tcp, l->session->connection[l->leg], max, r->now);

	if (!chain)
		return false;
	tls_push(&r->secure->tls, &l->records, chain);
	return true;
}

// The peer's close_notify, or its FIN: without the former before it the stream was cut
// (RFC 8446 6.1), which the other side is to hear as a reset.
static void input_over(struct secure_leg *l, enum tls_verdict v)
{
	if (v == TLS_CLOSED)
		l->session->flags |= leg_flag(RELAY_END, l->leg);
	else if (tls_verdict_is_fatal(v))
		break_leg(l, v);
}

struct buffer *secure_receive(
	struct relay *r, struct relay_session *s, unsigned int leg, uint32_t max)
{
	struct secure_leg *l = secure_at(r, s, leg);
	struct buffer *out = NULL;
	enum tls_verdict v;

	if (l->state != SECURE_OPEN || (s->flags & RELAY_BROKEN))
		return NULL;
	for (;;) {
		uint32_t opened = l->records.in.opened;

		v = tls_next(&r->secure->tls, &l->records, &out);
		secure_work_done(r, u32_max(v == TLS_DATA ? out->total_length : 0,
					    (l->records.in.opened - opened) * RECORD_COST));
		if (v == TLS_DATA)
			break;
		if (v == TLS_MESSAGE) {
			secure_handshake_ticket(r, l, out);
			r->config.buffers->put(r->config.buffers, out);
			out = NULL;
			continue;
		}
		if (v == TLS_WANT_MORE && feed(r, l, max))
			continue;
		if (v == TLS_WANT_MORE && l->input_ended)
			v = tls_input_end(&r->secure->tls, &l->records);
		if (v == TLS_NO_BUFFER)
			secure_defer(r, l);
		input_over(l, v);
		break;
	}
	if (tls_seal_due(&l->records) && !l->unsent)
		seal(r, l, NULL, 0);
	return out;
}

bool secure_has_input(const struct relay *r, const struct relay_session *s, unsigned int leg)
{
	return leg_is_secure(s, leg) && secure_at(r, s, leg)->records.in.pending.bytes > 0;
}

void secure_discard(struct relay *r, uint32_t connection)
{
	struct buffer *chain;

	while ((chain = tcp_receive(r->tcp, connection, UINT32_MAX, r->now)) != NULL)
		r->config.buffers->put(r->config.buffers, chain);
}

bool secure_is_broken(const struct relay *r, const struct relay_session *s, unsigned int leg)
{
	return leg_is_secure(s, leg) && secure_at(r, s, leg)->broken != 0;
}

void secure_break(struct relay *r, struct relay_session *s)
{
	bool client_broke = secure_is_broken(r, s, LEG_CLIENT);

	for (unsigned int leg = 0; leg < 2; leg++) {
		struct secure_leg *l = leg_is_secure(s, leg) ? secure_at(r, s, leg) : NULL;
		struct buffer *records = NULL;

		if (!l || l->broken == 0)
			continue;
		if (tls_verdict_alert(l->broken) != TLS_ALERT_NONE)
			(void)tls_send_alert(&r->secure->tls, &l->records,
				tls_verdict_alert(l->broken), &records);
		queue_sealed(r, l, records, 0);
		stats_drop(r->config.stats,
			l->broken == TLS_TRUNCATED ? DROP_TLS_CUT : DROP_TLS_RECORD);
		secure_discard(r, s->connection[leg]);
		tcp_close(r->tcp, s->connection[leg], r->now);
		s->connection[leg] = TCP_NONE;
	}
	// The client of an HTTP session can be told, and may have its next request answered.
	if ((s->flags & RELAY_IS_HTTP) && !client_broke)
		relay_gateway_target_broke(r, s);
	else
		relay_session_end(r, s, SESSION_END_RESET, true);
}
