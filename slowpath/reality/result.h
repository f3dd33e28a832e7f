// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a REALITY server says of a connection: counted by name, and told to nobody outside.

#include "core/base.h"

// Name, label, what it means.
#define REALITY_RESULTS(X)                                                                         \
	X(UNDECIDED, "undecided", "the handshake goes on")                                         \
	X(AUTHENTICATED, "authenticated", "the client has proved itself")                          \
	X(SNI, "sni", "the name asked for is none of the listed ones")                             \
	X(VERSION, "version", "no TLS 1.3 hello, or the client's version is out of its window")    \
	X(TIME, "time", "the client's clock is further off than allowed")                          \
	X(SHORT_ID, "short_id", "the short id is none of the listed ones")                         \
	X(KEY_SHARE, "key_share", "the key shares open no session id, or break the rule for them") \
	X(REPLAY, "replay", "this very hello was here before")                                     \
	X(TARGET_SHAPE, "target_shape", "the target's answer cannot be taken as a mould")          \
	X(BAD_FINISHED, "bad_finished", "the client did not finish what its hello began")

enum reality_result {
#define X(name, label, text) REALITY_##name,
	REALITY_RESULTS(X)
#undef X
	REALITY_RESULT_COUNT,
};

// As a counter's label, and as a sentence for events.
const char *reality_result_label(enum reality_result result);
const char *reality_result_text(enum reality_result result);
