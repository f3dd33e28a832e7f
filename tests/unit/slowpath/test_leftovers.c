// SPDX-License-Identifier: BSD-3-Clause
// What is left of the secrets of handshakes that are over: nothing, in any memory that a core file
// would hold. The test keeps its own knowledge of them in secret memory, which none holds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "meeting.h"
#include "slowpath/key_log.h"
#include "slowpath/library_memory.h"

// A sanitizer keeps what was freed, and terabytes of its own.
#if defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#		define SANITIZED true
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANITIZED true
#endif
#ifndef SANITIZED
#	define SANITIZED false
#endif

enum {
	SECRETS = 64,
	SECRET_BYTES = 64,
	LOG_BYTES = 32768,
	PIECE = 1 << 20,
	TEST_SKIPPED = 77, // as meson takes it
};

// All in secret memory.
struct knowledge {
	uint8_t secrets[SECRETS][SECRET_BYTES];
	uint8_t lengths[SECRETS];
	uint32_t count;
	char log[LOG_BYTES];
	uint8_t piece[PIECE + SECRET_BYTES];
};

static struct test_certificate files;
static struct memory memory;
static struct knowledge *k;

static void learn(const uint8_t *secret, size_t length)
{
	assert_true(k->count < SECRETS && length <= SECRET_BYTES);
	memcpy(k->secrets[k->count], secret, length);
	k->lengths[k->count++] = (uint8_t)length;
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

// The last word of each line, in hexadecimal.
static void learn_log(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, k->log, LOG_BYTES - 1);

	close(fd);
	assert_true(length > 0);
	k->log[length] = '\0';
	for (char *line = k->log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		uint8_t *out = k->secrets[k->count];
		char *word;

		*end = '\0';
		word = strrchr(line, ' ') + 1;
		for (; word < end; word += 2)
			*out++ = (uint8_t)(digit(word[0]) << 4 | digit(word[1]));
		k->lengths[k->count] = (uint8_t)(out - k->secrets[k->count]);
		k->count++;
		assert_true(k->count < SECRETS);
	}
}

static uint32_t found_in(const uint8_t *bytes, size_t length, uint64_t at)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < k->count; i++) {
		const uint8_t *place = memmem(bytes, length, k->secrets[i], k->lengths[i]);

		if (!place)
			continue;
		print_message("secret %u of %u is at %#jx\n", i, k->count,
			(uintmax_t)(at + (uint64_t)(place - bytes)));
		found++;
	}
	return found;
}

static uint32_t found_between(int fd, uint64_t begin, uint64_t end)
{
	uint32_t found = 0;

	for (uint64_t at = begin; at < end; at += PIECE) {
		size_t want = u64_min(end - at, sizeof(k->piece));
		ssize_t n = pread(fd, k->piece, want, (off_t)at);

		if (n > 0)
			found += found_in(k->piece, (size_t)n, at);
	}
	return found;
}

// How many places a core file would have them in.
static uint32_t found_anywhere(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long begin = 0, end = 0;
	uint32_t found = 0;
	char line[512], access[5] = "";

	while (fgets(line, sizeof(line), maps)) {
		unsigned long first;

		// Some of the lines of a mapping begin with letters that are digits too.
		if (sscanf(line, "%lx-%lx %4s", &first, &end, access) == 3)
			begin = first;
		else if (strncmp(line, "VmFlags:", 8) == 0 && access[0] == 'r' &&
			 !strstr(line, " dd") && !strstr(line, " io") && !strstr(line, " pf"))
			found += found_between(fd, begin, end);
	}
	fclose(maps);
	close(fd);
	return found;
}

static void forget(void)
{
	secret_wipe(k, sizeof(*k));
}

static void expect_nothing_left_of(struct meeting *m, const char *path)
{
	meeting_talk(m);
	learn(m->client_keys.in.secret, 16);
	learn(m->client_keys.out.secret, 16);
	meeting_end(m);
	meeting_free(m);
	assert_int_equal(key_log_open(NULL), 0);
	learn_log(path);
	assert_true(k->count > 2);
	assert_int_equal(found_anywhere(), 0);
	unlink(path);
	forget();
}

static const char *log_begin(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/log", files.folder);
	assert_int_equal(key_log_open(path), 0);
	return path;
}

static void of_tls(void **state)
{
	for (uint16_t version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		const char *path = log_begin();

		expect_nothing_left_of(meeting_tls(&files, version), path);
	}
}

static void of_reality(void **state)
{
	const char *path = log_begin();

	expect_nothing_left_of(meeting_reality(&files), path);
}

// The search finds what there is.
static void the_test_can_fail(void **state)
{
	uint8_t *heap = malloc(32);

	assert_int_equal(RAND_bytes(k->secrets[0], 32), 1);
	memcpy(heap, k->secrets[0], 32);
	k->lengths[0] = 32;
	k->count = 1;
	assert_true(found_anywhere() > 0);
	secret_wipe(heap, 32);
	assert_int_equal(found_anywhere(), 0);
	free(heap);
	forget();
}

static int set_up(void **state)
{
	int error = secret_map(sizeof(*k), &memory);

	k = memory.base;
	test_certificate_make("DNS:www.example.org", &files);
	return error;
}

static int tear_down(void **state)
{
	test_certificate_remove(&files);
	secret_unmap(&memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_test_can_fail),
		cmocka_unit_test(of_tls),
		cmocka_unit_test(of_reality),
	};

	if (SANITIZED)
		return TEST_SKIPPED;
	if (library_memory_wipe() != 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
