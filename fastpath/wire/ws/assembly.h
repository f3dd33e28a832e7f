// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where a reader puts messages together: memory of the caller's, of fixed size, or memory that
// doubles up to the message limit and is kept for the next message.

#include "nexwire/ws.h"

void nx_assembly_init(struct nx_ws_reader *reader, const struct nx_ws_reader_config *config);
void nx_assembly_fini(struct nx_ws_reader *reader);

// Makes room for n more bytes, which keep within the message limit. NX_WS_MESSAGE, NX_WS_NO_MEMORY,
// or NX_WS_MESSAGE_TOO_LARGE when the caller's memory is smaller than the limit.
enum nx_ws_verdict nx_assembly_reserve(struct nx_ws_reader *reader, size_t n);
