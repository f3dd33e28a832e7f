// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An HTTP/1.1 client for one server, a request at a time, on a stream in any drive
// (nexwire/stream.h). A request is written where it is sent from, a response is read where it was
// received. Redirects are the caller's to follow. One thread at a time.
//
//   verdict = nx_rest_connect(&rest);                     // until NX_CLIENT_DONE
//   nx_rest_begin(&rest, "POST", "/order");               // behind the URL's path
//   nx_rest_query(&rest, "symbol", "BTC-USD");
//   nx_rest_field(&rest, "Content-Type", "application/json");
//   verdict = nx_rest_send(&rest, body, length);          // queues it, sends what goes
//   verdict = nx_rest_receive(&rest, &response);          // until NX_CLIENT_DONE

#include "nexwire/http_connection.h"
#include "nexwire/stream.h"

NX_BEGIN

enum {
	NX_REST_FIELDS = 64 // of a response; more are refused
};

struct nx_rest_field {
	const char *name;
	const char *value;
};

struct nx_rest_config {
	const char *url; // scheme, host, port and base path, which goes before every target
	const struct nx_rest_field *fields; // in every request
	size_t field_count;
	size_t body_limit;              // largest response body in bytes, 0: 48 KiB
	size_t head_limit;              // largest response head in bytes, 0: 8 KiB
	struct nx_stream_config stream; // in_bytes is at least what the limits above need
};

// Borrowed from the client until its next call.
struct nx_response {
	unsigned int status;
	struct nx_http_slice body;         // in one piece, chunks put together
	struct nx_http_slice head;         // as it came
	const struct nx_http_head *fields; // read over `head`
};

enum nx_rest_body {
	NX_REST_BODY_MORE,
	NX_REST_BODY_END,
	NX_REST_BODY_FAILED // the body cannot be had: the connection is given up
};

// Writes the next piece of a body, at most room bytes, to space, and its length to *length, which
// is 0 only with NX_REST_BODY_END or _FAILED.
typedef enum nx_rest_body (*nx_rest_give)(
	void *context, uint8_t *space, size_t room, size_t *length);

// Takes the next piece of a body; response has status, head and fields. All are borrowed for the
// call. False: the connection is given up.
typedef bool (*nx_rest_take)(
	void *context, const struct nx_response *response, struct nx_http_slice piece);

enum {
	NX_REST_IN_CHUNKS = -1
};

struct nx_rest {
	struct nx_stream stream;
	// Private from here.
	struct nx_http_client http;
	struct nx_http_writer writer;
	struct nx_http_prepared prepared;
	struct nx_write_buffer prepared_lines;
	struct nx_url url;
	char *url_text;
	const struct nx_allocator *allocator;
	struct nx_http_limits limits;
	enum nx_http_verdict fault;
	size_t parsed;  // bytes of the input that belong to the response being read
	size_t head_at; // of them, where its head is; interim responses lie before
	size_t body_at;
	size_t body_length;
	nx_rest_give give; // makes the rest of the request's body; NULL: there is none
	void *give_context;
	uint64_t give_left; // bytes of it that are still to come
	uint8_t phase;
	bool ended;
	bool has_head;
	bool heard; // the input is full while the request is being sent
	struct nx_http_field fields[NX_REST_FIELDS];
};

// Makes a client, connects nothing. NX_CLIENT_URL_INVALID, NX_CLIENT_TLS_CONTEXT_MISSING,
// NX_CLIENT_REQUEST_INVALID (a field), NX_CLIENT_NO_MEMORY. The config's texts are copied. The
// client must not move.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_init(
	struct nx_rest *rest, const struct nx_rest_config *config);

// Closes, and gives all memory back.
NX_API void nx_rest_fini(struct nx_rest *rest);

// Connects, unless it is connected and may take a request; anew after a fault, and after a response
// that was the connection's last. NX_CLIENT_AGAIN: call again.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_connect(struct nx_rest *rest);

// The same over a connected socket of the caller's, or in carried drive over none (-1).
NX_API NX_CHECKED enum nx_client_verdict nx_rest_adopt(struct nx_rest *rest, int fd);

