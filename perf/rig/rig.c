// SPDX-License-Identifier: BSD-3-Clause

#include "rig/rig.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include "config/compile/compile.h"
#include "config/config.h"
#include "io/pools.h"
#include "io/ring.h"
#include "pipeline/node_private.h"
#include "rig/station.h"

#define TIME_STEP (20 * USEC_PER_MILLISECOND)

static bool is_pci(const char *device)
{
	unsigned int domain, bus, slot, function;

	return device && sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4;
}

int rig_eal_init(bool huge, uint32_t memory_mb)
{
	return rig_eal_init_devices(huge, memory_mb, NULL, NULL);
}

int rig_eal_init_devices(bool huge, uint32_t memory_mb, const char *a, const char *b)
{
	char memory[16];
	const char *arguments[16] = {"rig", "--no-telemetry", "--log-level", "*:error", "-l", "0",
		"-m", memory, huge ? "--in-memory" : "--no-shconf"};
	const char *devices[] = {a, b};
	int count = 9;

	// Without hugepages DPDK's memory is of the legacy kind, which --in-memory does not go
	// with.
	if (!huge)
		arguments[count++] = "--no-huge";
	for (size_t i = 0; i < nx_array_size(devices); i++) {
		if (!is_pci(devices[i]))
			continue;
		arguments[count++] = "-a";
		arguments[count++] = devices[i];
	}
	if (!is_pci(a) && !is_pci(b))
		arguments[count++] = "--no-pci";
	snprintf(memory, sizeof(memory), "%u", memory_mb);
	if (rte_eal_init(count, (char **)(uintptr_t)arguments) >= 0)
		return 0;
	fprintf(stderr, "DPDK does not start: %s%s\n", rte_strerror(rte_errno),
		huge ? "; reserve hugepages with scripts/host-setup" : "");
	return -rte_errno;
}

static uint16_t port_index(void *context, const char *name)
{
	struct rig *rig = context;

	for (uint16_t i = 0; i < node_port_count(rig->node); i++) {
		if (strcmp(node_port(rig->node, i)->name, name) == 0)
			return i;
	}
	return SLOT_NONE;
}

static uint32_t resolve_nothing(void *context, const char *name, const struct ip_address **out)
{
	return 0;
}

static uint32_t upstream_security(void *context, const struct config_upstream *upstream)
{
	return RIG_UPSTREAM_PROFILE;
}

static uint32_t listener_security(void *context, const struct config_listener *listener)
{
	return RIG_LISTENER_PROFILE;
}

static int parse(struct rig *rig, const char *text, struct config **out)
{
	struct text_source source = {.file = "rig"};
	struct config_faults *faults = malloc(sizeof(*faults));
	int status;

	if (!faults)
		return -ENOMEM;
	faults_init(faults);
	status = config_parse(text, strlen(text), &source, NULL, faults, out);
	if (status != 0 && faults->count > 0)
		fault_print(&faults->items[0], "rig", rig->error, sizeof(rig->error));
	free(faults);
	return status;
}

static int publish(struct rig *rig, const struct config *config)
{
	struct snapshot *snapshot;
	struct compile_input input = {
		.config = config,
		.revision = rig->generation + 1,
		.generation = rig->generation + 1,
		.context = rig,
		.port_index = port_index,
		.resolve = resolve_nothing,
		.security = listener_security,
		.upstream_security = upstream_security,
	};
	int status =
		snapshot_compile(&input, rig->slots, &snapshot, rig->error, sizeof(rig->error));

	if (status != 0)
		return status;
	rig->generation++;
	node_poll(rig->node, rig->now);
	status = node_publish(rig->node, snapshot);
	if (status != 0)
		snapshot_destroy(snapshot);
	return status;
}

static int open_ports(struct rig *rig, const struct rig_options *options)
{
	const struct config_port *ports = config_ports(rig->config);

	for (uint32_t i = 0; i < rig->config->ports.count; i++) {
		struct port_request request = {
			.mtu = (uint16_t)ports[i].mtu,
			.queues = (uint16_t)ports[i].queues,
			.transmit_queues = options->transmit_queues,
		};
		uint16_t index;

		snprintf(request.name, sizeof(request.name), "%s", ports[i].name);
		snprintf(request.device, sizeof(request.device), "%s", ports[i].device);
		int status =
			node_port_add(rig->node, &request, &index, rig->error, sizeof(rig->error));

		if (status != 0)
			return status;
	}
	return 0;
}

static int create_node(struct rig *rig, const struct rig_options *options)
{
	const struct config_workers *workers = &rig->config->workers;
	struct node_config config = {
		.worker_count = (uint16_t)workers->cpus.count,
		.idle = options->idle,
		.burst = (uint16_t)workers->burst,
		.memory_mb = workers->memory_mb,
		.sessions = workers->sessions,
		.huge = options->huge,
		.seed = options->seed,
		.slow = options->slow,
		.manual = !options->threads,
	};

	for (uint16_t i = 0; i < MAX_WORKERS; i++)
		config.cpus[i] = -1;
	snprintf(config.name, sizeof(config.name), "rig");
	return node_create(&config, &rig->node, rig->error, sizeof(rig->error));
}

int rig_create(struct rig *rig, const char *text, bool huge)
{
	return rig_create_seeded(rig, text, huge, 0);
}

int rig_create_seeded(struct rig *rig, const char *text, bool huge, uint64_t seed)
{
	struct rig_options options = {.huge = huge, .seed = seed, .idle = IDLE_POLL};

	return rig_create_with(rig, text, &options);
}

