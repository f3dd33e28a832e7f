// SPDX-License-Identifier: BSD-3-Clause

// Which text an operation wants to run.

#include "config/edit/edit.h"
#include "config/edit/hidden.h"
#include "daemon/operation.h"

int text_reveal(
	const struct daemon *daemon, const char *text, struct config_faults *faults, char **out)
{
	int status = hidden_resolve(text, daemon->text, hidden_by_schema, faults, out);

	if (status != -EINVAL || faults->errors > 0)
		return status;

	char *copy_of_text = strdup(text);

	if (copy_of_text == NULL)
		return -ENOMEM;
	*out = copy_of_text;
	return 0;
}

int operation_text_make(struct daemon *daemon, struct operation *o, char **out)
{
	const struct operation_request *r = &o->request;
	char why[400] = "out of memory";
	size_t length;
	int status;

	switch (r->kind) {
	case OPERATION_LISTENER_ADD:
		status = edit_listener_add(
			daemon->text, r->settings, r->settings_count, out, why, sizeof(why));
		break;
	case OPERATION_LISTENER_REMOVE:
		status = edit_listener_remove(daemon->text, r->name, out, why, sizeof(why));
		break;
	case OPERATION_DRAIN_TARGET:
		status = edit_upstream_drain(
			daemon->text, r->name, r->target, out, why, sizeof(why));
		break;
	case OPERATION_ROLLBACK:
	case OPERATION_REVERT:
		if (r->revision == 0) {
			*out = strdup("");
			return *out != NULL
				       ? 0
				       : operation_fail(o, RPC_INTERNAL_ERROR, "", "", "%s", why);
		}
		status = revisions_text(
			daemon->revisions, r->revision, out, &length, why, sizeof(why));
		break;
	default:
		o->judged = true;
		status = text_reveal(daemon, r->text, &o->faults, out);
		if (status == -EINVAL)
			return operation_fail_faults(o);
		break;
	}
	if (status == 0)
		return 0;
	return operation_fail_line(o, status == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "", why);
}

int operation_revision_choose(struct daemon *daemon, struct operation *o)
{
	struct operation_request *r = &o->request;

	if (r->kind == OPERATION_REVERT) {
		r->revision = daemon->pending_before;
		return 0;
	}
	if (r->kind != OPERATION_ROLLBACK)
		return 0;
	if (r->revision == 0 && daemon->pending != 0) {
		r->revision = daemon->pending_before;
	} else if (r->revision == 0) {
		const struct revision *before =
			revisions_last_confirmed(daemon->revisions, daemon->revision);

		if (before == NULL)
			return operation_fail(o, RPC_NOT_FOUND, "revision",
				"nexpath config history",
				"there is no confirmed revision before the current one");
		r->revision = before->number;
	} else if (revisions_find(daemon->revisions, r->revision) == NULL) {
		return operation_fail(o, RPC_NOT_FOUND, "revision", "nexpath config history",
			"revision %ju is not kept", (uintmax_t)r->revision);
	}
	return 0;
}
