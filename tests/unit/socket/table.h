// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A small method table for the tests and the fuzzer of the management socket.

#include <string.h>

#include "socket/rpc.h"

static const struct rpc_parameter TABLE_FILTER[] = {
	{"state", RPC_STRING, false, 1, 8, NULL},
	{"age_s", RPC_INTEGER, false, 0, 100, NULL},
	{NULL, RPC_STRING, false, 0, 0, NULL},
};
static const struct rpc_parameter TABLE_ECHO[] = {
	{"text", RPC_STRING, true, 0, 1 << 20, NULL},
	{"number", RPC_INTEGER, false, 1, 10, NULL},
	{"flag", RPC_BOOLEAN, false, 0, 0, NULL},
	{"filter", RPC_OBJECT, false, 0, 0, TABLE_FILTER},
	{"free", RPC_OBJECT, false, 0, 0, NULL},
	{NULL, RPC_STRING, false, 0, 0, NULL},
};

static void table_echo(struct rpc_call *call, const json_t *params)
{
	rpc_reply(call, json_pack("{s:s}", "text", rpc_string(params, "text", "")));
}

static void table_refuse(struct rpc_call *call, const json_t *params)
{
	rpc_fail(call, RPC_REFUSED, "some.path", "do that", "no, %d times", 3);
}

// Keeps its call for the test to answer.
static struct rpc_call *table_kept;

static void table_keep(struct rpc_call *call, const json_t *params)
{
	table_kept = call;
}

// Answers with 256 KiB.
static void table_large(struct rpc_call *call, const json_t *params)
{
	static char text[256 << 10];

	memset(text, 'x', sizeof(text) - 1);
	rpc_reply(call, json_pack("{s:s}", "text", text));
}

static const struct rpc_method TABLE[] = {
	{"echo", RPC_RIGHT_READ, TABLE_ECHO, table_echo, ""},
	{"refuse", RPC_RIGHT_READ, NULL, table_refuse, ""},
	{"keep", RPC_RIGHT_READ, NULL, table_keep, ""},
	{"large", RPC_RIGHT_READ, NULL, table_large, ""},
	{"change", RPC_RIGHT_CHANGE, NULL, table_refuse, ""},
};
enum {
	TABLE_METHODS = sizeof(TABLE) / sizeof(TABLE[0])
};
