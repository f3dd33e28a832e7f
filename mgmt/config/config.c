// SPDX-License-Identifier: BSD-3-Clause
#include "config/config.h"

#include <netinet/in.h>

#include "config/parse.h"
#include "config/validate/validate.h"

uint8_t config_listener_wire_protocol(const struct config_listener *listener)
{
	return listener->protocol == PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP;
}

uint32_t config_listener_upstream(const struct config_listener *listener, uint32_t *cursor)
{
	if (*cursor == 0) {
		++*cursor;
		if (listener->upstream[0])
			return listener->upstream_index;
	}
	while (*cursor <= listener->http.routes.count) {
		const struct config_http_route *route =
			&config_http_routes(&listener->http)[(*cursor)++ - 1];

		if (route->upstream[0])
			return route->upstream_index;
	}
	return UINT32_MAX;
}

static int config_build(struct config *config, const char *text, size_t length,
	const struct text_source *source, config_device_check_fn *device_check,
	struct config_faults *faults)
{
	struct text_node *root = NULL;
	int rc = text_read(&config->arena, text, length, source, faults, &root);

	config->root = root;
	if (!rc)
		rc = config_fill(config, device_check, faults);
	if (!rc)
		rc = config_validate(config, faults);
	return rc;
}

int config_parse(const char *text, size_t length, const struct text_source *source,
	config_device_check_fn *device_check, struct config_faults *faults, struct config **out)
{
	struct config *config = calloc(1, sizeof(*config));
	int rc =
		config ? config_build(config, text, length, source, device_check, faults) : -ENOMEM;

	if (rc) {
		config_destroy(config);
		return rc;
	}
	*out = config;
	return 0;
}

void config_destroy(struct config *config)
{
	if (!config)
		return;
	arena_fini(&config->arena);
	free(config);
}

const struct config_credential *config_credential_find(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->credentials.count; i++)
		if (strcmp(config_credentials(c)[i].name, name) == 0)
			return &config_credentials(c)[i];
	return NULL;
}

const char *config_file_path(const char *value)
{
	return strncmp(value, "file:/", 6) == 0 ? value + strlen("file:") : NULL;
}

const char *credential_kind_name(uint32_t kind)
{
	static const char *const names[] = {"tls", "tls-client", "reality", "reality-client"};

	return names[kind];
}
