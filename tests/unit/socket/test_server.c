// SPDX-License-Identifier: BSD-3-Clause

// The server over socket pairs: framing, fairness, and clients that misbehave.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "socket/server.h"
#include "table.h"

static struct event_base *base;
static struct server *server;
static unsigned closed;

static void on_closed(void *context, struct rpc_client *client)
{
	closed++;
}

static int begin(void **state)
{
	const struct server_config config = {
		.dispatcher = {.methods = TABLE, .method_count = TABLE_METHODS},
		.limits = {.clients = 4,
			.clients_unprivileged = 2,
			.line_s = 1,
			.reader_s = 1,
			.idle_s = 1},
		.closed = on_closed,
	};
	struct server_config filled = config;

	closed = 0;
	base = event_base_new();
	filled.base = base;
	return server_create(&filled, &server);
}

static int end(void **state)
{
	server_destroy(server);
	event_base_free(base);
	return 0;
}

static int connect_as(uid_t uid, enum rpc_right right)
{
	const struct rpc_peer peer = {.uid = uid, .right = right};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	server_adopt(server, pair[0], &peer);
	return pair[1];
}

static void turns(int n)
{
	while (n-- > 0)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

// Runs the loop for a while of real time.
static void run_ms(int ms)
{
	const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(base, &limit);
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static size_t lines_in(int fd)
{
	static char buffer[1 << 16];
	size_t lines = 0;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buffer[i] == '\n';
	return lines;
}

static bool is_closed(int fd)
{
	char byte;

	while (true) {
		ssize_t n = read(fd, &byte, 1);

		if (n <= 0)
			return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
	}
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

#define ECHO "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":\"x\"}}\n"

static void a_line_may_come_byte_by_byte(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);

	for (const char *c = ECHO; *c != '\0'; c++) {
		assert_int_equal(write(fd, c, 1), 1);
		turns(1);
	}
	turns(3);
	assert_int_equal(lines_in(fd), 1);
	close(fd);
}

static void many_lines_are_answered_one_a_turn(void **state)
{
	int busy = connect_as(0, RPC_RIGHT_READ), quiet = connect_as(0, RPC_RIGHT_READ);

	for (int i = 0; i < 100; i++)
		say(busy, ECHO);
	turns(2);
	say(quiet, ECHO);
	turns(4);
	assert_int_equal(lines_in(quiet), 1);
	assert_true(lines_in(busy) < 20);
	turns(250);
	lines_in(busy);
	say(busy, ECHO);
	turns(4);
	assert_int_equal(lines_in(busy), 1);
	close(busy);
	close(quiet);
}

static void requests_before_the_end_are_answered(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);

	say(fd, ECHO ECHO "half a li");
	shutdown(fd, SHUT_WR);
	turns(10);
	assert_int_equal(lines_in(fd), 2);
	assert_int_equal(server_client_count(server), 0);
	assert_int_equal(closed, 1);
	close(fd);
}

static void a_kept_call_holds_the_next_request(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n" ECHO);
	turns(10);
	assert_int_equal(lines_in(fd), 0);
	rpc_reply(table_kept, json_object());
	turns(5);
	assert_int_equal(lines_in(fd), 2);
	close(fd);
}

static void a_call_outlives_its_client(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n");
	turns(5);
	server_destroy(server);
	server = NULL;
	assert_null(rpc_client_of(table_kept));
	rpc_reply(table_kept, json_object());
	close(fd);
}

static void a_huge_line_is_refused_and_closed(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);
	static char piece[64 << 10];

	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 200 && server_client_count(server) > 0; i++) {
		while (send(fd, piece, sizeof(piece), MSG_NOSIGNAL) > 0)
			continue;
		turns(4);
	}
	assert_int_equal(server_client_count(server), 0);
	close(fd);
}

