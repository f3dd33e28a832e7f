// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "bench.h"

static double samples[SAMPLES * 5];
static size_t count;

void sample_put(double cycles)
{
	BUG_ON(count == sizeof(samples) / sizeof(samples[0]));
	samples[count++] = cycles;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void samples_print(const char *name)
{
	static const double shares[] = {0.5, 0.9, 0.99, 0.999};

	qsort(samples, count, sizeof(samples[0]), ascending);
	printf("%s", name);
	for (size_t i = 0; i < 4; i++)
		printf(" %.1f", samples[(size_t)((double)count * shares[i])]);
	printf("\n");
	fflush(stdout);
	count = 0;
}
