// SPDX-License-Identifier: BSD-3-Clause
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#include "cli/credential/credential.h"
#include "cli/help/help.h"
#include "cli/live/live.h"
#include "cli/show/print.h"

#define FILE_ARGUMENT                                                                              \
	{                                                                                          \
		.name = "FILE", .parameter = "text", .kind = VALUE_FILE,                           \
		.completion = COMPLETE_FILE                                                        \
	}
#define REVISION_ARGUMENT                                                                          \
	{                                                                                          \
		.name = "REV", .parameter = "revision", .kind = VALUE_NUMBER, .optional = true     \
	}
#define CONFIRM_OPTION                                                                             \
	{                                                                                          \
		"confirm-within", "S", "confirm_within_s", VALUE_NUMBER,                           \
			"return to the revision before, unless confirmed in S seconds"             \
	}
#define RESTART_OPTION                                                                             \
	{                                                                                          \
		"restart", NULL, "restart", VALUE_FLAG,                                            \
			"accept changes that need the daemon to start again"                       \
	}
#define COMMENT_OPTION                                                                             \
	{                                                                                          \
		"comment", "TEXT", "comment", VALUE_TEXT, "why, for config history"                \
	}
#define BASE_OPTION                                                                                \
	{                                                                                          \
		"base", "REV", "base", VALUE_NUMBER, "refuse unless REV is the current revision"   \
	}
#define DRAIN_OPTION(default)                                                                                   \
	{                                                                                                       \
		"drain", "S", "drain_s", VALUE_NUMBER,                                                          \
			"seconds that sessions of removed listeners may go on (" default "), 0 resets them now" \
	}

