// SPDX-License-Identifier: BSD-3-Clause
// What happens to packets and sessions around the tracker: translation, limits, errors, ends.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/engine_impl.h"
#include "nat.h"
#include "pkt/icmp.h"

static void udp_is_translated_both_ways(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = new_world();
		struct world_packet p = from_client(v6, IPPROTO_UDP, 5000);
		struct world_outcome out = send_ok(w, &p);
		struct flow_key wanted = world_key(IPPROTO_UDP, source_text[v6],
			be16_to_host(out.key.source_port), target_text[v6], 53);
		struct flow_key back = world_reverse(&p.key);
		struct world_packet reply = reply_to(&out, IPPROTO_UDP);

		assert_true(flow_key_equal(&out.key, &wanted));
		assert_true(be16_to_host(out.key.source_port) >= 1024);
		assert_int_equal(out.egress, 1);
		assert_int_equal(out.hop_limit, 63);
		assert_int_equal(counter_read(&w->stats->sessions_unanswered), 1);
		out = send_ok(w, &reply);
		assert_true(flow_key_equal(&out.key, &back));
		assert_int_equal(out.egress, 0);
		assert_int_equal(counter_read(&w->stats->sessions_unanswered), 0);
		assert_int_equal(counter_read(&w->stats->listeners[WORLD_UDP].packets[0]), 1);
		assert_int_equal(counter_read(&w->stats->listeners[WORLD_UDP].packets[1]), 1);
		assert_int_equal(counter_read(&w->stats->listeners[WORLD_UDP].bytes[1]), 208);
		send_ok(w, &p); // the client has heard the reply
		assert_int_equal(world_destroy(w), 0);
	}
}

static void session_follows_new_routes(void **state)
{
	struct world *w = new_world();
	struct world_outcome out = connect_tcp(w, 0, 5000);
	struct world_packet reply = reply_to(&out, IPPROTO_TCP);
	struct world_packet p = from_client(0, IPPROTO_TCP, 5000);

	reply.flags = TCP_FLAG_ACK;
	reply.sequence = 9001;
	assert_int_equal(send_ok(w, &reply).neighbour, 9);
	for (uint16_t i = 0; i < w->snapshot.route_count; i++)
		if (ip_prefix_contains(&w->routes[i].to, &p.key.source))
			assert_true(ip_address_parse("10.1.0.200", &w->routes[i].via));
	w->snapshot.generation++;
	assert_int_equal(send_ok(w, &reply).neighbour, 200);
	// Without a route, or a place for the next hop, the old way is kept.
	w->snapshot.generation++;
	w->neighbours_full = true;
	assert_int_equal(send_ok(w, &reply).neighbour, 200);
	w->snapshot.generation++;
	world_routes(w, 0);
	assert_int_equal(send_ok(w, &reply).neighbour, 200);
	assert_int_equal(world_destroy(w), 0);
}

static void hop_limit_and_size_are_judged_before_anything_changes(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = new_world();
		struct world_packet p = from_client(v6, IPPROTO_UDP, 5000);
		struct world_outcome out;

		p.hop_limit = 1;
		out = world_send(w, &p);
		assert_int_equal(out.verdict, FLOW_HOP_LIMIT);
		assert_true(flow_key_equal(&out.key, &p.key));
		assert_int_equal(world_sessions(w), 0);
		p.hop_limit = 0;
		p.length = v6 ? 1453 : 1473;
		out = world_send(w, &p);
		assert_int_equal(out.verdict, FLOW_TOO_BIG);
		assert_int_equal(out.egress, 1);
		assert_true(flow_key_equal(&out.key, &p.key));
		assert_int_equal(world_sessions(w), 0);
		p.length--;
		send_ok(w, &p);
		p.length++;
		assert_int_equal(world_send(w, &p).verdict, FLOW_TOO_BIG);
		p.may_fragment = true;
		assert_int_equal(world_send(w, &p).verdict, v6 ? FLOW_TOO_BIG : FLOW_FORWARD);
		assert_int_equal(world_destroy(w), 0);
	}
}

