// SPDX-License-Identifier: BSD-3-Clause
// Many TCP connections through the flow engine over links that lose, repeat and reorder, seeded.
// Both ends are small but honest: they keep to windows and retransmit. Whatever the links do, every
// stream must arrive whole, the engine must never drop a segment that its receiver could have used,
// and at the end all sessions and ports are back.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/tracker.h"
#include "world.h"

enum {
	CONNECTIONS = 24,
	FLIGHTS = 4096,
	MSS = 1000,
	CONGESTION = 16000,
};

#define RETRANSMIT (300 * USEC_PER_MILLISECOND)
#define LINK_DELAY (20 * USEC_PER_MILLISECOND)
#define LONGEST    (900 * USEC_PER_SECOND)

// One end of a connection.
struct end {
	uint32_t first;    // initial sequence number
	uint32_t next;     // to be sent
	uint32_t sent;     // one past the highest sent
	uint32_t unacked;  // oldest not acknowledged
	uint32_t expected; // of the other side
	uint32_t to_send;  // bytes of the whole stream
	uint32_t edge;     // right edge that the other side granted
	uint32_t buffer;   // room for received data
	uint32_t held;     // of it, not read by the application
	uint8_t scale;     // of its own window
	uint8_t peer_scale;
	bool knows_peer; // has the other's SYN
	bool peer_finished;
	bool is_dead; // aborted: answers with resets
	bool was_reset;
	usec_t retransmit_at;
	usec_t paused_until; // the application does not read
};

struct connection {
	struct end end[2];
	struct flow_key client;
	struct flow_key nat;
	usec_t starts;
	usec_t aborts[2]; // 0: never
};

struct flight {
	usec_t due;
	uint16_t connection;
	uint8_t direction;
	bool is_past_engine;
	struct world_packet packet;
};

struct sim {
	struct world *world;
	uint64_t random;
	uint32_t loss;   // of 1,000
	uint32_t repeat; // of 1,000
	struct connection connections[CONNECTIONS];
	struct flight flights[FLIGHTS];
	uint32_t flight_count;
};

static uint32_t draw(struct sim *sim, uint32_t below)
{
	sim->random = sim->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((sim->random >> 33) % below);
}

static void launch(struct sim *sim, struct flight flight)
{
	uint32_t copies = draw(sim, 1000) < sim->repeat ? 2 : 1;

	for (uint32_t i = 0; i < copies; i++) {
		if (draw(sim, 1000) < sim->loss || sim->flight_count == FLIGHTS)
			continue;
		flight.due = sim->world->now + 100 + draw(sim, LINK_DELAY);
		sim->flights[sim->flight_count++] = flight;
	}
}

static uint32_t window_of(const struct end *e)
{
	return e->held < e->buffer ? e->buffer - e->held : 0;
}

static void emit(
	struct sim *sim, uint16_t c, uint8_t d, uint8_t flags, uint32_t sequence, uint32_t length)
{
	struct connection *connection = &sim->connections[c];
	struct end *e = &connection->end[d];
	bool is_syn = flags & TCP_FLAG_SYN;
	uint32_t window = is_syn ? e->buffer : window_of(e) >> e->scale;
	struct flight flight = {
		.connection = c,
		.direction = d,
		.packet =
			{
				.key = d == 0 ? connection->client
					      : world_reverse(&connection->nat),
				.sequence = sequence,
				.acknowledgement = e->knows_peer ? e->expected : 0,
				.length = length,
				.window = (uint16_t)u32_min(window, UINT16_MAX),
				.flags = (uint8_t)(flags | (e->knows_peer ? TCP_FLAG_ACK : 0)),
				.has_scale = is_syn,
				.scale = e->scale,
				.netif = d,
			},
	};

	launch(sim, flight);
}

static uint32_t end_of_data(const struct end *e)
{
	return e->first + 1 + e->to_send;
}

