// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/metrics/metrics.h"

#include <math.h>
#include <stdarg.h>

struct metrics_output {
	struct evbuffer *buffer;
	const struct metrics_family *family;
	uint32_t series;
	double other;
	bool failed;
};

static const char *const TYPES[] = {[METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge"};

static void put(struct metrics_output *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct metrics_output *out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (evbuffer_add_vprintf(out->buffer, format, arguments) < 0)
		out->failed = true;
	va_end(arguments);
}

static void label_put(struct metrics_output *out, bool first, const char *name, const char *value)
{
	put(out, "%s%s=\"", first ? "{" : ",", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			put(out, "\\n");
		else
			put(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
	put(out, "\"");
}

static void value_put(struct metrics_output *out, double value)
{
	// Whole numbers stay exact up to 2^53.
	if (value == floor(value) && fabs(value) < 9007199254740992.0)
		put(out, " %.0f\n", value);
	else
		put(out, " %.15g\n", value);
}

static void series_put(struct metrics_output *out, double value, const char *const *values)
{
	put(out, "%s", out->family->name);
	for (int i = 0; out->family->labels[i] != NULL; i++)
		label_put(out, i == 0, out->family->labels[i], values[i]);
	if (out->family->labels[0] != NULL)
		put(out, "}");
	value_put(out, value);
}

void metrics_series(struct metrics_output *out, double value, ...)
{
	const char *values[METRICS_LABELS_MAX];
	va_list arguments;

	if (++out->series > METRICS_SERIES_MAX) {
		out->other += value;
		return;
	}
	va_start(arguments, value);
	for (int i = 0; out->family->labels[i] != NULL; i++)
		values[i] = va_arg(arguments, const char *);
	va_end(arguments);
	series_put(out, value, values);
}

int metrics_render(const struct metrics_family *families, size_t count, const struct daemon *daemon,
	struct evbuffer *buffer)
{
	static const char *const OTHER[METRICS_LABELS_MAX] = {"other", "other", "other"};
	bool failed = false;

	for (size_t i = 0; i < count; i++) {
		struct metrics_output out = {.buffer = buffer, .family = &families[i]};

		put(&out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
			families[i].name, TYPES[families[i].type]);
		families[i].collect(&out, daemon);
		if (out.series > METRICS_SERIES_MAX)
			series_put(&out, out.other, OTHER);
		failed = failed || out.failed;
	}
	return failed ? -ENOMEM : 0;
}

int metrics_document(FILE *out)
{
	fputs("# Metrics\n\n"
	      "`nexpathd` serves these as Prometheus text at `http://ADDRESS/metrics`, where `management.metrics`\n"
	      "is the address; without the key nothing is served. `/healthz` answers 200 while the process runs,\n"
	      "`/readyz` 200 when traffic is served and 503 with the reason when it is not. Values are base units.\n"
	      "A family has at most 1,000 series; what is beyond is summed under the label value `other`.\n"
	      "This page is made by `nexpath-document metrics`.\n\n"
	      "| family | type | labels | what |\n|---|---|---|---|\n",
		out);
	for (size_t i = 0; i < METRICS_FAMILY_COUNT; i++) {
		const struct metrics_family *f = &METRICS_FAMILIES[i];

		fprintf(out, "| `%s` | %s |", f->name, TYPES[f->type]);
		for (int l = 0; f->labels[l] != NULL; l++)
			fprintf(out, "%s `%s`", l > 0 ? "," : "", f->labels[l]);
		fprintf(out, " | %s |\n", f->help);
	}
	return ferror(out) ? -EIO : 0;
}
