// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The data plane as a configuration wants it: environment, node, ports, and the snapshot that
// workers read. Failures leave one line in error and what ran before running. Control thread only.

#include "daemon/daemon.h"

// Creates and starts the node for config, if there is none.
[[nodiscard]] int dataplane_start(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size);

// Opens the ports of config that are not open. With lenient, a port that does not open is an event
// and is tried again (dataplane_ports_retry); without, it fails the call.
[[nodiscard]] int dataplane_ports_open(struct daemon *daemon, const struct config *config,
	bool lenient, char *error, size_t error_size);
// Tries again what a lenient open left out. Every few seconds.
void dataplane_ports_retry(struct daemon *daemon);

// An address of config that the kernel holds too: -EADDRINUSE with the command that mends it, and
// an event.
[[nodiscard]] int dataplane_addresses_check(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size);

// An event for each open port on whose interface the kernel forwards too, once.
void dataplane_forwarding_check(struct daemon *daemon);

// Compiles config into a snapshot that is not published yet, with the profiles that
// credentials_prepare made, or else those that run.
[[nodiscard]] int dataplane_compile(struct daemon *daemon, const struct config *config,
	struct snapshot **out, char *error, size_t error_size);
// Gives the snapshot to the workers; the node must be settled. What credentials_prepare made runs.
void dataplane_publish(struct daemon *daemon, struct snapshot *snapshot, uint64_t revision);
// Whether no worker reads an older snapshot (true without a node).
bool dataplane_is_settled(struct daemon *daemon);
// Compiles the running configuration again and publishes it; the node must be settled.
void dataplane_refresh(struct daemon *daemon);

// The open port that serves a configured one, or NULL.
const struct open_port *dataplane_port(const struct daemon *daemon, const struct config_port *port);

// Sessions whose node, listener or target the change touches.
uint64_t dataplane_listener_sessions(const struct daemon *daemon, uint16_t slot);

// Frees slots of objects that left the configuration and have no session any more.
void dataplane_sweep(struct daemon *daemon);

// The same where nothing runs yet: what a start that failed leaves.
void dataplane_abandon(struct daemon *daemon);
// Tells of threads of the slow path that are stuck. Every second.
void dataplane_slowpath_check(struct daemon *daemon);

// Stops workers, closes ports, audits pools. 0, or -EBUSY with the leaking pools in error.
[[nodiscard]] int dataplane_stop(struct daemon *daemon, char *error, size_t error_size);
