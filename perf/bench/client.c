// SPDX-License-Identifier: BSD-3-Clause

// An HTTP client over kernel sockets: what comparisons in a lab measure with. In a closed loop
// every connection asks again once it is answered; at a rate each request is due at its own moment
// and timed from that moment on, whether a connection was free or not.

#include "bench/bench.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_MAX = 8192,
	EVENTS = 256,
	WARM_MS = 500, // not counted
	STUCK_MS = 5000,
};

struct asker {
	int fd; // -1 = none
	bool connecting;
	bool busy;
	uint64_t due; // ns: when its request was due
	uint32_t got;
	uint32_t length; // of the whole answer, 0 = not known yet
	char answer[ANSWER_MAX + 1];
};

struct client {
	const struct bench_options *options;
	struct sockaddr_in target;
	int epoll;
	struct asker *askers;
	char request[256];
	uint64_t began; // ns
	uint64_t counted_from;
	uint64_t end;
	uint64_t taken;      // requests whose turn has come
	uint32_t *latencies; // 100 ns
	uint64_t done;
	uint64_t room;
	uint64_t connects;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void parse_target(struct client *c)
{
	char text[64];
	char *colon;

	snprintf(text, sizeof(text), "%s", c->options->target ? c->options->target : "");
	colon = strrchr(text, ':');
	if (colon)
		*colon = '\0';
	c->target.sin_family = AF_INET;
	if (!colon || inet_pton(AF_INET, text, &c->target.sin_addr) != 1)
		bench_fail("--target: '%s' is not ADDR:PORT", text);
	c->target.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	snprintf(c->request, sizeof(c->request),
		"GET / HTTP/1.1\r\nHost: bench\r\nConnection: %s\r\n\r\n",
		c->options->close ? "close" : "keep-alive");
}

static void ask(struct client *c, struct asker *a)
{
	size_t length = strlen(c->request);

	a->got = 0;
	a->length = 0;
	if (send(a->fd, c->request, length, MSG_NOSIGNAL) != (ssize_t)length)
		bench_fail("send: %s", strerror(errno));
}

static void open_connection(struct client *c, struct asker *a)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = a};
	int one = 1;

	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		bench_fail("socket: %s", strerror(errno));
	setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(a->fd, (struct sockaddr *)&c->target, sizeof(c->target)) != 0 &&
		errno != EINPROGRESS)
		bench_fail("connect: %s", strerror(errno));
	a->connecting = true;
	c->connects++;
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, a->fd, &event) != 0)
		bench_fail("epoll: %s", strerror(errno));
}

// When the next request is due; a closed loop always has one.
static uint64_t next_due(const struct client *c, uint64_t now)
{
	return c->options->rate ? c->began + c->taken * 1000000000 / c->options->rate : now;
}

static void begin(struct client *c, struct asker *a, uint64_t now)
{
	uint64_t due = next_due(c, now);

	if (a->busy || due > now || now >= c->end)
		return;
	a->busy = true;
	a->due = due;
	c->taken++;
	if (a->fd < 0)
		open_connection(c, a);
	else if (!a->connecting)
		ask(c, a);
}

static void finish(struct client *c, struct asker *a)
{
	uint64_t now = now_ns();

	a->busy = false;
	if (a->due >= c->counted_from && now < c->end + 1000000000 && c->done < c->room)
		c->latencies[c->done++] = (uint32_t)((now - a->due) / 100);
	if (c->options->close) {
		close(a->fd);
		a->fd = -1;
	}
	begin(c, a, now);
}

// The length of the whole answer, from its header; 0 = not all there.
static uint32_t answer_length(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\ncontent-length:");

	if (!end)
		return 0;
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || !length || length > end)
		bench_fail("the answer is not 200 with a Content-Length: %.40s", answer);
	return (uint32_t)(end + 4 - answer) + (uint32_t)strtoul(length + 17, NULL, 10);
}

static bool is_answered(const struct asker *a)
{
	return a->length > 0 && a->got >= a->length;
}

