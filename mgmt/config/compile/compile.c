// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_parts.h"

int compile_fail(struct compiling *c, int rc, const char *what)
{
	if (rc == -ENOMEM)
		snprintf(
			c->error, c->error_size, "out of memory while compiling the configuration");
	else
		snprintf(c->error, c->error_size, "%s; take some away", what);
	return rc;
}

static int compile_all(struct compiling *c)
{
	int rc = own_addresses_list(c->input->config, &c->own);

	if (rc)
		return compile_fail(c, rc, "");
	slot_map_begin(c->slots);
	rc = compile_netifs(c);
	if (!rc)
		rc = compile_emulate(c);
	if (!rc)
		rc = compile_routes(c);
	if (!rc)
		rc = compile_services(c);
	if (!rc)
		rc = compile_listen(c);
	return rc;
}

int snapshot_compile(const struct compile_input *input, struct slot_map *slots,
	struct snapshot **out, char *error, size_t error_size)
{
	struct compiling c = {.input = input, .error = error, .error_size = error_size};
	int rc = slot_map_clone(slots, &c.slots);

	if (rc)
		return compile_fail(&c, rc, "");
	c.snapshot = calloc(1, sizeof(*c.snapshot));
	rc = c.snapshot ? compile_all(&c) : compile_fail(&c, -ENOMEM, "");
	free(c.own.items);
	free(c.netif_slots);
	if (rc) {
		snapshot_destroy(c.snapshot);
		slot_map_destroy(c.slots);
		return rc;
	}
	c.snapshot->revision = input->revision;
	c.snapshot->generation = input->generation;
	slot_map_take(slots, c.slots);
	*out = c.snapshot;
	return 0;
}
