// SPDX-License-Identifier: BSD-3-Clause
#include "io/port.h"

#include <stdarg.h>

#include "io/bpf/ingress.h"
#include "io/device.h"
#include "io/driver.h"

int port_error(const struct port_request *request, int code, char *error, size_t error_size,
	const char *format, ...)
{
	int n = snprintf(error, error_size, "%s: ", request->device);
	va_list arguments;

	if (n < 0 || (size_t)n >= error_size)
		return code;
	va_start(arguments, format);
	vsnprintf(error + n, error_size - (size_t)n, format, arguments);
	va_end(arguments);
	return code;
}

void ports_prepare(void)
{
	// Each port that it fails asks again and keeps the reason.
	(void)!ingress_load();
}

static port_open_function *const openers[] = {
	[DEVICE_AF_PACKET] = af_packet_open,
	[DEVICE_TAP] = tap_open,
	[DEVICE_RING] = ring_open,
	[DEVICE_ETHDEV] = ethdev_open,
};

int port_open(const struct port_request *request, struct port **out, char *error, size_t error_size)
{
	struct device device;
	struct port *port;
	bool up;
	uint64_t speed;
	int result = device_parse(request->device, &device, error, error_size);

	if (result < 0)
		return result;
	port = calloc(1, sizeof(*port));
	if (!port)
		return port_error(request, -ENOMEM, error, error_size, "out of memory");
	memcpy(port->name, request->name, sizeof(port->name));
	memcpy(port->device, request->device, sizeof(port->device));
	port->mtu = request->mtu;
	result = openers[device.family](request, device.argument, port, error, error_size);
	if (result < 0) {
		free(port);
		return result;
	}
	port->ops->link(port, &up, &speed);
	shared_word_store(&port->up, up);
	shared_word_store(&port->speed_bps, speed);
	*out = port;
	return 0;
}

void port_close(struct port *port)
{
	port->ops->close(port);
	free(port);
}

int port_device_check(const char *device, char *error, size_t error_size)
{
	struct device parsed;

	return device_parse(device, &parsed, error, error_size);
}

int port_device_exists(const char *device, char *error, size_t error_size)
{
	struct device parsed;
	int result = device_parse(device, &parsed, error, error_size);

	return result < 0 ? result : device_find(&parsed, error, error_size);
}
