// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the cases of the clients share: where the servers are, and loops that drive a stream.

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "nexwire/pool.h"
#include "nexwire/ws_connection.h"

// Given on the command line.
struct servers {
	const char *http;   // nginx: /small, /large, /echo, /ws
	const char *https;  // the same over TLS, certificate for "localhost" from `root`
	const char *odd;    // http: a server of single behaviours (test_client.py)
	const char *old;    // https: TLS 1.2 at most
	const char *closed; // http: a port where nobody listens
	const char *root;   // PEM file
	const char *httpbin;
};
extern struct servers servers;

// Every allocation of the process; 0 for ever under a sanitizer, which has its own.
extern _Thread_local unsigned long allocations;

// Ends when verdict_of_call is not NX_CLIENT_AGAIN; turns the loop of the stream's drive.
#define UNTIL_DONE(stream, call)                                                                   \
	({                                                                                         \
		enum nx_client_verdict until_verdict;                                              \
		while ((until_verdict = (call)) == NX_CLIENT_AGAIN)                                \
			turn(stream);                                                              \
		until_verdict;                                                                     \
	})
void turn(struct nx_stream *stream);

struct nx_tls_context *tls_context(struct nx_tls_config config);
// base and path in static memory.
const char *url_of(const char *base, const char *path);
// Connects in any drive; in carried drive over a socket of the caller's loop.
enum nx_client_verdict open_rest(struct nx_rest *rest, const struct nx_rest_config *config);
int socket_to(const char *url);
int listen_at(const char *address, uint16_t port, int backlog); // port 0: any
uint16_t port_of(int fd);

// A name that has these addresses, in this order, up to NULL.
#define SEVERAL "several.test"
extern const char *const *several_addresses;

// How long each call of connect could block, first to last; the program's own count too.
enum {
	CONNECTS_MOST = 8
};
extern unsigned int connect_limits_ms[CONNECTS_MOST], connect_count;

// An address that neither accepts nor refuses: its queue is full. Once it is closed, the kernel
// refuses what still tries to connect.
struct dead_end {
	int listener;
	int only; // connection in the queue
	uint16_t port;
};
struct dead_end dead_end_at(const char *address, uint16_t port);
void dead_end_close(struct dead_end *end);

extern const struct CMUnitTest stream_cases[], rest_cases[], tls_cases[], pool_cases[], ws_cases[],
	httpbin_cases[];
extern const size_t stream_case_count, rest_case_count, tls_case_count, pool_case_count,
	ws_case_count, httpbin_case_count;
