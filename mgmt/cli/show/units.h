// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Numbers as people read them: SI prefixes, three significant digits, bit/s for rates. Each
// function writes at most UNITS_TEXT_MAX bytes with the NUL and returns out.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UNITS_TEXT_MAX = 40
};

const char *units_plain(double value, char out[UNITS_TEXT_MAX]);    // 1234567, 0.25
const char *units_count(double value, char out[UNITS_TEXT_MAX]);    // 999, 1.23 k, 45.6 M
const char *units_bytes(double value, char out[UNITS_TEXT_MAX]);    // 12 B, 1.50 MB
const char *units_bit_rate(double value, char out[UNITS_TEXT_MAX]); // 0, 9.41 Gbit/s
const char *units_rate(double value, char out[UNITS_TEXT_MAX]);     // 0, 1.20 M/s
const char *units_share(double value, char out[UNITS_TEXT_MAX]);    // 0.125 -> 12.5 %
const char *units_seconds(double value, char out[UNITS_TEXT_MAX]);  // 250 ms, 42 s, 3m 20s, 2d 4h
const char *units_time(double unix_seconds, char out[UNITS_TEXT_MAX]); // 2026-11-21 04:36:25, local

// A whole number in decimal digits, at most most. False and *out untouched if text is none.
[[nodiscard]] bool units_number_parse(const char *text, uint64_t most, uint64_t *out);
