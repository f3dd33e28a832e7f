// SPDX-License-Identifier: BSD-3-Clause
// The resolver against a real dnsmasq on a loopback port, and against servers that are not there.
#include "dns/resolver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char hosts_path[] = "/tmp/nexpath-test-hosts-XXXXXX";
static pid_t dnsmasq = -1;
static char server[32]; // "127.0.0.1:PORT"
static uint16_t port;

// The allocation that fails, counted from 1; 0 = none. The test sets one before the resolver's
// thread can allocate, or while it waits.
static volatile int calloc_fails;
static volatile int malloc_fails;

void *__real_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return calloc_fails > 0 && --calloc_fails == 0 ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
	return malloc_fails > 0 && --malloc_fails == 0 ? NULL : __real_malloc(size);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// A bound socket of the given type on a free loopback port.
static int bound_socket(int type, uint16_t *out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*out = ntohs(a.sin_port);
	return fd;
}

static void hosts_write(const char *text)
{
	int fd = open(hosts_path, O_WRONLY | O_TRUNC | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool dnsmasq_listens(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listens = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return listens;
}

static int setup(void **state)
{
	char port_option[32];
	char hosts_option[64];
	int fd = mkstemp(hosts_path);

	assert_true(fd >= 0);
	fchmod(fd, 0644);
	close(fd);
	hosts_write(
		"10.9.0.1 app.test\nfd00:9::1 app.test\n10.9.0.7 four.test\nfd00:9::6 six.test\n");
	close(bound_socket(SOCK_DGRAM, &port));
	snprintf(server, sizeof(server), "127.0.0.1:%u", port);
	snprintf(port_option, sizeof(port_option), "--port=%u", port);
	snprintf(hosts_option, sizeof(hosts_option), "--addn-hosts=%s", hosts_path);
	dnsmasq = fork();
	if (dnsmasq == 0) {
		execlp("dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
			port_option, hosts_option, "--listen-address=127.0.0.1",
			"--bind-interfaces", "--no-resolv", "--no-hosts", "--user=root",
			"--pid-file=", "--local=/test/", "--local-ttl=1",
			"--txt-record=text.test,nothing", "--cname=alias.test,app.test",
			"--host-record=slow.test,10.9.0.9,20000", "--log-facility=/dev/null", NULL);
		_exit(127);
	}
	for (int i = 0; i < 100 && !dnsmasq_listens(); i++) {
		usleep(50000);
		if (waitpid(dnsmasq, NULL, WNOHANG) == dnsmasq) {
			dnsmasq = -1; // not installed: the tests that need it are skipped
			return 0;
		}
	}
	return 0;
}

static int teardown(void **state)
{
	if (dnsmasq > 0) {
		kill(dnsmasq, SIGKILL);
		waitpid(dnsmasq, NULL, 0);
	}
	unlink(hosts_path);
	return 0;
}

static struct resolver *resolver_for(const char *address)
{
	struct resolver_config config = {
		.servers = &address, .server_count = 1, .timeout_ms = 300, .tries = 1};
	struct resolver *r = NULL;
	char error[200] = "";

	assert_int_equal(resolver_create(&config, &r, error, sizeof(error)), 0);
	return r;
}

// The next result, waited for on the descriptor.
static struct resolver_result take(struct resolver *r, int timeout_ms)
{
	struct pollfd p = {.fd = resolver_descriptor(r), .events = POLLIN};
	struct resolver_result result;

	assert_int_equal(poll(&p, 1, timeout_ms), 1);
	assert_true(resolver_next(r, &result));
	return result;
}

static void assert_address(const struct resolver_result *result, uint32_t i, const char *text)
{
	char printed[INET6_ADDRSTRLEN];
	const struct ip_address *a = &result->addresses[i];

	assert_true(i < result->count);
	if (ip_address_is_v4(a)) {
		inet_ntop(AF_INET, &a->words[3], printed, sizeof(printed));
	} else {
		inet_ntop(AF_INET6, a->bytes, printed, sizeof(printed));
	}
	assert_string_equal(printed, text);
}

static void need_dnsmasq(void)
{
	if (dnsmasq < 0) {
		print_message("dnsmasq is not installed\n");
		skip();
	}
}

static void names_become_addresses(void **state)
{
	struct resolver *r;
	struct resolver_result result;

	need_dnsmasq();
	r = resolver_for(server);
	assert_int_equal(resolver_watch(r, "App.test"), 0);
	result = take(r, 2000);
	assert_string_equal(result.name, "App.test");
	assert_int_equal(result.status, RESOLVER_RESOLVED);
	assert_true(result.changed);
	assert_int_equal(result.count, 2);
	assert_address(&result, 0, "10.9.0.1");
	assert_address(&result, 1, "fd00:9::1");
	assert_int_equal(result.ttl_s, RESOLVER_TTL_MIN_S);
	assert_false(resolver_next(r, &result));

	assert_int_equal(resolver_watch(r, "four.test"), 0);
	result = take(r, 2000);
	assert_int_equal(result.count, 1);
	assert_address(&result, 0, "10.9.0.7");

	assert_int_equal(resolver_watch(r, "six.test."), 0);
	result = take(r, 2000);
	assert_int_equal(result.count, 1);
	assert_address(&result, 0, "fd00:9::6");

	assert_int_equal(resolver_watch(r, "alias.test"), 0);
	result = take(r, 2000);
	assert_int_equal(result.status, RESOLVER_RESOLVED);
	assert_address(&result, 0, "10.9.0.1");

	assert_int_equal(resolver_watch(r, "slow.test"), 0);
	result = take(r, 2000);
	assert_int_equal(result.ttl_s, RESOLVER_TTL_MAX_S);
	resolver_destroy(r);
}

static void failures_have_their_reason(void **state)
{
	struct resolver *r;
	struct resolver_result result;

	need_dnsmasq();
	r = resolver_for(server);
	assert_int_equal(resolver_watch(r, "absent.test"), 0);
	result = take(r, 2000);
	assert_int_equal(result.status, RESOLVER_NOT_FOUND);
	assert_int_equal(result.count, 0);
	assert_int_equal(result.failures, 1);
	assert_int_equal(result.ttl_s, RESOLVER_RETRY_MIN_S);
	result = take(r, 3000);
	assert_int_equal(result.failures, 2);
	assert_int_equal(result.ttl_s, 2 * RESOLVER_RETRY_MIN_S);
	assert_false(result.changed);
	resolver_unwatch(r, "absent.test");

	assert_int_equal(resolver_watch(r, "text.test"), 0);
	result = take(r, 2000);
	assert_int_equal(result.status, RESOLVER_NO_ADDRESS);
	resolver_unwatch(r, "text.test");

	assert_int_equal(resolver_watch(r, "elsewhere.example"), 0);
	result = take(r, 2000);
	// Refused: c-ares 1.18 reports the last server as one that gave no answer.
	assert_true(
		result.status == RESOLVER_SERVER_FAILED || result.status == RESOLVER_UNREACHABLE);
	resolver_destroy(r);
}

static void asked_again_at_its_ttl(void **state)
{
	struct resolver *r;
	struct resolver_result result;
	double start = seconds();

	need_dnsmasq();
	r = resolver_for(server);
	assert_int_equal(resolver_watch(r, "app.test"), 0);
	result = take(r, 2000);
	hosts_write("10.9.0.3 app.test\n10.9.0.2 app.test\n");
	kill(dnsmasq, SIGHUP);
	result = take(r, 8000);
	assert_true(seconds() - start >= 4.9);
	assert_true(result.changed);
	assert_int_equal(result.count, 2);
	assert_address(&result, 0, "10.9.0.2");
	assert_address(&result, 1, "10.9.0.3");
	resolver_destroy(r);
}

static void last_addresses_stay_on_failure(void **state)
{
	struct resolver *r;
	struct resolver_result result;
	const char *const dead = "127.0.0.1:1";
	const char *const alive = server;
	struct resolver_config config = {
		.servers = &dead, .server_count = 1, .timeout_ms = 100, .tries = 1};
	char error[200];

	need_dnsmasq();
	r = resolver_for(server);
	assert_int_equal(resolver_watch(r, "slow.test"), 0);
	result = take(r, 2000);
	assert_address(&result, 0, "10.9.0.9");

	assert_int_equal(resolver_configure(r, &config, error, sizeof(error)), 0);
	result = take(r, 2000);
	assert_int_equal(result.status, RESOLVER_UNREACHABLE);
	assert_false(result.changed);
	assert_int_equal(result.count, 1);
	assert_address(&result, 0, "10.9.0.9");

	config.servers = &alive;
	assert_int_equal(resolver_configure(r, &config, error, sizeof(error)), 0);
	do {
		result = take(r, 2000); // a retry at the dead server may have ended first
	} while (result.status != RESOLVER_RESOLVED);
	assert_int_equal(result.failures, 0);
	assert_false(result.changed);
	resolver_destroy(r);
}

static void silent_server_stalls_nobody(void **state)
{
	uint16_t silent_port;
	int silent = bound_socket(SOCK_DGRAM, &silent_port); // takes questions, never answers
	char address[32];
	struct resolver *r;
	struct resolver_result result;
	double start;

	snprintf(address, sizeof(address), "127.0.0.1:%u", silent_port);
	r = resolver_for(address);
	start = seconds();
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "host-%d.test", i);
		assert_int_equal(resolver_watch(r, name), 0);
	}
	assert_true(seconds() - start < 0.5);
	assert_true(resolver_current(r, "HOST-7.test", &result));
	assert_int_equal(result.status, RESOLVER_PENDING);
	result = take(r, 5000);
	assert_int_equal(result.status, RESOLVER_UNREACHABLE);
	assert_true(result.ttl_s >= 1);

	// Questions are open: a name may go, and so may the whole resolver, without waiting for
	// them.
	resolver_unwatch(r, "host-150.test");
	assert_false(resolver_current(r, "host-150.test", &result));
	start = seconds();
	resolver_destroy(r);
	assert_true(seconds() - start < 0.25);
	close(silent);
}