// Sends what the window lets: SYN, data, FIN.
static void push(struct sim *sim, uint16_t c, uint8_t d)
{
	struct end *e = &sim->connections[c].end[d];

	if (e->is_dead || e->was_reset)
		return;
	if (e->next == e->first) {
		emit(sim, c, d, TCP_FLAG_SYN, e->first, 0);
		e->next++;
	}
	while (e->knows_peer && e->unacked != e->first && e->next != end_of_data(e) + 1) {
		uint32_t left = end_of_data(e) - e->next;
		uint32_t room = sequence_before(e->next, e->edge) ? e->edge - e->next : 0;
		uint32_t length = u32_min(u32_min(left, room), 1 + draw(sim, MSS));
		bool is_last = length == left && room > length;

		if ((length == 0 && !is_last) || e->next - e->unacked > CONGESTION)
			break;
		emit(sim, c, d, is_last ? TCP_FLAG_FIN : TCP_FLAG_PSH, e->next, length);
		e->next += length + is_last;
	}
	if (sequence_after(e->next, e->sent))
		e->sent = e->next;
	e->retransmit_at = sim->world->now + RETRANSMIT + draw(sim, RETRANSMIT);
}

static bool has_sent_all(const struct end *e)
{
	return e->unacked == end_of_data(e) + 1;
}

static void on_timer(struct sim *sim, uint16_t c, uint8_t d)
{
	struct end *e = &sim->connections[c].end[d];

	if (has_sent_all(e))
		return;
	if (e->unacked == end_of_data(e) || e->unacked == e->first || e->edge != e->unacked) {
		e->next = e->unacked; // go back
		push(sim, c, d);
		return;
	}
	emit(sim, c, d, TCP_FLAG_PSH, e->unacked, 1); // the window is shut: probe
	if (!sequence_after(e->sent, e->unacked))
		e->sent = e->unacked + 1;
	e->retransmit_at = sim->world->now + RETRANSMIT;
}

static void take_acknowledgement(struct end *e, const struct world_packet *p)
{
	uint32_t window = (uint32_t)p->window << (p->flags & TCP_FLAG_SYN ? 0 : e->peer_scale);

	if (sequence_after(p->acknowledgement, e->sent) ||
		sequence_before(p->acknowledgement, e->unacked))
		return;
	e->unacked = p->acknowledgement;
	if (sequence_before(e->next, e->unacked))
		e->next = e->unacked;
	if (sequence_after(p->acknowledgement + window, e->edge))
		e->edge = p->acknowledgement + window;
}

static void take_reset(struct sim *sim, uint16_t c, uint8_t d, const struct world_packet *p)
{
	struct end *e = &sim->connections[c].end[d];

	if (!e->knows_peer)
		e->was_reset |= p->acknowledgement == e->sent;
	else if (p->sequence == e->expected)
		e->was_reset = true;
	else if (!e->is_dead && !e->was_reset) // challenge (RFC 5961)
		emit(sim, c, d, 0, e->sent, 0);
}

// A segment reaches an end.
static void deliver(struct sim *sim, const struct flight *f)
{
	uint8_t d = !f->direction;
	struct connection *connection = &sim->connections[f->connection];
	struct end *e = &connection->end[d];
	const struct world_packet *p = &f->packet;
	bool is_syn = p->flags & TCP_FLAG_SYN;
	uint32_t taken = p->length + !!(p->flags & TCP_FLAG_FIN) + is_syn;

	if (p->flags & TCP_FLAG_RST) {
		take_reset(sim, f->connection, d, p);
		return;
	}
	if (e->is_dead || e->was_reset) {
		struct flight reset = {.connection = f->connection,
			.direction = d,
			.packet = {.key = d == 0 ? connection->client
						 : world_reverse(&connection->nat),
				.sequence = p->acknowledgement,
				.flags = TCP_FLAG_RST,
				.netif = d}};

		if (p->flags & TCP_FLAG_ACK)
			launch(sim, reset);
		return;
	}
	if (d == 1 && is_syn && !e->knows_peer)
		connection->nat = p->key;
	if (is_syn && !e->knows_peer) {
		e->knows_peer = true;
		e->expected = p->sequence;
		e->peer_scale = (uint8_t)p->scale;
		e->edge = e->first + 1;
	}
	if (p->flags & TCP_FLAG_ACK)
		take_acknowledgement(e, p);
	if (p->sequence == e->expected && p->length <= window_of(e)) {
		e->expected += taken;
		if (sim->world->now < e->paused_until)
			e->held += p->length;
		e->peer_finished |= !!(p->flags & TCP_FLAG_FIN);
	}
	if (e->next == e->first || sequence_before(e->next, end_of_data(e) + 1))
		push(sim, f->connection, d);
	if (taken > 0)
		emit(sim, f->connection, d, 0, e->sent, 0);
}