int rig_create_with(struct rig *rig, const char *text, const struct rig_options *options)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = USEC_PER_SECOND;
	int status = parse(rig, text, &rig->config);

	if (status == 0)
		status = slot_map_create(&rig->slots);
	if (status == 0)
		status = create_node(rig, options);
	if (status == 0)
		status = open_ports(rig, options);
	if (status == 0)
		status = node_start(rig->node, rig->error, sizeof(rig->error));
	if (status == 0)
		status = publish(rig, rig->config);
	if (status != 0)
		return status;
	rig->buffers = &rig->node->buffers.source;
	rig->stash = calloc(MAX_PORTS, sizeof(*rig->stash));
	if (!rig->stash)
		return -ENOMEM;
	if (!options->threads && !options->never_dry)
		rig_settle(rig);
	return 0;
}

int rig_apply(struct rig *rig, const char *text)
{
	struct config *config;
	int status = parse(rig, text, &config);

	if (status != 0)
		return status;
	status = publish(rig, config);
	if (status != 0) {
		config_destroy(config);
		return status;
	}
	config_destroy(rig->config);
	rig->config = config;
	return 0;
}

static void empty_stashes(struct rig *rig)
{
	static uint8_t scratch[FRAME_BYTES_MAX];

	for (uint16_t i = 0; rig->stash && i < node_port_count(rig->node); i++) {
		while (rig_receive(rig, i, scratch) > 0)
			continue;
	}
}

int rig_destroy(struct rig *rig)
{
	int status = 0;

	if (rig->node) {
		empty_stashes(rig);
		status = node_destroy(rig->node, rig->error, sizeof(rig->error));
	}
	slot_map_destroy(rig->slots);
	config_destroy(rig->config);
	free(rig->stash);
	return status;
}

uint32_t rig_turn(struct rig *rig)
{
	uint32_t moved = 0;

	for (uint16_t i = 0; i < node_worker_count(rig->node); i++)
		moved += node_turn(rig->node, i, rig->now);
	return moved;
}

struct mac_address rig_port_mac(struct rig *rig, uint16_t port)
{
	return node_port(rig->node, port)->mac;
}

bool rig_send_bytes(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t length)
{
	struct buffer *b = frame_buffer(rig->buffers, bytes, length);
	struct port *p = node_port(rig->node, port);

	if (!b)
		return false;
	for (uint16_t q = 0; q < p->receive_queues; q++) {
		if (ring_port_far_transmit(p, q, &b, 1) == 1)
			return true;
	}
	rig->buffers->put(rig->buffers, b);
	return false;
}

bool rig_send(struct rig *rig, uint16_t port, struct frame *frame)
{
	static uint8_t bytes[FRAME_BYTES_MAX];

	frame->source_mac = rig_station_mac(port);
	frame->destination_mac = rig_port_mac(rig, port);
	return rig_send_bytes(rig, port, bytes, frame_write(frame, bytes));
}

static uint32_t copy_chain(const struct buffer *b, uint8_t *out)
{
	uint32_t length = 0;

	for (; b; b = b->next) {
		memcpy(out + length, buffer_data(b), b->length);
		length += b->length;
	}
	return length;
}

// Moves what the port sent into its stash; ARP and ND are answered and gone. Returns frames seen.
static uint32_t pump(struct rig *rig, uint16_t index)
{
	struct port *port = node_port(rig->node, index);
	struct rig_stash *stash = &rig->stash[index];
	struct buffer *b;
	uint32_t seen = 0;

	if (strcmp(port->device, "ring") != 0)
		return 0; // its far side is another node
	for (uint16_t q = 0; q < port->transmit_queues; q++) {
		while (stash->head - stash->tail < RIG_STASH &&
			ring_port_far_receive(port, q, &b, 1) == 1) {
			seen++;
			if (station_answer(rig, index, buffer_data(b), b->length))
				rig->buffers->put(rig->buffers, b);
			else
				stash->frames[stash->head++ % RIG_STASH] = b;
		}
	}
	return seen;
}

static uint32_t turn_and_pump(struct rig *rig)
{
	uint32_t moved = rig_turn(rig);

	for (uint16_t i = 0; i < node_port_count(rig->node); i++)
		moved += pump(rig, i);
	return moved;
}

void rig_settle(struct rig *rig)
{
	rig_settle_both(rig, rig);
}

void rig_settle_both(struct rig *a, struct rig *b)
{
	for (uint32_t quiet = 0; quiet < 2;) {
		uint32_t moved = turn_and_pump(a);

		if (b != a)
			moved += turn_and_pump(b);
		quiet = moved ? 0 : quiet + 1;
	}
}

void rig_pass_time(struct rig *a, struct rig *b, usec_t duration)
{
	for (usec_t passed = 0; passed < duration; passed += TIME_STEP) {
		a->now += TIME_STEP;
		b->now = a->now;
		rig_settle_both(a, b);
	}
}

uint32_t rig_receive(struct rig *rig, uint16_t port, uint8_t bytes[FRAME_BYTES_MAX])
{
	struct rig_stash *stash = &rig->stash[port];

	pump(rig, port);
	if (stash->head == stash->tail)
		return 0;
	struct buffer *b = stash->frames[stash->tail++ % RIG_STASH];
	uint32_t length = copy_chain(b, bytes);

	rig->buffers->put(rig->buffers, b);
	return length;
}

uint64_t rig_drops(struct rig *rig, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < node_worker_count(rig->node); i++)
		sum += counter_read(&node_worker_stats(rig->node, i)->drops[reason]);
	return sum;
}
