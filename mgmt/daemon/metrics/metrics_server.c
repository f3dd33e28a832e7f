// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/metrics/metrics_server.h"

#include <event2/http.h>

#include "daemon/events/log.h"
#include "daemon/methods/methods.h"
#include "daemon/metrics/metrics.h"

enum {
	HEADERS_MAX = 8192,
	BODY_MAX = 4096,
	IDLE_S = 10,
	CONNECTIONS_MAX = 64
};

struct metrics_server {
	struct daemon *daemon;
	struct evhttp *http;
};

static bool is_get(struct evhttp_request *request)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(request);

	if (command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD)
		return true;
	evhttp_send_error(request, HTTP_BADMETHOD, NULL);
	return false;
}

static void answer(struct evhttp_request *request, int code, const char *reason, const char *type,
	struct evbuffer *body)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
	evhttp_send_reply(request, code, reason, body);
	evbuffer_free(body);
}

static void on_metrics(struct evhttp_request *request, void *argument)
{
	const struct metrics_server *server = argument;
	struct evbuffer *body = evbuffer_new();

	if (!is_get(request)) {
		if (body != NULL)
			evbuffer_free(body);
		return;
	}
	if (body == NULL || metrics_render_all(server->daemon, body) != 0) {
		if (body != NULL)
			evbuffer_free(body);
		evhttp_send_error(request, HTTP_INTERNAL, "out of memory");
		return;
	}
	answer(request, HTTP_OK, "OK", "text/plain; version=0.0.4; charset=utf-8", body);
}

static void text_answer(
	struct evhttp_request *request, int code, const char *reason, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL) {
		evhttp_send_error(request, HTTP_INTERNAL, "out of memory");
		return;
	}
	evbuffer_add_printf(body, "%s\n", text);
	answer(request, code, reason, "text/plain; charset=utf-8", body);
}

static void on_health(struct evhttp_request *request, void *argument)
{
	if (is_get(request))
		text_answer(request, HTTP_OK, "OK", "ok");
}

static void on_ready(struct evhttp_request *request, void *argument)
{
	const struct metrics_server *server = argument;
	json_t *reasons = json_array();
	char text[1024] = "";
	size_t used = 0, index;
	json_t *reason;

	if (!is_get(request)) {
		json_decref(reasons);
		return;
	}
	if (health_is_ready(server->daemon, reasons)) {
		text_answer(request, HTTP_OK, "OK", "ready");
	} else {
		json_array_foreach(reasons, index, reason) if (used < sizeof(text)) used +=
			(size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
				index > 0 ? "\n" : "", json_string_value(reason));
		text_answer(request, HTTP_SERVUNAVAIL, "Service Unavailable", text);
	}
	json_decref(reasons);
}

int metrics_server_create(
	struct daemon *daemon, struct metrics_server **out, char *error, size_t error_size)
{
	struct metrics_server *server;
	char address[IP_ADDRESS_TEXT_MAX];
	const struct config_endpoint *e;

	if (daemon->config == NULL || daemon->config->management.metrics.port_first == 0)
		return 0;
	e = &daemon->config->management.metrics;
	server = calloc(1, sizeof(*server));
	if (server != NULL)
		server->http = evhttp_new(daemon->base);
	if (server == NULL || server->http == NULL) {
		free(server);
		snprintf(error, error_size, "management.metrics: out of memory");
		return -ENOMEM;
	}
	server->daemon = daemon;
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_timeout(server->http, IDLE_S);
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_cb(server->http, "/metrics", on_metrics, server);
	evhttp_set_cb(server->http, "/healthz", on_health, server);
	evhttp_set_cb(server->http, "/readyz", on_ready, server);
	ip_address_print(&e->address, address);
	errno = 0;
	if (evhttp_bind_socket(server->http, e->any ? "::" : address, e->port_first) == 0) {
		*out = server;
		return 0;
	}

	int status = errno != 0 ? -errno : -EADDRINUSE;

	snprintf(error, error_size,
		"management.metrics: %s port %u: %s; choose another address, or "
		"leave the key out",
		e->any ? "*" : address, e->port_first, strerror(-status));
	metrics_server_destroy(server);
	return status;
}

void metrics_serve(struct daemon *daemon)
{
	char why[300];

	if (daemon->metrics != NULL)
		return;

	int status = metrics_server_create(daemon, &daemon->metrics, why, sizeof(why));

	if (status != 0 && !daemon->metrics_told)
		daemon_event(daemon,
			status == -EADDRINUSE ? EVENT_KIND_PORT_CONFLICT
					      : EVENT_KIND_TCP_LISTENER_BIND_FAILED,
			"%s", why);
	if (daemon->metrics != NULL && daemon->metrics_told)
		log_line(LOG_LEVEL_INFO, "management.metrics is served");
	daemon->metrics_told = status != 0;
}

void metrics_server_destroy(struct metrics_server *server)
{
	if (server == NULL)
		return;
	evhttp_free(server->http);
	free(server);
}
