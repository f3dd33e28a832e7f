// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/log.h"

#include <cap-ng.h>
#include <pthread.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 1 << 20,
	LINE_BYTES = 2048,
	LINES_PER_SECOND = 20000
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	char *buffer; // a ring of BUFFER_BYTES; NULL: lines are written directly
	size_t head;  // bytes ever put
	size_t tail;  // bytes ever taken
	bool stop;
	enum log_level level;
	enum log_format format;
	uint64_t lost;
	uint64_t lost_told;
	time_t second; // the one that `lines` counts
	uint32_t lines;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
	.level = LOG_LEVEL_INFO};

static const char *const LEVELS[] = {"error", "warning", "info", "debug"};

static void write_all(const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDERR_FILENO, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		bytes += written;
		n -= (size_t)written;
	}
}

static void *writer(void *unused)
{
	static char piece[16384];

	// It writes to an open descriptor: no capability is needed for that.
	capng_clear(CAPNG_SELECT_CAPS);
	(void)!capng_apply(CAPNG_SELECT_CAPS);

	pthread_mutex_lock(&state.lock);
	for (;;) {
		while (state.head == state.tail && !state.stop)
			pthread_cond_wait(&state.filled, &state.lock);
		if (state.head == state.tail)
			break;

		size_t at = state.tail % BUFFER_BYTES;
		size_t n = state.head - state.tail;

		n = n < BUFFER_BYTES - at ? n : BUFFER_BYTES - at;
		n = n < sizeof(piece) ? n : sizeof(piece);
		memcpy(piece, state.buffer + at, n);
		state.tail += n;
		pthread_mutex_unlock(&state.lock);
		write_all(piece, n);
		pthread_mutex_lock(&state.lock);
	}
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

void log_open(void)
{
	char *buffer = malloc(BUFFER_BYTES);

	if (buffer == NULL)
		return;
	state.buffer = buffer;
	if (pthread_create(&state.thread, NULL, writer, NULL) != 0) {
		state.buffer = NULL;
		free(buffer);
		return;
	}
	pthread_setname_np(state.thread, "nexpath-log");
}

void log_close(void)
{
	struct timespec deadline;

	if (state.buffer == NULL)
		return;
	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_signal(&state.filled);
	pthread_mutex_unlock(&state.lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec++;
	// A reader that stands still keeps its writer; the process ends without it.
	if (pthread_timedjoin_np(state.thread, NULL, &deadline) != 0)
		return;
	free(state.buffer);
	state.buffer = NULL;
}

void log_configure(enum log_level level, enum log_format format)
{
	state.level = level;
	state.format = format;
}

bool log_is_on(enum log_level level)
{
	return level <= state.level;
}

uint64_t log_lost(void)
{
	return state.lost;
}

static bool buffer_put(const char *line, size_t n)
{
	bool fits;

	if (state.buffer == NULL) {
		write_all(line, n);
		return true;
	}
	pthread_mutex_lock(&state.lock);
	fits = BUFFER_BYTES - (state.head - state.tail) >= n;
	for (size_t done = 0; fits && done < n;) {
		size_t at = (state.head + done) % BUFFER_BYTES;
		size_t part = n - done < BUFFER_BYTES - at ? n - done : BUFFER_BYTES - at;

		memcpy(state.buffer + at, line + done, part);
		done += part;
	}
	if (fits) {
		state.head += n;
		pthread_cond_signal(&state.filled);
	}
	pthread_mutex_unlock(&state.lock);
	return fits;
}

static size_t time_print(char *out, size_t size)
{
	struct timespec now;
	struct tm parts;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	return (size_t)snprintf(out, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

// One line a line: what a peer chose may hold control characters.
static void line_clean(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
}

static void text_put(enum log_level level, const char *message, json_t *members)
{
	char line[LINE_BYTES];
	size_t n = time_print(line, sizeof(line));
	const char *key;
	json_t *value;

	n += (size_t)snprintf(line + n, sizeof(line) - n, " %-7s %s", LEVELS[level], message);
	json_object_foreach(members, key, value)
	{
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

		if (n < sizeof(line))
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s=%s", key,
				text != NULL ? text : json_string_value(value));
		free(text);
	}
	n = n < sizeof(line) - 1 ? n : sizeof(line) - 2;
	line_clean(line, n);
	line[n++] = '\n';
	if (!buffer_put(line, n))
		state.lost++;
}

static void json_put(enum log_level level, const char *message, json_t *members)
{
	char now[64];
	size_t length = time_print(now, sizeof(now));
	json_t *object = json_pack("{s:s%, s:s, s:s}", "time", now, length, "level", LEVELS[level],
		"message", message);
	char *text = NULL;

	if (object != NULL && members != NULL)
		json_object_update_missing(object, members);
	if (object != NULL)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);

	size_t n = text != NULL ? strlen(text) : 0;

	// The NUL's place takes the newline.
	if (text != NULL)
		text[n] = '\n';
	if (text == NULL || !buffer_put(text, n + 1))
		state.lost++;
	free(text);
}

static void put(enum log_level level, const char *message, json_t *members)
{
	if (state.format == LOG_FORMAT_JSON)
		json_put(level, message, members);
	else
		text_put(level, message, members);
}

static bool rate_allows(void)
{
	time_t now = time(NULL);

	if (now != state.second) {
		state.second = now;
		state.lines = 0;
	}
	if (state.lines >= LINES_PER_SECOND) {
		state.lost++;
		return false;
	}
	state.lines++;
	return true;
}

void log_object(enum log_level level, const char *message, json_t *members)
{
	if (log_is_on(level) && rate_allows()) {
		uint64_t lost = state.lost;

		put(level, message, members);
		if (state.lost == lost && lost > state.lost_told) {
			char told[64];

			snprintf(told, sizeof(told), "%ju log lines were lost",
				(uintmax_t)(lost - state.lost_told));
			state.lost_told = lost;
			put(LOG_LEVEL_WARNING, told, NULL);
		}
	}
	json_decref(members);
}

void log_line(enum log_level level, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	if (!log_is_on(level))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	log_object(level, message, NULL);
}
