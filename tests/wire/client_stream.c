// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_cases.h"

enum {
	LONG_MS = 600000
};

static const char *several_at(uint16_t port)
{
	static char text[48];

	snprintf(text, sizeof(text), "http://" SEVERAL ":%u", port);
	return text;
}

static struct nx_url url_to(uint16_t port)
{
	struct nx_url url;

	assert_int_equal(nx_url_parse(nx_http_text(several_at(port)), &url), NX_URL_OK);
	return url;
}

static void make(struct nx_stream *stream, enum nx_drive drive, unsigned int connect_timeout_ms)
{
	struct nx_stream_config config = {.drive = drive, .connect_timeout_ms = connect_timeout_ms};

	assert_int_equal(nx_stream_init(stream, &config), NX_CLIENT_DONE);
}

// Accepts, and compares what the stream sent.
static void assert_carries(struct nx_stream *stream, int listener)
{
	int peer = accept(listener, NULL, NULL);
	char heard[5];

	assert_true(peer >= 0);
	assert_int_equal(nx_write_buffer_append(&stream->out, "hello", 5), NX_BUFFER_OK);
	assert_int_equal(UNTIL_DONE(stream, nx_stream_flush(stream)), NX_CLIENT_DONE);
	assert_int_equal(recv(peer, heard, 5, MSG_WAITALL), 5);
	assert_memory_equal(heard, "hello", 5);
	close(peer);
}

static void a_dead_address_is_passed_in_every_drive(void **state)
{
	const char *const addresses[] = {"127.0.0.2", "127.0.0.1", NULL};
	int listener = listen_at("127.0.0.1", 0, 8);
	struct dead_end end = dead_end_at("127.0.0.2", port_of(listener));
	struct nx_url url = url_to(end.port);
	struct nx_stream streams[3];

	several_addresses = addresses;
	for (int drive = NX_DRIVE_CARRIED; drive >= NX_DRIVE_BLOCKING; drive--) {
		make(&streams[drive], (enum nx_drive)drive, 2000);
		assert_int_equal(nx_stream_connect(&streams[drive], &url),
			drive == NX_DRIVE_BLOCKING ? NX_CLIENT_DONE : NX_CLIENT_AGAIN);
	}
	for (int drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		assert_int_equal(UNTIL_DONE(&streams[drive], nx_stream_ready(&streams[drive])),
			NX_CLIENT_DONE);
		assert_carries(&streams[drive], listener);
		nx_stream_fini(&streams[drive]);
	}
	dead_end_close(&end);
	close(listener);
}

static void a_refusing_address_is_passed_in_every_drive(void **state)
{
	const char *const addresses[] = {"::1", "127.0.0.2", "127.0.0.1", NULL};
	int listener = listen_at("127.0.0.1", 0, 8);
	struct nx_url url = url_to(port_of(listener));

	several_addresses = addresses;
	for (int drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		enum nx_client_verdict verdict;
		struct nx_stream stream;

		make(&stream, (enum nx_drive)drive, LONG_MS);
		verdict = nx_stream_connect(&stream, &url);
		if (verdict == NX_CLIENT_AGAIN)
			verdict = UNTIL_DONE(&stream, nx_stream_ready(&stream));
		assert_int_equal(verdict, NX_CLIENT_DONE);
		assert_string_equal(nx_stream_why(&stream), "");
		assert_carries(&stream, listener);
		nx_stream_fini(&stream);
	}
	close(listener);
}

static void the_last_addresss_fault_is_told(void **state)
{
	const char *const addresses[] = {"255.255.255.255", "127.0.0.1", NULL};
	struct nx_url url;

	several_addresses = addresses;
	url = url_to((uint16_t)strtoul(strrchr(servers.closed, ':') + 1, NULL, 10));
	for (int drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		enum nx_client_verdict verdict;
		struct nx_stream stream;

		make(&stream, (enum nx_drive)drive, LONG_MS);
		verdict = nx_stream_connect(&stream, &url);
		if (verdict == NX_CLIENT_AGAIN)
			verdict = UNTIL_DONE(&stream, nx_stream_ready(&stream));
		assert_int_equal(verdict, NX_CLIENT_CONNECT_FAILED);
		assert_string_equal(nx_stream_why(&stream), "Connection refused");
		nx_stream_fini(&stream);
	}
}

static void addresses_share_the_time_of_a_blocking_call(void **state)
{
	const char *const addresses[] = {"127.0.0.2", "127.0.0.3", "127.0.0.1", NULL};
	int listener = listen_at("127.0.0.1", 0, 8);
	struct nx_url url = url_to(port_of(listener));
	struct nx_stream stream;

	several_addresses = addresses;
	make(&stream, NX_DRIVE_BLOCKING, LONG_MS);
	connect_count = 0;
	assert_int_equal(nx_stream_connect(&stream, &url), NX_CLIENT_DONE);
	assert_int_equal(connect_count, 3);
	// Nothing had to wait: of all a third, of the rest a half, all of the rest.
	assert_in_range(connect_limits_ms[0], LONG_MS / 4, LONG_MS / 3 + 10);
	assert_in_range(connect_limits_ms[1], LONG_MS / 3 + 10, LONG_MS / 2 + 10);
	assert_in_range(connect_limits_ms[2], LONG_MS / 2 + 10, LONG_MS + 10);
	nx_stream_fini(&stream);
	close(listener);
}