const struct verb verbs[] = {
	{
		.words = "status",
		.method = "status",
		.help = "Show version, revision, uptime, workers, ports, listeners, sessions and health on one screen.",
		.example = "nexpath status",
		.print = print_status,
	},
	{
		.words = "config check",
		.arguments = {FILE_ARGUMENT},
		.method = "config.check",
		.help = "List every fault of a configuration, without changing anything.",
		.detail =
			"A fault is one line FILE:LINE: PATH: what; hint, and the exit status is 1. Without a daemon, nexpathd --check does the same.",
		.example = "nexpath config check new.conf",
		.print = print_config_check,
	},
	{
		.words = "config plan",
		.arguments = {FILE_ARGUMENT},
		.options = {DRAIN_OPTION("60")},
		.method = "config.plan",
		.help = "Show what a configuration would change, and how many live sessions each change touches.",
		.example = "nexpath config plan new.conf",
		.print = print_config_plan,
	},
	{
		.words = "config apply",
		.arguments = {FILE_ARGUMENT},
		.options = {CONFIRM_OPTION, RESTART_OPTION, DRAIN_OPTION("60"), BASE_OPTION,
			COMMENT_OPTION},
		.method = "config.apply",
		.help = "Make a configuration the running one, whole or not at all.",
		.detail =
			"With --confirm-within the revision before comes back by itself unless nexpath config confirm comes in time.",
		.example =
			"nexpath config apply new.conf --confirm-within 60 --comment \"second web server\"",
		.print = print_config_apply,
	},
	{
		.words = "config confirm",
		.arguments = {REVISION_ARGUMENT},
		.method = "config.confirm",
		.help = "Keep the revision that waits for confirmation.",
		.example = "nexpath config confirm",
		.print = print_config_confirm,
	},
	{
		.words = "config rollback",
		.arguments = {REVISION_ARGUMENT},
		.options = {DRAIN_OPTION("60"), RESTART_OPTION},
		.method = "config.rollback",
		.help = "Return to an earlier revision, as a new one; without REV to the confirmed one before.",
		.example = "nexpath config rollback 41",
		.print = print_config_apply,
	},
	{
		.words = "config history",
		.method = "config.history",
		.help = "List the revisions that are kept: when, by whom, why, and what became of them.",
		.example = "nexpath config history",
		.print = print_config_history,
	},
	{
		.words = "config show",
		.arguments = {REVISION_ARGUMENT},
		.method = "config.show",
		.help = "Print the text of the running revision, or of REV, private values hidden.",
		.detail =
			"A text with hidden:... values keeps the stored ones when applied: show, edit, apply is safe.",
		.example = "nexpath config show > now.conf",
		.print = print_config_show,
	},
	{
		.words = "listener list",
		.method = "listener.list",
		.help = "List the listeners with their state, sessions and bytes.",
		.example = "nexpath listener list",
		.print = print_listener_list,
	},
	{
		.words = "listener show",
		.arguments = {{.name = "NAME",
			.parameter = "name",
			.kind = VALUE_TEXT,
			.completion = COMPLETE_LISTENER}},
		.method = "listener.show",
		.help = "Show one listener: where it listens, its limits and timeouts, its traffic.",
		.example = "nexpath listener show web-in",
		.print = print_listener_show,
	},
	{
		.words = "listener add",
		.arguments = {{.name = "KEY=VALUE",
			.parameter = "values",
			.kind = VALUE_PAIRS,
			.completion = COMPLETE_SETTING,
			.repeated = true}},
		.options = {CONFIRM_OPTION, BASE_OPTION, COMMENT_OPTION},
		.method = "listener.add",
		.help = "Open a listener, as a new revision.",
		.detail =
			"Keys are those of a listener in the configuration, nested ones dotted (transport.security=tls).",
		.example =
			"nexpath listener add name=web2 protocol=tcp listen=10.1.0.2:9001 upstream=web",
		.print = print_config_apply,
	},
	{
		.words = "listener remove",
		.arguments = {{.name = "NAME",
			.parameter = "name",
			.kind = VALUE_TEXT,
			.completion = COMPLETE_LISTENER}},
		.options = {DRAIN_OPTION("60"), BASE_OPTION, COMMENT_OPTION},
		.method = "listener.remove",
		.help = "Close a listener, as a new revision: new connections are refused at once, live sessions run on for a while.",
		.example = "nexpath listener remove web2 --drain 10",
		.print = print_config_apply,
	},
	{
		.words = "upstream list",
		.method = "upstream.list",
		.help = "List the targets of every upstream: weight, health, sessions.",
		.example = "nexpath upstream list",
		.print = print_upstream_list,
	},
	{
		.words = "upstream drain",
		.arguments = {{.name = "NAME",
				      .parameter = "upstream",
				      .kind = VALUE_TEXT,
				      .completion = COMPLETE_UPSTREAM},
			{.name = "TARGET", .parameter = "target", .kind = VALUE_TEXT}},
		.options = {BASE_OPTION, COMMENT_OPTION},
		.method = "upstream.drain",
		.help = "Give a target no new sessions, as a new revision; those that it has go on.",
		.example = "nexpath upstream drain web 10.2.0.1:80",
		.print = print_config_apply,
	},
	{
		.words = "credential list",
		.method = "credential.list",
		.help = "List the credentials: kind, who uses them, when their certificate expires, names.",
		.example = "nexpath credential list",
		.print = print_credential_list,
	},
	{
		.words = "credential reload",
		.arguments = {{.name = "NAME",
			.parameter = "name",
			.kind = VALUE_TEXT,
			.completion = COMPLETE_CREDENTIAL,
			.optional = true}},
		.method = "credential.reload",
		.help = "Read the files of a credential again, or of all: all of them come to run, or none.",
		.detail =
			"Sessions that are open, and handshakes under way, go on with what they began with. config apply of a text that runs already reads no file; SIGHUP reads all.",
		.example = "nexpath credential reload web",
		.print = print_credential_reload,
	},
	{
		.words = "credential generate",
		.arguments = {{.name = "reality|tls",
			.kind = VALUE_LOCAL,
			.completion = COMPLETE_GENERATED}},
		.options = {{"target", "HOST:PORT", NULL, VALUE_LOCAL,
				    "reality: the site that others see (www.example.org:443)"},
			{"name", "HOST", NULL, VALUE_LOCAL,
				"tls: whom the certificate is for; reality: a name of the target"},
			{"days", "N", NULL, VALUE_LOCAL, "tls: until it expires (90)"},
			{"request", NULL, NULL, VALUE_LOCAL,
				"tls: a request for an authority to sign, instead of a self-signed certificate"}},
		.help = "Print a new key pair, and what to write into the configuration of both ends.",
		.detail =
			"Nothing is stored and no daemon asked. For reality: short ids, and the listeners on TCP port 80 and UDP port 443 that a target has too.",
		.example = "nexpath credential generate reality --target www.example.org:443",
		.run = run_credential_generate,
	},
	{
		.words = "credential check",
		.arguments = {{.name = "NAME|HOST:PORT",
			.kind = VALUE_LOCAL,
			.completion = COMPLETE_CREDENTIAL}},
		.options = {{"name", "HOST", NULL, VALUE_LOCAL,
			"the name to ask for (that of the site, each of the credential's)"}},
		.help = "Shake hands with the target of a REALITY credential, or any site, and say whether it is fit to be one.",
		.detail =
			"Fit is a site that completes TLS 1.3 in one round with a browser's key shares, has a certificate for the name, and sends records that a server's own messages fit in. A credential's is asked for each of its names, behind the PROXY protocol header that the credential has for it. It is dialled from this machine, not through the ports of a node. The exit status is 1 for one that is not, be it for one name.",
		.example = "nexpath credential check www.example.org:443",
		.run = run_credential_check,
	},
	{
		.words = "session list",
		.arguments = {{.name = "FILTER",
			.parameter = "filter",
			.kind = VALUE_FILTERS,
			.completion = COMPLETE_FILTER,
			.optional = true,
			.repeated = true}},
		.options = {{"limit", "N", "limit", VALUE_LOCAL,
			"sessions at most (1000), 0 for all"}},
		.method = "session.list",
		.help = "List live sessions; all filters must hold.",
		.detail =
			"Filters: listener=NAME, target=ADDR:PORT, client=PREFIX, state=STATE, protocol=tcp|udp, age>S. With --json each page is one line.",
		.example = "nexpath session list listener=web-in client=10.1.0.0/24 'age>60'",
		.run = run_session_list,
	},
	{
		.words = "session show",
		.arguments = {{.name = "ID", .parameter = "id", .kind = VALUE_TEXT}},
		.method = "session.show",
		.help = "Show one session with both legs: bytes, packets, retransmissions, round-trip time, age.\n"
			"Of a secured leg also version, suite, SNI and ALPN.",
		.example = "nexpath session show 0000000500000012",
		.print = print_session_show,
	},
	{
		.words = "session kill",
		.arguments = {{.name = "ID|FILTER",
			.parameter = "filter",
			.kind = VALUE_ID_OR_FILTERS,
			.completion = COMPLETE_FILTER,
			.repeated = true}},
		.method = "session.kill",
		.help = "End one session, or all that match the filters, with a reset to both sides.",
		.example = "nexpath session kill 0000000500000012",
		.print = print_session_kill,
	},
	{
		.words = "stats",
		.arguments = {{.name = "GLOB",
			.parameter = "glob",
			.kind = VALUE_TEXT,
			.optional = true}},
		.method = "stats",
		.help = "Print counters whose name matches GLOB, exact.",
		.example = "nexpath stats 'listener.web-in.*'",
		.print = print_stats,
	},
	{
		.words = "drops",
		.options = {{"all", NULL, "all", VALUE_FLAG,
			"also the reasons that never happened"}},
		.method = "drops",
		.help = "List why packets were dropped, and how many.",
		.example = "nexpath drops",
		.print = print_drops,
	},
	{
		.words = "stages",
		.method = "stages",
		.help = "Show cycles, calls and packets of each stage on each worker.",
		.example = "nexpath stages",
		.print = print_stages,
	},
	{
		.words = "port list",
		.method = "port.list",
		.help = "List the ports with link, addresses and rates.",
		.example = "nexpath port list",
		.print = print_port_list,
	},
	{
		.words = "worker list",
		.method = "worker.list",
		.help = "List the workers with CPU, load and sessions.",
		.example = "nexpath worker list",
		.print = print_worker_list,
	},
	{
		.words = "route list",
		.method = "route.list",
		.help = "List the routes.",
		.example = "nexpath route list",
		.print = print_route_list,
	},
	{
		.words = "neighbour list",
		.options = {{"limit", "N", "limit", VALUE_NUMBER, "neighbours at most (1000)"}},
		.method = "neighbour.list",
		.help = "List the stations on the links with their MAC address and state.",
		.example = "nexpath neighbour list",
		.print = print_neighbour_list,
	},
	{
		.words = "pool list",
		.method = "pool.list",
		.help = "List the pools of memory: used, capacity, high-water mark.",
		.example = "nexpath pool list",
		.print = print_pool_list,
	},
	{
		.words = "capture",
		.arguments = {{.name = "PORT|LISTENER",
				      .kind = VALUE_LOCAL,
				      .completion = COMPLETE_PORT_OR_LISTENER},
			{.name = "FILE|-", .kind = VALUE_LOCAL, .completion = COMPLETE_FILE}},
		.options = {{"filter", "EXPR", "filter", VALUE_TEXT,
				    "only packets that match, in the syntax of pcap-filter(7)"},
			{"count", "N", "count", VALUE_NUMBER,
				"packets at most, 1 to 1000000000 (10000)"},
			{"seconds", "S", "seconds", VALUE_NUMBER,
				"seconds at most, 1 to 86400 (60)"},
			{"snap", "BYTES", "snap_length", VALUE_NUMBER,
				"bytes of a packet at most, 14 to 65535 (65535)"}},
		.method = "capture.start",
		.help = "Write packets as they were on the wire to a pcapng file.",
		.detail =
			"Ends at 10,000 packets, after 60 s or with Ctrl-C, then says how many were captured and how many it missed. A name that is both a port and a listener means the port; listener:NAME means the listener. - writes to standard output.",
		.example = "nexpath capture lan - --filter 'tcp port 9000' | tcpdump -n -r -",
		.run = run_capture,
	},
	{
		.words = "events",
		.options =
			{{"follow", NULL, NULL, VALUE_LOCAL, "go on with new events until Ctrl-C"},
				{"since", "SEQ", "since", VALUE_NUMBER,
					"only events after number SEQ"},
				{"severity", "S", "severity", VALUE_TEXT,
					"at least info, warning or error"},
				{"limit", "N", "limit", VALUE_NUMBER, "events at most (1000)"}},
		.method = "events.list",
		.help = "Show what happened, oldest first; the last 10,000 events are kept.",
		.example = "nexpath events --follow --severity warning",
		.run = run_events,
	},
	{
		.words = "top",
		.method = "status",
		.help = "Show workers, ports, listeners and rates on a live full screen; q ends it.",
		.example = "nexpath top",
		.run = run_top,
	},
	{
		.words = "help",
		.arguments = {{.name = "VERB",
			.kind = VALUE_LOCAL,
			.completion = COMPLETE_VERB,
			.optional = true,
			.repeated = true}},
		.options = {{"format", "FORM", NULL, VALUE_LOCAL,
			"text, markdown (docs/cli.md) or man (nexpath.1)"}},
		.help = "Explain a verb with an example, or list all of them.",
		.example = "nexpath help config apply",
		.run = run_help,
	},
	{
		.words = "completion",
		.arguments = {{.name = "SHELL", .kind = VALUE_LOCAL, .completion = COMPLETE_SHELL}},
		.help = "Print the completion script for bash or zsh.",
		.example = "nexpath completion bash > /etc/bash_completion.d/nexpath",
		.run = run_completion,
	},
};

