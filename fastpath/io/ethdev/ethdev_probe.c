// SPDX-License-Identifier: BSD-3-Clause
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/bpf/xdp.h"
#include "io/device.h"
#include "io/driver.h"
#include "io/ethdev/ethdev.h"
#include "io/interface.h"

// Splits "HEAD,REST"; rest is "" or begins with the comma.
static int head_length(const char *text, const char **rest)
{
	size_t n = strcspn(text, ",");

	*rest = text + n;
	return (int)n;
}

static int virtual_name(
	const struct port_request *request, const struct device *d, struct ethdev_name *name)
{
	static unsigned serial; // control thread
	size_t size = sizeof(name->devargs);
	const char *rest;
	int head = head_length(d->argument, &rest);

	serial++;
	switch (d->kind) {
	case DEVICE_KIND_AF_XDP:
		snprintf(name->device, sizeof(name->device), "net_af_xdp_nx%u", serial);
		snprintf(name->interface, sizeof(name->interface), "%s", d->argument);
		name->partial = true;
		name->own_program = true;
		return snprintf(name->devargs, size,
			"%s,iface=%s,start_queue=0,queue_count=%u,xdp_prog=%s", name->device,
			d->argument, request->queues ? request->queues : 1u, xdp_program_path());
	case DEVICE_KIND_MEMIF:
		snprintf(name->device, sizeof(name->device), "net_memif_nx%u", serial);
		// We listen, unless told otherwise: then the peer may come and go.
		return snprintf(name->devargs, size, "%s,socket-abstract=no,%ssocket=%.*s%s",
			name->device, strstr(rest, ",role=") ? "" : "role=server,", head,
			d->argument, rest);
	case DEVICE_KIND_PCAP:
		snprintf(name->device, sizeof(name->device), "net_pcap_nx%u", serial);
		return snprintf(name->devargs, size, "%s,rx_pcap=%.*s%s%s", name->device, head,
			d->argument, *rest ? ",tx_pcap=" : "", *rest ? rest + 1 : "");
	case DEVICE_KIND_NULL:
		snprintf(name->device, sizeof(name->device), "net_null_nx%u", serial);
		return snprintf(name->devargs, size, "%s", name->device);
	default: // vdev:ARGS and PCI addresses name themselves
		snprintf(name->device, sizeof(name->device), "%.*s", head, d->argument);
		return snprintf(name->devargs, size, "%s", d->argument);
	}
}

// The kernel interface that a vdev stands on ("net_af_packet0,iface=..."), if any.
static void interface_from_arguments(struct ethdev_name *name)
{
	const char *at = strstr(name->devargs, ",iface=");

	if (name->interface[0] || !at || strncmp(name->device, "net_af_", 7) != 0)
		return;
	name->partial = true;
	at += strlen(",iface=");
	snprintf(name->interface, sizeof(name->interface), "%.*s", (int)strcspn(at, ","), at);
}

static int xdp_find(
	const struct port_request *request, const struct device *d, char *error, size_t error_size)
{
	if (!xdp_program_path())
		return port_error(request, -ENOTSUP, error, error_size,
			"built without an XDP program; install clang and build again");
	if (xdp_is_taken(interface_index(d->argument)))
		return port_error(request, -EBUSY, error, error_size,
			"the interface has an XDP program already; "
			"`ip link set dev %s xdp off` removes it",
			d->argument);
	return 0;
}

static bool is_memif_client(const struct device *d)
{
	return strstr(d->argument, ",role=client") || strstr(d->argument, ",role=slave");
}

// A killed process leaves its socket, on which DPDK's driver would not listen again.
static void dead_socket_remove(const char *argument)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	const char *rest;
	int length = head_length(argument, &rest);
	int fd;

	if (length >= (int)sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, argument, (size_t)length);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	// A socket refuses only if nobody listens on it; what is no socket always does.
	if (lstat(address.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
		connect(fd, (const void *)&address, sizeof(address)) < 0 && errno == ECONNREFUSED)
		unlink(address.sun_path);
	close(fd);
}

