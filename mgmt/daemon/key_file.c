// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/key_file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "config/key_text.h"
#include "slowpath/tls/profile.h"

enum {
	KEY_TEXT_MAX = 4096,
};

// The path with links followed, when it is in the folder for keys.
static int place_check(const struct config *config, const char *path, char file[PATH_MAX],
	char *error, size_t size)
{
	const char *wanted = config->management.key_dir;
	char folder[PATH_MAX];

	if (realpath(path, file) == NULL) {
		int why = errno;

		snprintf(error, size, "%s: %s", path, strerror(why));
		return -why;
	}
	if (realpath(wanted, folder) == NULL)
		snprintf(folder, sizeof(folder), "%s", wanted);

	size_t length = strlen(folder);

	if (strncmp(file, folder, length) == 0 &&
		(file[length] == '/' || folder[length - 1] == '/'))
		return 0;
	snprintf(error, size, "%s is not under %s; move it there, or set management.key_dir", file,
		folder);
	return -EPERM;
}

int key_file_check(const struct config *config, const char *path, char *error, size_t error_size)
{
	char file[PATH_MAX];
	int status = place_check(config, path, file, error, error_size);

	return status == 0 ? tls_key_file_check(file, error, error_size) : status;
}

// The file's text without the white space at its end, in text.
static int file_read(const char *path, char text[KEY_TEXT_MAX], char *error, size_t error_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t length = fd >= 0 ? read(fd, text, KEY_TEXT_MAX - 1) : -1;
	int why = errno;

	if (fd >= 0)
		close(fd);
	if (length < 0) {
		snprintf(error, error_size, "%s: %s", path, strerror(why));
		return -why;
	}
	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		length--;
	text[length] = '\0';
	return 0;
}

int key_value_read(const struct config *config, const char *value, uint8_t *out, size_t length,
	char *error, size_t error_size)
{
	const char *path = config_file_path(value);
	char text[KEY_TEXT_MAX] = "";
	int status = 0;

	if (path != NULL) {
		status = key_file_check(config, path, error, error_size);
		if (status == 0)
			status = file_read(path, text, error, error_size);
	}
	if (status == 0 && !config_key_read(path != NULL ? text : value, out, length)) {
		snprintf(error, error_size,
			"%s holds no key of %zu bytes; write %zu characters of base64url without "
			"'=', alone",
			path != NULL ? path : "the text", length, KEY_TEXT_BYTES(length) - 1);
		status = -EINVAL;
	}
	explicit_bzero(text, sizeof(text));
	return status;
}
