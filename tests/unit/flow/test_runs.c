// SPDX-License-Identifier: BSD-3-Clause
// Vectors of packets, most of which pass in runs: what is counted, and what happens to those behind
// a session that ended while the vector was under way.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/engine_impl.h"
#include "world.h"

enum {
	VECTOR_MAX = 16,
	CLIENTS = 4,
};

// One session's ends, opened or to be opened.
struct exchange {
	struct flow_key client; // as the client's packets arrive
	struct flow_key target; // as the target's do
};

struct vector {
	struct packet packets[VECTOR_MAX];
	struct buffer *buffers[VECTOR_MAX];
	uint32_t count;
};

static struct world *w;
static struct vector v;

static int set_up(void **state)
{
	w = world_create(&(struct world_options){0});
	v = (struct vector){0};
	return w ? 0 : -1;
}

static int tear_down(void **state)
{
	for (uint32_t i = 0; i < v.count; i++)
		buffer_heap_put(&buffer_heap_source, v.buffers[i]);
	return (int)world_destroy(w);
}

static struct flow_key client_key(uint8_t protocol, uint16_t port)
{
	return world_key(protocol, "10.1.0.1", port, "10.1.0.2",
		protocol == IPPROTO_TCP ? WORLD_TCP_PORT : WORLD_UDP_PORT);
}

static struct world_outcome pass(const struct flow_key *key, uint8_t flags, uint32_t sequence,
	uint32_t acknowledgement, uint16_t netif)
{
	struct world_outcome out = world_send(w, &(struct world_packet){.key = *key,
							 .flags = flags,
							 .sequence = sequence,
							 .acknowledgement = acknowledgement,
							 .window = 65535,
							 .netif = netif});

	assert_int_equal(out.verdict, FLOW_FORWARD);
	return out;
}

static struct exchange open_tcp(uint16_t port)
{
	struct exchange x = {.client = client_key(IPPROTO_TCP, port)};
	struct world_outcome out = pass(&x.client, TCP_FLAG_SYN, 999, 0, 0);

	x.target = world_reverse(&out.key);
	pass(&x.target, TCP_FLAG_SYN | TCP_FLAG_ACK, 8999, 1000, 1);
	pass(&x.client, TCP_FLAG_ACK, 1000, 9000, 0);
	return x;
}

static struct exchange open_udp(uint16_t port)
{
	struct exchange x = {.client = client_key(IPPROTO_UDP, port)};
	struct world_outcome out = pass(&x.client, 0, 0, 0, 0);

	x.target = world_reverse(&out.key);
	pass(&x.target, 0, 0, 0, 1);
	pass(&x.client, 0, 0, 0, 0);
	return x;
}

// Both sides have closed: the session lingers.
static void close_tcp(const struct exchange *x)
{
	pass(&x->client, TCP_FLAG_FIN | TCP_FLAG_ACK, 1000, 9000, 0);
	pass(&x->target, TCP_FLAG_FIN | TCP_FLAG_ACK, 9000, 1001, 1);
	pass(&x->client, TCP_FLAG_ACK, 1001, 9001, 0);
}

static void vector_add(const struct world_packet *packet)
{
	struct buffer *own = w->buffer;

	assert_true(v.count < VECTOR_MAX);
	w->buffer = v.buffers[v.count] = buffer_heap_get(&buffer_heap_source, 2048);
	assert_non_null(w->buffer);
	v.packets[v.count++] = world_frame(w, packet);
	w->buffer = own;
}

static void add_from_client(const struct exchange *x, uint32_t length)
{
	vector_add(&(struct world_packet){.key = x->client,
		.flags = TCP_FLAG_ACK,
		.sequence = 1000,
		.acknowledgement = 9000,
		.window = 65535,
		.length = length});
}

static void add_from_target(const struct exchange *x, uint32_t length)
{
	vector_add(&(struct world_packet){.key = x->target,
		.flags = TCP_FLAG_ACK,
		.sequence = 9000,
		.acknowledgement = 1000,
		.window = 65535,
		.length = length,
		.netif = 1});
}

static void look_up(void)
{
	flow_engine_lookup_bulk(w->engine, v.packets, v.count);
}

static uint32_t run_from(uint32_t at)
{
	return flow_engine_forward_run(
		w->engine, &w->snapshot, v.packets + at, v.count - at, w->now);
}

static enum flow_verdict single(uint32_t at)
{
	return flow_engine_forward(w->engine, &w->snapshot, &v.packets[at], w->now);
}

// A packet that comes alone and was not looked up with the vector; the other side's key.
static struct flow_key pass_beside(const struct flow_key *key, uint16_t netif)
{
	struct packet p = world_frame(w, &(struct world_packet){.key = *key, .netif = netif});

	p.hash = flow_key_hash(&p.key, w->engine->config.seed);
	assert_int_equal(flow_engine_forward(w->engine, &w->snapshot, &p, w->now), FLOW_FORWARD);
	return engine_session(w->engine, p.session)->leg[!p.direction].key;
}

