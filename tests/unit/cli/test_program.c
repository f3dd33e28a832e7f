// SPDX-License-Identifier: BSD-3-Clause
// The program nexpath as people and scripts run it: what it prints where, and its exit status.
// argv[1] is the program.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stand_in.h"

enum {
	OUTPUT_MAX = 1 << 20
};

static const char *program;
static char folder[] = "/tmp/nexpath-test-XXXXXX";
static char socket_path[64];
static char out[OUTPUT_MAX];
static char err[OUTPUT_MAX];
static struct stand_in *daemon_process;
static char last_request[2000]; // parameters of the last request but hello
static volatile int requests;

static bool hello(int fd, json_int_t id, const char *method, const json_t *params)
{
	if (method != NULL && strcmp(method, "hello") == 0) {
		stand_in_result(fd, id,
			"{\"program\":\"nexpathd\",\"version\":\"0.1.0\",\"interface\":1,\"revision\":7,\"right\":\"change\"}");
		return true;
	}
	char *text = params != NULL ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	snprintf(last_request, sizeof(last_request), "%s", text != NULL ? text : "");
	free(text);
	requests++;
	return false;
}

static void serve(stand_in_answer *answer)
{
	daemon_process = stand_in_start(socket_path, answer);
}

static int stop(void **state)
{
	if (daemon_process != NULL) {
		stand_in_stop(daemon_process);
		daemon_process = NULL;
	}
	requests = 0;
	return 0;
}

static void read_file(const char *path, char *text)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, OUTPUT_MAX - 1, file)] = '\0';
	fclose(file);
}

// Runs a shell line in which $N is the program with its socket; fills out and err.
static int run_shell(const char *line)
{
	char command[1000];
	char path[100];
	int status;

	snprintf(command, sizeof(command),
		"cd %s; N='%s --socket %s'; { %s; } >out 2>err </dev/null", folder, program,
		socket_path, line);
	status = system(command);
	snprintf(path, sizeof(path), "%s/out", folder);
	read_file(path, out);
	snprintf(path, sizeof(path), "%s/err", folder);
	read_file(path, err);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_input(const char *name, const char *text)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void no_daemon_is_3_and_says_what_to_do(void **state)
{
	assert_int_equal(run_shell("$N status"), 3);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, socket_path));
	assert_non_null(strstr(err,
		"No such file or directory; start nexpathd, or name its socket with --socket PATH"));
	write_input("dead", "");
	assert_int_equal(run_shell("NEXPATH_SOCKET=$PWD/dead ${N%% *} status"), 3);
	assert_non_null(strstr(err, "/dead: Connection refused; start nexpathd"));
	assert_int_equal(run_shell("${N%% *} --socket /$(printf %0200d 1) status"), 2);
}

static void wrong_usage_is_2(void **state)
{
	assert_int_equal(run_shell("$N stauts"), 2);
	assert_string_equal(err,
		"nexpath: unknown verb \"stauts\"; the nearest is \"status\"; nexpath help lists the verbs\n");
	assert_string_equal(out, "");
	assert_int_equal(run_shell("$N"), 2);
	assert_int_equal(run_shell("$N top"), 2);
	assert_non_null(strstr(err, "needs a terminal; nexpath status prints the same once"));
	assert_int_equal(run_shell("$N --json top"), 2);
	assert_int_equal(run_shell("$N completion fish"), 2);
	assert_int_equal(run_shell("$N help frobnicate"), 2);
	assert_int_equal(run_shell("$N listener"), 2);
	assert_non_null(
		strstr(err, "listener needs a second word: list, show, add, remove; nexpath help"));
	assert_int_equal(run_shell("$N listener frobnicate"), 2);
	assert_non_null(
		strstr(err, "listener has no verb \"frobnicate\", but list, show, add, remove"));
}