// A request: begin, queries, fields, then one of nx_rest_send or body_open with body_close. The
// first fault is kept, and told by the last. Names and values are checked, queries are
// percent-encoded; target is a path, encoded, perhaps with a query.
NX_API void nx_rest_begin_slice(
	struct nx_rest *rest, struct nx_http_slice method, struct nx_http_slice target);
NX_API void nx_rest_query_slice(
	struct nx_rest *rest, struct nx_http_slice name, struct nx_http_slice value);
NX_API void nx_rest_field_slice(
	struct nx_rest *rest, struct nx_http_slice name, struct nx_http_slice value);

// The same for strings, whose lengths a compiler knows where they are literals.
static inline void nx_rest_begin(struct nx_rest *rest, const char *method, const char *target)
{
	nx_rest_begin_slice(rest, nx_http_text(method), nx_http_text(target));
}

static inline void nx_rest_query(struct nx_rest *rest, const char *name, const char *value)
{
	nx_rest_query_slice(rest, nx_http_text(name), nx_http_text(value));
}

static inline void nx_rest_field(struct nx_rest *rest, const char *name, const char *value)
{
	nx_rest_field_slice(rest, nx_http_text(name), nx_http_text(value));
}

// Ends the request, with a body if there is one (else NULL, 0), and sends. NX_CLIENT_DONE: it is
// out, or the server has answered before it had all and wants no more: an error, a redirection, its
// last response; nx_rest_receive gives that one, and the connection ends with it. NX_CLIENT_AGAIN:
// part of it is; nx_rest_receive sends the rest.
// NX_CLIENT_REQUEST_INVALID: nothing was sent, the connection is as it was.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_send(
	struct nx_rest *rest, const void *body, size_t length);

// Ends the request with a body that is written in place: *room bytes at *space, of which `length`
// are the body; Content-Length is filled in.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_body_open(
	struct nx_rest *rest, uint8_t **space, size_t *room);
NX_API NX_CHECKED enum nx_client_verdict nx_rest_body_close(struct nx_rest *rest, size_t length);

// Ends the request with a body of length bytes that `give` makes piece by piece while it is sent,
// NX_REST_IN_CHUNKS where nobody knows how many. The time of the request begins anew with each
// piece. NX_CLIENT_AGAIN: nx_rest_receive goes on with it. NX_CLIENT_BODY_FAILED: `give` failed, or
// gave another length than it was to. A server that answers before it has all and wants no more
// ends the body there, as with nx_rest_send; other early answers are read afterwards.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_send_from(
	struct nx_rest *rest, int64_t length, nx_rest_give give, void *context);

// The response to the request sent last, once it is whole. NX_CLIENT_STALE: the server had closed
// the connection before; whether the request may be sent again is the caller's to judge.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_receive(
	struct nx_rest *rest, struct nx_response *response);

// The same with the body given to `take` as it comes: it has no limit, and *response none of it.
// The time of the request begins anew with each piece. NX_CLIENT_BODY_FAILED: `take` wanted no
// more.
NX_API NX_CHECKED enum nx_client_verdict nx_rest_receive_to(
	struct nx_rest *rest, struct nx_response *response, nx_rest_take take, void *context);

// May the next request be sent without nx_rest_connect? Looks at the socket, never waits.
NX_API bool nx_rest_is_alive(struct nx_rest *rest);

// What is wrong with a request or a response, after NX_CLIENT_REQUEST_INVALID or _RESPONSE_INVALID.
NX_API enum nx_http_verdict nx_rest_fault(const struct nx_rest *rest);

// The value of a response's first field of that name; NULL data without one.
NX_API struct nx_http_slice nx_response_field(const struct nx_response *response, const char *name);

// A response that outlives the client's next call: one piece of memory.
struct nx_response_owned {
	struct nx_response response;
	const struct nx_allocator *allocator;
	struct nx_http_head head;
	size_t bytes;
};

// NULL without memory. allocator NULL: malloc.
NX_API struct nx_response_owned *nx_response_own(
	const struct nx_response *response, const struct nx_allocator *allocator);
NX_API void nx_response_free(struct nx_response_owned *owned); // NULL is allowed

NX_END
