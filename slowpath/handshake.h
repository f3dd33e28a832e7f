// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a thread of the slow path drives: one handshake of some kind, sans-IO. Bytes of its streams
// go in, messages for the worker come out (slowpath/msg.h). One thread at a time; none of these
// functions waits.

#include "slowpath/msg.h"

enum {
	HANDSHAKE_OUTCOMES = 16
};

enum handshake_step {
	HANDSHAKE_WAITS = 0, // for more input
	HANDSHAKE_ACTS,      // there is a message, and perhaps another one
	// There is the last message:
	HANDSHAKE_DONE,    // with keys
	HANDSHAKE_FAILED,  // there are none, which is the peer's doing
	HANDSHAKE_SPLICED, // there are none, and the streams go on without us
	HANDSHAKE_OVER,    // there were none to be had: it was no session's
};

// profile: what handshakes of one listener or upstream share, as given to slowpath_profile_add.
// handshake: what create made. Both are the kind's own types.
struct handshake_kind {
	// profile outlives the handshake, open does not. -ENOMEM; *out untouched then.
	int (*create)(void *profile, const struct slow_open *open, void **out);
	// Wipes and frees.
	void (*destroy)(void *handshake);
	// Of one that speaks first and wants to know the time, after create; else NULL.
	void (*begin)(void *handshake, int64_t now_ms);
	// The next bytes of a stream, at most SLOW_STREAM_BYTES at once. now_ms: Unix time. Nothing
	// is left of what the last message borrowed.
	void (*input)(void *handshake, enum slow_stream stream, const uint8_t *bytes, size_t length,
		int64_t now_ms);
	// Nothing follows on the stream.
	void (*end)(void *handshake, enum slow_stream stream);
	// The peer has said nothing for a while, all that it said before is given. NULL: of no
	// concern.
	void (*silence)(void *handshake);
	// Fills the next message, of which session and stream (the one it was opened for) are set
	// and the rest is zero. To be asked after create, input and end until it says
	// that it waits or gives the last one.
	enum handshake_step (*next)(void *handshake, struct slow_message *out);
	// What became of it, below HANDSHAKE_OUTCOMES, as its kind names it; counted after the last
	// message. NULL: the kind has no names for it.
	uint8_t (*outcome)(const void *handshake);
	// length bytes that a server sent a client of this profile to be resumed with. NULL: nobody
	// resumes.
	void (*ticket)(
		void *profile, const struct slow_ticket *ticket, size_t length, int64_t now_ms);
	void (*profile_destroy)(void *profile);
};
