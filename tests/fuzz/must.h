// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a fuzz target promises of every input: else it ends, and the input is a finding.
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			__builtin_trap();                                                          \
	} while (0)
