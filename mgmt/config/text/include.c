// SPDX-License-Identifier: BSD-3-Clause
#include "config/text/include.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/text/lexer.h"

// Reads n bytes at most; sets *length. The file may be shorter than it was when it was looked at.
static int read_whole(int fd, char *text, size_t n, size_t *length)
{
	size_t got = 0;

	while (got < n) {
		ssize_t rc = read(fd, text + got, n - got);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return -errno;
		if (rc == 0)
			break;
		got += (size_t)rc;
	}
	*length = got;
	return 0;
}

static int file_size(int fd, const char *file, size_t *size, char *error, size_t error_size)
{
	struct stat status;

	if (fstat(fd, &status) != 0) {
		snprintf(error, error_size, "%s: %s", file, strerror(errno));
		return -EIO;
	}
	if (!S_ISREG(status.st_mode)) {
		snprintf(error, error_size, "%s: not a regular file", file);
		return -EINVAL;
	}
	if (status.st_size > TEXT_BYTES_MAX) {
		snprintf(error, error_size, "%s: longer than %d bytes", file, TEXT_BYTES_MAX);
		return -EFBIG;
	}
	*size = (size_t)status.st_size;
	return 0;
}

static int read_open_file(
	int fd, const char *file, char **text, size_t *length, char *error, size_t error_size)
{
	size_t size;
	size_t got = 0;
	char *buffer;
	int rc = file_size(fd, file, &size, error, error_size);

	if (rc)
		return rc;
	buffer = malloc(size + 1);
	if (!buffer) {
		snprintf(error, error_size, "%s: out of memory", file);
		return -ENOMEM;
	}
	rc = read_whole(fd, buffer, size, &got);
	if (rc) {
		snprintf(error, error_size, "%s: %s", file, strerror(-rc));
		free(buffer);
		return rc;
	}
	buffer[got] = '\0';
	*text = buffer;
	*length = got;
	return 0;
}

int text_file_read(const char *file, char **text, size_t *length, char *error, size_t error_size)
{
	// Not to hang on a FIFO before it is known what the file is.
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0) {
		rc = -errno;
		snprintf(error, error_size, "%s: %s", file, strerror(-rc));
		return rc;
	}
	rc = read_open_file(fd, file, text, length, error, error_size);
	close(fd);
	return rc;
}

// The folder of `file`, resolved, with a '/' at its end.
static bool folder_resolve(const char *file, char out[PATH_MAX + 1])
{
	char copy[PATH_MAX];
	const char *slash = strrchr(file, '/');
	size_t length = slash ? (size_t)(slash - file) : 0;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, file, length);
	copy[length] = '\0';
	if (!realpath(slash ? (length ? copy : "/") : ".", out))
		return false;
	length = strlen(out);
	if (length > 0 && out[length - 1] != '/')
		memcpy(out + length, "/", 2);
	return true;
}

// Resolves path against the folder of folder->file and refuses what lies outside.
static int include_resolve(const struct include_folder *folder, const char *path,
	char out[PATH_MAX], char *error, size_t error_size)
{
	char base[PATH_MAX + 1];
	char joined[2 * PATH_MAX];

	if (!folder_resolve(folder->file, base)) {
		snprintf(error, error_size, "the folder of %s is not there" HINT "check the path",
			folder->file);
		return -EINVAL;
	}
	snprintf(joined, sizeof(joined), "%s%s", path[0] == '/' ? "" : base, path);
	if (!realpath(joined, out)) {
		snprintf(error, error_size, "%s" HINT "check the path", strerror(errno));
		return -EINVAL;
	}
	if (strncmp(out, base, strlen(base)) != 0) {
		snprintf(error, error_size, "lies outside of %s" HINT "move the file there", base);
		return -EINVAL;
	}
	return 0;
}

static int include_bounds(struct include_folder *folder, char *error, size_t error_size)
{
	if (folder->files >= TEXT_INCLUDES_MAX || folder->open_files >= TEXT_INCLUDE_DEPTH_MAX) {
		snprintf(error, error_size,
			"more than %d files, or %d deep" HINT "does a file include itself?",
			TEXT_INCLUDES_MAX, TEXT_INCLUDE_DEPTH_MAX);
		return -EINVAL;
	}
	return 0;
}

