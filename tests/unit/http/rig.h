// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A conversation between two made-up connections: what each peer sends is put in by the test, what
// it gets is kept as bytes.

#include "http/conversation.h"

enum {
	RIG_SESSIONS = 3, // of which 0 has the legs
	RIG_OUT = 1 << 20,
};

struct rig_leg {
	struct tls_queue in;
	bool ended;
	bool shut;
	uint32_t room;
	uint32_t got; // bytes
	uint8_t out[RIG_OUT + 1];
};

struct rig {
	struct http_gateway *gateway;
	struct snapshot_http *http;
	struct rig_leg legs[2];
	usec_t now;
	enum http_outcome outcome;
	enum http_reason refuses; // what connect answers
	bool holds;               // connect waits for rig_connected
	bool closes;              // the listener
	bool is_framed;           // the client, from rig_begin on
	bool is_speechless;       // heads cannot be said to it
	bool is_last;             // the last head was all of the answer
	char trailer[8192];       // what the framed client got of one
	bool is_stale;            // the target's connection is not to have another request
	bool parks;               // idle connections of the target are taken
	bool is_old;              // those there are
	uint32_t parked;
	uint32_t unparked;
	uint32_t connects;
	uint32_t disconnects;
	uint32_t evicted; // the session, once one was
	uint16_t upstream;
	uint32_t logged;
	struct http_record record; // the last
	uint32_t piece;            // bytes of a buffer that a peer sends, 0: as many as fit
};

// Two routes: /api (upstream 1, stripped), / (upstream 0); /old redirects to https://new.example.
void rig_init(struct rig *rig);
void rig_fini(struct rig *rig);
// Ends what there is of a conversation, and begins another.
void rig_begin(struct rig *rig);
void rig_run(struct rig *rig);
// A peer sends bytes, in buffers of rig->piece; the conversation runs after each.
void rig_send(struct rig *rig, unsigned int leg, const void *bytes, size_t length);
void rig_say(struct rig *rig, unsigned int leg, const char *text);
void rig_end(struct rig *rig, unsigned int leg);
void rig_connected(struct rig *rig);
// Takes what a peer got so far: a text, until the next call.
const char *rig_take(struct rig *rig, unsigned int leg);
