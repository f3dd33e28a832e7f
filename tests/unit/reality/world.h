// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A REALITY server's connection in memory: bytes of a client, of a target, and a relay between them
// that does what the session's actions say and checks that they hold together.

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls13/rig.h"

#include "reality/client.h"
#include "reality/server.h"

enum {
	TAPE_BYTES = 1 << 18,
};

struct tape {
	uint8_t bytes[TAPE_BYTES];
	size_t length; // written
	size_t done;   // read
};

struct world {
	struct reality_settings settings;
	struct reality_credential *credential;
	struct reality_replay *replay;
	struct reality_shapes *shapes;
	struct reality_server_config config;
	uint8_t public_key[32];
	int64_t now_ms;

	// One connection.
	struct reality_server *server;
	struct tape from_client, to_target, from_target, to_client;
	bool spliced, opened;
	bool left;     // the client has; the target's answer is nobody's
	size_t extras; // what went to the client without an answer to anything of the target's
	struct reality_action end;
	size_t step; // bytes a call, 0: all there are
	// What stands on the other side of to_target.
	SSL_CTX *target_context;
	SSL *target;
	struct end own_target; // where target_context is NULL

	struct reality_client_config client_config;
	struct reality_client *client;
	enum reality_client_result client_result;
};
extern struct world w;

int world_create(void **state);
int world_destroy(void **state);
// A credential as the settings say, which world_create has filled.
void world_credential(void);
// A target with that kind of key, by OpenSSL: the groups and suites of these names, NULL for its
// own.
void world_target(enum rig_kind kind, const char *groups, const char *suites);
// Ours, which sends its flight in one record.
void world_own_target(enum rig_kind kind, uint16_t group);
// One connection and what is at its ends.
void world_open(void);
void world_close(void);

void tape_put(struct tape *t, const uint8_t *bytes, size_t length);
// libcrypto's allocations are counted inside calls of the server from now on, which is before any
// other call of libcrypto; the one of that number fails, and those behind it too. 0: none.
void world_count_memory(void);
extern size_t world_memory_fails_at, world_memory_count;

// Moves what can move, the session's actions included, until nothing does. The client's bytes are
// those of from_client.
void world_pump(void);
// With our client at the end.
void world_client(const struct tls13_browser *browser);
void world_talk(void);

// Lengths and types of the records in bytes; returns their number. The last may be cut.
struct seen {
	uint8_t type;
	uint16_t length;
};
size_t world_records(const uint8_t *bytes, size_t length, struct seen *out, size_t max);
// Data both ways under the keys that both ends have.
void world_exchange(void);
