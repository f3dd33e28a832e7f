// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/start/start.h"

#include <systemd/sd-daemon.h>

#include "config/edit/hidden.h"
#include "config/validate/machine.h"
#include "daemon/control_loop.h"
#include "daemon/credential_files.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/events/log.h"
#include "daemon/names.h"
#include "daemon/operations.h"
#include "daemon/start/privileges.h"

// FILE as it stands: its own text for the hash, and what it says with its includes.
struct file_text {
	char *text; // as kept in a revision; NULL: no FILE, or one that does not read
	uint8_t hash[CONFIG_HASH_BYTES];
	bool exists;
};

static void faults_log(const struct config_faults *faults, const char *unnamed)
{
	for (uint32_t i = 0; i < faults->count; i++) {
		char line[FAULT_FILE_BYTES + FAULT_PATH_BYTES + 2 * FAULT_TEXT_BYTES + 64];

		fault_print(&faults->items[i], unnamed, line, sizeof(line));
		log_line(
			faults->items[i].warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s", line);
	}
}

// False, with an event, when FILE is there and cannot be read or has faults of syntax.
static bool file_load(struct daemon *daemon, struct file_text *out)
{
	static struct config_faults faults;
	const struct text_source source = {.file = daemon->options.file, .may_include = true};
	char why[400];
	char *raw;
	size_t length, flat_length;
	int status = text_file_read(daemon->options.file, &raw, &length, why, sizeof(why));

	*out = (struct file_text){0};
	if (status == -ENOENT && !daemon->options.file_given)
		return true;
	if (status != 0) {
		daemon_event(daemon, EVENT_KIND_CONFIG_REFUSED, "%s", why);
		return false;
	}
	faults_init(&faults);
	out->exists = true;
	status = text_flatten(raw, length, &source, &faults, &out->text, &flat_length);
	free(raw);
	if (status == 0) {
		// Of the whole text: a change in an included file is a change of FILE.
		config_hash(out->text, flat_length, out->hash);
		return true;
	}
	faults_log(&faults, daemon->options.file);
	daemon_event(daemon, EVENT_KIND_CONFIG_REFUSED, "%s has %u fault%s", daemon->options.file,
		faults.errors, faults.errors == 1 ? "" : "s");
	return false;
}

static int judge(struct daemon *daemon, const char *text, const char *unnamed, struct config **out,
	char *error, size_t error_size)
{
	static struct config_faults faults;

	faults_init(&faults);

	int status = configuration_judge(daemon, text, &faults, out);

	faults_log(&faults, unnamed);
	faults_tell(daemon, &faults);
	if (status != 0)
		snprintf(error, error_size,
			"%s has %u fault%s; `nexpathd -c %s --check` shows them", unnamed,
			faults.errors, faults.errors == 1 ? "" : "s", daemon->options.file);
	return status;
}

// Brings config up: node, ports, names, snapshot. On failure nothing of it is left.
static int bring_up(struct daemon *daemon, const struct config *config, bool lenient,
	struct snapshot **snapshot, char *error, size_t error_size)
{
	int status = control_loop_listen(daemon, config, error, error_size);

	if (status == 0)
		status = dataplane_addresses_check(daemon, config, error, error_size);
	if (status == 0)
		status = dataplane_start(daemon, config, error, error_size);
	if (status == 0)
		status = dataplane_ports_open(daemon, config, lenient, error, error_size);
	if (status == 0)
		status = names_follow(daemon->names, config, error, error_size);
	if (status == 0)
		status = credentials_prepare(daemon, config, NULL, error, error_size);
	if (status == 0)
		status = dataplane_compile(daemon, config, snapshot, error, error_size);
	if (status != 0 && daemon->node != NULL)
		dataplane_abandon(daemon);
	return status;
}

static void run(struct daemon *daemon, struct config *config, char *text, struct snapshot *snapshot,
	uint64_t number)
{
	char why[400];

	if (revisions_mark_start(
		    daemon->revisions, number, (int64_t)daemon_time(), why, sizeof(why)) != 0)
		log_line(LOG_LEVEL_ERROR, "%s", why);
	dataplane_publish(daemon, snapshot, number);
	configuration_adopt(daemon, config, text, number, 0);
	daemon_event(daemon, EVENT_KIND_STARTED, "nexpathd %s runs revision %ju", NEXPATH_VERSION,
		(uintmax_t)number);
	privileges_drop(daemon);
}

// FILE's text as a new revision. text is taken on success.
static int run_file(struct daemon *daemon, struct file_text *file, char *error, size_t error_size)
{
	struct config *config;
	struct snapshot *snapshot;
	uint64_t number;
	int status = judge(daemon, file->text, daemon->options.file, &config, error, error_size);

	if (status != 0)
		return status;
	status = bring_up(daemon, config, false, &snapshot, error, error_size);
	if (status == 0) {
		status = revisions_add(daemon->revisions, file->text, strlen(file->text), "file",
			"", REVISION_CONFIRMED, (int64_t)daemon_time(), file->hash, &number, error,
			error_size);
		if (status != 0)
			snapshot_destroy(snapshot);
	}
	if (status != 0) {
		config_destroy(config);
		return status;
	}
	run(daemon, config, file->text, snapshot, number);
	file->text = NULL;
	return 0;
}

static int run_revision(struct daemon *daemon, uint64_t number, char *error, size_t error_size)
{
	char name[64];
	char *text;
	size_t length;
	struct config *config = NULL;
	struct snapshot *snapshot;
	int status = revisions_text(daemon->revisions, number, &text, &length, error, error_size);

	if (status != 0)
		return status;
	snprintf(name, sizeof(name), "revision %ju", (uintmax_t)number);
	status = judge(daemon, text, name, &config, error, error_size);
	if (status == 0)
		status = bring_up(daemon, config, true, &snapshot, error, error_size);
	if (status != 0) {
		config_destroy(config);
		free(text);
		return status;
	}
	run(daemon, config, text, snapshot, number);
	return 0;
}

// The revision, or where it does not start the confirmed one before it, and so on: an old
// configuration that serves is better than none. Fails with the newest one's reason.
static int run_newest(struct daemon *daemon, uint64_t number, char *error, size_t error_size)
{
	int first = run_revision(daemon, number, error, error_size);
	int status = first;
	char why[600];

	snprintf(why, sizeof(why), "%s", error);
	while (status != 0) {
		const struct revision *before = revisions_last_confirmed(daemon->revisions, number);

		if (before == NULL)
			return first;
		daemon_event(daemon, EVENT_KIND_CONFIG_SKIPPED, "revision %ju does not start: %s",
			(uintmax_t)number, why);
		// Its file will not mend; what else keeps it may pass, and the next start tries
		// again.
		if (status == -EBADMSG && revisions_set_state(daemon->revisions, number,
						  REVISION_REFUSED, why, sizeof(why)) != 0)
			log_line(LOG_LEVEL_ERROR, "%s", why);
		number = before->number;
		status = run_revision(daemon, number, why, sizeof(why));
	}
	return 0;
}

static void skipped_tell(struct daemon *daemon, const struct start_decision *decision)
{
	if (decision->skipped == 0)
		return;
	daemon_event(daemon, EVENT_KIND_CONFIG_SKIPPED, "revision %ju is not started again: %s",
		(uintmax_t)decision->skipped,
		decision->skipped_why == REVISION_FAILED
			? "nexpathd died under it 3 times within 60 s"
			: "it was not confirmed");
}

// The socket only, where the defaults have it.
static int run_empty(struct daemon *daemon, char *error, size_t error_size)
{
	struct config *config;
	int status = judge(daemon, "", "no configuration", &config, error, error_size);

	if (status != 0)
		return status;
	status = control_loop_listen(daemon, config, error, error_size);
	config_destroy(config);
	if (status == 0)
		daemon_event(daemon, EVENT_KIND_STARTED, "nexpathd %s runs without a configuration",
			NEXPATH_VERSION);
	return status;
}

int start_run(struct daemon *daemon, char *error, size_t error_size)
{
	struct file_text file;
	struct start_decision decision;
	int64_t now = (int64_t)daemon_time();
	bool readable = file_load(daemon, &file);
	char refused[600] = "";
	int status = revisions_choose(daemon->revisions, file.text != NULL ? file.hash : NULL, now,
		&decision, error, error_size);

	if (status == 0)
		skipped_tell(daemon, &decision);
	if (status == 0 && decision.choice == START_FILE) {
		status = run_file(daemon, &file, refused, sizeof(refused));
		if (status != 0) {
			status = revisions_choose(
				daemon->revisions, NULL, now, &decision, error, error_size);
			// Without a revision to go on with it is the process's last line.
			if (status == 0 && decision.choice == START_REVISION)
				daemon_event(daemon, EVENT_KIND_CONFIG_REFUSED, "%s", refused);
		}
	}
	free(file.text);
	if (status != 0 || decision.choice == START_FILE)
		return status;
	if (decision.choice == START_REVISION)
		return run_newest(daemon, decision.number, error, error_size);
	if (refused[0] != '\0' || !readable) {
		snprintf(error, error_size, "%s",
			refused[0] != '\0' ? refused
					   : "the configuration cannot be used, and there is "
					     "no revision to start");
		return -EINVAL;
	}
	return run_empty(daemon, error, error_size);
}

static void reload_done(void *context, const struct operation_result *result)
{
	if (result->code == 0)
		log_line(LOG_LEVEL_INFO, "reload: revision %ju", (uintmax_t)result->revision);
	else
		faults_log(result->faults, ((struct daemon *)context)->options.file);
	sd_notify(0, "READY=1");
}

// Whether a reload is under way, of which reload_done tells.
static bool reload_submit(struct daemon *daemon)
{
	struct file_text file;

	if (!file_load(daemon, &file) || file.text == NULL) {
		if (!file.exists)
			log_line(LOG_LEVEL_WARNING, "reload: there is no %s", daemon->options.file);
		return false;
	}

	struct operation_request request = {
		.kind = OPERATION_APPLY,
		.text = file.text,
		.drain_s = DRAIN_DEFAULT_S,
		.by = "file",
		.comment = "reload",
		.file_hash = file.hash,
		.done = reload_done,
		.context = daemon,
	};

	bool submitted = operation_submit(daemon->operations, &request) == 0;

	if (!submitted)
		log_line(LOG_LEVEL_ERROR, "reload: out of memory");
	free(file.text);
	return submitted;
}

void start_reload(struct daemon *daemon)
{
	if (!reload_submit(daemon))
		sd_notify(0, "READY=1");
}

static int check_machine(const struct config *config, struct config_faults *faults)
{
	struct config_machine machine;

	config_machine_here(&machine);
	machine.device_exists = port_device_exists;
	machine.credential_is_usable = credential_is_usable;
	return config_check_machine(config, &machine, faults);
}

int start_check(const struct options *options)
{
	static struct config_faults faults;
	const struct text_source source = {.file = options->file, .may_include = true};
	struct config *config;
	char why[400];
	char *text;
	size_t length;

	if (text_file_read(options->file, &text, &length, why, sizeof(why)) != 0) {
		fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	faults_init(&faults);

	int status = config_parse(text, length, &source, port_device_check, &faults, &config);

	free(text);
	if (status == 0) {
		if (options->action == OPTIONS_CHECK)
			status = check_machine(config, &faults);
		config_destroy(config);
	}
	for (uint32_t i = 0; i < faults.count; i++) {
		char line[FAULT_FILE_BYTES + FAULT_PATH_BYTES + 2 * FAULT_TEXT_BYTES + 64];

		fault_print(&faults.items[i], options->file, line, sizeof(line));
		fprintf(stderr, "%s\n", line);
	}
	if (status == -ENOMEM)
		fprintf(stderr, "%s: out of memory\n", options->file);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
