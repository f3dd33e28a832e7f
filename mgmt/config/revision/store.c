// SPDX-License-Identifier: BSD-3-Clause
#include "config/revision/store.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *advice(int rc)
{
	switch (rc) {
	case -ENOSPC:
	case -EDQUOT:
		return "free space on that disk";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return "give the daemon the right to write there, or name another --state-dir";
	default:
		return "check the disk, or name another --state-dir";
	}
}

static int failed(const char *path, const char *doing, int rc, char *error, size_t error_size)
{
	snprintf(
		error, error_size, "%s: cannot %s: %s; %s", path, doing, strerror(-rc), advice(rc));
	return rc;
}

static bool path_make(char out[PATH_MAX], const char *folder, const char *name, const char *suffix)
{
	int n = snprintf(out, PATH_MAX, "%s/%s%s", folder, name, suffix);

	return n > 0 && n < PATH_MAX;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		// A short write says why with the next one.
		bytes += n;
		length -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int write_new(const char *path, const char *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, bytes, length);
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc)
		unlink(path);
	return rc;
}

static int sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

// Gives the file a second name, in place of what had it. A file that is not there is no failure.
static int keep_file(const char *path, const char *kept)
{
	if (unlink(kept) != 0 && errno != ENOENT)
		return -errno;
	return link(path, kept) == 0 || errno == ENOENT ? 0 : -errno;
}

int store_write(const char *folder, const char *name, const char *keep, const char *bytes,
	size_t length, char *error, size_t error_size)
{
	char path[PATH_MAX];
	char fresh[PATH_MAX];
	char kept[PATH_MAX];
	int rc;

	if (!path_make(path, folder, name, "") || !path_make(fresh, folder, name, ".new") ||
		!path_make(kept, folder, keep ? keep : name, ""))
		return failed(folder, "write", -ENAMETOOLONG, error, error_size);
	rc = write_new(fresh, bytes, length);
	if (rc)
		return failed(fresh, "write", rc, error, error_size);
	if (keep)
		rc = keep_file(path, kept);
	if (!rc && rename(fresh, path) != 0)
		rc = -errno;
	if (rc) {
		unlink(fresh);
		return failed(path, "replace", rc, error, error_size);
	}
	rc = sync_folder(folder);
	return rc ? failed(folder, "sync", rc, error, error_size) : 0;
}

static int read_all(int fd, char *bytes, size_t room, size_t *length)
{
	size_t got = 0;

	while (got < room) {
		ssize_t n = read(fd, bytes + got, room - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*length = got;
	return 0;
}

static int read_descriptor(int fd, size_t maximum, char **bytes, size_t *length)
{
	struct stat status;
	size_t got = 0;
	char *buffer;
	int rc;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > maximum)
		return -EBADMSG;
	buffer = malloc((size_t)status.st_size + 1);
	if (!buffer)
		return -ENOMEM;
	rc = read_all(fd, buffer, (size_t)status.st_size, &got);
	if (rc) {
		free(buffer);
		return rc;
	}
	buffer[got] = '\0';
	*bytes = buffer;
	*length = got;
	return 0;
}

int store_read(const char *folder, const char *name, size_t maximum, char **bytes, size_t *length,
	char *error, size_t error_size)
{
	char path[PATH_MAX];
	int fd;
	int rc;

	if (!path_make(path, folder, name, ""))
		return failed(folder, "read", -ENAMETOOLONG, error, error_size);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return failed(path, "open", -errno, error, error_size);
	rc = read_descriptor(fd, maximum, bytes, length);
	close(fd);
	return rc ? failed(path, "read", rc, error, error_size) : 0;
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int store_make(const char *folder, char *error, size_t error_size)
{
	char path[PATH_MAX];
	size_t length = strlen(folder);
	int rc;

	if (length == 0 || length >= sizeof(path))
		return failed(folder, "make", -EINVAL, error, error_size);
	memcpy(path, folder, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		rc = mkdir(path, i == length ? 0700 : 0755) == 0 ? 0 : -errno;
		if (rc != 0 && !is_folder(path))
			return failed(
				path, "make", rc == -EEXIST ? -ENOTDIR : rc, error, error_size);
		path[i] = folder[i];
	}
	return 0;
}

int store_lock(const char *folder, char *error, size_t error_size)
{
	char path[PATH_MAX];
	int fd;

	if (!path_make(path, folder, "lock", ""))
		return failed(folder, "lock", -ENAMETOOLONG, error, error_size);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(path, "open", -errno, error, error_size);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	snprintf(error, error_size,
		"%s: another nexpathd uses this folder; stop it, or name another --file-prefix or --state-dir",
		folder);
	return -EBUSY;
}
