// SPDX-License-Identifier: BSD-3-Clause
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct stand_in {
	pthread_t thread;
	int fd;
	char path[108];
	stand_in_answer *answer;
};

void stand_in_line(int fd, const char *line)
{
	size_t length = strlen(line);
	size_t sent = 0;

	while (sent < length) {
		ssize_t n = send(fd, line + sent, length - sent, MSG_NOSIGNAL);

		if (n <= 0) {
			return; // the client went away, as some tests want
		}
		sent += (size_t)n;
	}
	send(fd, "\n", 1, MSG_NOSIGNAL);
}

void stand_in_result(int fd, json_int_t id, const char *json)
{
	char *line = NULL;

	if (asprintf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", (long long)id,
		    json) >= 0) {
		stand_in_line(fd, line);
	}
	free(line);
}

void stand_in_error(int fd, json_int_t id, int code, const char *message, const char *data)
{
	char *line = NULL;

	if (asprintf(&line,
		    "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":%d,\"message\":\"%s\",\"data\":%s}}",
		    (long long)id, code, message, data) >= 0) {
		stand_in_line(fd, line);
	}
	free(line);
}

static void serve(struct stand_in *s, int fd)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	bool open = true;

	while (open && getline(&line, &size, in) > 0) {
		json_t *request = json_loads(line, 0, NULL);

		open = s->answer(fd, json_integer_value(json_object_get(request, "id")),
			json_string_value(json_object_get(request, "method")),
			json_object_get(request, "params"));
		json_decref(request);
	}
	free(line);
	fclose(in);
}

static void *run(void *arg)
{
	struct stand_in *s = arg;

	for (;;) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			return NULL;
		}
		serve(s, fd);
	}
}

struct stand_in *stand_in_start(const char *path, stand_in_answer *answer)
{
	struct stand_in *s = calloc(1, sizeof(*s));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(s->path, sizeof(s->path), "%s", path);
	memcpy(address.sun_path, s->path, sizeof(s->path));
	s->answer = answer;
	unlink(path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(s->fd, 8) != 0 || pthread_create(&s->thread, NULL, run, s) != 0) {
		perror("stand-in");
		abort();
	}
	return s;
}

void stand_in_stop(struct stand_in *s)
{
	shutdown(s->fd, SHUT_RDWR); // ends accept
	pthread_join(s->thread, NULL);
	close(s->fd);
	unlink(s->path);
	free(s);
}
