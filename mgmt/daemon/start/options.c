// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/start/options.h"

#include <getopt.h>

#include <intel-ipsec-mb.h>
#ifdef NEXPATH_NGTCP2
#	include <ngtcp2/ngtcp2.h>
#endif
#include <openssl/crypto.h>
#include <rte_version.h>
#include <sodium/version.h>

static const char HELP[] =
	"usage: nexpathd [-c FILE] [--no-huge] [--file-prefix NAME] [--state-dir DIR]\n"
	"       nexpathd [-c FILE] --check[=text]\n"
	"\n"
	"The data plane of nexpath: forwards between ports as FILE says, serves the management\n"
	"socket, logs to standard error, runs in the foreground.\n"
	"\n"
	"  -c, --config FILE   configuration (default /etc/nexpath/nexpath.conf)\n"
	"      --check         judge FILE on this machine, open nothing, exit 0 or 1\n"
	"      --check=text    judge the text of FILE alone\n"
	"      --no-huge       go without hugepages\n"
	"      --file-prefix NAME  tells several daemons on one machine apart (default nexpath)\n"
	"      --state-dir DIR     accepted revisions (default /var/lib/nexpath/NAME)\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version, and those of the libraries it runs with\n"
	"\n"
	"SIGHUP reloads FILE; SIGTERM lets sessions end for workers.drain_s, a second one exits at\n"
	"once. Exit status: 0 in order, 1 refused or a pool leaked, 2 wrong usage, 75 to be started\n"
	"again (config apply --restart).\n"
	"\n"
	"examples:\n"
	"  nexpathd -c /etc/nexpath/nexpath.conf --check\n"
	"  nexpathd -c lab.conf --no-huge --file-prefix lab --state-dir /tmp/lab\n";

enum {
	OPTION_CHECK = 256,
	OPTION_NO_HUGE,
	OPTION_FILE_PREFIX,
	OPTION_STATE_DIR
};

static const struct option OPTIONS[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", optional_argument, NULL, OPTION_CHECK},
	{"no-huge", no_argument, NULL, OPTION_NO_HUGE},
	{"file-prefix", required_argument, NULL, OPTION_FILE_PREFIX},
	{"state-dir", required_argument, NULL, OPTION_STATE_DIR},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void print_versions(void)
{
	printf("nexpathd " NEXPATH_VERSION "\n%s\nipsec-mb %s\nOpenSSL %s\nlibsodium %s\n",
		rte_version(), imb_get_version_str(), OpenSSL_version(OPENSSL_VERSION_STRING),
		sodium_version_string());
#ifdef NEXPATH_NGTCP2
	printf("ngtcp2 %s\n", ngtcp2_version(0)->version_str);
#else
	puts("ngtcp2: built without");
#endif
}

static enum options_action wrong(const char *what, const char *value)
{
	fprintf(stderr, "nexpathd: %s%s; `nexpathd --help` shows the options\n", what, value);
	return OPTIONS_WRONG;
}

// It becomes part of file names.
static bool is_prefix(const char *name)
{
	size_t length =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return length > 0 && length < 32 && name[length] == '\0';
}

static enum options_action option_take(int option, struct options *out)
{
	switch (option) {
	case 'c':
		out->file = optarg;
		out->file_given = true;
		return out->action;
	case OPTION_CHECK:
		if (optarg == NULL)
			return OPTIONS_CHECK;
		return strcmp(optarg, "text") == 0
			       ? OPTIONS_CHECK_TEXT
			       : wrong("--check takes only \"text\", not ", optarg);
	case OPTION_NO_HUGE:
		out->no_huge = true;
		return out->action;
	case OPTION_FILE_PREFIX:
		out->file_prefix = optarg;
		return is_prefix(optarg)
			       ? out->action
			       : wrong("--file-prefix takes up to 31 letters, digits, - and _, not ",
					 optarg);
	case OPTION_STATE_DIR:
		out->state_dir = optarg;
		return out->action;
	case 'h':
		fputs(HELP, stdout);
		return OPTIONS_DONE;
	case 'V':
		print_versions();
		return OPTIONS_DONE;
	default:
		return wrong("unknown or incomplete option ", "");
	}
}

void options_parse(int argc, char **argv, struct options *out)
{
	static char state_dir[64];
	int option;

	*out = (struct options){
		.file = "/etc/nexpath/nexpath.conf",
		.file_prefix = "nexpath",
	};
	while ((option = getopt_long(argc, argv, "c:hV", OPTIONS, NULL)) != -1) {
		out->action = option_take(option, out);
		if (out->action == OPTIONS_DONE || out->action == OPTIONS_WRONG)
			return;
	}
	if (optind < argc) {
		out->action = wrong("unexpected argument ", argv[optind]);
		return;
	}
	if (out->state_dir == NULL) {
		snprintf(state_dir, sizeof(state_dir), "/var/lib/nexpath/%s", out->file_prefix);
		out->state_dir = state_dir;
	}
}
