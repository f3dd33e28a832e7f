// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/key_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES = 512,
	SECRET_BYTES_MOST = 64,
};

static int descriptor = -1;

int key_log_open(const char *path)
{
	if (descriptor >= 0)
		close(descriptor);
	descriptor = -1;
	if (!path)
		return 0;
	descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return descriptor >= 0 ? 0 : -errno;
}

bool key_log_is_on(void)
{
	return descriptor >= 0;
}

void key_log_line(const char *line)
{
	char text[LINE_BYTES];
	ssize_t written;
	int length;

	if (descriptor < 0)
		return;
	// One write each: lines of several threads do not mix.
	length = snprintf(text, sizeof(text), "%s\n", line);
	if (length < 0 || length >= (int)sizeof(text))
		return;
	written = write(descriptor, text, (size_t)length);
	(void)written; // a disk that is full loses lines
	explicit_bzero(text, sizeof(text));
}

static void hex_print(const uint8_t *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
}

void key_log_secret(const char *label, const uint8_t client_random[KEY_LOG_RANDOM_BYTES],
	const uint8_t *secret, size_t length)
{
	char random[2 * KEY_LOG_RANDOM_BYTES + 1], hidden[2 * SECRET_BYTES_MOST + 1];
	char line[LINE_BYTES];

	if (descriptor < 0 || length > SECRET_BYTES_MOST)
		return;
	hex_print(client_random, KEY_LOG_RANDOM_BYTES, random);
	hex_print(secret, length, hidden);
	snprintf(line, sizeof(line), "%s %s %s", label, random, hidden);
	key_log_line(line);
	explicit_bzero(hidden, sizeof(hidden));
	explicit_bzero(line, sizeof(line));
}
