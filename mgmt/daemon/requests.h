// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Questions to workers over their control rings, without waiting for them: the answer comes to a
// function, on the control thread, when the workers have worked through their tables.

#include "daemon/daemon.h"

enum {
	WORKERS_ALL = -1
};

// count: sessions counted, killed or listed, over all workers asked. For a list of one worker:
// records (valid during the call), the cursor to go on from, and whether there is more.
struct request_answer {
	uint64_t count;
	const struct session_record *records;
	const struct session_names *names; // of records, two for each, by leg
	uint32_t cursor;
	bool more;
};
typedef void request_done_fn(void *context, const struct request_answer *answer);

[[nodiscard]] int requests_create(struct daemon *daemon, struct control_requests **out);
// After the node is gone. Answers that are outstanding are not given. NULL is allowed.
void requests_destroy(struct control_requests *requests);

// Sends copies of request to a worker or to WORKERS_ALL. A list takes one worker; its records are
// allocated here. -ENOMEM, and done is then not called.
[[nodiscard]] int request_send(struct control_requests *requests,
	const struct control_request *request, int worker, request_done_fn *done, void *context);
