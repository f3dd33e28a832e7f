// SPDX-License-Identifier: BSD-3-Clause
// A server that says anything to our client, inside an honest handshake.
#include "dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dialogue(true, data, size);
	return 0;
}
