// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "stack.h"

// The stack whose descriptors a preloaded plug-in answers getsockopt for; NULL: none.
void kernel_answers_for(struct stack *stack);
