// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// JSON-RPC 2.0, the server's side, without any transport: a line comes in, the method of a table is
// called, its answer goes out through the caller's function. A method answers at once or keeps its
// call and answers later, from the control loop. Control thread only.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_UNKNOWN_METHOD = -32601,
	RPC_INVALID_PARAMETER = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_REFUSED = -32001,
	RPC_CONFLICT = -32002,
	RPC_UNCONFIRMED = -32003,
	RPC_NOT_FOUND = -32004,
	RPC_DENIED = -32005,
};

enum rpc_right {
	RPC_RIGHT_NONE = 0,
	RPC_RIGHT_READ,
	RPC_RIGHT_CHANGE
};

// Who asks, as the kernel says.
struct rpc_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	enum rpc_right right;
};

enum rpc_type {
	RPC_STRING = 0,
	RPC_INTEGER,
	RPC_BOOLEAN,
	RPC_OBJECT
};

// One parameter; a list ends with a row without name. minimum and maximum bound an integer's value
// and a string's length in bytes (0, 0: any). An object with members has exactly these, one without
// is free.
struct rpc_parameter {
	const char *name;
	enum rpc_type type;
	bool required;
	int64_t minimum;
	int64_t maximum;
	const struct rpc_parameter *members;
};

struct rpc_call;

// One row of the method table. call owns the call from then on and ends it with rpc_reply or
// rpc_fail, exactly once; params obeys the schema and lives as long as the call.
struct rpc_method {
	const char *name;
	enum rpc_right right;
	const struct rpc_parameter *parameters; // NULL: takes none
	void (*call)(struct rpc_call *call, const json_t *params);
	const char *help;
};

struct rpc_client; // whoever reads the answers; opaque here

struct rpc_dispatcher {
	const struct rpc_method *methods;
	size_t method_count;
	void *context; // for the methods
	// Takes a finished message (an object) for the client; borrowed.
	void (*send)(struct rpc_client *client, const json_t *message);
	// Told when a call has ended, so that the client's next request may come. Not told of calls
	// whose client has gone.
	void (*ended)(struct rpc_client *client, struct rpc_call *call);
	// Told of every call with the right `change` before it is carried out; may be NULL.
	void (*changing)(void *context, const struct rpc_peer *peer, const char *method);
};

// Carries out one line (without its newline). Returns the call when its method keeps it, NULL when
// all is answered.
struct rpc_call *rpc_dispatch(const struct rpc_dispatcher *dispatcher, struct rpc_client *client,
	const struct rpc_peer *peer, const char *line, size_t length);

// The client has gone: the call's answer will be thrown away.
void rpc_call_abandon(struct rpc_call *call);

void *rpc_context(const struct rpc_call *call);
const struct rpc_peer *rpc_peer_of(const struct rpc_call *call);
struct rpc_client *rpc_client_of(const struct rpc_call *call); // NULL once it has gone
const char *rpc_method_name(const struct rpc_call *call);

// End the call. result is taken; NULL (memory is out) is answered with an internal error.
void rpc_reply(struct rpc_call *call, json_t *result);
void rpc_fail(struct rpc_call *call, enum rpc_code code, const char *path, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
// The same with members (taken, may be NULL) that join path and hint in data.
void rpc_fail_data(struct rpc_call *call, enum rpc_code code, json_t *members, const char *path,
	const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));

// An error that answers no call (id null), as a new object, or NULL when memory is out.
json_t *rpc_error_message(enum rpc_code code, const char *path, const char *hint, const char *what);

// A string for a result. Text of ours may quote a peer's, cut short inside a character: what is no
// UTF-8 any more is shown as '?'. NULL when memory is out.
json_t *rpc_text(const char *text);

// Members of checked params: the value, or the default when absent.
const char *rpc_string(const json_t *params, const char *name, const char *absent);
int64_t rpc_integer(const json_t *params, const char *name, int64_t absent);
bool rpc_boolean(const json_t *params, const char *name, bool absent);