static void addresses_share_the_time_of_a_callers_loop(void **state)
{
	const char *const addresses[] = {"127.0.0.2", "127.0.0.3", NULL};
	struct dead_end first = dead_end_at("127.0.0.2", 0);
	struct dead_end second = dead_end_at("127.0.0.3", first.port);
	struct nx_url url = url_to(first.port);
	struct nx_stream stream;
	int fd;

	several_addresses = addresses;
	make(&stream, NX_DRIVE_READY, LONG_MS);
	assert_int_equal(nx_stream_connect(&stream, &url), NX_CLIENT_AGAIN);
	fd = nx_stream_fd(&stream);
	assert_in_range(nx_stream_wait_ms(&stream), LONG_MS / 4, LONG_MS / 2 + 10);
	dead_end_close(&first);
	// The kernel asks again, is refused, and says so.
	turn(&stream);
	assert_int_equal(nx_stream_ready(&stream), NX_CLIENT_AGAIN);
	assert_int_not_equal(nx_stream_fd(&stream), fd);
	assert_in_range(nx_stream_wait_ms(&stream), LONG_MS / 2 + 10, LONG_MS + 10);
	nx_stream_fini(&stream);
	dead_end_close(&second);
}

static int option_of(const struct nx_stream *stream, int level, int option)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(nx_stream_fd(stream), level, option, &value, &length), 0);
	return value;
}

static const struct nx_url here = {.port = 1};

static void idle_peers_are_probed_where_it_is_asked_for(void **state)
{
	for (int drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_CARRIED; drive++) {
		struct nx_stream_config config = {.drive = (enum nx_drive)drive};
		struct nx_stream stream;

		assert_int_equal(nx_stream_init(&stream, &config), NX_CLIENT_DONE);
		assert_int_equal(
			nx_stream_adopt(&stream, &here, socket_to(servers.http)), NX_CLIENT_DONE);
		assert_int_equal(option_of(&stream, SOL_SOCKET, SO_KEEPALIVE), 0);
		nx_stream_fini(&stream);
		config.keepalive_s = 7;
		assert_int_equal(nx_stream_init(&stream, &config), NX_CLIENT_DONE);
		assert_int_equal(
			nx_stream_adopt(&stream, &here, socket_to(servers.http)), NX_CLIENT_DONE);
		assert_int_equal(option_of(&stream, SOL_SOCKET, SO_KEEPALIVE), 1);
		assert_int_equal(option_of(&stream, IPPROTO_TCP, TCP_KEEPIDLE), 7);
		assert_int_equal(option_of(&stream, IPPROTO_TCP, TCP_KEEPINTVL), 7);
		nx_stream_fini(&stream);
	}
}

static void what_is_no_tcp_is_used_with_its_options(void **state)
{
	struct nx_stream_config config = {.keepalive_s = 7};
	struct nx_stream stream;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(nx_stream_init(&stream, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_stream_adopt(&stream, &here, pair[0]), NX_CLIENT_DONE);
	nx_stream_fini(&stream);
	close(pair[1]);
}

static void one_receive_takes_no_more_than_it_may(void **state)
{
	char sent[100] = "";

	for (int drive = NX_DRIVE_BLOCKING; drive <= NX_DRIVE_READY; drive++) {
		struct nx_stream_config config = {
			.drive = (enum nx_drive)drive, .receive_most_bytes = 16};
		struct nx_stream stream;
		size_t before = 0, after;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(send(pair[1], sent, sizeof(sent), 0), sizeof(sent));
		assert_int_equal(nx_stream_init(&stream, &config), NX_CLIENT_DONE);
		assert_int_equal(nx_stream_adopt(&stream, &here, pair[0]), NX_CLIENT_DONE);
		for (; before < sizeof(sent); before = after) {
			assert_int_equal(nx_stream_fill(&stream), NX_CLIENT_DONE);
			after = nx_read_buffer_length(&stream.in);
			assert_in_range(after, before + 1, before + 16);
		}
		nx_stream_fini(&stream);
		close(pair[1]);
	}
}

static void a_carrier_is_asked_for_no_more_than_it_may(void **state)
{
	struct nx_stream_config config = {.drive = NX_DRIVE_CARRIED, .receive_most_bytes = 16};
	struct nx_stream stream;

	assert_int_equal(nx_stream_init(&stream, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_stream_adopt(&stream, &here, -1), NX_CLIENT_DONE);
	assert_int_equal(nx_stream_receive_to(&stream).iov_len, 16);
	nx_stream_fini(&stream);
}

const struct CMUnitTest stream_cases[] = {
	cmocka_unit_test(a_dead_address_is_passed_in_every_drive),
	cmocka_unit_test(a_refusing_address_is_passed_in_every_drive),
	cmocka_unit_test(the_last_addresss_fault_is_told),
	cmocka_unit_test(addresses_share_the_time_of_a_blocking_call),
	cmocka_unit_test(addresses_share_the_time_of_a_callers_loop),
	cmocka_unit_test(idle_peers_are_probed_where_it_is_asked_for),
	cmocka_unit_test(what_is_no_tcp_is_used_with_its_options),
	cmocka_unit_test(one_receive_takes_no_more_than_it_may),
	cmocka_unit_test(a_carrier_is_asked_for_no_more_than_it_may),
};
const size_t stream_case_count = sizeof(stream_cases) / sizeof(stream_cases[0]);
