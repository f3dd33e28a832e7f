// SPDX-License-Identifier: BSD-3-Clause

// The process: its version, its start, the configuration that runs and its credentials.

#include "daemon/credentials.h"
#include "daemon/metrics/families/families.h"

static void build_info(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, 1, NEXPATH_VERSION);
}

static void config_revision(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)daemon->revision);
}

static void apply_failures(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)daemon->apply_failures);
}

static void credential_expiry_left(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint32_t i = 0; daemon->config != NULL && i < daemon->config->credentials.count; i++) {
		const char *name = config_credentials(daemon->config)[i].name;
		int64_t expiry = credentials_expiry(daemon, name);

		if (expiry != 0)
			metrics_series(out, (double)expiry - daemon_time(), name);
	}
}

static void start_time(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, daemon->started);
}

static const struct metrics_family FAMILIES[] = {
	GAUGE("nexpath_build_info", LABEL("version"), "1; the version is its label", build_info),
	GAUGE("nexpath_start_time_seconds", NO_LABELS, "when the process began, Unix time",
		start_time),
	GAUGE("nexpath_config_revision", NO_LABELS, "revision that runs, 0 for none",
		config_revision),
	COUNTER("nexpath_config_apply_failures_total", NO_LABELS, "configurations refused",
		apply_failures),
	GAUGE("nexpath_credential_expiry_seconds", LABEL("credential"),
		"until the first certificate of its file expires, below 0 once it has",
		credential_expiry_left),
};
const struct metrics_families metrics_process_families = {FAMILIES, nx_array_size(FAMILIES)};
