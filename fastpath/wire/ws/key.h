// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sec-WebSocket-Key and what answers it (RFC 6455 4.1 and 4.2.2).

#include "nexwire/ws_handshake.h"

enum {
	KEY_BYTES = 16
};

// 16 bytes in base64; ends with a zero.
void nx_key_text(const uint8_t bytes[KEY_BYTES], char text[NX_WS_KEY + 1]);

// Whether a value is base64 of 16 bytes, padding and unused bits right (RFC 4648 3.5).
bool nx_key_is_valid(struct nx_http_slice value);