// Whether the receiver could have made use of a segment that the engine dropped.
static bool is_loss(const struct sim *sim, const struct flight *f)
{
	const struct end *to = &sim->connections[f->connection].end[!f->direction];
	const struct world_packet *p = &f->packet;

	if (to->is_dead || to->was_reset ||
		sim->connections[f->connection].end[f->direction].was_reset ||
		sim->connections[f->connection].end[f->direction].is_dead)
		return false;
	if (p->flags & TCP_FLAG_RST)
		return false;
	if (p->length > 0 && to->knows_peer && p->sequence == to->expected &&
		p->length <= window_of(to))
		return true;
	return to->knows_peer && (p->flags & TCP_FLAG_ACK) &&
	       sequence_after(p->acknowledgement, to->unacked);
}

static void fail_lost(
	const struct sim *sim, const struct flight *f, const struct world_outcome *out)
{
	const struct connection *c = &sim->connections[f->connection];
	const struct end *from = &c->end[f->direction];
	const struct end *to = &c->end[!f->direction];
	const struct world_packet *p = &f->packet;

	fail_msg(
		"%llu us, connection %u, from %u: useful segment dropped: %s: flags %x, sequence %d "
		"length %u acknowledgement %d, sender sent %d acknowledged %d, receiver expects %d",
		(unsigned long long)sim->world->now, f->connection, f->direction,
		drop_reason_name(out->reason), p->flags, (int)(p->sequence - from->first),
		p->length, (int)(p->acknowledgement - to->first), (int)(from->sent - from->first),
		(int)(from->unacked - from->first), (int)(to->expected - from->first));
}

static void pass_engine(struct sim *sim, struct flight *f)
{
	struct world_outcome out = world_send(sim->world, &f->packet);

	if (out.verdict != FLOW_FORWARD) {
		if (is_loss(sim, f))
			fail_lost(sim, f, &out);
		return;
	}
	assert_true(out.intact);
	f->packet.key = out.key;
	f->is_past_engine = true;
	launch(sim, *f);
}

static void run_connection(struct sim *sim, uint16_t c)
{
	struct connection *connection = &sim->connections[c];
	usec_t now = sim->world->now;

	for (uint8_t d = 0; d < 2; d++) {
		struct end *e = &connection->end[d];

		if (e->held > 0 && now >= e->paused_until) {
			e->held = 0;
			emit(sim, c, d, 0, e->sent, 0); // window update
		}
		if (connection->aborts[d] && now >= connection->aborts[d] && e->knows_peer) {
			connection->aborts[d] = 0;
			if (!has_sent_all(e))
				emit(sim, c, d, TCP_FLAG_RST, e->sent, 0);
			e->is_dead = !has_sent_all(e);
		}
		if (now >= e->retransmit_at && (d == 0 || e->knows_peer) &&
			now >= connection->starts && !e->is_dead && !e->was_reset)
			on_timer(sim, c, d);
	}
}

static bool is_finished(const struct connection *c)
{
	const struct end *a = &c->end[0];
	const struct end *b = &c->end[1];

	if (a->is_dead || b->is_dead || a->was_reset || b->was_reset)
		return true;
	return has_sent_all(a) && has_sent_all(b) && a->peer_finished && b->peer_finished;
}

