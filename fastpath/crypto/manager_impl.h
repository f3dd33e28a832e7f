// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The manager as aead.c and hkdf.c see it. Contexts and scratch hold key material between two
// lines of one call; they live in the manager's secret memory, so no call has a stack to wipe.

#include <intel-ipsec-mb.h>

#include "core/memory.h"
#include "crypto/manager.h"

enum {
	SCRATCH_BYTES = 512, // two HMAC blocks of SHA-384 and the longest label
};

struct crypto_manager {
	union {
		struct gcm_context_data gcm;
		struct chacha20_poly1305_context_data chacha;
	} context nx_aligned_line;
	uint8_t scratch[SCRATCH_BYTES] nx_aligned_line;
	uint8_t tag[16];
	IMB_MGR *imb;
	IMB_ARCH arch;
	struct memory memory;
};
