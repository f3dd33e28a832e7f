// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Numbers and fixed sizes of TLS 1.3 (RFC 8446 B), and reads of its vectors through the cursor.

#include "tls13/verdict.h"
#include "tls13/writer.h"

// Handshake types.
enum {
	HANDSHAKE_CLIENT_HELLO = 1,
	HANDSHAKE_SERVER_HELLO = 2,
	HANDSHAKE_NEW_SESSION_TICKET = 4,
	HANDSHAKE_ENCRYPTED_EXTENSIONS = 8,
	HANDSHAKE_CERTIFICATE = 11,
	HANDSHAKE_CERTIFICATE_REQUEST = 13,
	HANDSHAKE_CERTIFICATE_VERIFY = 15,
	HANDSHAKE_FINISHED = 20,
	HANDSHAKE_KEY_UPDATE = 24,
	HANDSHAKE_COMPRESSED_CERTIFICATE = 25, // RFC 8879
	HANDSHAKE_MESSAGE_HASH = 254,
};

// Extension types. Those below EXTENSION_* that the engine has no use for are written from a
// browser's table only.
enum {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_STATUS_REQUEST = 5,
	EXTENSION_SUPPORTED_GROUPS = 10,
	EXTENSION_POINT_FORMATS = 11,
	EXTENSION_SIGNATURE_ALGORITHMS = 13,
	EXTENSION_ALPN = 16,
	EXTENSION_SCT = 18,
	EXTENSION_EXTENDED_MASTER_SECRET = 23,
	EXTENSION_COMPRESS_CERTIFICATE = 27,
	EXTENSION_RECORD_SIZE_LIMIT = 28,
	EXTENSION_DELEGATED_CREDENTIALS = 34,
	EXTENSION_SESSION_TICKET = 35,
	EXTENSION_PRE_SHARED_KEY = 41,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_SUPPORTED_VERSIONS = 43,
	EXTENSION_COOKIE = 44,
	EXTENSION_PSK_MODES = 45,
	EXTENSION_CERTIFICATE_AUTHORITIES = 47,
	EXTENSION_SIGNATURE_ALGORITHMS_CERT = 50,
	EXTENSION_KEY_SHARE = 51,
	EXTENSION_TRANSPORT_PARAMETERS = 57, // RFC 9001
	EXTENSION_APPLICATION_SETTINGS = 17613,
	EXTENSION_TRUST_ANCHORS = 0xca34, // draft-ietf-tls-trust-anchor-ids
	EXTENSION_ECH = 0xfe0d,
	EXTENSION_RENEGOTIATION_INFO = 0xff01,
};

enum {
	VERSION_1_2 = 0x0303,
	VERSION_1_3 = 0x0304,
	RANDOM_BYTES = 32,
	SESSION_ID_BYTES_MAX = 32,
	MESSAGE_HEADER_BYTES = 4,
	SECRET_BYTES_MAX = 48,
	GREASE = 0x0a0a, // in a table: a drawn value of this kind (RFC 8701)
};

static inline bool is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

// A vector with a length field of 1, 2 or 3 bytes.
[[nodiscard]] static inline bool cursor_take_vector(
	struct cursor *c, uint32_t length_bytes, struct cursor *out)
{
	const uint8_t *field, *span;
	struct cursor at = *c;
	uint32_t length = 0;

	if (!cursor_take_span(&at, length_bytes, &field))
		return false;
	for (uint32_t i = 0; i < length_bytes; i++)
		length = length << 8 | field[i];
	if (!cursor_take_span(&at, length, &span))
		return false;
	*out = cursor_over(span, length);
	*c = at;
	return true;
}

// Whether the list of 16-bit numbers has this one; it has an even length.
static inline bool list_has_u16(struct cursor list, uint16_t wanted)
{
	uint16_t value;

	while (cursor_take_u16(&list, &value)) {
		if (value == wanted)
			return true;
	}
	return false;
}

static inline bool cursor_equals(const struct cursor *c, const void *bytes, size_t length)
{
	return cursor_left(c) == length && (length == 0 || memcmp(c->p, bytes, length) == 0);
}
