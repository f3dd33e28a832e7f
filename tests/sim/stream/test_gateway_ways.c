// SPDX-License-Identifier: BSD-3-Clause
// Clients of HTTP/1.1 and their targets in virtual time, each in the clear and behind TLS records:
// WebSockets from their first byte to their ends, and what is allocated for them and for requests
// on kept connections, which is nothing.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "allocations.h"
#include "core/chain.h"
#include "http/stats.h"
#include "one_rig.h"
#include "secured.h"
#include "stream/relay_impl.h"

#define SECONDS(n)       ((usec_t)(n)*USEC_PER_SECOND)
#define TELL(host, text) secured_tell(&rig, host, 0, text, sizeof(text) - 1)

enum {
	SESSIONS = 64,
	LEGS = 64,
	ROOM = 1 << 20,
	PIECE = 1400,
	WAYS = 4,
};

static const char *const own = "10.1.0.2";
static const char upgrade[] =
	"GET /feed HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char switches[] =
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

static struct snapshot_http *http;
// What came of each side, since it was last looked at.
static struct {
	uint8_t bytes[ROOM];
	uint32_t length;
} heard[2];

static void take(struct rig *r, enum rig_host host, uint32_t user, const struct buffer *chain)
{
	for (const struct buffer *b = chain; b; b = b->next) {
		assert_true(heard[host].length + b->length < ROOM);
		memcpy(heard[host].bytes + heard[host].length, buffer_data(b), b->length);
		heard[host].length += b->length;
	}
}

static bool hears(enum rig_host host, const void *end, uint32_t length)
{
	return heard[host].length >= length &&
	       memcmp(heard[host].bytes + heard[host].length - length, end, length) == 0;
}

#define assert_hears(host, text) assert_true(hears(host, text, sizeof(text) - 1))

static void begin(bool client_secured, bool target_secured)
{
	http = calloc(1, sizeof(*http) + sizeof(http->routes[0]));
	assert_non_null(http);
	rig_route_all(http);
	rig_open_secured(&rig, SESSIONS, LEGS);
	rig.take = take;
	rig.world->listeners[WORLD_TCP].http = http;
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	if (!client_secured) {
		rig.secured->raw = true;
		rig.world->listeners[WORLD_TCP].security = 0;
	}
	if (target_secured)
		secured_targets(&rig, 0);
	heard[0].length = heard[1].length = 0;
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1) / 10);
}

static void end(void)
{
	rig_close(&rig);
	free(http);
}

static void each_way(void (*test)(void))
{
	for (unsigned int way = 0; way < WAYS; way++) {
		begin(way & 1, way & 2);
		test();
		end();
	}
}

static void wait(void)
{
	rig_wait(&rig, SECONDS(1) / 5);
}

static void say_end(enum rig_host host)
{
	struct rig_user *u = &rig.user[host][0];

	u->is_shut = true;
	if (secured_is(&rig, host, 0))
		secured_close(&rig, secured_peer(host, 0));
	tcp_shutdown(rig.host[host], u->connection, rig.world->now);
}

// The end in order: with close_notify where there are records.
static bool ended_well(enum rig_host host)
{
	return rig.user[host][0].ended && rig.user[host][0].error == 0 &&
	       (!secured_is(&rig, host, 0) || rig.secured->closed[secured_peer(host, 0)]);
}

static void open_websocket(void)
{
	TELL(RIG_CLIENT, upgrade);
	wait();
	assert_hears(RIG_TARGET, "\r\n\r\n");
	TELL(RIG_TARGET, switches);
	wait();
	assert_hears(RIG_CLIENT, "Upgrade: websocket\r\n\r\n");
	assert_int_equal(counter_read(&relay_http_stats(rig.relay)->upgrades), 1);
}

// A client need not wait for the answer (though it should), nor a target with what it has to say.
static void first_bytes(void)
{
	char text[sizeof(upgrade) + 8], answer[sizeof(switches) + 8];

	snprintf(text, sizeof(text), "%searly", upgrade);
	snprintf(answer, sizeof(answer), "%sbehind", switches);
	secured_tell(&rig, RIG_CLIENT, 0, text, (uint32_t)strlen(text));
	TELL(RIG_CLIENT, " bird");
	wait();
	// What is said behind the head waits: until the target agrees it is no body of anything.
	assert_hears(RIG_TARGET, "\r\n\r\n");
	secured_tell(&rig, RIG_TARGET, 0, answer, (uint32_t)strlen(answer));
	TELL(RIG_TARGET, " it, and more");
	wait();
	assert_hears(RIG_TARGET, "\r\n\r\nearly bird");
	assert_hears(RIG_CLIENT, "\r\n\r\nbehind it, and more");
}

