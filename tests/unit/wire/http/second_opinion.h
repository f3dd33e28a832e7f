// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One connection's bytes read by our codec and by llhttp, which stands behind Node.js. Whatever our
// server takes for a request, or our client for a response, llhttp must take for the same message:
// the same bytes for method, target, status, fields and trailers, the same body, the same end. Then
// none can hide between the two.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	OPINION_MESSAGES = 8,
	OPINION_BYTES = 4096, // of a connection, at most
};

// What our client asked for: one letter for each response that it waits for, at most
// OPINION_MESSAGES. Nothing follows 'C' and 'U', for nothing may be sent behind them.
//   G: GET    H: HEAD    C: CONNECT    U: GET with an upgrade to another protocol
//
// Reads `stream` both ways, ours in pieces of `step` bytes. `asked` is NULL for requests. Returns
// NULL when both agree, else what they differ in; *agreed is how many messages both took, whole or
// up to the end of the bytes.
const char *opinions_differ(
	const char *asked, const char *stream, size_t length, size_t step, size_t *agreed);

// Prints what each made of the bytes that were read last.
void opinions_show(FILE *out);
