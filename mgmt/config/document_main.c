// SPDX-License-Identifier: BSD-3-Clause
// Writes docs/configuration.md to standard output.
#include "config/schema.h"

int main(void)
{
	return schema_document(stdout) == 0 ? 0 : 1;
}