static void what_expires_here_takes_no_port(void **state)
{
	be16 ports[2];

	for (int before = 0; before < 2; before++) {
		struct world *w = new_world();
		struct world_packet p = from_client(0, IPPROTO_TCP, 5000);

		p.flags = TCP_FLAG_SYN;
		p.hop_limit = 1;
		if (before)
			assert_int_equal(world_send(w, &p).verdict, FLOW_HOP_LIMIT);
		p.hop_limit = 0;
		ports[before] = send_ok(w, &p).key.source_port;
		assert_int_equal(world_destroy(w), 0);
	}
	assert_int_equal(ports[0], ports[1]);
}

static void segmented_frames_are_judged_by_their_segments(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_TCP, 5000);

	connect_tcp(w, 0, 5000);
	p.flags = TCP_FLAG_ACK;
	p.sequence = 1001;
	p.acknowledgement = 9001;
	p.length = 30000;
	p.segment_size = 1460;
	send_ok(w, &p);
	p.segment_size = 1461;
	assert_int_equal(world_send(w, &p).verdict, FLOW_TOO_BIG);
	assert_int_equal(world_destroy(w), 0);
}

static void partial_checksums_stay_partial(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = new_world();
		struct world_packet p = from_client(v6, IPPROTO_UDP, 5000);
		struct world_packet t = from_client(v6, IPPROTO_TCP, 5000);

		p.partial = true;
		t.partial = true;
		send_ok(w, &p);
		send_ok(w, &t);
		assert_int_equal(world_destroy(w), 0);
	}
}

static void mss_is_clamped_both_ways(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = new_world();
		struct world_packet p = from_client(v6, IPPROTO_TCP, 5000);
		struct world_outcome out;
		struct world_packet reply;

		w->netifs[0].mtu = 1400;
		p.mss = 8960;
		p.partial = v6;
		out = send_ok(w, &p);
		assert_int_equal(out.mss, v6 ? 1340 : 1360);
		reply = reply_to(&out, IPPROTO_TCP);
		reply.mss = 8960;
		assert_int_equal(send_ok(w, &reply).mss, v6 ? 1340 : 1360);
		assert_int_equal(world_destroy(w), 0);
	}
}

static void icmp_error_reaches_the_sender(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct world *w = new_world();
		struct world_packet p = from_client(v6, IPPROTO_UDP, 5000);
		struct world_packet quoted = p;
		struct world_outcome out = send_ok(w, &p);
		uint8_t type = v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE;
		uint8_t code = v6 ? ICMP6_CODE_PORT : ICMP4_CODE_PORT;

		quoted.key = out.key;
		quoted.netif = 1;
		out = world_icmp(w, &quoted, target_text[v6], type, code, 0);
		assert_int_equal(out.verdict, FLOW_FORWARD);
		assert_true(out.intact);
		assert_int_equal(out.egress, 0);
		assert_true(ip_address_equal(&out.key.destination, &p.key.source));
		assert_true(ip_address_equal(&out.key.source, &p.key.destination));
		assert_int_equal(counter_read(&w->stats->targets[v6 ? 3 : 2].connect_failed), 1);
		assert_int_equal(w->event_count, 1);
		quoted.key.destination_port = be16_from_host(54);
		out = world_icmp(w, &quoted, target_text[v6], type, code, 0);
		assert_int_equal(out.verdict, FLOW_LOCAL);
		assert_int_equal(out.reason, DROP_ICMP_NO_SESSION);
		assert_int_equal(world_destroy(w), 0);
	}
}

static void icmp_error_must_quote_what_is_outstanding(void **state)
{
	struct world *w = new_world();
	struct world_outcome out = connect_tcp(w, 0, 5000);
	struct world_packet quoted = {.key = out.key, .netif = 1, .sequence = 1001};

	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_TOO_BIG, 1300);
	assert_int_equal(out.verdict, FLOW_FORWARD);
	assert_true(out.intact);
	quoted.sequence = 500000000;
	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_TOO_BIG, 1300);
	assert_int_equal(out.verdict, FLOW_DROP);
	assert_int_equal(out.reason, DROP_TCP_OUT_OF_WINDOW);
	quoted.sequence = 1001;
	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_TOO_BIG, 40);
	assert_int_equal(out.reason, DROP_ICMP_MALFORMED);
	// Within the window, but acknowledged or never sent: no error can be about it.
	for (uint32_t wrong = 0; wrong < 2; wrong++) {
		quoted.sequence = wrong ? 1002 : 999;
		out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, 1, 0);
		assert_int_equal(out.reason, DROP_TCP_OUT_OF_WINDOW);
	}
	assert_int_equal(world_destroy(w), 0);
}

