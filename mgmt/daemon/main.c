// SPDX-License-Identifier: BSD-3-Clause

// nexpathd: starts what the modules of this folder are, and runs the control loop.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/captures.h"
#include "daemon/control_loop.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/events/feed.h"
#include "daemon/events/log.h"
#include "daemon/methods/methods.h"
#include "daemon/metrics/metrics_server.h"
#include "daemon/names.h"
#include "daemon/operations.h"
#include "daemon/requests.h"
#include "daemon/start/privileges.h"
#include "daemon/start/start.h"
#include "daemon/target_probes.h"
#include "slowpath/library_memory.h"

// What needs no configuration. -ENOMEM.
static int modules_create(struct daemon *daemon)
{
	daemon->text = strdup("");
	daemon->base = event_base_new();
	if (daemon->text == NULL || daemon->base == NULL ||
		event_store_init(&daemon->events) != 0 || slot_map_create(&daemon->slots) != 0 ||
		feed_create(daemon, &daemon->feed) != 0 ||
		names_create(daemon, &daemon->names) != 0 ||
		requests_create(daemon, &daemon->requests) != 0 ||
		captures_create(daemon, &daemon->captures) != 0 ||
		credentials_create(daemon, &daemon->credentials) != 0 ||
		target_probes_create(daemon, &daemon->target_probes) != 0 ||
		operations_create(daemon, &daemon->operations) != 0)
		return -ENOMEM;
	return methods_serve(daemon);
}

// Workers first: after them nobody uses what the rest holds. Returns the exit status.
static int modules_destroy(struct daemon *daemon)
{
	char why[600];
	int status = daemon->exit_status;

	daemon->stopping = true;
	metrics_server_destroy(daemon->metrics);
	control_loop_unlisten(daemon);
	operations_destroy(daemon->operations);
	server_destroy(daemon->server);
	names_destroy(daemon->names);
	if (dataplane_stop(daemon, why, sizeof(why)) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", why);
		status = EXIT_FAILURE;
	}
	captures_destroy(daemon->captures);
	credentials_destroy(daemon->credentials);
	requests_destroy(daemon->requests);
	target_probes_destroy(daemon->target_probes);
	feed_destroy(daemon->feed);
	event_store_fini(&daemon->events);
	if (daemon->revisions != NULL &&
		revisions_mark_clean_exit(daemon->revisions, why, sizeof(why)) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", why);
	revisions_close(daemon->revisions);
	config_destroy(daemon->config);
	free(daemon->text);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
	return status;
}

static int run(struct daemon *daemon)
{
	char why[800];

	if (modules_create(daemon) != 0) {
		log_line(LOG_LEVEL_ERROR, "out of memory");
		return -ENOMEM;
	}

	if (daemon->dumps_memory)
		daemon_event(daemon, EVENT_KIND_CORE_DUMPS_ON,
			"core dumps are left as they were, private keys in them");

	int status =
		revisions_open(daemon->options.state_dir, &daemon->revisions, why, sizeof(why));

	if (status == 0 && why[0] != '\0')
		log_line(LOG_LEVEL_WARNING, "%s", why);
	if (status == 0)
		status = start_run(daemon, why, sizeof(why));
	if (status == 0)
		metrics_serve(daemon);
	if (status == 0)
		status = control_loop_run(daemon, why, sizeof(why));
	if (status != 0)
		log_line(LOG_LEVEL_ERROR, "%s", why);
	return status;
}

int main(int argc, char **argv)
{
	static struct daemon daemon = {.listen_fd = -1, .lock_fd = -1};

	options_parse(argc, argv, &daemon.options);
	switch (daemon.options.action) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_WRONG_USAGE;
	case OPTIONS_CHECK:
	case OPTIONS_CHECK_TEXT:
		return start_check(&daemon.options);
	case OPTIONS_RUN:
		break;
	}
	signal(SIGPIPE, SIG_IGN);
	// Until the control loop takes it: a reload in the middle of the start has nothing to
	// reload.
	signal(SIGHUP, SIG_IGN);
	daemon.dumps_memory = privileges_begin();
	daemon.started = daemon_time();
	if (library_memory_wipe() != 0)
		log_line(LOG_LEVEL_WARNING, "OpenSSL keeps its own way with memory: secrets stay "
					    "in what it gave back");
	log_open();
	if (run(&daemon) != 0)
		daemon.exit_status = EXIT_FAILURE;

	int status = modules_destroy(&daemon);

	log_close();
	return status;
}
