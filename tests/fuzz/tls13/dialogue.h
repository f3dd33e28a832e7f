// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A handshake of our two ends, without records: the peer's messages reach the one under test with
// bytes changed, left out and put in as the input says, under the right keys. Who was told anything
// but what the peer said completes no handshake.

#include "world.h"

// By the input's length the server asks for the client's certificate or for another key share, or
// resumes.
void dialogue(bool tests_client, const uint8_t *data, size_t size);
