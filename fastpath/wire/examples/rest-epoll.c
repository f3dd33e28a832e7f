// SPDX-License-Identifier: BSD-3-Clause

// Many REST clients on one thread, driven by epoll: each asks for the same path some times.
// cc rest-epoll.c $(pkg-config --cflags --libs nexwire-client) -o rest-epoll
// ./rest-epoll http://localhost:8080 /path CLIENTS REQUESTS

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "nexwire/rest.h"

struct asker {
	struct nx_rest rest;
	const char *target;
	long left;      // requests to be sent
	bool is_asking; // one is under way
};

// Goes on as far as it can without waiting. NX_CLIENT_AGAIN: wait for what the stream wants.
static enum nx_client_verdict go_on(struct asker *a, long *answers)
{
	enum nx_client_verdict verdict = NX_CLIENT_DONE;
	struct nx_response response;

	while (a->left > 0) {
		if (!a->is_asking) {
			verdict = nx_rest_connect(&a->rest);
			if (verdict != NX_CLIENT_DONE)
				return verdict;
			nx_rest_begin(&a->rest, "GET", a->target);
			verdict = nx_rest_send(&a->rest, NULL, 0);
			if (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN)
				return verdict;
			a->is_asking = true;
		}
		verdict = nx_rest_receive(&a->rest, &response);
		if (verdict != NX_CLIENT_DONE)
			return verdict;
		*answers += response.status == 200;
		a->is_asking = false;
		a->left--;
	}
	return NX_CLIENT_DONE;
}

// Goes on, then has epoll wait for what the client wants. False: this client is done.
static bool turn(int epoll, struct asker *a, long *answers)
{
	enum nx_client_verdict verdict = go_on(a, answers);
	struct epoll_event event = {.events = EPOLLONESHOT, .data.ptr = a};

	if (verdict != NX_CLIENT_AGAIN) {
		if (verdict != NX_CLIENT_DONE)
			fprintf(stderr, "rest-epoll: %s\n", nx_client_verdict_text(verdict));
		a->left = 0;
		return false;
	}
	event.events |= (uint32_t)nx_stream_wants(&a->rest.stream); // POLLIN is EPOLLIN
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, nx_stream_fd(&a->rest.stream), &event) != 0)
		return epoll_ctl(epoll, EPOLL_CTL_ADD, nx_stream_fd(&a->rest.stream), &event) == 0;
	return true;
}

int main(int argc, char **argv)
{
	struct nx_rest_config config = {.stream = {.drive = NX_DRIVE_READY}};
	long clients = argc > 4 ? strtol(argv[3], NULL, 10) : 0, answers = 0, busy = 0;
	struct asker *askers = calloc((size_t)clients + 1, sizeof(*askers));
	int epoll = epoll_create1(0), ready;
	struct epoll_event event;

	if (clients < 1 || askers == NULL)
		return 2;
	config.url = argv[1];
	for (long i = 0; i < clients; i++) {
		askers[i].target = argv[2];
		askers[i].left = strtol(argv[4], NULL, 10);
		if (nx_rest_init(&askers[i].rest, &config) != NX_CLIENT_DONE)
			return 1;
		busy += turn(epoll, &askers[i], &answers);
	}
	for (time_t looked = 0;
		busy > 0 && ((ready = epoll_wait(epoll, &event, 1, 1000)) >= 0 || errno == EINTR);
		looked = time(NULL)) {
		busy -= ready == 1 && !turn(epoll, event.data.ptr, &answers);
		// Once a second, those whose time is over go on too.
		for (struct asker *a = askers; looked != time(NULL) && a < askers + clients; a++)
			busy -= a->left > 0 && nx_stream_wait_ms(&a->rest.stream) == 0 &&
				!turn(epoll, a, &answers);
	}
	for (long i = 0; i < clients; i++)
		nx_rest_fini(&askers[i].rest);
	free(askers);
	printf("%ld answers\n", answers);
	return busy != 0;
}
