// SPDX-License-Identifier: BSD-3-Clause

// Bytes of a management client, split into lines as the server splits them: parsing, parameters,
// methods and answers. Every answer must be JSON that can be written, and no call may stay open.

#include <stdlib.h>

#include "socket/rpc.h"
#include "tests/unit/socket/table.h"

static void take(struct rpc_client *client, const json_t *message)
{
	char *text = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;

	if (text == NULL)
		abort();
	free(text);
}

static void on_ended(struct rpc_client *client, struct rpc_call *call)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_dispatcher DISPATCHER = {
		.methods = TABLE, .method_count = TABLE_METHODS, .send = take, .ended = on_ended};
	static int client;
	const struct rpc_peer peer = {.right = size % 2 ? RPC_RIGHT_READ : RPC_RIGHT_CHANGE};
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;
		struct rpc_call *call = rpc_dispatch(&DISPATCHER,
			(struct rpc_client *)(void *)&client, &peer, p, (size_t)(stop - p));

		if (call != NULL)
			rpc_reply(call, json_object());
		p = stop + 1;
	}
	return 0;
}