int ethdev_name_make(
	const struct port_request *request, struct ethdev_name *out, char *error, size_t error_size)
{
	struct ethdev_name name = {0};
	struct device d;
	int result = device_parse(request->device, &d, error, error_size);

	if (result == 0)
		result = device_find(&d, error, error_size);
	if (result == 0 && d.kind == DEVICE_KIND_AF_XDP)
		result = xdp_find(request, &d, error, error_size);
	if (result < 0)
		return result;
	name.connects = d.kind == DEVICE_KIND_MEMIF && is_memif_client(&d);
	if (d.kind == DEVICE_KIND_MEMIF && !name.connects)
		dead_socket_remove(d.argument);
	if (virtual_name(request, &d, &name) >= (int)sizeof(name.devargs))
		return port_error(request, -EINVAL, error, error_size,
			"device arguments too long; %zu bytes is the most",
			sizeof(name.devargs) - 1);
	interface_from_arguments(&name);
	*out = name;
	return 0;
}

static int probe_error(const struct port_request *request, const struct ethdev_name *name, int code,
	char *error, size_t error_size)
{
	if (geteuid() != 0 && (code == -EPERM || code == -EACCES || code == -ENODEV))
		return port_error(request, code, error, error_size,
			"no permission to open the device; run as root");
	if (strchr(name->device, '.') && access("/dev/vfio/vfio", F_OK) < 0)
		return port_error(request, -ENODEV, error, error_size,
			"vfio is missing; `modprobe vfio-pci`, then bind the device with "
			"`dpdk-devbind.py -b vfio-pci %s`",
			name->device);
	if (code == -EBUSY || code == -EEXIST)
		return port_error(request, -EBUSY, error, error_size,
			"device busy; another program or port has it");
	if (code == -ENOMEM)
		return port_error(request, code, error, error_size,
			"out of memory for the device; reserve more hugepages "
			"(sysctl vm.nr_hugepages)");
	// What the virtual bus says when no driver answers to the name.
	if (code == -EFAULT)
		return port_error(request, -ENODEV, error, error_size,
			"DPDK has no driver of that name; is its package installed?");
	return port_error(request, code < 0 ? code : -ENODEV, error, error_size,
		"DPDK could not start the device (%s); is it bound to vfio-pci, are its "
		"arguments right?",
		strerror(code < 0 ? -code : ENODEV));
}

int ethdev_probe(const struct port_request *request, const struct ethdev_name *name, uint16_t *id,
	bool *probed, char *error, size_t error_size)
{
	bool there = rte_eth_dev_get_port_by_name(name->device, id) == 0;
	int result;

	*probed = !there;
	if (there)
		return 0;
	result = rte_dev_probe(name->devargs);
	if (result < 0)
		return probe_error(request, name, result, error, error_size);
	// A PCI device's ethdev has the name in full, with its domain.
	if (rte_eth_dev_get_port_by_name(name->device, id) == 0)
		return 0;
	struct rte_dev_iterator iterator;

	RTE_ETH_FOREACH_MATCHING_DEV(*id, name->devargs, &iterator)
	{
		rte_eth_iterator_cleanup(&iterator);
		return 0;
	}
	return probe_error(request, name, -ENODEV, error, error_size);
}

int ethdev_error(const struct port_request *request, int code, char *error, size_t error_size)
{
	if (code == -ENOMEM)
		return port_error(request, code, error, error_size,
			"out of memory for its queues; reserve more hugepages "
			"(sysctl vm.nr_hugepages) or lower workers.memory_mb");
	if (code == -EBUSY)
		return port_error(request, code, error, error_size,
			"device busy; another program has its queues");
	// Drivers say EPERM for whatever went wrong.
	if (geteuid() != 0 && (code == -EPERM || code == -EACCES))
		return port_error(request, code, error, error_size,
			"no permission to start the device; run as root");
	return port_error(request, code == -EPERM ? -EIO : code, error, error_size,
		"the device does not start; DPDK's own messages say why");
}
