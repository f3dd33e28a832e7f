// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/dataplane.h"

#include "config/compile/compile.h"
#include "daemon/credentials.h"
#include "daemon/events/log.h"
#include "daemon/names.h"
#include "daemon/start/eal.h"
#include "daemon/start/privileges.h"
#include "io/interface.h"
#include "slowpath/key_log.h"
#include "slowpath/service.h"

enum {
	STALLED_S = 1,
};

static int slowpath_make(
	const struct config *config, struct slowpath **out, char *error, size_t error_size)
{
	struct slowpath_config settings = {
		.workers = config->workers.cpus.count,
		.threads = config->slowpath.threads,
		.cpus = config->slowpath.cpus.items,
		.cpu_count = config->slowpath.cpus.count,
		.admission =
			{
				.handshakes = config->slowpath.handshakes,
				.handshakes_per_source = config->slowpath.source_handshakes,
				.rate = config->slowpath.source_rate,
				.burst = config->slowpath.source_rate,
			},
		.timeout = config->slowpath.handshake_timeout_s * USEC_PER_SECOND,
	};

	return slowpath_create(&settings, out, error, error_size);
}

static void worker_wake_from_slowpath(void *context, uint32_t worker)
{
	node_worker_wake(context, worker);
}

// Only whoever starts nexpathd can have the secrets of handshakes written down, no configuration.
static void key_log_start(struct daemon *daemon)
{
	const char *path = getenv("NEXPATH_KEY_LOG");
	int status = key_log_open(path);

	if (status != 0)
		log_line(LOG_LEVEL_ERROR, "NEXPATH_KEY_LOG: %s: %s", path, strerror(-status));
	else if (path != NULL)
		daemon_event(daemon, EVENT_KIND_KEY_LOG_ON,
			"the secrets of every TLS handshake are written to %s", path);
}

// The node, with a slow path where memory can be locked for one.
static int node_create_secured(struct daemon *daemon, const struct config *config,
	struct node_config *settings, char *error, size_t error_size)
{
	int status = slowpath_make(config, &daemon->slowpath, error, error_size);

	if (status == 0) {
		settings->slow = slowpath_links(daemon->slowpath);
		key_log_start(daemon);
		status = node_create(settings, &daemon->node, error, error_size);
		if (status == 0)
			return 0;
		slowpath_destroy(daemon->slowpath);
		daemon->slowpath = NULL;
	}
	log_line(LOG_LEVEL_WARNING, "no TLS: %s", error);
	settings->slow = NULL;
	return node_create(settings, &daemon->node, error, error_size);
}

static int node_make(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size)
{
	const struct config_workers *workers = &config->workers;
	struct node_config settings = {
		.worker_count = (uint16_t)workers->cpus.count,
		.idle = workers->idle,
		.burst = (uint16_t)workers->burst,
		.memory_mb = workers->memory_mb,
		.sessions = workers->sessions,
		.huge = daemon->huge,
	};

	snprintf(settings.name, sizeof(settings.name), "%s", daemon->options.file_prefix);
	memcpy(settings.cpus, workers->cpus.items, sizeof(settings.cpus));

	int status = node_create_secured(daemon, config, &settings, error, error_size);

	if (status == 0)
		status = node_start(daemon->node, error, error_size);
	if (status == 0 && daemon->slowpath != NULL)
		status = slowpath_start(daemon->slowpath, daemon->node, worker_wake_from_slowpath,
			error, error_size);
	if (status != 0)
		dataplane_abandon(daemon);
	return status;
}

static bool has_pci(const struct config *config)
{
	const struct config_port *ports = config_ports(config);

	for (uint32_t i = 0; i < config->ports.count; i++)
		if (eal_device_is_pci(ports[i].device))
			return true;
	return false;
}

