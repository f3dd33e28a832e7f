// SPDX-License-Identifier: BSD-3-Clause
// What is made from the schema table, to standard output: docs/configuration.md,
// docs/man/nexpath.conf.5
// (`man`), a header for the command line's completion (`settings`).
#include "config/schema.h"

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "man") == 0)
		return schema_manual(stdout) == 0 ? 0 : 1;
	if (strcmp(what, "settings") == 0)
		return schema_listener_settings(stdout) == 0 ? 0 : 1;
	return schema_document(stdout) == 0 ? 0 : 1;
}
