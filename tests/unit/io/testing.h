// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// cmocka wants these first, and in this order.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
