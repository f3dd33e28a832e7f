// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of a server's session share.

#include "reality/flight.h"
#include "reality/server.h"

enum {
	// A browser's has two thousand. Cut into records of a byte each it is held as six times so
	// many.
	HELLO_BYTES_MAX = 16384,
};

enum session_state {
	SESSION_HELLO = 0, // of the client
	SESSION_ANSWER,    // the target's ServerHello
	SESSION_FINISHED,  // of the client
	SESSION_LEAVE,     // the target's answer to the client's, which has given up
	SESSION_DONE,
};

struct reality_server {
	const struct reality_server_config *config;
	enum session_state state;
	enum reality_result result;
	int64_t now_ms;
	bool told_end;
	bool failed; // memory or libcrypto

	// The client's stream: bytes from `judged` on that are not judged.
	struct writer in;
	uint64_t judged;
	size_t taken;                   // of `in`, judged while a call lasts
	uint64_t forward, told_forward; // what the target gets
	unsigned int specs;             // change_cipher_specs among what is judged
	size_t framed;                  // of `in`, as records of the hello
	struct writer hello;            // the message
	struct reality_admission admission;
	struct reality_print print;
	bool claimed;

	// The target's stream.
	struct writer target_in; // a record or a header that is not whole
	uint64_t target_done;
	struct writer record; // ours for the target's current one
	size_t released;      // of it
	struct writer to_client;
	// Behind those, and answering to nothing: records that go out one by one, as a target sends
	// its own.
	struct writer imitated;
	size_t imitated_sent;

	struct tls13_config tls;
	struct tls13_events events;
	struct tls13_mirror mirror;
	struct tls13_identity *identity;
	struct tls13 *engine;
	struct writer answer; // our ServerHello
	struct flight flight;
	struct tls13_secret client_application, server_application;
	struct record_key open, seal_handshake, seal_application;
};

// session.c: ends in a splice.
void session_splice(struct reality_server *s, enum reality_result result);

// session_target.c: bytes of the target, from its ServerHello on.
void session_take_target(struct reality_server *s, struct cursor bytes);
// The rest of a record of which the target sent a part, and what it would send behind the client's
// Finished. False without memory; nothing is to go out then.
[[nodiscard]] bool session_imitate(struct reality_server *s);

// session_client.c: what is held of the client, and what comes when it has given up.
void session_take_hello(struct reality_server *s);
void session_take_finished(struct reality_server *s);
void session_pass_client(struct reality_server *s, size_t length);

// session_answer.c: our own flight, in the likeness of the target's ServerHello, which is the whole
// message. False when it cannot be one.
[[nodiscard]] bool session_answer(struct reality_server *s, const uint8_t *hello, size_t length);
