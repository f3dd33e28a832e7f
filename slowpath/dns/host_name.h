// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <stdbool.h>

// Whether text is a name that a target can have: a host name, neither an address nor this machine.
bool host_name_is_valid(const char *text);
