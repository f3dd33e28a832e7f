// SPDX-License-Identifier: BSD-3-Clause
#include "config/text/fault.h"

#include <stdarg.h>

void faults_init(struct config_faults *faults)
{
	faults->count = 0;
	faults->errors = 0;
	faults->dropped = 0;
	faults->newest = NULL;
}

static void text_fit(char *out, size_t size, const char *text, size_t length)
{
	if (length >= size)
		length = size - 1;
	// A fault is one line whatever a hostile text holds.
	for (size_t i = 0; i < length; i++)
		out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	out[length] = '\0';
}

// Where the new fault goes: the end, or over the last warning when an error finds the list full.
static struct config_fault *fault_place(struct config_faults *faults, bool warning)
{
	if (faults->count < FAULTS_MAX)
		return &faults->items[faults->count++];
	faults->dropped++;
	if (warning)
		return NULL;
	for (uint32_t i = FAULTS_MAX; i-- > 0;)
		if (faults->items[i].warning)
			return &faults->items[i];
	return NULL;
}

static void fault_put(struct config_faults *faults, bool warning, const struct text_place *place,
	const char *path, const char *line)
{
	struct config_fault *fault = fault_place(faults, warning);

	faults->newest = fault;
	if (!warning)
		faults->errors++;
	if (!fault)
		return;

	const char *split = strstr(line, HINT);
	size_t what = split ? (size_t)(split - line) : strlen(line);
	const char *hint = split ? split + strlen(HINT) : "";
	const char *file = place->file ? place->file : "";

	fault->warning = warning;
	fault->kind = FAULT_PLAIN;
	fault->line = place->line;
	text_fit(fault->file, sizeof(fault->file), file, strlen(file));
	text_fit(fault->path, sizeof(fault->path), path, strlen(path));
	text_fit(fault->what, sizeof(fault->what), line, what);
	text_fit(fault->hint, sizeof(fault->hint), hint, strlen(hint));
}

// Whether a fault would find a place: a text with thousands of them is not to cost their
// formatting.
static bool has_place(const struct config_faults *faults, bool warning)
{
	if (faults->count < FAULTS_MAX)
		return true;
	for (uint32_t i = 0; !warning && i < FAULTS_MAX; i++)
		if (faults->items[i].warning)
			return true;
	return false;
}

static void fault_count(struct config_faults *faults, bool warning)
{
	faults->newest = NULL;
	faults->dropped++;
	faults->errors += !warning;
}

void fault_add(struct config_faults *faults, const struct text_place *place, const char *path,
	const char *format, ...)
{
	char line[2 * FAULT_TEXT_BYTES];
	va_list arguments;

	if (!has_place(faults, false)) {
		fault_count(faults, false);
		return;
	}
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fault_put(faults, false, place, path, line);
}

void fault_warn(struct config_faults *faults, const struct text_place *place, const char *path,
	const char *format, ...)
{
	char line[2 * FAULT_TEXT_BYTES];
	va_list arguments;

	if (!has_place(faults, true)) {
		fault_count(faults, true);
		return;
	}
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fault_put(faults, true, place, path, line);
}

void fault_mark(struct config_faults *faults, enum fault_kind kind)
{
	if (faults->newest)
		faults->newest->kind = kind;
}

int fault_print(const struct config_fault *fault, const char *unnamed, char *out, size_t size)
{
	const char *file = fault->file[0] ? fault->file : unnamed;

	return snprintf(out, size, "%s:%u: %s%s%s%s%s%s", file, fault->line, fault->path,
		fault->path[0] ? ": " : "", fault->warning ? "warning: " : "", fault->what,
		fault->hint[0] ? "; " : "", fault->hint);
}
