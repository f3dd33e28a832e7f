// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The command line of nexpathd.

#include "core/base.h"

enum options_action {
	OPTIONS_RUN = 0,
	OPTIONS_CHECK,      // --check: text and this machine
	OPTIONS_CHECK_TEXT, // --check=text
	OPTIONS_DONE,       // --help or --version was printed: exit 0
	OPTIONS_WRONG,      // what is wrong was printed: exit 2
};

struct options {
	enum options_action action;
	const char *file; // configuration; need not exist unless file_given
	bool file_given;
	bool no_huge;
	const char *file_prefix; // names this daemon among several on one machine
	const char *state_dir;
};

// Strings point into argv or at static or heap memory that lives as long as the process.
void options_parse(int argc, char **argv, struct options *out);