static void icmp_errors_are_bounded(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_packet quoted = {.key = send_ok(w, &p).key, .netif = 1};
	struct world_outcome out;

	for (uint32_t i = 0; i <= ICMP_PER_SECOND / 10; i++)
		out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_PORT, 0);
	assert_int_equal(out.verdict, FLOW_DROP);
	assert_int_equal(out.reason, DROP_ICMP_RATE);
	world_wait(w, USEC_PER_SECOND);
	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_PORT, 0);
	assert_int_equal(out.verdict, FLOW_FORWARD);
	assert_int_equal(world_destroy(w), 0);
}

static void icmp_error_about_a_syn_must_quote_it(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_TCP, 5000);
	struct world_outcome out = send_ok(w, &p);
	struct world_packet quoted = {.key = out.key, .netif = 1, .sequence = 999};

	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_PORT, 0);
	assert_int_equal(out.reason, DROP_TCP_OUT_OF_WINDOW);
	assert_int_equal(counter_read(&w->stats->targets[0].connect_failed), 0);
	quoted.sequence = 1000;
	out = world_icmp(w, &quoted, "10.2.0.77", ICMP4_UNREACHABLE, ICMP4_CODE_PORT, 0);
	assert_int_equal(out.verdict, FLOW_FORWARD);
	assert_int_equal(counter_read(&w->stats->targets[0].connect_failed), 1);
	assert_int_equal(world_destroy(w), 0);
}

static void client_source_is_kept_and_conflicts_are_named(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_outcome out;
	struct world_packet reply;

	w->upstreams[WORLD_UDP].source_client = true;
	out = send_ok(w, &p);
	assert_true(ip_address_equal(&out.key.source, &p.key.source));
	assert_int_equal(out.key.source_port, p.key.source_port);
	reply = reply_to(&out, IPPROTO_UDP);
	send_ok(w, &reply);
	// The same client by way of another own address.
	p.key = world_key(IPPROTO_UDP, client_text[0], 5000, "10.2.0.2", WORLD_UDP_PORT);
	out = world_send(w, &p);
	assert_int_equal(out.verdict, FLOW_DROP);
	assert_int_equal(out.reason, DROP_NAT_CONFLICT);
	assert_int_equal(world_sessions(w), 1);
	assert_int_equal(world_destroy(w), 0);
}

static void refusals_are_named(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_TCP, 5000);
	struct world_packet other = p;

	other.key.destination_port = be16_from_host(9001);
	assert_int_equal(world_send(w, &other).verdict, FLOW_LOCAL);
	assert_int_equal(world_send(w, &other).reason, DROP_TCP_NO_LISTENER);
	other.key = world_key(IPPROTO_UDP, client_text[0], 1, local_text[0], 9001);
	assert_int_equal(world_send(w, &other).reason, DROP_UDP_NO_LISTENER);
	other.key = world_key(IPPROTO_UDP, client_text[0], 1, "10.1.0.3", 53);
	assert_int_equal(world_send(w, &other).verdict, FLOW_DROP);
	assert_int_equal(world_send(w, &other).reason, DROP_IP_NOT_OURS);
	w->listeners[WORLD_TCP].mode = MODE_TERMINATE;
	assert_int_equal(world_send(w, &p).reason, DROP_MODE_UNAVAILABLE);
	w->listeners[WORLD_TCP].mode = MODE_DIRECT;
	w->targets[0].drained = true;
	world_turns(w, WORLD_TCP);
	assert_int_equal(world_send(w, &p).reason, DROP_NO_TARGET);
	w->targets[0].drained = false;
	world_turns(w, WORLD_TCP);
	w->neighbours_full = true;
	assert_int_equal(world_send(w, &p).reason, DROP_NEIGHBOUR_TABLE_FULL);
	w->neighbours_full = false;
	world_routes(w, 0);
	assert_int_equal(world_send(w, &p).reason, DROP_IP_NO_ROUTE);
	world_routes(w, 6);
	w->listeners[WORLD_TCP].max_sessions = 1;
	send_ok(w, &p);
	p.key.source_port++;
	assert_int_equal(world_send(w, &p).reason, DROP_LISTENER_LIMIT);
	w->listeners[WORLD_TCP].max_sessions = 0;
	flow_engine_drain(w->engine);
	assert_int_equal(world_send(w, &p).verdict, FLOW_LOCAL);
	assert_int_equal(world_sessions(w), 1);
	assert_int_equal(world_destroy(w), 0);
}

