// SPDX-License-Identifier: BSD-3-Clause

// The two buffers of a connection as OpenSSL sees a transport.

#include <string.h>

#include "codec.h"

static int bytes_read(BIO *bio, char *data, size_t room, size_t *n)
{
	struct nx_tls *tls = BIO_get_data(bio);
	size_t have = nx_read_buffer_length(&tls->in);

	BIO_clear_retry_flags(bio);
	*n = have < room ? have : room;
	if (*n == 0) {
		if (!tls->ended)
			BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(data, nx_read_buffer_data(&tls->in), *n);
	tls->in.head += *n;
	return 1;
}

// All or nothing: a record is never cut, so that OpenSSL has nothing to write again.
static int bytes_write(BIO *bio, const char *data, size_t length, size_t *n)
{
	struct nx_tls *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*n = length;
	if (nx_write_buffer_append(&tls->out, data, length) == NX_BUFFER_OK)
		return 1;
	BIO_set_retry_write(bio);
	return 0;
}

static long bytes_control(BIO *bio, int command, long number, void *pointer)
{
	const struct nx_tls *tls = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return tls->ended && nx_read_buffer_length(&tls->in) == 0;
	default:
		return 0;
	}
}

static int bytes_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *nx_tls_bytes_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers");

	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read_ex(method, bytes_read) &&
		BIO_meth_set_write_ex(method, bytes_write) &&
		BIO_meth_set_ctrl(method, bytes_control) &&
		BIO_meth_set_create(method, bytes_create))
		return method;
	BIO_meth_free(method);
	return NULL;
}
