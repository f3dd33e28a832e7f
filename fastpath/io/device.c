// SPDX-License-Identifier: BSD-3-Clause
#include "io/device.h"

#include <ctype.h>
#include <net/if.h>
#include <unistd.h>

#include "io/interface.h"

enum argument_rule {
	ARGUMENT_NONE,
	ARGUMENT_OPTIONAL,
	ARGUMENT_INTERFACE,
	ARGUMENT_TEXT
};

static const struct {
	const char *name;
	enum device_family family;
	enum device_kind kind;
	enum argument_rule rule;
	const char *form;
} kinds[] = {
	{"af_packet", DEVICE_AF_PACKET, DEVICE_KIND_AF_PACKET, ARGUMENT_INTERFACE, "af_packet:IF"},
	{"tap", DEVICE_TAP, DEVICE_KIND_TAP, ARGUMENT_INTERFACE, "tap:IF"},
	{"ring", DEVICE_RING, DEVICE_KIND_RING, ARGUMENT_OPTIONAL, "ring or ring:NAME"},
	{"af_xdp", DEVICE_ETHDEV, DEVICE_KIND_AF_XDP, ARGUMENT_INTERFACE, "af_xdp:IF"},
	{"memif", DEVICE_ETHDEV, DEVICE_KIND_MEMIF, ARGUMENT_TEXT, "memif:SOCKET"},
	{"pcap", DEVICE_ETHDEV, DEVICE_KIND_PCAP, ARGUMENT_TEXT, "pcap:IN[,OUT]"},
	{"null", DEVICE_ETHDEV, DEVICE_KIND_NULL, ARGUMENT_NONE, "null"},
	{"vdev", DEVICE_ETHDEV, DEVICE_KIND_VDEV, ARGUMENT_TEXT, "vdev:ARGS"},
};

enum {
	NAME_TEXT_MAX = 31
}; // of a ring

static bool is_interface_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= IFNAMSIZ || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++)
		if (*s == '/' || *s == ':' || *s == ',' || isspace((unsigned char)*s) ||
			iscntrl((unsigned char)*s))
			return false;
	return true;
}

static bool hex_skip(const char **s, int digits)
{
	for (int i = 0; i < digits; i++, (*s)++)
		if (!isxdigit((unsigned char)**s))
			return false;
	return true;
}

// DDDD:BB:DD.F, or without the domain.
static bool is_pci_address(const char *s)
{
	if (strlen(s) == 12 && (!hex_skip(&s, 4) || *s++ != ':'))
		return false;
	return hex_skip(&s, 2) && *s++ == ':' && hex_skip(&s, 2) && *s++ == '.' && *s >= '0' &&
	       *s <= '7' && s[1] == '\0';
}

static bool argument_fits(enum argument_rule rule, const char *colon)
{
	const char *argument = colon ? colon + 1 : "";

	switch (rule) {
	case ARGUMENT_NONE:
		return !colon;
	case ARGUMENT_OPTIONAL:
		return !colon || (*argument && strlen(argument) <= NAME_TEXT_MAX);
	case ARGUMENT_INTERFACE:
		return is_interface_name(argument);
	default:
		return *argument && *argument != ',';
	}
}

int device_parse(const char *text, struct device *out, char *error, size_t error_size)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	for (size_t i = 0; i < nx_array_size(kinds); i++) {
		if (strlen(kinds[i].name) != length || memcmp(kinds[i].name, text, length) != 0)
			continue;
		if (!argument_fits(kinds[i].rule, colon)) {
			snprintf(error, error_size, "%s: not a device; write %s", text,
				kinds[i].form);
			return -EINVAL;
		}
		*out = (struct device){.family = kinds[i].family,
			.kind = kinds[i].kind,
			.text = text,
			.argument = colon ? colon + 1 : ""};
		return 0;
	}
	if (is_pci_address(text)) {
		*out = (struct device){DEVICE_ETHDEV, DEVICE_KIND_PCI, text, text};
		return 0;
	}
	snprintf(error, error_size,
		"%s: not a device; write a PCI address (0000:03:00.0), af_packet:IF, tap:IF, "
		"af_xdp:IF, memif:SOCKET, pcap:IN[,OUT], null, ring[:NAME] or vdev:ARGS",
		text);
	return -EINVAL;
}

static int interface_find(const struct device *d, char *error, size_t error_size)
{
	if (interface_index(d->argument) != 0)
		return 0;
	snprintf(error, error_size, "%s: no such interface; `ip link` lists them", d->text);
	return -ENODEV;
}

static int pci_find(const struct device *d, char *error, size_t error_size)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%s",
		strlen(d->argument) == 12 ? "" : "0000:", d->argument);
	if (access(path, F_OK) == 0)
		return 0;
	snprintf(error, error_size, "%s: no such PCI device; `lspci -D` lists them", d->text);
	return -ENODEV;
}

static int file_find(const struct device *d, char *error, size_t error_size)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(d->argument, ","), d->argument);
	if (access(path, R_OK) == 0)
		return 0;
	snprintf(error, error_size, "%s: cannot read %s (%s)", d->text, path, strerror(errno));
	return -ENODEV;
}

int device_find(const struct device *device, char *error, size_t error_size)
{
	switch (device->kind) {
	case DEVICE_KIND_AF_PACKET:
	case DEVICE_KIND_AF_XDP:
		return interface_find(device, error, error_size);
	case DEVICE_KIND_PCI:
		return pci_find(device, error, error_size);
	case DEVICE_KIND_PCAP:
		return file_find(device, error, error_size);
	case DEVICE_KIND_TAP:
		if (access("/dev/net/tun", F_OK) == 0)
			return 0;
		snprintf(error, error_size, "%s: no /dev/net/tun; `modprobe tun` makes it",
			device->text);
		return -ENODEV;
	default: // made by opening it
		return 0;
	}
}
