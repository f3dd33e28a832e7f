// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Why the gateway answered by itself, or an exchange ended early: enumerator, status, the name in
// the access log and in nexpath_http_answers_total{reason}, and the sentence that the client gets.

#define HTTP_REASONS(X)                                                                            \
	X(NONE, 0, "none", "")                                                                     \
	X(REDIRECT, 0, "redirect", "")                                                             \
	X(HEAD_INVALID, 400, "head_invalid", "the request is malformed")                           \
	X(PATH_AMBIGUOUS, 400, "path_ambiguous",                                                   \
		"the path has '.' or '..' segments, a backslash or a NUL")                         \
	X(NO_ROUTE, 404, "no_route", "no route for this host and path")                            \
	X(METHOD_REFUSED, 405, "method_refused", "this method is not served here")                 \
	X(HEAD_TIMEOUT, 408, "head_timeout", "the request took too long")                          \
	X(SOURCE_RATE, 429, "source_rate", "too many requests from this address")                  \
	X(TARGET_REFUSED, 502, "target_refused", "the server refused the connection")              \
	X(TARGET_CLOSED, 502, "target_closed", "the server ended the connection early")            \
	X(TARGET_INVALID, 502, "target_invalid", "the server's answer is malformed")               \
	X(NO_TARGET, 503, "no_target", "no server is available")                                   \
	X(NO_ROOM, 503, "no_room", "too many requests are under way")                              \
	X(NO_BUFFER, 503, "no_buffer", "memory is short")                                          \
	X(CONNECT_TIMEOUT, 504, "connect_timeout", "the server cannot be reached")                 \
	X(RESPONSE_TIMEOUT, 504, "response_timeout", "the server took too long")                   \
	X(CLIENT_CLOSED, 0, "client_closed", "")                                                   \
	X(BODY_INVALID, 0, "body_invalid", "")                                                     \
	X(IDLE, 0, "idle", "")

enum http_reason {
#define X(id, status, name, sentence) HTTP_REASON_##id,
	HTTP_REASONS(X)
#undef X
	HTTP_REASON_COUNT,
};

// Static strings; any value. Any thread.
const char *http_reason_name(enum http_reason reason);
const char *http_reason_sentence(enum http_reason reason);
// 0 where it is told from elsewhere, or nothing can be answered any more.
unsigned int http_reason_status(enum http_reason reason);
