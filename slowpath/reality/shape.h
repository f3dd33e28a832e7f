// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a target's records are like, learned by a probe, by the name asked for and the kind of
// hello: where its flight ends, and what it sends behind a client's Finished; and whether it can be
// a mould at all.

#include "reality/admit.h"

enum {
	REALITY_SHAPE_RECORDS_MAX = 16,
};

// Lengths are those of record headers: without the header's own 5 bytes. Zeroed: nothing is known.
struct reality_shape {
	// Sealed records that end with the target's Finished.
	uint16_t flight[REALITY_SHAPE_RECORDS_MAX];
	uint8_t flight_count;
	// Behind them: the first `early` without waiting for the client's Finished.
	uint16_t after[REALITY_SHAPE_RECORDS_MAX];
	uint8_t after_count;
	uint8_t early;
};

// Whether a server can take this target for its mould: a full handshake in one round, in records
// that hold our flight.
enum reality_fitness {
	REALITY_FIT = 0,
	REALITY_UNFIT_SILENT,     // no connection to it, or not a byte of it
	REALITY_UNFIT_INCOMPLETE, // no TLS 1.3 handshake came of it
	REALITY_UNFIT_RETRY,      // it wants a hello with another key share
	REALITY_UNFIT_SHORT,      // its certificate is shorter than what has to go in its place
	REALITY_UNFIT_RECORDS,    // more records than are kept, or what is none
	REALITY_UNFIT_LONG,       // its flight is longer than what is looked at
	REALITY_UNFIT_NAME,       // its certificate is not for the name asked for
};
const char *reality_fitness_text(enum reality_fitness fitness);

// The shapes of one target: a place for each of its names and each kind of hello, numbered from 0.
// Those of Chrome's hello are to be looked at, others once a client has come with such a hello, for
// some rounds of looks behind the last who did. Any threads share one.
struct reality_shapes;

// For the names of a credential, which is borrowed. -ENOMEM; *out untouched then.
[[nodiscard]] int reality_shapes_create(
	const struct reality_credential *credential, struct reality_shapes **out);
void reality_shapes_destroy(struct reality_shapes *s);
// Replaces what is known of a name, which may be none of the credential's: nothing happens then.
void reality_shapes_learn(struct reality_shapes *s, const char *name, uint8_t kind,
	const struct reality_shape *shape);
// What is known, for a client that has come; zeroed for nothing. Until its kind has been looked at
// it is what Chrome's hello with the same protocol is answered by.
void reality_shapes_find(
	struct reality_shapes *s, const char *name, uint8_t kind, struct reality_shape *out);
// The target did not look as learned: a probe is due.
void reality_shapes_doubt(struct reality_shapes *s, const char *name, uint8_t kind);

uint32_t reality_shapes_places(const struct reality_shapes *s);
// Of Chrome's hello: by these a target is judged.
bool reality_shapes_is_usual(const struct reality_shapes *s, uint32_t place);
// The name of a place below that, valid as long as the credential, and its kind of hello.
const char *reality_shapes_place(const struct reality_shapes *s, uint32_t place, uint8_t *kind);
// A probe of the place has come to its end. What is known stays where the target was not fit, and
// where what it sends behind a client's Finished is something else than before until that was found
// twice in a row: a lost segment is no news. No such place: nothing happens.
void reality_shapes_note(struct reality_shapes *s, uint32_t place, enum reality_fitness fitness,
	const struct reality_shape *shape);

// A round of looks begins, which answers all doubts and what is new so far. A regular one, which
// none of these asked for, counts for how long places are wanted.
void reality_shapes_round(struct reality_shapes *s, bool is_regular);

// Of one place.
struct reality_shape_status {
	uint64_t probes;              // that came to their end
	enum reality_fitness fitness; // by the last of them
	uint8_t after_count;          // of what is known
	bool is_known;
	bool is_wanted;      // it is to be looked at
	bool is_new;         // which it was not before, and no round has begun since
	bool is_doubted;     // since the last probe, and the last round's beginning
	bool is_unconfirmed; // the last probe found something new
};
void reality_shapes_status(
	struct reality_shapes *s, uint32_t place, struct reality_shape_status *out);
// Takes over what `from` knows of names that both have.
void reality_shapes_adopt(struct reality_shapes *s, struct reality_shapes *from);