static void watches_are_counted(void **state)
{
	struct resolver *r;
	struct resolver_result result;

	need_dnsmasq();
	r = resolver_for(server);
	assert_int_equal(resolver_watch(r, "slow.test"), 0);
	result = take(r, 2000);
	assert_int_equal(resolver_watch(r, "SLOW.test"), 0);
	result = take(r, 0); // delivered once more, from memory
	assert_int_equal(result.status, RESOLVER_RESOLVED);
	assert_false(result.changed);
	resolver_unwatch(r, "slow.test");
	assert_true(resolver_current(r, "slow.test", &result));
	resolver_unwatch(r, "slow.test");
	assert_false(resolver_current(r, "slow.test", &result));
	resolver_unwatch(r, "slow.test");

	// A result that waits goes with the last watch.
	assert_int_equal(resolver_watch(r, "slow.test"), 0);
	assert_int_equal(
		poll(&(struct pollfd){.fd = resolver_descriptor(r), .events = POLLIN}, 1, 2000), 1);
	resolver_unwatch(r, "slow.test");
	assert_int_equal(
		poll(&(struct pollfd){.fd = resolver_descriptor(r), .events = POLLIN}, 1, 0), 0);
	assert_false(resolver_next(r, &result));
	resolver_destroy(r);
}

