// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/reload.h"

#include "daemon/credential_files.h"
#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/target_probes.h"

static uint32_t changed_tell(struct daemon *daemon, const char *by)
{
	const struct config_credential *credentials = config_credentials(daemon->config);
	uint32_t changed = 0;

	for (uint32_t i = 0; i < daemon->config->credentials.count; i++) {
		if (!credentials_have_changed(daemon, credentials[i].name))
			continue;
		changed++;
		daemon_event(daemon, EVENT_KIND_CREDENTIAL_RELOADED,
			"credential \"%s\" was read again for %s", credentials[i].name, by);
	}
	return changed;
}

static int read_again(struct daemon *daemon, const char *name, struct snapshot **snapshot,
	char *error, size_t error_size)
{
	int status = credentials_check(daemon->config, name, error, error_size);

	if (status == 0)
		status = credentials_prepare(daemon, daemon->config, name, error, error_size);
	if (status == 0)
		status = dataplane_compile(daemon, daemon->config, snapshot, error, error_size);
	if (status != 0)
		credentials_abandon(daemon);
	return status;
}

int credentials_reload(struct daemon *daemon, const char *name, const char *by, uint32_t *changed,
	char *error, size_t error_size)
{
	struct snapshot *snapshot;
	int status;

	if (daemon->config == NULL || daemon->node == NULL) {
		snprintf(error, error_size,
			"no configuration runs yet; `nexpath config apply FILE` makes one run");
		return -EINVAL;
	}
	if (name != NULL && config_credential_find(daemon->config, name) == NULL) {
		snprintf(error, error_size,
			"there is no credential \"%s\"; `nexpath credential list` shows them all",
			name);
		return -ENOENT;
	}
	status = read_again(daemon, name, &snapshot, error, error_size);
	if (status != 0) {
		daemon_event(daemon, EVENT_KIND_CREDENTIAL_REFUSED,
			"credentials were refused, those before stay: %s", error);
		return status == -ENOENT ? -EINVAL : status;
	}
	*changed = changed_tell(daemon, by);
	dataplane_publish(daemon, snapshot, daemon->revision);
	target_probes_renew(daemon, name);
	return 0;
}