static void help_asks_no_daemon(void **state)
{
	assert_int_equal(run_shell("$N --version"), 0);
	assert_string_equal(out, "nexpath 0.1.0\n");
	assert_int_equal(run_shell("$N listener --help"), 0);
	assert_non_null(strstr(out, "listener remove"));
	assert_null(strstr(out, "upstream"));
	assert_int_equal(run_shell("$N frobnicate --help"), 2);
	assert_int_equal(run_shell("$N help config apply"), 0);
	assert_non_null(strstr(out, "--confirm-within S"));
	assert_non_null(strstr(out, "Example\n  nexpath config apply"));
	assert_int_equal(run_shell("$N config apply --help"), 0);
	assert_non_null(strstr(out, "Example\n"));
	assert_int_equal(run_shell("$N help session"), 0);
	assert_non_null(strstr(out, "session kill"));
}

static bool plain_answers(int fd, json_int_t id, const char *method, const json_t *params)
{
	if (hello(fd, id, method, params)) {
		return true;
	}
	if (strcmp(method, "route.list") == 0) {
		stand_in_result(fd, id,
			"{\"routes\":[{\"to\":\"10.0.0.0/8\",\"via\":null,\"interface\":\"lan\",\"kind\":\"connected\",\"new\":0.1}]}");
	} else if (strcmp(method, "config.check") == 0) {
		stand_in_result(fd, id,
			"{\"faults\":[{\"line\":3,\"path\":\"ports[0].mtu\",\"what\":\"99 is too small\",\"hint\":\"68 or more\"}],"
			"\"warnings\":[{\"line\":1,\"path\":\"\",\"what\":\"no such interface\",\"hint\":\"\"}]}");
	} else if (strcmp(method, "config.apply") == 0 &&
		   json_object_get(params, "confirm_within_s") != NULL) {
		stand_in_result(fd, id,
			"{\"revision\":8,\"confirm_by\":1763699785.5,\"restart\":false,\"warnings\":[],"
			"\"changes\":[{\"path\":\"listeners.web\",\"kind\":\"remove\",\"effect\":\"drain\",\"sessions\":1234}]}");
	} else if (strcmp(method, "config.apply") == 0) {
		stand_in_error(fd, id, -32001, "the text has faults",
			"{\"path\":\"\",\"hint\":\"mend them\",\"faults\":[{\"line\":7,\"path\":\"listeners\",\"what\":\"clash\",\"hint\":\"another port\"}]}");
	} else if (strcmp(method, "config.show") == 0) {
		stand_in_result(fd, id, "{\"revision\":7,\"text\":\"a = 1;\\n\\tb = 2;\\n\"}");
	} else {
		stand_in_error(fd, id, -32004, "no listener \\\"x\\\"",
			"{\"path\":\"name\",\"hint\":\"nexpath listener list\"}");
	}
	return true;
}

static void results_go_to_stdout(void **state)
{
	serve(plain_answers);
	assert_int_equal(run_shell("$N route list"), 0);
	assert_string_equal(
		out, "TO          VIA  INTERFACE  KIND\n10.0.0.0/8  -    lan        connected\n");
	assert_string_equal(err, "");
	assert_int_equal(run_shell("$N --json route list"), 0);
	assert_string_equal(out,
		"{\"routes\":[{\"to\":\"10.0.0.0/8\",\"via\":null,\"interface\":\"lan\",\"kind\":\"connected\",\"new\":0.10000000000000001}]}\n");
	assert_int_equal(run_shell("$N config show"), 0);
	assert_string_equal(out, "a = 1;\n\tb = 2;\n");
}

static void refusals_are_1_with_the_reason(void **state)
{
	serve(plain_answers);
	assert_int_equal(run_shell("$N listener remove x --drain 0"), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "nexpath: no listener \"x\"; nexpath listener list\n");
	assert_string_equal(last_request, "{\"drain_s\":0,\"name\":\"x\"}");
}

