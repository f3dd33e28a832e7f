// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/event_document.h"

int event_document(FILE *out)
{
	fputs("# Events\n\n"
	      "What `nexpath events` shows: `{seq, time, kind, severity, message, hint}`. The last 10,000 are kept\n"
	      "while the process runs; `seq` counts from 1. The message names the object, the hint says what to do.\n"
	      "Requests of HTTP listeners are no events: the access log has them (http.md). A target that their\n"
	      "sessions cannot connect to, or shake hands with, is told as any other's.\n"
	      "This page is made by `nexpath-document events`.\n\n"
	      "| kind | severity | hint |\n|---|---|---|\n",
		out);
	for (int k = 0; k < EVENT_KIND_COUNT; k++)
		fprintf(out, "| `%s` | %s | %s |\n", event_kind_name(k),
			event_severity_name(event_kind_severity(k)), event_kind_hint(k));
	return ferror(out) ? -EIO : 0;
}
