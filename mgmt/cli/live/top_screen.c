// SPDX-License-Identifier: BSD-3-Clause
#include "cli/live/top_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/show/columns.h"

enum {
	BAR = 16
}; // columns of a worker's load

struct sheet {
	struct top_screen *out;
	int width;
	int height;
};

[[gnu::format(printf, 3, 4)]] static void put_line(
	struct sheet *sheet, bool title, const char *format, ...)
{
	char text[TOP_WIDTH_MAX + 1];
	va_list arguments;
	int length;

	if (sheet->out->lines >= sheet->height) {
		return;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	length = (int)strlen(text);
	if (length > sheet->width) {
		length = sheet->width;
	}
	for (int i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		// One byte a column: what is not ASCII could be cut in the middle.
		sheet->out->text[sheet->out->lines][i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	sheet->out->text[sheet->out->lines][length] = '\0';
	sheet->out->title[sheet->out->lines] = title;
	sheet->out->lines++;
}

static double sum(const json_t *rows, const char *key)
{
	double total = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		total += json_number_value(json_object_get(row, key));
	}
	return total;
}

static void put_head(struct sheet *sheet, const json_t *now)
{
	const json_t *sessions = json_object_get(now, "sessions");
	const json_t *health = json_object_get(now, "health");
	const json_t *ports = json_object_get(now, "ports");
	const json_t *reason = json_array_get(json_object_get(health, "reasons"), 0);
	char cells[4][CELL_TEXT_MAX];
	char rates[4][UNITS_TEXT_MAX];

	put_line(sheet, false, "nexpath %.16s  revision %.12s %.12s  up %.12s  %s",
		member_print(now, "version", FORMAT_TEXT, cells[0]),
		member_print(now, "revision", FORMAT_TEXT, cells[1]),
		member_print(now, "state", FORMAT_TEXT, cells[2]),
		member_print(now, "uptime_s", FORMAT_SECONDS, cells[3]),
		json_is_string(reason)                        ? json_string_value(reason)
		: json_is_true(json_object_get(health, "ok")) ? "ok"
							      : "failing");
	put_line(sheet, false, "sessions %s (%s unanswered), %s new",
		member_print(sessions, "active", FORMAT_COUNT, cells[0]),
		member_print(sessions, "unanswered", FORMAT_COUNT, cells[1]),
		member_print(sessions, "per_s", FORMAT_RATE, cells[2]));
	put_line(sheet, false, "receive %s %s   transmit %s %s",
		units_bit_rate(sum(ports, "receive_bps"), rates[0]),
		units_rate(sum(ports, "receive_packets_per_s"), rates[1]),
		units_bit_rate(sum(ports, "transmit_bps"), rates[2]),
		units_rate(sum(ports, "transmit_packets_per_s"), rates[3]));
}

// Says how many rows of a section are left out, in the last line that it has.
static int rows_shown(int rows, int room)
{
	return rows <= room ? rows : room > 0 ? room - 1 : 0;
}

static void put_workers(struct sheet *sheet, const json_t *workers, int room)
{
	int rows = (int)json_array_size(workers);
	int shown = rows_shown(rows, room);

	put_line(sheet, true, "%-7s %4s %-9s %-16s %8s %11s %9s %9s", "WORKER", "CPU", "STATE",
		"LOAD", "", "PACKETS", "SESSIONS", "NAT PORTS");
	for (int i = 0; i < shown; i++) {
		const json_t *w = json_array_get(workers, (size_t)i);
		double load = json_number_value(json_object_get(w, "load"));
		int bar = load > 1 ? BAR : load > 0 ? (int)(load * BAR + 0.5) : 0;
		char cells[7][CELL_TEXT_MAX];

		put_line(sheet, false, "%-7.7s %4.4s %-9.9s %-16.*s %8.8s %11.11s %9.9s %9.9s",
			member_print(w, "worker", FORMAT_TEXT, cells[0]),
			member_print(w, "cpu", FORMAT_TEXT, cells[1]),
			member_print(w, "state", FORMAT_TEXT, cells[2]), bar, "||||||||||||||||",
			member_print(w, "load", FORMAT_SHARE, cells[3]),
			member_print(w, "packets_per_s", FORMAT_RATE, cells[4]),
			member_print(w, "sessions", FORMAT_COUNT, cells[5]),
			member_print(w, "nat_ports_in_use", FORMAT_COUNT, cells[6]));
	}
	if (shown < rows && room > 0) {
		put_line(sheet, false, "... and %d more", rows - shown);
	}
}

static void put_ports(struct sheet *sheet, const json_t *ports, int room)
{
	int rows = (int)json_array_size(ports);
	int shown = rows_shown(rows, room);

	put_line(sheet, true, "%-16s %-4s %13s %11s %13s %11s %6s", "PORT", "LINK", "RECEIVE",
		"PACKETS", "TRANSMIT", "PACKETS", "LOST");
	for (int i = 0; i < shown; i++) {
		const json_t *p = json_array_get(ports, (size_t)i);
		double lost = json_number_value(json_object_get(p, "missed")) +
			      json_number_value(json_object_get(p, "transmit_dropped"));
		char cells[6][CELL_TEXT_MAX];
		char lost_text[UNITS_TEXT_MAX];

		put_line(sheet, false, "%-16.16s %-4.4s %13.13s %11.11s %13.13s %11.11s %6.6s",
			member_print(p, "name", FORMAT_TEXT, cells[0]),
			member_print(p, "up", FORMAT_UP, cells[1]),
			member_print(p, "receive_bps", FORMAT_BIT_RATE, cells[2]),
			member_print(p, "receive_packets_per_s", FORMAT_RATE, cells[3]),
			member_print(p, "transmit_bps", FORMAT_BIT_RATE, cells[4]),
			member_print(p, "transmit_packets_per_s", FORMAT_RATE, cells[5]),
			units_count(lost, lost_text));
	}
	if (shown < rows && room > 0) {
		put_line(sheet, false, "... and %d more", rows - shown);
	}
}

static const json_t *row_named(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *other = json_string_value(json_object_get(row, "name"));

		if (name != NULL && other != NULL && strcmp(name, other) == 0) {
			return row;
		}
	}
	return NULL;
}

// Growth of a counter a second, -1 where it is not known (first screen, new listener, restart).
static double growth(const json_t *now, const json_t *before, const char *key, double elapsed)
{
	double grown = json_number_value(json_object_get(now, key)) -
		       json_number_value(json_object_get(before, key));

	return before == NULL || elapsed <= 0 || grown < 0 ? -1 : grown / elapsed;
}

static const char *growth_print(double value, bool bits, char out[UNITS_TEXT_MAX])
{
	if (value < 0) {
		return strcpy(out, "-");
	}
	return bits ? units_bit_rate(value * 8, out) : units_rate(value, out);
}

static void put_listeners(struct sheet *sheet, const json_t *listeners, const json_t *before,
	double elapsed, int first)
{
	int rows = (int)json_array_size(listeners);

	put_line(sheet, true, "%-20s %-8s %9s %9s %13s %13s", "LISTENER", "STATE", "SESSIONS",
		"NEW", "FROM CLIENT", "FROM TARGET");
	for (int i = first; i < rows && sheet->out->lines < sheet->height; i++) {
		const json_t *l = json_array_get(listeners, (size_t)i);
		const json_t *b = row_named(before, json_string_value(json_object_get(l, "name")));
		char cells[3][CELL_TEXT_MAX];
		char rates[3][UNITS_TEXT_MAX];

		put_line(sheet, false, "%-20.20s %-8.8s %9.9s %9.9s %13.13s %13.13s",
			member_print(l, "name", FORMAT_TEXT, cells[0]),
			member_print(l, "state", FORMAT_TEXT, cells[1]),
			member_print(l, "sessions", FORMAT_COUNT, cells[2]),
			growth_print(growth(l, b, "sessions_total", elapsed), false, rates[0]),
			growth_print(growth(l, b, "bytes_from_client", elapsed), true, rates[1]),
			growth_print(growth(l, b, "bytes_from_target", elapsed), true, rates[2]));
		sheet->out->hidden = rows - i - 1;
	}
}

static int int_min(int a, int b)
{
	return a < b ? a : b;
}

void top_screen_fill(struct top_screen *out, const json_t *now, const json_t *before,
	double elapsed, int first, int width, int height)
{
	struct sheet sheet = {
		.out = out,
		.width = int_min(width, TOP_WIDTH_MAX),
		.height = int_min(height, TOP_LINES_MAX),
	};
	const json_t *workers = json_object_get(now, "workers");
	const json_t *ports = json_object_get(now, "ports");
	// Three lines on top, three headings, three blank lines; workers and ports leave a third
	// each to the listeners.
	int room = sheet.height > 9 ? sheet.height - 9 : 0;
	int for_workers = int_min((int)json_array_size(workers), room / 3);
	int for_ports = int_min((int)json_array_size(ports), room / 3);

	out->lines = 0;
	out->hidden = 0;
	put_head(&sheet, now);
	put_line(&sheet, false, "%s", "");
	put_workers(&sheet, workers, for_workers);
	put_line(&sheet, false, "%s", "");
	put_ports(&sheet, ports, for_ports);
	put_line(&sheet, false, "%s", "");
	put_listeners(&sheet, json_object_get(now, "listeners"),
		json_object_get(before, "listeners"), elapsed, first);
}