static void killed_session_resets_what_both_ends_expect(void **state)
{
	struct world *w = new_world();
	struct world_outcome out = connect_tcp(w, 0, 5000);
	struct control_request kill = {.kind = CONTROL_KILL,
		.filter = {.listener = WORLD_TCP, .target = SLOT_NONE},
		.why = SESSION_END_DRAINED};

	flow_engine_log(w->engine, 1);
	assert_true(flow_engine_request(w->engine, &w->snapshot, &kill, w->now, 100));
	assert_int_equal(kill.count, 1);
	assert_int_equal(w->reset_count, 2);
	assert_int_equal(w->resets[0].sequence, 9001);
	assert_int_equal(w->resets[0].netif, 0);
	assert_int_equal(w->resets[0].key.source_port, be16_from_host(WORLD_TCP_PORT));
	assert_int_equal(w->resets[1].sequence, 1001);
	assert_true(flow_key_equal(&w->resets[1].key, &out.key));
	assert_int_equal(w->record_count, 1);
	assert_int_equal(w->records[0].end, SESSION_END_DRAINED);
	assert_int_equal(w->records[0].packets[0], 2);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(world_destroy(w), 0);
}

static void list_goes_on_from_its_cursor(void **state)
{
	struct world *w = new_world();
	struct session_record records[4];
	struct control_request list = {.kind = CONTROL_LIST,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.limit = 4,
		.records = records};
	struct control_request count = {.kind = CONTROL_COUNT,
		.filter = {.listener = SLOT_NONE, .target = 0, .by_client = true}};
	uint32_t seen = 0;
	uint32_t turns = 0;

	for (uint16_t i = 0; i < 10; i++)
		connect_tcp(w, 0, (uint16_t)(5000 + i));
	do {
		list.count = 0;
		while (!flow_engine_request(w->engine, &w->snapshot, &list, w->now, 3))
			turns++;
		for (uint32_t i = 0; i < list.count; i++)
			assert_int_equal(records[i].client_port, 5000 + seen + i);
		seen += list.count;
	} while (list.more);
	assert_int_equal(seen, 10);
	assert_true(turns > 0);
	assert_int_equal(records[0].state, SESSION_ESTABLISHED);
	assert_int_equal(records[0].idle_timeout_s, 7440);
	assert_true(ip_prefix_parse("10.1.0.0/24", &count.filter.client));
	assert_true(flow_engine_request(w->engine, &w->snapshot, &count, w->now, 100));
	assert_int_equal(count.count, 10);
	list.count = 0;
	list.cursor = 0;
	list.filter.id = records[1].id;
	assert_true(flow_engine_request(w->engine, &w->snapshot, &list, w->now, 1));
	assert_int_equal(list.count, 1);
	assert_int_equal(records[0].id, list.filter.id);
	assert_false(list.more);
	count.count = 0;
	count.cursor = 0;
	assert_true(ip_prefix_parse("10.3.0.0/24", &count.filter.client));
	assert_true(flow_engine_request(w->engine, &w->snapshot, &count, w->now, 100));
	assert_int_equal(count.count, 0);
	assert_int_equal(world_destroy(w), 0);
}

static void packets_of_one_burst_see_each_other(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_TCP, 5000);
	struct control_request kill = {.kind = CONTROL_KILL,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.why = SESSION_END_KILLED};
	struct packet stale = {.kind = PACKET_TCP, .key = p.key, .tcp_flags = TCP_FLAG_ACK};

	connect_tcp(w, 0, 5000);
	flow_engine_lookup_bulk(w->engine, &stale, 1);
	assert_int_not_equal(stale.session, PACKET_NO_SESSION);
	assert_true(flow_engine_request(w->engine, &w->snapshot, &kill, w->now, 100));
	stale.hop_limit = 64;
	assert_int_equal(flow_engine_forward(w->engine, &w->snapshot, &stale, w->now), FLOW_LOCAL);
	assert_int_equal(stale.reason, DROP_TCP_NO_SESSION);
	assert_int_equal(world_destroy(w), 0);
}

