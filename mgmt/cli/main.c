// SPDX-License-Identifier: BSD-3-Clause
// nexpath: the command line of a node, on its management socket.
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "cli/help/help.h"
#include "cli/invocation.h"

int main(int argc, char **argv)
{
	struct invocation invocation;
	enum exit_status status;

	setlocale(LC_CTYPE, ""); // the screen of top; numbers keep their point
	// A reader that went away is a write error, so that a capture still says what it did.
	signal(SIGPIPE, SIG_IGN);
	status = invocation_parse(&invocation, argc, (const char *const *)argv);
	if (status == EXIT_DONE && invocation.version) {
		puts("nexpath " NEXPATH_VERSION);
	} else if (status == EXIT_DONE && invocation.help) {
		status = help_print(invocation.verb);
	} else if (status == EXIT_DONE) {
		status = invocation_run(&invocation);
	}
	invocation_fini(&invocation);
	return (int)status;
}