static void kill_session(uint32_t index)
{
	struct control_request request = {.kind = CONTROL_KILL,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.why = SESSION_END_KILLED,
		.cursor = index};

	(void)flow_engine_request(w->engine, &w->snapshot, &request, w->now, 1);
	assert_int_equal(request.count, 1);
}

static uint64_t bytes(uint16_t listener, unsigned int direction)
{
	return counter_read(&w->stats->listeners[listener].bytes[direction]);
}

static uint64_t packets(uint16_t listener, unsigned int direction)
{
	return counter_read(&w->stats->listeners[listener].packets[direction]);
}

// What is gathered for one listener and direction is told when the other's turn comes, and at the
// end.
static void every_packet_of_a_run_is_counted_once(void **state)
{
	struct exchange tcp = open_tcp(5000);
	struct exchange udp = open_udp(5000);
	uint64_t before[4] = {bytes(WORLD_TCP, 0), bytes(WORLD_TCP, 1), bytes(WORLD_UDP, 0),
		packets(WORLD_UDP, 1)};

	add_from_client(&udp, 100);
	add_from_client(&udp, 10);
	add_from_target(&udp, 7);
	add_from_client(&tcp, 0);
	add_from_target(&tcp, 0);
	add_from_target(&tcp, 50);
	add_from_client(&udp, 1);
	look_up();
	assert_int_equal(run_from(0), 7);
	assert_int_equal(bytes(WORLD_UDP, 0) - before[2], 111 + 3 * 8);
	assert_int_equal(packets(WORLD_UDP, 1) - before[3], 1);
	assert_int_equal(bytes(WORLD_TCP, 0) - before[0], 20);
	assert_int_equal(bytes(WORLD_TCP, 1) - before[1], 50 + 2 * 20);
}

// A client that opens a session anew ends the one that lingered: the packets behind its SYN go on
// in runs.
static void runs_go_on_behind_a_session_that_ended(void **state)
{
	struct exchange over = open_tcp(5000);
	struct exchange live[CLIENTS];

	for (uint16_t i = 0; i < CLIENTS; i++)
		live[i] = i & 1 ? open_tcp((uint16_t)(6000 + i)) : open_udp((uint16_t)(6000 + i));
	close_tcp(&over);
	add_from_client(&live[0], 10);
	vector_add(&(struct world_packet){
		.key = over.client, .flags = TCP_FLAG_SYN, .sequence = 500000, .window = 65535});
	for (uint32_t i = 0; i < CLIENTS; i++) {
		add_from_client(&live[i], 0);
		add_from_target(&live[i], 0);
	}
	look_up();
	assert_int_equal(run_from(0), 1);
	assert_int_equal(single(1), FLOW_FORWARD);
	assert_int_equal(run_from(2), 2 * CLIENTS);
}

// The place of a session that ended is another's, or nobody's, by the time its packets are looked
// at: none of them is taken for the other's.
static void packets_of_a_session_that_ended_are_in_no_run(void **state)
{
	struct exchange over = open_tcp(5000);
	struct exchange live = open_udp(6000);
	struct exchange killed = open_udp(7000);
	uint32_t place;

	close_tcp(&over);
	vector_add(&(struct world_packet){
		.key = over.client, .flags = TCP_FLAG_SYN, .sequence = 500000, .window = 65535});
	add_from_target(&over, 0);
	add_from_target(&killed, 20);
	add_from_client(&live, 0);
	look_up();
	place = v.packets[0].session;
	kill_session(v.packets[2].session);
	assert_int_equal(run_from(0), 0);
	assert_int_equal(single(0), FLOW_FORWARD);
	// The opener's session stands where the one before stood, and in its stead is nothing.
	assert_true(v.packets[0].session == place || v.packets[0].session == v.packets[2].session);
	assert_int_equal(run_from(1), 0);
	assert_int_not_equal(single(1), FLOW_FORWARD);
	assert_int_equal(run_from(2), 0);
	assert_int_not_equal(single(2), FLOW_FORWARD);
	assert_int_equal(run_from(3), 1);
}

// The same where the place has been taken by a session that packets may run through.
static void packets_of_a_session_that_ended_are_not_its_successors(void **state)
{
	struct exchange killed = open_udp(7000);
	struct flow_key client = client_key(IPPROTO_UDP, 8000);
	struct flow_key target;

	add_from_target(&killed, 20);
	look_up();
	kill_session(v.packets[0].session);
	target = pass_beside(&client, 0);
	pass_beside(&target, 1);
	pass_beside(&client, 0);
	assert_int_equal(engine_session(w->engine, v.packets[0].session)->leg[0].key.source_port,
		client.source_port);
	assert_int_equal(run_from(0), 0);
	assert_int_not_equal(single(0), FLOW_FORWARD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(every_packet_of_a_run_is_counted_once),
		T(runs_go_on_behind_a_session_that_ended),
		T(packets_of_a_session_that_ended_are_in_no_run),
		T(packets_of_a_session_that_ended_are_not_its_successors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
