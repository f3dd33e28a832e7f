// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/metrics/metrics.h"

#include <math.h>
#include <stdarg.h>

enum {
	BUCKETS = 2048
};

struct series {
	char *labels; // "{port=\"lan\"}", "" without any
	double value;
	uint16_t next; // of its bucket: index + 1, 0 = the last
};

// One family at a time: its series are gathered before they are printed, since two objects may have
// one name (a listener, and the one of that name that drains).
struct metrics_output {
	const struct metrics_family *family;
	struct series series[METRICS_SERIES_MAX];
	uint16_t buckets[BUCKETS]; // index + 1, 0 = empty
	uint32_t count;
	bool beyond; // more than fit: `other` holds them
	double other;
	bool failed;
};

static const char *const TYPES[] = {
	[METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_STATE] = "gauge"};

static void label_print(FILE *out, bool first, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", first ? "{" : ",", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else
			fprintf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
	putc('"', out);
}

// Allocated; NULL without memory.
static char *labels_make(const struct metrics_family *family, const char *const *values)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (int i = 0; family->labels[i] != NULL; i++)
		label_print(out, i == 0, family->labels[i], values[i]);
	if (family->labels[0] != NULL)
		putc('}', out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static uint32_t bucket_of(const char *labels)
{
	uint32_t hash = 2166136261u; // FNV-1a

	for (; *labels != '\0'; labels++)
		hash = (hash ^ (unsigned char)*labels) * 16777619u;
	return hash % BUCKETS;
}

static void merge(const struct metrics_output *out, double *sum, double value)
{
	if (out->family->type != METRICS_STATE)
		*sum += value;
	else if (value > *sum)
		*sum = value;
}

// labels is taken.
static void series_add(struct metrics_output *out, char *labels, double value)
{
	uint16_t *bucket = &out->buckets[bucket_of(labels)];

	for (uint16_t i = *bucket; i != 0; i = out->series[i - 1].next) {
		if (strcmp(out->series[i - 1].labels, labels) != 0)
			continue;
		merge(out, &out->series[i - 1].value, value);
		free(labels);
		return;
	}
	if (out->count == METRICS_SERIES_MAX) {
		out->beyond = true;
		merge(out, &out->other, value);
		free(labels);
		return;
	}
	out->series[out->count] = (struct series){labels, value, *bucket};
	*bucket = (uint16_t)++out->count;
}

void metrics_series(struct metrics_output *out, double value, ...)
{
	const char *values[METRICS_LABELS_MAX];
	va_list arguments;
	char *labels;

	va_start(arguments, value);
	for (int i = 0; out->family->labels[i] != NULL; i++)
		values[i] = va_arg(arguments, const char *);
	va_end(arguments);
	labels = labels_make(out->family, values);
	if (labels == NULL)
		out->failed = true;
	else
		series_add(out, labels, value);
}

static bool series_put(struct evbuffer *buffer, const struct metrics_family *family,
	const char *labels, double value)
{
	// Whole numbers stay exact up to 2^53.
	bool whole = value == floor(value) && fabs(value) < 9007199254740992.0;

	return evbuffer_add_printf(buffer, whole ? "%s%s %.0f\n" : "%s%s %.15g\n", family->name,
		       labels, value) >= 0;
}

static bool family_put(struct metrics_output *out, struct evbuffer *buffer)
{
	static const char *const OTHER[METRICS_LABELS_MAX] = {"other", "other", "other"};
	const struct metrics_family *f = out->family;
	bool ok = !out->failed && evbuffer_add_printf(buffer, "# HELP %s %s\n# TYPE %s %s\n",
					  f->name, f->help, f->name, TYPES[f->type]) >= 0;

	for (uint32_t i = 0; i < out->count; i++)
		ok = ok && series_put(buffer, f, out->series[i].labels, out->series[i].value);
	if (ok && out->beyond) {
		char *labels = labels_make(f, OTHER);

		ok = labels != NULL && series_put(buffer, f, labels, out->other);
		free(labels);
	}
	return ok;
}

int metrics_render(const struct metrics_family *families, size_t count, const struct daemon *daemon,
	struct evbuffer *buffer)
{
	struct metrics_output *out = malloc(sizeof(*out));
	bool ok = out != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		*out = (struct metrics_output){.family = &families[i]};
		families[i].collect(out, daemon);
		ok = family_put(out, buffer);
		for (uint32_t k = 0; k < out->count; k++)
			free(out->series[k].labels);
	}
	free(out);
	return ok ? 0 : -ENOMEM;
}

int metrics_document(FILE *out)
{
	const struct metrics_family *f;

	fputs("# Metrics\n\n"
	      "`nexpathd` serves these as Prometheus text at `http://ADDRESS/metrics`, where `management.metrics`\n"
	      "is the address; without the key nothing is served. `/healthz` answers 200 while the process runs,\n"
	      "`/readyz` 200 when traffic is served and 503 with the reason when it is not. Values are base units.\n"
	      "A family has at most 1,000 series; what is beyond is summed under the label value `other`.\n"
	      "This page is made by `nexpath-document metrics`.\n\n"
	      "| family | type | labels | what |\n|---|---|---|---|\n",
		out);
	for (size_t i = 0; (f = metrics_family_at(i)) != NULL; i++) {
		fprintf(out, "| `%s` | %s |", f->name, TYPES[f->type]);
		for (int l = 0; f->labels[l] != NULL; l++)
			fprintf(out, "%s `%s`", l > 0 ? "," : "", f->labels[l]);
		fprintf(out, " | %s |\n", f->help);
	}
	return ferror(out) ? -EIO : 0;
}
