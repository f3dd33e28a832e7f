// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/key_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES = 512
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
