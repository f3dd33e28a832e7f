// SPDX-License-Identifier: BSD-3-Clause

// Prints the pages of docs/ that are made from tables: `nexpath-document events|metrics`.

#include "daemon/events/event_document.h"
#include "daemon/metrics/metrics.h"

int main(int argc, char **argv)
{
	const char *page = argc == 2 ? argv[1] : "";

	if (strcmp(page, "events") == 0)
		return event_document(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (strcmp(page, "metrics") == 0)
		return metrics_document(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	fputs("usage: nexpath-document events|metrics\n", stderr);
	return 2;
}
