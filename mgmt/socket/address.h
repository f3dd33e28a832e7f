// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where the management socket lives and who may use it: the path with its mode, group and lock, and
// the rights of a peer by its credentials. Control thread only.

#include "socket/rpc.h"

// Which groups have which right; -1 = none.
struct socket_rights {
	int64_t change_gid;
	int64_t read_gid;
};

// A listening socket at path: its folder is made when missing, a socket file that no daemon holds
// is replaced, mode 0660, the group change_gid, and, where the file system knows access lists,
// read_gid too. *lock_fd keeps other daemons away while it is open (PATH.lock). Negative errno with
// one line in error; -EADDRINUSE: another daemon serves it.
[[nodiscard]] int socket_listen(const char *path, const struct socket_rights *rights,
	int *listen_fd, int *lock_fd, char *error, size_t error_size);

// Removes the socket file, then lets the lock go.
void socket_unlisten(const char *path, int listen_fd, int lock_fd);

// Who stands at the other end of fd, with its right. A peer whose credentials cannot be read has
// none.
void socket_peer(int fd, const struct socket_rights *rights, struct rpc_peer *out);
