// SPDX-License-Identifier: BSD-3-Clause
#include <signal.h>

#include "cli/live/live.h"

static volatile sig_atomic_t seen;

static void on_signal(int number)
{
	seen = 1;
}

void interrupt_catch(void)
{
	// Without SA_RESTART, so that a wait on the socket ends.
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
	return seen != 0;
}
