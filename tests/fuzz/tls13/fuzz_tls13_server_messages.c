// SPDX-License-Identifier: BSD-3-Clause
// A client that says anything to our server, inside an honest handshake: its second hello, ticket,
// certificate and Finished, which no client without the keys gets to.
#include "dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dialogue(false, data, size);
	return 0;
}
