// SPDX-License-Identifier: BSD-3-Clause
// Changes to a text by position: what is not meant stays, byte for byte.
#include "config_test.h"

#include "config/edit/edit.h"
#include "config/edit/hidden.h"

static char error[512];

static char *added(const char *text, const char *const *settings, uint32_t count)
{
	char *out = NULL;
	int rc = edit_listener_add(text, settings, count, &out, error, sizeof(error));

	if (rc != 0)
		fail_msg("%s", error);
	return out;
}

static char *removed(const char *text, const char *name)
{
	char *out = NULL;
	int rc = edit_listener_remove(text, name, &out, error, sizeof(error));

	if (rc != 0)
		fail_msg("%s", error);
	return out;
}

static const char *const dns[] = {"name=dns", "protocol=udp", "listen=*:53", "upstream=web",
	"idle_timeout_s=15", "transport.security=raw"};

static void a_listener_is_added_and_removed_again(void **state)
{
	char *more = added(test_base, dns, nx_array_size(dns));
	struct config *config = test_config(more);
	char *back = removed(more, "dns");

	assert_int_equal(config->listeners.count, 2);
	assert_string_equal(config_listeners(config)[1].name, "dns");
	assert_int_equal(config_listeners(config)[1].idle_timeout_s, 15);
	assert_non_null(strstr(more, "transport = { security = \"raw\"; };"));
	assert_non_null(strstr(back, "upstream = \"web\"; }"));
	config_destroy(config);
	config = test_config(back);
	assert_int_equal(config->listeners.count, 1);
	config_destroy(config);
	free(more);
	free(back);
}

static void comments_and_the_rest_stay(void **state)
{
	static const char text[] = "# head\n"
				   "listeners = (\n"
				   "\t# first\n"
				   "\t{ name = \"a\"; x = 1; }, # behind a\n"
				   "\t{ name = \"b\"; /* , */ y = (1, 2); } /* , */ ,\n"
				   "\t{ name = \"c\"; } # last, really\n"
				   ");\n"
				   "# tail";
	char *out = removed(text, "a");

	assert_string_equal(out,
		"# head\nlisteners = (\n\t# first\n\t # behind a\n"
		"\t{ name = \"b\"; /* , */ y = (1, 2); } /* , */ ,\n\t{ name = \"c\"; } # last, really\n);\n# tail");
	free(out);
	out = removed(text, "b");
	assert_string_equal(out,
		"# head\nlisteners = (\n\t# first\n\t{ name = \"a\"; x = 1; }, # behind a\n"
		"\t /* , */ \n\t{ name = \"c\"; } # last, really\n);\n# tail");
	free(out);
	out = removed(text, "c");
	assert_non_null(strstr(out, "y = (1, 2); } /* , */ \n\t # last, really\n);\n# tail"));
	free(out);
	out = added(text, dns, nx_array_size(dns));
	assert_non_null(
		strstr(out, "{ name = \"c\"; },\n        { name = \"dns\"; protocol = \"udp\";"));
	assert_non_null(strstr(out, "} # last, really\n);\n# tail"));
	free(out);
}

static void lists_that_are_empty_or_missing_are_filled(void **state)
{
	char *out = added("a = 1", dns, 4);
	char *none;

	assert_string_equal(out,
		"a = 1\nlisteners = ( { name = \"dns\"; protocol = \"udp\"; listen = \"*:53\"; upstream = \"web\"; } );\n");
	none = removed(out, "dns");
	assert_string_equal(none, "a = 1\nlisteners = (  );\n");
	free(out);
	out = added(none, dns, 4);
	assert_non_null(strstr(out, "listeners = ( { name = \"dns\""));
	free(out);
	free(none);
}

static void add_refused(const char *const *settings, uint32_t count, int rc, const char *part)
{
	char *out = NULL;

	assert_int_equal(
		edit_listener_add(test_base, settings, count, &out, error, sizeof(error)), rc);
	assert_null(out);
	if (!strstr(error, part))
		fail_msg("\"%s\" is not in: %s", part, error);
}

