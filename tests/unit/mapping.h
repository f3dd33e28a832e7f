// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Asserts that an address is in memory for secrets: locked, in no core file, in no child.
void assert_secret_memory(const void *at);
