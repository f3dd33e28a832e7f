// SPDX-License-Identifier: BSD-3-Clause
// Apart from top.c, since term.h makes macros of everyday words.
#include "cli/live/live.h"

#include <curses.h>
#include <unistd.h>

#include <term.h>

bool terminal_is_known(void)
{
	int result;

	if (setupterm(NULL, STDOUT_FILENO, &result) != OK) {
		return false;
	}
	del_curterm(cur_term);
	return true;
}
