// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What both sides look for in the other's head.

#include "nexwire/ws_handshake.h"

// The one field of that name; *count says how many there are. NULL data: none.
struct nx_http_slice nx_field_value(const struct nx_http_head *head, const uint8_t *bytes,
	const char *name, unsigned int *count);

// "Upgrade: websocket" and "Connection: upgrade" (RFC 6455 4.1, 4.2.1).
enum nx_ws_handshake_verdict nx_judge_upgrade(
	const struct nx_http_head *head, const uint8_t *bytes);

// Reads a head on: DONE when it is whole, with *http for what is wrong with it.
enum nx_ws_handshake_verdict nx_read_head(
	struct nx_http_head *head, const struct nx_read_buffer *buffer, enum nx_http_verdict *http);