const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

// How many words of argv the verb's words take, 0 when they differ.
static int words_match(const char *words, int argc, const char *const *argv)
{
	int used = 0;

	while (*words != '\0') {
		size_t length = strcspn(words, " ");

		if (used == argc || strlen(argv[used]) != length ||
			memcmp(words, argv[used], length) != 0) {
			return 0;
		}
		words += length + (words[length] == ' ');
		used++;
	}
	return used;
}

const struct verb *verb_find(int argc, const char *const *argv, int *used)
{
	const struct verb *found = NULL;

	*used = 0;
	for (size_t i = 0; i < verb_count; i++) {
		int n = words_match(verbs[i].words, argc, argv);

		if (n > *used) {
			*used = n;
			found = &verbs[i];
		}
	}
	return found;
}

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

// How many letters must be changed, added, left out or swapped with their neighbour; texts longer
// than a row do not count as near.
static size_t distance(const char *a, const char *b)
{
	enum {
		ROW = 48
	};
	size_t rows[3][ROW]; // of the letters i - 2, i - 1 and i of a, by turns
	size_t length = strlen(b);
	size_t i;

	if (length >= ROW || strlen(a) >= ROW) {
		return ROW;
	}
	for (size_t j = 0; j <= length; j++) {
		rows[0][j] = j;
	}
	for (i = 1; a[i - 1] != '\0'; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least_of(row[j], least_of(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = least_of(row[j], above2[j - 2] + 1);
			}
		}
	}
	return rows[(i - 1) % 3][length];
}

