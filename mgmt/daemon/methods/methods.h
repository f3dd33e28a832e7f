// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The methods of the management socket (docs/management.md). Each file holds those of one subject;
// table.c holds the one row a method. Every function ends its call with rpc_reply or rpc_fail, now
// or later. Control thread.

#include "daemon/daemon.h"

// Makes the server that calls them. -ENOMEM.
[[nodiscard]] int methods_serve(struct daemon *daemon);

// The table, for the documentation's test.
extern const struct rpc_method METHODS[];
extern const size_t METHOD_COUNT;

// system.c
void method_hello(struct rpc_call *call, const json_t *params);
void method_status(struct rpc_call *call, const json_t *params);
// Whether traffic is served, with the reasons why not (an array); what /readyz says.
bool health_is_ready(const struct daemon *daemon, json_t *reasons);

// configuration.c
void method_config_check(struct rpc_call *call, const json_t *params);
void method_config_plan(struct rpc_call *call, const json_t *params);
void method_config_apply(struct rpc_call *call, const json_t *params);
void method_config_confirm(struct rpc_call *call, const json_t *params);
void method_config_rollback(struct rpc_call *call, const json_t *params);
void method_config_history(struct rpc_call *call, const json_t *params);
void method_config_show(struct rpc_call *call, const json_t *params);
void method_listener_add(struct rpc_call *call, const json_t *params);
void method_listener_remove(struct rpc_call *call, const json_t *params);
void method_upstream_drain(struct rpc_call *call, const json_t *params);

// services.c
void method_listener_list(struct rpc_call *call, const json_t *params);
void method_listener_show(struct rpc_call *call, const json_t *params);
void method_upstream_list(struct rpc_call *call, const json_t *params);
json_t *listeners_json(const struct daemon *daemon);
// Whether a port that carries the listener's address is up.
bool listener_is_up(const struct daemon *daemon, const struct snapshot_listener *listener);
bool target_is_up(const struct daemon *daemon, const struct snapshot_target *target);

// credentials.c
void method_credential_list(struct rpc_call *call, const json_t *params);
void method_credential_reload(struct rpc_call *call, const json_t *params);

// network.c
void method_port_list(struct rpc_call *call, const json_t *params);
void method_route_list(struct rpc_call *call, const json_t *params);
void method_neighbour_list(struct rpc_call *call, const json_t *params);
json_t *ports_json(const struct daemon *daemon);

// sessions.c
void method_session_list(struct rpc_call *call, const json_t *params);
void method_session_show(struct rpc_call *call, const json_t *params);
void method_session_kill(struct rpc_call *call, const json_t *params);

// statistics.c
void method_stats(struct rpc_call *call, const json_t *params);
void method_drops(struct rpc_call *call, const json_t *params);
void method_stages(struct rpc_call *call, const json_t *params);
void method_worker_list(struct rpc_call *call, const json_t *params);
void method_pool_list(struct rpc_call *call, const json_t *params);
json_t *workers_json(const struct daemon *daemon);

// events.c
void method_events_list(struct rpc_call *call, const json_t *params);
void method_events_subscribe(struct rpc_call *call, const json_t *params);
void method_capture_start(struct rpc_call *call, const json_t *params);
void method_capture_stop(struct rpc_call *call, const json_t *params);

// Ends the call as refused when no data plane runs yet.
bool method_needs_node(struct rpc_call *call);