static void reply_is_owned_by_the_worker_in_its_port(void **state)
{
	for (uint8_t worker = 0; worker < 3; worker++) {
		struct world *w =
			world_create(&(struct world_options){.worker = worker, .worker_count = 3});

		assert_non_null(w);
		for (uint16_t i = 0; i < 50; i++) {
			struct world_packet p =
				from_client(i % 2, IPPROTO_UDP, (uint16_t)(5000 + i));
			struct world_outcome out = send_ok(w, &p);
			struct packet reply = {.kind = PACKET_UDP, .key = world_reverse(&out.key)};
			struct packet request = {.kind = PACKET_UDP, .key = p.key};
			uint8_t first = flow_owner(&w->snapshot, &request, 1, 3, 0, true);

			assert_int_equal(flow_owner(&w->snapshot, &reply, 1, 3, 0, false), worker);
			assert_int_equal(flow_owner(&w->snapshot, &request, 1, 3, 2, false), 2);
			assert_int_equal(flow_owner(&w->snapshot, &request, 1, 3, 2, true), first);
		}
		assert_int_equal(world_destroy(w), 0);
	}
}

static void listener_on_a_lent_port_leaves_its_session_alone(void **state)
{
	struct world *w = world_create(&(struct world_options){.worker = 2, .worker_count = 3});

	assert_non_null(w);
	w->snapshot.target_limit = WORLD_TARGETS;
	assert_int_equal(snapshot_targets_index(&w->snapshot), 0);
	for (uint16_t i = 0; i < 50; i++) {
		struct world_packet p = from_client(0, IPPROTO_UDP, (uint16_t)(5000 + i));
		struct world_outcome out = send_ok(w, &p);
		struct packet reply = {.kind = PACKET_UDP, .key = world_reverse(&out.key)};
		struct packet other = reply;
		uint16_t port = be16_to_host(reply.key.destination_port);

		// The UDP listener has port 53 of any own address: now it has this one as well.
		w->snapshot.listen_head[1][port] = w->snapshot.listen_head[1][WORLD_UDP_PORT];
		assert_int_equal(flow_owner(&w->snapshot, &reply, 1, 3, 0, true), 2);
		assert_int_equal(flow_owner(&w->snapshot, &reply, 1, 3, 1, false), 2);
		// Anybody else at that port is a client.
		other.key.source_port = be16_from_host(4000);
		assert_int_equal(flow_owner(&w->snapshot, &other, 1, 3, 1, false), 1);
	}
	free(w->snapshot.target_hash);
	assert_int_equal(world_destroy(w), 0);
}

static void kept_client_addresses_are_owned_alike_both_ways(void **state)
{
	struct world *w = new_world();
	uint32_t spread[4] = {0};

	w->upstreams[WORLD_UDP].source_client = true;
	for (uint16_t i = 0; i < 400; i++) {
		struct packet request = {.kind = PACKET_UDP,
			.key = from_client(0, IPPROTO_UDP, (uint16_t)(5000 + i)).key};
		struct packet reply = {.kind = PACKET_UDP,
			.key = world_key(IPPROTO_UDP, target_text[0], 53, client_text[0],
				(uint16_t)(5000 + i))};
		uint8_t owner = flow_owner(&w->snapshot, &request, 7, 4, 0, false);

		assert_int_equal(flow_owner(&w->snapshot, &reply, 7, 4, 1, false), owner);
		spread[owner]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(spread[i], 60, 140);
	assert_int_equal(world_destroy(w), 0);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(udp_is_translated_both_ways),
		T(session_follows_new_routes),
		T(hop_limit_and_size_are_judged_before_anything_changes),
		T(what_expires_here_takes_no_port),
		T(segmented_frames_are_judged_by_their_segments),
		T(partial_checksums_stay_partial),
		T(mss_is_clamped_both_ways),
		T(icmp_error_reaches_the_sender),
		T(icmp_error_must_quote_what_is_outstanding),
		T(icmp_errors_are_bounded),
		T(icmp_error_about_a_syn_must_quote_it),
		T(client_source_is_kept_and_conflicts_are_named),
		T(refusals_are_named),
		T(killed_session_resets_what_both_ends_expect),
		T(list_goes_on_from_its_cursor),
		T(packets_of_one_burst_see_each_other),
		T(reply_is_owned_by_the_worker_in_its_port),
		T(listener_on_a_lent_port_leaves_its_session_alone),
		T(kept_client_addresses_are_owned_alike_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
