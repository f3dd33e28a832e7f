// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One worker's ipsec-mb manager: which routines this CPU runs, and the scratch memory of the call
// that is under way. Not shared between threads.

#include "core/base.h"

struct crypto_manager;

// Picks the best routines for this CPU and tests them. -ENOMEM or mlock's error (crypto/secret.h),
// -ENOTSUP when the CPU lacks AES or carry-less multiplication, -EIO when the self test fails.
// Control thread, before the worker starts.
[[nodiscard]] int crypto_manager_create(struct crypto_manager **out);
void crypto_manager_destroy(struct crypto_manager *manager);

// Which instruction set it runs on, for operators: "avx512".
const char *crypto_manager_isa(const struct crypto_manager *manager);