static void a_line_of_the_full_size_is_taken(void **state)
{
	int fd = connect_as(0, RPC_RIGHT_READ);
	static char line[SERVER_LINE_MAX];
	size_t sent = 0;

	// White space before the object counts as much as anything.
	memset(line, ' ', sizeof(line));
	memcpy(line + sizeof(line) - strlen(ECHO), ECHO, strlen(ECHO));
	while (sent < sizeof(line)) {
		ssize_t n = send(fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	turns(10);
	assert_int_equal(lines_in(fd), 1);
	close(fd);
}

static void who_stalls_is_closed(void **state)
{
	int half = connect_as(0, RPC_RIGHT_READ), reader = connect_as(0, RPC_RIGHT_READ);
	int silent = connect_as(0, RPC_RIGHT_READ);

	say(half, "{\"jsonrpc\"");
	for (int i = 0; i < 8; i++)
		say(reader, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\"}\n");
	run_ms(3500);
	assert_true(is_closed(half));
	assert_true(is_closed(silent));
	assert_int_equal(server_client_count(server), 0);
	close(half);
	close(reader);
	close(silent);
}

static struct rpc_client *subscriber;

static void subscribe(struct rpc_call *call, const json_t *params)
{
	subscriber = rpc_client_of(call);
	server_client_keep(subscriber, true);
	rpc_reply(call, json_object());
}

// Notifications that a client does not read are lost, in bounded memory, and it is told so by
// false.
static void notifications_are_bounded(void **state)
{
	static const struct rpc_method METHODS[] = {
		{"subscribe", RPC_RIGHT_READ, NULL, subscribe, ""}};
	struct server_config config = {
		.base = base,
		.dispatcher = {.methods = METHODS, .method_count = 1},
		.limits = {.notify_bytes = 10000},
	};
	struct server *own;
	const struct rpc_peer peer = {.right = RPC_RIGHT_READ};
	int pair[2], taken = 0;

	assert_int_equal(server_create(&config, &own), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	server_adopt(own, pair[0], &peer);
	say(pair[1], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n");
	turns(4);
	while (taken < 100000 && server_notify(subscriber, "event", json_pack("{s:i}", "n", taken)))
		taken++;
	assert_true(taken > 10 && taken < 100000);
	lines_in(pair[1]);
	turns(4);
	lines_in(pair[1]);
	turns(4);
	assert_true(server_notify(subscriber, "event", json_object()));
	close(pair[1]);
	server_destroy(own);
}

static void clients_are_limited(void **state)
{
	int fds[7];

	fds[0] = connect_as(1000, RPC_RIGHT_READ);
	fds[1] = connect_as(1000, RPC_RIGHT_READ);
	fds[2] = connect_as(1001, RPC_RIGHT_READ);
	assert_int_equal(server_client_count(server), 2);
	assert_int_equal(lines_in(fds[2]), 1);
	fds[3] = connect_as(0, RPC_RIGHT_READ);
	fds[4] = connect_as(0, RPC_RIGHT_READ);
	fds[5] = connect_as(0, RPC_RIGHT_READ);
	assert_int_equal(server_client_count(server), 4);
	assert_int_equal(lines_in(fds[5]), 1);
	fds[6] = connect_as(1000, RPC_RIGHT_NONE);
	assert_int_equal(lines_in(fds[6]), 1);
	close(fds[0]);
	turns(4);
	assert_int_equal(server_client_count(server), 3);
	for (int i = 1; i < 7; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_may_come_byte_by_byte, begin, end),
		cmocka_unit_test_setup_teardown(many_lines_are_answered_one_a_turn, begin, end),
		cmocka_unit_test_setup_teardown(requests_before_the_end_are_answered, begin, end),
		cmocka_unit_test_setup_teardown(a_kept_call_holds_the_next_request, begin, end),
		cmocka_unit_test_setup_teardown(a_call_outlives_its_client, begin, end),
		cmocka_unit_test_setup_teardown(a_huge_line_is_refused_and_closed, begin, end),
		cmocka_unit_test_setup_teardown(a_line_of_the_full_size_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(who_stalls_is_closed, begin, end),
		cmocka_unit_test_setup_teardown(notifications_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(clients_are_limited, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