static void what_follows_the_heads_passes(void **state)
{
	each_way(first_bytes);
}

static void tell_much(enum rig_host host, uint32_t bytes, uint8_t first)
{
	uint8_t piece[PIECE];

	for (uint32_t at = 0; at < bytes; at += PIECE) {
		uint32_t n = u32_min(PIECE, bytes - at);

		for (uint32_t i = 0; i < n; i++)
			piece[i] = (uint8_t)(first + (at + i) * 31 / 8);
		secured_tell(&rig, host, 0, piece, n);
		rig_wait(&rig, 2000);
	}
	wait();
	assert_int_equal(heard[!host].length, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		if (heard[!host].bytes[i] != (uint8_t)(first + i * 31 / 8))
			fail_msg("byte %u differs", i);
	heard[!host].length = 0;
}

static void streams(void)
{
	static const uint32_t sizes[] = {1, 2, 125, PIECE, 70000, 300000};

	open_websocket();
	heard[0].length = heard[1].length = 0;
	for (uint32_t i = 0; i < nx_array_size(sizes); i++) {
		tell_much(RIG_CLIENT, sizes[i], 1);
		tell_much(RIG_TARGET, sizes[i], 2);
	}
}

static void bytes_pass_both_ways(void **state)
{
	each_way(streams);
}

// No time that a request has, nor the pause between two, is a WebSocket's.
static void silence(void)
{
	rig.world->listeners[WORLD_TCP].idle_timeout = SECONDS(100);
	http->keepalive_timeout = http->response_timeout = SECONDS(4);
	http->head_timeout = SECONDS(2);
	open_websocket();
	for (int i = 0; i < 3; i++) {
		rig_wait(&rig, SECONDS(9));
		TELL(RIG_TARGET, "\x89\x02hi");
		wait();
		assert_hears(RIG_CLIENT, "\x89\x02hi");
		TELL(RIG_CLIENT, "\x8a\x82\0\0\0\0hi");
		wait();
		assert_hears(RIG_TARGET, "\x8a\x82\0\0\0\0hi");
	}
	rig_wait(&rig, SECONDS(99));
	assert_int_equal(rig_sessions(&rig), 1);
	rig_wait(&rig, SECONDS(3));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(last_end(), SESSION_END_IDLE);
}

static void a_silent_one_stays_and_is_pinged(void **state)
{
	each_way(silence);
}

// Each side may have the first and the last word.
static void ends_of(enum rig_host first)
{
	open_websocket();
	TELL(first, "\x88\x02\x03\xe8");
	say_end(first);
	wait();
	assert_hears(!first, "\x88\x02\x03\xe8");
	assert_true(ended_well(!first));
	assert_false(ended_well(first));
	secured_tell(&rig, !first, 0, "last words", 10);
	say_end(!first);
	wait();
	assert_hears(first, "last words");
	assert_true(ended_well(first));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

static void client_ends(void)
{
	ends_of(RIG_CLIENT);
}

static void target_ends(void)
{
	ends_of(RIG_TARGET);
}

static void each_side_may_end_first(void **state)
{
	each_way(client_ends);
	each_way(target_ends);
}

static void short_life(void)
{
	TELL(RIG_CLIENT, upgrade);
	wait();
	TELL(RIG_TARGET, switches);
	TELL(RIG_TARGET, "\x88\x02\x03\xe9");
	say_end(RIG_TARGET);
	wait();
	assert_hears(RIG_CLIENT, "\r\n\r\n\x88\x02\x03\xe9");
	assert_true(ended_well(RIG_CLIENT));
	TELL(RIG_CLIENT, "\x88\x82\0\0\0\0\x03\xe9");
	say_end(RIG_CLIENT);
	wait();
	assert_hears(RIG_TARGET, "\x88\x82\0\0\0\0\x03\xe9");
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

static void a_target_may_end_with_its_101(void **state)
{
	each_way(short_life);
}

// A FIN without close_notify may be anybody's.
static void cut_by(enum rig_host host)
{
	for (unsigned int other = 0; other < 2; other++) {
		begin(host == RIG_CLIENT || other, host == RIG_TARGET || other);
		open_websocket();
		rig.secured->cuts = true;
		say_end(host);
		wait();
		assert_int_equal(rig.user[!host][0].error, ECONNRESET);
		assert_int_equal(rig_sessions(&rig), 0);
		end();
	}
}

static void one_that_is_cut_is_reset(void **state)
{
	cut_by(RIG_CLIENT);
	cut_by(RIG_TARGET);
}

static void websocket_resets(void)
{
	open_websocket();
	rig_reset(&rig, RIG_TARGET, 0);
	wait();
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 0);
}

static void resets_pass(void **state)
{
	each_way(websocket_resets);
}

// Whichever is missing, and of bytes in order what came: all of it, or a reset behind some of it.
static bool live_through(unsigned int way, uint32_t from)
{
	bool reached;

	begin(way & 1, way & 2);
	rig.fail_from = rig.gets + from;
	rig.fail_count = 1;
	TELL(RIG_CLIENT, upgrade);
	wait();
	if (hears(RIG_TARGET, "\r\n\r\n", 4)) {
		TELL(RIG_TARGET, switches);
		TELL(RIG_TARGET, "hello");
		rig_wait(&rig, SECONDS(2));
		TELL(RIG_CLIENT, "and welcome");
		rig_wait(&rig, SECONDS(2));
	}
	if (rig_sessions(&rig) == 1 && counter_read(&relay_http_stats(rig.relay)->upgrades) == 1) {
		assert_hears(RIG_CLIENT, "\r\n\r\nhello");
		assert_hears(RIG_TARGET, "\r\n\r\nand welcome");
	}
	reached = rig.gets > rig.fail_from;
	end();
	return reached;
}

static void each_buffer_may_be_missing(void **state)
{
	for (unsigned int way = 0; way < WAYS; way++) {
		uint32_t from = 0;

		while (live_through(way, from))
			from++;
		assert_in_range(from, 5, 500);
	}
}

static void messages(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		tell_much(RIG_CLIENT, 10 + 300 * i % 5000, (uint8_t)i);
		tell_much(RIG_TARGET, 10 + 700 * i % 9000, (uint8_t)i);
	}
}

static void steady_websocket(void)
{
	uint64_t before;

	open_websocket();
	heard[0].length = heard[1].length = 0;
	messages(10);
	before = allocations_seen();
	messages(50);
	assert_int_equal(allocations_seen(), before);
}

static void websockets_allocate_nothing(void **state)
{
	assert_true(allocations_can_be_seen());
	each_way(steady_websocket);
}

static void requests(uint32_t count)
{
	static const char get[] = "GET /small HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n";
	static const char put[] =
		"POST /large HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";

	for (uint32_t i = 0; i < count; i++) {
		heard[0].length = heard[1].length = 0;
		if (i % 2)
			TELL(RIG_CLIENT, get);
		else
			TELL(RIG_CLIENT, put);
		rig_wait(&rig, 20000);
		assert_hears(RIG_TARGET, "\r\n\r\n");
		if (i % 3)
			TELL(RIG_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
		else
			TELL(RIG_TARGET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
					 "5\r\nhello\r\n0\r\n\r\n");
		rig_wait(&rig, 20000);
		assert_true(memcmp(heard[RIG_CLIENT].bytes, "HTTP/1.1 200 OK\r\n", 17) == 0);
	}
}

static void steady_requests(void)
{
	uint64_t before;

	requests(10);
	before = allocations_seen();
	requests(60);
	assert_int_equal(allocations_seen(), before);
	assert_int_equal(counter_read(&relay_http_stats(rig.relay)->reused), 69);
	assert_int_equal(rig.users[RIG_TARGET], 1);
}

static void kept_connections_allocate_nothing(void **state)
{
	assert_true(allocations_can_be_seen());
	each_way(steady_requests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_the_heads_passes),
		cmocka_unit_test(bytes_pass_both_ways),
		cmocka_unit_test(a_silent_one_stays_and_is_pinged),
		cmocka_unit_test(each_side_may_end_first),
		cmocka_unit_test(a_target_may_end_with_its_101),
		cmocka_unit_test(one_that_is_cut_is_reset),
		cmocka_unit_test(resets_pass),
		cmocka_unit_test(each_buffer_may_be_missing),
		cmocka_unit_test(websockets_allocate_nothing),
		cmocka_unit_test(kept_connections_allocate_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