static void bad_settings_are_refused(void **state)
{
	const char *s[] = {
		"name=x", "protocol=udp", "listen=*:53", "upstream=web", "idle_timeout=3"};

	add_refused(s, 2, -EINVAL, "listen: is missing");
	add_refused(s, 5, -EINVAL,
		"idle_timeout: is not a key of a listener; did you mean idle_timeout_s");
	s[4] = "name=y";
	add_refused(s, 5, -EINVAL, "name: is given twice");
	s[4] = "nonsense";
	add_refused(s, 5, -EINVAL, "is not KEY=VALUE");
	s[4] = "max_sessions=1\n2";
	add_refused(s, 5, -EINVAL, "control character");
	s[4] = "transport=raw";
	add_refused(s, 5, -EINVAL, "transport: is not a key");
	s[0] = "name=in";
	add_refused(s, 4, -EEXIST, "listener \"in\" is there already");
	s[0] = "name=x\"; }, { name = \"y";

	// A quote in a value stays inside its string, and is then no name.
	char *out = added(test_base, s, 4);

	assert_fault(out, 0, "is not a name");
	free(out);
}

static void targets_are_drained(void **state)
{
	char *out = NULL;
	char *again = NULL;
	struct config *config;

	assert_int_equal(
		edit_upstream_drain(test_base, "web", "10.9.0.3:80", &out, error, sizeof(error)),
		0);
	assert_non_null(strstr(out, "\"10.9.0.3:80 weight=2 drained\"]"));
	config = test_config(out);
	assert_true(config_upstreams(config)->targets.items[1].drained);
	assert_false(config_upstreams(config)->targets.items[0].drained);
	assert_int_equal(config_upstreams(config)->targets.items[1].weight, 2);
	config_destroy(config);
	assert_int_equal(
		edit_upstream_drain(out, "web", "10.9.0.3:80", &again, error, sizeof(error)),
		-EEXIST);
	assert_int_equal(
		edit_upstream_drain(out, "web", "10.9.0.3", &again, error, sizeof(error)), -ENOENT);
	assert_int_equal(
		edit_upstream_drain(out, "no", "10.9.0.3:80", &again, error, sizeof(error)),
		-ENOENT);
	assert_int_equal(edit_listener_remove(out, "no", &again, error, sizeof(error)), -ENOENT);
	assert_int_equal(edit_listener_remove("a = ", "no", &again, error, sizeof(error)), -EINVAL);
	assert_null(again);
	free(out);
}

static bool keys_are_private(const char *path)
{
	return strcmp(path, "credentials[].key") == 0;
}

static void private_values_are_hidden_and_put_back(void **state)
{
	static const char stored[] = "credentials = ( { name = \"a\"; key = \"s3cret\\\"x\"; },\n"
				     "{ name = \"b\"; key = \"other\"; } ); # end\n";
	char *shown = NULL;
	char *back = NULL;

	assert_int_equal(hidden_show(stored, keys_are_private, &shown), 0);
	assert_null(strstr(shown, "s3cret"));
	assert_null(strstr(shown, "other"));
	assert_non_null(strstr(shown, "key = \"hidden:"));
	assert_non_null(strstr(shown, "name = \"a\""));
	faults_init(&test_faults);
	assert_int_equal(hidden_resolve(shown, stored, keys_are_private, &test_faults, &back), 0);
	assert_string_equal(back, stored);
	free(back);
	back = NULL;
	assert_int_equal(hidden_resolve("\ncredentials = ( { key = \"hidden:00000000\"; } );",
				 stored, keys_are_private, &test_faults, &back),
		-EINVAL);
	assert_true(test_has_fault(2, "stands for no stored value"));
	assert_null(back);
	free(shown);
	assert_int_equal(hidden_show(stored, hidden_by_schema, &shown), 0);
	assert_string_equal(shown, stored);
	free(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_is_added_and_removed_again),
		cmocka_unit_test(comments_and_the_rest_stay),
		cmocka_unit_test(lists_that_are_empty_or_missing_are_filled),
		cmocka_unit_test(bad_settings_are_refused),
		cmocka_unit_test(targets_are_drained),
		cmocka_unit_test(private_values_are_hidden_and_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
