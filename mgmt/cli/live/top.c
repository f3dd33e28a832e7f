// SPDX-License-Identifier: BSD-3-Clause
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/live/live.h"
#include "cli/live/top_screen.h"

// An answer that takes longer than this ends top: a frozen screen would say nothing.
enum {
	REFRESH_MS = 1000,
	ANSWER_MS = 5000,
	CONTROL_C = 3
};

struct top {
	struct client *client;
	json_t *now;
	json_t *before;
	double elapsed;
	double taken; // when `now` came
	int first;    // listener on top
	struct top_screen screen;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum exit_status refresh_status(struct top *top)
{
	json_t *result = NULL;
	enum exit_status status = client_call(top->client, "status", NULL, &result);
	double taken = seconds();

	if (status != EXIT_DONE) {
		return status;
	}
	json_decref(top->before);
	top->before = top->now;
	top->now = result;
	top->elapsed = taken - top->taken;
	top->taken = taken;
	return EXIT_DONE;
}

static void paint(struct top *top)
{
	int height;
	int width;

	getmaxyx(stdscr, height, width);
	top_screen_fill(
		&top->screen, top->now, top->before, top->elapsed, top->first, width, height);
	erase();
	for (int i = 0; i < top->screen.lines; i++) {
		attrset(top->screen.title[i] ? A_BOLD : A_NORMAL);
		mvaddnstr(i, 0, top->screen.text[i], width);
	}
	refresh();
}

// True when the key ends top.
static bool take_key(struct top *top, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
	case CONTROL_C:
		return true;
	case KEY_DOWN:
	case 'j':
		top->first += top->screen.hidden > 0;
		break;
	case KEY_UP:
	case 'k':
		top->first -= top->first > 0;
		break;
	default:
		break;
	}
	return false;
}

// Until q, or until the daemon goes away; the screen is open.
static enum exit_status live(struct top *top)
{
	enum exit_status status = EXIT_DONE;
	double next = seconds() + REFRESH_MS / 1000.0;

	while (!interrupted()) {
		double left = next - seconds();
		int key;

		paint(top);
		timeout(left > 0 ? (int)(left * 1000) + 1 : 0);
		key = getch();
		if (key != ERR && take_key(top, key)) {
			break;
		}
		// A terminal that hung up gives errors at once and for ever.
		if (key == ERR && left > 0.1 && seconds() < next - 0.1 && !isatty(STDIN_FILENO)) {
			break;
		}
		if (seconds() >= next) {
			status = refresh_status(top);
			next = seconds() + REFRESH_MS / 1000.0;
		}
		if (status != EXIT_DONE) {
			break;
		}
	}
	return status;
}

static enum exit_status with_screen(const struct invocation *v, struct top *top)
{
	// Asked first, since newterm leaks where it fails.
	SCREEN *screen = terminal_is_known() ? newterm(NULL, stdout, stdin) : NULL;
	enum exit_status status;

	if (screen == NULL) {
		return usage_fault(v->verb, "the terminal type \"%s\" is not known; set TERM",
			getenv("TERM") != NULL ? getenv("TERM") : "");
	}
	raw(); // Ctrl-C comes as a key, so that the terminal is put back
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	client_fault_hold(top->client);
	status = live(top);
	endwin();
	delscreen(screen);
	client_fault_print(top->client);
	return status;
}

enum exit_status run_top(const struct invocation *v)
{
	struct top *top;
	enum exit_status status;

	if (v->json) {
		return usage_fault(v->verb, "a screen has no JSON; nexpath --json status has");
	}
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		return usage_fault(
			v->verb, "needs a terminal; nexpath status prints the same once");
	}
	top = calloc(1, sizeof(*top));
	if (top == NULL) {
		fputs("nexpath: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	interrupt_catch();
	status = client_open(v->socket, &top->client);
	if (status == EXIT_DONE) {
		client_answer_within(top->client, ANSWER_MS);
		status = refresh_status(top);
		status = status == EXIT_DONE ? with_screen(v, top) : status;
		if (status == EXIT_REFUSED) {
			client_refusal_print(top->client, NULL);
		}
	}
	client_close(top->client);
	json_decref(top->now);
	json_decref(top->before);
	free(top);
	return status;
}
