// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/control_loop.h"

#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "daemon/captures.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/events/feed.h"
#include "daemon/events/log.h"
#include "daemon/events/translate.h"
#include "daemon/links.h"
#include "daemon/metrics/metrics_server.h"
#include "daemon/operations.h"
#include "daemon/start/start.h"
#include "daemon/target_probes.h"

enum {
	TICKS_PER_SECOND = 20,
	ACCEPTS_AT_ONCE = 16,
	PORT_RETRY_S = 2,
	FORWARDING_CHECK_S = 10
};

enum {
	EVENT_ACCEPT = 0,
	EVENT_TICK,
	EVENT_WATCHDOG,
	EVENT_TERM,
	EVENT_INT,
	EVENT_HUP,
	EVENTS,
};

struct control_loop {
	struct daemon *daemon;
	struct event *events[EVENTS];
	uint32_t ticks;
};

static int64_t group_find(const char *name)
{
	const struct group *group = name[0] != '\0' ? getgrnam(name) : NULL;

	return group != NULL ? (int64_t)group->gr_gid : -1;
}

int control_loop_listen(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size)
{
	const struct config_management *m = &config->management;

	daemon->rights.change_gid = group_find(m->group);
	daemon->rights.read_gid = group_find(m->read_group);
	if (daemon->listen_fd >= 0 && strcmp(daemon->socket_path, m->socket) == 0)
		return 0;
	control_loop_unlisten(daemon);

	int status = socket_listen(m->socket, &daemon->rights, &daemon->listen_fd, &daemon->lock_fd,
		error, error_size);

	if (status != 0)
		return status;
	daemon->socket_path = strdup(m->socket);
	if (daemon->socket_path != NULL)
		return 0;
	socket_unlisten(m->socket, daemon->listen_fd, daemon->lock_fd);
	daemon->listen_fd = -1;
	snprintf(error, error_size, "out of memory");
	return -ENOMEM;
}

void control_loop_unlisten(struct daemon *daemon)
{
	if (daemon->listen_fd < 0)
		return;
	socket_unlisten(daemon->socket_path, daemon->listen_fd, daemon->lock_fd);
	free(daemon->socket_path);
	daemon->socket_path = NULL;
	daemon->listen_fd = -1;
}

static void on_accept(evutil_socket_t listen_fd, short what, void *argument)
{
	struct control_loop *loop = argument;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct rpc_peer peer;
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		socket_peer(fd, &loop->daemon->rights, &peer);
		server_adopt(loop->daemon->server, fd, &peer);
	}
}

static void on_terminate(evutil_socket_t signal, short what, void *argument)
{
	struct control_loop *loop = argument;

	sd_notify(0, "STOPPING=1");
	if (loop->daemon->stopping)
		event_base_loopbreak(loop->daemon->base);
	else
		daemon_drain(loop->daemon);
}

// Behind the reload of FILE, which is the first in the queue.
static void reload_credentials(struct daemon *daemon)
{
	const struct operation_request request = {.kind = OPERATION_RELOAD, .by = "SIGHUP"};

	if (daemon->config != NULL && operation_submit(daemon->operations, &request) != 0)
		log_line(LOG_LEVEL_ERROR, "credentials are not read again: out of memory");
}

