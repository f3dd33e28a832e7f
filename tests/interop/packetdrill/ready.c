// SPDX-License-Identifier: BSD-3-Clause
// poll and epoll, level and edge.
#include "calls.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	WATCHES = 8,
	ENTRIES = 16,
};

struct entry {
	int fd; // -1: free
	uint32_t events;
	uint32_t readable_seen; // edges that were told
	uint32_t writable_seen;
	bool is_told;
	uint64_t data;
};

struct watch {
	int fd; // 0: free
	struct entry entries[ENTRIES];
};

static struct watch watches[WATCHES];

static int poll_once(struct stack *s, struct pollfd *fds, nfds_t n)
{
	int count = 0;

	for (nfds_t i = 0; i < n; i++) {
		struct stack_socket *socket = stack_socket_of(s, fds[i].fd);
		short always = POLLERR | POLLHUP;

		fds[i].revents = POLLNVAL;
		if (socket)
			fds[i].revents =
				(short)(stack_socket_ready(s, socket) & (fds[i].events | always));
		count += fds[i].revents != 0;
	}
	return count;
}

int call_poll(struct stack *s, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	usec_t deadline = call_deadline(s, timeout_ms);
	int count;

	while ((count = poll_once(s, fds, n)) == 0)
		if (!stack_wait(s, deadline))
			break;
	return count;
}

int watch_create(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (uint32_t i = 0; i < WATCHES && fd >= 0; i++)
		if (watches[i].fd == 0) {
			watches[i].fd = fd;
			for (uint32_t k = 0; k < ENTRIES; k++)
				watches[i].entries[k].fd = -1;
			return fd;
		}
	return -EMFILE;
}

struct watch *watch_of(int fd)
{
	for (uint32_t i = 0; i < WATCHES; i++)
		if (watches[i].fd == fd && fd > 0)
			return &watches[i];
	return NULL;
}

void watch_close(struct watch *w)
{
	close(w->fd);
	w->fd = 0;
}

static struct entry *entry_of(struct watch *w, int fd)
{
	for (uint32_t i = 0; i < ENTRIES; i++)
		if (w->entries[i].fd == fd)
			return &w->entries[i];
	return NULL;
}

int watch_control(
	struct watch *w, struct stack *s, int operation, int fd, const struct epoll_event *event)
{
	struct entry *entry = entry_of(w, fd);

	if (stack_socket_of(s, fd) == NULL)
		return -EBADF;
	if (operation == EPOLL_CTL_ADD && entry)
		return -EEXIST;
	if (operation != EPOLL_CTL_ADD && !entry)
		return -ENOENT;
	if (operation == EPOLL_CTL_DEL) {
		entry->fd = -1;
		return 0;
	}
	if (!entry)
		entry = entry_of(w, -1);
	if (!entry)
		return -ENOSPC;
	*entry = (struct entry){.fd = fd, .events = event->events, .data = event->data.u64};
	return 0;
}

// The bits of poll and epoll have the same values.
static uint32_t entry_ready(struct stack *s, struct entry *entry)
{
	struct stack_socket *socket = stack_socket_of(s, entry->fd);
	uint32_t ready;
	bool news;

	if (socket == NULL)
		return 0;
	ready = (uint32_t)stack_socket_ready(s, socket) & (entry->events | EPOLLERR | EPOLLHUP);
	news = !entry->is_told || entry->readable_seen != socket->readable_edges ||
	       entry->writable_seen != socket->writable_edges;
	if (ready == 0 || ((entry->events & EPOLLET) && !news))
		return 0;
	entry->is_told = true;
	entry->readable_seen = socket->readable_edges;
	entry->writable_seen = socket->writable_edges;
	if (entry->events & EPOLLONESHOT)
		entry->events = 0;
	return ready;
}

static int watch_once(struct watch *w, struct stack *s, struct epoll_event *events, int most)
{
	int count = 0;

	for (uint32_t i = 0; i < ENTRIES && count < most; i++) {
		uint32_t ready = w->entries[i].fd < 0 ? 0 : entry_ready(s, &w->entries[i]);

		if (ready == 0)
			continue;
		events[count].events = ready;
		events[count++].data.u64 = w->entries[i].data;
	}
	return count;
}

int watch_wait(
	struct watch *w, struct stack *s, struct epoll_event *events, int most, int timeout_ms)
{
	usec_t deadline = call_deadline(s, timeout_ms);
	int count;

	while ((count = watch_once(w, s, events, most)) == 0)
		if (!stack_wait(s, deadline))
			break;
	return count;
}