int dataplane_start(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size)
{
	struct eal_request request = {
		.file_prefix = daemon->options.file_prefix,
		.no_huge = daemon->options.no_huge,
		.config = config,
	};

	if (daemon->node != NULL)
		return 0;

	bool pci = has_pci(config);

	ports_prepare();
	if (!pci)
		privileges_drop_capabilities(config);

	int status = eal_start(&request, &daemon->huge, error, error_size);

	if (pci)
		privileges_drop_capabilities(config);
	if (status == 0)
		status = node_make(daemon, config, error, error_size);
	if (status == 0)
		node_session_log_level(daemon->node, config->log.sessions);
	return status;
}

const struct open_port *dataplane_port(const struct daemon *daemon, const struct config_port *port)
{
	for (uint16_t i = 0; i < daemon->port_count; i++) {
		const struct open_port *open = &daemon->ports[i];

		if (strcmp(open->name, port->name) == 0 &&
			strcmp(open->device, port->device) == 0 && open->mtu == port->mtu &&
			open->queues == port->queues)
			return open;
	}
	return NULL;
}

static void spare_tell(const struct port *port)
{
	if (port->spare_error != 0)
		log_line(LOG_LEVEL_INFO,
			"port %s: the kernel walks the port's frames too, which costs time (%s); "
			"not so from Linux 6.6 on, with CAP_BPF at the start",
			port->name, strerror(-port->spare_error));
}

static int port_add(
	struct daemon *daemon, const struct config_port *port, char *error, size_t error_size)
{
	struct port_request request = {
		.mtu = (uint16_t)port->mtu,
		.queues = (uint16_t)port->queues,
		.transmit_queues = node_worker_count(daemon->node),
		.huge = daemon->huge,
	};
	struct open_port *open = &daemon->ports[daemon->port_count];
	uint16_t index;

	if (daemon->port_count == MAX_PORTS) {
		snprintf(error, error_size,
			"more than %d ports; restart nexpathd to drop those that "
			"are no longer configured",
			MAX_PORTS);
		return -ENOSPC;
	}
	snprintf(request.name, sizeof(request.name), "%s", port->name);
	snprintf(request.device, sizeof(request.device), "%s", port->device);

	int status = node_port_add(daemon->node, &request, &index, error, error_size);

	if (status != 0)
		return status;
	*open = (struct open_port){.mtu = port->mtu, .queues = port->queues, .index = index};
	snprintf(open->name, sizeof(open->name), "%s", port->name);
	snprintf(open->device, sizeof(open->device), "%s", port->device);
	daemon->port_count++;
	spare_tell(node_port(daemon->node, index));
	return 0;
}

static bool prefixes_have(const struct config_prefixes *prefixes, const struct ip_address *address)
{
	for (uint32_t i = 0; i < prefixes->count; i++)
		if (ip_address_equal(&prefixes->items[i].address, address))
			return true;
	return false;
}

// The listeners that have no port because this one did not open.
static void listeners_unbound_tell(
	struct daemon *daemon, const struct config *config, const struct config_port *port)
{
	const struct config_listener *listeners = config_listeners(config);
	const struct config_vlan *vlans = config_vlans(port);

	for (uint32_t i = 0; i < config->listeners.count; i++) {
		const struct config_endpoint *at = &listeners[i].listen;
		bool on_port = !at->any && prefixes_have(&port->address, &at->address);
		char address[ENDPOINT_TEXT_BYTES];

		for (uint32_t v = 0; !at->any && v < port->vlans.count; v++)
			on_port = on_port || prefixes_have(&vlans[v].address, &at->address);
		if (!on_port)
			continue;
		daemon_event(daemon,
			config_listener_wire_protocol(&listeners[i]) == IPPROTO_TCP
				? EVENT_KIND_TCP_LISTENER_BIND_FAILED
				: EVENT_KIND_UDP_LISTENER_BIND_FAILED,
			"listener \"%s\": %s is on port %s, which does not open", listeners[i].name,
			endpoint_print(&at->address, at->port_first, address), port->name);
	}
}

