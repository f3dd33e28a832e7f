// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/event.h"

// docs/events.md, whole, from the table of kinds. 0 or -EIO.
[[nodiscard]] int event_document(FILE *out);
