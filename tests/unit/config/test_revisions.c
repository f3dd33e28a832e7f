// SPDX-License-Identifier: BSD-3-Clause
// The state directory: what starts, what is kept, and what damage, a full disk and no memory do to
// it.
#include "config_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/revision/revisions.h"

static char folder[64];
static char error[512];

static int setup(void **state)
{
	strcpy(folder, "/tmp/nexpath-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return rmdir(folder);
}

static struct revisions *opened(void)
{
	struct revisions *r = NULL;

	if (revisions_open(folder, &r, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	return r;
}

static uint64_t add(struct revisions *r, const char *text, enum revision_state state)
{
	uint64_t number = 0;

	if (revisions_add(r, text, strlen(text), "uid 0", "why", state, 1000, NULL, &number, error,
		    sizeof(error)) != 0)
		fail_msg("%s", error);
	return number;
}

static struct start_decision chosen(struct revisions *r, const uint8_t *hash, int64_t now)
{
	struct start_decision decision;

	assert_int_equal(revisions_choose(r, hash, now, &decision, error, sizeof(error)), 0);
	return decision;
}

static void assert_text(struct revisions *r, uint64_t number, const char *text)
{
	char *stored = NULL;
	size_t length;

	if (revisions_text(r, number, &stored, &length, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_string_equal(stored, text);
	free(stored);
}

static void revisions_survive_reopening(void **state)
{
	struct revisions *r = opened();
	struct revisions *second = NULL;
	struct stat status;
	char path[128];

	assert_int_equal(chosen(r, NULL, 0).choice, START_EMPTY);
	assert_int_equal(add(r, "one", REVISION_CONFIRMED), 1);
	assert_int_equal(add(r, "two", REVISION_PENDING), 2);
	assert_int_equal(revisions_set_state(r, 2, REVISION_CONFIRMED, error, sizeof(error)), 0);
	assert_int_equal(revisions_open(folder, &second, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "another nexpathd uses this folder"));
	revisions_close(r);
	r = opened();
	assert_int_equal(revisions_count(r), 2);
	assert_int_equal(revisions_at(r, 0)->number, 2);
	assert_int_equal(revisions_at(r, 0)->state, REVISION_CONFIRMED);
	assert_string_equal(revisions_at(r, 0)->by, "uid 0");
	assert_int_equal(revisions_last_confirmed(r, 2)->number, 1);
	assert_text(r, 1, "one");
	snprintf(path, sizeof(path), "%s/revision-1.conf", folder);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(
		revisions_set_state(r, 9, REVISION_CONFIRMED, error, sizeof(error)), -ENOENT);
	revisions_close(r);
}

static void twenty_are_kept_and_always_the_last_confirmed(void **state)
{
	struct revisions *r = opened();
	char *text = NULL;
	size_t length;

	add(r, "good", REVISION_CONFIRMED);
	for (int i = 0; i < 30; i++)
		add(r, "bad", REVISION_REVERTED);
	assert_int_equal(revisions_count(r), REVISIONS_KEPT);
	assert_int_equal(revisions_last_confirmed(r, 0)->number, 1);
	assert_text(r, 1, "good");
	assert_int_equal(revisions_text(r, 2, &text, &length, error, sizeof(error)), -ENOENT);
	revisions_close(r);
	r = opened();
	assert_int_equal(add(r, "next", REVISION_CONFIRMED), 32);
	revisions_close(r);
}

static void a_changed_file_starts_and_an_unchanged_one_does_not(void **state)
{
	struct revisions *r = opened();
	uint8_t file[CONFIG_HASH_BYTES];
	uint8_t changed[CONFIG_HASH_BYTES];
	uint64_t number;

	config_hash("file", 4, file);
	config_hash("filf", 4, changed);
	assert_memory_not_equal(file, changed, sizeof(file));
	assert_int_equal(chosen(r, file, 0).choice, START_FILE);
	assert_int_equal(revisions_add(r, "file", 4, "file", "", REVISION_CONFIRMED, 0, file,
				 &number, error, sizeof(error)),
		0);
	assert_int_equal(chosen(r, file, 0).choice, START_REVISION);
	assert_int_equal(chosen(r, file, 0).number, 1);
	add(r, "by hand", REVISION_CONFIRMED);
	assert_int_equal(chosen(r, file, 0).number, 2);
	assert_int_equal(chosen(r, changed, 0).choice, START_FILE);
	assert_int_equal(chosen(r, NULL, 0).number, 2);
	revisions_close(r);
}

static void a_pending_revision_is_not_started_again(void **state)
{
	struct revisions *r = opened();
	struct start_decision decision;

	add(r, "one", REVISION_CONFIRMED);
	add(r, "two", REVISION_PENDING);
	revisions_close(r);
	r = opened();
	decision = chosen(r, NULL, 0);
	assert_int_equal(decision.number, 1);
	assert_int_equal(decision.skipped, 2);
	assert_int_equal(decision.skipped_why, REVISION_REVERTED);
	revisions_close(r);
	r = opened();
	assert_int_equal(revisions_find(r, 2)->state, REVISION_REVERTED);
	assert_int_equal(chosen(r, NULL, 0).skipped, 0);
	revisions_close(r);
}

// A process that starts at each of the times and dies; what the next start decides.
static struct start_decision after_deaths(const int64_t *times, unsigned n, int64_t now, bool clean)
{
	struct start_decision decision;
	struct revisions *r;

	for (unsigned i = 0; i < n; i++) {
		r = opened();
		assert_int_equal(chosen(r, NULL, times[i]).number, 2);
		assert_int_equal(revisions_mark_start(r, 2, times[i], error, sizeof(error)), 0);
		if (clean)
			assert_int_equal(revisions_mark_clean_exit(r, error, sizeof(error)), 0);
		revisions_close(r);
	}
	r = opened();
	decision = chosen(r, NULL, now);
	revisions_close(r);
	return decision;
}

static void a_revision_that_kills_three_times_is_left(void **state)
{
	struct revisions *r = opened();
	struct start_decision decision;

	add(r, "one", REVISION_CONFIRMED);
	add(r, "two", REVISION_CONFIRMED);
	revisions_close(r);
	assert_int_equal(after_deaths((int64_t[]){100, 101}, 2, 102, false).number, 2);
	r = opened();
	assert_int_equal(revisions_mark_clean_exit(r, error, sizeof(error)), 0);
	revisions_close(r);
	assert_int_equal(after_deaths((int64_t[]){100, 110, 120}, 3, 130, true).number, 2);
	assert_int_equal(after_deaths((int64_t[]){100, 200, 300}, 3, 400, false).number, 2);
	decision = after_deaths((int64_t[]){500, 510, 520}, 3, 530, false);
	assert_int_equal(decision.number, 1);
	assert_int_equal(decision.skipped, 2);
	assert_int_equal(decision.skipped_why, REVISION_FAILED);
}

static size_t read_file(const char *name, char *out, size_t size)
{
	char path[128];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(out, 1, size, file);
	fclose(file);
	return n;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	fclose(file);
}

static void an_index_cut_anywhere_gives_way_to_the_one_before(void **state)
{
	char index[8192];
	char previous[8192];
	struct revisions *r = opened();
	size_t length;
	size_t before;

	add(r, "one", REVISION_CONFIRMED);
	add(r, "two", REVISION_CONFIRMED);
	revisions_close(r);
	length = read_file("index", index, sizeof(index));
	before = read_file("index.previous", previous, sizeof(previous));
	for (size_t cut = 0; cut < length; cut++) {
		write_file("index", index, cut);
		r = opened();
		assert_non_null(strstr(error, "damaged or missing"));
		assert_int_equal(revisions_count(r), 1);
		assert_text(r, 1, "one");
		revisions_close(r);
	}
	for (size_t flip = 0; flip < length; flip++) {
		char damaged[8192];

		memcpy(damaged, index, length);
		damaged[flip] ^= 0x10;
		write_file("index", damaged, length);
		r = opened();
		assert_int_equal(revisions_count(r), 1);
		revisions_close(r);
	}
	// The number of the lost revision is not given again.
	r = opened();
	assert_int_equal(add(r, "three", REVISION_CONFIRMED), 3);
	revisions_close(r);
	write_file("index", index, length / 2);
	write_file("index.previous", previous, before / 2);
	assert_int_equal(revisions_open(folder, &r, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, "move "));
}

static void a_text_cut_anywhere_is_noticed(void **state)
{
	static const char text[] = "workers = { burst = 3; };";
	struct revisions *r = opened();
	char *stored = NULL;
	size_t length;

	add(r, text, REVISION_CONFIRMED);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		write_file("revision-1.conf", text, cut);
		assert_int_equal(
			revisions_text(r, 1, &stored, &length, error, sizeof(error)), -EBADMSG);
		assert_non_null(strstr(error, "damaged; roll back"));
	}
	write_file("revision-1.conf", "workers = { burst = 4; };", strlen(text));
	assert_int_equal(revisions_text(r, 1, &stored, &length, error, sizeof(error)), -EBADMSG);
	revisions_close(r);
}

static void a_write_that_stops_half_way_changes_nothing(void **state)
{
	struct revisions *r = opened();
	struct rlimit old;
	struct rlimit small;
	uint64_t number = 77;

	add(r, "one", REVISION_CONFIRMED);
	// A file may grow to so many bytes only: the write falls short as it does on a full disk.
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	for (rlim_t limit = 0; limit < 400; limit += 13) {
		small.rlim_cur = limit;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		int rc = revisions_add(r, "two two two two two", 19, "x", "", REVISION_CONFIRMED, 0,
			NULL, &number, error, sizeof(error));
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(rc, -EFBIG);
		assert_int_equal(number, 77);
		assert_int_equal(revisions_count(r), 1);
	}
	revisions_close(r);
	r = opened();
	assert_int_equal(revisions_count(r), 1);
	assert_text(r, 1, "one");
	assert_int_equal(access(folder, F_OK), 0);
	revisions_close(r);
	signal(SIGXFSZ, SIG_DFL);
}

static void what_a_crash_left_is_tidied(void **state)
{
	struct revisions *r = opened();
	char path[128];

	add(r, "one", REVISION_CONFIRMED);
	revisions_close(r);
	write_file("revision-2.conf", "never indexed", 13);
	write_file("index.new", "half", 4);
	r = opened();
	snprintf(path, sizeof(path), "%s/revision-2.conf", folder);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/index.new", folder);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(add(r, "next", REVISION_CONFIRMED), 3);
	revisions_close(r);
}

static void no_memory_changes_nothing(void **state)
{
	struct revisions *r = opened();
	unsigned n = 0;
	int rc;

	add(r, "one", REVISION_CONFIRMED);
	do {
		test_fail_allocation(++n);
		rc = revisions_set_state(r, 1, REVISION_REVERTED, error, sizeof(error));
		test_fail_allocation(0);
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_int_equal(revisions_at(r, 0)->state, REVISION_CONFIRMED);
		}
	} while (rc);
	assert_int_equal(revisions_at(r, 0)->state, REVISION_REVERTED);
	revisions_close(r);
}

static void long_comments_are_cut_between_characters(void **state)
{
	struct revisions *r = opened();
	char comment[400] = "";
	uint64_t number;

	for (int i = 0; i < 150; i++)
		strcat(comment, "\xc3\xa9");
	assert_int_equal(revisions_add(r, "x", 1, "uid 0", comment, REVISION_CONFIRMED, 0, NULL,
				 &number, error, sizeof(error)),
		0);
	assert_int_equal(strlen(revisions_at(r, 0)->comment) % 2, 0);
	revisions_close(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(revisions_survive_reopening),
		TEST(twenty_are_kept_and_always_the_last_confirmed),
		TEST(a_changed_file_starts_and_an_unchanged_one_does_not),
		TEST(a_pending_revision_is_not_started_again),
		TEST(a_revision_that_kills_three_times_is_left),
		TEST(an_index_cut_anywhere_gives_way_to_the_one_before),
		TEST(a_text_cut_anywhere_is_noticed),
		TEST(a_write_that_stops_half_way_changes_nothing),
		TEST(what_a_crash_left_is_tidied),
		TEST(no_memory_changes_nothing),
		TEST(long_comments_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
