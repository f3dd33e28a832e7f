// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies, segment by segment: when they are sent, what they remember, for whom and how long
// they are good, and that a connection made from one is like any other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "segment.h"
#include "tcp/tcp.h"

#define SECOND USEC_PER_SECOND

static struct {
	struct tcp_engine *engine;
	usec_t now;
	struct segment last; // to leave
	uint32_t sent;
	bool v6;
} bench;

static void keep(void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct packet parsed;

	(void)context;
	(void)way;
	segment_wrap(packet, !ip_address_is_v4(&key->source));
	assert_true(segment_parse(packet, &parsed));
	segment_read(&parsed, &bench.last);
	assert_null(segment_fault(&parsed, &bench.last));
	bench.sent++;
	buffer_heap_put(&buffer_heap_source, packet);
}

static void begin(bool v6)
{
	struct tcp_engine_config config = {.connections = 512,
		.half_open = 1,
		.secret = "cookies",
		.buffers = &buffer_heap_source,
		.transmit = keep,
		.now = 1000 * SECOND};
	struct ip_address any = {0};
	uint32_t listener;

	memset(&bench, 0, sizeof(bench));
	bench.v6 = v6;
	bench.now = config.now;
	assert_int_equal(tcp_engine_create(&config, &bench.engine), 0);
	assert_int_equal(tcp_listen(bench.engine, &any, be16_from_host(80), 0, 0, &listener), 0);
}

