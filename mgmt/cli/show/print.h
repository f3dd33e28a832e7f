// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One printer a verb: the method's result (docs/management.md) as people read it, to stdout.
// Members that an older daemon does not send print as "-".

#include "cli/client.h"
#include "cli/invocation.h"

typedef enum exit_status printer(const struct invocation *invocation, const json_t *result);

printer print_status;
printer print_config_check, print_config_plan, print_config_apply, print_config_confirm,
	print_config_history, print_config_show;
printer print_listener_list, print_listener_show, print_upstream_list, print_port_list,
	print_worker_list, print_route_list, print_neighbour_list, print_pool_list;
printer print_credential_list, print_credential_reload;
printer print_session_show, print_session_kill;
printer print_stats, print_drops, print_stages;
