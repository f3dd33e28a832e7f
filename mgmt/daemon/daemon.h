// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What one nexpathd is: everything that the control thread holds together. The modules of this
// folder work on it; all of it is touched on the control thread only.

#include <event2/event.h>

#include "config/compile/slots.h"
#include "config/config.h"
#include "config/revision/revisions.h"
#include "daemon/events/events.h"
#include "daemon/metrics/rates.h"
#include "daemon/start/options.h"
#include "dns/resolver.h"
#include "socket/address.h"
#include "socket/server.h"

// Exit statuses beside 0 and 1. RESTART: the service manager starts the process again.
enum {
	EXIT_WRONG_USAGE = 2,
	EXIT_RESTART = 75
};

// A port that the node has. It stays open when its configuration goes (removing one takes a
// restart), and serves again when the same one comes back.
struct open_port {
	char name[NAME_BYTES];
	char device[256];
	uint32_t mtu;
	uint32_t queues;
	uint16_t index;       // in the node
	bool forwarding_told; // an event says that the kernel forwards on its interface
	bool oversized_told;  // an event says that it received frames larger than it takes
};

struct operations;
struct control_requests;
struct event_feed;
struct names;
struct metrics_server;
struct captures;
struct credentials;
struct slowpath;
struct target_probes;

struct daemon {
	struct options options;
	struct event_base *base;
	struct server *server;
	struct socket_rights rights;
	char *socket_path; // where listen_fd is bound
	int listen_fd;
	int lock_fd;
	double started; // Unix seconds

	// The configuration that runs.
	struct revisions *revisions;
	struct config *config;   // NULL: none
	char *text;              // of it, NUL-terminated; "" with none
	uint64_t revision;       // 0: none
	uint64_t generation;     // snapshots compiled
	uint64_t pending;        // revision that waits for confirmation, 0: none
	uint64_t pending_before; // the one that comes back without it
	double confirm_by;       // Unix seconds
	uint64_t apply_failures;

	// The data plane; node is NULL until a configuration needs it.
	struct node *node;
	struct slowpath *slowpath; // of the node; NULL: no locked memory for it
	struct credentials *credentials;
	struct target_probes *target_probes;
	uint64_t slowpath_stalled; // its threads of which an event says so, one bit each
	uint64_t slowpath_silent;  // likewise
	bool huge;
	char *shared_name; // EAL's file prefix in use
	struct slot_map *slots;
	struct open_port ports[MAX_PORTS];
	uint16_t port_count;
	usec_t drain_until[MAX_LISTENERS]; // node clock; 0: not draining
	bool recompile; // slots or names changed: compile again when nothing is under way

	struct names *names;
	struct operations *operations;
	struct control_requests *requests;
	struct event_store events;
	struct event_feed *feed;
	struct rates rates;
	struct metrics_server *metrics;
	bool metrics_told; // an event says that they cannot be served
	struct captures *captures;
	uint64_t events_lost;   // records that workers found no room for
	uint64_t sessions_lost; // of the session log
	uint64_t accesses_lost; // of the access log
	bool dumps_memory;      // core files are not turned off
	bool privileges_dropped;
	bool stopping;
	int exit_status;
};

double daemon_time(void); // Unix seconds

// Keeps an event, logs it, tells subscribers.
void daemon_event(struct daemon *daemon, enum event_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Ends the loop: sessions are ended, the node is destroyed, the process exits with status.
void daemon_stop(struct daemon *daemon, int status);
// Takes no new sessions, stops when the last has ended or after workers.drain_s.
void daemon_drain(struct daemon *daemon);

// "tcp", "10.2.0.1:80", "[fd00::1]:80".
enum {
	ENDPOINT_TEXT_BYTES = IP_ADDRESS_TEXT_MAX + 8
};
const char *endpoint_print(
	const struct ip_address *address, uint16_t port, char out[ENDPOINT_TEXT_BYTES]);
const char *protocol_name(uint8_t protocol);