static void end(void)
{
	tcp_abort_all(bench.engine, bench.now);
	assert_int_equal(tcp_engine_destroy(bench.engine), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

static uint64_t cookies_sent(void)
{
	return counter_read(&tcp_engine_stats(bench.engine)->cookies_sent);
}

static uint64_t cookies_refused(void)
{
	return counter_read(&tcp_engine_stats(bench.engine)->cookies_refused);
}

// From a port of the client, in answer to nothing: whoever sends what is told apart by the port.
static enum drop_reason give(uint16_t port, struct segment s)
{
	struct packet packet;
	struct buffer *frame;
	enum drop_reason reason;

	s.key = (struct flow_key){.protocol = IPPROTO_TCP,
		.source_port = be16_from_host(port),
		.destination_port = be16_from_host(80)};
	assert_true(ip_address_parse(bench.v6 ? "fd00::1" : "10.0.0.1", &s.key.source));
	assert_true(ip_address_parse(bench.v6 ? "fd00::2" : "10.0.0.2", &s.key.destination));
	frame = segment_write(&s);
	assert_true(segment_parse(frame, &packet));
	reason = tcp_segment_input(bench.engine, &packet, bench.now);
	tcp_flush(bench.engine, bench.now);
	return reason;
}

static const struct segment full_syn = {.flags = TCP_FLAG_SYN,
	.sequence = 5000,
	.window = 1000,
	.has_mss = true,
	.mss = 1300,
	.has_scale = true,
	.scale = 7,
	.sack_permitted = true,
	.has_timestamps = true,
	.timestamp = 70};

// The half-open share is one connection: this is it.
static void press(void)
{
	const counter_t *half_open = &tcp_engine_stats(bench.engine)->states[TCP_SYN_RECEIVED];

	if (counter_read(half_open) == 0)
		assert_int_equal(give(1, full_syn), DROP_NONE);
	assert_int_equal(counter_read(half_open), 1);
}

// What a client answers to the SYN-ACK that left last.
static struct segment answer_to(const struct segment *syn)
{
	return (struct segment){.flags = TCP_FLAG_ACK,
		.sequence = syn->sequence + 1,
		.acknowledgement = bench.last.sequence + 1,
		.window = 1000,
		.has_timestamps = bench.last.has_timestamps,
		.timestamp = syn->timestamp + 1,
		.timestamp_echo = bench.last.timestamp};
}

// Opens by a cookie; the connection's number.
static uint32_t open_by_cookie(uint16_t port, const struct segment *syn)
{
	uint64_t before = cookies_sent();
	struct tcp_event event;

	assert_int_equal(give(port, *syn), DROP_NONE);
	assert_int_equal(cookies_sent(), before + 1);
	assert_int_equal(give(port, answer_to(syn)), DROP_NONE);
	assert_int_equal(tcp_events_take(bench.engine, &event, 1), 1);
	assert_true(event.events & TCP_EVENT_ACCEPTED);
	return event.connection;
}

static void cookies_are_for_pressure(void **state)
{
	struct segment made_up = {.flags = TCP_FLAG_ACK, .sequence = 9, .acknowledgement = 9};
	struct tcp_event event;

	(void)state;
	begin(false);
	// Before any was sent nothing is looked at as one.
	assert_int_equal(give(3, made_up), DROP_TCP_NO_SESSION);
	assert_int_equal(cookies_refused(), 0);
	press();
	struct segment answer = answer_to(&full_syn);

	assert_int_equal(cookies_sent(), 0);
	assert_int_equal(give(2, full_syn), DROP_NONE);
	assert_int_equal(cookies_sent(), 1);
	assert_int_equal(tcp_connections(bench.engine), 1);
	// The one that was half open is open now: there is room.
	assert_int_equal(give(1, answer), DROP_NONE);
	assert_int_equal(tcp_events_take(bench.engine, &event, 1), 1);
	assert_int_equal(give(4, full_syn), DROP_NONE);
	assert_int_equal(cookies_sent(), 1);
	assert_int_equal(tcp_connections(bench.engine), 2);
	tcp_close(bench.engine, event.connection, bench.now);
	end();
}

// MSS by classes, from below; window scale and SACK where there is a timestamp to keep them in.
static void cookies_remember_the_options(void **state)
{
	static const struct {
		uint16_t said;
		uint16_t kept;
	} mss[] = {{1460, 1460}, {9000, 1460}, {1400, 1300}, {1300, 1300}, {1220, 1220}, {600, 536},
		{536, 536}, {500, 64}, {1, 64}};
	static const int scales[] = {-1, 0, 7, 14};
	uint16_t port = 100;
	struct tcp_info info;

	(void)state;
	begin(false);
	press();
	for (size_t m = 0; m < nx_array_size(mss); m++)
		for (uint32_t i = 0; i < 4 * nx_array_size(scales); i++) {
			struct segment syn = full_syn;
			uint32_t connection;

			syn.mss = mss[m].said;
			syn.has_scale = scales[i / 4] >= 0;
			syn.scale = syn.has_scale ? (uint8_t)scales[i / 4] : 0;
			syn.sack_permitted = i & 1;
			syn.has_timestamps = i & 2;
			connection = open_by_cookie(port++, &syn);
			tcp_info_get(bench.engine, connection, &info);
			assert_int_equal(info.mss, mss[m].kept - (syn.has_timestamps ? 12 : 0));
			assert_int_equal(info.timestamps, syn.has_timestamps);
			assert_int_equal(info.sack, syn.has_timestamps && syn.sack_permitted);
			assert_int_equal(info.send_scale, syn.has_timestamps ? syn.scale : 0);
			assert_int_equal(
				info.receive_scale != 0, syn.has_timestamps && syn.has_scale);
			tcp_abort(bench.engine, connection, bench.now);
		}
	end();
}

// The key changes with the minute: a cookie is good for one to two of them.
static void cookies_are_of_their_minute(void **state)
{
	struct segment answer;
	struct tcp_event event;

	(void)state;
	begin(true);
	for (uint32_t i = 0; i < 12; i++) {
		usec_t wait = (i + 1) * 15 * SECOND;
		uint16_t port = (uint16_t)(50 + i);
		uint64_t refused;
		enum drop_reason reason;

		press();
		assert_int_equal(give(port, full_syn), DROP_NONE);
		answer = answer_to(&full_syn);
		bench.now += wait - SECOND;
		// Others keep the pressure up, or nobody would look at cookies any more.
		tcp_timers_run(bench.engine, bench.now, 1000);
		press();
		assert_int_equal(give(9, full_syn), DROP_NONE);
		bench.now += SECOND;
		refused = cookies_refused();
		reason = give(port, answer);
		if (wait <= 60 * SECOND)
			assert_int_equal(reason, DROP_NONE);
		if (wait > 120 * SECOND) {
			assert_int_equal(reason, DROP_TCP_BAD_COOKIE);
			assert_int_equal(cookies_refused(), refused + 1);
			assert_int_equal(bench.last.flags, TCP_FLAG_RST);
		}
		while (tcp_events_take(bench.engine, &event, 1) == 1)
			tcp_abort(bench.engine, event.connection, bench.now);
		bench.now += 300 * SECOND;
		tcp_timers_run(bench.engine, bench.now, 1000);
	}
	end();
}

static void cookies_are_for_who_asked(void **state)
{
	struct segment answer;
	struct tcp_event event;

	(void)state;
	begin(true);
	press();
	assert_int_equal(give(2, full_syn), DROP_NONE);
	answer = answer_to(&full_syn);
	assert_int_equal(give(3, answer), DROP_TCP_BAD_COOKIE);
	for (uint32_t bit = 0; bit < 32; bit++) {
		struct segment bent = answer;

		bent.acknowledgement ^= 1u << bit;
		assert_int_equal(give(2, bent), DROP_TCP_BAD_COOKIE);
		bent = answer;
		bent.sequence ^= 1u << bit;
		assert_int_equal(give(2, bent), DROP_TCP_BAD_COOKIE);
	}
	assert_int_equal(cookies_refused(), 65);
	assert_int_equal(tcp_connections(bench.engine), 1);
	assert_int_equal(give(2, answer), DROP_NONE);
	assert_int_equal(tcp_events_take(bench.engine, &event, 1), 1);
	// Again, it is a segment of the connection that it made.
	assert_int_equal(give(2, answer), DROP_NONE);
	assert_int_equal(tcp_connections(bench.engine), 2);
	tcp_abort(bench.engine, event.connection, bench.now);
	end();
}

// What a cookie's timestamp keeps must not let it run ahead of the connection's clock: the peer
// would drop what follows as old. Nor is the time since then a round trip.
static void cookie_clocks_never_run_ahead(void **state)
{
	struct segment data = {.flags = TCP_FLAG_ACK, .window = 1000, .has_timestamps = true};
	struct tcp_info info;

	(void)state;
	begin(false);
	press();
	for (uint16_t i = 0; i < 200; i++) {
		uint32_t connection = open_by_cookie((uint16_t)(100 + i), &full_syn);
		uint32_t first = bench.last.timestamp;

		tcp_info_get(bench.engine, connection, &info);
		assert_in_range(info.rto_us, 200000, 1200000);
		data.sequence = info.receive_next;
		data.acknowledgement = info.send_next;
		data.length = 1;
		data.timestamp = 80;
		data.timestamp_echo = first;
		assert_int_equal(give((uint16_t)(100 + i), data), DROP_NONE);
		assert_int_equal(bench.last.acknowledgement, data.sequence + 1);
		assert_in_range(bench.last.timestamp - first, 0, 200);
		tcp_info_get(bench.engine, connection, &info);
		assert_in_range(info.rto_us, 200000, 1200000);
		tcp_abort(bench.engine, connection, bench.now);
		bench.now += 1100;
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_for_pressure),
		cmocka_unit_test(cookies_remember_the_options),
		cmocka_unit_test(cookies_are_of_their_minute),
		cmocka_unit_test(cookies_are_for_who_asked),
		cmocka_unit_test(cookie_clocks_never_run_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