static void on_reload(evutil_socket_t signal, short what, void *argument)
{
	struct control_loop *loop = argument;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%jd",
		(intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	start_reload(loop->daemon);
	reload_credentials(loop->daemon);
}

static void on_watchdog(evutil_socket_t fd, short what, void *argument)
{
	sd_notify(0, "WATCHDOG=1");
}

// A worker tells the time at every few turns and before it sleeps, which is never for long. Told
// once, until it goes on.
static void stalls_check(struct daemon *daemon)
{
	usec_t now = node_now(daemon->node);

	for (uint16_t w = 0; w < node_worker_count(daemon->node); w++) {
		usec_t seen = node_worker_heartbeat(daemon->node, w);
		bool stalled = now > seen && now - seen > USEC_PER_SECOND;

		if (stalled && !daemon->rates.workers[w].stalled)
			daemon_event(daemon, EVENT_KIND_WORKER_STALLED,
				"worker %u on CPU %d made no turn for %.1f s", w,
				daemon->config->workers.cpus.items[w],
				(double)(now - seen) / USEC_PER_SECOND);
		if (!stalled && daemon->rates.workers[w].stalled)
			log_line(LOG_LEVEL_INFO, "worker %u goes on", w);
		daemon->rates.workers[w].stalled = stalled;
	}
}

static void each_second(struct control_loop *loop)
{
	struct daemon *daemon = loop->daemon;

	rates_sample(&daemon->rates, daemon->node, node_now(daemon->node));
	if (daemon->config != NULL)
		stalls_check(daemon);
	drains_check(daemon);
	dataplane_sweep(daemon);
	dataplane_slowpath_check(daemon);
	credentials_expiry_tell(daemon);
	target_probes_tick(daemon);
	if (loop->ticks % (PORT_RETRY_S * TICKS_PER_SECOND) == 0) {
		dataplane_ports_retry(daemon);
		metrics_serve(daemon);
	}
	if (loop->ticks % (FORWARDING_CHECK_S * TICKS_PER_SECOND) == 0)
		dataplane_forwarding_check(daemon);
}

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
	struct control_loop *loop = argument;
	struct daemon *daemon = loop->daemon;

	loop->ticks++;
	feed_pump(daemon->feed);
	if (daemon->node == NULL) {
		if (daemon->stopping)
			event_base_loopexit(daemon->base, NULL);
		return;
	}

	bool settled = dataplane_is_settled(daemon);

	links_tell(daemon);

	worker_events_take(daemon);
	session_records_take(daemon);
	access_records_take(daemon);
	captures_pump(daemon->captures);
	if (loop->ticks % TICKS_PER_SECOND == 0)
		each_second(loop);
	if (daemon->recompile && settled && !operations_busy(daemon->operations)) {
		daemon->recompile = false;
		dataplane_refresh(daemon);
	} else if (settled && !operations_busy(daemon->operations)) {
		credentials_sweep(daemon, node_now(daemon->node) / USEC_PER_SECOND);
	}
	if (daemon->stopping && node_sessions(daemon->node) == 0)
		event_base_loopexit(daemon->base, NULL);
}

static int events_add(struct control_loop *loop)
{
	struct event_base *base = loop->daemon->base;
	const struct timeval tick = {.tv_usec = 1000000 / TICKS_PER_SECOND};
	struct timeval watchdog = {0};
	uint64_t watchdog_us = 0;

	loop->events[EVENT_ACCEPT] =
		event_new(base, loop->daemon->listen_fd, EV_READ | EV_PERSIST, on_accept, loop);
	loop->events[EVENT_TICK] = event_new(base, -1, EV_PERSIST, on_tick, loop);
	loop->events[EVENT_WATCHDOG] = event_new(base, -1, EV_PERSIST, on_watchdog, loop);
	loop->events[EVENT_TERM] = evsignal_new(base, SIGTERM, on_terminate, loop);
	loop->events[EVENT_INT] = evsignal_new(base, SIGINT, on_terminate, loop);
	loop->events[EVENT_HUP] = evsignal_new(base, SIGHUP, on_reload, loop);
	for (int i = 0; i < EVENTS; i++)
		if (loop->events[i] == NULL)
			return -ENOMEM;
	if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
		watchdog.tv_sec = (time_t)(watchdog_us / 2 / 1000000);
		watchdog.tv_usec = (suseconds_t)(watchdog_us / 2 % 1000000);
		event_add(loop->events[EVENT_WATCHDOG], &watchdog);
	}
	event_add(loop->events[EVENT_TICK], &tick);
	for (int i = 0; i < EVENTS; i++)
		if (i != EVENT_TICK && i != EVENT_WATCHDOG && event_add(loop->events[i], NULL) != 0)
			return -ENOMEM;
	return 0;
}

int control_loop_run(struct daemon *daemon, char *error, size_t error_size)
{
	struct control_loop loop = {.daemon = daemon};
	int status = events_add(&loop);

	if (status == 0) {
		sd_notify(0, "READY=1");
		log_line(LOG_LEVEL_INFO, "serving %s", daemon->socket_path);
		event_base_dispatch(daemon->base);
	} else {
		snprintf(error, error_size, "the control loop does not start: out of memory");
	}
	for (int i = 0; i < EVENTS; i++)
		if (loop.events[i] != NULL)
			event_free(loop.events[i]);
	return status;
}
