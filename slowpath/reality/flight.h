// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Our handshake messages laid over the records that a target sends: one record for one record, of
// the same length, whatever the target's hold.

#include "reality/shape.h"
#include "tls13/record.h"

enum {
	FLIGHT_MESSAGES_MAX = 4, // EncryptedExtensions, Certificate, CertificateVerify, Finished
	FLIGHT_LENGTH_MIN = RECORD_TAG_BYTES + 1,
};

struct flight {
	struct writer bytes; // the messages in a row
	size_t ends[FLIGHT_MESSAGES_MAX];
	uint8_t messages;
	size_t placed;
	struct reality_shape shape; // what is known of the target's
	uint32_t records;           // of the target, sealed, so far
	bool strange;               // they are not as learned
};

void flight_init(struct flight *f, const struct reality_shape *shape);
void flight_fini(struct flight *f);
// A message, in its turn. False when there is no memory or no place.
[[nodiscard]] bool flight_add(struct flight *f, const uint8_t *message, size_t length);
bool flight_is_placed(const struct flight *f);

// What the target's next sealed record holds of ours, by the length in its header, which is
// FLIGHT_LENGTH_MIN at least: *out is a piece of the messages, empty behind the last one. False
// when it must hold some and has no room. While the target's records are as learned, the last piece
// is in the record that ended the target's flight; else it is in the first that has room.
[[nodiscard]] bool flight_next(struct flight *f, uint16_t length, struct cursor *out);
