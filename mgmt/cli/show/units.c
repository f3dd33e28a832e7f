// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *units_plain(double value, char out[UNITS_TEXT_MAX])
{
	bool whole = fabs(value) < 1e15 && value == floor(value);

	snprintf(out, UNITS_TEXT_MAX, whole ? "%.0f" : "%.6g", value);
	return out;
}

// value with three significant digits and a prefix, then unit. A value that rounds up to 1000 takes
// the next prefix.
static const char *prefixed(double value, const char *unit, char out[UNITS_TEXT_MAX])
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t p = 0;
	int digits;

	if (!(value > 0)) { // also what is no number
		value = 0;
	}
	while (value >= 999.5 && p + 1 < sizeof(prefixes) / sizeof(prefixes[0])) {
		value /= 1000;
		p++;
	}
	if (p == 0) {
		digits = value == floor(value) || value >= 99.95 ? 0 : 1;
	} else {
		digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	}
	snprintf(out, UNITS_TEXT_MAX, "%.*f%s%s%s", digits, value,
		prefixes[p][0] != '\0' || unit[0] != '\0' ? " " : "", prefixes[p], unit);
	return out;
}

const char *units_count(double value, char out[UNITS_TEXT_MAX])
{
	return prefixed(value, "", out);
}

const char *units_bytes(double value, char out[UNITS_TEXT_MAX])
{
	return prefixed(value, "B", out);
}

const char *units_bit_rate(double value, char out[UNITS_TEXT_MAX])
{
	return prefixed(value, "bit/s", out);
}

const char *units_rate(double value, char out[UNITS_TEXT_MAX])
{
	return prefixed(value, "/s", out);
}

const char *units_share(double value, char out[UNITS_TEXT_MAX])
{
	snprintf(out, UNITS_TEXT_MAX, value >= 0.9995 ? "%.0f %%" : "%.1f %%", value * 100);
	return out;
}

const char *units_seconds(double value, char out[UNITS_TEXT_MAX])
{
	unsigned long long s;

	if (!(value > 0)) {
		value = 0;
	}
	if (value > 0 && value < 0.0009995) {
		snprintf(out, UNITS_TEXT_MAX, "%.0f us", value * 1e6);
		return out;
	}
	if (value > 0 && value < 0.9995) {
		snprintf(out, UNITS_TEXT_MAX, "%.3g ms", value * 1e3);
		return out;
	}
	s = value < 1e15 ? (unsigned long long)(value + 0.5) : 1000000000000000ull;
	if (s < 60) {
		snprintf(out, UNITS_TEXT_MAX, "%llu s", s);
	} else if (s < 3600) {
		snprintf(out, UNITS_TEXT_MAX, "%llum %llus", s / 60, s % 60);
	} else if (s < 86400) {
		snprintf(out, UNITS_TEXT_MAX, "%lluh %llum", s / 3600, s % 3600 / 60);
	} else {
		snprintf(out, UNITS_TEXT_MAX, "%llud %lluh", s / 86400, s % 86400 / 3600);
	}
	return out;
}

const char *units_time(double unix_seconds, char out[UNITS_TEXT_MAX])
{
	// Years of four digits: what else a peer may claim does not fit the column.
	time_t t = unix_seconds > 0 && unix_seconds < 253402300799.0 ? (time_t)unix_seconds : 0;
	struct tm parts;

	localtime_r(&t, &parts);
	strftime(out, UNITS_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &parts);
	return out;
}

bool units_number_parse(const char *text, uint64_t most, uint64_t *out)
{
	uint64_t value = 0;

	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		uint64_t digit = (uint64_t)(unsigned char)*text - '0';

		if (digit > 9 || value > (most - digit) / 10 || digit > most) {
			return false;
		}
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}
