// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What top shows, as lines of text: a pure function of two answers of `status`.

#include <jansson.h>
#include <stdbool.h>

enum {
	TOP_LINES_MAX = 256,
	TOP_WIDTH_MAX = 256
};

struct top_screen {
	int lines;
	char text[TOP_LINES_MAX][TOP_WIDTH_MAX + 1];
	bool title[TOP_LINES_MAX]; // a heading
	int hidden; // listeners that the screen has no room for, below the last one shown
};

// Fills out with at most height lines of at most width columns. before is the answer elapsed
// seconds ago, NULL at first: rates that the daemon does not send are then "-". first is the
// listener to begin with.
void top_screen_fill(struct top_screen *out, const json_t *now, const json_t *before,
	double elapsed, int first, int width, int height);
