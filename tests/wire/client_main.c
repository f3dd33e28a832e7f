// SPDX-License-Identifier: BSD-3-Clause

// The clients against real servers, which test_client.py and test_httpbin.py start.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client_cases.h"

struct servers servers;
_Thread_local unsigned long allocations;

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	allocations++;
	return __libc_realloc(memory, bytes);
}
#endif

const char *const *several_addresses;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
	struct addrinfo **found)
{
	int (*look_up)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(host, SEVERAL) != 0)
		return look_up(host, service, wanted, found);
	for (const char *const *address = several_addresses; *address != NULL; address++) {
		assert_int_equal(look_up(*address, service, wanted, found), 0);
		found = &(*found)->ai_next;
	}
	return 0;
}

unsigned int connect_limits_ms[CONNECTS_MOST], connect_count;

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*call)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	socklen_t limit_length = sizeof(struct timeval);
	struct timeval limit = {0};

	if (connect_count < CONNECTS_MOST &&
		getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &limit_length) == 0)
		connect_limits_ms[connect_count++] =
			(unsigned int)(limit.tv_sec * 1000 + limit.tv_usec / 1000);
	return call(fd, address, length);
}

// The carried sockets of this program, by stream: one at a time. Others have their own.
static struct {
	struct nx_stream *stream;
	int fd;
} carried = {.fd = -1};

static void carry(struct nx_stream *stream)
{
	struct iovec out = nx_stream_send_from(stream), in = nx_stream_receive_to(stream);
	struct pollfd fd = {.fd = nx_stream_fd(stream)};
	ssize_t n;

	if (fd.fd < 0) {
		assert_ptr_equal(stream, carried.stream);
		fd.fd = carried.fd;
	}
	fd.events = (short)((out.iov_len > 0 ? POLLOUT : 0) | (in.iov_len > 0 ? POLLIN : 0));
	if (fd.events == 0)
		fd.events = nx_stream_wants(stream);
	if (poll(&fd, 1, nx_stream_wait_ms(stream)) == 0)
		return;
	if (out.iov_len > 0) {
		n = send(fd.fd, out.iov_base, out.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			nx_stream_sent(stream, (size_t)n);
	}
	if (in.iov_len == 0 || (fd.revents & ~POLLOUT) == 0)
		return;
	n = recv(fd.fd, in.iov_base, in.iov_len, 0);
	nx_stream_received(stream, n > 0 ? (size_t)n : 0);
}

void turn(struct nx_stream *stream)
{
	struct pollfd fd = {.fd = nx_stream_fd(stream), .events = nx_stream_wants(stream)};

	if (stream->config.drive == NX_DRIVE_CARRIED)
		carry(stream);
	else
		assert_true(poll(&fd, 1, nx_stream_wait_ms(stream)) >= 0);
}

int socket_to(const char *text)
{
	struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *found;
	char host[64], port[8];
	struct nx_url url;
	int fd;

	assert_int_equal(nx_url_parse(nx_http_text(text), &url), NX_URL_OK);
	snprintf(host, sizeof(host), "%.*s", (int)url.host.length, (const char *)url.host.data);
	snprintf(port, sizeof(port), "%u", url.port);
	assert_int_equal(getaddrinfo(host, port, &wanted, &found), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, found->ai_addr, found->ai_addrlen), 0);
	freeaddrinfo(found);
	return fd;
}

int listen_at(const char *address, uint16_t port, int backlog)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

uint16_t port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t length = sizeof(at);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	return ntohs(at.sin_port);
}

struct dead_end dead_end_at(const char *address, uint16_t port)
{
	struct dead_end end = {.listener = listen_at(address, port, 0)};
	struct sockaddr_in at;
	socklen_t length = sizeof(at);
	struct pollfd queued = {.fd = end.listener, .events = POLLIN};

	assert_int_equal(getsockname(end.listener, (struct sockaddr *)&at, &length), 0);
	end.port = ntohs(at.sin_port);
	end.only = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(end.only, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(poll(&queued, 1, 10000), 1);
	return end;
}

void dead_end_close(struct dead_end *end)
{
	close(end->listener);
	close(end->only);
}

enum nx_client_verdict open_rest(struct nx_rest *rest, const struct nx_rest_config *config)
{
	enum nx_client_verdict verdict = nx_rest_init(rest, config);

	assert_int_equal(verdict, NX_CLIENT_DONE);
	if (config->stream.drive != NX_DRIVE_CARRIED)
		return UNTIL_DONE(&rest->stream, nx_rest_connect(rest));
	if (carried.fd >= 0)
		close(carried.fd);
	carried.fd = socket_to(config->url);
	carried.stream = &rest->stream;
	verdict = nx_rest_adopt(rest, -1);
	while (verdict == NX_CLIENT_AGAIN) {
		turn(&rest->stream);
		verdict = nx_rest_connect(rest);
	}
	return verdict;
}

struct nx_tls_context *tls_context(struct nx_tls_config config)
{
	struct nx_tls_context *context;
	char why[256] = "";

	if (!config.danger_no_verify && config.root_file_count == 0 && config.root_count == 0) {
		config.root_files = &servers.root;
		config.root_file_count = 1;
	}
	context = nx_tls_context_create(&config, why, sizeof(why));
	assert_string_equal(why, "");
	return context;
}

const char *url_of(const char *base, const char *path)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s%s", base, path);
	return text;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "httpbin") == 0) {
		servers.httpbin = argv[2];
		return _cmocka_run_group_tests(
			"httpbin", httpbin_cases, httpbin_case_count, NULL, NULL);
	}
	if (argc != 7)
		return 2;
	servers = (struct servers){.http = argv[1],
		.https = argv[2],
		.odd = argv[3],
		.old = argv[4],
		.closed = argv[5],
		.root = argv[6]};
	return _cmocka_run_group_tests("stream", stream_cases, stream_case_count, NULL, NULL) +
	       _cmocka_run_group_tests("rest", rest_cases, rest_case_count, NULL, NULL) +
	       _cmocka_run_group_tests("tls", tls_cases, tls_case_count, NULL, NULL) +
	       _cmocka_run_group_tests("pool", pool_cases, pool_case_count, NULL, NULL) +
	       _cmocka_run_group_tests("websocket", ws_cases, ws_case_count, NULL, NULL);
}