static void names_are_checked_and_bounded(void **state)
{
	static const char *const bad[] = {"", ".", "a..b", ".a", "10.1.2.3", "a.7", "7", "a b",
		"a/b", "localhost", "LocalHost.", "a.localhost", "h\xc3\xa9",
		"0123456789012345678901234567890123456789012345678901234567890123.test"};
	char long_name[300];
	struct resolver *r = resolver_for("127.0.0.1:1");
	int added = 0;

	for (size_t i = 0; i < nx_array_size(bad); i++) {
		assert_int_equal(resolver_watch(r, bad[i]), -EINVAL);
	}
	memset(long_name, 'a', sizeof(long_name));
	for (size_t i = 50; i < sizeof(long_name); i += 50) {
		long_name[i] = '.';
	}
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(resolver_watch(r, long_name), -EINVAL);
	for (; added <= RESOLVER_NAMES_MAX; added++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.test", added);
		if (resolver_watch(r, name) != 0) {
			break;
		}
	}
	assert_int_equal(added, RESOLVER_NAMES_MAX);
	assert_int_equal(resolver_watch(r, "more.test"), -ENOSPC);
	resolver_unwatch(r, "n0.test");
	assert_int_equal(resolver_watch(r, "more.test"), 0);
	resolver_destroy(r);
}