// The first one or two words of argv, as many as the verb has.
static void join(const char *words, int argc, const char *const *argv, char *out, size_t size)
{
	bool two = strchr(words, ' ') != NULL && argc > 1;

	snprintf(out, size, "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
}

const struct verb *verb_nearest(int argc, const char *const *argv)
{
	const struct verb *nearest = NULL;
	size_t least = 4;

	for (size_t i = 0; argc > 0 && i < verb_count; i++) {
		char typed[64];
		size_t d;

		join(verbs[i].words, argc, argv, typed, sizeof(typed));
		d = distance(typed, verbs[i].words);
		// More than a third of the letters wrong is another word.
		if (d < least && d * 3 <= strlen(verbs[i].words)) {
			least = d;
			nearest = &verbs[i];
		}
	}
	return nearest;
}

size_t verb_argument_count(const struct verb *verb)
{
	size_t n = 0;

	while (n < VERB_ARGUMENTS_MAX && verb->arguments[n].name != NULL) {
		n++;
	}
	return n;
}

size_t verb_option_count(const struct verb *verb)
{
	size_t n = 0;

	while (n < VERB_OPTIONS_MAX && verb->options[n].name != NULL) {
		n++;
	}
	return n;
}

const char *verb_usage(const struct verb *verb, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s", verb->words);

	for (size_t i = 0; i < verb_argument_count(verb) && used < size; i++) {
		const struct verb_argument *a = &verb->arguments[i];

		used += (size_t)snprintf(out + used, size - used, a->optional ? " [%s%s]" : " %s%s",
			a->name, a->repeated ? "..." : "");
	}
	for (size_t i = 0; i < verb_option_count(verb) && used < size; i++) {
		const struct verb_option *o = &verb->options[i];

		used += (size_t)snprintf(out + used, size - used, " [--%s%s%s]", o->name,
			o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
	}
	return out;
}