static void faults_name_the_file(void **state)
{
	serve(plain_answers);
	write_input("new.conf", "workers = {};\n");
	assert_int_equal(run_shell("$N config check new.conf"), 1);
	assert_string_equal(out, "new.conf:3: ports[0].mtu: 99 is too small; 68 or more\n");
	assert_string_equal(err, "new.conf:1: warning: no such interface\n");
	assert_string_equal(last_request, "{\"text\":\"workers = {};\\n\"}");
	assert_int_equal(run_shell("$N config apply new.conf"), 1);
	assert_string_equal(out, "");
	assert_string_equal(err, "new.conf:7: listeners: clash; another port\n");
	assert_int_equal(run_shell("echo x | $N config apply -"), 1);
	assert_non_null(strstr(err, "standard input:7: listeners: clash"));
	assert_int_equal(run_shell("$N config check absent.conf"), 1);
	assert_string_equal(err, "nexpath: absent.conf: No such file or directory\n");
}

static void apply_tells_the_deadline(void **state)
{
	serve(plain_answers);
	write_input("new.conf", "");
	assert_int_equal(run_shell("TZ=UTC $N config apply new.conf --confirm-within 60"), 0);
	assert_string_equal(out,
		"CHANGE  PATH           EFFECT                         SESSIONS\n"
		"remove  listeners.web  live sessions drain, then end    1.23 k\n"
		"revision 8 runs\n"
		"without a confirmation the revision before returns at 2025-11-21 04:36:25; keep this one with:\n"
		"  nexpath config confirm 8\n");
}

static bool broken_answers(int fd, json_int_t id, const char *method, const json_t *params)
{
	if (hello(fd, id, method, params)) {
		return true;
	}
	if (strcmp(method, "drops") == 0) {
		stand_in_line(fd, "{\"jsonrpc\":\"2.0\",\"id\":2,");
	} else if (strcmp(method, "stages") == 0) {
		stand_in_line(fd, "garbage");
	} else if (strcmp(method, "stats") == 0) {
		stand_in_line(fd, "{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}");
	} else if (strcmp(method, "pool.list") == 0) {
		char *line = malloc(5000001);

		memset(line, ' ', 5000000);
		line[5000000] = '\0';
		stand_in_line(fd, line);
		free(line);
	}
	return false; // and gone
}

static void death_in_the_middle_is_3(void **state)
{
	serve(broken_answers);
	assert_int_equal(run_shell("$N status"), 3);
	assert_non_null(strstr(err, "closed the connection"));
	assert_string_equal(out, "");
	assert_int_equal(run_shell("$N drops"), 3);
	assert_non_null(strstr(err, "sent a line that is no JSON object"));
	assert_int_equal(run_shell("$N stages"), 3);
	assert_int_equal(run_shell("$N pool list"), 3);
	assert_non_null(strstr(err, "sent a line of more than 4 MiB"));
	assert_int_equal(run_shell("$N stats"), 3);
	assert_non_null(strstr(err, "closed the connection"));
}

static bool denied(int fd, json_int_t id, const char *method, const json_t *params)
{
	stand_in_line(fd,
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,\"message\":\"denied\",\"data\":{\"path\":\"\",\"hint\":\"join the group nexpath\"}}}");
	return false;
}

static bool other_interface(int fd, json_int_t id, const char *method, const json_t *params)
{
	stand_in_result(fd, id, "{\"interface\":2}");
	return true;
}

static void strangers_are_told(void **state)
{
	serve(denied);
	assert_int_equal(run_shell("$N status"), 1);
	assert_string_equal(err, "nexpath: denied; join the group nexpath\n");
	stop(NULL);
	serve(other_interface);
	assert_int_equal(run_shell("$N status"), 1);
	assert_non_null(strstr(err, "speaks interface 2, this program 1"));
}

// 2,500 sessions in pages.
static bool session_pages(int fd, json_int_t id, const char *method, const json_t *params)
{
	json_int_t at = json_integer_value(json_object_get(params, "cursor"));
	json_int_t limit = json_integer_value(json_object_get(params, "limit"));
	json_t *sessions;
	json_t *result;
	char *text;

	if (hello(fd, id, method, params)) {
		return true;
	}
	sessions = json_array();
	for (; limit > 0 && at < 2500; limit--, at++) {
		json_array_append_new(
			sessions, json_pack("{s:s, s:i}", "state", "new", "age_s", (int)at));
	}
	result = json_pack("{s:o, s:o, s:i}", "sessions", sessions, "next",
		at < 2500 ? json_integer(at) : json_null(), "total", 2500);
	text = json_dumps(result, JSON_COMPACT);
	stand_in_result(fd, id, text);
	free(text);
	json_decref(result);
	return true;
}

