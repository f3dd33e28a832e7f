// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// SHA-1 (RFC 3174) for Sec-WebSocket-Accept, where it is no more than a fingerprint of 60 public
// bytes. For that, a page of code costs users of the library less than a link to libcrypto.

#include <stddef.h>
#include <stdint.h>

enum {
	SHA1_BYTES = 20,
	SHA1_MESSAGE_MAX = 119 // two blocks: all that the handshake needs
};

// length <= SHA1_MESSAGE_MAX.
void nx_sha1(const void *message, size_t length, uint8_t digest[SHA1_BYTES]);