int dataplane_ports_open(struct daemon *daemon, const struct config *config, bool lenient,
	char *error, size_t error_size)
{
	const struct config_port *ports = config_ports(config);

	for (uint32_t i = 0; i < config->ports.count; i++) {
		char why[400];

		if (dataplane_port(daemon, &ports[i]) != NULL)
			continue;

		int status = port_add(daemon, &ports[i], why, sizeof(why));

		if (status == 0)
			continue;
		if (!lenient) {
			snprintf(error, error_size, "ports.%s: %s", ports[i].name, why);
			return status;
		}
		daemon_event(daemon, EVENT_KIND_PORT_GONE, "port %s does not open: %s",
			ports[i].name, why);
		listeners_unbound_tell(daemon, config, &ports[i]);
	}
	return 0;
}

void dataplane_ports_retry(struct daemon *daemon)
{
	const struct config_port *ports =
		daemon->config != NULL ? config_ports(daemon->config) : NULL;

	for (uint32_t i = 0;
		daemon->node != NULL && ports != NULL && i < daemon->config->ports.count; i++) {
		char why[400];

		if (dataplane_port(daemon, &ports[i]) != NULL ||
			port_add(daemon, &ports[i], why, sizeof(why)) != 0)
			continue;
		daemon_event(daemon, EVENT_KIND_PORT_UP, "port %s opened", ports[i].name);
		daemon->recompile = true;
	}
}

// "eth1" of "af_packet:eth1"; NULL for devices that are no kernel interface.
static const char *kernel_interface(const char *device)
{
	static const char *const KINDS[] = {"af_packet:", "af_xdp:", "tap:"};

	for (size_t i = 0; i < nx_array_size(KINDS); i++)
		if (strncmp(device, KINDS[i], strlen(KINDS[i])) == 0)
			return device + strlen(KINDS[i]);
	return NULL;
}

static int prefixes_check(const char *interface, const struct config_prefixes *prefixes,
	const char *path, char *error, size_t error_size)
{
	for (uint32_t i = 0; i < prefixes->count; i++) {
		const struct ip_address *address = &prefixes->items[i].address;
		char text[IP_ADDRESS_TEXT_MAX];
		uint8_t length;

		if (!kernel_holds_address(interface, address, &length))
			continue;
		ip_address_print(address, text);
		snprintf(error, error_size,
			"%s: the kernel holds %s on %s too and would reset every "
			"connection; run `ip addr del %s/%u dev %s`",
			path, text, interface, text, length, interface);
		return -EADDRINUSE;
	}
	return 0;
}

int dataplane_addresses_check(
	struct daemon *daemon, const struct config *config, char *error, size_t error_size)
{
	const struct config_port *ports = config_ports(config);

	for (uint32_t i = 0; i < config->ports.count; i++) {
		const char *interface = kernel_interface(ports[i].device);
		const struct config_vlan *vlans = config_vlans(&ports[i]);
		char path[NAME_BYTES + 32];

		if (interface == NULL)
			continue;
		snprintf(path, sizeof(path), "ports.%s.address", ports[i].name);

		int status = prefixes_check(interface, &ports[i].address, path, error, error_size);

		for (uint32_t v = 0; status == 0 && v < ports[i].vlans.count; v++)
			status = prefixes_check(
				interface, &vlans[v].address, path, error, error_size);
		if (status != 0) {
			daemon_event(daemon, EVENT_KIND_ADDRESS_HELD_BY_KERNEL, "%s", error);
			return status;
		}
	}
	return 0;
}

struct compile_context {
	struct daemon *daemon;
	const struct config *config;
};

static uint16_t port_index_of(void *context, const char *name)
{
	const struct compile_context *c = context;
	const struct config_port *ports = config_ports(c->config);

	for (uint32_t i = 0; i < c->config->ports.count; i++) {
		const struct open_port *open;

		if (strcmp(ports[i].name, name) != 0)
			continue;
		open = dataplane_port(c->daemon, &ports[i]);
		return open != NULL ? open->index : SLOT_NONE;
	}
	return SLOT_NONE;
}

static uint32_t resolve(void *context, const char *name, const struct ip_address **out)
{
	const struct compile_context *c = context;

	return names_resolve(c->daemon, name, out);
}