static void set_up(struct sim *sim, uint64_t seed, bool aborting)
{
	sim->random = seed * UINT64_C(0x9e3779b97f4a7c15);
	sim->loss = draw(sim, 4) * 30;
	sim->repeat = draw(sim, 3) * 30;
	sim->world = world_create(&(struct world_options){0});
	assert_non_null(sim->world);
	sim->world->listeners[WORLD_TCP].connect_timeout = 60 * USEC_PER_SECOND;
	for (uint16_t c = 0; c < CONNECTIONS; c++) {
		struct connection *connection = &sim->connections[c];

		connection->client = c % 2 ? world_key(IPPROTO_TCP, "10.1.0.9", 40000 + c,
						     "10.1.0.2", WORLD_TCP_PORT)
					   : world_key(IPPROTO_TCP, "fd00:1::9", 40000 + c,
						     "fd00:1::2", WORLD_TCP_PORT);
		connection->starts = sim->world->now + draw(sim, 5 * USEC_PER_SECOND);
		for (uint8_t d = 0; d < 2; d++) {
			struct end *e = &connection->end[d];

			e->first =
				draw(sim, 3) ? draw(sim, UINT32_MAX) : UINT32_MAX - draw(sim, 9000);
			e->next = e->sent = e->unacked = e->first;
			e->to_send = draw(sim, 3) ? draw(sim, 60000) : 0;
			e->scale = (uint8_t)draw(sim, 5);
			e->buffer = 2000 + draw(sim, 63000);
			e->paused_until = sim->world->now + draw(sim, 20 * USEC_PER_SECOND);
			if (aborting && draw(sim, 3) == 0)
				connection->aborts[d] =
					sim->world->now + draw(sim, 10 * USEC_PER_SECOND);
		}
	}
}

// One simulated millisecond.
static bool step(struct sim *sim)
{
	bool is_over = true;

	for (uint32_t i = 0; i < sim->flight_count;) {
		struct flight f = sim->flights[i];

		if (f.due > sim->world->now) {
			i++;
			continue;
		}
		sim->flights[i] = sim->flights[--sim->flight_count];
		if (f.is_past_engine)
			deliver(sim, &f);
		else
			pass_engine(sim, &f);
	}
	for (uint16_t c = 0; c < CONNECTIONS; c++) {
		run_connection(sim, c);
		is_over = is_over && is_finished(&sim->connections[c]);
	}
	world_wait(sim->world, USEC_PER_MILLISECOND);
	return is_over && sim->flight_count == 0;
}

static void run(uint64_t seed, bool aborting)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	usec_t end;

	assert_non_null(sim);
	set_up(sim, seed, aborting);
	end = sim->world->now + LONGEST;
	while (!step(sim))
		if (sim->world->now > end)
			fail_msg("seed %llu: streams are stuck", (unsigned long long)seed);
	for (uint16_t c = 0; c < CONNECTIONS && !aborting; c++)
		for (uint8_t d = 0; d < 2; d++)
			assert_int_equal(sim->connections[c].end[d].expected,
				end_of_data(&sim->connections[c].end[!d]) + 1);
	if (!aborting) {
		world_wait(sim->world, 11 * USEC_PER_SECOND);
		assert_int_equal(world_sessions(sim->world), 0);
		assert_int_equal(sim->world->reset_count, 0);
	} else {
		world_wait(sim->world, 8000 * USEC_PER_SECOND);
		assert_int_equal(world_sessions(sim->world), 0);
	}
	assert_int_equal(world_ports(sim->world), 0);
	assert_int_equal(world_destroy(sim->world), 0);
	free(sim);
}

static void streams_arrive_whole_over_bad_links(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		run(seed, false);
}

static void aborted_connections_leave_nothing(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		run(seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_arrive_whole_over_bad_links),
		cmocka_unit_test(aborted_connections_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
