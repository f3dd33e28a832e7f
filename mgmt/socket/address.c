// SPDX-License-Identifier: BSD-3-Clause

#include "socket/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	BACKLOG = 64
};

static int folder_make(const char *path, char *error, size_t error_size)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(folder, sizeof(folder), "%s", path);

	char *slash = strrchr(folder, '/');

	if (slash == NULL || slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, 0755) == 0 || errno == EEXIST)
		return 0;

	int status = -errno;

	snprintf(error, error_size,
		"management.socket: cannot make %s: %s; make it, or run as root", folder,
		strerror(-status));
	return status;
}

static int lock_take(const char *path, int *lock_fd, char *error, size_t error_size)
{
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];

	snprintf(name, sizeof(name), "%s.lock", path);

	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		int status = -errno;

		snprintf(error, error_size,
			"management.socket: cannot open %s: %s; run as root, or "
			"choose a socket in a folder of your own",
			name, strerror(-status));
		return status;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		snprintf(error, error_size,
			"management.socket: another nexpathd serves %s; stop it, "
			"or give this one another management.socket",
			path);
		return -EADDRINUSE;
	}
	*lock_fd = fd;
	return 0;
}

// With the lock held a socket file is a dead daemon's; anything else is somebody's and stays.
static int stale_remove(const char *path, char *error, size_t error_size)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return 0;
	if (S_ISSOCK(status.st_mode) && unlink(path) == 0)
		return 0;
	snprintf(error, error_size,
		"management.socket: %s exists and is no socket of ours; remove it", path);
	return -EEXIST;
}

// The access list that adds read_gid to mode 0660: entries of system.posix_acl_access, version 2.
static void access_list_set(const char *path, int64_t read_gid)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag;
			uint16_t permission;
			uint32_t id;
		} entries[5];
	} list = {2, {
			     {0x01, 6, UINT32_MAX},         // owner
			     {0x04, 6, UINT32_MAX},         // group
			     {0x08, 6, (uint32_t)read_gid}, // named group
			     {0x10, 6, UINT32_MAX},         // mask
			     {0x20, 0, UINT32_MAX},         // others
		     }};

	// Without access lists the operator may still give the socket's group to the readers.
	(void)!setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0);
}

static int socket_bind(const char *path, const struct socket_rights *rights, int *listen_fd,
	char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	// Nobody may connect between bind and the mode that is meant.
	mode_t before = umask(0177);
	int status =
		fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ? -errno : 0;

	umask(before);
	if (status == 0 && rights->change_gid >= 0 &&
		chown(path, (uid_t)-1, (gid_t)rights->change_gid) != 0)
		status = -errno;
	if (status == 0 && (chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0))
		status = -errno;
	if (status == 0) {
		if (rights->read_gid >= 0)
			access_list_set(path, rights->read_gid);
		*listen_fd = fd;
		return 0;
	}
	snprintf(error, error_size,
		"management.socket: %s: %s; check the folder and "
		"management.group",
		path, strerror(-status));
	if (fd >= 0)
		close(fd);
	return status;
}

int socket_listen(const char *path, const struct socket_rights *rights, int *listen_fd,
	int *lock_fd, char *error, size_t error_size)
{
	int lock = -1;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		snprintf(error, error_size,
			"management.socket: %.40s... is longer than 107 bytes; "
			"choose a shorter path",
			path);
		return -ENAMETOOLONG;
	}

	int status = folder_make(path, error, error_size);

	if (status == 0)
		status = lock_take(path, &lock, error, error_size);
	if (status == 0)
		status = stale_remove(path, error, error_size);
	if (status == 0)
		status = socket_bind(path, rights, listen_fd, error, error_size);
	if (status == 0)
		*lock_fd = lock;
	else if (lock >= 0)
		close(lock);
	return status;
}

void socket_unlisten(const char *path, int listen_fd, int lock_fd)
{
	unlink(path);
	close(listen_fd);
	close(lock_fd);
}

static bool is_member(int fd, gid_t primary, int64_t wanted)
{
	gid_t *groups = NULL;
	socklen_t size = 0;
	bool found = false;

	if (wanted < 0)
		return false;
	if (primary == (gid_t)wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
		size == 0)
		return false;
	groups = malloc(size);
	if (groups == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		free(groups);
		return false;
	}
	for (socklen_t i = 0; i < size / sizeof(*groups); i++)
		found |= groups[i] == (gid_t)wanted;
	free(groups);
	return found;
}

void socket_peer(int fd, const struct socket_rights *rights, struct rpc_peer *out)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	*out = (struct rpc_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
		return;
	*out = (struct rpc_peer){
		.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
	if (out->uid == 0 || out->uid == geteuid() || is_member(fd, out->gid, rights->change_gid))
		out->right = RPC_RIGHT_CHANGE;
	else if (is_member(fd, out->gid, rights->read_gid))
		out->right = RPC_RIGHT_READ;
}