static uint32_t security(void *context, const struct config_listener *listener)
{
	const struct compile_context *c = context;

	return credentials_number(c->daemon, listener);
}

static uint32_t upstream_security(void *context, const struct config_upstream *upstream)
{
	const struct compile_context *c = context;

	return credentials_upstream_number(c->daemon, upstream);
}

int dataplane_compile(struct daemon *daemon, const struct config *config, struct snapshot **out,
	char *error, size_t error_size)
{
	struct compile_context context = {daemon, config};
	struct compile_input input = {
		.config = config,
		.revision = daemon->revision,
		.generation = daemon->generation + 1,
		.context = &context,
		.port_index = port_index_of,
		.resolve = resolve,
		.security = security,
		.upstream_security = upstream_security,
	};
	struct snapshot *snapshot;
	int status = snapshot_compile(&input, daemon->slots, &snapshot, error, error_size);

	if (status != 0)
		return status;
	daemon->generation++;
	status = node_emulation_prepare(daemon->node, snapshot, error, error_size);
	if (status == 0)
		*out = snapshot;
	else
		snapshot_destroy(snapshot);
	return status;
}

void dataplane_forwarding_check(struct daemon *daemon)
{
	for (uint16_t i = 0; i < daemon->port_count; i++) {
		struct open_port *open = &daemon->ports[i];
		const char *interface = kernel_interface(open->device);

		if (interface == NULL)
			continue;
		bool v4 = kernel_forwards_ipv4(interface), v6 = kernel_forwards_ipv6(interface);

		// Once, until it has been switched off in between.
		if ((v4 || v6) && !open->forwarding_told)
			daemon_event(daemon, EVENT_KIND_KERNEL_FORWARDING,
				"the kernel forwards %s on %s, which port %s uses",
				v4 && v6 ? "IPv4 and IPv6"
				: v4     ? "IPv4"
					 : "IPv6",
				interface, open->name);
		open->forwarding_told = v4 || v6;
	}
}

void dataplane_publish(struct daemon *daemon, struct snapshot *snapshot, uint64_t revision)
{
	snapshot->revision = revision;
	// Only one publication is ever outstanding: callers wait until the node is settled.
	nx_bug_on(node_publish(daemon->node, snapshot) != 0);
	credentials_commit(daemon);
}

bool dataplane_is_settled(struct daemon *daemon)
{
	if (daemon->node == NULL)
		return true;
	node_poll(daemon->node, node_now(daemon->node));
	return node_is_settled(daemon->node);
}

void dataplane_refresh(struct daemon *daemon)
{
	struct snapshot *snapshot;
	char why[400];

	if (daemon->node == NULL || daemon->config == NULL)
		return;
	if (dataplane_compile(daemon, daemon->config, &snapshot, why, sizeof(why)) == 0)
		dataplane_publish(daemon, snapshot, daemon->revision);
	else
		log_line(LOG_LEVEL_ERROR, "compiling revision %ju again: %s",
			(uintmax_t)daemon->revision, why);
}

uint64_t dataplane_listener_sessions(const struct daemon *daemon, uint16_t slot)
{
	if (daemon->node == NULL || slot == SLOT_NONE)
		return 0;
	return node_listener_sessions(daemon->node, slot);
}

static bool is_unused(void *context, enum slot_kind kind, uint16_t slot)
{
	const struct daemon *daemon = context;

	if (kind == SLOT_LISTENER)
		return node_listener_sessions(daemon->node, slot) == 0;
	return node_target_sessions(daemon->node, slot) == 0;
}

void dataplane_sweep(struct daemon *daemon)
{
	if (daemon->node == NULL || slot_map_pending_count(daemon->slots) == 0)
		return;
	if (slot_map_sweep(daemon->slots, daemon, is_unused) > 0)
		daemon->recompile = true;
}

static int node_end(struct daemon *daemon, char *error, size_t error_size)
{
	int status = 0;

	// Its threads wake workers: they end first, and what both share last.
	if (daemon->slowpath != NULL)
		slowpath_stop(daemon->slowpath);
	if (daemon->node != NULL)
		status = node_destroy(daemon->node, error, error_size);
	daemon->node = NULL;
	slowpath_destroy(daemon->slowpath);
	daemon->slowpath = NULL;
	credentials_forget(daemon);
	return status;
}

