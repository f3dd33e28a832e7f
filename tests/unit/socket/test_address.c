// SPDX-License-Identifier: BSD-3-Clause

// The socket file: mode, lock, what a dead daemon left, and rights by credentials.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "socket/address.h"

static char folder[64];
static char path[96];
static char why[400];
static const struct socket_rights NOBODY = {-1, -1};

static int begin(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/nexpath-address-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sub/socket", folder);
	return 0;
}

static int end(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void the_socket_is_for_its_group(void **state)
{
	struct socket_rights rights = {(int64_t)getgid(), -1};
	struct stat status;
	int listen_fd, lock_fd;

	assert_int_equal(socket_listen(path, &rights, &listen_fd, &lock_fd, why, sizeof(why)), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	socket_unlisten(path, listen_fd, lock_fd);
	assert_int_not_equal(stat(path, &status), 0);
}

static void two_daemons_do_not_share_one(void **state)
{
	int listen_fd, lock_fd, other = -7, other_lock = -7;

	assert_int_equal(socket_listen(path, &NOBODY, &listen_fd, &lock_fd, why, sizeof(why)), 0);
	assert_int_equal(
		socket_listen(path, &NOBODY, &other, &other_lock, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, "another nexpathd"));
	assert_int_equal(other, -7);
	socket_unlisten(path, listen_fd, lock_fd);
}

static void a_dead_daemons_socket_is_replaced(void **state)
{
	int listen_fd, lock_fd;

	assert_int_equal(socket_listen(path, &NOBODY, &listen_fd, &lock_fd, why, sizeof(why)), 0);
	close(listen_fd);
	close(lock_fd);
	assert_int_equal(socket_listen(path, &NOBODY, &listen_fd, &lock_fd, why, sizeof(why)), 0);
	socket_unlisten(path, listen_fd, lock_fd);
}

static void somebodys_file_stays(void **state)
{
	int listen_fd, lock_fd;
	FILE *file;

	snprintf(path, sizeof(path), "%s/file", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(
		socket_listen(path, &NOBODY, &listen_fd, &lock_fd, why, sizeof(why)), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
}

static void a_long_path_is_refused(void **state)
{
	char longest[200];
	int listen_fd, lock_fd;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(socket_listen(longest, &NOBODY, &listen_fd, &lock_fd, why, sizeof(why)),
		-ENAMETOOLONG);
}

static void the_own_user_may_change(void **state)
{
	struct rpc_peer peer;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	socket_peer(pair[0], &NOBODY, &peer);
	assert_int_equal(peer.right, RPC_RIGHT_CHANGE);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	close(pair[0]);
	close(pair[1]);
}

static void without_credentials_there_is_no_right(void **state)
{
	struct rpc_peer peer;

	socket_peer(-1, &NOBODY, &peer);
	assert_int_equal(peer.right, RPC_RIGHT_NONE);
}

// Another user connects from a child process; the rights are those of its groups.
static enum rpc_right right_of(gid_t gid, const struct socket_rights *rights)
{
	struct rpc_peer peer;
	int listen_fd, lock_fd;
	struct socket_rights open = {(int64_t)gid, -1};

	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(socket_listen(path, &open, &listen_fd, &lock_fd, why, sizeof(why)), 0);

	pid_t child = fork();

	if (child == 0) {
		struct sockaddr_un_text {
			sa_family_t family;
			char path[108];
		} address = {.family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		char byte;

		snprintf(address.path, sizeof(address.path), "%s", path);
		if (setgid(gid) != 0 || setuid(4242) != 0 ||
			connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
			_exit(1);
		_exit(read(fd, &byte, 1) == 0 ? 0 : 1);
	}

	int fd = -1;

	for (int i = 0; fd < 0 && i < 200; i++) {
		fd = accept(listen_fd, NULL, NULL);
		if (fd < 0)
			usleep(10000);
	}
	assert_true(fd >= 0);
	socket_peer(fd, rights, &peer);
	close(fd);
	// It holds a copy of the lock until it ends.
	assert_int_equal(waitpid(child, NULL, 0), child);
	socket_unlisten(path, listen_fd, lock_fd);
	return peer.right;
}

static void groups_decide(void **state)
{
	const struct socket_rights rights = {5001, 5002};

	if (geteuid() != 0)
		skip();
	assert_int_equal(right_of(5001, &rights), RPC_RIGHT_CHANGE);
	assert_int_equal(right_of(5002, &rights), RPC_RIGHT_READ);
	assert_int_equal(right_of(5003, &rights), RPC_RIGHT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_socket_is_for_its_group, begin, end),
		cmocka_unit_test_setup_teardown(two_daemons_do_not_share_one, begin, end),
		cmocka_unit_test_setup_teardown(a_dead_daemons_socket_is_replaced, begin, end),
		cmocka_unit_test_setup_teardown(somebodys_file_stays, begin, end),
		cmocka_unit_test_setup_teardown(a_long_path_is_refused, begin, end),
		cmocka_unit_test(the_own_user_may_change),
		cmocka_unit_test(without_credentials_there_is_no_right),
		cmocka_unit_test_setup_teardown(groups_decide, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
