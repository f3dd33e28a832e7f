// SPDX-License-Identifier: BSD-3-Clause
// A hello of any content: as it is, nobody is let in by it; sealed as by a client that knows the
// server, it is admitted or refused for what it says. Then it opens a connection, as the client's
// bytes from the first record on.
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void connect(const uint8_t *hello, size_t size)
{
	uint8_t record[RECORD_HEADER_BYTES] = {22, 3, 1, (uint8_t)(size >> 8), (uint8_t)size};
	struct reality_server *s;
	struct reality_action a;
	uint64_t sent = 0;

	MUST(reality_server_create(&world()->config, &s) == 0);
	world_feed(s, REALITY_CLIENT, record, sizeof(record), sizeof(record), &sent);
	world_feed(s, REALITY_CLIENT, hello, size, size / 3 + 1, &sent);
	reality_server_end(s);
	while (reality_server_next(s, &a))
		MUST(a.kind != REALITY_OPEN && a.kind != REALITY_SEND);
	MUST(reality_server_result(s) > REALITY_AUTHENTICATED);
	reality_server_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t hello[16384];
	struct reality_admission a;
	struct world *w = world();
	enum reality_result result;

	if (size == 0 || size > sizeof(hello))
		return 0;
	world_restart();
	memcpy(hello, data, size);
	MUST(reality_admit(w->credential, cursor_over(hello, size), WORLD_NOW_MS, &a) !=
		REALITY_AUTHENTICATED);
	connect(hello, size);
	if (!world_seal(hello, size))
		return 0;
	result = reality_admit(w->credential, cursor_over(hello, size), WORLD_NOW_MS, &a);
	MUST(result == REALITY_AUTHENTICATED || result == REALITY_SNI ||
		result == REALITY_KEY_SHARE || result == REALITY_VERSION);
	connect(hello, size);
	return 0;
}
