// SPDX-License-Identifier: BSD-3-Clause
#include "http/routes.h"

enum {
	PATH_END = -1,
	HOST_MAX = 255,
};

// A path byte by byte as servers may understand it: decoded, runs of '/' as one.
struct path_reader {
	const uint8_t *at;
	const uint8_t *end;
};

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte at the front and how many it is spelled with.
static int path_peek(const struct path_reader *r, uint32_t *spelled)
{
	int high;
	int low;

	*spelled = 1;
	if (r->at == r->end)
		return PATH_END;
	if (*r->at != '%' || r->end - r->at < 3)
		return *r->at;
	high = hex_value(r->at[1]);
	low = hex_value(r->at[2]);
	if (high < 0 || low < 0)
		return *r->at;
	*spelled = 3;
	return high << 4 | low;
}

static int path_next(struct path_reader *r)
{
	uint32_t spelled;
	int byte = path_peek(r, &spelled);

	if (byte == PATH_END)
		return byte;
	r->at += spelled;
	while (byte == '/' && path_peek(r, &spelled) == '/')
		r->at += spelled;
	return byte;
}

// Bytes of a path by which it could be other than it looks: most have none.
static bool is_suspect(uint8_t c)
{
	return c == '%' || c == '.' || c == ';' || c == '\\' || c == 0;
}

static bool has_suspects(struct nx_http_slice path)
{
	for (size_t i = 0; i < path.length; i++)
		if (is_suspect(path.data[i]))
			return true;
	return false;
}

bool http_path_is_plain(struct nx_http_slice path)
{
	struct path_reader r = {path.data, path.data + path.length};
	uint32_t dots = 0;
	uint32_t others = 0;

	if (!has_suspects(path))
		return true;
	for (;;) {
		int byte = path_next(&r);

		if (byte == 0 || byte == '\\')
			return false;
		// Some servers take what follows ';' for a parameter, and the name without it.
		if (byte == '/' || byte == ';' || byte == PATH_END) {
			if (others == 0 && (dots == 1 || dots == 2))
				return false;
			if (byte == PATH_END)
				return true;
			dots = others = 0;
		} else if (byte == '.') {
			dots++;
		} else {
			others++;
		}
	}
}

static bool path_covers(const struct snapshot_http *http, const struct snapshot_http_route *route,
	struct nx_http_slice path, uint32_t *covered)
{
	struct path_reader r = {path.data, path.data + path.length};
	const uint8_t *want = snapshot_http_text(http, route->path);
	uint32_t spelled;
	int next;

	for (uint32_t i = 0; i < route->path_length; i++)
		if (path_next(&r) != want[i])
			return false;
	next = path_peek(&r, &spelled);
	*covered = (uint32_t)(r.at - path.data);
	return next == PATH_END || next == '/';
}

static int host_compare(const struct snapshot_http *http, const struct snapshot_http_route *route,
	const uint8_t *host, uint32_t length)
{
	uint32_t shared = u32_min(length, route->host_length);
	int order = shared > 0 ? memcmp(snapshot_http_text(http, route->host), host, shared) : 0;

	return order != 0 ? order : (int)route->host_length - (int)length;
}

// The first route of this host among count from `first` on, or first + count.
static uint32_t host_first(const struct snapshot_http *http, uint32_t first, uint32_t count,
	const uint8_t *host, uint32_t length)
{
	uint32_t end = first + count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (host_compare(http, &http->routes[middle], host, length) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static bool find_among(const struct snapshot_http *http, uint32_t first, uint32_t count,
	const uint8_t *host, uint32_t length, struct nx_http_slice path, struct http_match *out)
{
	uint32_t end = first + count;

	for (uint32_t i = host_first(http, first, count, host, length); i < end; i++) {
		const struct snapshot_http_route *route = &http->routes[i];

		if (host_compare(http, route, host, length) != 0)
			return false;
		if (path_covers(http, route, path, &out->covered)) {
			out->route = route;
			return true;
		}
	}
	return false;
}

static uint32_t host_fold(struct nx_http_slice host, uint8_t *out)
{
	uint32_t length = (uint32_t)host.length;

	if (length > 0 && host.data[length - 1] == '.')
		length--;
	for (uint32_t i = 0; i < length; i++)
		out[i] = host.data[i] >= 'A' && host.data[i] <= 'Z' ? host.data[i] | 0x20
								    : host.data[i];
	return length;
}

bool http_route_find(const struct snapshot_http *http, struct nx_http_slice host,
	struct nx_http_slice path, struct http_match *out)
{
	uint8_t folded[HOST_MAX];
	uint32_t length = host.length <= HOST_MAX ? host_fold(host, folded) : 0;

	if (length > 0 && find_among(http, 0, http->exact, folded, length, path, out))
		return true;
	// Each label taken off leaves a shorter domain.
	for (uint32_t i = 0; i + 1 < length && http->wildcard > 0; i++)
		if (i > 0 && folded[i] == '.' &&
			find_among(http, http->exact, http->wildcard, folded + i + 1,
				length - i - 1, path, out))
			return true;
	return find_among(
		http, (uint32_t)http->exact + http->wildcard, http->any, NULL, 0, path, out);
}