static void read_answer(struct client *c, struct asker *a)
{
	for (;;) {
		ssize_t n = recv(a->fd, a->answer + a->got, ANSWER_MAX - a->got, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			bench_fail("receive: %s", strerror(errno));
		if (n == 0) {
			if (!c->options->close || !is_answered(a))
				bench_fail("the connection was closed before the answer's end");
			finish(c, a);
			return;
		}
		a->got += (uint32_t)n;
		a->answer[a->got] = '\0';
		if (a->length == 0)
			a->length = answer_length(a->answer);
		if (a->length > ANSWER_MAX || (a->got == ANSWER_MAX && !is_answered(a)))
			bench_fail("the answer is longer than %d bytes", ANSWER_MAX);
		if (is_answered(a) && !c->options->close) {
			finish(c, a);
			return;
		}
	}
}

static void handle(struct client *c, const struct epoll_event *event)
{
	struct asker *a = event->data.ptr;

	if (a->connecting) {
		int error = 0;
		socklen_t size = sizeof(error);

		getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error)
			bench_fail("connect: %s", strerror(error));
		if (!(event->events & EPOLLOUT))
			return;
		a->connecting = false;
		if (a->busy)
			ask(c, a);
		return;
	}
	if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && a->busy)
		read_answer(c, a);
}

// A keep-alive run is about requests: its connections are up before the first one is due.
static void connect_all(struct client *c)
{
	struct epoll_event events[EVENTS];
	uint64_t until = now_ns() + STUCK_MS * UINT64_C(1000000);

	for (uint32_t i = 0; i < c->options->connections; i++)
		open_connection(c, &c->askers[i]);
	for (uint32_t up = 0; up < c->options->connections;) {
		int n = epoll_wait(c->epoll, events, EVENTS, 100);

		for (int i = 0; i < n; i++) {
			handle(c, &events[i]);
			up += !((struct asker *)events[i].data.ptr)->connecting;
		}
		if (now_ns() > until)
			bench_fail("only %u connections came up", up);
	}
}

static void begin_all(struct client *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->options->connections && next_due(c, now) <= now; i++)
		begin(c, &c->askers[i], now);
}

static bool is_any_busy(const struct client *c)
{
	for (uint32_t i = 0; i < c->options->connections; i++) {
		if (c->askers[i].busy)
			return true;
	}
	return false;
}

static void run(struct client *c)
{
	struct epoll_event events[EVENTS];
	uint64_t now = now_ns();

	while (now < c->end || is_any_busy(c)) {
		uint64_t due = next_due(c, now);
		uint64_t wait = c->options->rate && due > now ? due - now : 100000000;
		struct timespec timeout = {.tv_nsec = (long)u64_min(wait, 100000000)};
		int n = epoll_pwait2(c->epoll, events, EVENTS, &timeout, NULL);

		for (int i = 0; i < n; i++)
			handle(c, &events[i]);
		now = now_ns();
		if (now < c->end)
			begin_all(c, now);
		else if (now > c->end + STUCK_MS * UINT64_C(1000000))
			bench_fail("a request was never answered");
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_us(const struct client *c, double share)
{
	uint64_t at = (uint64_t)((double)c->done * share);

	return c->done ? c->latencies[at < c->done ? at : c->done - 1] / 10.0 : 0;
}

json_t *bench_client(const struct bench_options *options)
{
	struct client c = {.options = options, .epoll = epoll_create1(EPOLL_CLOEXEC)};

	parse_target(&c);
	prctl(PR_SET_TIMERSLACK, 1UL);
	c.room = (uint64_t)options->seconds * 1000000;
	c.latencies = calloc(c.room, sizeof(*c.latencies));
	c.askers = calloc(options->connections, sizeof(*c.askers));
	if (!c.latencies || !c.askers || c.epoll < 0)
		bench_fail("out of memory or descriptors");
	for (uint32_t i = 0; i < options->connections; i++)
		c.askers[i].fd = -1;
	if (!options->close)
		connect_all(&c);
	c.began = now_ns();
	c.counted_from = c.began + WARM_MS * UINT64_C(1000000);
	c.end = c.counted_from + options->seconds * UINT64_C(1000000000);
	run(&c);
	qsort(c.latencies, c.done, sizeof(*c.latencies), by_value);
	json_t *result = json_pack("{s:s, s:s, s:i, s:i, s:I, s:f, s:I, s:f, s:f, s:f, s:f, s:f}",
		"measurement", "client", "mode", options->close ? "connections" : "requests",
		"connections", (int)options->connections, "rate", (int)options->rate, "requests",
		(json_int_t)c.done, "per_second", (double)c.done / options->seconds, "connects",
		(json_int_t)c.connects, "p50_us", percentile_us(&c, 0.5), "p90_us",
		percentile_us(&c, 0.9), "p99_us", percentile_us(&c, 0.99), "p999_us",
		percentile_us(&c, 0.999), "max_us", percentile_us(&c, 1));

	free(c.askers);
	free(c.latencies);
	return result;
}