int include_open(struct include_folder *folder, struct arena *arena, const char *path,
	struct include_file *out, char *error, size_t error_size)
{
	char resolved[PATH_MAX];
	struct include_file file = {0};
	int rc = include_bounds(folder, error, error_size);

	if (!rc)
		rc = include_resolve(folder, path, resolved, error, error_size);
	if (!rc)
		rc = text_file_read(resolved, &file.text, &file.length, error, error_size);
	if (rc)
		return rc == -ENOMEM ? rc : -EINVAL;
	file.name = arena_copy(arena, resolved, strlen(resolved));
	if (!file.name || folder->bytes + file.length > TEXT_BYTES_MAX) {
		free(file.text);
		snprintf(error, error_size,
			"all files together are longer than %d bytes" HINT
			"split the configuration",
			TEXT_BYTES_MAX);
		return file.name ? -EINVAL : -ENOMEM;
	}
	folder->bytes += file.length;
	folder->files++;
	folder->open_files++;
	*out = file;
	return 0;
}

void include_close(struct include_folder *folder, struct include_file *file)
{
	folder->open_files--;
	free(file->text);
	file->text = NULL;
}

struct flat {
	char *text;
	size_t length;
	size_t capacity;
};

static int flat_append(struct flat *flat, const char *bytes, size_t length)
{
	if (flat->length + length + 1 > flat->capacity) {
		size_t capacity = 2 * (flat->length + length + 1);
		char *grown = realloc(flat->text, capacity);

		if (!grown)
			return -ENOMEM;
		flat->text = grown;
		flat->capacity = capacity;
	}
	memcpy(flat->text + flat->length, bytes, length);
	flat->length += length;
	flat->text[flat->length] = '\0';
	return 0;
}

struct flattening {
	struct flat flat;
	struct include_folder folder;
	struct arena arena;
	struct config_faults *faults;
};

static int flatten_text(struct flattening *f, const char *text, size_t length);

static int flatten_include(struct flattening *f, const struct token *token)
{
	char error[FAULT_TEXT_BYTES];
	struct include_file file;
	int rc = include_open(&f->folder, &f->arena, token->string, &file, error, sizeof(error));

	if (rc == -EINVAL)
		fault_add(f->faults, &token->place, "", "@include \"%.80s\": %s", token->string,
			error);
	if (rc)
		return rc;
	rc = flatten_text(f, file.text, file.length);
	if (!rc)
		rc = flat_append(&f->flat, "\n", 1);
	include_close(&f->folder, &file);
	return rc;
}

// The text has been read before without a fault: only includes are looked for.
static int flatten_text(struct flattening *f, const char *text, size_t length)
{
	struct lexer lexer = {.cursor = cursor_over((const uint8_t *)text, length),
		.base = (const uint8_t *)text,
		.place = {.file = f->folder.file, .line = 1},
		.arena = &f->arena,
		.faults = f->faults,
		.path = "",
		.line_start = true};
	struct token token;
	size_t done = 0;
	int rc = 0;

	do {
		lexer_next(&lexer, &token);
		if (token.kind == TOKEN_BAD)
			return lexer.out_of_memory ? -ENOMEM : -EINVAL;
		if (token.kind != TOKEN_INCLUDE)
			continue;
		rc = flat_append(&f->flat, text + done, token.start - done);
		if (!rc)
			rc = flatten_include(f, &token);
		done = token.end;
	} while (!rc && token.kind != TOKEN_END);
	return rc ? rc : flat_append(&f->flat, text + done, length - done);
}

int text_flatten(const char *text, size_t length, const struct text_source *source,
	struct config_faults *faults, char **out, size_t *out_length)
{
	struct flattening f = {.folder = {.file = source->file, .bytes = length}, .faults = faults};
	struct text_node *root;
	int rc = text_read(&f.arena, text, length, source, faults, &root);

	if (!rc)
		rc = flatten_text(&f, text, length);
	arena_fini(&f.arena);
	if (rc) {
		free(f.flat.text);
		return rc;
	}
	*out = f.flat.text;
	*out_length = f.flat.length;
	return 0;
}
