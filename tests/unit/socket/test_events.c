// SPDX-License-Identifier: BSD-3-Clause

// The event store, the metrics text, and the pages of docs/ made from their tables.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/events/event_document.h"
#include "daemon/events/events.h"
#include "daemon/methods/methods.h"
#include "daemon/metrics/metrics.h"

static void the_last_ten_thousand_are_kept(void **state)
{
	struct event_store store;

	assert_int_equal(event_store_init(&store), 0);
	assert_int_equal(event_store_first(&store), 1);
	assert_null(event_store_at(&store, 1));
	for (uint64_t i = 1; i <= EVENTS_KEPT + 5; i++)
		assert_int_equal(
			event_store_add(&store, i <= 10 ? EVENT_KIND_PORT_GONE : EVENT_KIND_STARTED,
				1.0, "x"),
			i);
	assert_int_equal(event_store_first(&store), 6);
	assert_null(event_store_at(&store, 5));
	assert_null(event_store_at(&store, EVENTS_KEPT + 6));
	assert_int_equal(event_store_at(&store, 6)->seq, 6);
	assert_int_equal(event_store_at(&store, EVENTS_KEPT + 5)->seq, EVENTS_KEPT + 5);
	assert_int_equal(store.errors, 5);
	assert_int_equal(store.counts[EVENT_KIND_PORT_GONE], 10);
	event_store_fini(&store);
}

// Cut inside a character, the message must still make JSON.
static void long_messages_are_cut(void **state)
{
	struct event_store store;
	char message[EVENT_MESSAGE_BYTES + 8];

	memset(message, 'a', sizeof(message));
	memcpy(message + EVENT_MESSAGE_BYTES - 2, "\xc3\xa4", 3);
	assert_int_equal(event_store_init(&store), 0);
	event_store_add(&store, EVENT_KIND_STARTED, 1.5, message);

	json_t *event = event_json(event_store_at(&store, 1));

	assert_non_null(event);
	assert_string_equal(json_string_value(json_object_get(event, "kind")), "started");
	assert_string_equal(json_string_value(json_object_get(event, "severity")), "info");
	json_decref(event);
	event_store_fini(&store);
}

static void severities_have_names(void **state)
{
	enum event_severity severity = EVENT_WARNING;

	assert_true(event_severity_parse("error", &severity));
	assert_int_equal(severity, EVENT_ERROR);
	assert_false(event_severity_parse("loud", &severity));
	assert_int_equal(severity, EVENT_ERROR);
}

static void collect_hostile(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, 1, "a\"b\\c\nd");
	metrics_series(out, 0.25, "");
	metrics_series(out, 9007199254740991.0, "big");
}

static void collect_many(struct metrics_output *out, const struct daemon *daemon)
{
	for (int i = 0; i < METRICS_SERIES_MAX + 7; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		metrics_series(out, 2, name);
	}
}

static const struct daemon no_node;

static char *text_take(struct evbuffer *buffer)
{
	size_t n = evbuffer_get_length(buffer);
	char *text = calloc(1, n + 1);

	evbuffer_remove(buffer, text, n);
	evbuffer_free(buffer);
	return text;
}

static char *render(const struct metrics_family *families, size_t count)
{
	struct evbuffer *buffer = evbuffer_new();

	assert_int_equal(metrics_render(families, count, &no_node, buffer), 0);
	return text_take(buffer);
}

static void labels_are_escaped(void **state)
{
	static const struct metrics_family FAMILY = {
		"f_total", METRICS_COUNTER, {"l", NULL}, "help", collect_hostile};
	char *text = render(&FAMILY, 1);

	assert_string_equal(text, "# HELP f_total help\n# TYPE f_total counter\n"
				  "f_total{l=\"a\\\"b\\\\c\\nd\"} 1\nf_total{l=\"\"} 0.25\n"
				  "f_total{l=\"big\"} 9007199254740991\n");
	free(text);
}

static void collect_twice(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, 1, "a");
	metrics_series(out, 1, "b");
	metrics_series(out, 1, "a");
}

// A page with one series twice is refused as a whole by those who read it.
static void equal_labels_are_one_series(void **state)
{
	static const struct metrics_family FAMILIES[] = {
		{"sum", METRICS_GAUGE, {"l", NULL}, "help", collect_twice},
		{"up", METRICS_STATE, {"l", NULL}, "help", collect_twice}};
	char *text = render(FAMILIES, 2);

	assert_string_equal(text,
		"# HELP sum help\n# TYPE sum gauge\nsum{l=\"a\"} 2\nsum{l=\"b\"} 1\n"
		"# HELP up help\n# TYPE up gauge\nup{l=\"a\"} 1\nup{l=\"b\"} 1\n");
	free(text);
}

static void series_are_bounded(void **state)
{
	static const struct metrics_family FAMILY = {
		"f", METRICS_GAUGE, {"l", NULL}, "help", collect_many};
	char *text = render(&FAMILY, 1);
	size_t lines = 0;

	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 2 + METRICS_SERIES_MAX + 1);
	assert_non_null(strstr(text, "f{l=\"n999\"} 2\nf{l=\"other\"} 14\n"));
	free(text);
}

// Every family renders without a data plane too, has a help, and a name of its own; counters end in
// _total.
static void the_table_is_sound(void **state)
{
	struct evbuffer *buffer = evbuffer_new();
	const struct metrics_family *f;
	char *text;

	assert_int_equal(metrics_render_all(&no_node, buffer), 0);
	text = text_take(buffer);
	for (size_t i = 0; (f = metrics_family_at(i)) != NULL; i++) {
		size_t n = strlen(f->name);
		bool total = n > 6 && strcmp(f->name + n - 6, "_total") == 0;

		assert_true(total == (f->type == METRICS_COUNTER));
		assert_true(f->help[0] != '\0');
		assert_int_equal(strncmp(f->name, "nexpath_", 8), 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(f->name, metrics_family_at(j)->name);
	}
	assert_non_null(strstr(text, "nexpath_build_info{version=\"" NEXPATH_VERSION "\"} 1\n"));
	free(text);
}

static char *file_text(const char *name)
{
	char path[512];
	char *text = calloc(1, 1 << 20);

	snprintf(path, sizeof(path), "%s/%s", getenv("NEXPATH_DOCS"), name);

	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void page_is_current(const char *name, int (*document)(FILE *out))
{
	char *written = file_text(name);
	char *made = NULL;
	size_t size;
	FILE *out = open_memstream(&made, &size);

	assert_int_equal(document(out), 0);
	fclose(out);
	assert_string_equal(written, made);
	free(written);
	free(made);
}

static void documents_are_current(void **state)
{
	page_is_current("events.md", event_document);
	page_is_current("metrics.md", metrics_document);
}

static void every_method_is_documented(void **state)
{
	char *page = file_text("management.md");

	for (size_t i = 0; i < METHOD_COUNT; i++) {
		char heading[64];

		snprintf(heading, sizeof(heading), "### %s (%c)", METHODS[i].name,
			METHODS[i].right == RPC_RIGHT_CHANGE ? 'c' : 'r');
		assert_non_null(strstr(page, heading));
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ten_thousand_are_kept),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(severities_have_names),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(equal_labels_are_one_series),
		cmocka_unit_test(series_are_bounded),
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(documents_are_current),
		cmocka_unit_test(every_method_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