static int lines_of(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++) {
		n += *text == '\n';
	}
	return n;
}

static void pages_follow_their_cursor(void **state)
{
	serve(session_pages);
	assert_int_equal(run_shell("$N session list --limit 0 state=new"), 0);
	assert_int_equal(lines_of(out), 2501);
	assert_int_equal(requests, 3);
	assert_string_equal(err, "");
	assert_int_equal(run_shell("$N session list --limit 1200"), 0);
	assert_int_equal(lines_of(out), 1201);
	assert_string_equal(last_request, "{\"cursor\":1000,\"limit\":200}");
	assert_string_equal(err, "nexpath: 1200 of 2500 sessions; --limit N shows more, 0 all\n");
	assert_int_equal(run_shell("$N --json session list --limit 0"), 0);
	assert_int_equal(lines_of(out), 3);
}

static void closed_pipe_ends_quietly(void **state)
{
	serve(session_pages);
	assert_int_equal(
		run_shell(
			"{ $N session list --limit 0; echo $? >status; } | head -1; sleep 0.1; cat status"),
		0);
	assert_non_null(strstr(out, "ID "));
	assert_non_null(strstr(out, "\n0\n"));
	assert_string_equal(err, "");
}

static void full_disk_is_told(void **state)
{
	if (access("/dev/full", W_OK) != 0) {
		skip();
	}
	serve(plain_answers);
	assert_int_equal(run_shell("$N route list >/dev/full"), 1);
	assert_string_equal(err, "nexpath: standard output: No space left on device\n");
}

