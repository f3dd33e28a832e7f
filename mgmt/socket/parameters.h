// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Parameters against the rows that describe them (struct rpc_parameter): unknown, missing, wrong
// type, out of range. Pure.

#include "socket/rpc.h"

struct rpc_fault {
	char path[128]; // "filter.limit"
	char what[256];
	char hint[128];
};

// Whether params (anything) is an object that obeys parameters; the first fault otherwise.
[[nodiscard]] bool rpc_parameters_check(
	const struct rpc_parameter *parameters, const json_t *params, struct rpc_fault *fault);
