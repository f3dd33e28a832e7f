// SPDX-License-Identifier: BSD-3-Clause
// A listener's HTTP routes as workers read them (http/routes.h): sorted, in one block.
#include <ctype.h>

#include "config/compile/compile_services.h"

static const uint16_t statuses[] = {301, 302, 303, 307, 308};

// One route on its way, its texts where the configuration has them.
struct route_build {
	const struct config_http_route *from;
	uint32_t kind; // 0 exact, 1 wildcard, 2 any
	const char *host;
	size_t host_length;
	const char *path;
	size_t path_length;
};

static struct route_build build_of(const struct config_http_route *from)
{
	struct route_build b = {.from = from, .host = from->host, .path = from->path};

	if (strncmp(from->host, "*.", 2) == 0) {
		b.kind = 1;
		b.host += 2;
	} else if (!from->host[0]) {
		b.kind = 2;
	}
	b.host_length = strlen(b.host);
	b.path_length = strlen(b.path);
	while (b.path_length > 0 && b.path[b.path_length - 1] == '/')
		b.path_length--;
	return b;
}

static int host_order(const struct route_build *a, const struct route_build *b)
{
	size_t shared = a->host_length < b->host_length ? a->host_length : b->host_length;
	int order = strncasecmp(a->host, b->host, shared);

	// As memcmp has it of lower-case names.
	return order != 0 ? order : (int)a->host_length - (int)b->host_length;
}

static int route_order(const void *left, const void *right)
{
	const struct route_build *a = left;
	const struct route_build *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (host_order(a, b) != 0)
		return host_order(a, b);
	if (a->path_length != b->path_length)
		return a->path_length > b->path_length ? -1 : 1;
	return strncmp(a->path, b->path, a->path_length);
}

// Copies a text behind the others; where it begins.
static uint32_t text_put(char *texts, uint32_t *used, const char *text, size_t length)
{
	uint32_t at = *used;

	memcpy(texts + at, text, length);
	*used += (uint32_t)length;
	return at;
}

static void route_fill(const struct compiling *c, const struct route_build *b, char *texts,
	uint32_t *used, struct snapshot_http_route *out)
{
	const struct config_http_route *from = b->from;
	bool to_https = strncmp(from->redirect, "https", 5) == 0 && from->redirect[5] != ':';
	const char *redirect = from->redirect;

	// "https:8443" is the same host, "https://..." another.
	to_https |= strncmp(redirect, "https:", 6) == 0 && redirect[6] != '/';
	if (to_https)
		redirect += 5;
	*out = (struct snapshot_http_route){
		.host = text_put(texts, used, b->host, b->host_length),
		.path = text_put(texts, used, b->path, b->path_length),
		.redirect = text_put(texts, used, redirect, strlen(redirect)),
		.host_length = (uint16_t)b->host_length,
		.path_length = (uint16_t)b->path_length,
		.redirect_length = (uint16_t)strlen(redirect),
		.upstream = from->upstream[0]
				    ? slot_map_find(c->slots, SLOT_UPSTREAM, from->upstream)
				    : SLOT_NONE,
		.status = statuses[from->status],
		.strip_prefix = from->strip_prefix,
		.keep_path = from->keep_path,
		.keep_query = from->keep_query,
		.to_https = to_https,
	};
	for (uint32_t i = 0; i < b->host_length; i++)
		texts[out->host + i] = (char)tolower((unsigned char)texts[out->host + i]);
}

static uint32_t texts_length(const struct route_build *builds, uint32_t count)
{
	size_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += builds[i].host_length + builds[i].path_length +
			  strlen(builds[i].from->redirect);
	return (uint32_t)length;
}

// Whether clients may speak HTTP/2: those who are offered it in their handshake, and those who know
// us beforehand, as REALITY's do.
static bool has_http2(const struct compiling *c, const struct config_listener *listener)
{
	const struct config_strings *names = &listener->transport.credentials;

	if (listener->transport.security == SECURITY_REALITY)
		return true;
	for (uint32_t i = 0; i < names->count; i++) {
		const struct config_credential *credential =
			config_credential_find(c->input->config, names->items[i]);

		for (uint32_t k = 0; credential && k < credential->alpn.count; k++)
			if (strcmp(credential->alpn.items[k], "h2") == 0)
				return true;
	}
	return false;
}

static struct snapshot_http *http_make(const struct compiling *c,
	const struct config_listener *listener, const struct route_build *builds, uint32_t count)
{
	const struct config_http *from = &listener->http;
	size_t text = sizeof(struct snapshot_http) + count * sizeof(struct snapshot_http_route);
	size_t bytes = text + texts_length(builds, count);
	struct snapshot_http *http = calloc(1, bytes);
	uint32_t used = 0;

	if (!http)
		return NULL;
	http->bytes = (uint32_t)bytes;
	http->text = (uint32_t)text;
	http->head_bytes = from->head_bytes;
	http->head_fields = from->head_fields;
	http->http2_streams = from->http2_streams;
	http->http2_idle_frames = from->http2_idle_frames;
	http->http2_resets = from->http2_resets;
	http->head_timeout = from->head_timeout_s * USEC_PER_SECOND;
	http->keepalive_timeout = from->keepalive_timeout_s * USEC_PER_SECOND;
	http->response_timeout = from->response_timeout_s * USEC_PER_SECOND;
	http->requests_per_source = from->requests_per_source;
	http->access_log = from->access_log;
	http->http2 = has_http2(c, listener);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t *counts[] = {&http->exact, &http->wildcard, &http->any};

		++*counts[builds[i].kind];
		route_fill(c, &builds[i], (char *)http + text, &used, &http->routes[i]);
	}
	return http;
}

static bool is_same(const struct snapshot_http *a, const struct snapshot_http *b)
{
	size_t skip = offsetof(struct snapshot_http, bytes);

	return a && a->bytes == b->bytes &&
	       memcmp((const char *)a + skip, (const char *)b + skip, a->bytes - skip) == 0;
}

int compile_http(const struct compiling *c, const struct config_listener *listener,
	const struct snapshot_http *before, const struct snapshot_http **out)
{
	uint32_t count = listener->http.routes.count;
	struct route_build *builds = calloc(count + 1, sizeof(*builds));
	// The listener's upstream serves what no route covers.
	const struct config_http_route rest = {
		.host = "", .path = "/", .redirect = "", .upstream = listener->upstream};
	struct snapshot_http *http;

	if (!builds)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		builds[i] = build_of(&config_http_routes(&listener->http)[i]);
	if (listener->upstream[0])
		builds[count++] = build_of(&rest);
	qsort(builds, count, sizeof(*builds), route_order);
	http = http_make(c, listener, builds, count);
	free(builds);
	if (!http)
		return -ENOMEM;
	if (is_same(before, http)) {
		free(http);
		*out = snapshot_http_share(before);
		return 0;
	}
	http->references = 1;
	*out = http;
	return 0;
}