void dataplane_abandon(struct daemon *daemon)
{
	char ignored[256];

	(void)node_end(daemon, ignored, sizeof(ignored));
	daemon->port_count = 0;
}

static enum event_kind kind_of(const struct slowpath_report *report)
{
	switch (report->failure) {
	case SLOW_FAILURE_UNTRUSTED:
		return EVENT_KIND_TLS_UPSTREAM_UNTRUSTED;
	case SLOW_FAILURE_REAL:
		return EVENT_KIND_REALITY_REAL_CERTIFICATE;
	case SLOW_FAILURE_FOREIGN:
		return EVENT_KIND_REALITY_FOREIGN_CERTIFICATE;
	default:
		return EVENT_KIND_TLS_UPSTREAM_FAILED;
	}
}

// Why handshakes with targets fail.
static void reports_tell(struct daemon *daemon)
{
	struct slowpath_report r;
	char times[32] = "";

	while (daemon->slowpath != NULL && slowpath_report_take(daemon->slowpath, &r)) {
		if (r.count > 1)
			snprintf(times, sizeof(times), " (%u times)", r.count);
		daemon_event(daemon, kind_of(&r), "upstream %s: target %s: %s%s",
			credentials_upstream(daemon, r.profile), r.target, r.reason, times);
		times[0] = '\0';
	}
}

static void stall_tell(struct daemon *daemon, uint32_t thread)
{
	usec_t busy = slowpath_stalled(daemon->slowpath, thread);
	bool stalled = busy > STALLED_S * USEC_PER_SECOND;
	uint64_t bit = UINT64_C(1) << thread;

	if (stalled && (daemon->slowpath_stalled & bit) == 0)
		daemon_event(daemon, EVENT_KIND_SLOWPATH_STALLED,
			"thread %u of the slow path made no turn for %.1f s", thread,
			(double)busy / USEC_PER_SECOND);
	if (!stalled && (daemon->slowpath_stalled & bit) != 0)
		daemon_event(daemon, EVENT_KIND_SLOWPATH_RESUMED,
			"thread %u of the slow path goes on", thread);
	daemon->slowpath_stalled = (daemon->slowpath_stalled & ~bit) | (stalled ? bit : 0);
}

// A thread that is there says so within a few milliseconds, whatever it has to do.
static void silence_tell(struct daemon *daemon, uint32_t thread)
{
	uint64_t bit = UINT64_C(1) << thread, handshakes;
	usec_t since = slowpath_silence(daemon->slowpath, thread, &handshakes);
	usec_t now = node_now(daemon->node);
	bool was_silent = (daemon->slowpath_silent & bit) != 0;

	if (since == 0 && was_silent) {
		daemon->slowpath_silent &= ~bit;
		daemon_event(daemon, EVENT_KIND_SLOWPATH_ANSWERS,
			"thread %u of the slow path answers again", thread);
	}
	if (since == 0 || was_silent || now < since + STALLED_S * USEC_PER_SECOND)
		return;
	daemon->slowpath_silent |= bit;
	daemon_event(daemon, EVENT_KIND_SLOWPATH_SILENT,
		"thread %u of the slow path answers nothing: %ju handshakes ran out of time",
		thread, (uintmax_t)handshakes);
}

void dataplane_slowpath_check(struct daemon *daemon)
{
	reports_tell(daemon);
	for (uint32_t i = 0; daemon->slowpath != NULL && i < slowpath_threads(daemon->slowpath);
		i++) {
		stall_tell(daemon, i);
		silence_tell(daemon, i);
	}
}

int dataplane_stop(struct daemon *daemon, char *error, size_t error_size)
{
	int status = node_end(daemon, error, error_size);

	slot_map_destroy(daemon->slots);
	daemon->slots = NULL;
	eal_stop();
	return status;
}