static void failed_allocations_are_told(void **state)
{
	static const char *const address = "127.0.0.1:1";
	struct resolver_config config = {.servers = &address, .server_count = 1};
	struct resolver_result result;
	struct resolver *r = NULL;
	char error[200];

	for (int i = 1; i <= 2; i++) {
		error[0] = '\0';
		calloc_fails = i;
		assert_int_equal(resolver_create(&config, &r, error, sizeof(error)), -ENOMEM);
		assert_null(r);
		assert_string_equal(error, "resolvers: out of memory");
	}
	r = resolver_for(address);
	calloc_fails = 1;
	assert_int_equal(resolver_watch(r, "a.test"), -ENOMEM);
	assert_false(resolver_current(r, "a.test", &result));
	malloc_fails = 1; // of one question: the round has a reason, and goes on
	assert_int_equal(resolver_watch(r, "a.test"), 0);
	result = take(r, 2000);
	assert_true(
		result.status == RESOLVER_SERVER_FAILED || result.status == RESOLVER_UNREACHABLE);
	assert_int_equal(malloc_fails, 0);
	resolver_destroy(r);
}

static void servers_are_checked(void **state)
{
	static const char *const bad[] = {"", "dns.example", "10.0.0.1:0", "10.0.0.1:65536",
		"10.0.0.1:x", "[fd00::1", "[fd00::1]x", "10.0.0", "fd00::g",
		"11111111111111111111111111111111111111111111111111111111111111111111111111"};
	static const char *const good[] = {
		"10.0.0.1", "10.0.0.1:5353", "fd00::1", "[fd00::1]", "[::1]:53"};
	struct resolver *r = NULL;
	char error[200];

	for (size_t i = 0; i < nx_array_size(bad); i++) {
		struct resolver_config config = {.servers = &bad[i], .server_count = 1};

		error[0] = '\0';
		assert_int_equal(resolver_create(&config, &r, error, sizeof(error)), -EINVAL);
		assert_null(r);
		assert_non_null(strstr(error, "is no name server"));
	}
	struct resolver_config config = {.servers = good, .server_count = nx_array_size(good)};

	assert_int_equal(resolver_create(&config, &r, error, sizeof(error)), 0);
	config.servers = bad;
	assert_int_equal(resolver_configure(r, &config, error, sizeof(error)), -EINVAL);
	resolver_destroy(r);
	resolver_destroy(NULL);
}

// A name of /etc/hosts with its IPv4 address; false where there is none but localhost.
static bool hosts_entry(char address[64], char name[256])
{
	FILE *file = fopen("/etc/hosts", "re");
	char line[512];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		found = sscanf(line, "%63[0-9.] %255[a-z0-9-]", address, name) == 2 &&
			strncmp(name, "localhost", 9) != 0;
	}
	if (file != NULL) {
		fclose(file);
	}
	return found;
}

static void system_servers_know_the_hosts_file(void **state)
{
	struct resolver_config config = {.timeout_ms = 200, .tries = 1};
	struct resolver *r = NULL;
	struct resolver_result result;
	struct in_addr expected;
	bool found = false;
	char error[200];
	char address[64];
	char name[256];

	if (!hosts_entry(address, name)) {
		skip();
	}
	assert_int_equal(resolver_create(&config, &r, error, sizeof(error)), 0);
	assert_int_equal(resolver_watch(r, name), 0);
	result = take(r, 20000); // the question for IPv6 may go out to servers that are not there
	assert_int_equal(result.status, RESOLVER_RESOLVED);
	assert_int_equal(inet_pton(AF_INET, address, &expected), 1);
	for (uint32_t i = 0; i < result.count; i++) {
		found = found || (ip_address_is_v4(&result.addresses[i]) &&
					 result.addresses[i].words[3] == expected.s_addr);
	}
	assert_true(found);
	resolver_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(failures_have_their_reason),
		cmocka_unit_test(last_addresses_stay_on_failure),
		cmocka_unit_test(silent_server_stalls_nobody),
		cmocka_unit_test(watches_are_counted),
		cmocka_unit_test(names_are_checked_and_bounded),
		cmocka_unit_test(failed_allocations_are_told),
		cmocka_unit_test(servers_are_checked),
		cmocka_unit_test(system_servers_know_the_hosts_file),
		cmocka_unit_test(asked_again_at_its_ttl),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
