// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The text by which a configuration names a device, taken apart. Private to io/.

#include "core/base.h"

enum device_family {
	DEVICE_AF_PACKET = 0,
	DEVICE_TAP,
	DEVICE_RING,
	DEVICE_ETHDEV
};

enum device_kind {
	DEVICE_KIND_AF_PACKET = 0,
	DEVICE_KIND_TAP,
	DEVICE_KIND_RING,
	DEVICE_KIND_AF_XDP,
	DEVICE_KIND_MEMIF,
	DEVICE_KIND_PCAP,
	DEVICE_KIND_NULL,
	DEVICE_KIND_VDEV,
	DEVICE_KIND_PCI,
};

struct device {
	enum device_family family;
	enum device_kind kind;
	const char *text; // the whole
	const char
		*argument; // after the colon; the whole for a PCI address; "" where there is none
};

// Borrows text. -EINVAL with a line in error when it names no device. Any thread.
[[nodiscard]] int device_parse(
	const char *text, struct device *out, char *error, size_t error_size);

// Whether the device exists on this machine: 0 or -ENODEV with a line in error. Control thread.
[[nodiscard]] int device_find(const struct device *device, char *error, size_t error_size);
