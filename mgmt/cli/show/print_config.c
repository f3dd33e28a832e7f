// SPDX-License-Identifier: BSD-3-Clause
// The printers of the configuration's verbs.
#include <string.h>

#include "cli/show/columns.h"
#include "cli/show/print.h"

// FILE:LINE: PATH: what; hint
static void print_fault(FILE *out, const char *file, const char *mark, const json_t *fault)
{
	const char *path = json_string_value(json_object_get(fault, "path"));
	const char *what = json_string_value(json_object_get(fault, "what"));
	const char *hint = json_string_value(json_object_get(fault, "hint"));

	fprintf(out, "%s:%lld: ", file != NULL ? file : "configuration",
		(long long)json_integer_value(json_object_get(fault, "line")));
	if (path != NULL && *path != '\0') {
		text_print(out, path);
		fputs(": ", out);
	}
	fputs(mark, out);
	text_print(out, what != NULL ? what : "refused");
	if (hint != NULL && *hint != '\0') {
		fputs("; ", out);
		text_print(out, hint);
	}
	putc('\n', out);
}

static void print_warnings(const struct invocation *v, const json_t *result)
{
	const json_t *warning;
	size_t i;

	fflush(stdout);
	json_array_foreach(json_object_get(result, "warnings"), i, warning)
	{
		print_fault(stderr, invocation_file(v), "warning: ", warning);
	}
}

enum exit_status print_config_check(const struct invocation *v, const json_t *result)
{
	const json_t *faults = json_object_get(result, "faults");
	const json_t *fault;
	size_t i;

	print_warnings(v, result);
	json_array_foreach(faults, i, fault)
	{
		print_fault(stdout, invocation_file(v), "", fault);
	}
	if (json_array_size(faults) > 0) {
		return EXIT_REFUSED;
	}
	printf("%s: no faults\n", invocation_file(v));
	return EXIT_DONE;
}

static const char *effect_text(const char *effect)
{
	static const char *const texts[][2] = {
		{"none", "no session notices"},
		{"new-sessions", "new sessions only"},
		{"live", "live sessions too, none ends"},
		{"drain", "live sessions drain, then end"},
		{"reset", "live sessions are reset now"},
		{"restart", "needs --restart: the daemon starts again"},
	};

	for (size_t i = 0; effect != NULL && i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(effect, texts[i][0]) == 0) {
			return texts[i][1];
		}
	}
	return effect != NULL ? effect : "-";
}

static void print_changes(const json_t *changes)
{
	static const struct column columns[] = {{"CHANGE", "kind", FORMAT_TEXT},
		{"PATH", "path", FORMAT_TEXT}, {"EFFECT", "effect", FORMAT_TEXT},
		{"SESSIONS", "sessions", FORMAT_COUNT}, {0}};
	const json_t *change;
	struct table table;
	size_t i;

	columns_init(&table, columns);
	json_array_foreach(changes, i, change)
	{
		char kind[CELL_TEXT_MAX];
		char path[CELL_TEXT_MAX];
		char sessions[CELL_TEXT_MAX];

		table_row(&table,
			(const char *[]){member_print(change, "kind", FORMAT_TEXT, kind),
				member_print(change, "path", FORMAT_TEXT, path),
				effect_text(json_string_value(json_object_get(change, "effect"))),
				member_print(change, "sessions", FORMAT_COUNT, sessions)});
	}
	table_print(&table, stdout, text_may_be_bold(stdout));
	table_fini(&table);
	json_array_foreach(changes, i, change)
	{
		const char *reason = json_string_value(json_object_get(change, "reason"));
		char path[CELL_TEXT_MAX];

		if (reason != NULL) {
			printf("%s: ", member_print(change, "path", FORMAT_TEXT, path));
			text_print(stdout, reason);
			putchar('\n');
		}
	}
}

enum exit_status print_config_plan(const struct invocation *v, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes");

	if (json_array_size(changes) == 0) {
		printf("no changes: revision %lld says the same\n",
			(long long)json_integer_value(json_object_get(result, "base")));
	} else {
		print_changes(changes);
	}
	print_warnings(v, result);
	return EXIT_DONE;
}

enum exit_status print_config_apply(const struct invocation *v, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes");
	long long revision = (long long)json_integer_value(json_object_get(result, "revision"));
	const json_t *confirm_by = json_object_get(result, "confirm_by");

	if (json_array_size(changes) > 0) {
		print_changes(changes);
	}
	print_warnings(v, result);
	if (json_is_true(json_object_get(result, "restart"))) {
		printf("revision %lld is stored; the daemon starts again with it\n", revision);
	} else if (json_array_size(changes) == 0) {
		printf("no changes: revision %lld runs\n", revision);
	} else {
		printf("revision %lld runs\n", revision);
	}
	if (json_is_true(json_object_get(result, "credentials_unread"))) {
		puts("files of credentials were not read; this does: nexpath credential reload");
	}
	if (json_is_number(confirm_by)) {
		char time[UNITS_TEXT_MAX];

		printf("without a confirmation the revision before returns at %s; keep this one with:\n"
		       "  nexpath config confirm %lld\n",
			units_time(json_number_value(confirm_by), time), revision);
	}
	return EXIT_DONE;
}

enum exit_status print_config_confirm(const struct invocation *v, const json_t *result)
{
	printf("revision %lld is confirmed\n",
		(long long)json_integer_value(json_object_get(result, "revision")));
	return EXIT_DONE;
}

enum exit_status print_config_history(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"REVISION", "revision", FORMAT_TEXT},
		{"TIME", "time", FORMAT_TIME},
		{"STATE", "state", FORMAT_TEXT},
		{"BY", "by", FORMAT_TEXT},
		{"COMMENT", "comment", FORMAT_TEXT},
		{0},
	};

	columns_print(columns, json_object_get(result, "revisions"), "no revisions");
	return EXIT_DONE;
}

enum exit_status print_config_show(const struct invocation *v, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));

	if (text != NULL) {
		text_print_lines(stdout, text);
	}
	return EXIT_DONE;
}