static bool capture_answers(int fd, json_int_t id, const char *method, const json_t *params)
{
	static const char packets[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"capture\",\"params\":{\"capture\":5,\"lost\":1,\"packets\":["
		"{\"time\":1763699785.123456,\"length\":60,\"data\":\"////////AgAAAAABCAYAAQgABgQAAQIAAAAAAQoAAAEAAAAAAAAKAAAC\"},"
		"{\"time\":1,\"length\":60,\"data\":\"!\"}]}}";

	if (hello(fd, id, method, params)) {
		return true;
	}
	if (strcmp(method, "capture.stop") == 0) {
		stand_in_line(fd, packets); // on its way when the stop came
		stand_in_result(fd, id, "{\"packets\":2,\"lost\":4}");
	} else if (json_object_get(params, "port") != NULL) {
		stand_in_error(fd, id, -32004, "no port",
			"{\"path\":\"port\",\"hint\":\"nexpath port list\"}");
	} else if (strcmp(json_string_value(json_object_get(params, "listener")), "absent") == 0) {
		stand_in_error(fd, id, -32004, "no such listener",
			"{\"path\":\"listener\",\"hint\":\"nexpath listener list\"}");
	} else {
		stand_in_result(fd, id, "{\"capture\":5,\"link_type\":1,\"snap_length\":262144}");
		stand_in_line(fd, packets);
		if (strcmp(json_string_value(json_object_get(params, "listener")), "short") == 0) {
			stand_in_line(fd,
				"{\"jsonrpc\":\"2.0\",\"method\":\"capture.end\",\"params\":{\"capture\":5,\"reason\":\"count\",\"packets\":2,\"lost\":3}}");
		}
		return strcmp(json_string_value(json_object_get(params, "listener")), "dies") != 0;
	}
	return true;
}

static void captures_become_files(void **state)
{
	serve(capture_answers);
	assert_int_equal(
		run_shell("$N capture short f.pcapng --filter 'tcp port 80' --count 2"), 0);
	assert_string_equal(
		last_request, "{\"count\":2,\"filter\":\"tcp port 80\",\"listener\":\"short\"}");
	assert_non_null(strstr(err, "nexpath: 1 packets captured, 3 missed (count)\n"));
	assert_non_null(strstr(err, "came malformed"));
	assert_int_equal(run_shell("stat -c '%a %s' f.pcapng"), 0);
	assert_string_equal(out, "600 216\n");
	if (system("command -v tcpdump >/dev/null 2>&1") == 0) {
		assert_int_equal(
			run_shell("$N capture listener:short - | tcpdump -n -tt -r - 2>/dev/null"),
			0);
		assert_string_equal(out,
			"1763699785.123456 ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46\n");
	}
	assert_int_equal(run_shell("$N --json capture short f.pcapng"), 0);
	assert_string_equal(out, "{\"capture\":5,\"packets\":1,\"lost\":3,\"reason\":\"count\"}\n");
}

static void refused_capture_leaves_the_file(void **state)
{
	serve(capture_answers);
	write_input("old", "kept");
	assert_int_equal(run_shell("$N capture absent old"), 1);
	assert_non_null(strstr(err, "no such listener; nexpath listener list"));
	assert_int_equal(run_shell("cat old"), 0);
	assert_string_equal(out, "kept");
	assert_int_equal(run_shell("$N capture short /nonexistent/file"), 1);
	assert_non_null(strstr(err, "/nonexistent/file: No such file or directory"));
}

static void signal_stops_a_capture(void **state)
{
	serve(capture_answers);
	assert_int_equal(run_shell("timeout -s INT 0.4 $N capture long f.pcapng; echo $?"), 0);
	assert_non_null(strstr(err, "nexpath: 2 packets captured, 4 missed (stopped)\n"));
}

static void daemon_that_dies_leaves_a_readable_file(void **state)
{
	serve(capture_answers);
	assert_int_equal(run_shell("$N capture dies f.pcapng"), 3);
	assert_non_null(strstr(err, "closed the connection"));
	assert_non_null(strstr(err, "1 packets captured, 1 missed (the daemon went away)"));
	assert_int_equal(run_shell("stat -c %s f.pcapng"), 0);
	assert_string_equal(out, "212\n");
}

static bool event_answers(int fd, json_int_t id, const char *method, const json_t *params)
{
	if (hello(fd, id, method, params)) {
		return true;
	}
	if (strcmp(method, "events.list") == 0) {
		stand_in_result(fd, id,
			"{\"events\":[{\"seq\":4,\"time\":1763699785,\"kind\":\"port_down\",\"severity\":\"error\","
			"\"message\":\"lan\",\"hint\":\"plug it in\"}],\"last\":4,\"lost\":2}");
		return true;
	}
	stand_in_result(fd, id, "{\"last\":4}");
	stand_in_line(fd,
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":5,\"time\":1763699786,\"kind\":\"port_up\","
		"\"severity\":\"info\",\"message\":\"lan\",\"hint\":\"\",\"lost\":1}}");
	return false;
}

static void events_are_listed_and_followed(void **state)
{
	serve(event_answers);
	assert_int_equal(run_shell("TZ=UTC $N events --since 1"), 0);
	assert_string_equal(out, "2025-11-21 04:36:25  error    port_down  lan; plug it in\n");
	assert_string_equal(err, "nexpath: 2 older events are no longer kept\n");
	assert_int_equal(run_shell("TZ=UTC $N events --follow --severity info"), 3);
	assert_string_equal(out, "2025-11-21 04:36:25  error    port_down  lan; plug it in\n"
				 "2025-11-21 04:36:26  info     port_up  lan\n");
	assert_string_equal(last_request, "{\"severity\":\"info\",\"since\":4}");
	assert_non_null(strstr(err, "nexpath: 1 events were missed\n"));
	assert_non_null(strstr(err, "closed the connection"));
}

static volatile bool status_dies;

static bool status_answers(int fd, json_int_t id, const char *method, const json_t *params)
{
	if (hello(fd, id, method, params)) {
		return true;
	}
	if (status_dies && requests > 1) {
		return false;
	}
	stand_in_result(fd, id,
		"{\"version\":\"0.1.0\",\"revision\":7,\"state\":\"confirmed\",\"uptime_s\":5,"
		"\"health\":{\"ok\":true,\"ready\":true,\"reasons\":[]},\"sessions\":{\"active\":1},\"workers\":[],"
		"\"ports\":[],\"listeners\":[{\"name\":\"web-in\",\"state\":\"up\"}]}");
	return true;
}

// Runs top on a terminal of 24 by 80, sends keys once its first screen is there, and returns its
// exit status; what it wrote is in out.
static int run_top_on_terminal(const char *term, const char *keys)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	size_t used = 0;
	bool sent = false;
	int terminal;
	int status;
	pid_t child = forkpty(&terminal, NULL, NULL, &size);

	assert_true(child >= 0);
	if (child == 0) {
		setenv("TERM", term, 1);
		execl(program, program, "--socket", socket_path, "top", NULL);
		_exit(126);
	}
	for (;;) {
		struct pollfd p = {.fd = terminal, .events = POLLIN};
		ssize_t n = poll(&p, 1, 5000) > 0
				    ? read(terminal, out + used, OUTPUT_MAX - 1 - used)
				    : 0;

		if (n <= 0) {
			break;
		}
		used += (size_t)n;
		out[used] = '\0';
		if (!sent && strstr(out, "web-in") != NULL) {
			size = (struct winsize){.ws_row = 5, .ws_col = 30};
			assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
			assert_int_equal(
				write(terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
			sent = true;
		}
	}
	out[used] = '\0';
	close(terminal);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void top_runs_on_a_terminal(void **state)
{
	status_dies = false;
	serve(status_answers);
	assert_int_equal(run_top_on_terminal("xterm", "q"), 0);
	assert_non_null(strstr(out, "LISTENER"));
	assert_int_equal(run_top_on_terminal("xterm", "\003"), 0); // Ctrl-C
	assert_int_equal(run_top_on_terminal("vt100", "jkxq"), 0);
	assert_int_equal(run_top_on_terminal("nonsense-terminal", "q"), 2);
	assert_non_null(strstr(out, "set TERM"));
}

static void top_leaves_the_screen_when_the_daemon_dies(void **state)
{
	status_dies = true;
	serve(status_answers);
	assert_int_equal(run_top_on_terminal("xterm", "x"), 3);
	assert_non_null(strstr(out, "closed the connection"));
	// The message comes after the terminal left the second screen (rmcup of xterm).
	assert_true(strstr(out, "\033[?1049l") < strstr(out, "closed the connection"));
	assert_non_null(strstr(out, "\033[?1049l"));
}

static int make_folder(void **state)
{
	setenv("UBSAN_OPTIONS", "halt_on_error=1", 0);
	assert_non_null(mkdtemp(folder));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_daemon_is_3_and_says_what_to_do),
		cmocka_unit_test(wrong_usage_is_2),
		cmocka_unit_test(help_asks_no_daemon),
		cmocka_unit_test_teardown(results_go_to_stdout, stop),
		cmocka_unit_test_teardown(refusals_are_1_with_the_reason, stop),
		cmocka_unit_test_teardown(faults_name_the_file, stop),
		cmocka_unit_test_teardown(apply_tells_the_deadline, stop),
		cmocka_unit_test_teardown(death_in_the_middle_is_3, stop),
		cmocka_unit_test_teardown(strangers_are_told, stop),
		cmocka_unit_test_teardown(pages_follow_their_cursor, stop),
		cmocka_unit_test_teardown(closed_pipe_ends_quietly, stop),
		cmocka_unit_test_teardown(full_disk_is_told, stop),
		cmocka_unit_test_teardown(captures_become_files, stop),
		cmocka_unit_test_teardown(refused_capture_leaves_the_file, stop),
		cmocka_unit_test_teardown(signal_stops_a_capture, stop),
		cmocka_unit_test_teardown(daemon_that_dies_leaves_a_readable_file, stop),
		cmocka_unit_test_teardown(events_are_listed_and_followed, stop),
		cmocka_unit_test_teardown(top_runs_on_a_terminal, stop),
		cmocka_unit_test_teardown(top_leaves_the_screen_when_the_daemon_dies, stop),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s NEXPATH\n", argv[0]);
		return 2;
	}
	program = realpath(argv[1], NULL);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
