// SPDX-License-Identifier: BSD-3-Clause
// Both ends of REALITY as threads of the slow path drive them, with a real target between them:
// what they tell their workers, and what a key log has of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meeting.h"
#include "reality/engine.h"
#include "slowpath/key_log.h"

enum {
	RANDOM_AT = 5 + 4 + 2, // of a hello in its record
	RANDOM = 32,
};

static struct test_certificate files;

static void both_ends_tell_of_the_name(void **state)
{
	struct meeting *m = meeting_reality(&files);

	meeting_talk(m);
	assert_int_equal(m->client_keys.suite, m->server_keys.suite);
	assert_memory_equal(m->client_keys.in.secret, m->server_keys.out.secret, SLOW_SECRET_BYTES);
	assert_string_equal(m->server_keys.names.server_name, "www.example.org");
	assert_string_equal(m->client_keys.names.server_name, "www.example.org");
	// The server's likeness of the target says nothing of protocols.
	assert_string_equal(m->server_keys.names.protocol, "");
	assert_string_equal(m->client_keys.names.protocol, "");
	meeting_end(m);
	meeting_free(m);
}

// Also what takes several messages.
static void each_imitated_record_leaves_as_one(void **state)
{
	const struct reality_shape shape = {.after = {100, 5000, 200}, .after_count = 3};
	struct meeting *m = meeting_reality(&files);
	struct reality_profile *profile = m->server_profile;

	for (uint8_t kind = 0; kind < REALITY_KINDS; kind++)
		reality_shapes_learn(profile->shapes, "www.example.org", kind, &shape);
	meeting_talk(m);
	assert_true(m->write_count > 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(m->writes[m->write_count - 3 + i], 5 + shape.after[i]);
	meeting_end(m);
	meeting_free(m);
}

// How often text has this.
static uint32_t count(const char *text, const char *what)
{
	uint32_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void hex_of(const uint8_t *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void log_read(const char *path, char text[8192])
{
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	text[fread(text, 1, 8191, file)] = '\0';
	fclose(file);
}

static void both_ends_write_the_key_log(void **state)
{
	static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
		"SERVER_TRAFFIC_SECRET_0"};
	char path[128], text[8192], random[2 * RANDOM + 1], line[256], secret[65];
	struct meeting *m;
	struct stat s;

	snprintf(path, sizeof(path), "%s/log", files.folder);
	assert_int_equal(key_log_open(path), 0);
	m = meeting_reality(&files);
	meeting_talk(m);
	assert_int_equal(key_log_open(NULL), 0);
	log_read(path, text);
	hex_of(m->from_client + RANDOM_AT, RANDOM, random);
	for (size_t i = 0; i < nx_array_size(labels); i++) {
		snprintf(line, sizeof(line), "%s %s ", labels[i], random);
		assert_int_equal(count(text, line), 2);
	}
	hex_of(m->client_keys.out.secret, 32, secret);
	snprintf(line, sizeof(line), "CLIENT_TRAFFIC_SECRET_0 %s %s", random, secret);
	assert_int_equal(count(text, line), 2);
	hex_of(m->server_keys.out.secret, 32, secret);
	snprintf(line, sizeof(line), "SERVER_TRAFFIC_SECRET_0 %s %s", random, secret);
	assert_int_equal(count(text, line), 2);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	meeting_end(m);
	meeting_free(m);
	// Off again: nothing is added.
	m = meeting_reality(&files);
	meeting_talk(m);
	meeting_end(m);
	meeting_free(m);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_size, strlen(text));
	unlink(path);
}

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org", &files);
	return 0;
}

static int tear_down(void **state)
{
	test_certificate_remove(&files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_tell_of_the_name),
		cmocka_unit_test(each_imitated_record_leaves_as_one),
		cmocka_unit_test(both_ends_write_the_key_log),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
