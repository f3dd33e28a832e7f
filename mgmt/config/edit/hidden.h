// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Private values on their way out and back: shown as "hidden:<8 hex>", and a text that comes back
// with these keeps the stored value. Which keys are private says the schema (SCHEMA_PRIVATE). Pure;
// the caller frees *out (NUL-terminated), which is untouched unless 0 is returned.

#include "config/text/text.h"

// Says whether the value at a schema path ("credentials[].key") is private; hidden_by_schema is the
// one to pass outside of tests.
typedef bool hidden_is_private_fn(const char *path);
bool hidden_by_schema(const char *path);

// 0, -EINVAL when text does not read, -ENOMEM.
[[nodiscard]] int hidden_show(const char *text, hidden_is_private_fn *is_private, char **out);

// Puts the stored values back. A hidden:<8 hex> that the stored text does not know is an error in
// faults (-EINVAL).
[[nodiscard]] int hidden_resolve(const char *text, const char *stored,
	hidden_is_private_fn *is_private, struct config_faults *faults, char **out);
