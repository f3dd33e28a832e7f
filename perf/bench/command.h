// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The command line of nexpath-bench.

#include "bench/bench.h"

struct command {
	struct bench_options options;
	const char *measurement;
	bool ratio;
	int cpu;
};

// Exits with status 2 and a line, or 0 after --help.
struct command command_parse(int argc, char **argv);
_Noreturn void command_refuse(const char *what, const char *value);
