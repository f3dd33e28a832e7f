// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/metrics/families/families.h"

// In the order of the page.
static const struct metrics_families *const TABLE[] = {
	&metrics_process_families,
	&metrics_ports_families,
	&metrics_services_families,
	&metrics_workers_families,
	&metrics_sessions_families,
	&metrics_tcp_families,
	&metrics_reality_families,
	&metrics_http_families,
	&metrics_tls_families,
	&metrics_pipeline_families,
	&metrics_management_families,
};

const struct metrics_family *metrics_family_at(size_t index)
{
	for (size_t i = 0; i < nx_array_size(TABLE); i++) {
		if (index < TABLE[i]->count)
			return &TABLE[i]->rows[index];
		index -= TABLE[i]->count;
	}
	return NULL;
}

int metrics_render_all(const struct daemon *daemon, struct evbuffer *out)
{
	int status = 0;

	for (size_t i = 0; status == 0 && i < nx_array_size(TABLE); i++)
		status = metrics_render(TABLE[i]->rows, TABLE[i]->count, daemon, out);
	return status;
}
